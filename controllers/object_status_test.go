package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// noon is when the tests take place.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// censusOf takes the census of a domain at a time.
func censusOf(domain *engine.Domain, now time.Time) func() (*cachedCensus, time.Duration) {
	return func() (*cachedCensus, time.Duration) { return takeCensus(domain, now), 0 }
}

// described returns an object with the status that a domain of it and others gives it at noon.
func described(object client.Object, others ...engine.Object) client.Object {
	domain := engine.Compile(append(others, object))
	kind, _ := engine.KindOf(object)
	newStatusInput(domain, censusOf(domain, noon), engine.Ref{Kind: kind, Name: object.GetName()}, noon).describe(object)
	return object
}

func partsOf(object client.Object) kinds.Parts {
	kind, _ := kinds.Of(object)
	return kind.Parts(object)
}

// TestEveryKindIsDescribed walks the table of kinds through what writes status.
func TestEveryKindIsDescribed(t *testing.T) {
	for _, kind := range kinds.Table {
		t.Run(string(kind.Kind), func(t *testing.T) {
			if describers[kind.Kind] == nil {
				t.Fatalf("describers has no entry for %s", kind.Kind)
			}
			object := kind.New()
			object.SetName("default")
			object.SetGeneration(3)
			common := partsOf(described(object)).Common
			if !meta.IsStatusConditionTrue(common.Conditions, v1alpha1.ConditionReady) && !meta.IsStatusConditionTrue(common.Conditions, v1alpha1.ConditionStalled) {
				t.Errorf("the status says neither Ready nor Stalled: %v", lines(object))
			}
			if common.ObservedGeneration != 3 {
				t.Errorf("observedGeneration is %d, want 3", common.ObservedGeneration)
			}
		})
	}
}

// lines writes conditions as Type=Status/Reason: message.
func lines(object client.Object) []string {
	common := partsOf(object).Common
	var lines []string
	for _, c := range common.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s/%s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return lines
}

const (
	servedLine   = "Ready=True/Served: Decisions follow this object."
	resolvedLine = "ReferencesResolved=True/AllFound: Every object that it names exists."
	untoldLine   = "Served=False/WaitingForReplicas: No replica has published yet what it serves."
)

