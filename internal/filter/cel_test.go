package filter_test

import (
	"slices"
	"testing"

	"github.com/google/cel-go/cel"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// anyRecords hold values of every JSON type, and lack some.
func anyRecords() []record {
	scalars := []any{nil, "", "a", "A", "a ", "ab", "12", "012", "true", int64(0), int64(12), 12.0, 12.5, int64(1<<53 + 1), 1e300, true, false}
	compound := []any{
		[]any{}, []any{"a"}, []any{"a", nil}, []any{"12", int64(12)}, []any{"", "ab"}, map[string]any{}, map[string]any{"in": nil}, map[string]any{"in": "a"},
		map[string]any{"in": int64(12)}, map[string]any{"in": []any{"a", "b"}}, map[string]any{"": true}, map[string]any{"in": map[string]any{"x": "a"}},
		[]any{map[string]any{"in": "a"}, map[string]any{"in": "ab"}}, []any{map[string]any{"in": "a"}, map[string]any{}}, []any{nil, map[string]any{"in": nil}},
	}
	values := slices.Concat(scalars, compound)
	records := []record{{id: "a", properties: map[string]any{}}}
	for i, value := range values {
		records = append(records,
			record{id: "r" + string(rune('A'+i)), properties: map[string]any{"plain": value, "od\"d name": values[(i*7+3)%len(values)]}},
			record{id: "12", properties: map[string]any{"plain": values[(i*5+1)%len(values)], "od\"d name": value}})
	}
	return records
}

// TestCEL evaluates encoded filters.
func TestCEL(t *testing.T) {
	scalars := []comparand{text, number, boolean, null}
	g := generator{
		properties: []property{
			{with: scalars}, {path: []string{"plain"}, with: scalars}, {path: []string{"od\"d name"}, with: scalars},
			{path: []string{"plain", "in"}, with: scalars}, {path: []string{"plain", "in", "x"}, with: scalars}, {path: []string{"od\"d name", ""}, with: scalars},
		},
		links:     []property{{}, {path: []string{"plain"}}, {path: []string{"od\"d name"}}, {path: []string{"plain", "in"}}, {path: []string{"plain", "in", "x"}}},
		operators: append([]filter.Op{filter.Element, filter.True, filter.False}, plainOperators...),
		columns:   true, texts: texts, numbers: numbers,
	}
	records := anyRecords()
	for i := range records {
		records[i].id += string(rune('a' + i)) // what is compared is which records are let through
	}
	g.check(t, records, func(tree *filter.Tree) ([]string, error) {
		encoded, err := filter.Encode(tree, filter.FormatCEL)
		if err != nil {
			return nil, err
		}
		source, ok := encoded.Condition.(string)
		if !ok {
			source = map[filter.Kind]string{filter.KindAlways: "true", filter.KindNever: "false"}[encoded.Kind]
		}
		program, err := expr.Compile(expr.Condition, source)
		if err != nil {
			return nil, err
		}
		var ids []string
		for i := range records {
			if holds(program, &records[i]) {
				ids = append(ids, records[i].id)
			}
		}
		return ids, nil
	})
}

// TestNumbers makes sure that filters compare numbers as conditions do, beyond 2^53 too.
func TestNumbers(t *testing.T) {
	numbers := append(slices.Clone(numbers), float64(1<<53), float64(1<<63), -float64(1<<63))
	for op, operator := range map[filter.Op]string{filter.Eq: "==", filter.Ne: "!=", filter.Lt: "<", filter.Ge: ">="} {
		program, err := expr.Compile(expr.Condition, "resource.properties.a "+operator+" resource.properties.b")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range numbers {
			for _, b := range numbers {
				r := record{id: "r", properties: map[string]any{"a": a, "b": b}}
				want := holds(program, &r)
				for _, tree := range []*filter.Tree{{Op: op, Field: field("a"), Other: field("b")}, {Op: op, Field: field("a"), Value: b}} {
					if got := tree.Matches(r.id, r.properties); got != want {
						t.Errorf("%v %s %v: got %v, want %v", a, operator, b, got, want)
					}
				}
			}
		}
	}
}

// TestCELElsewhere compiles and evaluates an encoded filter in an environment that knows nothing of Remit.
func TestCELElsewhere(t *testing.T) {
	tree := filter.All(
		filter.Links(&filter.Field{Path: []string{"items", "in"}}, []string{"12", "a\nb"}, true),
		filter.AnyOf(
			&filter.Tree{Op: filter.Gt, Field: &filter.Field{Path: []string{"n"}}, Value: 1e19},
			&filter.Tree{Op: filter.NotIn, Field: &filter.Field{Path: []string{"x y"}}, Values: []any{"a", int64(-5), nil}},
		),
	)
	encoded, err := filter.Encode(tree, filter.FormatCEL)
	if err != nil {
		t.Fatal(err)
	}
	environment, err := cel.NewEnv(cel.Variable("resource", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	checked, issues := environment.Compile(encoded.Condition.(string))
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := environment.Program(checked)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		properties map[string]any
		want       bool
	}{
		"all of the list pass": {map[string]any{"items": []any{map[string]any{"in": 12.0}, map[string]any{"in": "a\nb"}, nil}, "n": 0, "x y": "b"}, true},
		"one does not":         {map[string]any{"items": []any{map[string]any{"in": 12}, map[string]any{"in": "b"}}, "n": 0, "x y": "b"}, false},
		"a large number":       {map[string]any{"items": "", "n": 1e20, "x y": "a"}, true},
		"a value not wanted":   {map[string]any{"items": nil, "n": 1, "x y": -5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := program.Eval(map[string]any{"resource": map[string]any{"id": "r", "properties": tc.properties}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Value() != tc.want {
				t.Errorf("got %v, want %v", got.Value(), tc.want)
			}
		})
	}
}
