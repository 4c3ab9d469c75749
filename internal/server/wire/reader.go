package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// MaxDepth is how deep lists and objects may nest.
const MaxDepth = 64

// reader reads a JSON text from a position on. Its methods report whether what they were to read was there; after
// false there is no way back, and failure says why. Strings without escapes are parts of the text.
type reader struct {
	text string
	pos  int
	// depth is in how many lists and objects the position is.
	depth int
	// err is why reading ended, where that is not a matter of syntax.
	err error
}

// parseJSON reads a whole text as nil, bool, int64, float64, string, []any or map[string]any.
func parseJSON(text string) (any, error) {
	r := reader{text: text}
	value, ok := r.value()
	if !ok || !r.end() {
		return nil, r.failure()
	}
	return value, nil
}

// peek gives the next character that is not space; 0 at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.text) && r.text[r.pos] > ' ' { // most clients write no space
		return r.text[r.pos]
	}
	return r.skipSpace()
}

func (r *reader) skipSpace() byte {
	for ; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

// next goes past a character, if it comes next.
func (r *reader) next(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// end reports whether nothing but space is left.
func (r *reader) end() bool { return r.peek() == 0 && r.pos == len(r.text) }

func (r *reader) word(word string) bool {
	if !strings.HasPrefix(r.text[r.pos:], word) {
		return false
	}
	r.pos += len(word)
	return true
}

func (r *reader) value() (any, bool) {
	switch c := r.peek(); {
	case c == '"':
		return r.string()
	case c == '{':
		return r.object()
	case c == '[':
		list := []any{}
		ok := r.elements(func() bool {
			value, ok := r.value()
			list = append(list, value)
			return ok
		})
		return list, ok
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case c == 't':
		return true, r.word("true")
	case c == 'f':
		return false, r.word("false")
	case c == 'n':
		return nil, r.word("null")
	}
	return nil, false
}

func (r *reader) object() (map[string]any, bool) {
	members := map[string]any{}
	ok := r.sequence('{', '}', func() bool {
		name, ok := r.name()
		if _, twice := members[name]; !ok || twice {
			return false
		}
		members[name], ok = r.value()
		return ok
	})
	return members, ok
}

// members reads an object of which some members are known. For each member, read is called with its name, and what it is
// if it is known, else other, and reads the value.
func (r *reader) members(known members, read func(m member, name string) bool) bool {
	var seen members
	var others map[string]bool
	return r.sequence('{', '}', func() bool {
		name, ok := r.name()
		m := memberOf(name)
		var twice bool
		if known.has(m) {
			twice = seen.has(m)
			seen |= 1 << m
		} else {
			m, twice = other, others[name]
			if others == nil {
				others = map[string]bool{}
			}
			others[name] = true
		}
		return ok && !twice && read(m, name)
	})
}

// elements reads a list, of which read reads each element.
func (r *reader) elements(read func() bool) bool { return r.sequence('[', ']', read) }

// sequence reads what is between brackets and separated by commas. It is false as soon as read is.
func (r *reader) sequence(open, closed byte, read func() bool) bool {
	if r.depth++; r.depth > MaxDepth {
		r.err = errorf("the body is nested deeper than %d levels", MaxDepth)
		return false
	}
	if !r.next(open) {
		return false
	}
	if r.next(closed) {
		r.depth--
		return true
	}
	for read() {
		if !r.next(',') {
			r.depth--
			return r.next(closed)
		}
	}
	return false
}

// name reads the name of a member, and the colon.
func (r *reader) name() (string, bool) {
	if r.peek() != '"' {
		return "", false
	}
	name, ok := r.string()
	return name, ok && r.next(':')
}

// escaped are the characters that cannot stand in a string as they are.
var escaped = func() (escaped [256]bool) {
	for c := range ' ' {
		escaped[c] = true
	}
	escaped['"'], escaped['\\'] = true, true
	return escaped
}()

// string reads a string whose quote is at the position.
func (r *reader) string() (string, bool) {
	start, end := r.pos, r.pos+1
	for end < len(r.text) && !escaped[r.text[end]] {
		end++
	}
	if end < len(r.text) && r.text[end] == '"' {
		r.pos = end + 1
		return r.text[start+1 : end], true
	}
	for end < len(r.text) && r.text[end] != '"' {
		if r.text[end] == '\\' {
			end++
		}
		end++
	}
	r.pos = min(end+1, len(r.text))
	var text string
	err := json.Unmarshal([]byte(r.text[start:r.pos]), &text)
	if err == nil && halfSurrogate(r.text[start:r.pos]) {
		r.err = errorf("the body is not valid: half of a surrogate pair in %.40s is no character (RFC 7493)", r.text[start:r.pos])
		return "", false
	}
	return text, err == nil
}

// halfSurrogate reports whether a JSON string has an escape that is half of a surrogate pair: to encoding/json they would
// all be the same replacement character.
func halfSurrogate(quoted string) bool {
	for i := 0; i < len(quoted)-1; i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		unit := escapedUnit(quoted[i-1:])
		i += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if i+1 >= len(quoted) || utf16.DecodeRune(unit, escapedUnit(quoted[i+1:])) == unicode.ReplacementChar {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit is the code unit of an escape \uXXXX at the start of a text; 0 if there is none.
func escapedUnit(text string) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}

// number reads an integer as int64 where it fits, and any other number as float64.
func (r *reader) number() (any, bool) {
	start := r.pos
	_ = r.word("-")
	whole := r.digits()
	if whole == 0 || whole > 1 && r.text[r.pos-whole] == '0' {
		return nil, false
	}
	integer := true
	if r.word(".") {
		integer = false
		if r.digits() == 0 {
			return nil, false
		}
	}
	if r.word("e") || r.word("E") {
		integer = false
		if _ = r.word("+") || r.word("-"); r.digits() == 0 {
			return nil, false
		}
	}
	if integer {
		if number, err := strconv.ParseInt(r.text[start:r.pos], 10, 64); err == nil {
			return number, true
		}
	}
	number, err := strconv.ParseFloat(r.text[start:r.pos], 64)
	return number, err == nil
}

// digits goes past digits and gives their number.
func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.text) && '0' <= r.text[r.pos] && r.text[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}