func TestConditions(t *testing.T) {
	order, company := testobjects.MakeResourceType("order").Link("company", "company").Obj(), testobjects.MakeResourceType("company").Obj()
	full := v1alpha1.AccessFull
	for name, tc := range map[string]struct {
		object client.Object
		others []engine.Object
		want   []string
	}{
		"a type": {order.DeepCopy(), []engine.Object{company}, []string{servedLine, resolvedLine}},
		"a type that links to nowhere": {order.DeepCopy(), nil, []string{
			servedLine, "ReferencesResolved=False/NotFound: Does not exist (yet): ResourceType/company.",
		}},
		"a role": {testobjects.MakeRole("r").Rule(testobjects.Full("order")).Obj(), []engine.Object{order}, []string{servedLine, resolvedLine}},
		"a role with a bad expression": {
			testobjects.MakeRole("r").Rule(testobjects.MakeRule("order").Access(full).Condition("subject.id").Obj()).Obj(), []engine.Object{order},
			[]string{
				"Ready=False/NotServed: spec.rules[0].condition: ",
				"Stalled=True/InvalidExpression: spec.rules[0].condition: ",
				resolvedLine,
			},
		},
		"a role with everything": {testobjects.MakeRole("r").AdminAccess().Rule(testobjects.Full("order")).Obj(), []engine.Object{order}, []string{
			servedLine, resolvedLine, "Advice=True/PointlessRules: spec.rules: a role with adminAccess gives everything; its rules and appAccess do nothing",
		}},
		"a group": {
			testobjects.MakeGroup("g").Groups("other").Roles("r").Obj(), nil,
			[]string{servedLine, "ReferencesResolved=False/NotFound: Does not exist (yet): Group/other, Role/r."},
		},
		"a user": {testobjects.MakeUser("u").Obj(), nil, []string{servedLine, resolvedLine}},
		"a user whose id another has": {
			testobjects.MakeUser("v").ID("u").Obj(), []engine.Object{testobjects.MakeUser("u").Obj()},
			[]string{
				"Ready=False/NotServed: spec.id: the older User/u has this id already, and it counts; delete one of the two",
				"Stalled=True/Conflict: spec.id: the older User/u has this id already, and it counts; delete one of the two",
				resolvedLine,
			},
		},
		"a user permission": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").Obj(), []engine.Object{company},
			[]string{servedLine, resolvedLine, "InForce=True/Active: Decisions follow it."},
		},
		"a user permission for a while": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").In("", "2026-06-01T12:00:01Z").Obj(), []engine.Object{company},
			[]string{servedLine, resolvedLine, "InForce=True/Active: Decisions follow it until 2026-06-01T12:00:01Z."},
		},
		"a user permission to come": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").In("2026-06-01T12:00:01Z", "").Obj(), []engine.Object{company},
			[]string{servedLine, resolvedLine, "InForce=False/NotStarted: Takes effect at 2026-06-01T12:00:01Z."},
		},
		"a user permission that is over": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").In("", "2026-06-01T12:00:00Z").Obj(), []engine.Object{company},
			[]string{servedLine, resolvedLine, "InForce=False/Expired: Ended at 2026-06-01T12:00:00Z."},
		},
		"a user permission of a superuser": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").Obj(), []engine.Object{company, testobjects.MakeUser("u").Superuser().Obj()},
			[]string{servedLine, resolvedLine, "InForce=False/UserIsAdmin: Nothing limits u, who is a superuser or holds a role with adminAccess."},
		},
		"a user permission of who may be admin": {
			testobjects.MakeUserPermission("p", "company", "a").User("u").Obj(),
			[]engine.Object{company, testobjects.MakeUser("u").Roles("a").Obj(), testobjects.MakeRole("a").AdminAccess().RequireMFA().Obj()},
			[]string{servedLine, resolvedLine, "InForce=True/Active: Decisions follow it."},
		},
		"a special permission": {
			testobjects.MakeSpecialPermission("s", "u").On(full, "order").Obj(), []engine.Object{order},
			[]string{servedLine, resolvedLine, "InForce=True/Active: Decisions follow it."},
		},
		"a special permission that loses": {
			testobjects.MakeSpecialPermission("s", "u").On(full, "order").Obj(),
			[]engine.Object{order, testobjects.MakeSpecialPermission("n", "u").On(v1alpha1.AccessNone, "order").Obj()},
			[]string{servedLine, resolvedLine, "InForce=False/Overruled: More restrictive ones decide wherever it would: SpecialPermission/n."},
		},
		"a special permission that loses in part": {
			testobjects.MakeSpecialPermission("s", "u").On(full, "order", "company").Obj(),
			[]engine.Object{order, company, testobjects.MakeSpecialPermission("n", "u").On(v1alpha1.AccessNone, "order").Obj()},
			[]string{servedLine, resolvedLine, "InForce=True/Active: Decisions follow it. On some resource types, more restrictive ones decide: SpecialPermission/n."},
		},
		"a special permission of an admin": {
			testobjects.MakeSpecialPermission("s", "u").On(full, "order").Obj(),
			[]engine.Object{order, testobjects.MakeUser("u").Roles("a").Obj(), testobjects.MakeRole("a").AdminAccess().Obj()},
			[]string{servedLine, resolvedLine, "InForce=False/UserIsAdmin: Nothing limits u, who is a superuser or holds a role with adminAccess."},
		},
		"a record set of no type": {testobjects.MakeRecordSet("s", "nosuch").Record("a", "", nil).Obj(), nil, []string{
			servedLine, "ReferencesResolved=False/NotFound: Does not exist (yet): ResourceType/nosuch.",
		}},
		"a record set in a circle": {
			testobjects.MakeRecordSet("s", "company").Record("a", "a", nil).Obj(), []engine.Object{company},
			[]string{"Ready=False/NotServed: spec.records: ", "Stalled=True/ParentCycle: spec.records: ", resolvedLine},
		},
		"a policy": {testobjects.MakePolicy().Obj(), nil, []string{servedLine, resolvedLine, untoldLine}},
		"a policy of another name": {
			func() client.Object { p := testobjects.MakePolicy().Obj(); p.Name = "other"; return p }(), nil,
			[]string{
				`Ready=False/NotServed: metadata.name: a domain has one PermissionPolicy, named "default"; this one has no effect`,
				`Stalled=True/NotTheDefault: metadata.name: a domain has one PermissionPolicy, named "default"; this one has no effect`,
				resolvedLine, untoldLine,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := lines(described(tc.object, tc.others...))
			// A line that ends after a path leaves the engine's words open.
			for i, want := range tc.want {
				if i < len(got) && strings.HasSuffix(want, ": ") && strings.HasPrefix(got[i], want) {
					got[i] = want
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if common := partsOf(tc.object).Common; common.ObservedGeneration != tc.object.GetGeneration() {
				t.Errorf("observedGeneration = %d, want %d", common.ObservedGeneration, tc.object.GetGeneration())
			}
		})
	}
}

