package expr

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// match is startsWith, endsWith and contains.
func (c *fastCompiler) match(name string, args []ast.Expr) fastFunc {
	var holds func(text, part string) bool
	switch name {
	case "startsWith":
		c.cost += fastScan
		holds = strings.HasPrefix
	case "endsWith":
		c.cost += fastScan
		holds = strings.HasSuffix
	case "contains":
		c.cost += fastScan * fastScan
		holds = strings.Contains
	}
	left, right, ok := c.both(args)
	if !ok {
		return nil
	}
	eitherSize := name == "contains"
	return func(in *Input) fastValue {
		l, r := left(in), right(in)
		switch {
		case r.isLarge() || eitherSize && l.isLarge(): // it costs even where the other is an error
			return fastValue{}
		case l.stops() || r.stops():
			return firstStop(l, r)
		case l.kind != fastText || r.kind != fastText:
			return fastFailure(errNoSuchOverload)
		}
		return fastTruth(holds(l.text, r.text))
	}
}

// letters is lowerAscii and upperAscii.
func (c *fastCompiler) letters(upper bool, arg ast.Expr) fastFunc {
	c.cost += 1 + fastScan + fastSize
	x := c.node(arg)
	if x == nil {
		return nil
	}
	first, last, shift := 'A', 'Z', 'a'-'A'
	if upper {
		first, last, shift = 'a', 'z', 'A'-'a'
	}
	change := func(r rune) rune {
		if first <= r && r <= last {
			return r + shift
		}
		return r
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch {
		case v.kind == fastFailed:
			return v
		case v.kind != fastText || v.isLarge() || !utf8.ValidString(v.text):
			return fastValue{}
		}
		v.text = strings.Map(change, v.text)
		return v
	}
}

func (c *fastCompiler) size(arg ast.Expr) fastFunc {
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed:
			return v
		case fastText:
			return fastValue{kind: fastInt, integer: int64(utf8.RuneCountInString(v.text))}
		case fastTexts, fastList, fastObject:
			return fastValue{kind: fastInt, integer: int64(v.size())}
		}
		return fastValue{}
	}
}

// timestamp is timestamp() of a text.
func (c *fastCompiler) timestamp(arg ast.Expr) fastFunc {
	if literal := fastLiteral(arg); literal.kind == fastText {
		return constant(fastParseTime(literal.text))
	}
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed, fastInstant:
			return v
		case fastText:
			return fastParseTime(v.text)
		}
		return fastValue{}
	}
}

// The times that CEL has: from the year 1 to 9999.
const (
	minUnixTime = -62135596800
	maxUnixTime = 253402300799
)

// fastParseTime bails out for a text that is no time.
func fastParseTime(text string) fastValue {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Unix() < minUnixTime || t.Unix() > maxUnixTime {
		return fastValue{}
	}
	return fastTime(t)
}

// fastTimeParts are the functions of a time, in UTC.
var fastTimeParts = map[string]func(time.Time) int{
	"getFullYear":     time.Time.Year,
	"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
	"getDate":         time.Time.Day,
	"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
	"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
	"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
	"getHours":        time.Time.Hour,
	"getMinutes":      time.Time.Minute,
	"getSeconds":      time.Time.Second,
	"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / 1e6 },
}

func (c *fastCompiler) timePart(part func(time.Time) int, arg ast.Expr) fastFunc {
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed:
			return v
		case fastInstant:
			return fastValue{kind: fastInt, integer: int64(part(time.Unix(v.integer, int64(v.nanos)).UTC()))}
		}
		return fastValue{}
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
