package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// orders have links to customers and companies, in conditions of ann's role.
func orders() domain {
	return domain{
		MakeResourceType("doc").Link("customer", "customer").Link("lines.customer", "customer").DynamicLink("about", "about_type").Obj(),
		MakeResourceType("customer").Link("territory", "territory").Obj(),
		MakeResourceType("territory").Obj(),
		MakeRecordSet("customers", "customer").
			Record("C-1", "", object{"country": "DE", "territory": "T-1"}).Record("C-2", "", object{"country": "FR"}).Obj(),
		MakeRecordSet("territories", "territory").Record("T-1", "", object{"region": "emea"}).Obj(),
		MakeRecordSet("docs", "doc").Record("1", "", object{"customer": "C-1"}).Record("2", "", object{"customer": "C-2"}).Obj(),
	}
}

func TestLinksInConditions(t *testing.T) {
	german := ruled(when("resource.links.customer.country == 'DE'"))
	holds, fails := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonConditionNotMet)
	decide(t, orders(), map[string]deciding{
		"a record that a set links":      {domain: german, req: ask("ann", "read", "doc/1"), want: holds},
		"to another one":                 {domain: german, req: ask("ann", "read", "doc/2"), want: fails},
		"the request overlays the link":  {domain: german, req: ask("ann", "read", "doc/2", having(object{"customer": "C-1"})), want: holds},
		"an unknown link is named":       {domain: german, req: ask("ann", "read", "doc/9"), want: with(fails, missing("customer"))},
		"an unknown record is not":       {domain: german, req: ask("ann", "read", "doc/9", having(object{"customer": "C-9"})), want: fails},
		"a Create sees what is proposed": {domain: german, req: ask("ann", "create", "doc/9", submitting(object{"customer": object{"id": "C-1"}})), want: holds},
		"an Update what is stored":       {domain: german, req: ask("ann", "update", "doc/2", submitting(object{"customer": "C-1"})), want: fails},
		"about every record":             {domain: german, req: ask("ann", "read", "doc"), want: with(fails, missing("customer"))},
		"about every record of a customer": {
			domain: german, req: ask("ann", "read", "doc", having(object{"customer": "C-1"})), want: holds,
		},
		"the type of a dynamic link is missing, too": {
			domain: ruled(when("resource.links.about.country == 'DE'")), req: ask("ann", "read", "doc/9", having(object{"about": "C-1"})),
			want: with(fails, missing("about_type")),
		},
		"a rule of several types": {
			domain: ruled(MakeRule("doc", "customer").Actions("*").Condition("resource.links.territory.region == 'emea'").Obj()),
			req:    ask("ann", "read", "customer/C-1"), want: holds,
		},
		"and the one without the link": {
			domain: ruled(MakeRule("doc", "customer").Actions("*").Condition("resource.links.territory.region == 'emea'").Obj()),
			req:    ask("ann", "read", "doc/1", having(object{"territory": "T-1"})), want: fails,
		},
		"a validation follows what is stored": {
			domain: ruled(MakeRule("doc").Actions("*").Validation("resource.links.customer.country == 'DE'", "no").Obj()),
			req:    ask("ann", "update", "doc/1", submitting(object{"customer": "C-2"})), want: holds,
		},
	})
}

// TestLinksChangeWithRecords decides anew where a RecordSet has changed.
func TestLinksChangeWithRecords(t *testing.T) {
	d := engine.Compile(join(orders(), ruled(when("resource.links.customer.country == 'DE' && under('territory', resource.links.customer.territory, 'T-0')"))))
	read := ask("ann", "read", "doc/1")
	expect := func(want bool) {
		t.Helper()
		if got, err := d.Decide(read, moment(t, "")); err != nil || got.Allow != want {
			t.Fatalf("%+v, %v; want %t", got, err, want)
		}
	}
	expect(false)
	d, _ = d.With(engine.Put(MakeRecordSet("territories", "territory").Record("T-1", "T-0", nil).Obj()))
	expect(true)
	d, _ = d.With(engine.Put(MakeRecordSet("customers", "customer").Record("C-1", "", object{"country": "FR", "territory": "T-1"}).Obj()))
	expect(false)
}

