package wire

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
)

// FuzzAppendDecision holds decisions as they are appended against what encoding/json makes of them.
func FuzzAppendDecision(f *testing.F) {
	f.Add(true, "rule", "Role", "clerk", "0-1", "a", "b", 3, int64(7), 0.5)
	f.Add(false, "user_permission", "UserPermission", "north", "17", "company", "", 2, int64(-1), 1e21)
	f.Add(false, "validation_failed", "\"quoted\\\"\x00\x7f<é>\u2028", "x", "\xff", "\ufffd", "x", 1, int64(0), math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, allow bool, reason, kind, name, revision, one, two string, texts int, whole int64, fraction float64) {
		list := []string{one, two, one}[:max(0, min(texts, 3))]
		d := &engine.Decision{
			Allow: allow, Reason: engine.Reason(reason), Fields: list, StepUp: list, MissingProperties: list, ValidationMessages: list,
		}
		for i, text := range list {
			d.DecidedBy = append(d.DecidedBy, engine.Ref{Kind: engine.Kind(kind), Name: name})
			value := []any{text, whole, fraction}[i]
			d.Violations = append(d.Violations, engine.Violation{Field: text, Value: value, Allow: name, Cause: engine.ViolationCause(kind)})
			if d.Presets == nil {
				d.Presets = map[string]any{}
			}
			d.Presets[text] = []any{value, map[string]any{name: fraction, kind: nil, two: allow}}
		}
		mustEncodeAlike(t, d, nil, revision)
	})
}

// mustEncodeAlike compares what is appended with what Encode makes of the same, or their errors.
func mustEncodeAlike(t *testing.T, d *engine.Decision, trace []engine.TraceStage, revision string) {
	t.Helper()
	want, wantErr := Encode(NewDecision(d, trace, revision))
	got, err := AppendDecision([]byte("before"), d, trace, revision)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("AppendDecision: error %v, want %v", err, wantErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff("before"+string(want), string(got)); diff != "" {
		t.Errorf("AppendDecision (-encoding/json +got):\n%s", diff)
	}
}

func TestDecisionsEncodeAlike(t *testing.T) {
	for name, tc := range map[string]struct {
		decision engine.Decision
		trace    []engine.TraceStage
	}{
		"a bare deny": {},
		"an allow":    {decision: engine.Decision{Allow: true, Reason: engine.ReasonRule, DecidedBy: []engine.Ref{{Kind: engine.KindRole, Name: "clerk"}}, Fields: []string{"*"}}},
		"presets": {decision: engine.Decision{Allow: true, Presets: map[string]any{
			"status": "<draft>", "n": int64(1), "f": 1.5, "tiny": 1e-7, "huge": -1e300, "zero": 0.0, "below": math.Copysign(0, -1), "whole": 12.0,
			"none": nil, "yes": true, "list": []any{"a", int64(2), []any{}, map[string]any{}}, "object": map[string]any{"b": "\"", "a": nil},
			"no list": []any(nil), "no object": map[string]any(nil), "int": 3, "unsigned": uint64(math.MaxUint64), "": "",
		}}},
		"violations": {decision: engine.Decision{Reason: engine.ReasonUserPermission, Violations: []engine.Violation{
			{Field: "company", Value: "x", Allow: "company", Cause: engine.CauseNotAllowed},
			{Field: "company", Value: "", Allow: "company", Cause: engine.CauseEmpty},
			{Field: "region", Allow: "region", Cause: engine.CauseMissing},
		}}},
		"messages":      {decision: engine.Decision{Reason: engine.ReasonValidationFailed, ValidationMessages: []string{"größer als 1 €", "a \"b\"", "\u2028", "\xff"}}},
		"a second step": {decision: engine.Decision{Reason: engine.ReasonRoleRestricted, StepUp: []string{engine.StepUpMFA, engine.StepUpNetwork}}},
		"unknown":       {decision: engine.Decision{Reason: engine.ReasonConditionNotMet, MissingProperties: []string{"resource.properties.owner"}}},
		"another":       {decision: engine.Decision{Reason: "<another>"}},
		"a trace":       {trace: []engine.TraceStage{{Stage: "S1", Name: "Known", Outcome: "goes on"}}},
		"no number":     {decision: engine.Decision{Allow: true, Presets: map[string]any{"n": []any{math.NaN()}}}},
		"no value":      {decision: engine.Decision{Violations: []engine.Violation{{Value: math.Inf(1)}}}},
	} {
		t.Run(name, func(t *testing.T) { mustEncodeAlike(t, &tc.decision, tc.trace, "17") })
	}
}

func TestErrorsEncodeAlike(t *testing.T) {
	const message = `subject."id": is required`
	want, err := Encode(&Decision{Context: decisionContext{Error: &evaluationError{Status: 400, Message: message}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(AppendError(nil, 400, message))); diff != "" {
		t.Errorf("AppendError (-encoding/json +got):\n%s", diff)
	}
}

func TestWhatCannotBeEncodedIsAnError(t *testing.T) {
	d := &engine.Decision{Allow: true, Presets: map[string]any{"n": math.NaN()}}
	if got, err := AppendDecision(nil, d, nil, ""); err == nil {
		t.Errorf("AppendDecision = %s, want an error", got)
	}
	if _, err := json.Marshal(NewDecision(d, nil, "")); err == nil {
		t.Error("encoding/json has no error")
	}
}
