package server

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
)

// alike compares what is asked; problems by what they say, and not how it was written.
var alike = cmp.Options{
	cmp.AllowUnexported(asked{}, evaluation{}, evaluationOptions{}),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".given" }, cmp.Ignore()),
	cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || a != nil && b != nil && a.Error() == b.Error() }),
}

func TestParsePlainEvaluations(t *testing.T) {
	ann, read := engine.Subject{Type: "user", ID: "ann"}, engine.Action{Name: "read"}
	order := engine.Resource{Type: "order", ID: "o-1", Properties: map[string]any{"n": int64(1)}}
	for name, tc := range map[string]struct {
		text  string
		batch bool
		want  asked
	}{
		"one": {
			` {"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1", "properties": {"n": 1}}, "context": {}, "options": {"explain": true, "at_least_revision": "3"}} `, false,
			asked{
				one:     evaluation{Request: engine.Request{Subject: ann, Action: read, Resource: order, Context: map[string]any{}}},
				options: evaluationOptions{explain: true, revision: "3"},
			},
		},
		"a batch whose defaults come last": {
			`{"evaluations": [{}, {"action": {"name": "read"}, "subject": {}}, {"action": {"name": "read"}}], "subject": {"type": "user", "id": "ann"}, "options": {"evaluations_semantic": "deny_on_first_deny", "explain": false}}`, true,
			asked{
				one: evaluation{Request: engine.Request{Subject: ann}},
				batch: []evaluation{
					{Request: engine.Request{Subject: ann}}, {Request: engine.Request{Action: read}}, {Request: engine.Request{Subject: ann, Action: read}},
				},
				options: evaluationOptions{semantic: denyOnFirstDeny},
			},
		},
		"an empty batch": {`{"evaluations": [], "action": {"name": "read"}}`, true, asked{one: evaluation{Request: engine.Request{Action: read}}}},
		"nothing":        {`{}`, true, asked{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parsePlainEvaluations(tc.text, tc.batch)
			if !ok {
				t.Fatal("parsePlainEvaluations: it is not plain")
			}
			if diff := cmp.Diff(&tc.want, got, alike); diff != "" {
				t.Errorf("parsePlainEvaluations (-want +got):\n%s", diff)
			}
		})
	}
	for name, text := range map[string]string{
		"no object": `[]`, "a list of no objects": `{"evaluations": [1]}`, "another member": `{"x": 1}`, "another text": `{"subject": {"name": "ann"}}`,
		"a name for a type": `{"action": {"type": "read"}}`, "an empty text": `{"subject": {"id": ""}}`, "a number": `{"subject": {"id": 1}}`, "null": `{"subject": null}`,
		"a part twice": `{"subject": {}, "subject": {}}`, "a text twice": `{"subject": {"id": "ann", "id": "bob"}}`, "properties twice": `{"action": {"properties": {}, "properties": {}}}`,
		"options twice": `{"options": {}, "options": {}}`, "an option twice": `{"options": {"explain": false, "explain": true}}`, "another option": `{"options": {"x": 1}}`,
		"a word for an option": `{"options": {"explain": "true"}}`, "batches twice": `{"evaluations": [], "evaluations": []}`, "more": `{} {}`,
		"another semantic": `{"evaluations": [{}], "options": {"evaluations_semantic": "x"}}`, "too many": `{"evaluations": [{}` + strings.Repeat(",{}", maxEvaluations) + `]}`,
		"an escape": `{"subject": {"id": "\u0061"}}`, "the second of two alike": `{"evaluations": [{"action": {"name": "read"}}, {"action": {"name": "read"}x}]}`,
		"properties that are none": `{"subject": {"properties": []}}`, "depth": `{"context": {"a": ` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}}`,
	} {
		if got, ok := parsePlainEvaluations(text, true); ok {
			t.Errorf("%s: parsePlainEvaluations(%q) = %v, want none", name, text, got)
		}
	}
	if got, ok := parsePlainEvaluations(`{"evaluations": []}`, false); ok {
		t.Errorf("parsePlainEvaluations = %v of a batch that is to be a single evaluation", got)
	}
}

// FuzzPlainEvaluations holds what is read straight into requests against what objects make of the same.
func FuzzPlainEvaluations(f *testing.F) {
	const item = `{"subject": {"type": "user", "id": "ann", "properties": {"a": [1]}}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}, "context": {"ip": "192.0.2.7"}}`
	for _, seed := range []string{
		goodEvaluation, anUpdate, item, `{"evaluations": [` + item + `,` + item + `]}`, `{"evaluations": [` + item + `,{},{"context": {}}], ` + item[1:],
		`{"evaluations": [], "options": {"explain": true, "evaluations_semantic": "execute_all", "at_least_revision": "1"}}`,
		`{"context": {"a": ` + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + `}, "evaluations": [{"context": {"a": ` + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + `}}]}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, batch bool) {
		if !utf8.ValidString(text) {
			return // which readBody refuses
		}
		got, ok := parsePlainEvaluations(text, batch)
		if !ok {
			return
		}
		var value any
		if err := decodeJSON(text, &value); err != nil {
			t.Fatalf("parsePlainEvaluations reads %q, of which decodeJSON says: %v", text, err)
		}
		fields, _ := value.(map[string]any)
		read := object.evaluation
		if batch {
			read = object.evaluations
		}
		want, err := read(newObject(fields))
		if err != nil {
			t.Fatalf("parsePlainEvaluations reads %q, of which objects say: %v", text, err)
		}
		if len(got.batch) > 0 {
			got.one = evaluation{} // defaults, which have been given to all
		} else {
			got.options.semantic, want.options.semantic = "", "" // which says nothing of one
		}
		if diff := cmp.Diff(want, got, alike); diff != "" {
			t.Fatalf("%q (-objects +parsePlainEvaluations):\n%s", text, diff)
		}
	})
}
