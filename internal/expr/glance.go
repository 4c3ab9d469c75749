package expr

import (
	"cmp"
	"math"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// A glance answers the plainest conditions from very little: comparisons of, and in with, named properties,
// attributes, ids and constants, joined by &&, || and !. It is data that one function walks, not closures: an
// input that is only looked at so stays on the caller's stack.
//
// It says what the fast path says – and cel-go – or that it is not sure. It is not sure of anything that it does
// not know: of a name that is missing, above all, so that who trusts it has missed nothing.
type glance struct {
	op glanceOp
	// wanted are the orders – of less, equal, greater – that make a glanceCompare true.
	wanted      [3]bool
	left, right *glance // of glanceAnd, glanceOr, glanceNot
	a, b        glanceOperand
	set         *fastSet // of glanceInSet
}

type glanceOp uint8

const (
	glanceAnd     glanceOp = iota // left && right
	glanceOr                      // left || right
	glanceNot                     // !left
	glanceIs                      // a, a bool
	glanceEqual                   // a == b
	glanceDiffer                  // a != b
	glanceCompare                 // a < b and its like
	glanceInSet                   // a in [constants]
	glanceInList                  // a in b, a list
)

// glanceOperand is a constant, or one value of the input.
type glanceOperand struct {
	from glanceSource
	kind fastKind // of a constant
	bits uint64   // of a constant
	text string   // of a constant, or the name in an object
}

type glanceSource uint8

const (
	fromConstant glanceSource = iota
	fromSubjectType
	fromSubjectID
	fromActionName
	fromResourceType
	fromResourceID
	// What follows are names in objects.
	fromAttributes
	fromClaims
	fromAction
	fromResource
	fromContext
)

// glanceSources are the paths of one name's length; those of objects take one more.
var glanceSources = map[string]glanceSource{
	"subject.type": fromSubjectType, "subject.id": fromSubjectID, "action.name": fromActionName,
	"resource.type": fromResourceType, "resource.id": fromResourceID,
	"subject.attributes": fromAttributes, "subject.properties": fromClaims, "action.properties": fromAction,
	"resource.properties": fromResource, "context": fromContext,
}

// scalar is a value that is no list and no object. Its kind is fastBail where nothing is known of it.
type scalar struct {
	kind fastKind
	bits uint64 // of fastBool, fastInt and fastDouble
	text string
}

// Glance evaluates a condition where that takes little. Where it is not sure, Bool must be asked; where it is,
// Bool gives the same, no error, and notes no name as missed. It keeps nothing of the input, which need not
// have the subject's groups, roles and staff, nor Proposed and Now.
func (p *Program) Glance(in *Input) (holds, sure bool) {
	if p.glance == nil {
		return false, false
	}
	return p.glance.at(in)
}

func (g *glance) at(in *Input) (holds, sure bool) {
	switch g.op {
	case glanceAnd:
		if holds, sure = g.left.at(in); !holds || !sure {
			return holds, sure
		}
		return g.right.at(in)
	case glanceOr:
		if holds, sure = g.left.at(in); holds || !sure {
			return holds, sure
		}
		return g.right.at(in)
	case glanceNot:
		holds, sure = g.left.at(in)
		return !holds, sure
	case glanceIs:
		v := g.a.load(in)
		return v.bits != 0, v.kind == fastBool
	case glanceEqual:
		return sameScalar(g.a.load(in), g.b.load(in))
	case glanceDiffer:
		holds, sure = sameScalar(g.a.load(in), g.b.load(in))
		return !holds, sure
	case glanceCompare:
		order, sure := compareScalar(g.a.load(in), g.b.load(in))
		return g.wanted[order+1], sure
	case glanceInSet:
		v := g.a.load(in)
		if v.kind == fastBail {
			return false, false
		}
		return g.set.contains(v.fast()), true
	case glanceInList:
		list, known := g.b.find(in)
		elements, isList := list.([]any)
		if !known || !isList || len(elements) > fastSize {
			return false, false
		}
		return scalarAmong(g.a.load(in), elements)
	}
	return false, false
}

// find gives what stands under the name in an object; false where there is none.
func (o *glanceOperand) find(in *Input) (value any, known bool) {
	object := in.Context
	switch o.from {
	case fromResource:
		if value, known = in.Resource.Properties.Over[o.text]; known {
			return value, known
		}
		object = in.Resource.Properties.Base
	case fromAttributes:
		object = in.Subject.Attributes
	case fromClaims:
		object = in.Subject.Properties
	case fromAction:
		object = in.Action.Properties
	}
	value, known = object[o.text]
	return value, known
}

func (o *glanceOperand) load(in *Input) scalar {
	switch o.from {
	case fromConstant:
		return scalar{kind: o.kind, bits: o.bits, text: o.text}
	case fromSubjectType:
		return scalar{kind: fastText, text: in.Subject.Type}
	case fromSubjectID:
		return scalar{kind: fastText, text: in.Subject.ID}
	case fromActionName:
		return scalar{kind: fastText, text: in.Action.Name}
	case fromResourceType:
		return scalar{kind: fastText, text: in.Resource.Type}
	case fromResourceID:
		return scalar{kind: fastText, text: in.Resource.ID}
	}
	value, known := o.find(in)
	if !known {
		return scalar{}
	}
	return loadScalar(value)
}

func loadScalar(value any) scalar {
	switch v := value.(type) {
	case string:
		return scalar{kind: fastText, text: v}
	case int64:
		return scalar{kind: fastInt, bits: uint64(v)}
	case bool:
		if v {
			return scalar{kind: fastBool, bits: 1}
		}
		return scalar{kind: fastBool}
	case nil:
		return scalar{kind: fastNull}
	case float64:
		if !math.IsNaN(v) {
			return scalar{kind: fastDouble, bits: math.Float64bits(v)}
		}
	}
	return scalar{}
}

func (v scalar) double() float64 { return math.Float64frombits(v.bits) }

func (v scalar) fast() fastValue {
	return fastValue{kind: v.kind, integer: int64(v.bits), double: v.double(), text: v.text}
}

// sameScalar is ==, but for numbers of two types.
func sameScalar(a, b scalar) (same, sure bool) {
	switch {
	case a.kind == fastBail || b.kind == fastBail:
		return false, false
	case a.kind != b.kind:
		number := func(kind fastKind) bool { return kind == fastInt || kind == fastDouble }
		return false, !number(a.kind) || !number(b.kind)
	case a.kind == fastText:
		return a.text == b.text, len(a.text) <= fastSize || len(b.text) <= fastSize
	case a.kind == fastDouble:
		return a.double() == b.double(), true
	}
	return a.bits == b.bits, true
}

// compareScalar orders two texts, or two numbers of one type.
func compareScalar(a, b scalar) (order int, sure bool) {
	switch {
	case a.kind != b.kind:
		return 0, false
	case a.kind == fastInt:
		return cmp.Compare(int64(a.bits), int64(b.bits)), true
	case a.kind == fastDouble:
		return cmp.Compare(a.double(), b.double()), true
	case a.kind == fastText:
		return strings.Compare(a.text, b.text), len(a.text) <= fastSize || len(b.text) <= fastSize
	}
	return 0, false
}

// scalarAmong is in, up to the first element that it does not know to be the same or another.
func scalarAmong(v scalar, list []any) (among, sure bool) {
	if v.kind == fastBail {
		return false, false
	}
	for i := range list {
		if same, sure := sameScalar(v, loadScalar(list[i])); same || !sure {
			return same, sure
		}
	}
	return false, true
}

// compileGlance gives nil for an expression that is more than a glance takes in.
func compileGlance(e ast.Expr) *glance {
	if e.Kind() != ast.CallKind {
		return glanceWith(glance{op: glanceIs}, e, nil)
	}
	call := e.AsCall()
	args := call.Args()
	switch operator := call.FunctionName(); operator {
	case operators.LogicalAnd, operators.LogicalOr:
		g := &glance{op: glanceAnd, left: compileGlance(args[0]), right: compileGlance(args[1])}
		if operator == operators.LogicalOr {
			g.op = glanceOr
		}
		if g.left == nil || g.right == nil {
			return nil
		}
		return g
	case operators.LogicalNot:
		if left := compileGlance(args[0]); left != nil {
			return &glance{op: glanceNot, left: left}
		}
	case operators.Equals:
		return glanceWith(glance{op: glanceEqual}, args[0], args[1])
	case operators.NotEquals:
		return glanceWith(glance{op: glanceDiffer}, args[0], args[1])
	case operators.Less:
		return glanceWith(glance{op: glanceCompare, wanted: [3]bool{0: true}}, args[0], args[1])
	case operators.LessEquals:
		return glanceWith(glance{op: glanceCompare, wanted: [3]bool{0: true, 1: true}}, args[0], args[1])
	case operators.Greater:
		return glanceWith(glance{op: glanceCompare, wanted: [3]bool{2: true}}, args[0], args[1])
	case operators.GreaterEquals:
		return glanceWith(glance{op: glanceCompare, wanted: [3]bool{1: true, 2: true}}, args[0], args[1])
	case operators.In:
		if args[1].Kind() != ast.ListKind {
			return glanceWith(glance{op: glanceInList}, args[0], args[1])
		}
		list := args[1].AsList()
		if set := newFastSet(list.Elements()); set != nil && list.Size() > 0 && len(list.OptionalIndices()) == 0 {
			return glanceWith(glance{op: glanceInSet, set: set}, args[0], nil)
		}
	case operators.Index:
		return glanceWith(glance{op: glanceIs}, e, nil)
	}
	return nil
}

// glanceWith gives a node its operands, as many as it takes.
func glanceWith(node glance, a, b ast.Expr) *glance {
	var ok bool
	if node.a, ok = compileOperand(a); !ok {
		return nil
	}
	if b == nil {
		return &node
	}
	if node.b, ok = compileOperand(b); !ok || node.op == glanceInList && node.b.from < fromAttributes {
		return nil
	}
	return &node
}

func compileOperand(e ast.Expr) (o glanceOperand, ok bool) {
	if e.Kind() == ast.LiteralKind {
		value, plain := fastLiteral(e).json()
		constant := loadScalar(value)
		return glanceOperand{kind: constant.kind, bits: constant.bits, text: constant.text}, plain && constant.kind != fastBail
	}
	root, steps, ok := (&fastCompiler{}).steps(e)
	if o.from = glanceSources[root]; !ok || o.from == fromConstant {
		return o, false
	}
	if o.from < fromAttributes {
		return o, len(steps) == 0
	}
	if len(steps) != 1 || steps[0].by != nil || steps[0].isIndex || steps[0].optional {
		return o, false
	}
	o.text = steps[0].name
	return o, true
}