func TestS9DynamicLinks(t *testing.T) {
	common := join(everything, companies(), domain{
		MakeResourceType("doc").DynamicLink("party", "kind").DynamicLink("items.party", "kind").Obj(),
		MakeResourceType("depot").Obj(),
	})
	mine := domain{MakeUserPermission("up", "company", "12").User("ann").Obj()}
	strictly := domain{MakePolicy().Spec(func(spec *v1alpha1.PermissionPolicySpec) {
		spec.StrictUserPermissions, spec.StrictFor = true, []v1alpha1.Name{"depot"}
	}).Obj()}
	read := func(properties object) *engine.Request {
		if _, given := properties["items"]; !given {
			properties["items"] = list{}
		}
		return ask("ann", "read", "doc/1", having(properties))
	}
	party := func(value any, allow string, cause engine.ViolationCause) engine.Violation {
		return engine.Violation{Field: "party", Value: value, Allow: allow, Cause: cause}
	}
	item := func(value any, allow string, cause engine.ViolationCause) engine.Violation {
		return engine.Violation{Field: "items.party", Value: value, Allow: allow, Cause: cause}
	}
	const untyped = "*"
	decide(t, common, map[string]deciding{
		"a value that is allowed":            {domain: mine, req: read(object{"kind": "company", "party": "12"}), want: byRule},
		"a descendant":                       {domain: mine, req: read(object{"kind": "company", "party": object{"id": "121"}}), want: byRule},
		"another value":                      {domain: mine, req: read(object{"kind": "company", "party": "1"}), want: violates(party("1", "company", notAllowed))},
		"of a type that nothing restricts":   {domain: mine, req: read(object{"kind": "depot", "party": "1"}), want: byRule},
		"of a type that does not exist":      {domain: mine, req: read(object{"kind": "gone", "party": "1"}), want: byRule},
		"without a type":                     {domain: mine, req: read(object{"party": "12"}), want: with(violates(party(nil, untyped, unknown)), missing("kind"))},
		"without both":                       {domain: mine, req: read(object{}), want: with(violates(party(nil, untyped, unknown)), missing("kind"))},
		"without both, where nothing could":  {req: read(object{}), want: byRule},
		"a permission of another type":       {domain: domain{MakeUserPermission("up", "gone", "12").User("ann").Obj()}, req: read(object{"party": "12"}), want: byRule},
		"beside an empty type":               {domain: mine, req: read(object{"kind": "", "party": "12"}), want: violates(party("12", untyped, notAllowed))},
		"beside what is no text":             {domain: mine, req: read(object{"kind": int64(7), "party": "12"}), want: violates(party("12", untyped, notAllowed))},
		"empty beside what is no text":       {domain: mine, req: read(object{"kind": true, "party": nil}), want: violates(party(nil, untyped, notAllowed))},
		"empty beside an empty type":         {domain: mine, req: read(object{"kind": nil, "party": ""}), want: byRule},
		"unknown beside an empty type":       {domain: mine, req: read(object{"kind": nil}), want: with(violates(party(nil, untyped, unknown)), missing("party"))},
		"empty beside a restricted type":     {domain: mine, req: read(object{"kind": "company", "party": ""}), want: byRule},
		"unknown beside a restricted type":   {domain: mine, req: read(object{"kind": "company"}), want: with(violates(party(nil, "company", unknown)), missing("party"))},
		"unknown beside a free type":         {domain: mine, req: read(object{"kind": "depot"}), want: byRule},
		"strict":                             {domain: strictly, req: read(object{"kind": "depot", "party": "d1"}), want: violates(party("d1", "depot", engine.CauseStrict))},
		"another type is not":                {domain: strictly, req: read(object{"kind": "company", "party": "d1"}), want: byRule},
		"strict, and empty":                  {domain: strictly, req: read(object{"kind": "depot", "party": nil}), want: violates(party(nil, "depot", engine.CauseEmpty))},
		"unknown where something is strict":  {domain: strictly, req: read(object{"party": "d1"}), want: with(violates(party(nil, untyped, unknown)), missing("kind"))},
		"in each element":                    {domain: mine, req: read(object{"kind": nil, "party": nil, "items": list{object{"kind": "company", "party": "12"}, object{"kind": "depot", "party": "1"}}}), want: byRule},
		"one element fails":                  {domain: mine, req: read(object{"kind": nil, "party": nil, "items": list{object{"kind": "company", "party": "1"}}}), want: violates(item("1", "company", notAllowed))},
		"the type at the top is not beside":  {domain: mine, req: read(object{"kind": "depot", "party": nil, "items": list{object{"party": "1"}}}), want: with(violates(item(nil, untyped, unknown)), missing("items.kind"))},
		"an odd element":                     {domain: mine, req: read(object{"kind": nil, "party": nil, "items": list{"12"}}), want: violates(item("12", untyped, notAllowed))},
		"an empty element":                   {domain: mine, req: read(object{"kind": nil, "party": nil, "items": list{nil}}), want: byRule},
		"a list beside one type":             {domain: mine, req: read(object{"kind": "company", "party": list{"12", "1"}}), want: violates(party("1", "company", notAllowed))},
		"an empty list beside nothing":       {domain: mine, req: read(object{"party": list{}}), want: byRule},
		"a Create of nothing":                {domain: mine, req: ask("ann", "create", "doc/9", submitting(object{"note": "x"})), want: byRule},
		"a Create of a value without a type": {domain: mine, req: ask("ann", "create", "doc/9", submitting(object{"party": "12"})), want: violates(party("12", untyped, notAllowed))},
		"an Update of the type":              {domain: mine, req: ask("ann", "update", "doc/1", having(object{"kind": "depot", "party": "1", "items": list{}}), submitting(object{"kind": "company"})), want: violates(party("1", "company", notAllowed))},
		"about every record":                 {domain: mine, req: ask("ann", "read", "doc"), want: with(violates(party(nil, untyped, unknown), item(nil, untyped, unknown)), missing("items.kind", "kind"))},
		"about every record of a type": {
			domain: mine, req: ask("ann", "read", "doc", having(object{"kind": "depot", "items": list{}})), want: byRule,
		},
	})
}

