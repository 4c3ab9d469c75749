package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/filter"
)

// testRecords are the records of a shop.
type testRecords struct{}

var (
	testLinks = map[string][2]string{ // target, by
		"order.customer": {"customer", ""}, "order.company": {"company", ""}, "order.about": {"", "about_type"},
		"customer.territory": {"territory", ""}, "customer.parent": {"customer", ""}, "territory.manager": {"person", ""},
	}
	testStored = map[string]map[string]map[string]any{
		"customer": {
			"C-1": {"country": "DE", "territory": "T-1", "open": true, "id": "hidden", "links": "hidden"},
			"C-2": {"country": "FR", "territory": map[string]any{"id": "T-1"}, "address": map[string]any{"city": "Lyon"}},
			"C-3": {"territory": "gone", "parent": "C-1"},
			"C-4": {"country": nil, "parent": "C-3"},
			"12":  {"country": "DE", "territory": int64(7)},
		},
		"territory": {"T-1": {"region": "emea", "manager": "ann"}, "7": {"region": "apac", "manager": int64(3)}},
		"person":    {"ann": nil},
		"company":   {"Group": nil, "North": nil, "North-1": nil, "South": nil, "Ring-a": nil, "Ring-b": nil, "12": nil, "120": nil},
	}
	testParents = map[string]string{
		"North": "Group", "North-1": "North", "South": "Group", "Ring-a": "Ring-b", "Ring-b": "Ring-a", "120": "12", "Lost": "nowhere",
	}
)

func (testRecords) LinkField(resourceType, field string) (target, by string, ok bool) {
	link, ok := testLinks[resourceType+"."+field]
	return link[0], link[1], ok
}

func (testRecords) Stored(resourceType, id string) (map[string]any, bool) {
	stored, ok := testStored[resourceType][id]
	return stored, ok
}

func (testRecords) above(id string) []string {
	var above []string
	for parent := testParents[id]; parent != "" && !slices.Contains(above, parent); parent = testParents[parent] {
		above = append(above, parent)
	}
	return above
}

func (r testRecords) Depth(resourceType, id string) int {
	if resourceType != "company" {
		return 0
	}
	return len(r.above(id))
}

func (r testRecords) Under(resourceType, id, ancestor string, most int) (under, known bool) {
	above := r.above(id)
	if resourceType != "company" {
		above = nil
	}
	under = id == ancestor || slices.Contains(above[:min(most, len(above))], ancestor)
	return under, under || len(above) < most
}

func (testRecords) IDs(resourceType string) []string { return sortedNames(testStored[resourceType]) }

func (testRecords) Types() []string { return sortedNames(testStored) }

