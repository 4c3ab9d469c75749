package importer

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// TestIntoSets: sets say what the objects said, each within its limit, and an export that grows leaves most sets as they are.
func TestIntoSets(t *testing.T) {
	domain := func(users int) []engine.Object {
		objects := []engine.Object{
			MakeResourceType("order").Link("company", "company").Obj(), MakeResourceType("company").Obj(),
			MakeRole("reader").Rule(MakeRule("order").Actions("read").Obj()).Obj(),
		}
		for i := range users {
			name := fmt.Sprintf("user-%05d", i)
			objects = append(objects, MakeUser(name).ID(name+"@example.com").Roles("reader").Obj(),
				MakeUserPermission(name, "company", fmt.Sprint(i%7)).User(name+"@example.com").Obj())
		}
		return objects
	}
	for users, want := range map[int]int{1: 1, 500: 1, 501: 2, 1800: 4} {
		objects := domain(users)
		sets := IntoSets(objects)
		counts := map[string]int{}
		for _, object := range sets {
			kind, _ := engine.KindOf(object)
			counts[string(kind)]++
			if set, ok := object.(*v1alpha1.UserSet); ok && len(set.Spec.Users) > mostEntries {
				t.Errorf("%s has %d entries", set.Name, len(set.Spec.Users))
			}
		}
		if diff := cmp.Diff(map[string]int{"ResourceType": 2, "Role": 1, "UserSet": want, "UserPermissionSet": want}, counts); diff != "" {
			t.Errorf("of %d users (-want +got):\n%s", users, diff)
		}
		before, after := engine.Compile(objects), engine.Compile(sets)
		for _, id := range before.Users() {
			request := &engine.Request{
				Subject: engine.Subject{Type: "user", ID: id}, Action: engine.Action{Name: "read"},
				Resource: engine.Resource{Type: "order", ID: "1", Properties: map[string]any{"company": "3"}},
			}
			said, err := before.Decide(request, time.Now())
			says, err2 := after.Decide(request, time.Now())
			if err != nil || err2 != nil || said.Allow != says.Allow || said.Reason != says.Reason {
				t.Fatalf("%s: %v and %v, %v, %v", id, said, says, err, err2)
			}
		}
	}
	small, large := IntoSets(domain(1800)), IntoSets(domain(1801))
	same := 0
	for i := range small {
		if cmp.Equal(small[i], large[i]) {
			same++
		}
	}
	if want := len(small) - 2; len(large) != len(small) || same != want {
		t.Errorf("one user more leaves %d of %d objects as they are, want %d", same, len(small), want)
	}
}
