package wire

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
)

const anUpdate = `{"subject": {"type": "user", "id": "bob", "properties": {"amr": ["pwd", "mfa"]}}, "action": {"name": "update", "properties": {"values": {"status": "draft"}}},
	"resource": {"type": "order", "id": "o-1", "properties": {"company": "north", "status": "draft"}}, "context": {"ip": "10.0.0.1"}}`

// alike compares bodies by what they ask; problems by what they say.
var alike = cmp.Options{
	cmp.AllowUnexported(Evaluation{}),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".given" }, cmp.Ignore()),
	cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || a != nil && b != nil && a.Error() == b.Error() }),
	cmp.Comparer(func(a, b map[string]any) bool { return reflect.DeepEqual(a, b) }), // cmp takes for ever where lists nest deeply
	cmp.Comparer(func(a, b Object) bool { return reflect.DeepEqual(a.members, b.members) }),
}

func TestParse(t *testing.T) {
	ann, read := engine.Subject{Type: "user", ID: "ann"}, engine.Action{Name: "read"}
	order := engine.Resource{Type: "order", ID: "o-1", Properties: map[string]any{"n": int64(1)}}
	rest := func(members map[string]any) Object { return Object{members: members} }
	noObject := func(field string) error { return errors.New(field + ": must be an object") }
	for name, tc := range map[string]struct {
		text  string
		batch bool
		want  Body
	}{
		"one": {
			` {"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1", "properties": {"n": 1}}, "context": {}, "options": {"explain": true}, "x": 1} `, false,
			Body{Evaluation: Evaluation{Request: engine.Request{Subject: ann, Action: read, Resource: order, Context: map[string]any{}}},
				Rest: rest(map[string]any{"options": map[string]any{"explain": true}, "x": int64(1)})},
		},
		"null, and what nobody knows": {
			`{"subject": {"type": "user", "id": "ann", "name": 7, "properties": null}, "action": {"name": "read", "id": [1], "type": null}, "resource": {"type": null}, "context": null}`, false,
			Body{Evaluation: Evaluation{Request: engine.Request{Subject: ann, Action: read}}},
		},
		"escapes": {`{"\u0073ubject": {"t\u0079pe": "\u0075ser", "id": "ann"}}`, false, Body{Evaluation: Evaluation{Request: engine.Request{Subject: ann}}}},
		"the first problem, in the order of the parts": {
			`{"action": {"name": 7, "properties": []}, "subject": {"type": "user", "id": false}}`, false,
			Body{Evaluation: Evaluation{Request: engine.Request{Subject: engine.Subject{Type: "user"}}, Err: errors.New("subject.id: must be a string")}},
		},
		"a batch whose defaults come last": {
			`{"evaluations": [{}, {"action": {"name": "read"}, "subject": {}}, {"action": {"name": "read"}, "x": {}}], "subject": {"type": "user", "id": "ann"}}`, true,
			Body{Evaluation: Evaluation{Request: engine.Request{Subject: ann}}, Batch: []Evaluation{
				{Request: engine.Request{Subject: ann}}, {Request: engine.Request{Action: read}}, {Request: engine.Request{Subject: ann, Action: read}},
			}},
		},
		"a batch with problems": {
			`{"subject": {"id": 1}, "action": {"name": "read"}, "evaluations": [{}, {"subject": {}}, null, {"action": "read"}, {"subject": null, "context": []}]}`, true,
			Body{
				Evaluation: Evaluation{Request: engine.Request{Action: read}, Err: errors.New("subject.id: must be a string")},
				Batch: []Evaluation{
					{Request: engine.Request{Action: read}, Err: errors.New("subject.id: must be a string")}, {Request: engine.Request{Action: read}},
					{noObject: true, Err: noObject("evaluations[2]")}, {Request: engine.Request{Action: read}, Err: noObject("action")},
					{Request: engine.Request{Action: read}, Err: noObject("context")},
				},
			},
		},
		"the same parts again": {
			`{"evaluations": [{"subject": {"type":"user","id":"ann"}}, {"subject": {"type":"user","id":"ann"}}, {"subject": {"type":"user","id":1}}, {"subject": {"type":"user","id":1}}]}`, true,
			Body{Batch: []Evaluation{
				{Request: engine.Request{Subject: ann}}, {Request: engine.Request{Subject: ann}},
				{Request: engine.Request{Subject: engine.Subject{Type: "user"}}, Err: errors.New("subject.id: must be a string")},
				{Request: engine.Request{Subject: engine.Subject{Type: "user"}}, Err: errors.New("subject.id: must be a string")},
			}},
		},
		"an empty batch":             {`{"evaluations": [], "action": {"name": "read"}}`, true, Body{Evaluation: Evaluation{Request: engine.Request{Action: read}}}},
		"a batch that is null":       {`{"evaluations": null}`, true, Body{}},
		"a batch that nobody is for": {`{"evaluations": 7}`, false, Body{Rest: rest(map[string]any{"evaluations": int64(7)})}},
		"nothing":                    {`{}`, true, Body{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(tc.text, tc.batch)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if diff := cmp.Diff(&tc.want, got, alike); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1)
	for name, tc := range map[string]struct{ text, want string }{
		"no object":                {`[]`, "the body must be a JSON object"},
		"null":                     {`null`, "the body must be a JSON object"},
		"two values":               {`{} {}`, "the body is not valid: invalid character '{' after top-level value"},
		"a part twice":             {`{"subject": null, "subject": {}}`, `the body is not valid: duplicate field "subject"`},
		"a batch twice":            {`{"evaluations": [], "evaluations": []}`, `the body is not valid: duplicate field "evaluations"`},
		"an option twice":          {`{"options": {"x": 1, "x": 1}}`, `the body is not valid: duplicate field "options.x"`},
		"a text twice":             {`{"subject": {"id": "ann", "id": "root"}}`, `the body is not valid: duplicate field "subject.id"`},
		"what nobody knows, twice": {`{"subject": {"a": 1, "b": 2, "a": 1}}`, `the body is not valid: duplicate field "subject.a"`},
		"properties twice":         {`{"action": {"properties": {}, "properties": {}}}`, `the body is not valid: duplicate field "action.properties"`},
		"the second of two alike":  {`{"evaluations": [{"action": {"name": "read"}}, {"action": {"name": "read"}x}]}`, "the body is not valid: invalid character 'x' after object key:value pair"},
		"a batch that is no list":  {`{"evaluations": {}}`, "evaluations: must be a list"},
		"a default that is none":   {`{"subject": "ann", "evaluations": [{}]}`, "subject: must be an object"},
		"too many":                 {`{"evaluations": [{}` + strings.Repeat(",{}", MaxEvaluations) + `]}`, "evaluations: must be at most 1000"},
		"depth":                    {`{"context": {"a": ` + deep + `}}`, "the body is nested deeper than 64 levels"},
		"depth of a batch":         {`{"context": {"a": ` + deep[1:len(deep)-1] + `}, "evaluations": [{"context": {"a": ` + deep[1:len(deep)-1] + `}}]}`, "the body is nested deeper than 64 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Parse(tc.text, true); err == nil || err.Error() != tc.want {
				t.Errorf("Parse = %v, error %v, want %s", got, err, tc.want)
			}
		})
	}
}

