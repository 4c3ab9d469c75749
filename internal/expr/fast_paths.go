package expr

import (
	"errors"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// fastStep is one selection of a path: by a name, an index, or what another node gives.
type fastStep struct {
	name     string
	index    int
	isIndex  bool
	by       fastFunc
	optional bool
	// unknown is the error where there is no such name; nil where it depends on by.
	unknown error
}

// fastRoots are the variables and their fields.
var fastRoots = map[string]fastFunc{
	"subject.type":        func(in *Input) fastValue { return fastValue{kind: fastText, text: in.Subject.Type} },
	"subject.id":          func(in *Input) fastValue { return fastValue{kind: fastText, text: in.Subject.ID} },
	"subject.groups":      func(in *Input) fastValue { return fastValue{kind: fastTexts, ref: &in.Subject.Groups} },
	"subject.roles":       func(in *Input) fastValue { return fastValue{kind: fastTexts, ref: &in.Subject.Roles} },
	"subject.staff":       func(in *Input) fastValue { return fastTruth(in.Subject.Staff) },
	"subject.attributes":  func(in *Input) fastValue { return fastValue{kind: fastObject, ref: in.Subject.Attributes} },
	"subject.properties":  func(in *Input) fastValue { return fastValue{kind: fastObject, ref: in.Subject.Properties} },
	"action.name":         func(in *Input) fastValue { return fastValue{kind: fastText, text: in.Action.Name} },
	"action.properties":   func(in *Input) fastValue { return fastValue{kind: fastObject, ref: in.Action.Properties} },
	"resource.type":       func(in *Input) fastValue { return fastValue{kind: fastText, text: in.Resource.Type} },
	"resource.id":         func(in *Input) fastValue { return fastValue{kind: fastText, text: in.Resource.ID} },
	"resource.properties": func(in *Input) fastValue { return fastValue{kind: fastRecord, ref: &in.Resource.Properties} },
	"proposed":            func(in *Input) fastValue { return fastValue{kind: fastRecord, ref: &in.Proposed} },
	"context":             func(in *Input) fastValue { return fastValue{kind: fastObject, ref: in.Context} },
	"now":                 func(in *Input) fastValue { return fastTime(in.Now) },
}

// path is a path to a value: no optional, and not a record's properties as a whole.
func (c *fastCompiler) path(e ast.Expr) fastFunc {
	eval, optional, record := c.walk(e)
	if optional || record {
		return nil
	}
	return eval
}

// optional is a path to an optional.
func (c *fastCompiler) optional(e ast.Expr) fastFunc {
	eval, optional, _ := c.walk(e)
	if !optional {
		return nil
	}
	return eval
}

// container is a path to what in searches, a record's properties included.
func (c *fastCompiler) container(e ast.Expr) fastFunc {
	eval, optional, _ := c.walk(e)
	if optional {
		return nil
	}
	return eval
}

// walk compiles a path: whether it gives an optional, and whether a record's properties as a whole.
func (c *fastCompiler) walk(e ast.Expr) (eval fastFunc, optional, record bool) {
	name, steps, ok := c.steps(e)
	root := fastRoots[name]
	if !ok || root == nil {
		return nil, false, false
	}
	c.cost += 1 + strings.Count(name, ".") + len(steps)
	if len(steps) == 0 {
		return root, false, name == "resource.properties" || name == "proposed"
	}
	for _, s := range steps {
		optional = optional || s.optional
	}
	return func(in *Input) fastValue {
		v := root(in)
		lenient := false // once a step was optional, those after it are
		for i := range steps {
			step := &steps[i]
			lenient = lenient || step.optional
			v = step.take(in, v)
			if v.stops() {
				return v
			}
			if v.kind == fastAbsent {
				if lenient {
					return v
				}
				return step.failure(v)
			}
		}
		return v
	}, optional, false
}

// steps reads e as a root – see fastRoots – and the selections that follow.
func (c *fastCompiler) steps(e ast.Expr) (root string, steps []fastStep, ok bool) {
	var operand ast.Expr
	var step fastStep
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), nil, true
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return "", nil, false
		}
		operand, step = e.AsSelect().Operand(), named(e.AsSelect().FieldName())
	case ast.CallKind:
		call := e.AsCall()
		optional := call.FunctionName() == operators.OptIndex || call.FunctionName() == operators.OptSelect
		if !optional && call.FunctionName() != operators.Index {
			return "", nil, false
		}
		operand, step = call.Args()[0], c.indexed(call.Args()[1])
		step.optional = optional
	default:
		return "", nil, false
	}
	root, steps, ok = c.steps(operand)
	if !ok {
		return "", nil, false
	}
	if len(steps) == 0 && fastRoots[root] == nil { // the field of a variable
		return root + "." + step.name, nil, step.by == nil && !step.isIndex && !step.optional
	}
	return root, append(steps, step), step.by != nil || step.unknown != nil
}

