package expr

import (
	"errors"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// compileFast gives an expression's fast path; nil where it has none.
func compileFast(e ast.Expr) *fastProgram {
	c := fastCompiler{}
	eval := c.node(e)
	if eval == nil || c.cost > CostLimit {
		return nil
	}
	return &fastProgram{eval: eval, cost: c.cost}
}

// fastCompiler turns nodes of a checked expression into functions. Its methods give nil for a node that is
// none of the shapes.
type fastCompiler struct {
	cost int // the bound so far
}

func (c *fastCompiler) node(e ast.Expr) fastFunc {
	switch e.Kind() {
	case ast.LiteralKind:
		return constant(fastLiteral(e))
	case ast.IdentKind:
		return c.path(e)
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return c.has(e.AsSelect())
		}
		return c.path(e)
	case ast.CallKind:
		return c.call(e)
	}
	return nil
}

// fastLiteral is the value of a constant; one that bails out for what is no JSON value.
func fastLiteral(e ast.Expr) fastValue {
	if e.Kind() != ast.LiteralKind {
		return fastValue{}
	}
	switch v := e.AsLiteral().(type) {
	case types.Null:
		return fastValue{kind: fastNull}
	case types.Bool:
		return fastTruth(bool(v))
	case types.Int:
		return fastValue{kind: fastInt, integer: int64(v)}
	case types.Double:
		return fastLoad(float64(v))
	case types.String:
		return fastValue{kind: fastText, text: string(v)}
	}
	return fastValue{}
}

func constant(v fastValue) fastFunc {
	if v.stops() {
		return nil
	}
	return func(*Input) fastValue { return v }
}

func (c *fastCompiler) call(e ast.Expr) fastFunc {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.logic(name == operators.LogicalOr, args)
	case operators.LogicalNot:
		return c.not(args[0])
	case operators.Conditional:
		return c.choice(args)
	case operators.Equals, operators.NotEquals:
		return c.equal(name == operators.Equals, args)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.order(name, args)
	case operators.In:
		if args[1].Kind() == ast.ListKind {
			return c.inWritten(args[0], args[1].AsList())
		}
		return c.in(args)
	case operators.Index:
		return c.path(e)
	case "startsWith", "endsWith", "contains":
		return c.match(name, args)
	case "lowerAscii", "upperAscii":
		return c.letters(name == "upperAscii", args[0])
	case "size":
		return c.size(args[0])
	case "timestamp":
		return c.timestamp(args[0])
	case "orValue":
		return c.orValue(args)
	case "hasValue":
		return c.hasValue(args[0])
	}
	if part, ok := fastTimeParts[call.FunctionName()]; ok && len(args) == 1 {
		return c.timePart(part, args[0])
	}
	return nil
}

// both compiles two operands.
func (c *fastCompiler) both(args []ast.Expr) (left, right fastFunc, ok bool) {
	if len(args) != 2 {
		return nil, nil, false
	}
	left, right = c.node(args[0]), c.node(args[1])
	return left, right, left != nil && right != nil
}

var errNoSuchOverload = errors.New("no such overload")

// logic is && and ||: the value that decides ends it; an error counts only where nothing decides.
func (c *fastCompiler) logic(decides bool, args []ast.Expr) fastFunc {
	left, right, ok := c.both(args)
	if !ok {
		return nil
	}
	var deciding int64
	if decides {
		deciding = 1
	}
	decided, undecided := fastTruth(decides), fastTruth(!decides)
	noBool := fastFailure(errNoSuchOverload)
	return func(in *Input) fastValue {
		l := left(in)
		if l.kind == fastBail || l.kind == fastBool && l.integer == deciding {
			return l
		}
		r := right(in)
		switch {
		case r.kind == fastBail:
			return r
		case r.kind == fastBool && r.integer == deciding:
			return decided
		case l.kind == fastFailed:
			return l
		case l.kind != fastBool:
			return noBool
		case r.kind == fastFailed:
			return r
		case r.kind != fastBool:
			return noBool
		}
		return undecided
	}
}

func (c *fastCompiler) not(arg ast.Expr) fastFunc {
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch {
		case v.stops():
			return v
		case v.kind != fastBool:
			return fastFailure(errNoSuchOverload)
		}
		return fastTruth(v.isFalse())
	}
}

// choice is ?:.
func (c *fastCompiler) choice(args []ast.Expr) fastFunc {
	condition := c.node(args[0])
	yes, no, ok := c.both(args[1:])
	if condition == nil || !ok {
		return nil
	}
	return func(in *Input) fastValue {
		v := condition(in)
		switch {
		case v.isTrue():
			return yes(in)
		case v.isFalse():
			return no(in)
		case v.stops():
			return v
		}
		return fastFailure(errNoSuchOverload)
	}
}

// equal is == and !=.
func (c *fastCompiler) equal(wanted bool, args []ast.Expr) fastFunc {
	c.cost += fastScan
	left, right, ok := c.both(args)
	if !ok {
		return nil
	}
	return func(in *Input) fastValue {
		l, r := left(in), right(in)
		if l.stops() || r.stops() {
			return firstStop(l, r)
		}
		same, known := fastSame(l, r)
		if !known || l.isLarge() && r.isLarge() {
			return fastValue{}
		}
		return fastTruth(same == wanted)
	}
}

// firstStop is the result of a node with two operands, of which one has no value: of two errors the first.
func firstStop(l, r fastValue) fastValue {
	if l.kind == fastBail || r.kind == fastBail {
		return fastValue{}
	}
	if l.kind == fastFailed {
		return l
	}
	return r
}

