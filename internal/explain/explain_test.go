package explain

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
	"github.com/remit-authz/remit/internal/testobjects"
)

// ask reads a question about a domain.
func ask(t *testing.T, d *engine.Domain, q query.Question) *query.Asked {
	t.Helper()
	asked, err := q.Read(d, now)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// TestRemediesOnce offers each set of changes once, in whichever order they were found.
func TestRemediesOnce(t *testing.T) {
	d := engine.Compile([]engine.Object{
		testobjects.MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.StrictUserPermissions = true }).Obj(),
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeResourceType("territory").Obj(),
		testobjects.MakeResourceType("order").Link("company", "company").Link("territory", "territory").Link("supplier", "company").Obj(),
		testobjects.MakeRole("r").Rule(testobjects.MakeRule("order").Actions("read").Obj()).Obj(),
		testobjects.MakeUser("jan").Roles("r").Obj(),
	})
	tests := map[string]struct {
		properties []string
		want       [][]string
	}{
		"two types": {[]string{"company=South", "supplier=South", "territory=DE"}, [][]string{{
			"UserPermission/jan-company: create it to allow company South, applicable only for order",
			"UserPermission/jan-territory: create it to allow territory DE, applicable only for order",
		}}},
		"two values of one type, whose objects may have each other's name": {[]string{"company=South", "supplier=East", "territory=DE"}, [][]string{{
			"UserPermission/jan-company-2: create it to allow company East, applicable only for order",
			"UserPermission/jan-company: create it to allow company South, applicable only for order",
			"UserPermission/jan-territory: create it to allow territory DE, applicable only for order",
		}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			asked := ask(t, d, query.Question{User: "jan", Action: "read", Type: "order", ID: "1", Properties: tc.properties})
			found, err := Explain(d, asked)
			if err != nil {
				t.Fatal(err)
			}
			var got [][]string
			for _, r := range found.Remedies {
				var steps []string
				for i := range r.Steps {
					steps = append(steps, r.Steps[i].Text())
				}
				slices.Sort(steps)
				got = append(got, steps)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("remedies (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExplainType explains an answer about a type: what limits it, and what would allow it on every record.
func TestExplainType(t *testing.T) {
	d := explained()
	tests := map[string]struct {
		question query.Question
		want     engine.Extent
		wantText []string
	}{
		"always": {query.Question{User: "ann", Action: "read", Type: "order"}, engine.Always, []string{"always: A rule gives this action (Role/reader).\n"}},
		"some, by user permissions": {query.Question{User: "bob", Action: "read", Type: "order"}, engine.Some, []string{
			"some: User permissions limit it to some records, by company (company).\n",
			"  restricted by: UserPermission/bob-north\n",
			"  filter: ",
			"UserPermission/bob-north spec.forValues needs to know the property company, a link to company\n",
			"What would make it always\n",
			"  - the answer depends on the record's company; name a record as TYPE/ID, or give it with --property company=VALUE\n",
		}},
		"some, by a condition": {query.Question{User: "bob", Action: "update", Type: "order", Properties: []string{"company=north"}}, engine.Some, []string{
			"some: It depends on these properties: state.\n",
			"Role/clerk spec.rules[1].condition cannot be true while these properties are unknown: state\n",
			"  1. User/bob spec.roles: add a new role bob-order with one rule: update on order\n",
		}},
		"never": {query.Question{User: "ann", Action: "delete", Type: "order"}, engine.Never, []string{"never: No rule gives this action.\n", "What would make it always\n"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := Explain(d, ask(t, d, tc.question))
			if err != nil {
				t.Fatal(err)
			}
			if found.About == nil || found.About.Extent != tc.want {
				t.Errorf("got %v, want %s", found.About, tc.want)
			}
			var text strings.Builder
			found.WriteText(&text, nil)
			for _, want := range tc.wantText {
				if !strings.Contains(text.String(), want) {
					t.Errorf("no %q in:\n%s", want, text.String())
				}
			}
		})
	}
}

// TestTexts holds the clauses of rules to what limits them: a condition is spoken of only where there is one.
func TestTexts(t *testing.T) {
	rule := testobjects.MakeRule
	tests := map[string]struct {
		rule v1alpha1.Rule
		// action and what it submits.
		action string
		want   string
	}{
		"all":                       {testobjects.Full("order"), "read", "grants the action on every record"},
		"a condition":               {rule("order").Actions("read").Condition("subject.staff").Obj(), "read", "grants the action if its condition is true"},
		"fields":                    {rule("order").Actions("read").Fields("b", "a").Obj(), "read", "grants the action on every record, for the fields a, b"},
		"a condition and fields":    {rule("order").Actions("read").Condition("subject.staff").Fields("a").Obj(), "read", "grants the action if its condition is true, for the fields a"},
		"fields of what is deleted": {rule("order").Actions("delete").Fields("a").Obj(), "delete", "grants the action on every record"},
		"presets":                   {rule("order").Actions("create").Preset("a", 1).Obj(), "create", "grants the action on every record"},
		"validations":               {rule("order").Actions("create").Validation("true", "m").Obj(), "create", "grants the action on every record, if its validations pass"},
		"validations of a read":     {rule("order").Actions("read").Validation("true", "m").Obj(), "read", "grants the action on every record"},
		"both":                      {rule("order").Actions("update").Condition("subject.staff").Validation("true", "m").Obj(), "update", "grants the action if its condition is true and its validations pass"},
		"another action":            {rule("order").Actions("read").Obj(), "update", "names the resource type, but does not grant the action"},
		"access None":               {rule("order").Access(v1alpha1.AccessNone).Obj(), "update", "names the resource type with access None, which grants nothing"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := engine.Compile([]engine.Object{
				testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("r").Rule(tc.rule).Obj(), testobjects.MakeUser("ann").Roles("r").Obj(),
			})
			found, err := Explain(d, ask(t, d, query.Question{User: "ann", Action: tc.action, Type: "order", ID: "1"}))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, stage := range found.Trace {
				for i := range stage.Entries {
					if stage.Stage == "S7" {
						got = stage.Entries[i].Text()
					}
				}
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
