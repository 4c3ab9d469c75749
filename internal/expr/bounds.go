package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// Evaluations are charged by an account of Remit's own, in units of about what cel-go charges. cel-go's account takes
// time that grows with the square of the cost, charges a call after it has made its result, and takes many functions for
// cheap whose work grows with their arguments. Here an evaluation is charged
//
//   - at its start for each node of the expression, and before each iteration of a comprehension for each node in it: 1
//     for an identifier, a selection or a call, 10 for a list, 30 for a map (see nodeCost);
//   - before a function runs whose work or result can be large, for both (see charges), and for what a literal holds.
//
// The account is limited by CostLimit, and no text, list or map that an expression makes is larger than ResultLimit.
const (
	// ResultLimit is the size of the largest text, list or map that an expression may make, in bytes. An element of a
	// list counts as 16 bytes and an entry of a map as 32, besides what they hold.
	ResultLimit = 1 << 20

	elementSize, entrySize = 16, 32

	// bytesPerUnit are the bytes that a function reads or writes for one unit of cost.
	bytesPerUnit = 10
	// interruptEvery is the cost, of about a millisecond, after which an evaluation asks whether to go on.
	interruptEvery = 10_000
	// patternLimit is the size of the largest regular expression, in instructions.
	patternLimit = 10_000
)

// account is what one evaluation has been charged for.
type account struct {
	cost int
	// budget is that of the request, which is asked whether to go on when the cost comes to interruptAt.
	budget      *Budget
	interruptAt int
	// lists are the sizes of the lists that comprehensions are making.
	lists map[traits.MutableLister]int
}

// accountName is a variable whose value is the account of the evaluation. No expression can spell it.
const accountName = "remit!account"

// overBound stops an evaluation for good: no || or ?: of the expression goes on.
func overBound(format string, args ...any) {
	panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: fmt.Sprintf(format, args...)})
}

// charge takes the cost of a function that is about to run, and the size of its result.
func (a *account) charge(function string, cost, made int) {
	if made > ResultLimit {
		overBound("%s would make more than %d bytes", function, ResultLimit)
	}
	cost += made / bytesPerUnit
	if a.cost += cost; a.cost > CostLimit || cost > CostLimit {
		overBound("the expression costs more than %d", CostLimit)
	}
	if a.cost < a.interruptAt {
		return
	}
	a.interruptAt = a.cost + interruptEvery
	if err := a.budget.stop(); err != nil {
		overBound("%v", err)
	}
}

// left is the largest size that the account can still pay for.
func (a *account) left() int { return max(CostLimit-a.cost, 0)*bytesPerUnit + bytesPerUnit }

// charges are the functions that are charged for their arguments: what the work on them costs, and the size of the result
// where it may be larger than they are. All others take a short, constant time.
var charges = map[string]func(a *account, args []ref.Val) (cost, made int){
	operators.Add:                  chargeAdd,
	operators.Equals:               chargeEqual,
	operators.NotEquals:            chargeEqual,
	operators.In:                   chargeIn,
	overloads.Size:                 chargeText,
	overloads.TypeConvertBool:      chargeText,
	overloads.TypeConvertBytes:     chargeText,
	overloads.TypeConvertDouble:    chargeText,
	overloads.TypeConvertDuration:  chargeText,
	overloads.TypeConvertInt:       chargeText,
	overloads.TypeConvertString:    chargeText,
	overloads.TypeConvertTimestamp: chargeText,
	overloads.TypeConvertUint:      chargeText,
	operators.Less:                 chargeText,
	operators.LessEquals:           chargeText,
	operators.Greater:              chargeText,
	operators.GreaterEquals:        chargeText,
	overloads.StartsWith:           chargeText,
	overloads.EndsWith:             chargeText,
	overloads.Contains:             chargeText,
	overloads.Matches:              chargeMatches,
	overloads.TimeGetFullYear:      chargeZone,
	overloads.TimeGetMonth:         chargeZone,
	overloads.TimeGetDayOfYear:     chargeZone,
	overloads.TimeGetDayOfMonth:    chargeZone,
	overloads.TimeGetDate:          chargeZone,
	overloads.TimeGetDayOfWeek:     chargeZone,
	overloads.TimeGetHours:         chargeZone,
	overloads.TimeGetMinutes:       chargeZone,
	overloads.TimeGetSeconds:       chargeZone,
	overloads.TimeGetMilliseconds:  chargeZone,
	underRecords:                   chargeUnder,
	"charAt":                       chargeText,
	"lowerAscii":                   chargeText,
	"upperAscii":                   chargeText,
	"trim":                         chargeText,
	"reverse":                      chargeText,
	"substring":                    chargeText,
	"strings.quote":                chargeQuote,
	"indexOf":                      chargeSearch,
	"lastIndexOf":                  chargeSearch,
	"replace":                      chargeReplace,
	"split":                        chargeSplit,
	"join":                         chargeJoin,
	"format":                       chargeFormat,
}