// order is < <= > >=.
func (c *fastCompiler) order(operator string, args []ast.Expr) fastFunc {
	c.cost += fastScan
	left, right, ok := c.both(args)
	if !ok {
		return nil
	}
	var wanted [3]bool // for less, equal, greater
	switch operator {
	case operators.Less:
		wanted = [3]bool{true, false, false}
	case operators.LessEquals:
		wanted = [3]bool{true, true, false}
	case operators.Greater:
		wanted = [3]bool{false, false, true}
	case operators.GreaterEquals:
		wanted = [3]bool{false, true, true}
	}
	unordered := fastFailure(errors.New("no such overload: " + operator))
	return func(in *Input) fastValue {
		l, r := left(in), right(in)
		if l.stops() || r.stops() {
			return firstStop(l, r)
		}
		order, ordered := fastCompare(l, r)
		switch {
		case l.isLarge() && r.isLarge():
			return fastValue{}
		case ordered:
			return fastTruth(wanted[order+1])
		case l.kind == fastNull || l.kind >= fastTexts: // nothing compares with these
			return unordered
		}
		return fastFailure(errNoSuchOverload)
	}
}

// inWritten is in with a list that is written out.
func (c *fastCompiler) inWritten(arg ast.Expr, list ast.ListExpr) fastFunc {
	elements := list.Elements()
	if len(list.OptionalIndices()) > 0 || len(elements) > fastSize {
		return nil
	}
	if len(elements) == 0 {
		return constant(fastTruth(false)) // cel-go does not look at what is searched for either
	}
	c.cost += fastSize + 10
	x := c.node(arg)
	if x == nil {
		return nil
	}
	if set := newFastSet(elements); set != nil {
		return func(in *Input) fastValue {
			v := x(in)
			if v.stops() {
				return v
			}
			return fastTruth(set.contains(v))
		}
	}
	nodes := make([]fastFunc, len(elements))
	for i, element := range elements {
		if nodes[i] = c.node(element); nodes[i] == nil {
			return nil
		}
	}
	return func(in *Input) fastValue {
		v := x(in)
		found := false
		for _, node := range nodes { // all of them, whatever was found: an error in any is an error
			element := node(in)
			if element.stops() {
				return firstStop(v, element)
			}
			if v.stops() || found {
				continue
			}
			same, known := fastSame(v, element)
			if !known {
				return fastValue{}
			}
			found = same
		}
		if v.stops() {
			return v
		}
		return fastTruth(found)
	}
}

// fastSet is a list of constants. Like cel-go's, it finds a number of the other type only where converting
// the element loses nothing.
type fastSet struct {
	texts    map[string]struct{}
	integers map[int64]struct{}
	doubles  map[float64]struct{}
	bools    [2]bool
}

// newFastSet is nil where not all elements are texts, numbers or bools.
func newFastSet(elements []ast.Expr) *fastSet {
	set := &fastSet{texts: map[string]struct{}{}, integers: map[int64]struct{}{}, doubles: map[float64]struct{}{}}
	for _, element := range elements {
		switch v := fastLiteral(element); v.kind {
		case fastText:
			set.texts[v.text] = struct{}{}
		case fastBool:
			set.bools[v.integer] = true
		case fastInt:
			set.integers[v.integer] = struct{}{}
			set.doubles[float64(v.integer)] = struct{}{}
		case fastDouble:
			set.doubles[v.double] = struct{}{}
			integer := types.Double(v.double).ConvertToType(types.IntType)
			if i, ok := integer.(types.Int); ok && i.Equal(types.Double(v.double)) == types.True {
				set.integers[int64(i)] = struct{}{}
			}
		default:
			return nil
		}
	}
	return set
}

func (s *fastSet) contains(v fastValue) (found bool) {
	switch v.kind {
	case fastText:
		_, found = s.texts[v.text]
	case fastBool:
		found = s.bools[v.integer]
	case fastInt:
		_, found = s.integers[v.integer]
	case fastDouble:
		_, found = s.doubles[v.double]
	}
	return found
}

// in is in with a list or an object that a path names.
func (c *fastCompiler) in(args []ast.Expr) fastFunc {
	c.cost += fastSize
	x, container := c.node(args[0]), c.container(args[1])
	if x == nil || container == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v, holder := x(in), container(in)
		switch {
		case holder.kind != fastObject && holder.isLarge(): // it costs even where v is an error
			return fastValue{}
		case v.stops() || holder.stops():
			return firstStop(v, holder)
		}
		switch holder.kind {
		case fastRecord:
			if v.kind != fastText {
				return fastTruth(false)
			}
			_, known := holder.record().look(v.text)
			return fastTruth(known)
		case fastObject:
			_, known := holder.object()[v.text]
			return fastTruth(known && v.kind == fastText)
		case fastTexts:
			return fastTruth(v.kind == fastText && slices.Contains(holder.texts(), v.text))
		case fastList:
			return fastAmong(v, holder.list())
		}
		return fastFailure(errNoSuchOverload)
	}
}

func fastAmong(v fastValue, list []any) fastValue {
	for i := range list {
		element := fastLoad(list[i])
		if element.kind == fastBail {
			return element
		}
		same, known := fastSame(v, element)
		if !known {
			return fastValue{}
		}
		if same {
			return fastTruth(true)
		}
	}
	return fastTruth(false)
}
