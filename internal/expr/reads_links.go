package expr

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Links are the link fields of the record that the expression follows, as far as they are constant; sorted, each once.
func (p *Program) Links() []string {
	var fields []string
	visit(p.ast.NativeRep().Expr(), func(names []string, _ bool) {
		if len(names) > 2 && names[0] == "resource" && names[1] == "links" {
			fields = append(fields, names[2])
		}
	})
	slices.Sort(fields)
	return slices.Compact(fields)
}

// Trees are the types in whose trees the expression asks for places, as far as they are constant; sorted, each once.
func (p *Program) Trees() []string {
	var names []string
	ast.PreOrderVisit(p.ast.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != underRecords {
			return
		}
		if of := e.AsCall().Args()[1]; of.Kind() == ast.LiteralKind {
			if name, ok := of.AsLiteral().(types.String); ok {
				names = append(names, string(name))
			}
		}
	}))
	slices.Sort(names)
	return slices.Compact(names)
}

// Compared are the paths of the record's properties that the expression compares as they are with anything but null: by ==,
// !=, or in with a list. They are sorted, each once.
func (p *Program) Compared() []string {
	var paths []string
	compared := func(e, with ast.Expr) {
		if with.Kind() == ast.LiteralKind && (with.AsLiteral() == types.NullValue || with.AsLiteral() == types.String("")) {
			return
		}
		if path, ok := property(e); ok {
			paths = append(paths, path)
		}
	}
	ast.PreOrderVisit(p.ast.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals:
			compared(args[0], args[1])
			compared(args[1], args[0])
		case operators.In:
			compared(args[0], args[1])
		}
	}))
	slices.Sort(paths)
	return slices.Compact(paths)
}
