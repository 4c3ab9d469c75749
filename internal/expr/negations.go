package expr

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Negations are the paths of the record's properties of which the expression only says what they are not, such as
// owner in resource.properties.owner != subject.id, and nowhere that they are not null: it holds for a property that is
// null as well. They are sorted, each once.
func (p *Program) Negations() []string {
	n := negationWalk{negated: map[string]bool{}, handled: map[string]bool{}}
	root := p.ast.NativeRep().Expr()
	n.walk(root, false, true)
	var paths []string
	for path := range n.negated {
		if !n.handled[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// negationWalk collects the paths of an expression.
type negationWalk struct{ negated, handled map[string]bool }

// walk looks at an expression that gives a bool. negated says that a result of false counts, required that the whole
// expression is false unless this one counts.
func (n *negationWalk) walk(e ast.Expr, negated, required bool) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalNot:
		n.walk(args[0], !negated, required)
	case operators.LogicalAnd, operators.LogicalOr:
		both := required && (call.FunctionName() == operators.LogicalAnd) != negated
		n.walk(args[0], negated, both)
		n.walk(args[1], negated, both)
	case operators.Conditional:
		n.walk(args[1], negated, false)
		n.walk(args[2], negated, false)
	case operators.Equals, operators.NotEquals:
		n.compared(args[0], args[1], negated != (call.FunctionName() == operators.NotEquals), required)
		n.compared(args[1], args[0], negated != (call.FunctionName() == operators.NotEquals), required)
	case operators.In:
		n.compared(args[0], nil, negated, required)
	default:
		// Of null, everything else is an error, and so false.
		if required {
			for _, arg := range args {
				n.handle(arg)
			}
			if call.IsMemberFunction() {
				n.handle(call.Target())
			}
		}
	}
}

// compared looks at a comparison of a with b, or with the elements of a list. unequal says that being unequal counts.
func (n *negationWalk) compared(a, b ast.Expr, unequal, required bool) {
	path, ok := propertyOf(a, true)
	if !ok {
		return
	}
	switch {
	case b != nil && b.Kind() == ast.LiteralKind && b.AsLiteral() == types.NullValue:
		n.handled[path] = true // however: the author has thought of it
	case unequal && (b == nil || b.Kind() != ast.LiteralKind || b.AsLiteral() != types.String("")):
		n.negated[path] = true
	case !unequal && required:
		n.handled[path] = true
	}
}

func (n *negationWalk) handle(e ast.Expr) {
	if path, ok := property(e); ok {
		n.handled[path] = true
	}
}

// property is the path of the property that an expression is.
func property(e ast.Expr) (string, bool) { return propertyOf(e, false) }

// propertyOf is the path of the property that an expression is, or takes linkID of.
func propertyOf(e ast.Expr, linked bool) (string, bool) {
	if linked && e.Kind() == ast.CallKind && e.AsCall().FunctionName() == linkIDName {
		e = e.AsCall().Args()[0]
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return "", false
	}
	names, indexes, ok := chain(e)
	if !ok || len(indexes) > 0 {
		return "", false
	}
	return propertyPath(names)
}
