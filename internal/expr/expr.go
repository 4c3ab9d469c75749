// Package expr compiles and evaluates the CEL expressions of Remit's objects, as the section "CEL" of
// docs/spec/semantics.md fixes them: which variables each place has, the standard library with the strings
// extension and optional types, a cost limit, and errors that count as false.
package expr

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
)

// CostLimit is what one evaluation may cost, in CEL's units; beyond it, it is an error. See also ResultLimit and Budget.
const CostLimit = 1_000_000

// Place is where an expression stands; it decides which variables exist and what it must give.
type Place int

const (
	// Condition is a rule's condition: subject, action, resource, context, now → bool.
	Condition Place = iota
	// Validation is a rule's validation: what a condition has, and proposed → bool.
	Validation
	// MemberCondition is a group's: subject without groups and roles, context, now → bool.
	MemberCondition
	// Preset is a rule's computed preset: subject, action, context, now → any value.
	Preset
)

// Error is an expression that does not compile, or does not give what its place asks for.
type Error struct {
	// Line and Column count from 1; both are 0 where the whole expression is meant.
	Line, Column int
	// Message says what is wrong.
	Message string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Program is a compiled expression. It may be evaluated by any number of goroutines at once.
type Program struct {
	source  string
	place   Place
	ast     *cel.Ast
	program cel.Program
	cost    int          // of its nodes
	fast    *fastProgram // nil: the expression has no fast path

	filterOnce sync.Once
	plan       *plan
	planErr    error

	logicOnce sync.Once
	formula   *formula

	unknownOnce sync.Once
	unknown     cel.Program // for inputs with an Unknown
	unknownErr  error
}

// Compile compiles an expression for its place. The error is an *Error. A program that is in use anywhere is
// shared with whoever compiles the same again.
func Compile(place Place, source string) (*Program, error) {
	if program := programs.find(place, source); program != nil {
		return program, nil
	}
	program, err := compile(place, source)
	if err != nil {
		return nil, err
	}
	return programs.keep(program), nil
}

func compile(place Place, source string) (*Program, error) {
	env := environments()[place]
	checked, issues := env.Compile(source)
	if err := issues.Err(); err != nil {
		for _, issue := range issues.Errors() {
			return nil, errorAt(issue.Location, issue.Message)
		}
		return nil, &Error{Message: err.Error()}
	}
	if out := checked.OutputType(); place != Preset && !out.IsExactType(types.BoolType) && !out.IsExactType(types.DynType) {
		return nil, &Error{Message: fmt.Sprintf("must give a bool, not %s", out)}
	}
	if links := wholeLinks(checked.NativeRep()); links != nil {
		return nil, errorAt(checked.NativeRep().SourceInfo().GetStartLocation(links.ID()),
			"resource.links is not a value of its own; name a link, such as resource.links.customer")
	}
	program, err := env.Program(checked, programOptions(place, checked.NativeRep())...)
	if err != nil { // a constant that is no time, duration, number or regular expression
		var at *types.Err
		if errors.As(err, &at) {
			return nil, errorAt(checked.NativeRep().SourceInfo().GetStartLocation(at.NodeID()), err.Error())
		}
		return nil, &Error{Message: err.Error()}
	}
	whole := checked.NativeRep().Expr()
	return &Program{source: source, place: place, ast: checked, program: program, cost: nodeCost(whole), fast: compileFast(whole)}, nil
}

// errorAt is an error at a location; at none, it means the whole expression.
func errorAt(location common.Location, message string) *Error {
	if location.Line() < 1 {
		return &Error{Message: message}
	}
	return &Error{Line: location.Line(), Column: max(location.Column(), 0) + 1, Message: message}
}

// Source is the text of the expression.
func (p *Program) Source() string { return p.source }

// Reads says whether the expression names a path, for example "subject", "properties", or anything below
// it.
func (p *Program) Reads(path ...string) bool {
	return reads(p.ast.NativeRep().Expr(), path)
}

var errNotBool = errors.New("the expression did not give a bool")

// Bool evaluates a condition or validation. An error, such as an unknown property or a result that is no
// bool, comes with false.
func (p *Program) Bool(in *Input) (bool, error) {
	if err := in.Budget.stop(); err != nil {
		return false, err
	}
	if p.fast != nil && in.Resource.Unknown == nil {
		if result, done, err := p.fast.bool(in); done {
			in.Budget.spend(p, p.fast.work())
			return result, err
		}
	}
	value, err := p.eval(in)
	if err != nil {
		return false, err
	}
	result, ok := value.(types.Bool)
	if !ok {
		return false, errNotBool
	}
	return bool(result), nil
}

// TryBool gives what Bool gives, its error aside, where that takes little and needs no noting: ok is false where
// Bool must be asked. That is the case for expressions and values that only cel-go evaluates, and for a result of
// false where a property was looked up that is unknown, or a part of the request that is not there, since Bool notes its name. Where a property is unknown that
// Resource.Properties.Partial leaves open, ok is false, too.
//
// TryBool keeps nothing of the input, which may stay on the caller's stack, and changes nothing in it.
func (p *Program) TryBool(in *Input) (value, ok bool) {
	if p.fast == nil {
		return false, false
	}
	return p.fast.tryBool(in)
}

// Value evaluates a computed preset to a JSON value (see ParseJSON for its Go types); times become
// RFC 3339 text. A result without a JSON value is an error.
func (p *Program) Value(in *Input) (any, error) {
	if err := in.Budget.stop(); err != nil {
		return nil, err
	}
	if p.fast != nil && in.Resource.Unknown == nil {
		if result, done, err := p.fast.value(in); done {
			in.Budget.spend(p, p.fast.work())
			return result, err
		}
	}
	value, err := p.eval(in)
	if err != nil {
		return nil, err
	}
	size := sized(value)
	if size > ResultLimit {
		return nil, fmt.Errorf("the result has more than %d bytes", ResultLimit)
	}
	in.Budget.spend(p, size) // it is kept
	return toJSON(value)
}

// eval evaluates by cel-go.
func (p *Program) eval(in *Input) (ref.Val, error) {
	program := p.program
	if in.Resource.Unknown != nil {
		var err error
		if program, err = p.forUnknown(); err != nil {
			return nil, err
		}
		in.Resource.Unknown.met = false
	}
	in.account = account{cost: p.cost, budget: in.Budget, interruptAt: interruptEvery}
	in.whole, in.Resource.whole = nil, nil
	value, _, err := program.Eval(in)
	in.Budget.spend(p, min(in.account.cost, CostLimit))
	return value, err
}

func toJSON(value ref.Val) (any, error) {
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		if v > math.MaxInt64 {
			return float64(v), nil
		}
		return int64(v), nil
	case types.Double:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
	case types.String:
		return string(v), nil
	case types.Timestamp:
		if text, ok := v.ConvertToType(types.StringType).(types.String); ok {
			return string(text), nil
		}
	case traits.Lister:
		list := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element, err := toJSON(it.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	case traits.Mapper:
		object := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			name, ok := key.(types.String)
			if !ok {
				return nil, fmt.Errorf("a key of type %s has no JSON form", key.Type())
			}
			member, err := toJSON(v.Get(key))
			if err != nil {
				return nil, err
			}
			object[string(name)] = member
		}
		return object, nil
	}
	return nil, fmt.Errorf("a value of type %s has no JSON form", value.Type())
}

