package expr

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// reads looks for path in an expression, however it is selected: a.b, a.?b, a['b'], a[?'b'], has(a.b).
// A whole variable that is used otherwise reads everything below it.
func reads(e ast.Expr, path []string) bool {
	found := false
	visit(e, func(names []string, _ bool) {
		n := min(len(names), len(path))
		for i := range n {
			if names[i] != path[i] {
				return
			}
		}
		found = true
	})
	return found
}

// Properties are the paths of the record's properties that the expression reads, stored or proposed, as far as they are
// constant: joined by dots, sorted, each once.
func (p *Program) Properties() []string {
	var paths []string
	visit(p.ast.NativeRep().Expr(), func(names []string, _ bool) {
		if path, ok := propertyPath(names); ok {
			paths = append(paths, path)
		}
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// variables are those of all places.
var variables = []string{"subject", "action", "resource", "context", "now", "proposed"}

// Variables are the paths of variables that the expression reads, as far as they are constant: joined by dots, sorted, each
// once. What a macro calls an element is none.
func (p *Program) Variables() []string {
	var paths []string
	visit(p.ast.NativeRep().Expr(), func(names []string, _ bool) {
		if slices.Contains(variables, names[0]) {
			paths = append(paths, strings.Join(names, "."))
		}
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// propertyPath is the path of a property among the names that select it.
func propertyPath(names []string) (string, bool) {
	switch {
	case len(names) > 2 && names[0] == "resource" && names[1] == "properties":
		names = names[2:]
	case len(names) > 1 && names[0] == "proposed":
		names = names[1:]
	default:
		return "", false
	}
	return strings.Join(names, "."), true
}

// visit calls found with the longest constant path of every chain of selections that starts at a variable;
// indexed says that an index follows which is no constant.
func visit(e ast.Expr, found func(names []string, indexed bool)) {
	if names, rest, ok := chain(e); ok {
		found(names, len(rest) > 0)
		for _, index := range rest {
			visit(index, found)
		}
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		visit(e.AsSelect().Operand(), found)
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			visit(call.Target(), found)
		}
		for _, arg := range call.Args() {
			visit(arg, found)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			visit(element, found)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			visit(entry.AsMapEntry().Key(), found)
			visit(entry.AsMapEntry().Value(), found)
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			visit(field.AsStructField().Value(), found)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			visit(part, found)
		}
	}
}

// chain reads e as variable.name.name…; the path ends at an index that is no constant, and those indexes
// are returned too.
func chain(e ast.Expr) (names []string, indexes []ast.Expr, ok bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}, nil, true
	case ast.SelectKind:
		names, indexes, ok = chain(e.AsSelect().Operand())
		if len(indexes) == 0 {
			names = append(names, e.AsSelect().FieldName())
		}
		return names, indexes, ok
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			names, indexes, ok = chain(call.Args()[0])
			index := call.Args()[1]
			if index.Kind() == ast.LiteralKind {
				if name, isString := index.AsLiteral().(types.String); isString && len(indexes) == 0 {
					return append(names, string(name)), indexes, ok
				}
			}
			return names, append(indexes, index), ok
		}
	}
	return nil, nil, false
}
