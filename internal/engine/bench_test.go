package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

var benchNow = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// modelSize makes a domain in which each role gives one type, and every user holds one role.
func modelSize(roles, types, users int) *engine.Domain {
	var objects []engine.Object
	for i := range types {
		objects = append(objects, testobjects.MakeResourceType(fmt.Sprintf("type-%d", i)).Obj())
	}
	for i := range roles {
		role := testobjects.MakeRole(fmt.Sprintf("role-%d", i)).Obj()
		role.Spec.Rules = []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(fmt.Sprintf("type-%d", i%types))}, Access: v1alpha1.AccessReadOnly}}
		objects = append(objects, role)
	}
	for i := range users {
		user := testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Obj()
		user.Spec.Roles = []v1alpha1.RoleRef{{Name: v1alpha1.Name(fmt.Sprintf("role-%d", i%roles))}}
		objects = append(objects, user)
	}
	return engine.Compile(objects)
}

func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ roles, types, users int }{{100, 10, 1000}, {1000, 100, 10000}} {
		d := modelSize(size.roles, size.types, size.users)
		req := &engine.Request{
			Subject:  engine.Subject{Type: "user", ID: "user-501"},
			Action:   engine.Action{Name: "read"},
			Resource: engine.Resource{Type: fmt.Sprintf("type-%d", 501%size.roles%size.types), ID: "r1"},
		}
		b.Run(fmt.Sprintf("unconditional/users=%d", size.users), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if decision, err := d.Decide(req, benchNow); err != nil || !decision.Allow {
					b.Fatal(decision, err)
				}
			}
		})
	}
}
