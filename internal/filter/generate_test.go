package filter_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// The values that generated filters compare with, and that generated records hold: few, so that they meet,
// and such as databases confuse.
var (
	texts = []string{
		"", "a", "A", "a ", " a", "ab", "abc", "Abc", "á", "a\u0301", "ß", "ss", "é", "😀", "日本", "a%", "a_", "_", "%", `a\`, `\`,
		`a"b`, "a'b", "a`b", "12", "012", "12.0", "12.5", "1e1", "10", "0", "1", "true", "false", "null", "2026-01-02", "a\nb", "z\x00y", "z",
	}
	// floats are what a column of floating numbers holds. Those beyond 2^53 are far from the integers.
	floats   = []any{int64(0), int64(1), int64(-1), int64(2), int64(10), int64(12), 12.0, 12.5, 0.1, -2.5, 1e15, 1e300, 1e19, -1e19}
	integers = []any{int64(1<<53 - 1), int64(1 << 53), int64(1<<53 + 1), int64(-1<<53 - 1), int64(math.MaxInt64), int64(math.MinInt64)}
	numbers  = slices.Concat(floats, integers)
	bools    = []any{true, false}
	ids      = []string{"", "a", "A", "a ", "ab", "12", "012", "12.5", "10", "1e1", "true", "9007199254740993"}
)

// comparand is a kind of value that a property is compared with.
type comparand int

const (
	text comparand = iota
	number
	boolean
	null
)

// property is one that generated filters ask about.
type property struct {
	path []string // empty: the id
	with []comparand
	// ordered are the kinds with which it may be in an order; nil: with.
	ordered []comparand
	// textless says that no text is looked for in it.
	textless bool
	// flag says that it holds bools where these are numbers, so that it is compared with no number.
	flag bool
}

// against gives the properties that it may be compared with.
func (p property) against(properties []property) []property {
	return slices.DeleteFunc(slices.Clone(properties), func(other property) bool {
		return p.flag != other.flag && len(p.path) > 0 && len(other.path) > 0
	})
}

func (p property) field() *filter.Field {
	if len(p.path) == 0 {
		return filter.IDField
	}
	return &filter.Field{Path: p.path}
}

// generator makes filters.
type generator struct {
	properties []property
	// links are the properties on which links are generated; operators the other leaves.
	links     []property
	operators []filter.Op
	// columns says that two properties may be compared.
	columns bool
	texts   []string
	numbers []any
	// noNULInLists is for a database that knows no lists with NUL characters.
	noNULInLists bool
}

var plainOperators = []filter.Op{
	filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge, filter.In, filter.NotIn,
	filter.StartsWith, filter.EndsWith, filter.Contains,
}

func (g *generator) value(t *rapid.T, with []comparand) any {
	switch rapid.SampledFrom(with).Draw(t, "kind") {
	case text:
		return rapid.SampledFrom(g.texts).Draw(t, "text")
	case number:
		return rapid.SampledFrom(g.numbers).Draw(t, "number")
	case boolean:
		return rapid.SampledFrom(bools).Draw(t, "bool")
	}
	return nil
}