func named(name string) fastStep {
	return fastStep{name: name, unknown: errors.New("no such key: " + name)}
}

// indexed is the step that an index makes.
func (c *fastCompiler) indexed(index ast.Expr) fastStep {
	switch v := fastLiteral(index); v.kind {
	case fastText:
		return named(v.text)
	case fastInt:
		return fastStep{index: int(v.integer), isIndex: true, unknown: errors.New("no such key: " + strconv.FormatInt(v.integer, 10))}
	case fastBail:
		return fastStep{by: c.node(index)}
	}
	return fastStep{}
}

// take gives what the step selects from a value; fastAbsent, with the name, where the value has none of it.
func (s *fastStep) take(in *Input, v fastValue) fastValue {
	name := s.name
	if s.by != nil {
		key := s.by(in)
		if key.kind != fastText {
			if key.kind == fastFailed {
				return key
			}
			return fastValue{}
		}
		name = key.text
	}
	switch v.kind {
	case fastRecord:
		if s.isIndex {
			return fastValue{}
		}
		if value, known := v.record().look(name); known {
			return fastLoad(value)
		}
	case fastObject:
		if s.isIndex {
			break
		}
		if value, known := v.object()[name]; known {
			return fastLoad(value)
		}
	case fastList:
		list := v.list()
		if s.isIndex && s.index >= 0 && s.index < len(list) {
			return fastLoad(list[s.index])
		}
		return fastValue{}
	case fastTexts:
		list := v.texts()
		if s.isIndex && s.index >= 0 && s.index < len(list) {
			return fastValue{kind: fastText, text: list[s.index]}
		}
		return fastValue{}
	}
	return fastValue{kind: fastAbsent, text: name}
}

// failure is the error that there is no such name; absent is what take gave.
func (s *fastStep) failure(absent fastValue) fastValue {
	if s.unknown == nil {
		return fastFailure(errors.New("no such key: " + absent.text))
	}
	return fastFailure(s.unknown)
}

// has is has().
func (c *fastCompiler) has(e ast.SelectExpr) fastFunc {
	c.cost++
	if operand := e.Operand(); operand.Kind() == ast.IdentKind && fastRoots[operand.AsIdent()] == nil {
		if fastRoots[operand.AsIdent()+"."+e.FieldName()] == nil {
			return nil
		}
		return constant(fastTruth(true)) // a variable has all its fields
	}
	holder := c.container(e.Operand())
	if holder == nil {
		return nil
	}
	step := named(e.FieldName())
	return func(in *Input) fastValue {
		v := holder(in)
		if v.stops() {
			return v
		}
		v = step.take(in, v)
		if v.stops() {
			return v
		}
		return fastTruth(v.kind != fastAbsent)
	}
}

// orValue is what an optional path names, or else another value.
func (c *fastCompiler) orValue(args []ast.Expr) fastFunc {
	optional, other := c.optional(args[0]), c.node(args[1])
	if optional == nil || other == nil {
		return nil
	}
	c.cost++
	return func(in *Input) fastValue {
		v := optional(in)
		if v.kind == fastAbsent {
			return other(in)
		}
		return v
	}
}

func (c *fastCompiler) hasValue(arg ast.Expr) fastFunc {
	optional := c.optional(arg)
	if optional == nil {
		return nil
	}
	c.cost++
	return func(in *Input) fastValue {
		v := optional(in)
		if v.stops() {
			return v
		}
		return fastTruth(v.kind != fastAbsent)
	}
}