// length is the size of a text or of bytes; 0 for other values.
func length(value ref.Val) int {
	switch v := value.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	}
	return 0
}

// sizeOf is the size of a value and of all in it. It stops at more than limit.
func sizeOf(value ref.Val, limit int) int {
	switch v := value.(type) {
	case types.String, types.Bytes:
		return length(v)
	case *types.Optional:
		if v.HasValue() {
			return sizeOf(v.GetValue(), limit)
		}
	case traits.Lister:
		total := 0
		for it := v.Iterator(); it.HasNext() == types.True && total <= limit; {
			total += elementSize + sizeOf(it.Next(), limit-total)
		}
		return total
	case traits.Mapper:
		total := 0
		for it := v.Iterator(); it.HasNext() == types.True && total <= limit; {
			key := it.Next()
			total += entrySize + length(key)
			if member, found := v.Find(key); found {
				total += sizeOf(member, limit-total)
			}
		}
		return total
	}
	return 0
}

// sized is sizeOf as far as a result may go.
func sized(value ref.Val) int { return sizeOf(value, ResultLimit) }

func isContainer(value ref.Val) bool {
	switch value.(type) {
	case traits.Lister, traits.Mapper, *types.Optional:
		return true
	}
	return false
}

func chargeText(_ *account, args []ref.Val) (cost, made int) {
	for _, arg := range args {
		cost += length(arg) / bytesPerUnit
	}
	return cost, 0
}

// chargeAdd is for +. The list that a comprehension makes is not measured again for every element.
func chargeAdd(a *account, args []ref.Val) (cost, made int) {
	if growing, ok := args[0].(traits.MutableLister); ok {
		if a.lists == nil {
			a.lists = map[traits.MutableLister]int{}
		}
		added := sized(args[1])
		a.lists[growing] += added
		if a.lists[growing] > ResultLimit {
			return 0, a.lists[growing]
		}
		return added / bytesPerUnit, 0
	}
	if _, ok := args[0].(traits.Lister); ok {
		return 0, sized(args[0]) + sized(args[1])
	}
	return 0, length(args[0]) + length(args[1])
}

func chargeEqual(a *account, args []ref.Val) (cost, made int) {
	if !isContainer(args[0]) || !isContainer(args[1]) {
		return min(length(args[0]), length(args[1])) / bytesPerUnit, 0
	}
	if one, ok := args[0].(traits.Sizer); ok {
		if other, ok := args[1].(traits.Sizer); ok && one.Size() != other.Size() {
			return 0, 0 // they differ
		}
	}
	size := sizeOf(args[0], a.left())
	return (size + sizeOf(args[1], size)) / bytesPerUnit, 0
}

func chargeIn(a *account, args []ref.Val) (cost, made int) {
	list, ok := args[1].(traits.Lister)
	switch {
	case !ok:
		return length(args[0]) / bytesPerUnit, 0
	case isContainer(args[0]):
		return sizeOf(list, a.left()) / bytesPerUnit, 0
	}
	size, _ := list.Size().(types.Int)
	return int(size) * (length(args[0])/(10*bytesPerUnit) + 1), 0
}

// chargeMatches is for a text and its regular expression: RE2 takes time for each of its instructions at each
// character at worst.
func chargeMatches(a *account, args []ref.Val) (cost, made int) {
	pattern, _ := args[1].(types.String)
	a.charge(overloads.Matches, len(pattern), 0)
	size := patternSize(string(pattern))
	if size > patternLimit {
		overBound("the regular expression has more than %d instructions", patternLimit)
	}
	return size + (length(args[0])+1)*size/bytesPerUnit, 0
}

