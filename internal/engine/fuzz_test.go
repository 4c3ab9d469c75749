package engine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/expr"
)

// richDomains are generated once; fuzzing chooses one of them.
func richDomains() [][]engine.Object {
	var domains [][]engine.Object
	for i := range 8 {
		domains = append(domains, enginetest.Objects(rand.New(rand.NewPCG(2026, uint64(i)))))
	}
	return domains
}

// readRequest reads a request as it is written over HTTP; false: a part has a wrong type.
func readRequest(value any) (*engine.Request, bool) {
	whole, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	part := func(from map[string]any, key string) map[string]any {
		object, isObject := from[key].(map[string]any)
		ok = ok && (isObject || from[key] == nil)
		return object
	}
	name := func(from map[string]any, key string) string {
		text, isText := from[key].(string)
		ok = ok && (isText || from[key] == nil)
		return text
	}
	subject, action, resource := part(whole, "subject"), part(whole, "action"), part(whole, "resource")
	req := &engine.Request{
		Subject:  engine.Subject{Type: name(subject, "type"), ID: name(subject, "id"), Properties: part(subject, "properties")},
		Action:   engine.Action{Name: name(action, "name"), Properties: part(action, "properties")},
		Resource: engine.Resource{Type: name(resource, "type"), ID: name(resource, "id"), Properties: part(resource, "properties")},
		Context:  part(whole, "context"),
	}
	return req, ok
}

func writeRequest(req *engine.Request) []byte {
	type named = map[string]any
	text, err := json.Marshal(named{
		"subject":  named{"type": req.Subject.Type, "id": req.Subject.ID, "properties": req.Subject.Properties},
		"action":   named{"name": req.Action.Name, "properties": req.Action.Properties},
		"resource": named{"type": req.Resource.Type, "id": req.Resource.ID, "properties": req.Resource.Properties},
		"context":  req.Context,
	})
	if err != nil {
		panic(err) // generated requests are JSON
	}
	return text
}

// oddValues are what a hostile or careless writer may put anywhere.
var oddValues = []any{
	nil, "", "*", ".", "a..b", "a.b", " ", "\x00", "ann", "order", "r1", "g1", "2026-06-01T01:00:00Z", "2026-06-01T00:00:00.5Z", "10.0.0.0/99", "::ffff:0.0.0.0/0",
	"true", "subject.id", "resource.properties.a == 1", "[1].all(x, x == y)", "Full", "None", "Read", "Custom",
	int64(0), int64(-1), 1e300, 0.1, true, false, []any{}, map[string]any{}, []any{nil}, map[string]any{"": nil},
	[]any{[]any{map[string]any{"warehouse": []any{[]any{}}}}}, map[string]any{"raw": "x"},
}

// mangle changes a JSON value in some places: a member or element becomes something odd, is left out, or
// stands there twice.
func mangle(s enginetest.Source, value any, times int) any {
	for range times {
		value = mangleOnce(s, value)
	}
	return value
}

func mangleOnce(s enginetest.Source, value any) any {
	odd := oddValues[s.IntN(len(oddValues))]
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 || s.IntN(8) == 0 {
			return odd
		}
		key := slices.Sorted(maps.Keys(v))[s.IntN(len(v))]
		changed := maps.Clone(v)
		if s.IntN(12) == 0 {
			delete(changed, key)
		} else {
			changed[key] = mangleOnce(s, v[key])
		}
		return changed
	case []any:
		if len(v) == 0 || s.IntN(8) == 0 {
			return odd
		}
		i := s.IntN(len(v))
		changed := slices.Clone(v)
		switch s.IntN(8) {
		case 0:
			return slices.Delete(changed, i, i+1)
		case 1:
			return append(changed, v[i])
		}
		changed[i] = mangleOnce(s, v[i])
		return changed
	}
	return odd
}

// FuzzDecide asks a domain anything: there is no panic, and the answer, or that there is none, is the naive
// one; so are searches and the decision of Explain.
func FuzzDecide(f *testing.F) {
	domains := richDomains()
	for i, objects := range domains {
		source := rand.New(rand.NewPCG(7, uint64(i)))
		for range 12 {
			f.Add(uint8(i), int64(source.IntN(5*3600)), writeRequest(enginetest.Request(source, objects)), uint64(0))
		}
	}
	f.Add(uint8(0), int64(0), []byte(`{}`), uint64(1))
	deciders := make([]askers, len(domains))
	for i, objects := range domains {
		deciders[i] = askers{enginetest.NewNaive(objects), engine.Compile(objects)}
	}
	f.Fuzz(func(t *testing.T, which uint8, second int64, data []byte, seed uint64) {
		value, err := expr.ParseJSON(data)
		if err != nil {
			return
		}
		source := rand.New(rand.NewPCG(seed, 0))
		req, ok := readRequest(mangle(source, value, int(seed%4)))
		if !ok {
			return
		}
		now := enginetest.Start.Add(time.Duration(second%(6*3600)) * time.Second)
		if err := deciders[int(which)%len(domains)].answerAlike(req, now); err != nil {
			t.Fatal(err)
		}
	})
}

// askers are the two evaluators of one domain.
type askers struct {
	naive  *enginetest.Naive
	domain *engine.Domain
}

