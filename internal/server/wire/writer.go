package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode writes a value as encoding/json does, without escaping HTML: an answer is no web page.
func Encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// The functions below append JSON as Encode writes it.

// appendName starts a member of an object, after a comma where it is not the first. The name needs no escapes.
func appendName(to []byte, name string) []byte {
	if to[len(to)-1] != '{' {
		to = append(to, ',')
	}
	to = append(to, '"')
	to = append(to, name...)
	return append(to, `":`...)
}

// appendText appends a member unless its text is empty.
func appendText(to []byte, name, text string) []byte {
	if text == "" {
		return to
	}
	return appendString(appendName(to, name), text)
}

// appendTexts does the same with a list of texts.
func appendTexts(to []byte, name string, texts []string) []byte {
	if len(texts) == 0 {
		return to
	}
	to = append(appendName(to, name), '[')
	for i, text := range texts {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(to, text)
	}
	return append(to, ']')
}

// appendValue appends a value of any type. It fails for what is no JSON, such as a number that is none.
func appendValue(to []byte, value any) (_ []byte, err error) {
	switch v := value.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return strconv.AppendBool(to, v), nil
	case string:
		return appendString(to, v), nil
	case int64:
		return strconv.AppendInt(to, v, 10), nil
	case float64:
		if size := math.Abs(v); 1e-6 <= size && size < 1e21 { // else with an exponent, or not at all
			return strconv.AppendFloat(to, v, 'f', -1, 64), nil
		}
	case []any:
		if v == nil {
			break
		}
		to = append(to, '[')
		for i, value := range v {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendValue(to, value); err != nil {
				return nil, err
			}
		}
		return append(to, ']'), nil
	case map[string]any:
		if v == nil {
			break
		}
		to = append(to, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendValue(append(appendString(to, name), ':'), v[name]); err != nil {
				return nil, err
			}
		}
		return append(to, '}'), nil
	}
	text, err := Encode(value)
	return append(to, text...), err
}

func appendString(to []byte, text string) []byte {
	start := len(to)
	to = append(to, '"')
	return endString(append(to, text...), start)
}

// endString ends a string whose quote, at start, and text have been appended, and escapes the text if it must.
func endString(to []byte, start int) []byte {
	text := to[start+1:]
	if isVerbatim(text) {
		return append(to, '"')
	}
	quoted, err := Encode(string(text))
	if err != nil {
		return append(to[:start], `""`...) // texts can always be encoded
	}
	return append(to[:start], quoted...)
}

// isVerbatim reports whether a text is written in JSON as it is.
func isVerbatim(text []byte) bool {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if escaped[c] {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			return false
		}
		i += size
	}
	return true
}
