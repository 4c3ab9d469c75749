package server

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParsePlain(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want any
	}{
		"an evaluation": {`{"subject": {"type": "user", "id": "ann"}, "n": [1, -2, 0, 1.5, -0.25, true, false, null, "é"], "e": {}, "l": []}` + "\n", map[string]any{
			"subject": map[string]any{"type": "user", "id": "ann"},
			"n":       []any{int64(1), int64(-2), int64(0), 1.5, -0.25, true, false, nil, "é"},
			"e":       map[string]any{}, "l": []any{},
		}},
		"a whole number written as none": {"12.0", 12.0},
		"the longest number":             {"999999999999999999", int64(999999999999999999)},
		"a text":                         {` "a" `, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parsePlain(tc.text)
			if diff := cmp.Diff(tc.want, got); !ok || diff != "" {
				t.Errorf("parsePlain = %t (-want +got):\n%s", ok, diff)
			}
		})
	}
	for name, text := range map[string]string{
		"nothing": "", "space": " ", "two values": "1 2", "an escape": `"a\n"`, "a control character": "\"a\x01\"", "an open text": `"a`,
		"an open list": "[1", "a list that ends in a comma": "[1,]", "an open object": `{"a":1`, "a comma": `{"a":1,}`, "no name": `{1:2}`, "no value": `{"a":}`,
		"no colon": `{"a" 1}`, "a name twice": `{"a":1,"a":2}`, "a leading zero": "01", "a negative one": "-01", "no digit": "-", "no fraction": "1.", "an exponent": "1e3",
		"a large number": "9223372036854775808", "half a word": "tru", "another word": "True", "a plus": "+1", "a brace": "}", "more depth than there may be": strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
	} {
		if got, ok := parsePlain(text); ok {
			t.Errorf("%s: parsePlain(%q) = %v, want none", name, text, got)
		}
	}
}

// FuzzParsePlain holds what parsePlain reads against the decoder that reads everything.
func FuzzParsePlain(f *testing.F) {
	for _, seed := range []string{goodEvaluation, anUpdate, `[0, -0, 1.0, -0.0, 1e2, 123456789012345678, 1234567890123456789, 0.1e1]`, `{"a":{"b":[{}]}}`, `"\u00e9"`, "\"\xff\"", `{"a":1,"A":2}`, "\ufeff1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) {
			return // which readBody refuses
		}
		got, ok := parsePlain(string(body))
		if !ok {
			return
		}
		var want any
		if err := decodeJSON(string(body), &want); err != nil {
			t.Fatalf("parsePlain reads %q, of which decodeJSON says: %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-decodeJSON +parsePlain):\n%s", body, diff)
		}
	})
}