// FuzzParse holds what is read straight into requests against what naive makes of the same.
func FuzzParse(f *testing.F) {
	const item = `{"subject": {"type": "user", "id": "ann", "properties": {"a": [1]}}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}, "context": {"ip": "192.0.2.7"}}`
	lists := strings.Repeat("[", MaxDepth-2) + strings.Repeat("]", MaxDepth-2)
	for _, seed := range []string{
		anUpdate, item, `{"evaluations": [` + item + `,` + item + `]}`, `{"evaluations": [` + item + `,{},{"context": {}}], ` + item[1:],
		`{"evaluations": [], "options": {"explain": true, "evaluations_semantic": "execute_all", "at_least_revision": "1"}}`,
		`{"subject": {"id": 1, "x": null}, "action": null, "evaluations": [{}, null, {"subject": {"type": []}}, {"resource": 7, "name": {}}]}`,
		`{"context": {"a": ` + lists + `}, "evaluations": [{"context": {"a": ` + lists + `}}]}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, batch bool) {
		if !utf8.ValidString(text) {
			return // which is not a body
		}
		got, err := Parse(text, batch)
		if err != nil && strings.Contains(err.Error(), "must be at most") {
			return // whatever else is wrong
		}
		want, wantErr := naive(text, batch)
		if diff := cmp.Diff(wantErr, err, alike); diff != "" {
			t.Fatalf("%q: errors (-naive +Parse):\n%s", text, diff)
		}
		if diff := cmp.Diff(want, got, alike); err == nil && diff != "" {
			t.Fatalf("%q (-naive +Parse):\n%s", text, diff)
		}
	})
}

// naive reads a body part by part out of maps.
func naive(text string, batch bool) (*Body, error) {
	value, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	b := &Body{Evaluation: naiveEvaluation(members, nil), Rest: Object{problem: new(error)}}
	for name, value := range members {
		if _, part := naiveParts[name]; !part && (!batch || name != "evaluations") {
			if b.Rest.members == nil {
				b.Rest.members = map[string]any{}
			}
			b.Rest.members[name] = value
		}
	}
	body := Object{members: members, problem: new(error)}
	if list, ok := members["evaluations"].([]any); batch && ok {
		for i, item := range list {
			fields, ok := item.(map[string]any)
			e := naiveEvaluation(fields, members)
			if !ok {
				e = Evaluation{Err: malformed(fmt.Sprintf("evaluations[%d]", i), "must be an object"), noObject: true}
			}
			b.Batch = append(b.Batch, e)
		}
		if len(list) > 0 {
			for _, name := range parts {
				body.Object(name)
			}
		}
	} else if batch && members["evaluations"] != nil {
		return nil, malformed("evaluations", "must be a list")
	}
	return b, body.Err()
}

// naiveParts read the parts of an evaluation.
var naiveParts = map[string]func(*engine.Request, Object){
	"subject": func(r *engine.Request, o Object) {
		r.Subject = engine.Subject{Type: o.String("type"), ID: o.String("id"), Properties: o.Object("properties").members}
	},
	"action": func(r *engine.Request, o Object) {
		r.Action = engine.Action{Name: o.String("name"), Properties: o.Object("properties").members}
	},
	"resource": func(r *engine.Request, o Object) {
		r.Resource = engine.Resource{Type: o.String("type"), ID: o.String("id"), Properties: o.Object("properties").members}
	},
	"context": func(r *engine.Request, o Object) { r.Context = o.members },
}

// naiveEvaluation takes each part from fields or, where they lack it, from defaults. What is wrong with the fields is
// said before what is wrong with the defaults.
func naiveEvaluation(fields, defaults map[string]any) Evaluation {
	var e Evaluation
	own, inherited := Object{members: fields, problem: new(error)}, Object{members: defaults, problem: new(error)}
	for _, name := range parts {
		from := own
		if fields[name] == nil && defaults[name] != nil {
			from = inherited
		}
		naiveParts[name](&e.Request, from.Object(name))
	}
	if e.Err = own.Err(); e.Err == nil {
		e.Err = inherited.Err()
	}
	return e
}