// TestLinkFiltersAreRefused tells why there is no filter.
func TestLinkFiltersAreRefused(t *testing.T) {
	many := MakeRecordSet("many", "customer")
	for i := range engine.MaxFilterValues + 1 {
		many.Record(fmt.Sprintf("M-%d", i), "C-1", object{"country": "DE"})
	}
	tests := map[string]struct {
		domain domain
		want   string
	}{
		"beside another property": {
			ruled(when("resource.links.customer.country == resource.properties.country")),
			"Role/r: spec.rules[0].condition: a part of the condition reads a linked record and another property of the record; " +
				"compare linked records with values alone, or ask about single records instead",
		},
		"too many linked records": {
			join(ruled(when("resource.links.customer.country == 'DE'")), domain{many.Obj()}),
			"Role/r: spec.rules[0].condition: more than 10000 records of customer are too many to list; " +
				"restrict by a property of the record instead, or ask about single records",
		},
		"too many below one": {
			join(ruled(when("under('customer', resource.properties.customer, 'C-1')")), domain{many.Obj()}),
			"Role/r: spec.rules[0].condition: more than 10000 records of customer stand below C-1, too many to list; " +
				"restrict by a property of the record instead, or ask about single records",
		},
		"a dynamic link below another property": {
			join(ruled(when("true")), domain{
				MakeResourceType("doc").DynamicLink("items.party", "kind").Obj(), MakeUserPermission("up", "customer", "C-1").User("ann").Obj(),
			}),
			"UserPermission/up: restricts items.party, a dynamic link below another property, which no filter can express; ask about single records instead",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objects := join(orders(), tt.domain)
			d := engine.Compile(nil)
			for _, object := range objects { // the later takes the place of the former
				d, _ = d.With(engine.Put(object))
			}
			_, err := d.Filter(ask("ann", "read", "doc"), moment(t, ""))
			var refused *engine.FilterError
			if !errors.As(err, &refused) || err.Error() != tt.want {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}
