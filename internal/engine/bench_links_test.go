package engine_test

import (
	"fmt"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// BenchmarkDecideDynamicLink decides by a user permission on a dynamic link in a domain of a thousand types, which must not
// matter.
func BenchmarkDecideDynamicLink(b *testing.B) {
	objects := []engine.Object{
		MakeResourceType("doc").DynamicLink("party", "kind").Obj(),
		MakeRole("r").Rule(Full("doc")).Obj(), MakeUser("ann").Roles("r").Obj(),
		MakeUserPermission("up", "type-500", "12").User("ann").Obj(),
	}
	for i := range 1000 {
		objects = append(objects, MakeResourceType(fmt.Sprintf("type-%d", i)).Obj())
	}
	d := engine.Compile(objects)
	for name, party := range map[string]string{"allowed": "12", "denied": "13"} {
		req := ask("ann", "read", "doc/1", having(object{"kind": "type-500", "party": party}))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if decision, err := d.Decide(req, benchNow); err != nil || decision.Allow != (name == "allowed") {
					b.Fatal(decision, err)
				}
			}
		})
	}
}
