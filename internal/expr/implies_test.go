package expr

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestImplies(t *testing.T) {
	const a, b = "resource.properties.a", "resource.properties.b"
	for name, tc := range map[string]struct {
		inner, outer string
		// back says that the outer one implies the inner one, too.
		back bool
	}{
		"a lower limit":              {a + " <= 9000", a + " <= 10000", false},
		"a strict limit":             {a + " < 5", a + " <= 5", false},
		"a limit and a value":        {a + " == 5", a + " < 6.5", false},
		"between":                    {a + " > 1 && " + a + " < 3", a + " >= 1 && " + a + " <= 3", false},
		"a shorter list":             {a + " in ['x', 'y']", a + " in ['x', 'y', 'z']", false},
		"another order":              {a + " in ['x', 'y']", a + " == 'y' || " + a + " == 'x'", true},
		"halves exchanged":           {a + " == 1 || " + b + " == subject.id", b + " == subject.id || " + a + " == 1", true},
		"operands exchanged":         {"subject.id == " + b, b + " == subject.id", true},
		"not and not equal":          {"!(subject.id == " + b + ")", b + " != subject.id", true},
		"one demand more":            {a + " == 1 && context.x", a + " == 1", false},
		"de Morgan":                  {"!(" + a + " == 1 || " + b + " == 2)", a + " != 1 && " + b + " != 2", true},
		"not less":                   {"!(" + a + " < " + b + ")", a + " >= " + b, true},
		"a constant not less":        {"!(" + a + " < 5)", a + " >= 5", true},
		"a choice":                   {a + " ? " + b + " == 1 : " + b + " == 2", b + " in [1, 2]", false},
		"what is known":              {a + " == 1", "has(" + a + ") && " + a + " == 1", true},
		"a part of an and of ors":    {"(" + a + " == 1 || " + a + " == 2) && " + b + " == 3", a + " < 3 && " + b + " >= 3", false},
		"never":                      {"false", a + " == 1", false},
		"a contradiction":            {a + " < 1 && " + a + " > 2", b + " == 1", false},
		"a bool":                     {a, a + " == true", true},
		"text in an order":           {a + " == 'x'", a + " > 'a' && " + a + " <= 'x'", false},
		"distributed":                {a + " == 1 && (" + b + " == 1 || context.x)", "(" + a + " == 1 && " + b + " == 1) || (" + a + " == 1 && context.x)", true},
		"an expression as it stands": {"size(" + a + ") > 1 && context.x", "size(" + a + ") > 1", false},
	} {
		inner, outer := mustCompile(t, tc.inner), mustCompile(t, tc.outer)
		if !inner.Implies(outer) {
			t.Errorf("%s: %s does not imply %s", name, tc.inner, tc.outer)
		}
		if back := outer.Implies(inner); back != tc.back {
			t.Errorf("%s: %s implies %s: got %v, want %v", name, tc.outer, tc.inner, back, tc.back)
		}
	}
	for _, pair := range [][2]string{
		{a + " == 1", a + " == b.c"}, {"!(" + a + " == 1)", a + " > 1 || " + a + " < 1"}, {a + " != 'x'", a + " in ['y', 'z']"},
		{"!(double(" + a + ") < 1.0)", "double(" + a + ") >= 1.0"}, {"true", a + " == 1 || " + a + " != 1"}, {a + " == 9007199254740993", a + " == 9007199254740992"},
		{a + ".startsWith('x')", a + ".startsWith('')"}, {b + " != subject.id", a + " == 'open'"},
	} {
		inner, err := Compile(Condition, pair[0])
		outer, otherErr := Compile(Condition, pair[1])
		if err == nil && otherErr == nil && inner.Implies(outer) {
			t.Errorf("%s implies %s", pair[0], pair[1])
		}
	}
}

func mustCompile(t *testing.T, source string) *Program {
	t.Helper()
	program, err := Compile(Condition, source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return program
}

// TestImpliesHolds evaluates conditions made at random on records made at random: where one is said to imply another, no
// record tells otherwise.
func TestImpliesHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2026))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth > 0 {
			x, y := condition(depth-1), condition(depth-1)
			switch r.IntN(5) {
			case 0, 1:
				return "(" + x + " && " + y + ")"
			case 2, 3:
				return "(" + x + " || " + y + ")"
			}
			return one("!("+x+")", "(resource.properties.c ? "+x+" : "+y+")")
		}
		field := "resource.properties." + one("a", "b")
		constant := one("1", "2", "2.5", "'m'", "''", "'x'", "null", "true")
		switch r.IntN(6) {
		case 0, 1, 2:
			op := one("==", "!=", "<", "<=", ">", ">=")
			if constant == "null" {
				op = one("==", "!=")
			}
			return field + " " + op + " " + constant
		case 3:
			return field + " in " + one("[1, 2]", "['m', 'x', null]", "[]", "[2.5, true]")
		case 4:
			return "has(" + field + ")"
		}
		return one("resource.properties.a == resource.properties.b", "resource.properties.a < resource.properties.b", "resource.properties.c", "subject.id == "+field)
	}
	values := []any{nil, true, false, "", "a", "m", "n", "x", "ann", int64(0), int64(1), 1.5, int64(2), 2.5, int64(3), []any{}, "absent"}
	said := 0
	for range 4000 {
		inner, outer := mustCompile(t, condition(2)), mustCompile(t, condition(1))
		if !inner.Implies(outer) || inner.Source() == outer.Source() {
			continue
		}
		said++
		for range 60 {
			record := map[string]any{}
			for _, name := range []string{"a", "b", "c"} {
				if value := values[r.IntN(len(values))]; value != "absent" {
					record[name] = value
				}
			}
			in := testInput(nil)
			in.Resource = Resource{Type: "doc", ID: "r1", Properties: Properties{Over: record, Complete: r.IntN(2) == 0}}
			holds, _ := inner.Bool(in)
			if follows, _ := outer.Bool(in); holds && !follows {
				t.Fatalf("%s is said to imply %s, but not of %s", inner.Source(), outer.Source(), fmt.Sprint(record))
			}
		}
	}
	if said < 100 {
		t.Errorf("only %d implications", said)
	}
}
