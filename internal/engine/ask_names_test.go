package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestReportsNamesThatMatchNothing(t *testing.T) {
	order := testobjects.MakeResourceType("order").Obj()
	order.Spec.Areas = []v1alpha1.Token{"sales"}
	order.Spec.Fields = []v1alpha1.Field{{Name: "amount"}, {Name: "items.warehouse", LinksTo: "warehouse"}}
	warehouse := testobjects.MakeResourceType("warehouse").Obj()
	richard := testobjects.MakeUser("richard").Obj()
	records := testobjects.MakeRecordSet("warehouses", "warehouse").Obj()
	records.Spec.Records = []v1alpha1.Record{{ID: "north"}, {ID: "south"}}
	domain := []engine.Object{order, warehouse, richard, records}

	role := func(rule v1alpha1.Rule) engine.Object { return testobjects.MakeRole("r").Rule(rule).Obj() }
	on := func(resources ...v1alpha1.NameOrAny) v1alpha1.Rule {
		return v1alpha1.Rule{Resources: resources, Access: v1alpha1.AccessFull}
	}
	special := func(user v1alpha1.UserID, areas ...v1alpha1.Token) engine.Object {
		p := testobjects.MakeSpecialPermission("s", string(user)).Obj()
		p.Spec.Permissions = []v1alpha1.SpecialPermissionEntry{{Areas: areas, Access: v1alpha1.AccessNone}}
		return p
	}
	restricted := func(user v1alpha1.UserID, values ...v1alpha1.RecordID) engine.Object {
		p := testobjects.MakeUserPermission("p", "warehouse").Obj()
		p.Spec.User, p.Spec.ForValues = user, values
		return p
	}

	for name, tc := range map[string]struct {
		object engine.Object
		want   []string // path and nearest
	}{
		"an action":        {role(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"order"}, Actions: []v1alpha1.Token{"raed"}}), []string{"spec.rules[0].actions[0] read"}},
		"a pattern":        {role(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"order"}, Actions: []v1alpha1.Token{"read:*"}}), []string{"spec.rules[0].actions[0]"}},
		"an area":          {role(v1alpha1.Rule{Areas: []v1alpha1.Token{"slaes"}, Access: v1alpha1.AccessFull}), []string{"spec.rules[0].areas[0] sales"}},
		"a type":           {role(on("ordr")), []string{"spec.rules[0].resources[0] order"}},
		"a field":          {role(withFields(on("order"), "amountt")), []string{"spec.rules[0].fields[0] amount"}},
		"a path":           {role(withFields(on("order"), "items.warehuse")), []string{"spec.rules[0].fields[0] items.warehouse"}},
		"fields":           {role(withFields(on("order"), "amount", "items", "items.warehouse.city", "remark", "items.quantity")), nil},
		"a property":       {role(withCondition(on("order"), "resource.properties.amuont < 5")), []string{"spec.rules[0].condition amount"}},
		"an area, special": {special("richard", "slaes"), []string{"spec.permissions[0].areas[0] sales"}},
		"a user, special":  {special("richrd", "sales"), []string{"spec.user richard"}},
		"right, special":   {special("richard", "sales"), nil},
		"a user":           {restricted("richrd", "north"), []string{"spec.user richard"}},
		"a value":          {restricted("richard", "nroth"), []string{"spec.forValues[0] north"}},
		"right":            {restricted("richard", "north"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := engine.Compile(append(slices.Clone(domain), tc.object))
			kind, _ := engine.KindOf(tc.object)
			report, _ := d.Report(engine.Ref{Kind: kind, Name: tc.object.GetName()})
			var got []string
			for _, missing := range report.Missing {
				got = append(got, fmt.Sprint(missing.Path, " ", missing.Nearest))
			}
			for _, advice := range report.Advice {
				told := advice.Path
				if _, near, ok := strings.Cut(advice.Message, "(did you mean "); ok {
					told += " " + strings.TrimSuffix(near, "?)")
				}
				got = append(got, told)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestFieldThatOthersMentionIsNoMisspelling(t *testing.T) {
	order := testobjects.MakeResourceType("order").Obj()
	order.Spec.Fields = []v1alpha1.Field{{Name: "date"}}
	rule := withFields(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"order"}, Access: v1alpha1.AccessFull}, "rate")
	d := engine.Compile([]engine.Object{order, testobjects.MakeRole("a").Rule(rule).Obj(), testobjects.MakeRole("b").Rule(rule).Obj()})
	if report, _ := d.Report(engine.Ref{Kind: engine.KindRole, Name: "a"}); len(report.Advice) > 0 {
		t.Errorf("advice: %v", report.Advice)
	}
}

func withFields(r v1alpha1.Rule, fields ...v1alpha1.FieldPath) v1alpha1.Rule {
	r.Fields = fields
	return r
}

func withCondition(r v1alpha1.Rule, condition v1alpha1.Expression) v1alpha1.Rule {
	r.Condition = condition
	return r
}