// patternSize is about the number of instructions of a regular expression; 0 where it is none.
func patternSize(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	return instructions(parsed)
}

func instructions(e *syntax.Regexp) int {
	size := 1 + len(e.Rune)
	for _, sub := range e.Sub {
		size += instructions(sub)
	}
	if e.Op == syntax.OpRepeat {
		size *= max(e.Min, e.Max) + 1
	}
	return min(size, 1_000_000)
}

// chargeZone is for a part of a time in a zone, whose data is read anew at each call.
func chargeZone(_ *account, args []ref.Val) (cost, made int) {
	if len(args) < 2 {
		return 0, 0
	}
	return 1_000 + length(args[1]), 0
}

func chargeQuote(_ *account, args []ref.Val) (cost, made int) {
	return 0, 2*length(args[0]) + 2
}

// chargeSearch is for indexOf and lastIndexOf, which compare the texts at every character.
func chargeSearch(_ *account, args []ref.Val) (cost, made int) {
	text, part := length(args[0]), length(args[1])
	return text/bytesPerUnit + text*part/(10*bytesPerUnit), 0
}

func chargeReplace(_ *account, args []ref.Val) (cost, made int) {
	text, _ := args[0].(types.String)
	old, _ := args[1].(types.String)
	by := length(args[2])
	count := strings.Count(string(text), string(old))
	if len(args) > 3 {
		if limit, ok := args[3].(types.Int); ok && limit >= 0 {
			count = min(count, int(min(limit, types.Int(len(text)+1))))
		}
	}
	return len(text) / bytesPerUnit, len(text) + count*max(by-len(old), 0)
}

func chargeSplit(_ *account, args []ref.Val) (cost, made int) {
	text, _ := args[0].(types.String)
	separator, _ := args[1].(types.String)
	count := utf8.RuneCountInString(string(text))
	if separator != "" {
		count = strings.Count(string(text), string(separator)) + 1
	}
	if len(args) > 2 {
		if limit, ok := args[2].(types.Int); ok && limit >= 0 {
			count = min(count, int(min(limit, types.Int(len(text)+1))))
		}
	}
	return count, len(text) + count*elementSize
}

func chargeJoin(_ *account, args []ref.Val) (cost, made int) {
	separator := 0
	if len(args) > 1 {
		separator = length(args[1])
	}
	list, ok := args[0].(traits.Lister)
	if !ok {
		return 0, 0
	}
	count := 0
	for it := list.Iterator(); it.HasNext() == types.True && made <= ResultLimit; count++ {
		if count > 0 {
			made += separator
		}
		made += length(it.Next())
		if count > ResultLimit {
			made = count
		}
	}
	return count, made
}

// chargeFormat is for a text with clauses (%s, %d, %.3f, …) and the list of their arguments. Texts are copied; how other
// values read is bounded from above, but for numbers with the precision that a clause asks for.
func chargeFormat(_ *account, args []ref.Val) (cost, made int) {
	const longestNumber = 400
	format, _ := args[0].(types.String)
	list, ok := args[1].(traits.Lister)
	if !ok {
		return 0, 0
	}
	made = len(format)
	it := list.Iterator()
	for rest := string(format); made <= ResultLimit; {
		_, clause, found := strings.Cut(rest, "%")
		if !found {
			break
		}
		rest = clause
		if strings.HasPrefix(clause, "%") {
			rest = clause[1:]
			continue
		}
		made += precision(clause) + longestNumber
		if it.HasNext() != types.True {
			continue
		}
		switch v := it.Next().(type) {
		case types.String, types.Bytes:
			made += 2 * length(v)
		default:
			// Elements are quoted, with a separator, and numbers have up to 25 digits.
			made += 3 * sizeOf(v, ResultLimit)
		}
	}
	return len(format) / bytesPerUnit, made
}

// precision is the number of digits that a clause of a format asks for.
func precision(clause string) int {
	digits := 0
	if !strings.HasPrefix(clause, ".") {
		return 0
	}
	for _, c := range clause[1:] {
		if c < '0' || c > '9' || digits > ResultLimit {
			break
		}
		digits = digits*10 + int(c-'0')
	}
	return digits
}

// boundCall is a call that is charged before it runs.
type boundCall struct {
	interpreter.InterpretableCall
	function string
	args     []interpreter.InterpretableV2
	charges  func(a *account, args []ref.Val) (cost, made int)
	run      func(args []ref.Val) ref.Val
}

