package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestCompareRestriction(t *testing.T) {
	for name, test := range map[string]struct {
		before, after Restriction
		want          Effect
	}{
		"the same":               {Restriction{Values: []string{"a"}}, Restriction{Values: []string{"a"}}, ""},
		"a value more":           {Restriction{Values: []string{"a"}}, Restriction{Values: []string{"a", "b"}}, Gain},
		"a value less":           {Restriction{Values: []string{"a", "b"}}, Restriction{Values: []string{"a"}}, Loss},
		"another value":          {Restriction{Values: []string{"a"}}, Restriction{Values: []string{"b"}}, Change},
		"a parent more":          {Restriction{}, Restriction{parents: []string{"a"}}, Gain},
		"a parent less":          {Restriction{parents: []string{"a"}}, Restriction{}, Loss},
		"empty links are denied": {Restriction{}, Restriction{EmptyDenied: true}, Loss},
		"empty links pass":       {Restriction{EmptyDenied: true}, Restriction{}, Gain},
		"another default":        {Restriction{Defaults: []string{"a"}}, Restriction{Defaults: []string{"b"}}, Change},
		"a value more, but empty links are denied": {Restriction{}, Restriction{Values: []string{"a"}, EmptyDenied: true}, Change},
	} {
		if got := compareRestriction(&test.before, &test.after); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What an expression of a grant reads of the user matters, wherever in the rule it stands.
func TestCompareWhatExpressionsRead(t *testing.T) {
	for name, test := range map[string]struct {
		rule *RuleBuilder
		want []string
	}{
		"a condition":       {MakeRule("doc").Actions("update").Condition("subject.attributes.a == 1"), []string{"change ann update doc if→if"}},
		"a validation":      {MakeRule("doc").Actions("update").Validation("proposed.a == subject.attributes.a", ""), []string{"change ann update doc if→if"}},
		"a computed preset": {MakeRule("doc").Actions("update").PresetExpression("a", "subject.attributes.a"), []string{"change ann update doc always→always"}},
		"nothing":           {MakeRule("doc").Actions("update").Condition("subject.id != ''"), nil},
	} {
		before := engine.Compile([]engine.Object{
			MakeResourceType("doc").Obj(), MakeRole("r").Rule(test.rule.Obj()).Obj(), MakeUser("ann").Roles("r").Attribute("a", 1).Obj(),
		})
		after, differing := Apply(before, []engine.Object{MakeUser("ann").Roles("r").Attribute("a", 2).Obj()}, false, now)
		if diff := cmp.Diff(test.want, lines(Compare(before, after, differing, now, func(int, int) {}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Who is no longer exempt from user permissions is limited by them, and by all of them.
func TestCompareExemptNoLonger(t *testing.T) {
	before := engine.Compile([]engine.Object{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("company").Obj(),
		MakeRole("reader").Rule(MakeRule("doc").Actions("read").Obj()).Obj(),
		MakeUser("ann").Roles("reader").Superuser().Obj(),
		MakeUserPermission("north", "company", "north").User("ann").Obj(),
	})
	after, differing := Apply(before, []engine.Object{MakeUser("ann").Roles("reader").Obj()}, false, now)
	for _, entry := range Compare(before, after, differing, now, func(int, int) {}).Changes {
		if entry.Actions[0] != "read" || entry.After.Access == No {
			continue
		}
		if len(entry.Before.Restrictions) > 0 || len(entry.After.Restrictions) != 1 || entry.After.Restrictions[0].Field != "company" {
			t.Errorf("%+v", entry)
		}
		return
	}
	t.Error("no change of reading")
}