func (g *generator) tree(t *rapid.T, depth int) *filter.Tree {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "branch") > 0 {
		op := rapid.SampledFrom([]filter.Op{filter.And, filter.Or}).Draw(t, "join")
		args := make([]*filter.Tree, rapid.IntRange(1, 3).Draw(t, "args"))
		for i := range args {
			args[i] = g.tree(t, depth-1)
		}
		return &filter.Tree{Op: op, Args: args}
	}
	if len(g.links) > 0 && rapid.IntRange(0, 4).Draw(t, "link") == 0 {
		allowed := rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, 4, rapid.ID[string]).Draw(t, "ids")
		slices.Sort(allowed)
		p := rapid.SampledFrom(g.links).Draw(t, "property")
		return filter.Links(p.field(), allowed, rapid.Bool().Draw(t, "empty passes"))
	}
	p := rapid.SampledFrom(g.properties).Draw(t, "property")
	leaf := &filter.Tree{Op: rapid.SampledFrom(g.operators).Draw(t, "operator"), Field: p.field()}
	switch leaf.Op {
	case filter.In, filter.NotIn:
		leaf.Values = make([]any, rapid.IntRange(0, 4).Draw(t, "values"))
		for i := range leaf.Values {
			leaf.Values[i] = g.value(t, p.with)
			if text, ok := leaf.Values[i].(string); ok && g.noNULInLists {
				leaf.Values[i] = strings.ReplaceAll(text, "\x00", "")
			}
		}
	case filter.StartsWith, filter.EndsWith, filter.Contains:
		if p.textless {
			return &filter.Tree{Op: filter.Ne, Field: leaf.Field}
		}
		leaf.Value = rapid.SampledFrom(g.texts).Draw(t, "text")
		leaf.Negated = rapid.Bool().Draw(t, "negated")
	case filter.Element:
		leaf.Value = g.value(t, p.with)
		leaf.Negated = rapid.Bool().Draw(t, "negated")
	case filter.True, filter.False:
	default:
		with := p.with
		if p.ordered != nil && leaf.Op != filter.Eq && leaf.Op != filter.Ne {
			with = p.ordered
		}
		if g.columns && rapid.IntRange(0, 4).Draw(t, "column") == 0 {
			leaf.Other = rapid.SampledFrom(p.against(g.properties)).Draw(t, "other").field()
		} else {
			leaf.Value = g.value(t, with)
		}
	}
	return leaf
}

// condition makes the text of a CEL condition.
func (g *generator) condition(t *rapid.T, depth int) string {
	if depth > 0 {
		sub := func() string { return g.condition(t, depth-1) }
		switch rapid.IntRange(0, 5).Draw(t, "branch") {
		case 0:
			return "(" + sub() + " && " + sub() + ")"
		case 1:
			return "(" + sub() + " || " + sub() + ")"
		case 2:
			return "!(" + sub() + ")"
		case 3:
			return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
		}
	}
	p := rapid.SampledFrom(g.properties).Draw(t, "property")
	field := celField(p)
	literal := func(with []comparand) string { return celLiteral(g.value(t, with)) }
	with := p.ordered
	if with == nil {
		with = p.with
	}
	kind := rapid.IntRange(0, 7).Draw(t, "leaf")
	if kind == 3 && p.textless {
		kind = 0
	}
	switch kind {
	case 0:
		return field + rapid.SampledFrom([]string{" == ", " != "}).Draw(t, "operator") + literal(p.with)
	case 1:
		return literal(with) + rapid.SampledFrom([]string{" < ", " <= ", " > ", " >= "}).Draw(t, "operator") + field
	case 2:
		in := field + " in [" + literal(p.with) + ", " + literal(p.with) + "]"
		if g.noNULInLists {
			in = strings.ReplaceAll(in, `\x00`, "")
		}
		return in
	case 3:
		return field + "." + rapid.SampledFrom([]string{"startsWith", "endsWith", "contains"}).Draw(t, "function") + "(" + literal([]comparand{text}) + ")"
	case 4:
		return field + " == subject.id"
	case 5:
		return field + " in subject.groups"
	case 6:
		if slices.Contains(p.with, boolean) && len(p.path) > 0 {
			return field
		}
		return "has(resource.properties.other)"
	}
	return rapid.SampledFrom([]string{"context.unknown == 1", "subject.staff", "true", "resource.id == '12'"}).Draw(t, "constant")
}

func celField(p property) string {
	if len(p.path) == 0 {
		return "resource.id"
	}
	return fmt.Sprintf(`resource.properties["%s"]`, strings.Join(quoted(p.path), `"]["`))
}

// quoted escapes names as CEL has them between quotes.
func quoted(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		text := strconv.Quote(name)
		quoted[i] = text[1 : len(text)-1]
	}
	return quoted
}

func celLiteral(value any) string {
	switch v := value.(type) {
	case nil:
		return "dyn(null)"
	case string:
		return "dyn(" + strconv.Quote(v) + ")"
	case float64:
		return fmt.Sprintf("dyn(double('%v'))", v)
	}
	return fmt.Sprintf("dyn(%v)", value)
}

// record is one that filters are put to.
type record struct {
	id         string
	properties map[string]any
}

