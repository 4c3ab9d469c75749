package filter

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGiven(t *testing.T) {
	name := func(path ...string) *Field { return &Field{Path: path} }
	a := &Tree{Op: Eq, Field: name("a"), Value: "x"}
	b := &Tree{Op: Eq, Field: name("b"), Value: "y"}
	link := Links(name("items", "company"), []string{"North"}, false)
	tests := map[string]struct {
		tree  *Tree
		given map[string]any
		want  *Tree
	}{
		"nothing is given":                {All(a, b), nil, All(a, b)},
		"one of two that must hold":       {All(a, b), map[string]any{"a": "x"}, b},
		"one of two that does not":        {All(a, b), map[string]any{"a": "z"}, Constant(false)},
		"one of two of which one must":    {AnyOf(a, b), map[string]any{"b": "y"}, Constant(true)},
		"the other of them":               {AnyOf(a, b), map[string]any{"b": nil}, a},
		"a field beside another":          {&Tree{Op: Eq, Field: name("a"), Other: name("b")}, map[string]any{"a": "x"}, &Tree{Op: Eq, Field: name("a"), Other: name("b")}},
		"two fields":                      {&Tree{Op: Eq, Field: name("a"), Other: name("b")}, map[string]any{"a": "x", "b": "x"}, Constant(true)},
		"below a property":                {&Tree{Op: Ne, Field: name("a", "b"), Value: "x"}, map[string]any{"a": map[string]any{"b": "y"}}, Constant(true)},
		"a link":                          {link, map[string]any{"items": []any{map[string]any{"company": "South"}}}, Constant(false)},
		"a link that is not given":        {link, map[string]any{"a": "x"}, link},
		"the id is no property":           {&Tree{Op: Eq, Field: IDField, Value: "x"}, map[string]any{"id": "x"}, &Tree{Op: Eq, Field: IDField, Value: "x"}},
		"an empty list lets through none": {&Tree{Op: In, Field: name("b")}, nil, Constant(false)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.tree.Given(tc.given)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOfObjects: what asks for an object's members is not true of columns.
func TestOfObjects(t *testing.T) {
	member := &Tree{Op: Opaque, OfObjects: true, Source: "has(resource.properties.owner.id)", Eval: func(string, map[string]any) bool { return true }}
	below := &Tree{Op: Eq, Field: &Field{Path: []string{"owner", "id"}}, Value: "u0"}
	plain := &Tree{Op: Eq, Field: &Field{Path: []string{"owner"}}, Value: "u0"}
	for _, format := range []Format{FormatUCAST, FormatCerbos, FormatPostgres, FormatMySQL, FormatSQLite} {
		got, err := Encode(AnyOf(plain, All(member, below)), format)
		want, _ := Encode(plain, format)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, want %v", format, got, err, want)
		}
	}
}
