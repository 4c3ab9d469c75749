package admission

import (
	"slices"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// broken is a change that breaks a rule.
type broken struct {
	domain objects
	change Change
}

// TestEveryRuleConsidersEveryKind has, for each rule, what a change of each kind does to it: a change that breaks it and is
// refused, or the reason why no change of the kind can. A new kind has to be added to one of the two for every rule.
func TestEveryRuleConsidersEveryKind(t *testing.T) {
	chief := MakeRole("chief").AdminAccess().Obj()
	byName := objects{chief, MakeGroup("board").MemberCondition("subject.id == 'ada'").Roles("chief").Obj()}
	oneOf := MakeUserPermission("one", "company", "east").User("ada").Default("east")
	one := oneOf.Obj()
	bad := MakeRule("part").Actions("read").Condition("1 +").Obj()
	frozen := MakeSpecialPermission("s", "wim").On(v1alpha1.AccessNone, "pay").Obj()
	limited := MakeUserPermission("p", "pay", "1").User("wim").Obj()
	badName := MakePolicy().Obj()
	badName.Name = "other"

	for rule, tc := range map[string]struct {
		breaks map[kinds.Kind]broken
		cannot map[kinds.Kind]string
	}{
		"A1": {
			breaks: map[kinds.Kind]broken{
				kinds.Role:             {objects{MakePolicy().Obj()}, remove(MakeRole("admin").AdminAccess().Obj())},
				kinds.PermissionPolicy: {objects{MakeRole("public").AdminAccess().Obj()}, create(MakePolicy().Obj())},
			},
			cannot: map[kinds.Kind]string{
				kinds.ResourceType: "is no role, and names none", kinds.RecordSet: "is no role, and names none",
				kinds.Group:   "holds built-in roles, and does not change what they are",
				kinds.User:    "holds built-in roles, and does not change what they are",
				kinds.UserSet: "holds built-in roles, and does not change what they are", kinds.UserPermissionSet: "is no role, and names none",
				kinds.UserPermission: "is no role, and names none", kinds.SpecialPermission: "is no role, and names none",
			},
		},
		"A2": {
			breaks: map[kinds.Kind]broken{
				kinds.Role:              {objects{chief, MakeUser("ada").Roles("chief").Obj()}, remove(chief)},
				kinds.Group:             {objects{chief, MakeGroup("g").Members("ada").Roles("chief").Obj()}, remove(MakeGroup("g").Obj())},
				kinds.User:              {objects{MakeUser("ada").Superuser().Obj()}, remove(MakeUser("ada").Obj())},
				kinds.UserSet:           {objects{MakeUserSet("s", MakeUser("ada").Superuser())}, update(MakeUserSet("s"))},
				kinds.UserPermission:    {append(byName, one), remove(one)},
				kinds.UserPermissionSet: {append(byName, MakeUserPermissionSet("s", oneOf)), remove(MakeUserPermissionSet("s"))},
				kinds.SpecialPermission: {append(byName, MakeSpecialPermission("s", "ada").Obj()), remove(MakeSpecialPermission("s", "ada").Obj())},
				kinds.PermissionPolicy:  {objects{MakePolicy().Obj(), MakeUser("ada").Roles("admin").Obj()}, remove(MakePolicy().Obj())},
			},
			cannot: map[kinds.Kind]string{kinds.ResourceType: "makes nobody known or admin", kinds.RecordSet: "makes nobody known or admin"},
		},
		"A3": {
			breaks: map[kinds.Kind]broken{
				kinds.User: {objects{MakeUser("ada").Obj()}, create(MakeUser("other").ID("ada").Obj())},
			},
			cannot: map[kinds.Kind]string{
				kinds.UserSet: "an id may be in several: the User counts, then the older set", kinds.UserPermissionSet: "names users, who may have many",
				kinds.ResourceType: "has no user id", kinds.RecordSet: "has no user id", kinds.Role: "has no user id", kinds.PermissionPolicy: "has no user id",
				kinds.Group: "names users, who may be in many groups", kinds.UserPermission: "names a user, who may have many",
				kinds.SpecialPermission: "names a user, who may have many",
			},
		},
		"A4": {
			breaks: map[kinds.Kind]broken{
				kinds.UserPermission:    {objects{one}, create(MakeUserPermission("two", "company", "west").User("ada").Default("west").Obj())},
				kinds.UserPermissionSet: {objects{one}, create(MakeUserPermissionSet("s", MakeUserPermission("two", "company", "west").User("ada").Default("west")))},
			},
			cannot: map[kinds.Kind]string{
				kinds.UserSet:      "has no default",
				kinds.ResourceType: "has no default", kinds.RecordSet: "has no default", kinds.Role: "has no default", kinds.Group: "has no default",
				kinds.User: "has no default", kinds.SpecialPermission: "has no default", kinds.PermissionPolicy: "has no default",
			},
		},
		"A5": {
			breaks: map[kinds.Kind]broken{
				kinds.UserPermission:    {objects{one}, create(MakeUserPermission("two", "company", "east").User("ada").Obj())},
				kinds.UserPermissionSet: {objects{one}, create(MakeUserPermissionSet("s", MakeUserPermission("two", "company", "east").User("ada")))},
			},
			cannot: map[kinds.Kind]string{
				kinds.UserSet:      "allows no values",
				kinds.ResourceType: "allows no values", kinds.RecordSet: "allows no values", kinds.Role: "allows no values", kinds.Group: "allows no values",
				kinds.User: "allows no values", kinds.SpecialPermission: "allows no values", kinds.PermissionPolicy: "allows no values",
			},
		},
		"A6": {
			breaks: map[kinds.Kind]broken{
				kinds.ResourceType:      {nil, create(MakeResourceType("t").Link("a..b", "t").Obj())},
				kinds.Role:              {nil, create(MakeRole("r").Rule(bad).Obj())},
				kinds.Group:             {nil, create(MakeGroup("g").Rule(bad).Obj())},
				kinds.User:              {nil, create(MakeUser("u").RoleIn("r", nextMonth, lastMonth).Obj())},
				kinds.UserSet:           {nil, create(MakeUserSet("s", MakeUser("u").RoleIn("r", nextMonth, lastMonth)))},
				kinds.UserPermission:    {nil, create(MakeUserPermission("p", "t", "1").User("u").Group("g").Obj())},
				kinds.UserPermissionSet: {nil, create(MakeUserPermissionSet("s", MakeUserPermission("p", "t", "1").User("u").Group("g")))},
				kinds.SpecialPermission: {nil, create(MakeSpecialPermission("s", "u").On(v1alpha1.AccessFull).Obj())},
				kinds.RecordSet: {nil, create(func() engine.Object {
					set := MakeRecordSet("r", "t").Record("1", "", map[string]any{"a": 1}).Obj()
					set.Spec.Records[0].Properties["a"] = v1alpha1.JSON{Raw: []byte("{")}
					return set
				}())},
				kinds.PermissionPolicy: {nil, create(badName)},
			},
		},
		"A7": {
			breaks: map[kinds.Kind]broken{
				kinds.Role:           {writers(), create(MakeRole("r").Rule(Full("pay")).Obj()).by("wim")},
				kinds.Group:          {writers(), create(MakeGroup("g").Rule(Full("pay")).Obj()).by("wim")},
				kinds.User:           {writers(), create(MakeUser("u").Roles("pays").Obj()).by("wim")},
				kinds.UserSet:        {writers(), create(MakeUserSet("s", MakeUser("u").Roles("pays"))).by("wim")},
				kinds.UserPermission: {writers(MakeUser("ann").Roles("pays").Obj(), limitedFor("ann", limited)), remove(limitedFor("ann", limited)).by("wim")},
				kinds.UserPermissionSet: {
					writers(MakeUser("ann").Roles("pays").Obj(), MakeUserPermissionSet("s", MakeUserPermission("p", "pay", "1").User("ann"))),
					remove(MakeUserPermissionSet("s")).by("wim"),
				},
				kinds.SpecialPermission: {writers(frozen), update(MakeSpecialPermission("s", "wim").On(v1alpha1.AccessFull, "pay").Obj()).by("wim")},
				kinds.ResourceType:      {writers(), create(MakeResourceType("t").Obj()).by("wim")},
				kinds.RecordSet:         {writers(), create(MakeRecordSet("r", "pay").Obj()).by("wim")},
				kinds.PermissionPolicy:  {writers(), update(MakePolicy().Obj()).by("wim")},
			},
		},
	} {
		for _, kind := range kinds.Table {
			breaking, breaks := tc.breaks[kind.Kind]
			why, cannot := tc.cannot[kind.Kind]
			switch {
			case breaks == cannot:
				t.Errorf("%s does not consider %s: add a change that breaks it to this test, or why none can; and see to the rule", rule, kind.Kind)
			case cannot && why == "":
				t.Errorf("%s: give a reason why %s cannot break it", rule, kind.Kind)
			case breaks:
				if got := Review(engine.Compile(breaking.domain), breaking.change); !slices.Contains(got.Codes, rule) {
					t.Errorf("a change of a %s that breaks %s is refused by %v only", kind.Kind, rule, got.Codes)
				}
			}
		}
	}
}

func limitedFor(user string, p *v1alpha1.UserPermission) *v1alpha1.UserPermission {
	p = p.DeepCopy()
	p.Spec.User = v1alpha1.UserID(user)
	return p
}

// TestIndependentKinds: changes of every kind have claims, unless a reason is known why they need no order.
func TestIndependentKinds(t *testing.T) {
	independent := []kinds.Kind{kinds.RecordSet} // it breaks neither A1 nor A2 to A5, see above
	for _, kind := range kinds.Table {
		object := kind.New()
		object.SetName("default")
		claims := Review(engine.Compile(nil), create(object)).Claims
		want := slices.Contains(independent, kind.Kind)
		if Independent(kind.Kind) != want || (len(claims) == 0) != want {
			t.Errorf("%s: Independent = %t, claims %v; want it independent and without claims: %t", kind.Kind, Independent(kind.Kind), claims, want)
		}
	}
	if Independent("Ninth") {
		t.Error("a kind that nobody has thought about is independent")
	}
}

// TestEveryKindIsReviewedOnUpdates: an update is skipped only if it leaves the spec as it is.
func TestEveryKindIsReviewedOnUpdates(t *testing.T) {
	specs := map[kinds.Kind]func(engine.Object){
		kinds.ResourceType: func(o engine.Object) { o.(*v1alpha1.ResourceType).Spec.ParentField = "a.b" },
		kinds.Role:         func(o engine.Object) { o.(*v1alpha1.Role).Spec.Rules = []v1alpha1.Rule{{}} },
		kinds.Group:        func(o engine.Object) { o.(*v1alpha1.Group).Spec.Rules = []v1alpha1.Rule{{}} },
		kinds.User: func(o engine.Object) {
			o.(*v1alpha1.User).Spec.Attributes = map[string]v1alpha1.JSON{"a": {Raw: []byte("{")}}
		},
		kinds.UserSet: func(o engine.Object) { o.(*v1alpha1.UserSet).Spec.Users = make([]v1alpha1.UserEntry, 1) },
		kinds.UserPermissionSet: func(o engine.Object) {
			o.(*v1alpha1.UserPermissionSet).Spec.Permissions = make([]v1alpha1.UserPermissionEntry, 1)
		},
		kinds.UserPermission: func(o engine.Object) { o.(*v1alpha1.UserPermission).Spec.Group = "g" },
		kinds.SpecialPermission: func(o engine.Object) {
			o.(*v1alpha1.SpecialPermission).Spec.Permissions = make([]v1alpha1.SpecialPermissionEntry, 1)
		},
		kinds.RecordSet: func(o engine.Object) {
			o.(*v1alpha1.RecordSet).Spec.Records = []v1alpha1.Record{{ID: "1", Properties: map[string]v1alpha1.JSON{"a": {Raw: []byte("{")}}}}
		},
		kinds.PermissionPolicy: func(o engine.Object) { o.(*v1alpha1.PermissionPolicy).Spec.AppAccessRules = []v1alpha1.Rule{{}} },
	}
	for _, kind := range kinds.Table {
		spoil := specs[kind.Kind]
		if spoil == nil {
			t.Errorf("this test has no bad spec of a %s", kind.Kind)
			continue
		}
		old := kind.New()
		old.SetName("default")
		if p, ok := old.(*v1alpha1.UserPermission); ok {
			p.Spec.User = "ada"
		}
		object := old.DeepCopyObject().(engine.Object)
		spoil(object)
		if got := Review(nil, Change{Operation: Update, Old: old, Object: object, User: master, Now: june}); !slices.Equal(got.Codes, []string{"A6"}) {
			t.Errorf("%s: an update to a bad spec is refused by %v, want A6", kind.Kind, got.Codes)
		}
		labelled := object.DeepCopyObject().(engine.Object)
		labelled.SetLabels(map[string]string{"a": "b"})
		if got := Review(nil, Change{Operation: Update, Old: object, Object: labelled, User: master, Now: june}); len(got.Codes) > 0 {
			t.Errorf("%s: a label on a bad spec is refused by %v", kind.Kind, got.Codes)
		}
	}
}