func TestCounts(t *testing.T) {
	domain := []engine.Object{
		testobjects.MakeResourceType("order").Areas("sales").Obj(),
		testobjects.MakeRole("a").Rule(testobjects.Full("order"), testobjects.ReadOnly("*")).Obj(),
		testobjects.MakeGroup("g").Members("u", "v").Roles("a").Rule(testobjects.MakeRule("other").Areas("sales").Access(v1alpha1.AccessFull).Obj()).Obj(),
		testobjects.MakeGroup("inner").Member("w", "", "2026-06-01T12:00:00Z").Member("x", "2026-06-01T12:00:00Z", "").Obj(),
		testobjects.MakeUser("u").Superuser().Obj(),
		testobjects.MakeUser("w").ID("W").Obj(),
		testobjects.MakeUserPermission("p", "order", "1").Group("g").Obj(),
		testobjects.MakeSpecialPermission("s", "v").On(v1alpha1.AccessReadOnly, "*").Obj(),
		testobjects.MakeRecordSet("r", "order").Record("1", "", nil).Record("2", "", nil).Obj(),
		testobjects.MakeRecordSet("s", "order").Record("2", "", nil).Record("3", "", nil).Obj(),
		testobjects.MakePolicy().Obj(),
	}
	for name, want := range map[string]any{
		"ResourceType/order":       v1alpha1.ResourceTypeStatus{Actions: 4, Rules: 3, Records: 3},
		"Role/a":                   v1alpha1.RoleStatus{Users: 2, Groups: 1},
		"Group/g":                  v1alpha1.GroupStatus{Members: 2},
		"Group/inner":              v1alpha1.GroupStatus{Members: 1},
		"User/u":                   v1alpha1.UserStatus{EffectivePermissions: "u"},
		"User/w":                   v1alpha1.UserStatus{EffectivePermissions: v1alpha1.EffectivePermissionsName("W")},
		"UserPermission/p":         v1alpha1.UserPermissionStatus{Users: 2},
		"SpecialPermission/s":      v1alpha1.SpecialPermissionStatus{ResourceTypes: 1},
		"RecordSet/r":              v1alpha1.RecordSetStatus{Records: 2},
		"RecordSet/s":              v1alpha1.RecordSetStatus{Records: 1},
		"PermissionPolicy/default": v1alpha1.PermissionPolicyStatus{Users: 5, Admins: 1},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(domain, func(o engine.Object) bool {
				kind, _ := engine.KindOf(o)
				return engine.Ref{Kind: kind, Name: o.GetName()}.String() == name
			})
			parts := partsOf(described(domain[i], domain...))
			*parts.Common = v1alpha1.CommonStatus{}
			if diff := cmp.Diff(want, reflect.ValueOf(parts.Status).Elem().Interface()); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnObjectThatIsNotServedYet(t *testing.T) {
	role := testobjects.MakeRole("r").Rule(testobjects.Full("order")).Obj()
	described(role)
	newer := role.DeepCopy()
	newer.Generation = 2
	domain := engine.Compile([]engine.Object{role})
	newStatusInput(domain, censusOf(domain, noon), engine.Ref{Kind: engine.KindRole, Name: "r"}, noon.Add(time.Minute)).describe(newer)

	if diff := cmp.Diff([]string{
		"Ready=False/NotServed: Decisions do not follow generation 2 yet.",
		"Reconciling=True/WaitingForDomain: Decisions do not follow generation 2 yet.",
		"ReferencesResolved=False/NotFound: Does not exist (yet): ResourceType/order.",
	}, lines(newer)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if newer.Status.ObservedGeneration != 1 {
		t.Errorf("observedGeneration = %d, want that of before, 1", newer.Status.ObservedGeneration)
	}

	domain = engine.Compile([]engine.Object{newer})
	newStatusInput(domain, censusOf(domain, noon), engine.Ref{Kind: engine.KindRole, Name: "r"}, noon.Add(2*time.Minute)).describe(newer)
	if diff := cmp.Diff([]string{servedLine, "ReferencesResolved=False/NotFound: Does not exist (yet): ResourceType/order."}, lines(newer)); diff != "" {
		t.Errorf("conditions when it is served (-want +got):\n%s", diff)
	}
}

func TestTransitionTimes(t *testing.T) {
	user := testobjects.MakeUser("u").Roles("r").Obj()
	role := testobjects.MakeRole("r").Obj()
	look := func(minutes int, objects ...engine.Object) map[string]int {
		domain, now := engine.Compile(objects), noon.Add(time.Duration(minutes)*time.Minute+300*time.Millisecond)
		newStatusInput(domain, censusOf(domain, now), engine.Ref{Kind: engine.KindUser, Name: "u"}, now).describe(user)
		times := map[string]int{}
		for _, c := range user.Status.Conditions {
			times[c.Type] = int(c.LastTransitionTime.Sub(noon) / time.Minute)
			if c.LastTransitionTime.Nanosecond() != 0 {
				t.Errorf("%s: %v is finer than the API can say", c.Type, c.LastTransitionTime)
			}
		}
		return times
	}
	for i, step := range []struct{ got, want map[string]int }{
		{look(0, user), map[string]int{"Ready": 0, "ReferencesResolved": 0}},
		{look(1, user), map[string]int{"Ready": 0, "ReferencesResolved": 0}},
		{look(2, user, role), map[string]int{"Ready": 0, "ReferencesResolved": 2}},
		{look(3, user, role), map[string]int{"Ready": 0, "ReferencesResolved": 2}},
	} {
		if diff := cmp.Diff(step.want, step.got); diff != "" {
			t.Errorf("step %d: minutes of transitions (-want +got):\n%s", i, diff)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	group := testobjects.MakeGroup("g").Obj()
	for i := range 300 {
		group.Spec.Groups = append(group.Spec.Groups, v1alpha1.Name(fmt.Sprintf("group-%03d", i)))
	}
	want := "ReferencesResolved=False/NotFound: Does not exist (yet): Group/group-000, Group/group-001, Group/group-002, Group/group-003, " +
		"Group/group-004, Group/group-005, Group/group-006, Group/group-007, Group/group-008, Group/group-009, and 290 more."
	if diff := cmp.Diff([]string{servedLine, want}, lines(described(group))); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}

	c := &conditions{now: metav1.NewTime(noon)}
	c.add("Long", true, "Long", strings.Repeat("ä", longestMessage))
	if got := c.list[0].Message; len(got) > longestMessage || !strings.HasSuffix(got, "ä…") {
		t.Errorf("a message of %d bytes that ends in %q, want at most %d that end in a whole character and …", len(got), got[len(got)-6:], longestMessage)
	}
}

func TestBuiltInRoles(t *testing.T) {
	for name, tc := range map[string]struct {
		policy  func(*v1alpha1.PermissionPolicySpec)
		objects []engine.Object
		want    map[string]bool // name → adminAccess
	}{
		"the usual ones":       {func(*v1alpha1.PermissionPolicySpec) {}, nil, map[string]bool{"admin": true, "public": false}},
		"of other names":       {func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole = "owner" }, nil, map[string]bool{"owner": true, "public": false}},
		"one that exists":      {func(*v1alpha1.PermissionPolicySpec) {}, []engine.Object{testobjects.MakeRole("admin").Obj()}, map[string]bool{"public": false}},
		"both of one name":     {func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole = "public" }, nil, map[string]bool{"public": false}},
		"a name for no object": {func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole = "Site Owner" }, nil, map[string]bool{"public": false}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]bool{}
			for _, role := range builtInRoles(engine.Compile(append(tc.objects, testobjects.MakePolicy().Spec(tc.policy).Obj()))) {
				got[role.Name] = role.Spec.AdminAccess
				if role.Spec.Rules != nil || role.Spec.AppAccess {
					t.Errorf("%s: %+v gives more than it should", role.Name, role.Spec)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("builtInRoles (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCostlyMemberCondition: the group whose memberCondition costs too much for a user is the one that is stalled.
func TestCostlyMemberCondition(t *testing.T) {
	numbers := make([]string, 60)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	list := v1alpha1.JSON{Raw: []byte("[" + strings.Join(numbers, ",") + "]")}
	users := []engine.Object{testobjects.MakeUser("ann").Obj()}
	for _, name := range []string{"bob", "carol"} {
		user := testobjects.MakeUser(name).Obj()
		user.Spec.Attributes = map[string]v1alpha1.JSON{"l": list}
		users = append(users, user)
	}
	const thrice = "subject.attributes.l.exists(a, subject.attributes.l.exists(b, subject.attributes.l.exists(c, %s)))"
	cheap := testobjects.MakeGroup("cheap").MemberCondition("subject.attributes.l.exists(a, a == 3)").Obj()
	costly := testobjects.MakeGroup("costly").MemberCondition(fmt.Sprintf(thrice, "a == -1")).Obj()

	got := lines(described(costly, append(users, cheap)...))
	if !slices.ContainsFunc(got, func(line string) bool {
		return strings.HasPrefix(line, "Stalled=True/ExpressionBudget: spec.memberCondition: Group/costly: ") && strings.Contains(line, "user bob")
	}) {
		t.Errorf("the costly group says %q, want Stalled with its name and that of the first user", got)
	}
	for _, line := range lines(described(cheap, append(users, costly)...)) {
		if strings.HasPrefix(line, "Stalled=") {
			t.Errorf("the other group says %q", line)
		}
	}
	if got := lines(described(costly.DeepCopy(), users[0], cheap)); slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "Stalled=") }) {
		t.Errorf("without a user whom it costs much the group says %q", got)
	}
}

// TestCostlyExpressionsAreAdvised: whoever writes a loop in a loop over what callers send is told, with the path and a way out.
func TestCostlyExpressionsAreAdvised(t *testing.T) {
	role := testobjects.MakeRole("r").Rule(testobjects.MakeRule("order").Access("Full").
		Condition("resource.properties.labels.all(l, resource.properties.allowed.exists(a, a == l))").Obj()).Obj()
	got := lines(described(role, testobjects.MakeResourceType("order").Obj()))
	if !slices.ContainsFunc(got, func(line string) bool {
		return strings.HasPrefix(line, "Advice=True/CostlyExpression: spec.rules[0].condition: loops over resource.properties.allowed")
	}) {
		t.Errorf("the role says %q", got)
	}
}
