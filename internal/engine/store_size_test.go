package engine_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// domainsBySize are domains of one shape each, as large as something is to measure.
var domainsBySize = map[string]func() []engine.Object{
	"users": func() []engine.Object {
		var objects []engine.Object
		for i := range 20_000 {
			objects = append(objects, testobjects.MakeUser(fmt.Sprintf("user-%d@example.com", i)).Roles("clerk").Obj())
		}
		return objects
	},
	"users with attributes": func() []engine.Object {
		var objects []engine.Object
		for i := range 2_000 {
			user := testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Obj()
			user.Spec.Attributes = map[string]v1alpha1.JSON{
				"teams": {Raw: []byte(`["` + strings.Repeat(`a","`, 200) + `b"]`)}, "note": {Raw: []byte(`"` + strings.Repeat("n", 2000) + `"`)},
				"office": {Raw: []byte(`{"city": "Vienna", "floor": 3, "desks": [1, 2, 3, 4]}`)},
			}
			objects = append(objects, user)
		}
		return objects
	},
	"members": func() []engine.Object {
		var objects []engine.Object
		for g := range 20 {
			var members []string
			for i := range 1000 {
				members = append(members, fmt.Sprintf("member-%d-%d", g, i))
			}
			objects = append(objects, testobjects.MakeGroup(fmt.Sprintf("group-%d", g)).Members(members...).Obj())
		}
		return objects
	},
	"records": func() []engine.Object {
		var objects []engine.Object
		for s := range 5 {
			set := testobjects.MakeRecordSet(fmt.Sprintf("set-%d", s), "company")
			for i := range 5000 {
				set = set.Record(fmt.Sprintf("record-%d-%d", s, i), "", map[string]any{"open": true, "country": "AT", "region": "North", "size": 12})
			}
			objects = append(objects, set.Obj())
		}
		return objects
	},
	"conditions": func() []engine.Object {
		var objects []engine.Object
		for r := range 100 {
			role := testobjects.MakeRole(fmt.Sprintf("role-%d", r))
			for i := range 10 {
				role = role.Rule(testobjects.MakeRule("order").Access("Full").Condition(
					fmt.Sprintf("resource.properties.total < %d && resource.properties.company in subject.properties.companies", r*100+i)).Obj())
			}
			objects = append(objects, role.Obj())
		}
		return objects
	},
	"long conditions": func() []engine.Object {
		var objects []engine.Object
		for r := range 100 {
			condition := fmt.Sprintf("resource.properties.total == %d", r) + strings.Repeat(" || resource.properties.total == 1", 40)
			objects = append(objects, testobjects.MakeRole(fmt.Sprintf("role-%d", r)).Rule(
				testobjects.MakeRule("order").Access("Full").Condition(condition).Obj()).Obj())
		}
		return objects
	},
	"user permissions": func() []engine.Object {
		var objects []engine.Object
		for i := range 10_000 {
			objects = append(objects, testobjects.MakeUserPermission(fmt.Sprintf("up-%d", i), "company", "North", "South").User(fmt.Sprintf("user-%d", i%5000)).Obj())
		}
		return objects
	},
}

// heap is what is in use after garbage collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what had a finalizer
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // far below 2^63
}

// TestSizeIsWhatADomainTakes: for each shape, Size is no less than the memory that the objects and their domain take, with
// every JSON value parsed, and no more than a few times as much.
func TestSizeIsWhatADomainTakes(t *testing.T) {
	for name, objects := range domainsBySize {
		t.Run(name, func(t *testing.T) {
			written := texts(t, objects())
			before := heap()
			watched := decode(t, written)
			domain := engine.Compile(watched)
			engine.ParseValues(domain)
			took := heap() - before
			size := domain.Size()
			runtime.KeepAlive(watched)
			runtime.KeepAlive(domain)
			t.Logf("%d objects take %d KiB, the estimate is %d KiB: %.2f", domain.Len(), took>>10, size>>10, float64(size)/float64(took))
			if size < took || size > 4*took {
				t.Errorf("Size() = %d, want between %d, which was measured, and four times that", size, took)
			}
		})
	}
}

type writtenObject struct {
	kind    kinds.Kind
	content []byte
}

// texts are objects as a watch gets them.
func texts(t *testing.T, objects []engine.Object) []writtenObject {
	t.Helper()
	var written []writtenObject
	for _, object := range objects {
		row, _ := kinds.Of(object)
		content, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, writtenObject{row.Kind, content})
	}
	return written
}

// decode makes objects as a watch does.
func decode(t *testing.T, written []writtenObject) []engine.Object {
	t.Helper()
	objects := []engine.Object{}
	for _, text := range written {
		row, _ := kinds.Find(text.kind)
		object := row.New()
		if err := json.Unmarshal(text.content, object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

// TestSizeIsTheSameByAnyWay: whatever changes made a domain, its size is that of its objects.
func TestSizeIsTheSameByAnyWay(t *testing.T) {
	for name, of := range domainsBySize {
		t.Run(name, func(t *testing.T) {
			objects := of()
			objects = objects[:min(len(objects), 50)]
			want := engine.Compile(objects).Size()
			domain := engine.Compile(nil)
			empty := domain.Size()
			for _, object := range objects {
				smaller := domain.Size()
				domain, _ = domain.With(engine.Put(object))
				if domain.Size() <= smaller {
					t.Fatalf("with %s the size goes from %d to %d", object.GetName(), smaller, domain.Size())
				}
				domain, _ = domain.With(engine.Put(object))
			}
			if got := domain.Size(); got != want {
				t.Errorf("one by one: Size() = %d, want %d", got, want)
			}
			for _, object := range objects {
				row, _ := kinds.Of(object)
				domain, _ = domain.With(engine.Remove(engine.Ref{Kind: row.Kind, Name: object.GetName()}))
			}
			if got := domain.Size(); got != empty {
				t.Errorf("when all are deleted: Size() = %d, want %d", got, empty)
			}
		})
	}
}