func sortedNames[V any](of map[string]V) []string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func orderInput(properties map[string]any) *Input {
	return &Input{
		Subject: Subject{Type: "user", ID: "ann", Attributes: map[string]any{
			"companies": []any{"North-1", "South"}, "none": []any{}, "mixed": []any{"South", int64(12), nil}, "country": "DE",
		}},
		Resource: Resource{Type: "order", ID: "North-1", Records: testRecords{}, Properties: Properties{Over: properties}},
		Proposed: Properties{Over: properties},
		Now:      time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestLinksAndTrees(t *testing.T) {
	const customer, company = "customer", "company"
	of := func(field string, value any) map[string]any { return map[string]any{field: value} }
	record := func(id any) map[string]any { return map[string]any{"id": id} }
	tests := []struct {
		source string
		of     map[string]any
		want   any // a bool, or nil for an error
		missed []string
	}{
		// Links.
		{"resource.links.customer.country == 'DE'", of(customer, "C-1"), true, nil},
		{"resource.links.customer.country == 'DE'", of(customer, "C-2"), false, nil},
		{"resource.links['customer']['country'] == 'DE'", of(customer, record("C-1")), true, nil},
		{"resource.links.customer.country == 'DE'", of(customer, int64(12)), true, nil},
		{"resource.links.customer.country == 'DE'", of(customer, 12.0), true, nil},
		{"resource.links.customer.country == 'DE'", of(customer, map[string]any{"id": "C-2", "country": "DE"}), false, nil},
		{"resource.links.customer.country == 'DE'", of(customer, "C-3"), nil, nil},
		{"resource.links.customer.country == null", of(customer, "C-4"), true, nil},
		{"resource.links.customer.country == 'DE'", of(customer, "gone"), nil, nil},
		{"resource.links.customer.country == 'DE'", of(customer, nil), nil, nil},
		{"resource.links.customer.country == 'DE'", of(customer, ""), nil, nil},
		{"resource.links.customer.country == 'DE'", of(customer, []any{"C-1"}), nil, nil},
		{"resource.links.customer.country == 'DE'", of(customer, true), nil, nil},
		{"resource.links.customer.country == 'DE'", nil, nil, []string{customer}},
		{"has(resource.links.customer)", of(customer, "C-1"), true, nil},
		{"has(resource.links.customer)", of(customer, "gone"), false, nil},
		{"has(resource.links.customer)", of(customer, nil), false, nil},
		{"has(resource.links.customer)", nil, false, []string{customer}},
		{"'customer' in resource.links", of(customer, "C-1"), true, nil},
		{"has(resource.links)", nil, true, nil},
		{"has(resource.links.customer.country)", of(customer, "C-4"), true, nil},
		{"has(resource.links.customer.country)", of(customer, "C-3"), false, nil},
		{"has(resource.links.customer.country)", of(customer, "gone"), nil, nil},
		{"resource.links.?customer.country.orValue('?') == '?'", of(customer, "gone"), true, nil},
		{"resource.links.?customer.country.orValue('?') == 'DE'", of(customer, "C-1"), true, nil},
		{"resource.links.note.id == 'x'", of("note", "x"), nil, nil},
		{"resource.links.customer.id == 'C-1'", of(customer, "C-1"), true, nil},
		{"resource.links.customer.address.city == 'Lyon'", of(customer, "C-2"), true, nil},
		{"resource.links.customer.links.territory.region == 'emea'", of(customer, "C-2"), true, nil},
		{"resource.links.customer.links.territory.region == 'apac'", of(customer, int64(12)), true, nil},
		{"resource.links.customer.links.territory.region == 'emea'", of(customer, "C-3"), nil, nil},
		{"resource.links.customer.links.territory.links.manager.id == subject.id", of(customer, "C-1"), true, nil},
		{"resource.links.customer.links.territory.links.manager.id == subject.id", of(customer, "12"), nil, nil},
		{"resource.links.customer.links.parent.links.parent.id == 'C-1'", of(customer, "C-4"), true, nil},
		{"resource.links.customer.links.parent.links.parent.links.parent.id == 'C-1'", of(customer, "C-4"), nil, nil},
		{"resource.links.about.country == 'DE'", map[string]any{"about": "C-1", "about_type": customer}, true, nil},
		{"resource.links.about.region == 'emea'", map[string]any{"about": "T-1", "about_type": "territory"}, true, nil},
		{"resource.links.about.country == 'DE'", map[string]any{"about": "C-1", "about_type": "gone"}, nil, nil},
		{"resource.links.about.country == 'DE'", map[string]any{"about": "C-1", "about_type": int64(1)}, nil, nil},
		{"resource.links.about.country == 'DE'", of("about", "C-1"), nil, []string{"about_type"}},
		{"size(resource.links.customer) == 5", of(customer, "C-1"), true, nil},
		{"resource.links.customer == {'id': 'ann'}", of(customer, "C-1"), false, nil},
		{"resource.links.customer.exists(k, k == 'country')", of(customer, "C-1"), true, nil},
		{"resource.links.customer.country == subject.attributes.country", of(customer, "C-1"), true, nil},
		// The id of a link.
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, "C-1"), true, nil},
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, record("C-1")), true, nil},
		{"linkID(resource.properties.customer) == 7", of(customer, record(7.0)), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, nil), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, ""), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, record("")), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, record(nil)), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, map[string]any{"name": "C-1"}), true, nil},
		{"linkID(resource.properties.customer) == null", of(customer, "C-1"), false, nil},
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, record(record("C-1"))), nil, nil},
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, record([]any{"C-1"})), nil, nil},
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, []any{"C-1"}), nil, nil},
		{"linkID(resource.properties.customer) == 'C-1'", of(customer, true), nil, nil},
		{"linkID(resource.properties.customer) == null", nil, nil, []string{customer}},
		// Places in trees.
		{"under('company', resource.properties.company, 'North')", of(company, "North"), true, nil},
		{"under('company', resource.properties.company, 'Group')", of(company, "North-1"), true, nil},
		{"under('company', resource.properties.company, 'North')", of(company, "Group"), false, nil},
		{"under('company', resource.properties.company, 'North')", of(company, "gone"), false, nil},
		{"under('company', resource.properties.company, 'gone')", of(company, "gone"), true, nil},
		{"under('company', resource.properties.company, 'nowhere')", of(company, "Lost"), true, nil},
		{"under('company', resource.properties.company, 'Ring-a')", of(company, "Ring-b"), true, nil},
		{"under('company', resource.properties.company, 'North')", of(company, "Ring-b"), false, nil},
		{"under('company', resource.properties.company, 12)", of(company, "120"), true, nil},
		{"under('company', resource.properties.company, '12')", of(company, 12.0), true, nil},
		{"under('company', resource.properties.company, 12u)", of(company, int64(120)), true, nil},
		{"under('other', resource.properties.company, 'Group')", of(company, "North"), false, nil},
		{"under('company', resource.properties.company, 'North')", of(company, nil), nil, nil},
		{"!under('company', resource.properties.company, 'North')", of(company, nil), nil, nil},
		{"under('company', resource.properties.company, 'North')", of(company, record("North")), nil, nil},
		{"under('company', resource.properties.company, 'North')", of(company, true), nil, nil},
		{"under('company', resource.properties.company, null)", of(company, "North"), nil, nil},
		{"under('company', linkID(resource.properties.company), 'North')", of(company, record("North-1")), true, nil},
		{"under('company', resource.id, 'Group')", nil, true, nil},
		{"under('company', resource.properties.company, 'North')", nil, nil, []string{company}},
		{"subject.attributes.companies.exists(c, under('company', resource.properties.company, c))", of(company, "North-1"), true, nil},
		{"subject.attributes.companies.all(c, under('company', c, 'Group'))", nil, true, nil},
		{"under(resource.properties.type, 'North', 'Group')", of("type", int64(1)), nil, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s of %s", tt.source, FormatJSON(tt.of)), func(t *testing.T) {
			p, err := Compile(Condition, tt.source)
			if err != nil {
				t.Fatal(err)
			}
			in := orderInput(tt.of)
			var missed []string
			in.Resource.Properties.Missed = &missed
			holds, err := p.Bool(in)
			got := any(holds)
			if err != nil {
				got = nil
			}
			if got != tt.want {
				t.Errorf("got %v (%v), want %v", got, err, tt.want)
			}
			if diff := cmp.Diff(tt.missed, missed); diff != "" {
				t.Errorf("missed (-want +got):\n%s", diff)
			}
			compareWithCEL(t, p, *orderInput(tt.of))
		})
	}
}

