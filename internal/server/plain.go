package server

import "strconv"

// parsePlain reads JSON as nearly every client writes it: no escapes in strings, no exponents in numbers, no name
// twice. It is false for all else, right or wrong: decodeJSON knows what to make of that, and gives the same value for
// what parsePlain reads. The text must be UTF-8, which readBody sees to; the texts of the value are parts of it.
func parsePlain(text string) (any, bool) {
	p := plain{text: text}
	value, ok := p.value()
	return value, ok && p.end()
}

// plain reads a text from a position on. What it cannot read is where it ends: there is no way back.
type plain struct {
	text string
	at   int
	// depth is in how many lists and objects the position is.
	depth int
}

func (p *plain) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\n', '\r', '\t':
			p.at++
		default:
			return
		}
	}
}

// next says whether a character comes next, after space, and goes past it if so.
func (p *plain) next(c byte) bool {
	if p.at == len(p.text) || p.text[p.at] != c { // most clients write no space
		p.space()
	}
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// end says whether nothing but space is left.
func (p *plain) end() bool {
	p.space()
	return p.at == len(p.text)
}

func (p *plain) word(word string) bool {
	if len(p.text)-p.at < len(word) || p.text[p.at:p.at+len(word)] != word {
		return false
	}
	p.at += len(word)
	return true
}

func (p *plain) value() (any, bool) {
	p.space()
	if p.at == len(p.text) {
		return nil, false
	}
	switch c := p.text[p.at]; {
	case c == '"':
		return p.string()
	case c == '{':
		return p.object()
	case c == '[':
		list := []any{}
		ok := p.elements(func() bool {
			value, ok := p.value()
			list = append(list, value)
			return ok
		})
		return list, ok
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case c == 't':
		return true, p.word("true")
	case c == 'f':
		return false, p.word("false")
	case c == 'n':
		return nil, p.word("null")
	}
	return nil, false
}

func (p *plain) object() (map[string]any, bool) {
	fields := map[string]any{}
	ok := p.members(func(name string) bool {
		if _, twice := fields[name]; twice {
			return false
		}
		value, ok := p.value()
		fields[name] = value
		return ok
	})
	return fields, ok
}

// members reads an object, of which read reads the value of each member, by its name. It is false as soon as read is.
func (p *plain) members(read func(name string) bool) bool {
	return p.sequence('{', '}', func() bool {
		name, ok := p.string()
		return ok && p.next(':') && read(name)
	})
}

// elements reads a list, of which read reads each element. It is false as soon as read is.
func (p *plain) elements(read func() bool) bool { return p.sequence('[', ']', read) }

// sequence reads what is between brackets and separated by commas.
func (p *plain) sequence(open, closed byte, read func() bool) bool {
	if p.depth++; p.depth > maxDepth || !p.next(open) {
		return false
	}
	if p.next(closed) {
		p.depth--
		return true
	}
	for read() {
		if !p.next(',') {
			p.depth--
			return p.next(closed)
		}
	}
	return false
}

// escaped are the characters that cannot stand in a string as they are.
var escaped = func() (escaped [256]bool) {
	for c := range ' ' {
		escaped[c] = true
	}
	escaped['"'], escaped['\\'] = true, true
	return escaped
}()

func (p *plain) string() (string, bool) {
	if !p.next('"') {
		return "", false
	}
	start, end := p.at, p.at
	for end < len(p.text) && !escaped[p.text[end]] {
		end++
	}
	if end == len(p.text) || p.text[end] != '"' {
		return "", false
	}
	p.at = end + 1
	return p.text[start:end], true
}

func (p *plain) bool() (value, ok bool) {
	p.space()
	value = p.word("true")
	return value, value || p.word("false")
}

// mostDigits is how many digits a whole number has at most that is sure to be an int64.
const mostDigits = 18

func (p *plain) number() (any, bool) {
	start := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	whole := p.digits()
	if whole == 0 || whole > mostDigits || whole > 1 && p.text[p.at-whole] == '0' {
		return nil, false
	}
	fraction := p.at < len(p.text) && p.text[p.at] == '.'
	if fraction {
		p.at++
		if p.digits() == 0 {
			return nil, false
		}
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		return nil, false
	}
	if fraction {
		number, err := strconv.ParseFloat(p.text[start:p.at], 64)
		return number, err == nil
	}
	number, err := strconv.ParseInt(p.text[start:p.at], 10, 64)
	return number, err == nil
}

// digits goes past digits and gives their number.
func (p *plain) digits() int {
	start := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}
