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

// TestReportsFieldsOfDynamicLinks tells of a field for the name of a type that cannot be it.
func TestReportsFieldsOfDynamicLinks(t *testing.T) {
	for name, tc := range map[string]struct{ field, by, want string }{
		"the field itself":           {"party", "party", "spec.fields[0].linksToField party: names the field itself; name the field beside it that holds the name of the resource type"},
		"the field itself, by path":  {"items.party", "party", "spec.fields[0].linksToField party: names the field itself; name the field beside it that holds the name of the resource type"},
		"nearly a declared field":    {"party", "party_tpye", `spec.fields[0].linksToField party_tpye: the resource type does not declare the field "party_tpye" (did you mean party_type?)`},
		"nearly one beside it":       {"items.party", "kidn", `spec.fields[0].linksToField items.kidn: the resource type does not declare the field "items.kidn" (did you mean items.kind?)`},
		"a declared field":           {"party", "party_type", ""},
		"one that is not declared":   {"party", "doctype", ""},
		"a declared field beside it": {"items.party", "kind", ""},
	} {
		t.Run(name, func(t *testing.T) {
			made := testobjects.MakeResourceType("doc").DynamicLink(tc.field, tc.by).Link("party_type", "").Link("items.kind", "").Obj()
			report, _ := engine.Compile([]engine.Object{made}).Report(engine.Ref{Kind: engine.KindResourceType, Name: "doc"})
			var told []string
			for _, a := range report.Advice {
				told = append(told, a.Path+" "+a.Value+": "+a.Message)
			}
			if got := strings.Join(told, "\n"); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestHintsAtComparedLinks hints at links that are compared as if they were ids only.
func TestHintsAtComparedLinks(t *testing.T) {
	objects := []engine.Object{
		testobjects.MakeResourceType("order").Link("customer", "customer").DynamicLink("about", "kind").Link("plain", "").
			Guard("resource.properties.customer in ['C-1']", "").Obj(),
		testobjects.MakeRole("r").Rule(
			v1alpha1.Rule{
				Resources: []v1alpha1.NameOrAny{"order"}, Access: v1alpha1.AccessFull,
				Condition:   "resource.properties.customer == subject.id && linkID(resource.properties.about) == 'x' && resource.properties.plain == 'x'",
				Validations: []v1alpha1.Validation{{Expression: "proposed.about == 'x'"}},
			},
			v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"customer"}, Access: v1alpha1.AccessFull, Condition: "resource.properties.customer == 'x'"},
		).Obj(),
	}
	const rest = ` is a link, which may come as a record ({"id": …}) and then equals no id; compare `
	d := engine.Compile(objects)
	var got []string
	for _, ref := range []engine.Ref{{Kind: engine.KindResourceType, Name: "order"}, {Kind: engine.KindRole, Name: "r"}} {
		for _, hint := range d.Hints(ref) {
			got = append(got, hint.Path+": "+hint.Message)
		}
	}
	want := []string{
		"spec.guards[0].condition: customer" + rest + "linkID(resource.properties.customer) instead",
		"spec.rules[0].condition: customer" + rest + "linkID(resource.properties.customer) instead",
		"spec.rules[0].validations[0].expression: about" + rest + "linkID(proposed.about) instead",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReportsNamesThatMatchNothing(t *testing.T) {
	order := testobjects.MakeResourceType("order").Obj()
	order.Spec.Areas = []v1alpha1.Token{"sales"}
	order.Spec.Fields = []v1alpha1.Field{
		{Name: "amount"}, {Name: "items.warehouse", LinksTo: "warehouse"}, {Name: "depot", LinksTo: "warehouse"}, {Name: "source", LinksToField: "source_type"},
	}
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
		"an action":               {role(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"order"}, Actions: []v1alpha1.Token{"raed"}}), []string{"spec.rules[0].actions[0] read"}},
		"a pattern":               {role(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"order"}, Actions: []v1alpha1.Token{"read:*"}}), []string{"spec.rules[0].actions[0]"}},
		"an area":                 {role(v1alpha1.Rule{Areas: []v1alpha1.Token{"slaes"}, Access: v1alpha1.AccessFull}), []string{"spec.rules[0].areas[0] sales"}},
		"a type":                  {role(on("ordr")), []string{"spec.rules[0].resources[0] order"}},
		"a field":                 {role(withFields(on("order"), "amountt")), []string{"spec.rules[0].fields[0] amount"}},
		"a path":                  {role(withFields(on("order"), "items.warehuse")), []string{"spec.rules[0].fields[0] items.warehouse"}},
		"fields":                  {role(withFields(on("order"), "amount", "items", "items.warehouse.city", "remark", "items.quantity")), nil},
		"a property":              {role(withCondition(on("order"), "resource.properties.amuont < 5")), []string{"spec.rules[0].condition amount"}},
		"a link":                  {role(withCondition(on("order"), "resource.links.dpeot.id == 'north'")), []string{"spec.rules[0].condition depot"}},
		"a field that is no link": {role(withCondition(on("order"), "has(resource.links.amount)")), []string{"spec.rules[0].condition"}},
		"links":                   {role(withCondition(on("order"), "has(resource.links.depot) || resource.links.source.id == 'x'")), nil},
		"a tree":                  {role(withCondition(on("order"), "under('warehuse', resource.properties.depot, 'north')")), []string{"spec.rules[0].condition warehouse"}},
		"trees":                   {role(withCondition(on("order"), "under('warehouse', resource.properties.depot, 'north')")), nil},
		"an area, special":        {special("richard", "slaes"), []string{"spec.permissions[0].areas[0] sales"}},
		"a user, special":         {special("richrd", "sales"), []string{"spec.user richard"}},
		"right, special":          {special("richard", "sales"), nil},
		"a user":                  {restricted("richrd", "north"), []string{"spec.user richard"}},
		"a value":                 {restricted("richard", "nroth"), []string{"spec.forValues[0] north"}},
		"right":                   {restricted("richard", "north"), nil},
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