// Exec implements interpreter.InterpretableV2.
func (c *boundCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	var few [4]ref.Val
	args := few[:0]
	for _, arg := range c.args {
		args = append(args, arg.Exec(frame))
	}
	for _, arg := range args {
		if types.IsUnknownOrError(arg) {
			return arg
		}
	}
	a := accountOf(frame)
	cost, made := c.charges(a, args)
	a.charge(c.function, cost, made)
	return types.LabelErrNode(c.ID(), c.run(args))
}

// Eval implements interpreter.Interpretable.
func (c *boundCall) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// boundConstructor is a list or map literal that is charged for what it holds.
type boundConstructor struct {
	interpreter.InterpretableConstructor
}

// Exec implements interpreter.InterpretableV2.
func (c *boundConstructor) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := c.InterpretableConstructor.Exec(frame)
	if !types.IsUnknownOrError(value) {
		accountOf(frame).charge("a literal", 0, sized(value))
	}
	return value
}

// Eval implements interpreter.Interpretable.
func (c *boundConstructor) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// accountOf is the account of the evaluation that a frame belongs to. What is evaluated when compiling has one for each
// call.
func accountOf(frame *interpreter.ExecutionFrame) *account {
	if found, ok := frame.ResolveName(accountName); ok {
		if a, ok := found.(*account); ok {
			return a
		}
	}
	return &account{}
}

// nodeCost is what an evaluation of an expression costs at most, the iterations of its comprehensions and the arguments
// of its functions aside.
func nodeCost(e ast.Expr) int {
	const list, object = 10, 30
	cost := 0
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		switch part.Kind() {
		case ast.IdentKind, ast.SelectKind, ast.ComprehensionKind:
			cost++
		case ast.CallKind:
			switch part.AsCall().FunctionName() {
			case operators.LogicalAnd, operators.LogicalOr, operators.Conditional:
			default:
				cost++
			}
		case ast.ListKind:
			cost += list
		case ast.MapKind, ast.StructKind:
			cost += object
		}
	}))
	return cost
}

// iteration is the condition of a comprehension, which is charged for the iteration that it begins.
type iteration struct {
	interpreter.InterpretableV2
	cost int
}

// Exec implements interpreter.InterpretableV2.
func (i *iteration) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	accountOf(frame).charge("", i.cost, 0)
	return i.InterpretableV2.Exec(frame)
}

// Eval implements interpreter.Interpretable.
func (i *iteration) Eval(vars interpreter.Activation) ref.Val {
	return i.Exec(interpreter.AsFrame(vars))
}

// iterations are the costs of the iterations in an expression, by the id of the comprehension's condition.
func iterations(e ast.Expr) map[int64]int {
	costs := map[int64]int{}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		if part.Kind() == ast.ComprehensionKind {
			c := part.AsComprehension()
			costs[c.LoopCondition().ID()] = nodeCost(c.LoopCondition()) + nodeCost(c.LoopStep()) + 1
		}
	}))
	return costs
}

// implementationsOf are the functions of an environment, by overload, and by name where the arguments decide.
func implementationsOf(env *cel.Env) (map[string]*functions.Overload, error) {
	implementations := map[string]*functions.Overload{}
	for name, function := range env.Functions() {
		overloads, err := function.Bindings()
		if err != nil {
			return nil, fmt.Errorf("the bindings of %s: %w", name, err)
		}
		for _, overload := range overloads {
			implementations[overload.Operator] = overload
		}
	}
	return implementations, nil
}

// charged makes the program of an expression charge its account.
func charged(e ast.Expr, implementations map[string]*functions.Overload) cel.ProgramOption {
	costs := iterations(e)
	return cel.CustomDecoratorV2(func(node interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		node, err := chargedNode(node, implementations)
		if err != nil {
			return nil, err
		}
		if cost, begins := costs[node.ID()]; begins {
			return &iteration{node, cost}, nil
		}
		return node, nil
	})
}

func chargedNode(node interpreter.InterpretableV2, implementations map[string]*functions.Overload) (interpreter.InterpretableV2, error) {
	switch n := node.(type) {
	case *boundCall, *boundConstructor, *iteration:
		return node, nil
	case interpreter.InterpretableCall:
		return bindCall(n, implementations)
	case interpreter.InterpretableConstructor:
		for _, part := range n.InitVals() {
			if _, constant := part.(interpreter.InterpretableConst); !constant {
				return &boundConstructor{n}, nil
			}
		}
	}
	return node, nil
}

