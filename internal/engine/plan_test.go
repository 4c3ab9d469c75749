package engine_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// TestPlanForgetsRecords changes the records that a user permission remembers: the root of a tree that it names moves
// from one RecordSet to another, comes and goes.
func TestPlanForgetsRecords(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	role := testobjects.MakeRole("reader").Obj()
	role.Spec.Rules = []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{"order"}, Access: v1alpha1.AccessReadOnly}}
	user := testobjects.MakeUser("ann").Obj()
	user.Spec.Roles = []v1alpha1.RoleRef{{Name: "reader"}}
	tree := func(set, parent string) engine.Object {
		return testobjects.MakeRecordSet(set, "unit").Record("north", "", nil).Record("south", "", nil).Record("oslo", parent, nil).Obj()
	}
	domain := engine.Compile([]engine.Object{
		testobjects.MakeResourceType("order").Link("unit", "unit").Obj(), testobjects.MakeResourceType("unit").Tree("parent").Obj(),
		role, user, testobjects.MakeUserPermission("north", "unit", "north").User("ann").Obj(), tree("units", "north"),
	})
	req := &engine.Request{
		Subject:  engine.Subject{Type: "user", ID: "ann"},
		Action:   engine.Action{Name: "read"},
		Resource: engine.Resource{Type: "order", ID: "1", Properties: map[string]any{"unit": "oslo"}},
	}
	check := func(state string, domain *engine.Domain, want bool) {
		t.Helper()
		got, decided := domain.DecideByPlan(req, now)
		if !decided || got.Allow != want {
			t.Errorf("%s: decided %t, allow %t; want %t", state, decided, got.Allow, want)
		}
	}
	check("below", domain, true)
	moved, _ := domain.With(engine.Put(tree("units", "south")))
	check("moved away", moved, false)
	check("as it was", domain, true)
	back, _ := moved.With(engine.Put(tree("units", "north")))
	check("moved back", back, true)
	gone, _ := back.With(engine.Remove(engine.Ref{Kind: engine.KindRecordSet, Name: "units"}))
	check("gone", gone, false)
	again, _ := gone.With(engine.Put(tree("other", "north")))
	check("in another set", again, true)
}

// TestPlanBelievesNoClaims asks about claims in a domain that does not believe callers (S3).
func TestPlanBelievesNoClaims(t *testing.T) {
	role := testobjects.MakeRole("reader").Obj()
	role.Spec.Rules = []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{"order"}, Access: v1alpha1.AccessReadOnly, Condition: "subject.properties.tier == 'gold'"}}
	user := testobjects.MakeUser("ann").Obj()
	user.Spec.Roles = []v1alpha1.RoleRef{{Name: "reader"}}
	for trust, want := range map[v1alpha1.SubjectProperties]bool{v1alpha1.SubjectPropertiesTrust: true, v1alpha1.SubjectPropertiesIgnore: false} {
		policy := &v1alpha1.PermissionPolicy{}
		policy.Name = v1alpha1.PolicyName
		policy.Spec.SubjectProperties = trust
		domain := engine.Compile([]engine.Object{testobjects.MakeResourceType("order").Obj(), role, user, policy})
		got, err := domain.Decide(&engine.Request{
			Subject:  engine.Subject{Type: "user", ID: "ann", Properties: map[string]any{"tier": "gold"}},
			Action:   engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "order", ID: "1"},
		}, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || got.Allow != want {
			t.Errorf("%s: allow %t, %v; want %t", trust, got.Allow, err, want)
		}
	}
}

// More rules than a plan has bits for are left to the stages.
func TestPlanOfManyRules(t *testing.T) {
	role := testobjects.MakeRole("many")
	const rules = 70
	for i := range rules {
		role.Rule(testobjects.MakeRule("doc").Actions("read").Fields(fmt.Sprintf("f%d", i)).Condition(fmt.Sprintf("resource.properties.n == %d", i)).Obj())
	}
	d := engine.Compile([]engine.Object{testobjects.MakeResourceType("doc").Obj(), role.Obj(), testobjects.MakeUser("ann").Roles("many").Obj()})
	for _, n := range []int64{0, 63, 64, rules - 1, rules} {
		decision, err := d.Decide(&engine.Request{
			Subject: engine.Subject{Type: "user", ID: "ann"}, Action: engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "doc", ID: "d", Properties: map[string]any{"n": n}},
		}, benchNow)
		if err != nil || decision.Allow != (n < rules) || decision.Allow && decision.Fields[0] != fmt.Sprintf("f%d", n) {
			t.Errorf("%d: %+v, %v", n, decision, err)
		}
	}
}