// TestLinksHaveAFastPath lists what must not be left to cel-go.
func TestLinksHaveAFastPath(t *testing.T) {
	for _, source := range []string{
		"resource.links.customer.country == 'DE'",
		"resource.links.customer.links.territory.links.manager.id == subject.id",
		"has(resource.links.customer) && resource.links.customer.address.city != 'Lyon'",
		"resource.links.?customer.country.orValue('') == 'DE'",
		"linkID(resource.properties.customer) == subject.id",
		"under('company', linkID(resource.properties.company), 'North')",
		"under('company', resource.id, subject.attributes.company)",
	} {
		p, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if p.fast == nil {
			t.Errorf("%s has none", source)
		}
	}
}

// TestLinksRepeated compiles in a time that does not double with every name.
func TestLinksRepeated(t *testing.T) {
	for _, source := range []string{
		"resource.links" + strings.Repeat(".links", 60) + ".a == 1",
		"resource.properties" + strings.Repeat(".links", 60) + ".a == 1",
		"resource" + strings.Repeat(".links.a", 30) + " == 1",
	} {
		if _, err := Compile(Condition, source); err != nil {
			t.Error(err)
		}
	}
}

func TestLinksDoNotCompile(t *testing.T) {
	for source, want := range map[string]string{
		"size(resource.links) == 0":                    "resource.links is not a value of its own",
		"resource.links == {}":                         "resource.links is not a value of its own",
		"resource.links.exists(l, l == 'customer')":    "resource.links is not a value of its own",
		"under('company', resource.id)":                "under",
		"under(1, resource.id, 'North')":               "found no matching overload",
		"linkID() == 1":                                "found no matching overload",
		"linkID(resource.properties.customer, 1) == 1": "found no matching overload",
	} {
		_, err := Compile(Condition, source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	if _, err := Compile(Preset, "resource.links.customer.country"); err == nil {
		t.Error("a preset sees no links")
	}
	if _, err := Compile(MemberCondition, "under('company', subject.attributes.company, 'North')"); err != nil {
		t.Errorf("a member condition may ask for places in trees: %v", err)
	}
}

// TestLinksOfUnknownRecords evaluates conditions about every order of the customer C-1.
func TestLinksOfUnknownRecords(t *testing.T) {
	for source, want := range map[string]string{
		"resource.links.customer.country == 'DE'":                     "true",
		"resource.links.customer.country == 'FR'":                     "false",
		"resource.links.customer.links.territory.region == 'emea'":    "true",
		"has(resource.links.company)":                                 "depends",
		"!has(resource.links.company)":                                "depends",
		"'company' in resource.links":                                 "depends",
		"resource.links.?company.a.orValue(1) == 1":                   "depends",
		"resource.links.about.country == 'DE'":                        "depends",
		"linkID(resource.properties.customer) == 'C-1'":               "true",
		"linkID(resource.properties.company) == null":                 "depends",
		"!under('company', resource.properties.company, 'North')":     "depends",
		"under('company', resource.id, 'North')":                      "depends",
		"under('company', 'North-1', 'North')":                        "true",
		"has(resource.links.company) || subject.id == 'ann'":          "true",
		"resource.links[context.?x.orValue('company')].id == 'North'": "depends",
	} {
		t.Run(source, func(t *testing.T) {
			p, err := Compile(Condition, source)
			if err != nil {
				t.Fatal(err)
			}
			in := orderInput(nil)
			unknown := &Unknown{}
			in.Resource.Unknown = unknown
			in.Resource.Properties = Properties{Over: map[string]any{"customer": "C-1", "about": "C-1"}, Unknown: unknown}
			holds, err := p.Bool(in)
			got := fmt.Sprint(holds)
			if unknown.Met() && err != nil {
				got = "depends"
			}
			if got != want {
				t.Errorf("got %s (%v), want %s", got, err, want)
			}
		})
	}
}

// linkConditions are conditions that filters say as lists of ids.
var linkConditions = []string{
	"resource.links.customer.country == 'DE'",
	"resource.links.customer.country != 'DE'",
	"!(resource.links.customer.country == 'DE')",
	"resource.links.customer.open",
	"!resource.links.customer.open",
	"has(resource.links.customer)",
	"!has(resource.links.customer)",
	"!has(resource.links.customer) || resource.links.customer.country != 'DE'",
	"has(resource.links.customer.country)",
	"!has(resource.links.customer.country)",
	"resource.links.customer.id == 'C-1'",
	"resource.links.customer.id in ['C-1', '12']",
	"resource.links.customer.links.territory.region == 'emea'",
	"resource.links.customer.links.territory.links.manager.id == subject.id",
	"resource.links.?customer.country.orValue('?') == '?'",
	"resource.links.customer.country == subject.attributes.country && resource.properties.status == 'open'",
	"resource.properties.status == 'open' ? resource.links.customer.country == 'DE' : has(resource.links.customer)",
	"under('territory', resource.links.customer.territory, 'T-1')",
	"resource.links.about.country == 'DE'",
	"!has(resource.links.about) || resource.links.about.country == 'DE'",
	"has(resource.links.about.region)",
	"resource.links.note.id == 'x'",
	"!has(resource.links.note)",
	"linkID(resource.properties.customer) == 'C-1'",
	"linkID(resource.properties.customer) != 'C-1'",
	"!(linkID(resource.properties.customer) == 'C-1')",
	"linkID(resource.properties.customer) == 12",
	"linkID(resource.properties.customer) == '12'",
	"linkID(resource.properties.customer) == null",
	"linkID(resource.properties.customer) != null",
	"null == linkID(resource.properties.customer)",
	"linkID(resource.properties.customer) == ''",
	"linkID(resource.properties.customer) != ''",
	"linkID(resource.properties.customer) == true",
	"linkID(resource.properties.customer) in ['C-1', 12, null]",
	"!(linkID(resource.properties.customer) in ['C-1', 12])",
	"linkID(resource.properties.customer) in subject.groups",
	"linkID(resource.properties.customer) in subject.attributes.none",
	"linkID(resource.properties.customer) == subject.attributes.nope",
	"linkID(resource.properties.customer) == {'id': 'C-1'}",
	"linkID(resource.properties.customer) < 'C-2'",
	"under('company', resource.properties.company, 'North')",
	"!under('company', resource.properties.company, 'North')",
	"under('company', resource.properties.company, 12)",
	"under('company', resource.properties.company, '')",
	"!under('company', resource.properties.company, '')",
	"under('company', resource.properties.company, null)",
	"!under('company', resource.properties.company, null)",
	"under('company', resource.properties.company, subject.attributes.nope)",
	"under('company', linkID(resource.properties.company), 'North')",
	"!under('company', linkID(resource.properties.company), 'North')",
	"under('company', resource.id, 'North')",
	"!under('company', resource.id, 'North')",
	"under('company', 'North', resource.properties.company)",
	"under(resource.type, resource.properties.company, 'North')",
	"subject.attributes.companies.exists(c, under('company', resource.properties.company, c))",
	"!subject.attributes.companies.exists(c, under('company', resource.properties.company, c))",
	"subject.attributes.companies.all(c, !under('company', resource.properties.company, c))",
	"subject.attributes.companies.exists(c, under('company', resource.properties.company, c) && resource.properties.status == 'open')",
	"subject.attributes.none.exists(c, under('company', resource.properties.company, c))",
	"subject.attributes.none.all(c, under('company', resource.properties.company, c))",
	"subject.attributes.nope.exists(c, under('company', resource.properties.company, c))",
	"['North', 'South'].exists(a, ['Group', a].all(b, under('company', resource.properties.company, b)))",
	"resource.properties.items.exists(i, under('company', i.company, 'North'))",
	"resource.properties.items.all(i, !under('company', i.company, 'North'))",
	"!resource.properties.items.exists(i, under('company', i.company, 'North'))",
	"resource.properties.items.exists(i, linkID(i.company) == 'North')",
	"resource.properties.items.exists(i, subject.attributes.companies.exists(c, under('company', i.company, c)))",
	"resource.properties.items.exists(i, under('company', resource.properties.company, i.company))",
	"resource.properties.items.exists(i, under('company', 'North', i.company))",
	"resource.properties.items.exists(i, ['North'].exists(i, under('company', resource.properties.company, i)))",
	"['North'].exists(i, resource.properties.items.exists(i, under('company', i.company, 'North')))",
	"subject.attributes.companies.exists_one(c, under('company', resource.properties.company, c))",
	"subject.attributes.companies.exists(c, under('company', resource.properties.company, c) || resource.properties.status.size() > 4)",
}

// TestFiltersOfLinks holds the filters of conditions against the conditions, on every value that a field may have.
func TestFiltersOfLinks(t *testing.T) {
	ids := []any{
		nil, "", "C-1", "C-2", "C-3", "C-4", "12", int64(12), 12.0, 12.5, int64(7), "gone", true, false, "North", "North-1", "Group", "South", "Ring-a",
		"120", int64(120), "T-1", "ann", "x", []any{}, []any{"C-1"}, []any{"North"}, map[string]any{}, map[string]any{"id": nil}, map[string]any{"id": ""},
		map[string]any{"id": "C-1"}, map[string]any{"id": "C-2", "country": "DE"}, map[string]any{"id": "North-1"}, map[string]any{"id": int64(12)},
		map[string]any{"id": map[string]any{"id": "C-1"}}, map[string]any{"id": true},
	}
	for _, source := range linkConditions {
		t.Run(source, func(t *testing.T) {
			p, err := Compile(Condition, source)
			if err != nil {
				t.Fatal(err)
			}
			in := orderInput(nil)
			in.Resource.ID = ""
			tree, err := p.Filter(in)
			if errors.Is(err, ErrElement) {
				return // a filter for a variable of the same name is refused
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				for _, other := range []any{"open", "closed", "customer", "territory", "company", "gone", "", nil, int64(7), []any{"customer"}} {
					record := map[string]any{
						"customer": id, "company": id, "about": id, "note": id, "status": other, "about_type": other,
						"items": []any{map[string]any{"company": id}, map[string]any{"company": other}},
					}
					asked := orderInput(nil)
					asked.Resource.ID, _ = id.(string)
					asked.Resource.Properties = Properties{Over: record, Complete: true}
					want, err := p.Bool(asked)
					if got := tree.Matches(asked.Resource.ID, record); got != (want && err == nil) {
						t.Fatalf("the filter gives %t, the condition %t (%v) on %s", got, want, err, FormatJSON(record))
					}
				}
			}
			for _, format := range filter.Formats {
				encoded, err := filter.Encode(tree, format)
				if unsupported := (*filter.UnsupportedError)(nil); err != nil && !errors.As(err, &unsupported) {
					t.Errorf("%s: %v", format, err)
				}
				if text, ok := encoded.Condition.(string); ok && strings.ContainsAny(text, "@!") && strings.Contains(text, "remit") {
					t.Errorf("%s: %s", format, text)
				}
			}
		})
	}
}

// TestFiltersOfLinksInCEL reads filters as CEL texts by an evaluator that knows no links.
func TestFiltersOfLinksInCEL(t *testing.T) {
	for _, source := range linkConditions {
		p, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := p.Filter(orderInput(nil))
		if err != nil {
			continue
		}
		encoded, err := filter.Encode(tree, filter.FormatCEL)
		if err != nil || encoded.Kind != filter.KindConditional {
			continue
		}
		text, _ := encoded.Condition.(string)
		read, err := Compile(Condition, text)
		if err != nil {
			t.Errorf("%s: %s: %v", source, text, err)
			continue
		}
		for _, id := range []any{nil, "", "C-1", "C-2", "C-3", "12", int64(12), "gone", true, "North", "North-1", "Group", "Ring-a", "120", int64(120)} {
			for _, other := range []any{"open", "customer", "company", "gone", nil} {
				record := map[string]any{
					"customer": id, "company": id, "about": id, "note": id, "status": other, "about_type": other,
					"items": []any{map[string]any{"company": id}, map[string]any{"company": other}},
				}
				asked := &Input{Resource: Resource{Properties: Properties{Over: record, Complete: true}}}
				asked.Resource.ID, _ = id.(string)
				got, err := read.Bool(asked)
				want := tree.Matches(asked.Resource.ID, record)
				if less := !got && want && len(encoded.LeftOut) > 0; (got && err == nil) != want && !less {
					t.Errorf("%s: %s gives %t (%v), want %t on %s", source, text, got, err, want, FormatJSON(record))
				}
			}
		}
	}
}

func TestFiltersOfLinksAreRefused(t *testing.T) {
	for source, want := range map[string]error{
		"resource.links.customer.country == resource.properties.country":                                       ErrLinksBeside,
		"resource.links.customer.country == resource.links.about.country":                                      ErrLinksBeside,
		"resource.links[subject.id].country == 'DE'":                                                           ErrLinksBeside,
		"resource.links.customer.country == resource.id":                                                       ErrLinksBeside,
		"subject.attributes.mixed.exists(c, under('company', resource.properties.company, c))":                 ErrElement,
		"['a'].exists(c, resource.links.customer.country == c || resource.properties.a == c)":                  ErrLinksBeside,
		"[['a']].exists(c, under('company', resource.properties.company, 'x') && c == ['a'])":                  ErrElement,
		"resource.properties.items.exists(i, resource.links.customer.country == i.country)":                    ErrLinksBeside,
		"subject.attributes.companies.exists(c, under('company', c, resource.links.customer.x + resource.id))": ErrLinksBeside,
	} {
		p, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if tree, err := p.Filter(orderInput(nil)); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v, want %v", source, tree, err, want)
		}
	}
}

func TestFilterableLinks(t *testing.T) {
	for source, want := range map[string]bool{
		"resource.links.customer.country == 'DE'":                                                                                      true,
		"has(resource.links.customer)":                                                                                                 true,
		"under('company', linkID(resource.properties.company), 'North')":                                                               true,
		"linkID(resource.properties.company) in subject.groups":                                                                        true,
		"subject.attributes.companies.exists(c, under('company', resource.properties.company, c))":                                     true,
		"subject.attributes.companies.exists(c, under('company', resource.properties.company, c) && resource.properties.a == c)":       true,
		"resource.links.customer.country == resource.properties.country":                                                               false,
		"under('company', resource.properties.company + 'x', 'North')":                                                                 false,
		"under('company', 'North', resource.properties.company)":                                                                       false,
		"linkID(resource.properties.company) < 'x'":                                                                                    false,
		"subject.attributes.companies.exists(c, under('company', c, resource.properties.company))":                                     false,
		"subject.attributes.companies.exists(c, under('company', resource.properties.company, c) && resource.properties.a.size() > 1)": false,
	} {
		p, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Filterable(); got != want {
			t.Errorf("%s: %t, want %t", source, got, want)
		}
	}
}

// manyRecords are a hundred thousand records below one.
type manyRecords struct{ testRecords }

func (manyRecords) IDs(string) []string {
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("r%d", i)
	}
	return ids
}

