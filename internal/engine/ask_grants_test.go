package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// TestProofGrants holds the ways that give actions against the levels that Effective gives.
func TestProofGrants(t *testing.T) {
	p := proofOf(t)
	compared := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		d, now := engine.Compile(objects), enginetest.Now(s)
		classes := map[string]map[string]v1alpha1.ActionClass{}
		for _, name := range d.ResourceTypes() {
			classes[name] = map[string]v1alpha1.ActionClass{}
			object, _ := d.ResourceType(name)
			for _, a := range engine.ActionsOf(object) {
				classes[name][string(a.Name)] = a.Class
			}
		}
		for _, user := range d.Users() {
			principal := d.Principal(engine.Who{User: user}, now)
			for _, resource := range d.ResourceTypes() {
				want, _, err := d.EffectiveOn(user, resource, now)
				if err != nil {
					t.Fatal(err)
				}
				ways, _ := principal.Grants(resource)
				var allowed, conditional []string
				for action, given := range ways {
					given = slices.DeleteFunc(slices.Clone(given), func(w engine.Grant) bool { return w.StaffScope })
					switch {
					case slices.ContainsFunc(given, func(w engine.Grant) bool { return w.Unconditional(classes[resource][action]) }):
						allowed = append(allowed, action)
					case len(given) > 0:
						conditional = append(conditional, action)
					}
				}
				slices.Sort(allowed)
				slices.Sort(conditional)
				compared++
				if err := differ([][]string{want.Allowed, want.Conditional}, [][]string{allowed, conditional}); err != nil {
					return fmt.Errorf("user %s on %s: %w", user, resource, err)
				}
			}
		}
		return nil
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestProofDiffersOn looks for types on which permissions differ and that DiffersOn leaves out.
func TestProofDiffersOn(t *testing.T) {
	p := proofOf(t)
	differing := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		before, now := engine.Compile(objects), enginetest.Now(s)
		after, _ := before.With(enginetest.Change(s, objects))
		for _, user := range append(before.Users(), "nobody") {
			who := engine.Who{User: user}
			types := before.Principal(who, now).DiffersOn(after.Principal(who, now))
			for _, resource := range append(before.ResourceTypes(), after.ResourceTypes()...) {
				if slices.Contains(types, resource) {
					continue
				}
				was, _, _ := before.EffectiveOn(user, resource, now)
				is, _, _ := after.EffectiveOn(user, resource, now)
				if err := differ(was, is); err != nil {
					return fmt.Errorf("user %s on %s, said to be the same: %w", user, resource, err)
				}
			}
			differing += len(types)
		}
		return nil
	})
	if differing == 0 {
		t.Error("nothing ever differed")
	}
}

// Somebody of whom nothing but a group is known holds the group's roles with what they ask for, and no public role.
func TestPrincipalByClaim(t *testing.T) {
	objects := []engine.Object{
		MakeResourceType("doc").Obj(),
		MakeRole("public").Rule(Full("doc")).Obj(), MakeRole("safe").RequireMFA().Rule(Full("doc")).Obj(),
		MakeGroup("plain").ExternalGroups("idp:plain").Obj(), MakeGroup("safe").ExternalGroups("idp:safe").Roles("safe").Obj(),
	}
	d := engine.Compile(append(objects, MakePolicy().Obj()))
	plain := d.Principal(engine.Who{Claim: "idp:plain"}, noonOfType)
	if groups, roles, _, _ := plain.Subject(); !slices.Equal(groups, []string{"plain"}) || len(roles) > 0 {
		t.Errorf("groups %v, roles %v", groups, roles)
	}
	safe := d.Principal(engine.Who{Claim: "idp:safe"}, noonOfType)
	grants, _ := safe.Grants("doc")
	if read := grants["read"]; len(read) != 1 || read[0].Restrictions == nil || read[0].Unconditional(v1alpha1.ClassRead) {
		t.Errorf("grants %+v", grants)
	}
	ignoring := MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectProperties = v1alpha1.SubjectPropertiesIgnore }).Obj()
	if groups, _, _, _ := engine.Compile(append(objects, ignoring)).Principal(engine.Who{Claim: "idp:plain"}, noonOfType).Subject(); len(groups) > 0 {
		t.Errorf("callers are not believed, but groups %v", groups)
	}
}

