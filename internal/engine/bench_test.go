package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

var benchNow = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// modelSize makes a domain in which each role gives one type, and every user holds one role.
func modelSize(roles, types, users int) *engine.Domain {
	var objects []engine.Object
	for i := range types {
		objects = append(objects, MakeResourceType(fmt.Sprintf("type-%d", i)).Obj())
	}
	for i := range roles {
		objects = append(objects, MakeRole(fmt.Sprintf("role-%d", i)).Rule(ReadOnly(fmt.Sprintf("type-%d", i%types))).Obj())
	}
	for i := range users {
		objects = append(objects, MakeUser(fmt.Sprintf("user-%d", i)).Roles(fmt.Sprintf("role-%d", i%roles)).Obj())
	}
	return engine.Compile(objects)
}

// BenchmarkDecide decides by a rule without conditions, in domains of two sizes.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ roles, types, users int }{{100, 10, 1000}, {1000, 100, 10000}} {
		d := modelSize(size.roles, size.types, size.users)
		req := &engine.Request{
			Subject:  engine.Subject{Type: "user", ID: "user-501"},
			Action:   engine.Action{Name: "read"},
			Resource: engine.Resource{Type: fmt.Sprintf("type-%d", 501%size.roles%size.types), ID: "r1"},
		}
		b.Run(fmt.Sprintf("unconditional/users=%d", size.users), func(b *testing.B) { benchDecide(b, d, req, true) })
	}
}

// BenchmarkDecideRecord decides by what user permissions let pass of a tree of records, three levels below the value.
// Conditions are in BenchmarkDecideCondition.
func BenchmarkDecideRecord(b *testing.B) {
	tree := MakeRecordSet("companies", "company").Record("c0", "", nil)
	for i := 1; i < 1000; i++ {
		tree.Record(fmt.Sprintf("c%d", i), fmt.Sprintf("c%d", (i-1)/10), nil)
	}
	d := engine.Compile([]engine.Object{
		MakeResourceType("company").Tree("parent").Obj(), MakeResourceType("order").Link("company", "company").Obj(), tree.Obj(),
		MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ann").Roles("all").Obj(),
		MakeUserPermission("ann", "company", "c1").User("ann").Obj(),
	})
	ask := func(resourceType, id string, properties map[string]any) *engine.Request {
		return &engine.Request{
			Subject: engine.Subject{Type: "user", ID: "ann"}, Action: engine.Action{Name: "read"},
			Resource: engine.Resource{Type: resourceType, ID: id, Properties: properties},
		}
	}
	for name, bench := range map[string]struct {
		req     *engine.Request
		allowed bool
	}{
		"in a tree":              {ask("company", "c111", nil), true},
		"in a tree, denied":      {ask("company", "c999", nil), false},
		"by a link":              {ask("order", "o1", map[string]any{"company": "c111"}), true},
		"by a link, denied":      {ask("order", "o1", map[string]any{"company": "c999"}), false},
		"by a link, not in sets": {ask("order", "o1", map[string]any{"company": "elsewhere"}), false},
	} {
		b.Run(name, func(b *testing.B) { benchDecide(b, d, bench.req, bench.allowed) })
	}
}

func benchDecide(b *testing.B, d *engine.Domain, req *engine.Request, allowed bool) {
	b.ReportAllocs()
	for b.Loop() {
		if decision, err := d.Decide(req, benchNow); err != nil || decision.Allow != allowed {
			b.Fatal(decision, err)
		}
	}
}

// BenchmarkEffective works out the effective permissions of one user.
func BenchmarkEffective(b *testing.B) {
	d := modelSize(1000, 100, 10000)
	b.ReportAllocs()
	for b.Loop() {
		if status, err := d.Effective("user-501", benchNow); err != nil || status.Summary.ReadOnly != 1 {
			b.Fatal(status, err)
		}
	}
}
