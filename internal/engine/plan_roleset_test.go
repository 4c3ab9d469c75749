package engine_test

import (
	"fmt"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/testobjects"
)

// A domain that is asked about ever more users and actions does not grow without end, and stays right.
func TestRoleSetsAreDropped(t *testing.T) {
	const types, users = 200, 600
	var objects []engine.Object
	for i := range types {
		objects = append(objects, testobjects.MakeResourceType(fmt.Sprintf("type-%d", i)).Obj())
	}
	for i := range users {
		role := fmt.Sprintf("role-%d", i)
		objects = append(objects,
			testobjects.MakeRole(role).Rule(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(fmt.Sprintf("type-%d", i%types))}, Access: v1alpha1.AccessReadOnly}).Obj(),
			testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Roles(role).Obj())
	}
	d := engine.Compile(objects)
	for i := range users {
		for j := range types {
			decision, err := d.Decide(&engine.Request{
				Subject: engine.Subject{Type: "user", ID: fmt.Sprintf("user-%d", i)}, Action: engine.Action{Name: "read"},
				Resource: engine.Resource{Type: fmt.Sprintf("type-%d", j), ID: "1"},
			}, enginetest.Start)
			if err != nil || decision.Allow != (j == i%types) {
				t.Fatalf("user %d, type %d: %+v, %v", i, j, decision, err)
			}
			if plans := d.Plans(); plans > engine.MaxPlans {
				t.Fatalf("after user %d, type %d, %d actions are remembered, want at most %d", i, j, plans, engine.MaxPlans)
			}
		}
	}
	if plans := d.Plans(); plans == 0 || plans == types*users {
		t.Errorf("%d actions are remembered at the end, want some, not all of %d", plans, types*users)
	}
}