func bindCall(call interpreter.InterpretableCall, implementations map[string]*functions.Overload) (interpreter.InterpretableV2, error) {
	charges := charges[call.Function()]
	if charges == nil {
		return call, nil
	}
	c := &boundCall{InterpretableCall: call, function: call.Function(), args: call.Args(), charges: charges}
	switch c.function {
	case operators.Equals:
		c.run = func(args []ref.Val) ref.Val { return types.Equal(args[0], args[1]) }
		return c, nil
	case operators.NotEquals:
		c.run = func(args []ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) }
		return c, nil
	case operators.Add:
		c.function = "+"
	case overloads.Matches:
		if pattern, ok := c.args[1].(interpreter.InterpretableConst); ok {
			return bindMatches(c, pattern)
		}
	}
	implementation := implementations[call.OverloadID()]
	if implementation == nil {
		implementation = implementations[call.Function()]
	}
	if implementation == nil || implementation.NonStrict {
		return call, nil
	}
	c.run = runner(call, implementation)
	if call.Function() == operators.Add {
		c.run = flatten(c.run)
	}
	return c, nil
}

// flatten makes + copy lists: cel-go's lists of lists would take the longer to walk the more often lists were added.
func flatten(add func(args []ref.Val) ref.Val) func(args []ref.Val) ref.Val {
	return func(args []ref.Val) ref.Val {
		_, growing := args[0].(traits.MutableLister)
		_, first := args[0].(traits.Lister)
		_, second := args[1].(traits.Lister)
		if growing || !first || !second {
			return add(args)
		}
		var all []ref.Val
		for _, arg := range args {
			list, _ := arg.(traits.Lister)
			for it := list.Iterator(); it.HasNext() == types.True; {
				all = append(all, it.Next())
			}
		}
		return types.NewRefValList(adapter{types.DefaultTypeAdapter}, all)
	}
}

// runner runs an implementation as the interpreter does.
func runner(call interpreter.InterpretableCall, implementation *functions.Overload) func(args []ref.Val) ref.Val {
	return func(args []ref.Val) ref.Val {
		if trait := implementation.OperandTrait; trait == 0 || args[0].Type().HasTrait(trait) {
			switch {
			case len(args) == 1 && implementation.Unary != nil:
				return implementation.Unary(args[0])
			case len(args) == 2 && implementation.Binary != nil:
				return implementation.Binary(args[0], args[1])
			case implementation.Function != nil:
				return implementation.Function(args...)
			}
		}
		if receiver, ok := args[0].(traits.Receiver); ok && args[0].Type().HasTrait(traits.ReceiverType) {
			return receiver.Receive(call.Function(), call.OverloadID(), args[1:])
		}
		return types.NewErr("no such overload: %s", call.Function())
	}
}

// bindMatches compiles a constant regular expression once.
func bindMatches(c *boundCall, pattern interpreter.InterpretableConst) (interpreter.InterpretableV2, error) {
	text, ok := pattern.Value().(types.String)
	if !ok {
		return c.InterpretableCall, nil
	}
	compiled, err := regexp.Compile(string(text))
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q: %w", string(text), err)
	}
	size := patternSize(string(text))
	c.charges = func(_ *account, args []ref.Val) (cost, made int) {
		return (length(args[0]) + 1) * size / bytesPerUnit, 0
	}
	c.run = func(args []ref.Val) ref.Val {
		value, ok := args[0].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[0])
		}
		return types.Bool(compiled.MatchString(string(value)))
	}
	return &boundMatches{c}, nil
}

// boundMatches hides that it is a call, so that cel-go does not replace it by one of its own.
type boundMatches struct{ call *boundCall }

// ID implements interpreter.Interpretable.
func (m *boundMatches) ID() int64 { return m.call.ID() }

// Exec implements interpreter.InterpretableV2.
func (m *boundMatches) Exec(frame *interpreter.ExecutionFrame) ref.Val { return m.call.Exec(frame) }

// Eval implements interpreter.Interpretable.
func (m *boundMatches) Eval(vars interpreter.Activation) ref.Val { return m.call.Eval(vars) }
