package expr

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/filter"
)

func field(path ...string) *filter.Field { return &filter.Field{Path: path} }

func TestFilter(t *testing.T) {
	eq := func(name string, value any) *filter.Tree {
		return &filter.Tree{Op: filter.Eq, Field: field(name), Value: value}
	}
	cases := map[string]struct {
		source string
		want   *filter.Tree
	}{
		"what does not depend on the record is evaluated": {"subject.id == 'ann'", filter.Constant(true)},
		"an error is never true":                          {"context.missing == 1", filter.Constant(false)},
		"nor is its negation":                             {"!(context.missing == 1)", filter.Constant(false)},
		"an error beside true":                            {"context.missing == 1 || resource.properties.a == 1", eq("a", int64(1))},
		"a comparison":                                    {"resource.properties.owner == subject.id", eq("owner", "ann")},
		"turned around":                                   {"5 < resource.properties.n", &filter.Tree{Op: filter.Gt, Field: field("n"), Value: int64(5)}},
		"negated":                                         {"!(resource.properties.n < 5)", &filter.Tree{Op: filter.Ge, Field: field("n"), Value: int64(5)}},
		"null is in no order":                             {"resource.properties.n < null", filter.Constant(false)},
		"the id":                                          {"resource.id == 'd1'", &filter.Tree{Op: filter.Eq, Field: filter.IDField, Value: "d1"}},
		"the type is known":                               {"resource.type == ''", filter.Constant(true)},
		"every property is known":                         {"has(resource.properties.a)", filter.Constant(true)},
		"and none is not":                                 {"!has(resource.properties.a) || 'a' in resource.properties", filter.Constant(true)},
		"a property by itself":                            {"resource.properties.open", eq("open", true)},
		"by itself, negated":                              {"!resource.properties.open", eq("open", false)},
		"in a list":                                       {"resource.properties.a in ['x', 1]", &filter.Tree{Op: filter.In, Field: field("a"), Values: []any{"x", int64(1)}}},
		"in a list of the subject, negated":               {"!(resource.properties.team in subject.groups)", &filter.Tree{Op: filter.NotIn, Field: field("team"), Values: []any{"crew"}}},
		"an element":                                      {"'red' in resource.properties.tags", &filter.Tree{Op: filter.Element, Field: field("tags"), Value: "red"}},
		"the start of a text":                             {"resource.properties.a.startsWith(subject.id)", &filter.Tree{Op: filter.StartsWith, Field: field("a"), Value: "ann"}},
		"not the end of a text":                           {"!resource.properties.a.endsWith('x')", &filter.Tree{Op: filter.EndsWith, Field: field("a"), Value: "x", Negated: true}},
		"two properties":                                  {"resource.properties.a < resource.properties.b", &filter.Tree{Op: filter.Lt, Field: field("a"), Other: field("b")}},
		"a path":                                          {"resource.properties.a.b == 'x'", &filter.Tree{Op: filter.Eq, Field: field("a", "b"), Value: "x"}},
		"an index with a known name":                      {"resource.properties['a'] == 'x'", eq("a", "x")},
		"and, or, not": {
			"!(resource.properties.a == 1 && (resource.properties.b == 2 || false))",
			filter.AnyOf(&filter.Tree{Op: filter.Ne, Field: field("a"), Value: int64(1)}, &filter.Tree{Op: filter.Ne, Field: field("b"), Value: int64(2)}),
		},
		"a choice": {
			"resource.properties.open ? resource.properties.a == 1 : subject.id == 'bob'",
			filter.All(eq("open", true), eq("a", int64(1))),
		},
		"what no leaf says is opaque": {
			"resource.properties.tags.exists(t, t.matches('x'))",
			&filter.Tree{Op: filter.Opaque, Source: "resource.properties.tags.exists(t, t.matches(\"x\"))"},
		},
		"an opaque part that needs the subject has no source": {
			"resource.properties.tags.exists(t, t.matches(subject.id))", &filter.Tree{Op: filter.Opaque},
		},
		"an element of which something holds": {
			"resource.properties.team.exists(e, e.person == subject.id)",
			&filter.Tree{Op: filter.Any, Field: field("team"), Args: []*filter.Tree{
				{Op: filter.Eq, Field: &filter.Field{Path: []string{"person"}, Element: true}, Value: "ann"},
			}},
		},
		"no element of which something holds": {
			"!resource.properties.team.exists(e, e.person == subject.id)",
			&filter.Tree{Op: filter.Every, Field: field("team"), Args: []*filter.Tree{
				{Op: filter.Ne, Field: &filter.Field{Path: []string{"person"}, Element: true}, Value: "ann"},
			}},
		},
		"a moment": {
			"timestamp('2026-01-01T01:00:00+01:00') > timestamp(resource.properties.day)",
			&filter.Tree{Op: filter.Lt, Field: field("day"), Value: "2026-01-01T00:00:00Z", Timed: true},
		},
		"an optional": {
			"resource.properties.?a.orValue('x') == 'x'",
			&filter.Tree{Op: filter.Opaque, Source: "resource.properties.?a.orValue(\"x\") == \"x\""},
		},
		"a time": {
			"resource.properties.day == timestamp('2026-01-01T00:00:00Z')",
			&filter.Tree{Op: filter.Opaque, Source: "resource.properties.day == timestamp(\"2026-01-01T00:00:00Z\")"},
		},
	}
	ignoreEval := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Eval" }, cmp.Ignore())
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(Condition, tc.source)
			if err != nil {
				t.Fatal(err)
			}
			in := testInput(nil)
			in.Resource = Resource{}
			got, err := program.Filter(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, ignoreEval); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterOfWholeProperties(t *testing.T) {
	for _, source := range []string{"size(resource.properties) > 1", "resource.properties == {'a': 1}", "resource.properties.all(k, k != 'x')"} {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := program.Filter(testInput(nil)); !errors.Is(err, ErrWholeProperties) {
			t.Errorf("%s: got %v, want ErrWholeProperties", source, err)
		}
	}
}

// TestFilterAgreesWithEvaluation holds filters against the expressions that they come from, on records with
// values of every type.
func TestFilterAgreesWithEvaluation(t *testing.T) {
	sources := []string{
		"resource.properties.a == 'x'", "resource.properties.a != 'x'", "!(resource.properties.a == null)",
		"resource.properties.a < 3", "resource.properties.a >= 3", "!(resource.properties.a > 2.5)", "resource.properties.a <= 'm'",
		"resource.properties.a == resource.properties.b", "resource.properties.a < resource.properties.b", "!(resource.properties.a < resource.properties.b)",
		"resource.properties.a in ['x', 3, null]", "!(resource.properties.a in ['x', 3.0])", "resource.properties.a in []",
		"'x' in resource.properties.a", "!('x' in resource.properties.a)",
		"resource.properties.a.startsWith('x')", "!resource.properties.a.contains('x')",
		"resource.properties.a", "!resource.properties.a", "resource.properties.a || resource.properties.b", "!(resource.properties.a && resource.properties.b)",
		"resource.properties.a ? resource.properties.b == 1 : resource.properties.b == 2",
		"has(resource.properties.a) && resource.properties.a == null", "resource.properties.a.k == 'x'", "resource.properties.a.k != 'x'",
		"has(resource.properties.a.k)", "resource.properties.?a.orValue(1) == 1", "size(resource.properties.a) > 1", "resource.properties.a < true",
		"resource.properties.a.exists(e, e == 3)", "resource.properties[subject.id] == 1", "resource.id == 'r1' || resource.properties.a == 1",
		"context.nope == 1 || resource.properties.a == 'x'", "resource.properties.a == 1u", "resource.properties.a == [1]",
		"timestamp(resource.properties.a) < now", "!(timestamp(resource.properties.a) <= now - duration('24h'))", "now > timestamp(resource.properties.a)",
		"timestamp(resource.properties.a) == timestamp('2026-01-02T02:04:05Z')", "timestamp(resource.properties.a) != timestamp(resource.properties.b)",
		"timestamp(resource.properties.a) < timestamp(context.nope)", "resource.properties.a == string(now)",
		"resource.properties.a.all(e, e == 3)", "!resource.properties.a.exists(e, e.k == 'x')", "!resource.properties.a.all(e, e == 'x' || e.k == 'x')",
		"resource.properties.a.exists(e, has(e.k) && e.k == subject.id)", "resource.properties.a.exists(e, !has(e.k))", "resource.properties.a.exists(e, e.k.exists(f, f == 1))",
		"resource.properties.a.exists(e, e.k.all(e, e == 1) && e.x)", "resource.properties.a.exists(e, e == resource.properties.b)",
		"resource.properties.a.exists(e, e == [1])", "resource.properties.a.exists_one(e, e == 3)", "resource.properties.a.all(e, !(e in ['x', 3]))",
		"resource.properties.a.exists(e, 'x' in e)", "resource.properties.a.exists(e, timestamp(e) < now)", "resource.properties.a.exists(e, ['x'].exists(f, f == e))",
		"resource.properties.a.exists(subject, subject.k == 'x')", "resource.properties.a.exists(e, e)", "resource.properties.a.exists(e, e != null)",
	}
	values := []any{
		nil, "", "x", "xy", "m", true, false, int64(0), int64(1), int64(3), 2.5, 3.0, []any{}, []any{"x", int64(3)}, []any{int64(1)},
		map[string]any{}, map[string]any{"k": "x"}, map[string]any{"k": nil, "x": true}, "absent",
		"2026-01-02T03:04:05+01:00", "2999-01-01T00:00:00.5Z", "2026-02-30T00:00:00Z", []any{"2026-01-02T03:04:05Z"}, []any{nil, int64(3)},
		[]any{map[string]any{"k": "x"}, map[string]any{"k": "ann"}}, []any{map[string]any{"k": "x"}, map[string]any{}}, []any{map[string]any{"k": []any{int64(1)}, "x": true}},
		[]any{[]any{"x"}, int64(1)}, []any{true},
	}
	for _, source := range sources {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		in := testInput(nil)
		in.Resource = Resource{Type: "doc"}
		tree, err := program.Filter(in)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		for _, a := range values {
			for _, b := range values {
				record := map[string]any{"a": a, "b": b, "ann": int64(1)}
				for _, name := range []string{"a", "b"} {
					if record[name] == "absent" {
						delete(record, name)
					}
				}
				in.Resource = Resource{Type: "doc", ID: "r1", Properties: Properties{Over: record, Complete: true}}
				want, _ := program.Bool(in)
				if got := tree.Matches("r1", record); got != want {
					t.Errorf("%s on %v: filter %v, evaluation %v", source, record, got, want)
				}
			}
		}
	}
}

func TestFilterable(t *testing.T) {
	for source, want := range map[string]bool{
		"resource.properties.owner == subject.id":                          true,
		"!(resource.properties.a in subject.groups) || context.b == 1":     true,
		"resource.properties.a.startsWith('x') && resource.id != 'y'":      true,
		"resource.properties.tags.exists(t, t == 'x')":                     true,
		"resource.properties.tags.exists(t, t.matches('x'))":               false,
		"timestamp(resource.properties.due) < now":                         true,
		"'x' in resource.properties.tags":                                  true,
		"resource.properties.a == 1 || size(resource.properties.tags) > 1": false,
		"size(resource.properties) > 1":                                    false,
	} {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if got := program.Filterable(); got != want {
			t.Errorf("%s: got %v, want %v", source, got, want)
		}
	}
}
