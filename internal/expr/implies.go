package expr

import (
	"fmt"
	"math"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"

	"github.com/remit-authz/remit/internal/filter"
)

// Implies reports whether another expression is true wherever this one is, whatever they are evaluated with, as far as
// that can be told: by logic, and by what comparisons with constants, lists of them and has() say of one operand. An
// expression that is in error is not true.
func (p *Program) Implies(other *Program) bool {
	if p.source == other.source {
		return true
	}
	premises, ok := p.logic().disjunctions()
	if !ok {
		return false
	}
	conclusions, ok := other.logic().conjunctions()
	if !ok {
		return false
	}
	for _, premise := range premises {
		for _, conclusion := range conclusions {
			if !follows(premise, conclusion) {
				return false
			}
		}
	}
	return true
}

// formula is when an expression is true, in terms of parts that are true or false: negations stand at the leaves.
type formula struct {
	joint string // "&&", "||"; a leaf has none
	args  []*formula
	fact
}

// fact says that a part is true, or false.
type fact struct {
	// constant facts need no part.
	constant, holds bool
	// part is its text.
	part  string
	false bool
	// comparison says what values operand has, where the part compares it with constants.
	comparison *filter.Tree
	operand    string
	// known are the parts has(…) that are true of what a part has been found in that has no error.
	known []string
}

// logic is made when it is first asked for.
func (p *Program) logic() *formula {
	p.logicOnce.Do(func() {
		m := logicMaker{program: p}
		p.formula = m.make(p.ast.NativeRep().Expr(), false)
	})
	return p.formula
}

type logicMaker struct{ program *Program }

func (m *logicMaker) make(e ast.Expr, negated bool) *formula {
	if e.Kind() == ast.LiteralKind {
		value, err := exactJSON(e.AsLiteral())
		holds, isBool := value.(bool)
		if err == nil && isBool {
			return &formula{fact: fact{constant: true, holds: holds != negated}}
		}
	}
	if e.Kind() == ast.CallKind {
		args := e.AsCall().Args()
		joint := func(joint string, parts ...*formula) *formula {
			if negated {
				joint = map[string]string{"&&": "||", "||": "&&"}[joint]
			}
			return &formula{joint: joint, args: parts}
		}
		switch e.AsCall().FunctionName() {
		case operators.LogicalNot:
			return m.make(args[0], !negated)
		case operators.LogicalAnd:
			return joint("&&", m.make(args[0], negated), m.make(args[1], negated))
		case operators.LogicalOr:
			return joint("||", m.make(args[0], negated), m.make(args[1], negated))
		case operators.Conditional:
			return &formula{joint: "||", args: []*formula{
				{joint: "&&", args: []*formula{m.make(args[0], false), m.make(args[1], negated)}},
				{joint: "&&", args: []*formula{m.make(args[0], true), m.make(args[2], negated)}},
			}}
		}
	}
	return &formula{fact: m.fact(e, negated)}
}

// fact is what a part says that is no logic.
func (m *logicMaker) fact(e ast.Expr, negated bool) fact {
	f := fact{part: m.text(e), false: negated}
	if e.Kind() != ast.CallKind {
		if e.Kind() != ast.SelectKind || !e.AsSelect().IsTestOnly() {
			f.compare(m, e, &filter.Tree{Op: filter.Eq, Value: true}, negated)
		}
		return f
	}
	call := e.AsCall()
	op, isComparison := compareOps[call.FunctionName()]
	switch {
	case isComparison:
		left, right := call.Args()[0], call.Args()[1]
		if _, ok := constantOf(left); ok {
			op, left, right = mirrored[op], right, left
		}
		value, ok := constantOf(right)
		switch {
		case ok && isScalar(value):
			f.compare(m, left, &filter.Tree{Op: op, Value: value}, negated)
		case isData(left) && isData(right):
			f.normalize(op, m.text(left), m.text(right))
		}
	case call.FunctionName() == operators.In:
		value, ok := constantOf(call.Args()[1])
		list, isList := value.([]any)
		if ok && isList && !slices.ContainsFunc(list, func(v any) bool { return !isScalar(v) }) {
			f.compare(m, call.Args()[0], &filter.Tree{Op: filter.In, Values: list}, negated)
		}
	}
	return f
}

// normalize writes a comparison of two operands in one way, of those that mean the same.
func (f *fact) normalize(op filter.Op, left, right string) {
	if f.false {
		op = negations[op]
	}
	if left > right {
		op, left, right = mirrored[op], right, left
	}
	f.false = op == filter.Ne
	if f.false {
		op = filter.Eq
	}
	f.part = left + " " + string(op) + " " + right
}

// compare notes what values an operand has.
func (f *fact) compare(m *logicMaker, operand ast.Expr, comparison *filter.Tree, negated bool) {
	if !isData(operand) {
		return
	}
	if negated {
		negate := map[filter.Op]filter.Op{filter.In: filter.NotIn}
		if op, ok := negations[comparison.Op]; ok {
			comparison.Op = op
		} else {
			comparison.Op = negate[comparison.Op]
		}
	}
	comparison.Field = &filter.Field{Path: []string{"value"}}
	f.comparison, f.operand = comparison, m.text(operand)
	for at := operand; at.Kind() == ast.SelectKind && !at.AsSelect().IsTestOnly(); at = at.AsSelect().Operand() {
		f.known = append(f.known, "has("+m.text(at)+")")
	}
}

