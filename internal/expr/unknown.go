package expr

import (
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Unknown marks what an input does not give of a record, where it asks about every record of a type (see "Questions
// about a type" in the semantics). To look at it is an error. In that it differs from a property that a record does not
// have: has(), .?, in and size() do not get around it, since what holds for every record must not depend on it. CEL's
// own rules apply: true || error is true.
//
// An Unknown belongs to one Input, whose Resource and Properties share it. Such an input is always evaluated by cel-go.
type Unknown struct{ met bool }

// Met reports whether the last evaluation looked at what is unknown. If it gave an error, some record may give another
// result. Without an error, the result is that of every record.
func (u *Unknown) Met() bool { return u != nil && u.met }

var errUnknown = errors.New("the expression depends on what is not known of the record")

// look gives the error of looking at what is unknown.
func (u *Unknown) look() ref.Val {
	u.met = true
	return types.WrapErr(errUnknown)
}

// unknownName is a variable whose value is the error of looking at what is unknown. No expression can spell it.
const unknownName = "resource!unknown"

// forUnknown returns the program for inputs with an Unknown.
func (p *Program) forUnknown() (cel.Program, error) {
	p.unknownOnce.Do(func() { p.unknown, p.unknownErr = p.planUnknown() })
	return p.unknown, p.unknownErr
}

// planUnknown makes the program in which unknownName stands for the id, for resource, and for resource.properties and
// proposed wherever more than single properties of them are used: CEL compares maps, for example, by their sizes, and
// drops errors while it does so. Single properties are for propertiesValue to look up, and links for linksValue.
func (p *Program) planUnknown() (cel.Program, error) {
	checked := ast.Copy(p.ast.NativeRep())
	idents := ast.MatchDescendants(ast.NavigateAST(checked), ast.KindMatcher(ast.IdentKind))
	for _, ident := range idents {
		var hidden ast.NavigableExpr
		switch ident.AsIdent() {
		case "resource":
			hidden = hiddenOfResource(ident)
		case "proposed":
			hidden = hiddenOfProperties(ident)
		}
		if hidden != nil {
			checked.SetReference(hidden.ID(), ast.NewIdentReference(unknownName, nil))
			hidden.SetKindCase(ast.NewExprFactory().NewIdent(hidden.ID(), unknownName))
		}
	}
	program, err := environments()[p.place].PlanProgram(checked, programOptions(p.place, checked)...)
	if err != nil {
		return nil, fmt.Errorf("planning the expression for every record: %w", err) // it has been planned before
	}
	return program, nil
}

// hiddenOfResource is the part around the variable resource that is unknown; nil if all of it may be looked at.
func hiddenOfResource(resource ast.NavigableExpr) ast.NavigableExpr {
	parent, ok := resource.Parent()
	if !ok {
		return resource
	}
	field, ok := selected(parent, resource)
	switch {
	case !ok:
		return resource
	case field == "type":
		return nil
	case field != "properties" && field != "links":
	case parent.Kind() == ast.SelectKind && parent.AsSelect().IsTestOnly():
		return nil
	default:
		return hiddenOfProperties(parent)
	}
	return parent
}

// selected is the name that e selects of its operand, as operand.name, operand.?name or operand[name]; false for
// another expression, or a name that is computed.
func selected(e ast.Expr, operand ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().FieldName(), true
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			if call.Args()[0].ID() != operand.ID() || call.Args()[1].Kind() != ast.LiteralKind {
				return "", false
			}
			name, ok := call.Args()[1].AsLiteral().(types.String)
			return string(name), ok
		}
	}
	return "", false
}

// hiddenOfProperties is properties, unless they are only asked for a single one.
func hiddenOfProperties(properties ast.NavigableExpr) ast.NavigableExpr {
	parent, ok := properties.Parent()
	if !ok {
		return properties
	}
	switch parent.Kind() {
	case ast.SelectKind:
		return nil
	case ast.CallKind:
		call := parent.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			if call.Args()[0].ID() == properties.ID() {
				return nil
			}
		case operators.In:
			if call.Args()[1].ID() == properties.ID() {
				return nil
			}
		}
	}
	return properties
}

// TestsPresence reports whether the expression may depend on which properties a record has, and not on their values
// alone: it uses has(), .?, [?] or in on resource.properties, or uses them as a whole.
func (p *Program) TestsPresence() bool {
	whole := p.ast.NativeRep()
	for _, ident := range ast.MatchDescendants(ast.NavigateAST(whole), ast.KindMatcher(ast.IdentKind)) {
		parent, ok := ident.Parent()
		if !ok || ident.AsIdent() != "resource" {
			continue
		}
		if field, ok := selected(parent, ident); ok && field != "properties" {
			continue
		}
		user, ok := parent.Parent()
		if !ok || hiddenOfResource(ident) != nil {
			return true
		}
		switch user.Kind() {
		case ast.SelectKind:
			if user.AsSelect().IsTestOnly() {
				return true
			}
		case ast.CallKind:
			if user.AsCall().FunctionName() != operators.Index {
				return true
			}
		}
	}
	return false
}