// Every user permission that restricts a value decides a denial of it.
func TestUserPermissionsDenyTogether(t *testing.T) {
	d := engine.Compile([]engine.Object{
		testobjects.MakeResourceType("doc").Link("company", "company").Obj(), testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeRole("all").Rule(testobjects.Full("*")).Obj(), testobjects.MakeUser("ann").Roles("all").Obj(),
		testobjects.MakeGroup("g").Members("ann").Obj(),
		testobjects.MakeUserPermission("a", "company", "a").User("ann").Obj(), testobjects.MakeUserPermission("b", "company", "b").User("ann").Obj(),
		testobjects.MakeUserPermission("c", "company", "c").Group("g").Obj(),
		testobjects.MakeUserPermission("other", "company", "d").User("ann").ApplicableFor("company").Obj(),
	})
	decision, err := d.Decide(&engine.Request{
		Subject: engine.Subject{Type: "user", ID: "ann"}, Action: engine.Action{Name: "read"},
		Resource: engine.Resource{Type: "doc", ID: "d", Properties: map[string]any{"company": "d"}},
	}, benchNow)
	if got := fmt.Sprint(decision.DecidedBy); err != nil || got != "[UserPermission/a UserPermission/b UserPermission/c]" {
		t.Errorf("decided by %s, %v", got, err)
	}
}

// A member condition in error restricts by the groups around its group, too, since the user may be in them. What a user
// permission allows whether or not the user is in them stays allowed (S3, S9).
func TestAnErrorRestrictsByGroupsAround(t *testing.T) {
	objects := []engine.Object{
		testobjects.MakeResourceType("company").Obj(), testobjects.MakeRole("all").Rule(testobjects.Full("*")).Obj(), testobjects.MakeUser("ann").Roles("all").Obj(),
		testobjects.MakeGroup("inner").MemberCondition("subject.properties.tier == 'gold'").Obj(), testobjects.MakeGroup("outer").Groups("inner").Obj(),
		testobjects.MakeUserPermission("a", "company", "a").Group("outer").Obj(),
	}
	group := engine.Compile(objects)
	both := engine.Compile(append(objects, testobjects.MakeUserPermission("b", "company", "b").User("ann").Obj()))
	gold, silver := map[string]any{"tier": "gold"}, map[string]any{"tier": "silver"}
	for _, test := range []struct {
		domain  *engine.Domain
		claims  map[string]any
		id      string
		allowed bool
	}{
		{group, nil, "a", true}, {group, nil, "b", false}, {group, gold, "a", true}, {group, gold, "b", false}, {group, silver, "b", true},
		{both, nil, "a", false}, {both, nil, "b", true}, {both, gold, "a", true}, {both, gold, "b", true}, {both, silver, "a", false}, {both, silver, "b", true},
	} {
		decision, err := test.domain.Decide(&engine.Request{
			Subject: engine.Subject{Type: "user", ID: "ann", Properties: test.claims}, Action: engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "company", ID: test.id},
		}, benchNow)
		if err != nil || decision.Allow != test.allowed {
			t.Errorf("%v on %s: %+v, %v", test.claims, test.id, decision, err)
		}
	}
}

// A user permission that may restrict a user by a member condition in error changes something when its window opens.
func TestTransitionOfWhatMayRestrict(t *testing.T) {
	permission := testobjects.MakeUserPermission("a", "company", "a").Group("outer").Obj()
	opens := metav1.NewTime(benchNow.Add(time.Hour))
	permission.Spec.StartsAt = &opens
	d := engine.Compile([]engine.Object{
		testobjects.MakeResourceType("company").Obj(), testobjects.MakeUser("ann").Obj(), permission,
		testobjects.MakeGroup("inner").MemberCondition("subject.properties.tier == 'gold'").Obj(), testobjects.MakeGroup("outer").Groups("inner").Obj(),
	})
	if next, ok := d.NextTransitionOf("ann", benchNow); !ok || !next.Equal(opens.Time) {
		t.Errorf("%v, %t", next, ok)
	}
}

// TestPlanKnowsWhatConditionsRead: what a condition reads of the principal, and of records that only a RecordSet knows, is
// there in prepared answers as it is in the stages.
func TestPlanKnowsWhatConditionsRead(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for condition, want := range map[string]map[string]bool{
		"'desk' in subject.groups":                {"ann": true, "bob": false},
		"'reader' in subject.roles":               {"ann": true, "bob": true},
		"'other' in subject.roles":                {"ann": true, "bob": false},
		"!has(resource.properties.status)":        {"ann": false},
		"'status' in resource.properties":         {"ann": true},
		"resource.properties.status == 'open'":    {"ann": true},
		"subject.attributes.department == 'desk'": {"ann": true},
	} {
		domain := engine.Compile([]engine.Object{
			testobjects.MakeResourceType("order").Obj(),
			testobjects.MakeRole("reader").Rule(testobjects.MakeRule("order").Actions("read").Condition(condition).Obj()).Obj(), testobjects.MakeRole("other").Obj(),
			testobjects.MakeGroup("desk").Members("ann").Roles("other").Obj(),
			testobjects.MakeUser("ann").Roles("reader").Attribute("department", "desk").Obj(), testobjects.MakeUser("bob").Roles("reader").Obj(),
			testobjects.MakeRecordSet("orders", "order").Record("1", "", map[string]any{"status": "open"}).Obj(),
		})
		for user, allow := range want {
			got, decided := domain.DecideByPlan(&engine.Request{
				Subject:  engine.Subject{Type: "user", ID: user},
				Action:   engine.Action{Name: "read"},
				Resource: engine.Resource{Type: "order", ID: "1"},
			}, now)
			if !decided || got.Allow != allow {
				t.Errorf("%s for %s: decided %t, allow %t; want %t", condition, user, decided, got.Allow, allow)
			}
		}
	}
}