func (a askers) answerAlike(req *engine.Request, now time.Time) error {
	if _, err := decideAlike(a.naive, a.domain, req, now); err != nil {
		return err
	}
	want, wantErr := a.domain.Decide(req, now)
	got, _, err := a.domain.Explain(req, now)
	if err := cmp.Or(errorsDiffer(wantErr, err), differ(want, got)); err != nil {
		return fmt.Errorf("Explain of %s: %w", text(req), err)
	}
	if wantErr == nil && got.Message() == "" {
		return fmt.Errorf("no message for %s", got.Reason)
	}
	wantActions, wantErr := a.naive.SearchActions(req, now)
	gotActions, err := a.domain.SearchActions(req, now)
	if err := cmp.Or(errorsDiffer(wantErr, err), differ(wantActions, gotActions)); err != nil {
		return fmt.Errorf("SearchActions of %s: %w", text(req), err)
	}
	return nil
}

// TestProofOddRequests asks what no well-meaning caller would.
func TestProofOddRequests(t *testing.T) {
	p := proofOf(t)
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		both := askers{enginetest.NewNaive(objects), engine.Compile(objects)}
		for range 20 {
			value, err := expr.ParseJSON(writeRequest(enginetest.Request(s, objects)))
			if err != nil {
				return err
			}
			if req, ok := readRequest(mangle(s, value, 1+s.IntN(4))); ok {
				if err := both.answerAlike(req, enginetest.Now(s)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// readObject reads an object of any kind, without the schema that keeps most nonsense out.
func readObject(data []byte) (engine.Object, bool) {
	var kind struct {
		Kind engine.Kind `json:"kind"`
	}
	if json.Unmarshal(data, &kind) != nil {
		return nil, false
	}
	kinds := map[engine.Kind]engine.Object{
		engine.KindResourceType: &v1alpha1.ResourceType{}, engine.KindRole: &v1alpha1.Role{}, engine.KindGroup: &v1alpha1.Group{},
		engine.KindUser: &v1alpha1.User{}, engine.KindUserPermission: &v1alpha1.UserPermission{},
		engine.KindSpecialPermission: &v1alpha1.SpecialPermission{}, engine.KindRecordSet: &v1alpha1.RecordSet{},
		engine.KindPermissionPolicy: &v1alpha1.PermissionPolicy{},
	}
	made, ok := kinds[kind.Kind]
	return made, ok && json.Unmarshal(data, made) == nil
}

// writeObject writes an object with its kind.
func writeObject(object engine.Object) []byte {
	kind, _ := engine.KindOf(object)
	var fields map[string]any
	if err := json.Unmarshal([]byte(text(object)), &fields); err != nil {
		panic(err) // generated objects are JSON
	}
	fields["kind"] = kind
	return []byte(text(fields))
}

// FuzzCompile puts any object into a domain: there is no panic in compiling, checking, reporting and
// deciding, the domain is the same as compiled anew, and without the object again it is the one before.
func FuzzCompile(f *testing.F) {
	base := richDomains()[0]
	for i := range 2 {
		for _, generated := range enginetest.Objects(rand.New(rand.NewPCG(11, uint64(i)))) {
			f.Add(writeObject(generated), uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		var value any
		if json.Unmarshal(data, &value) != nil {
			return
		}
		source := rand.New(rand.NewPCG(seed, 0))
		if added, ok := readObject([]byte(text(mangle(source, value, int(seed%4))))); ok {
			if err := anythingGoes(source, base, added); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestProofOddObjects puts objects that no schema admits into domains.
func TestProofOddObjects(t *testing.T) {
	p := proofOf(t)
	p.domains = (p.domains + 3) / 4
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		for _, generated := range objects {
			var value any
			if err := json.Unmarshal(writeObject(generated), &value); err != nil {
				return err
			}
			if added, ok := readObject([]byte(text(mangle(s, value, 1+s.IntN(4))))); ok {
				if err := anythingGoes(s, objects, added); err != nil {
					return fmt.Errorf("%s: %w", text(added), err)
				}
			}
		}
		return nil
	})
}

// anythingGoes puts an object into a domain and takes it back.
func anythingGoes(s enginetest.Source, base []engine.Object, added engine.Object) error {
	now := enginetest.Start
	before := engine.Compile(base)
	engine.Check(added)
	change := engine.Put(added)
	objects := enginetest.Apply(base, change)
	after, delta := before.With(change)
	anew := engine.Compile(objects)
	if err := differ(statements(anew, now), statements(after, now)); err != nil {
		return err
	}
	if err := affectedIsComplete(before, after, delta.Affected(), now); err != nil {
		return fmt.Errorf("affected %v: %w", delta.Affected(), err)
	}
	for range 5 {
		req := enginetest.Request(s, objects)
		if _, err := decideAlike(anew, after, req, now); err != nil {
			return err
		}
		if _, _, err := after.Explain(req, now); err != nil && malformedField(err) == "no RequestError" {
			return err
		}
	}
	if old, had := before.Lookup(change.Ref); had {
		after, _ = after.With(engine.Put(old))
	} else {
		after, _ = after.With(engine.Remove(change.Ref))
	}
	if err := differ(statements(before, now), statements(after, now)); err != nil {
		return fmt.Errorf("taken back: %w", err)
	}
	return nil
}
