package expr_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/expr"
)

func TestNegations(t *testing.T) {
	for source, want := range map[string][]string{
		"resource.properties.owner != subject.id":                                       {"owner"},
		"subject.id != resource.properties.owner":                                       {"owner"},
		"!(resource.properties.owner == subject.id)":                                    {"owner"},
		"!(resource.properties.region in ['blocked'])":                                  {"region"},
		"!(resource.properties['a'] == 1 || resource.properties.b.c == 2)":              {"a", "b.c"},
		"has(resource.properties.a) && resource.properties.a != 'x'":                    {"a"},
		"resource.properties.a != 'x' || resource.properties.a.startsWith('y')":         {"a"},
		"linkID(resource.properties.owner) != subject.id":                               {"owner"},
		"linkID(resource.properties.a) != null && linkID(resource.properties.a) != 'x'": nil,
		"under('t', resource.properties.a, 'x') && resource.properties.a != 'y'":        nil,
		"resource.links.customer.country != 'DE'":                                       nil,
		"resource.properties.a == 'x'":                                                  nil,
		"resource.properties.a != null":                                                 nil,
		"resource.properties.a != ''":                                                   nil,
		"resource.properties.a != null && resource.properties.a != 'x'":                 nil,
		"resource.properties.a == null || resource.properties.a != 'x'":                 nil,
		"resource.properties.a in ['x', 'y'] && resource.properties.a != 'x'":           nil,
		"resource.properties.a.startsWith('y') && resource.properties.a != 'yes'":       nil,
		"resource.properties.a > 5 && resource.properties.a != 7":                       nil,
		"subject.id != 'x'":           nil,
		"context.channel != 'x'":      nil,
		"!resource.properties.locked": nil,
	} {
		program, err := expr.Compile(expr.Condition, source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if diff := cmp.Diff(want, program.Negations()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", source, diff)
		}
	}
}

func TestProperties(t *testing.T) {
	program, err := expr.Compile(expr.Validation, "proposed.a.b == resource.properties['c'] && has(resource.properties.d) && resource.id != ''")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.b", "c", "d"}, program.Properties()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadsOfLinks(t *testing.T) {
	for source, want := range map[string][3][]string{ // links, trees, compared
		"resource.links.b.x == resource.properties.a && has(resource.links.a)":       {{"a", "b"}, nil, {"a"}},
		"resource.links['c'].links.d.id == 'x'":                                      {{"c"}, nil, nil},
		"under('t', resource.id, 'x') || under('s', resource.properties.a, 'x')":     {nil, {"s", "t"}, nil},
		"under(resource.type, resource.id, 'x')":                                     {nil, nil, nil},
		"resource.properties.a != null && resource.properties.b in ['x']":            {nil, nil, {"b"}},
		"'x' == resource.properties.a || resource.properties.b != proposed.c":        {nil, nil, {"a", "b", "c"}},
		"linkID(resource.properties.a) == 'x' && resource.properties.b.c == 'x'":     {nil, nil, {"b.c"}},
		"resource.properties.a == '' || resource.properties.items.exists(i, i == 1)": {nil, nil, nil},
	} {
		p, err := expr.Compile(expr.Validation, source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, [3][]string{p.Links(), p.Trees(), p.Compared()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}
