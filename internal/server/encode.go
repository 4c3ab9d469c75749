package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/remit-authz/remit/internal/engine"
)

// encoded is an answer that is JSON already.
type encoded []byte

// encode writes a value as JSON without escaping HTML, as it is no web page.
func encode(value any) ([]byte, error) {
	if text, ok := value.(encoded); ok {
		return text, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// usualDecision is about as many bytes as a decision has.
const usualDecision = 192

// appendDecision appends a decision as encode writes that of NewDecision. One with a trace is nothing that has to be
// fast.
func appendDecision(to []byte, d *engine.Decision, trace []engine.TraceStage, revision string) ([]byte, error) {
	if len(trace) > 0 {
		text, err := encode(NewDecision(d, trace, revision))
		return append(to, text...), err
	}
	to = append(to, `{"decision":`...)
	to = strconv.AppendBool(to, d.Allow)
	to = append(to, `,"context":{`...)
	start := len(to)
	to = appendText(to, start, "reason", string(d.Reason))
	to = appendMessage(to, start, d)
	to = appendText(to, start, "revision", revision)
	to = appendTexts(to, start, "fields", d.Fields)
	var err error
	if len(d.Presets) > 0 {
		if to, err = appendValue(appendName(to, start, "presets"), d.Presets); err != nil {
			return nil, fmt.Errorf("presets: %w", err)
		}
	}
	to = appendTexts(to, start, "missing_properties", d.MissingProperties)
	if len(d.Violations) > 0 {
		if to, err = appendViolations(appendName(to, start, "violations"), d.Violations); err != nil {
			return nil, fmt.Errorf("violations: %w", err)
		}
	}
	to = appendTexts(to, start, "validation_messages", d.ValidationMessages)
	to = appendTexts(to, start, "step_up", d.StepUp)
	return append(to, "}}"...), nil
}

// appendProblem appends the deny of an evaluation of a batch that could not be made.
func appendProblem(to []byte, problem error) []byte {
	status, message := classify(problem)
	to = append(to, `{"decision":false,"context":{"error":{"status":`...)
	to = strconv.AppendInt(to, int64(status), 10)
	to = appendString(append(to, `,"message":`...), message)
	return append(to, "}}}"...)
}

func appendViolations(to []byte, list []engine.Violation) ([]byte, error) {
	to = append(to, '[')
	for i, v := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(append(to, `{"field":`...), v.Field)
		if v.Value != nil {
			var err error
			if to, err = appendValue(append(to, `,"value":`...), v.Value); err != nil {
				return nil, err
			}
		}
		to = appendString(append(to, `,"allow":`...), v.Allow)
		to = appendString(append(to, `,"cause":`...), string(v.Cause))
		to = append(to, '}')
	}
	return append(to, ']'), nil
}

// appendMessage is appendText of the decision's message, which it does not make first.
func appendMessage(to []byte, start int, d *engine.Decision) []byte {
	named := append(appendName(to, start, "message"), '"')
	text := d.AppendMessage(named)
	if len(text) == len(named) {
		return to
	}
	return endString(text, len(named))
}

// appendText appends a member of an object whose first member is at start, unless its text is empty.
func appendText(to []byte, start int, name, text string) []byte {
	if text == "" {
		return to
	}
	return appendString(appendName(to, start, name), text)
}

// appendTexts does the same with a list of texts.
func appendTexts(to []byte, start int, name string, texts []string) []byte {
	if len(texts) == 0 {
		return to
	}
	to = append(appendName(to, start, name), '[')
	for i, text := range texts {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(to, text)
	}
	return append(to, ']')
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

// appendValue appends a value as encode writes it.
func appendValue(to []byte, value any) ([]byte, error) {
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
		if v != nil {
			return appendList(to, v)
		}
	case map[string]any:
		if v != nil {
			return appendObject(to, v)
		}
	}
	text, err := encode(value)
	return append(to, text...), err
}

func appendList(to []byte, list []any) (_ []byte, err error) {
	to = append(to, '[')
	for i, value := range list {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendValue(to, value); err != nil {
			return nil, err
		}
	}
	return append(to, ']'), nil
}

func appendObject(to []byte, fields map[string]any) (_ []byte, err error) {
	to = append(to, '{')
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendValue(append(appendString(to, name), ':'), fields[name]); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

// appendString appends a string.
func appendString(to []byte, text string) []byte {
	to = append(to, '"')
	return endString(append(to, text...), len(to))
}

// endString ends a string whose quote and text, from start on, have been appended, and escapes the text if it must.
func endString(to []byte, start int) []byte {
	if isVerbatim(to[start:]) {
		return append(to, '"')
	}
	quoted, err := encode(string(to[start:]))
	if err != nil {
		return append(to[:start], '"') // texts can always be encoded
	}
	return append(to[:start-1], quoted...)
}

// isVerbatim says whether a text is written in JSON as it is.
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