func (manyRecords) Under(string, string, string, int) (under, known bool) { return true, true }

func (manyRecords) Stored(string, string) (map[string]any, bool) {
	return map[string]any{"a": "b"}, true
}

// TestFiltersListSoMany refuses filters with more ids than MaxIDs, and takes the budget for listing them.
func TestFiltersListSoMany(t *testing.T) {
	for _, source := range []string{
		"under('company', resource.properties.company, 'r1')", "!under('company', resource.properties.company, 'r1')",
		"resource.links.company.a == 'b'", "!has(resource.links.company)",
	} {
		p, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		in := orderInput(nil)
		in.Resource.Records, in.Budget = manyRecords{}, &Budget{}
		if _, err := p.Filter(in); err == nil || !strings.Contains(err.Error(), "more than 10000 records") || in.Budget.Err() != nil {
			t.Errorf("%s: %v, %v; want too many records", source, err, in.Budget.Err())
		}
		in.Budget = &Budget{Limit: 10_000}
		if _, err := p.Filter(in); in.Budget.Err() == nil {
			t.Errorf("%s: %v, %v; want the budget used up", source, err, in.Budget.Err())
		}
	}
}

// TestUnderIsCharged charges for the way up the tree, however it is evaluated.
func TestUnderIsCharged(t *testing.T) {
	p, err := Compile(Condition, "[1,2,3,4,5].all(i, under('t', 'deep', 'x') || true)")
	if err != nil {
		t.Fatal(err)
	}
	in := orderInput(nil)
	in.Resource.Records = recordsForLinks{}
	if _, err := p.Bool(in); err != nil {
		t.Fatal(err)
	}
	if least := 5 * (fastSteps / stepsPerUnit); in.account.cost < least {
		t.Errorf("costs %d, want %d at least", in.account.cost, least)
	}
}