// isData reports whether a part is given, and not computed: a number that is given is never NaN, which is in no order.
func isData(e ast.Expr) bool {
	_, _, ok := chain(e)
	return ok && !isOptional(e)
}

// text is the source of a part; of what has none, something that no other part has.
func (m *logicMaker) text(e ast.Expr) string {
	text, err := cel.ExprToString(e, m.program.ast.NativeRep().SourceInfo())
	if err != nil {
		return fmt.Sprintf("%s\x00%d", m.program.source, e.ID())
	}
	return text
}

// constantOf reads a literal, or a list of them.
func constantOf(e ast.Expr) (any, bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		value, err := exactJSON(e.AsLiteral())
		return value, err == nil && isExactConstant(value)
	case ast.ListKind:
		list := []any{}
		for _, element := range e.AsList().Elements() {
			value, ok := constantOf(element)
			if !ok {
				return nil, false
			}
			list = append(list, value)
		}
		return list, len(e.AsList().OptionalIndices()) == 0
	}
	return nil, false
}

// isExactConstant leaves out numbers that comparisons round.
func isExactConstant(value any) bool {
	const most = 1 << 53
	switch v := value.(type) {
	case int64:
		return v > -most && v < most
	case float64:
		return math.Abs(v) < most
	}
	return true
}

// mostTerms is how many terms a formula is multiplied out to.
const mostTerms = 256

// disjunctions are the formula as alternatives, of each of which all facts hold; false where there are too many.
func (f *formula) disjunctions() ([][]fact, bool) { return f.terms("||") }

// conjunctions are the formula as demands, of each of which one fact holds.
func (f *formula) conjunctions() ([][]fact, bool) { return f.terms("&&") }

// terms multiplies out: outer joins the terms, and the other joint the facts of each.
func (f *formula) terms(outer string) ([][]fact, bool) {
	switch f.joint {
	case "":
		if f.constant {
			// What is neutral to the terms is none; what decides a term is an empty one.
			if f.holds == (outer == "&&") {
				return nil, true
			}
			return [][]fact{nil}, true
		}
		return [][]fact{{f.fact}}, true
	case outer:
		var all [][]fact
		for _, arg := range f.args {
			terms, ok := arg.terms(outer)
			if !ok || len(all)+len(terms) > mostTerms {
				return nil, false
			}
			all = append(all, terms...)
		}
		return all, true
	}
	product := [][]fact{nil}
	for _, arg := range f.args {
		terms, ok := arg.terms(outer)
		if !ok || len(product)*len(terms) > mostTerms {
			return nil, false
		}
		var next [][]fact
		for _, left := range product {
			for _, right := range terms {
				next = append(next, slices.Concat(left, right))
			}
		}
		product = next
	}
	return product, true
}

// follows reports whether, where all of some facts hold, one of others does.
func follows(all, one []fact) bool {
	for i := range one {
		if slices.ContainsFunc(all, func(had fact) bool {
			return had.part == one[i].part && had.false == one[i].false || !one[i].false && slices.Contains(had.known, one[i].part)
		}) {
			return true
		}
	}
	for i, had := range all {
		if slices.ContainsFunc(all[i+1:], func(f fact) bool { return f.part == had.part && f.false != had.false }) {
			return true // they never hold together
		}
	}
	var operands []string
	for _, had := range all {
		if had.comparison != nil && !slices.Contains(operands, had.operand) {
			operands = append(operands, had.operand)
		}
	}
	return slices.ContainsFunc(operands, func(operand string) bool { return valuesFollow(all, one, operand) })
}

// valuesFollow tries values of an operand: those that comparisons name, and those between them. Comparisons with the
// same constants cannot tell others apart.
func valuesFollow(all, one []fact, operand string) bool {
	of := func(facts []fact) (list []*filter.Tree) {
		for i := range facts {
			if facts[i].comparison != nil && facts[i].operand == operand {
				list = append(list, facts[i].comparison)
			}
		}
		return list
	}
	premises, conclusions := of(all), of(one)
	holds := func(value any) func(*filter.Tree) bool {
		return func(t *filter.Tree) bool { return t.Matches("", map[string]any{"value": value}) }
	}
	for _, value := range candidates(slices.Concat(premises, conclusions)) {
		fails := func(t *filter.Tree) bool { return !holds(value)(t) }
		if !slices.ContainsFunc(premises, fails) && !slices.ContainsFunc(conclusions, holds(value)) {
			return false
		}
	}
	return true
}

func candidates(comparisons []*filter.Tree) []any {
	values := []any{nil, true, false, "", []any{}, map[string]any{}}
	numbers := []float64{0}
	for _, comparison := range comparisons {
		for _, value := range append([]any{comparison.Value}, comparison.Values...) {
			switch v := value.(type) {
			case string:
				values = append(values, v, v+"\x00")
			case int64:
				numbers = append(numbers, float64(v))
			case float64:
				numbers = append(numbers, v)
			}
		}
	}
	slices.Sort(numbers)
	values = append(values, numbers[0]-1, numbers[len(numbers)-1]+1)
	for i, number := range numbers {
		values = append(values, number)
		if i > 0 {
			values = append(values, number/2+numbers[i-1]/2)
		}
	}
	return values
}
