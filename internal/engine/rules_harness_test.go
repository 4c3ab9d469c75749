package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
)

// The tests in rules_*_test.go go through docs/spec/semantics.md sentence by sentence. Their names say the
// rule, their cases the sentence. What is expected comes from the text; the naive evaluator must expect it
// too.

// noon is when a test asks, unless it says otherwise.
const noon = "2026-06-01T12:00:00Z"

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		text = noon
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// domain is a list of objects.
type domain = []engine.Object

func join(parts ...domain) domain { return slices.Concat(parts...) }

// createdAt gives an object its age.
func createdAt[T engine.Object](at string, made T) T {
	created, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err) // a mistake in the test
	}
	made.SetCreationTimestamp(metav1.Time{Time: created})
	return made
}

// object is a map as JSON has it; numbers are int64 or float64.
type object = map[string]any

type list = []any

// ask is a request of a user: resource is "type/id", or "type".
func ask(user, action, resource string, more ...func(*engine.Request)) *engine.Request {
	resourceType, id, _ := strings.Cut(resource, "/")
	req := &engine.Request{
		Subject:  engine.Subject{Type: "user", ID: user},
		Action:   engine.Action{Name: action},
		Resource: engine.Resource{Type: resourceType, ID: id},
	}
	for _, change := range more {
		change(req)
	}
	return req
}

// anonymous makes the subject nobody, whatever its id.
func anonymous(req *engine.Request) { req.Subject.Type = "anonymous" }

// subjectType sets the subject's type.
func subjectType(name string) func(*engine.Request) {
	return func(req *engine.Request) { req.Subject.Type = name }
}

// claims are what the caller says about the subject.
func claims(properties object) func(*engine.Request) {
	return func(req *engine.Request) { req.Subject.Properties = properties }
}

// about is the request's context.
func about(context object) func(*engine.Request) {
	return func(req *engine.Request) { req.Context = context }
}

// having are the resource's properties.
func having(properties object) func(*engine.Request) {
	return func(req *engine.Request) { req.Resource.Properties = properties }
}

// submitting are the values that a Create or Update submits.
func submitting(values object) func(*engine.Request) { return actionProperty("values", values) }

// reading are the fields that a Read asks for.
func reading(fields ...string) func(*engine.Request) {
	asked := list{}
	for _, field := range fields {
		asked = append(asked, field)
	}
	return actionProperty("fields", asked)
}

func actionProperty(key string, value any) func(*engine.Request) {
	return func(req *engine.Request) {
		properties := object{key: value}
		for name, given := range req.Action.Properties {
			if name != key {
				properties[name] = given
			}
		}
		req.Action.Properties = properties
	}
}

// deny is a denial of which nothing else is to be said.
func deny(reason engine.Reason) engine.Decision { return engine.Decision{Reason: reason} }

// allow is an allow on all fields; by names the objects that decided, as Kind/name.
func allow(reason engine.Reason, by ...string) engine.Decision {
	return engine.Decision{Allow: true, Reason: reason, Fields: []string{"*"}, DecidedBy: refs(by...)}
}

func refs(names ...string) []engine.Ref {
	var made []engine.Ref
	for _, name := range names {
		kind, object, _ := strings.Cut(name, "/")
		made = append(made, engine.Ref{Kind: engine.Kind(kind), Name: object})
	}
	return made
}

// with changes a decision.
func with(d engine.Decision, changes ...func(*engine.Decision)) engine.Decision {
	for _, change := range changes {
		change(&d)
	}
	return d
}

func fields(names ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.Fields = names }
}

func presets(values object) func(*engine.Decision) {
	return func(d *engine.Decision) { d.Presets = values }
}

func missing(names ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.MissingProperties = names }
}

func missingContext(names ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.MissingContext = names }
}

func missingRequest(paths ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.MissingRequest = paths }
}

func exceptFields(names ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.ExceptFields = names }
}

func messages(texts ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.ValidationMessages = texts }
}

func stepUp(parts ...string) func(*engine.Decision) {
	return func(d *engine.Decision) { d.StepUp = parts }
}

func violations(list ...engine.Violation) func(*engine.Decision) {
	return func(d *engine.Decision) { d.Violations = list }
}

// deciding is one sentence: a request in a domain, and the decision.
type deciding struct {
	// domain is added to what the cases of a test have in common.
	domain domain
	req    *engine.Request
	// at is the time; empty: noon.
	at   string
	want engine.Decision
}

// decide runs cases: the engine, with and without a trace, and the naive evaluator must decide as wanted.
// DecidedBy is compared where it is wanted.
func decide(t *testing.T, common domain, cases map[string]deciding) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			objects := join(common, tc.domain)
			now := moment(t, tc.at)
			compiled := engine.Compile(objects)
			check := func(who string, got engine.Decision, err error) {
				t.Helper()
				if err != nil {
					t.Fatalf("%s: %v", who, err)
				}
				if tc.want.DecidedBy == nil {
					got.DecidedBy = nil
				}
				if diff := gocmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", who, diff)
				}
			}
			got, err := compiled.Decide(tc.req, now)
			check("Decide", got, err)
			got, _, err = compiled.Explain(tc.req, now)
			check("Explain", got, err)
			got, err = enginetest.NewNaive(objects).Decide(tc.req, now)
			check("the naive evaluator", got, err)
		})
	}
}

// effectiveOf is Effective of domains whose member conditions cost little.
func effectiveOf(d *engine.Domain, user string, now time.Time) v1alpha1.EffectivePermissionsStatus {
	status, err := d.Effective(user, now)
	if err != nil {
		panic(err)
	}
	return status
}
