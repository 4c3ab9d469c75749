package server

import (
	"encoding/json"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
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
		"a large number": "9223372036854775808", "half a word": "tru", "another word": "True", "a plus": "+1", "a brace": "}",
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
		if !utf8.Valid(body) || tooDeep(body) {
			return // which readBody refuses
		}
		got, ok := parsePlain(string(body))
		if !ok {
			return
		}
		var want any
		if err := decodeJSON(body, &want); err != nil {
			t.Fatalf("parsePlain reads %q, of which decodeJSON says: %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-decodeJSON +parsePlain):\n%s", body, diff)
		}
	})
}

// FuzzAppendJSON holds answers as they write themselves against what encoding/json makes of them.
func FuzzAppendJSON(f *testing.F) {
	f.Add(true, "rule", "A rule gives this action (Role/clerk).", "0-1", "a", "b", 3)
	f.Add(false, "", "\"quoted\\\"\x00\x7f<é>\u2028", "\xff", "", "x", 0)
	f.Fuzz(func(t *testing.T, allow bool, reason, message, revision, one, two string, texts int) {
		list := []string{one, two, one}[:max(0, min(texts, 3))]
		d := &Decision{Decision: allow, Context: decisionContext{
			Reason: engine.Reason(reason), Message: message, Revision: revision, Fields: list, StepUp: list, MissingProperties: list, ValidationMessages: list,
		}}
		mustEncodeAlike(t, d)
		mustEncodeAlike(t, decisionList{Evaluations: []*Decision{d, {}, d}})
	})
}

func mustEncodeAlike(t *testing.T, value appender) {
	t.Helper()
	want, err := encode(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := value.appendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("appendJSON (-encoding/json +got):\n%s", diff)
	}
}

func TestAnswersEncodeAlike(t *testing.T) {
	for name, value := range map[string]appender{
		"a bare deny":  &Decision{},
		"an allow":     &Decision{Decision: true, Context: decisionContext{Reason: engine.ReasonRule, Message: "A rule.", Revision: "1", Fields: []string{"*"}}},
		"presets":      &Decision{Decision: true, Context: decisionContext{Presets: map[string]any{"status": "<draft>", "n": int64(1)}}},
		"violations":   &Decision{Context: decisionContext{Violations: []violation{{Field: "company", Value: "x", Allow: "company", Cause: engine.CauseNotAllowed}}}},
		"a trace":      &Decision{Context: decisionContext{Trace: []traceStage{{Stage: "S1"}}}},
		"an error":     &Decision{Context: decisionContext{Error: &evaluationError{Status: 400, Message: "subject.id: is required"}}},
		"no decisions": decisionList{Evaluations: []*Decision{}},
		"some":         decisionList{Evaluations: []*Decision{{Decision: true}, {Context: decisionContext{Error: &evaluationError{Status: 400}}}}},
	} {
		t.Run(name, func(t *testing.T) { mustEncodeAlike(t, value) })
	}
}

func TestWhatCannotBeEncodedIsAnError(t *testing.T) {
	d := &Decision{Decision: true, Context: decisionContext{Presets: map[string]any{"n": math.NaN()}}}
	if got, err := d.appendJSON(nil); err == nil {
		t.Errorf("appendJSON = %s, want an error", got)
	}
	if got, err := (decisionList{Evaluations: []*Decision{d}}).appendJSON(nil); err == nil {
		t.Errorf("appendJSON of a list = %s, want an error", got)
	}
	if _, err := json.Marshal(d); err == nil {
		t.Error("encoding/json has no error")
	}
}