// programOptions are those of the program of an expression.
func programOptions(place Place, checked *ast.AST) []cel.ProgramOption {
	return []cel.ProgramOption{charged(checked.Expr(), implementations()[place]), cel.EvalOptions(cel.OptOptimize)}
}

// implementations are those of each place's functions.
var implementations = sync.OnceValue(func() map[Place]map[string]*functions.Overload {
	made := map[Place]map[string]*functions.Overload{}
	for place, env := range environments() {
		var err error
		if made[place], err = implementationsOf(env); err != nil {
			panic(fmt.Sprintf("expr: the functions of place %d: %v", place, err)) // no input can cause this
		}
	}
	return made
})

// environments are made once, one for each place.
var environments = sync.OnceValue(func() map[Place]*cel.Env {
	everywhere := []cel.EnvOption{
		cel.CustomTypeProvider(newProvider()),
		cel.CustomTypeAdapter(adapter{types.DefaultTypeAdapter}),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EnableMacroCallTracking(), // filters print parts of expressions
		ext.Strings(),
		cel.Lib(linkLibrary{}),
		cel.Variable("context", properties),
		cel.Variable("now", cel.TimestampType),
	}
	member := cel.Variable("subject", cel.ObjectType(memberSubjectType))
	subject := cel.Variable("subject", cel.ObjectType(subjectType))
	action := cel.Variable("action", cel.ObjectType(actionType))
	resource := cel.Variable("resource", cel.ObjectType(resourceType))
	proposed := cel.Variable("proposed", properties)
	trees := cel.Lib(treeLibrary{})
	variables := map[Place][]cel.EnvOption{
		Condition:       {subject, action, resource, trees},
		Validation:      {subject, action, resource, proposed, trees},
		MemberCondition: {member},
		Preset:          {subject, action, trees},
	}
	made := make(map[Place]*cel.Env, len(variables))
	for place, options := range variables {
		env, err := cel.NewEnv(append(options, everywhere...)...)
		if err != nil {
			panic(fmt.Sprintf("expr: the environment of place %d: %v", place, err)) // no input can cause this
		}
		made[place] = env
	}
	return made
})
