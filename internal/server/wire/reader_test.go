package wire

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	kjson "sigs.k8s.io/json"
)

func TestParseJSON(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want any
	}{
		"an evaluation": {`{"subject": {"type": "user", "id": "ann"}, "n": [1, -2, 0, 1.5, -0.25, true, false, null, "é"], "e": {}, "l": []}` + "\n", map[string]any{
			"subject": map[string]any{"type": "user", "id": "ann"},
			"n":       []any{int64(1), int64(-2), int64(0), 1.5, -0.25, true, false, nil, "é"},
			"e":       map[string]any{}, "l": []any{},
		}},
		"a fraction that is whole":       {"12.0", 12.0},
		"an exponent":                    {"[1e3, -2E-1, 5e+0]", []any{1000.0, -0.2, 5.0}},
		"the largest integer":            {"9223372036854775807", int64(9223372036854775807)},
		"an integer beyond 64 bits":      {"9223372036854775808", 9223372036854775808.0},
		"a string":                       {` "a" `, "a"},
		"escapes":                        {`{"\u0061\n": "\"\\\/\ud83d\ude00"}`, map[string]any{"a\n": "\"\\/😀"}},
		"names that differ in case only": {`{"a": 1, "A": 2}`, map[string]any{"a": int64(1), "A": int64(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseJSON(tc.text)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("parseJSON: error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseJSONToTheDepthAllowed(t *testing.T) {
	lists, objects := strings.Repeat("[", MaxDepth)+strings.Repeat("]", MaxDepth), strings.Repeat(`{"a":`, MaxDepth)+"[]"+strings.Repeat("}", MaxDepth)
	if _, err := parseJSON(lists); err != nil {
		t.Errorf("lists: %v", err)
	}
	if _, err := parseJSON(objects); err == nil {
		t.Error("a list inside as many objects is no error")
	}
}

func TestParseJSONRefuses(t *testing.T) {
	const invalid = "the body is not valid: "
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":                 {"", invalid + "unexpected end of JSON input"},
		"space":                   {" ", invalid + "unexpected end of JSON input"},
		"two values":              {"1 2", invalid + "invalid character '2' after top-level value"},
		"a control character":     {"\"a\x01\"", invalid + `invalid character '\x01' in string literal`},
		"NUL":                     {"\x00", invalid + `invalid character '\x00' looking for beginning of value`},
		"an open string":          {`"a`, invalid + "unexpected end of JSON input"},
		"an open escape":          {`"a\`, invalid + "invalid character ' ' in string escape code"},
		"another escape":          {`"\x"`, invalid + "invalid character 'x' in string escape code"},
		"an open list":            {"[1", invalid + "unexpected end of JSON input"},
		"a comma too many":        {"[1,]", invalid + "invalid character ']' looking for beginning of value"},
		"an open object":          {`{"a":1`, invalid + "unexpected end of JSON input"},
		"a comma at the end":      {`{"a":1,}`, invalid + "invalid character '}' looking for beginning of object key string"},
		"a number for a name":     {`{1:2}`, invalid + "invalid character '1' looking for beginning of object key string"},
		"no value":                {`{"a":}`, invalid + "invalid character '}' looking for beginning of value"},
		"no colon":                {`{"a" 1}`, invalid + "invalid character '1' after object key"},
		"a name twice":            {`{"b": {"a":1,"\u0061":2}}`, invalid + `duplicate field "b.a"`},
		"a leading zero":          {"01", invalid + "invalid character '1' after top-level value"},
		"no digit":                {"-", invalid + "invalid character ' ' in numeric literal"},
		"no fraction":             {"1.", invalid + "invalid character ' ' after decimal point in numeric literal"},
		"no exponent":             {"1e", invalid + "invalid character ' ' in exponent of numeric literal"},
		"a number out of range":   {"1e999", invalid + "number 1e999 is out of range"},
		"half a pair":             {`"a\ud800"`, invalid + `half of a surrogate pair in "a\ud800" is no character (RFC 7493)`},
		"the other half":          {`["\udc01\ud800"]`, invalid + `half of a surrogate pair in "\udc01\ud800" is no character (RFC 7493)`},
		"half a pair in a name":   {`{"\ud83dx": 1}`, invalid + `half of a surrogate pair in "\ud83dx" is no character (RFC 7493)`},
		"half a word":             {"tru", invalid + "invalid character ' ' in literal true (expecting 'e')"},
		"another word":            {"True", invalid + "invalid character 'T' looking for beginning of value"},
		"deeper than it may be":   {strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), "the body is nested deeper than 64 levels"},
		"depth that never closes": {strings.Repeat(`{"a":`, 1<<16), "the body is nested deeper than 64 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseJSON(tc.text)
			if err == nil || err.Error() != tc.want {
				t.Errorf("parseJSON(%.40q) = %v, error %v, want %s", tc.text, got, err, tc.want)
			}
		})
	}
}

// FuzzParseJSON holds the reader against a library: both read the same texts, and the same values in them.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		anUpdate, `[0, -0, 1.0, -0.0, 1e2, 123456789012345678, 1234567890123456789, 12345678901234567890, 0.1e1, 1e400, -]`, `{"a":{"b":[{}]}}`,
		`"\u00e9\ud800\udc00\ud800x\/\b"`, "\"\xff\"", `{"a":1,"A":2,"\u0061":3}`, "\ufeff1", `"\`, "\x00", `[[[[[]]]], {"": ""}]`, "{\"a\" :\t1 ,\r\n\"b\": \"\"} ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // which is not a body
		}
		got, err := parseJSON(text)
		if err != nil && (strings.Contains(err.Error(), "nested deeper") || strings.Contains(err.Error(), "surrogate")) {
			return
		}
		var want any
		duplicates, wantErr := kjson.UnmarshalStrict([]byte(text), &want, kjson.DisallowDuplicateFields)
		if valid := wantErr == nil && len(duplicates) == 0; valid != (err == nil) {
			t.Fatalf("parseJSON(%q) = %v, error %v; the library says %v, %v", text, got, err, wantErr, duplicates)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("parseJSON(%q) = %#v, the library says %#v", text, got, want)
		}
	})
}
