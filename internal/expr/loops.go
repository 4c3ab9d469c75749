package expr

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

// NestedLoops returns what the expression loops over inside of another loop, where the caller or an object decides how long
// both are: "resource.properties.allowed" in resource.properties.labels.all(l, resource.properties.allowed.exists(a, a == l)).
// The steps are then the product of both lengths, which reaches CostLimit at a thousand elements each. An inner loop over
// what belongs to the outer one's element takes no more steps than there are elements altogether and is none, nor is one
// over a list that the expression bounds by its size(). They are sorted, each once.
func (p *Program) NestedLoops() []string {
	root := p.ast.NativeRep().Expr()
	w := loopWalk{bounded: map[string]bool{}}
	w.findBounds(root)
	w.walk(root, nil, false)
	slices.Sort(w.found)
	return slices.Compact(w.found)
}

// loopWalk looks for loops in loops.
type loopWalk struct {
	bounded map[string]bool // what the expression compares the size of with a constant
	found   []string
}

// walk looks at an expression inside of loops: vars are their variables, and within says that one of them is over data.
func (w *loopWalk) walk(e ast.Expr, vars []string, within bool) {
	switch e.Kind() {
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		w.walk(c.IterRange(), vars, within)
		path, data := w.data(c.IterRange(), vars)
		if data && within {
			w.found = append(w.found, path)
		}
		inner := append(slices.Clip(vars), c.IterVar(), c.AccuVar())
		if c.HasIterVar2() {
			inner = append(inner, c.IterVar2())
		}
		for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep()} {
			w.walk(part, inner, within || data)
		}
		w.walk(c.Result(), vars, within)
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			w.walk(call.Target(), vars, within)
		}
		for _, arg := range call.Args() {
			w.walk(arg, vars, within)
		}
	case ast.SelectKind:
		w.walk(e.AsSelect().Operand(), vars, within)
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			w.walk(element, vars, within)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.walk(entry.AsMapEntry().Key(), vars, within)
			w.walk(entry.AsMapEntry().Value(), vars, within)
		}
	default: // identifiers and constants
	}
}

// data reports whether a range is as long as the caller or an object says, whatever the element of a loop around it, and
// what it is.
func (w *loopWalk) data(of ast.Expr, vars []string) (path string, data bool) {
	visit(of, func(names []string, _ bool) {
		switch name := strings.Join(names, "."); {
		case slices.Contains(vars, names[0]):
			data, path = false, "of a loop"
		case path == "" && len(names) > 1 && !w.bounded[name]:
			data, path = true, name
		}
	})
	return path, data
}

// findBounds collects what the expression compares the size of with a constant that is an upper bound.
func (w *loopWalk) findBounds(root ast.Expr) {
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		args := call.Args()
		switch call.FunctionName() {
		case operators.Less, operators.LessEquals, operators.Equals:
			w.bound(args[0], args[1])
		case operators.Greater, operators.GreaterEquals:
			w.bound(args[1], args[0])
		}
	}))
}

func (w *loopWalk) bound(size, limit ast.Expr) {
	if size.Kind() != ast.CallKind || size.AsCall().FunctionName() != overloads.Size || limit.Kind() != ast.LiteralKind {
		return
	}
	const most = 100
	if number, ok := limit.AsLiteral().(types.Int); !ok || number > most {
		return
	}
	of := size.AsCall().Target()
	if !size.AsCall().IsMemberFunction() {
		of = size.AsCall().Args()[0]
	}
	if names, indexes, ok := chain(of); ok && len(indexes) == 0 {
		w.bounded[strings.Join(names, ".")] = true
	}
}