// Groups that may take in users whom no object names, and the groups around them.
func TestClaimedGroups(t *testing.T) {
	d := engine.Compile([]engine.Object{
		MakeGroup("by-id").MemberCondition("subject.id.startsWith('ann')").Obj(),
		MakeGroup("by-claim").MemberCondition("subject.properties.tier == 'gold'").Obj(),
		MakeGroup("by-context").MemberCondition("context.ip == '::1'").Obj(),
		MakeGroup("by-attribute").MemberCondition("subject.attributes.a == 1").Obj(),
		MakeGroup("external").ExternalGroups("idp:x").Obj(),
		MakeGroup("outer").Groups("by-id", "by-attribute", "external", "listed").Obj(),
		MakeGroup("listed").Members("ann").Obj(),
	})
	var conditional []string
	for _, group := range d.ConditionalGroups() {
		conditional = append(conditional, group.Name)
	}
	if diff := gocmp.Diff([]string{"by-claim", "by-context", "by-id"}, conditional); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string][]string{
		"outer": {"by-id", "external"}, "external": {"external"}, "by-claim": {"by-claim"}, "by-attribute": nil, "listed": nil,
	} {
		if diff := gocmp.Diff(want, d.ClaimedGroups(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestGrants(t *testing.T) {
	d := engine.Compile([]engine.Object{
		MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.StaffScopes = []v1alpha1.Token{"staff"} }).Obj(),
		MakeResourceType("doc").Obj(), MakeResourceType("payroll").StaffOnly().Obj(),
		MakeRole("root").AdminAccess().RequireMFA().Obj(), MakeUser("rae").Roles("root").Obj(),
		MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ann").Roles("all").Obj(),
		MakeRole("safe").RequireMFA().Rule(Full("doc")).Obj(), MakeUser("sam").Roles("safe").Obj(),
		MakeUser("ben").Roles("all").Obj(), MakeSpecialPermission("none", "ben").On(v1alpha1.AccessNone, "doc").Obj(),
	})
	for name, test := range map[string]struct {
		user, resourceType                                      string
		grants                                                  int
		exempt, restricted, staffScope, unconditional, isRefuse bool
	}{
		"by a role":                  {user: "ann", resourceType: "doc", grants: 1, unconditional: true},
		"by a restricted role":       {user: "sam", resourceType: "doc", grants: 1, restricted: true},
		"a restricted admin":         {user: "rae", resourceType: "doc", grants: 1, restricted: true, exempt: true},
		"of a type for staff":        {user: "ann", resourceType: "payroll", grants: 1, staffScope: true},
		"an admin on it":             {user: "rae", resourceType: "payroll", grants: 1, restricted: true, exempt: true},
		"a special permission: None": {user: "ben", resourceType: "doc", isRefuse: true},
	} {
		grants, refusedBy := d.Principal(engine.Who{User: test.user}, noonOfType).Grants(test.resourceType)
		if len(grants["read"]) != test.grants || (len(refusedBy) > 0) != test.isRefuse {
			t.Errorf("%s: %+v, refused by %v", name, grants["read"], refusedBy)
			continue
		}
		for _, g := range grants["read"] {
			if g.Exempt != test.exempt || (g.Restrictions != nil) != test.restricted || g.StaffScope != test.staffScope ||
				g.Unconditional(v1alpha1.ClassRead) != test.unconditional {
				t.Errorf("%s: %+v, unconditional: %t", name, g, g.Unconditional(v1alpha1.ClassRead))
			}
		}
	}
}

// What one grant gives, others may cover together.
func TestCoveredBy(t *testing.T) {
	read := func() *RuleBuilder { return MakeRule("doc").Actions("read", "delete") }
	d := engine.Compile([]engine.Object{
		MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.StaffScopes = []v1alpha1.Token{"staff"} }).Obj(),
		MakeResourceType("doc").StaffOnly().Obj(),
		MakeRole("ab").Rule(read().Fields("a", "b.c").Obj()).Obj(), MakeUser("both").Roles("ab").Obj(),
		MakeRole("a-b").Rule(read().Fields("a").Obj(), read().Fields("b").Obj()).Obj(), MakeUser("parts").Roles("a-b").Obj(),
		MakeUser("staff").Staff().Roles("ab").Obj(),
	})
	grants := func(user, action string) (found []*engine.Grant) {
		all, _ := d.Principal(engine.Who{User: user}, noonOfType).Grants("doc")
		for i := range all[action] {
			found = append(found, &all[action][i])
		}
		return found
	}
	for _, test := range []struct {
		user, by, action string
		class            v1alpha1.ActionClass
		want             bool
	}{
		{"both", "both", "read", v1alpha1.ClassRead, true}, // each asks for a scope
		{"both", "parts", "read", v1alpha1.ClassRead, true},
		{"parts", "both", "read", v1alpha1.ClassRead, true},
		{"both", "staff", "read", v1alpha1.ClassRead, true},
		{"staff", "both", "read", v1alpha1.ClassRead, false}, // which asks for a scope
		{"both", "parts", "delete", v1alpha1.ClassDelete, true},
	} {
		if got := grants(test.user, test.action)[0].CoveredBy(grants(test.by, test.action), test.class); got != test.want {
			t.Errorf("%s of %s by %s: %t", test.action, test.user, test.by, got)
		}
	}
	parts := grants("parts", "delete")
	if !grants("both", "delete")[0].CoveredBy(parts[:1], v1alpha1.ClassDelete) {
		t.Error("a Delete has no fields")
	}
	if grants("both", "read")[0].CoveredBy(parts[:1], v1alpha1.ClassRead) {
		t.Error("a does not cover b.c")
	}
}

