package admission

import (
	"testing"

	. "github.com/remit-authz/remit/internal/testobjects"
)

// TestCollectorsAreExempt: what Kubernetes itself collects goes, whatever it gave or restricted; nobody else may delete it,
// and the collectors may not change anything.
func TestCollectorsAreExempt(t *testing.T) {
	policy := MakePolicy().PreventEscalation().Obj()
	boss, none := MakeUser("boss").Superuser().Obj(), MakeSpecialPermission("none", "ann").On("None", "order").Obj()
	domain := objects{policy, boss, none, MakeResourceType("order").Obj(), MakeUser("ann").Roles("clerk").Obj(), MakeRole("clerk").Rule(Full("order")).Obj()}
	cases := map[string]reviewCase{
		"the last admin, by an editor":  {domain, remove(boss).by("editor"), []string{"metadata.name A2", "metadata.name A7"}},
		"a None, by an editor":          {domain, remove(none).by("editor"), []string{"metadata.name A7"}},
		"anything, as the namespace is": {domain, remove(boss).by("editor").terminating(), nil},
	}
	for _, name := range collectors {
		cases["the last admin, by "+name] = reviewCase{domain, remove(boss).by(name), nil}
		cases["a None, by "+name] = reviewCase{domain, remove(none).by(name), nil}
		cases["a new superuser, by "+name] = reviewCase{domain, create(MakeUser("eve").Superuser().Obj()).by(name), []string{"spec.superuser A7"}}
	}
	run(t, cases)
}