func (r *record) String() string { return fmt.Sprintf("%s %#v", r.id, r.properties) }

// conditionInput is what generated conditions see besides the record.
func conditionInput() *expr.Input {
	return &expr.Input{Subject: expr.Subject{Type: "user", ID: "a", Groups: []string{"ab", "12", "A"}, Staff: true}}
}

// holds evaluates a condition on a record, of which every property is known.
func holds(program *expr.Program, r *record) bool {
	in := conditionInput()
	in.Resource = expr.Resource{ID: r.id, Properties: expr.Properties{Over: r.properties, Complete: true}}
	value, _ := program.Bool(in)
	return value
}

// check puts generated filters, and the filters of generated conditions, to records: let through, which gives
// the ids that an encoded filter lets through, must give those that match. It says how many it compared.
func (g *generator) check(t *testing.T, records []record, through func(tree *filter.Tree) ([]string, error)) {
	t.Helper()
	compared := 0
	compare := func(t interface {
		Fatalf(format string, args ...any)
	}, what string, tree *filter.Tree, matches func(*record) bool) {
		got, err := through(tree)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var want []string
		for i := range records {
			if matches(&records[i]) {
				want = append(want, records[i].id)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		compared++
		if slices.Equal(want, got) {
			return
		}
		for i := range records {
			if slices.Contains(want, records[i].id) != slices.Contains(got, records[i].id) {
				t.Fatalf("%s: let through %v, matches %v: %s", what, !slices.Contains(want, records[i].id), slices.Contains(want, records[i].id), &records[i])
			}
		}
	}
	t.Run("trees", rapid.MakeCheck(func(t *rapid.T) {
		for range 10 {
			tree := g.tree(t, 2)
			compare(t, describe(tree), tree, func(r *record) bool { return tree.Matches(r.id, r.properties) })
		}
	}))
	t.Run("conditions", rapid.MakeCheck(func(t *rapid.T) {
		for range 5 {
			source := g.condition(t, 2)
			program, err := expr.Compile(expr.Condition, source)
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			tree, err := program.Filter(conditionInput())
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			compare(t, source, tree, func(r *record) bool { return holds(program, r) })
		}
	}))
	t.Run("thousands of ids", func(t *testing.T) {
		allowed := append(manyIDs(3_000), ids...)
		slices.Sort(allowed)
		for i, p := range g.links {
			tree := filter.Links(p.field(), allowed, i%2 == 0)
			compare(t, "thousands of ids at "+celField(p), tree, func(r *record) bool { return tree.Matches(r.id, r.properties) })
		}
	})
	t.Logf("compared %d filters on %d records", compared, len(records))
}

func describe(t *filter.Tree) string {
	switch t.Op {
	case filter.And, filter.Or:
		parts := make([]string, len(t.Args))
		for i, arg := range t.Args {
			parts[i] = describe(arg)
		}
		return fmt.Sprintf("(%s)", strings.Join(parts, " "+string(t.Op)+" "))
	}
	name := func(f *filter.Field) string {
		switch {
		case f == nil:
			return ""
		case f.ID:
			return "id"
		case f.Element:
			return strings.Join(append([]string{"element"}, f.Path...), ".")
		}
		return strings.Join(f.Path, ".")
	}
	if t.Op == filter.Any || t.Op == filter.Every {
		return fmt.Sprintf("[%s %s %s]", t.Op, name(t.Field), describe(t.Args[0]))
	}
	return fmt.Sprintf("[%s %s%s %#v %#v negated=%v empty=%v]", t.Op, name(t.Field), name(t.Other), t.Value, t.Values, t.Negated, t.EmptyPasses)
}

// shuffled gives n values, each of the candidates about as often as the others, in an order of its own.
func shuffled[T any](random *rand.Rand, n int, candidates []T) []T {
	values := make([]T, n)
	for i, from := range random.Perm(n) {
		values[i] = candidates[from%len(candidates)]
	}
	return values
}

func anys[T any](values []T) []any {
	converted := make([]any, len(values))
	for i, value := range values {
		converted[i] = value
	}
	return converted
}

func asRefusal(err error, refusal **filter.UnsupportedError) bool { return errors.As(err, refusal) }