func TestRuleCovers(t *testing.T) {
	rule := func() *RuleBuilder { return MakeRule("doc").Actions("*") }
	for name, test := range map[string]struct {
		outer, inner v1alpha1.Rule
		class        v1alpha1.ActionClass
		want         bool
	}{
		"fewer fields":                {rule().Fields("a").Obj(), rule().Obj(), v1alpha1.ClassRead, false},
		"fewer fields of a Delete":    {rule().Fields("a").Obj(), rule().Obj(), v1alpha1.ClassDelete, true},
		"the same computed preset":    {rule().PresetExpression("a", "subject.id").Obj(), rule().PresetExpression("a", "subject.id").Obj(), v1alpha1.ClassUpdate, true},
		"another computed preset":     {rule().PresetExpression("a", "now").Obj(), rule().PresetExpression("a", "subject.id").Obj(), v1alpha1.ClassUpdate, false},
		"another preset for a Read":   {rule().PresetExpression("a", "now").Obj(), rule().PresetExpression("a", "subject.id").Obj(), v1alpha1.ClassRead, true},
		"a computed preset of others": {rule().PresetExpression("b", "now").Obj(), rule().PresetExpression("a", "now").Obj(), v1alpha1.ClassUpdate, false},
	} {
		if got := engine.RuleCovers(&test.outer, &test.inner, test.class); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A value that is below another value of the same user permission is allowed once.
func TestAllowed(t *testing.T) {
	p := MakeUserPermission("p", "company", "a", "b").User("ann").Obj()
	d := engine.Compile([]engine.Object{
		MakeResourceType("company").Tree("parent").Obj(), p,
		MakeRecordSet("s", "company").Record("a", "", nil).Record("b", "a", nil).Record("c", "b", nil).Record("d", "", nil).Obj(),
	})
	if diff := gocmp.Diff([]string{"a", "b", "c"}, d.Allowed(p)); diff != "" {
		t.Error(diff)
	}
}

// The networks of an admin role matter on every type, though none of its rules names one.
func TestDiffersOnNetworks(t *testing.T) {
	root := func(network string) engine.Object { return MakeRole("root").AdminAccess().AllowedCIDRs(network).Obj() }
	before := engine.Compile([]engine.Object{
		MakeResourceType("doc").Obj(), MakeResourceType("note").Obj(), root("10.0.0.0/8"), MakeUser("ann").Roles("root").Obj(),
	})
	after, _ := before.With(engine.Put(root("10.1.0.0/16")))
	who := engine.Who{User: "ann"}
	if diff := gocmp.Diff([]string{"doc", "note"}, before.Principal(who, noonOfType).DiffersOn(after.Principal(who, noonOfType))); diff != "" {
		t.Error(diff)
	}
}
