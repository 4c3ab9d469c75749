package server

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// parsePlain reads JSON as nearly every client writes it: no escapes in strings, no exponents in numbers, no name
// twice. It is false for all else, right or wrong: decodeJSON knows what to make of that, and gives the same value for
// what parsePlain reads. The text must be UTF-8 and not nested too deep, which readBody sees to; the texts of the value
// are parts of it.
func parsePlain(text string) (any, bool) {
	p := plain{text: text}
	value, ok := p.value()
	p.space()
	return value, ok && p.at == len(text)
}

// plain reads a text from a position on.
type plain struct {
	text string
	at   int
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
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
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
		return p.list()
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

func (p *plain) object() (any, bool) {
	p.at++
	fields := map[string]any{}
	if p.next('}') {
		return fields, true
	}
	for {
		p.space()
		if p.at == len(p.text) || p.text[p.at] != '"' {
			return nil, false
		}
		name, ok := p.string()
		if _, twice := fields[name]; !ok || twice || !p.next(':') {
			return nil, false
		}
		if fields[name], ok = p.value(); !ok {
			return nil, false
		}
		if p.next(',') {
			continue
		}
		return fields, p.next('}')
	}
}

func (p *plain) list() (any, bool) {
	p.at++
	list := []any{}
	if p.next(']') {
		return list, true
	}
	for {
		value, ok := p.value()
		if !ok {
			return nil, false
		}
		list = append(list, value)
		if p.next(',') {
			continue
		}
		return list, p.next(']')
	}
}

func (p *plain) string() (string, bool) {
	p.at++
	for start := p.at; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[start : p.at-1], true
		case c < ' ' || c == '\\':
			return "", false
		}
	}
	return "", false
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

// encode writes a value as JSON without escaping HTML, as it is no web page.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// appender is a value that writes itself as JSON, the same as encoding/json would without escaping HTML.
type appender interface {
	appendJSON(to []byte) ([]byte, error)
}

func (list decisionList) appendJSON(to []byte) ([]byte, error) {
	to = append(to, `{"evaluations":[`...)
	var err error
	for i, d := range list.Evaluations {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = d.appendJSON(to); err != nil {
			return nil, err
		}
	}
	return append(to, "]}"...), nil
}

func (d *Decision) appendJSON(to []byte) ([]byte, error) {
	c := &d.Context
	if len(c.Presets)+len(c.Violations)+len(c.Trace) > 0 || c.Error != nil {
		all, err := encode(d)
		return append(to, all...), err
	}
	to = append(to, `{"decision":`...)
	to = strconv.AppendBool(to, d.Decision)
	to = append(to, `,"context":{`...)
	start := len(to)
	for _, member := range []struct{ name, text string }{
		{"reason", string(c.Reason)}, {"message", c.Message}, {"revision", c.Revision},
	} {
		if member.text != "" {
			to = appendString(appendName(to, start, member.name), member.text)
		}
	}
	for _, member := range []struct {
		name  string
		texts []string
	}{
		{"fields", c.Fields}, {"missing_properties", c.MissingProperties},
		{"validation_messages", c.ValidationMessages}, {"step_up", c.StepUp},
	} {
		if len(member.texts) == 0 {
			continue
		}
		to = append(appendName(to, start, member.name), '[')
		for i, text := range member.texts {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendString(to, text)
		}
		to = append(to, ']')
	}
	return append(to, "}}"...), nil
}

// appendName starts a member of an object whose first member is at start.
func appendName(to []byte, start int, name string) []byte {
	if len(to) > start {
		to = append(to, ',')
	}
	to = append(to, '"')
	to = append(to, name...)
	return append(to, `":`...)
}

func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := encode(text)
			if err != nil {
				return append(to, `""`...) // texts can always be encoded
			}
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}
