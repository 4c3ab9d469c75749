package expr

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// fastNode is one part of an expression that has a fast path.
type fastNode struct {
	op fastOp
	// lenient makes a selection that finds nothing fastAbsent, not an error: it is an optional one, or after one.
	lenient bool
	wanted  [3]bool             // of comparisons: the orders – less, equal, greater – that make them true
	value   fastValue           // of fastConst; of others an error that they can give and, as text, the name that they select
	a, b, c *fastNode           // the operands
	among   []*fastNode         // of fastInNodes: the list
	set     *fastSet            // of fastInSet: the list
	first   rune                // of fastLetters: the first of the letters that it changes
	part    func(time.Time) int // of fastTimePart
}

// fastOp is what a fastNode does with its operands.
type fastOp uint8

const (
	fastConst    fastOp = iota // value
	fastMember                 // a.name, where a is a variable
	fastSelect                 // a[b], a.?b
	fastHas                    // has(a), a.hasValue()
	fastOrValue                // a.orValue(b)
	fastLogic                  // a && b, a || b: value decides
	fastNot                    // !a
	fastChoice                 // a ? b : c
	fastEqual                  // a == b, a != b
	fastOrder                  // a < b and its like
	fastIn                     // a in b
	fastInSet                  // a in [constants]
	fastInNodes                // a in [anything]
	fastPrefix                 // a.startsWith(b)
	fastSuffix                 // a.endsWith(b)
	fastContains               // a.contains(b)
	fastLetters                // a.lowerAscii(), a.upperAscii()
	fastLength                 // size(a)
	fastParse                  // timestamp(a)
	fastTimePart               // a.getHours() and its like
	fastUnder                  // under(a, b, c)
	fastLinkID                 // linkID(a)
	fastLink                   // resource.links.name, or a.links.name
	fastOfLink                 // a.name, where a is a linked record

	// Variables, and their fields.
	fastSubjectType
	fastSubjectID
	fastSubjectGroups
	fastSubjectRoles
	fastSubjectStaff
	fastActionName
	fastResourceType
	fastResourceID
	fastNow
	// Those from here on are objects, and from fastResourceProperties on records.
	fastSubjectAttributes
	fastSubjectProperties
	fastActionProperties
	fastContext
	fastResourceProperties
	fastProposed
)

var fastVariables = map[string]fastOp{
	"subject.type": fastSubjectType, "subject.id": fastSubjectID, "subject.groups": fastSubjectGroups, "subject.roles": fastSubjectRoles,
	"subject.staff": fastSubjectStaff, "subject.attributes": fastSubjectAttributes, "subject.properties": fastSubjectProperties,
	"action.name": fastActionName, "action.properties": fastActionProperties,
	"resource.type": fastResourceType, "resource.id": fastResourceID, "resource.properties": fastResourceProperties,
	"proposed": fastProposed, "context": fastContext, "now": fastNow,
}

// fastShape is how a call compiles: to a node like this, with that many operands. Its cost is a bound, see fastSize.
type fastShape struct {
	fastNode
	args, cost int
	optional   bool // the first operand is an optional
}

var fastShapes = map[string]fastShape{
	operators.LogicalAnd:    {fastNode: fastNode{op: fastLogic, value: fastTruth(false)}, args: 2},
	operators.LogicalOr:     {fastNode: fastNode{op: fastLogic, value: fastTruth(true)}, args: 2},
	operators.LogicalNot:    {fastNode: fastNode{op: fastNot}, args: 1, cost: 1},
	operators.Conditional:   {fastNode: fastNode{op: fastChoice}, args: 3},
	operators.Equals:        {fastNode: fastNode{op: fastEqual, wanted: [3]bool{1: true}}, args: 2, cost: 1 + fastScan},
	operators.NotEquals:     {fastNode: fastNode{op: fastEqual, wanted: [3]bool{0: true, 2: true}}, args: 2, cost: 1 + fastScan},
	operators.Less:          {fastNode: fastNode{op: fastOrder, wanted: [3]bool{0: true}}, args: 2, cost: 1 + 2*fastScan},
	operators.LessEquals:    {fastNode: fastNode{op: fastOrder, wanted: [3]bool{0: true, 1: true}}, args: 2, cost: 1 + 2*fastScan},
	operators.Greater:       {fastNode: fastNode{op: fastOrder, wanted: [3]bool{2: true}}, args: 2, cost: 1 + 2*fastScan},
	operators.GreaterEquals: {fastNode: fastNode{op: fastOrder, wanted: [3]bool{1: true, 2: true}}, args: 2, cost: 1 + 2*fastScan},
	operators.In:            {fastNode: fastNode{op: fastIn}, args: 2, cost: fastSize*(1+fastScan/10) + 10}, // 10 to make a list that is written out
	"startsWith":            {fastNode: fastNode{op: fastPrefix}, args: 2, cost: 1 + 2*fastScan},
	"endsWith":              {fastNode: fastNode{op: fastSuffix}, args: 2, cost: 1 + 2*fastScan},
	"contains":              {fastNode: fastNode{op: fastContains}, args: 2, cost: 1 + 2*fastScan},
	"lowerAscii":            {fastNode: fastNode{op: fastLetters, first: 'A'}, args: 1, cost: 1 + fastScan + fastSize},
	"upperAscii":            {fastNode: fastNode{op: fastLetters, first: 'a'}, args: 1, cost: 1 + fastScan + fastSize},
	"hasValue":              {fastNode: fastNode{op: fastHas}, args: 1, cost: 1, optional: true},
	"orValue":               {fastNode: fastNode{op: fastOrValue}, args: 2, cost: 1, optional: true},
	"size":                  {fastNode: fastNode{op: fastLength}, args: 1, cost: 1 + fastScan},
	underRecords:            {fastNode: fastNode{op: fastUnder}, args: 4, cost: 3 + fastSteps/stepsPerUnit},
	linkIDName:              {fastNode: fastNode{op: fastLinkID}, args: 1, cost: 1},
	"timestamp":             {fastNode: fastNode{op: fastParse}, args: 1, cost: 1 + fastScan},
	"getFullYear":           {fastNode: fastNode{op: fastTimePart, part: time.Time.Year}, args: 1, cost: 1},
	"getMonth":              {fastNode: fastNode{op: fastTimePart, part: func(t time.Time) int { return int(t.Month()) - 1 }}, args: 1, cost: 1},
	"getDate":               {fastNode: fastNode{op: fastTimePart, part: time.Time.Day}, args: 1, cost: 1},
	"getDayOfMonth":         {fastNode: fastNode{op: fastTimePart, part: func(t time.Time) int { return t.Day() - 1 }}, args: 1, cost: 1},
	"getDayOfWeek":          {fastNode: fastNode{op: fastTimePart, part: func(t time.Time) int { return int(t.Weekday()) }}, args: 1, cost: 1},
	"getDayOfYear":          {fastNode: fastNode{op: fastTimePart, part: func(t time.Time) int { return t.YearDay() - 1 }}, args: 1, cost: 1},
	"getHours":              {fastNode: fastNode{op: fastTimePart, part: time.Time.Hour}, args: 1, cost: 1},
	"getMinutes":            {fastNode: fastNode{op: fastTimePart, part: time.Time.Minute}, args: 1, cost: 1},
	"getSeconds":            {fastNode: fastNode{op: fastTimePart, part: time.Time.Second}, args: 1, cost: 1},
	"getMilliseconds":       {fastNode: fastNode{op: fastTimePart, part: func(t time.Time) int { return t.Nanosecond() / 1e6 }}, args: 1, cost: 1},
}

// compileFast gives an expression's fast path; nil where it has none.
func compileFast(e ast.Expr) *fastProgram {
	c := fastCompiler{errors: []error{nil, errors.New("no such overload")}}
	root := c.node(e, false)
	if root == nil || c.cost > CostLimit {
		return nil
	}
	return &fastProgram{root: root, cost: c.cost, errors: c.errors}
}

// fastCompiler turns the parts of a checked expression into nodes. Its methods give nil for a part that is none of
// the shapes.
type fastCompiler struct {
	cost   int // the bound so far
	errors []error
}

// failure is the value of another error.
func (c *fastCompiler) failure(err error) fastValue {
	c.errors = append(c.errors, err)
	return fastValue{kind: fastFailed, bits: uint64(len(c.errors) - 1)}
}

// node compiles what gives a value or, where that is asked for, an optional; never a record's properties as a whole.
func (c *fastCompiler) node(e ast.Expr, optional bool) *fastNode {
	switch e.Kind() {
	case ast.LiteralKind:
		return constant(fastLiteral(e))
	case ast.SelectKind:
		switch {
		case !e.AsSelect().IsTestOnly():
		case fastVariableOf(e) != fastConst: // a variable has all its fields
			c.cost += 2
			return constant(fastTruth(true))
		default: // has()
			n := c.selection(e.AsSelect().Operand(), c.named(e.AsSelect().FieldName()))
			if n == nil || n.lenient {
				return nil
			}
			n.lenient = true
			return &fastNode{op: fastHas, a: n}
		}
	case ast.CallKind:
		if shape, ok := fastShapes[e.AsCall().FunctionName()]; ok {
			return c.call(e.AsCall(), shape)
		}
	}
	if n := c.path(e); n != nil && n.lenient == optional && n.op < fastResourceProperties && n.op != fastLink {
		return n
	}
	return nil
}

// fastLiteral is the value of a constant; one that bails out for what is no JSON value.
func fastLiteral(e ast.Expr) fastValue {
	var r fastRun
	switch {
	case e.Kind() != ast.LiteralKind:
		return fastValue{}
	case e.AsLiteral() == types.NullValue:
		return r.load(nil)
	}
	return r.load(e.AsLiteral().Value())
}

func constant(v fastValue) *fastNode {
	if v.stops() {
		return nil
	}
	return &fastNode{value: v}
}

func (c *fastCompiler) call(call ast.CallExpr, shape fastShape) *fastNode {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if len(args) != shape.args {
		return nil
	}
	c.cost += shape.cost
	n := shape.fastNode
	switch n.op {
	case fastIn:
		return c.in(args[0], args[1])
	case fastOrder:
		n.value = c.failure(errors.New("no such overload: " + call.FunctionName()))
	case fastUnder:
		args = args[1:] // without the records
	case fastParse:
		if literal := fastLiteral(args[0]); literal.kind == fastText {
			return constant(fastParseTime(literal.text))
		}
	}
	for i, operand := range []**fastNode{&n.a, &n.b, &n.c}[:len(args)] {
		if *operand = c.node(args[i], shape.optional && i == 0); *operand == nil {
			return nil
		}
	}
	return &n
}

// in is in with a list that is written out, or with a list or an object that a path names.
func (c *fastCompiler) in(arg, container ast.Expr) *fastNode {
	n := &fastNode{op: fastIn, a: c.node(arg, false)}
	if container.Kind() != ast.ListKind {
		n.b = c.path(container)
		switch {
		case n.a == nil || n.b == nil || n.b.lenient || n.b.op == fastLink:
			return nil
		case n.b.op >= fastSubjectAttributes: // whether a variable has such a name
			return &fastNode{op: fastHas, a: &fastNode{op: fastSelect, lenient: true, a: n.b, b: n.a}}
		}
		return n
	}
	elements := container.AsList().Elements()
	switch {
	case len(container.AsList().OptionalIndices()) > 0 || len(elements) > fastSize:
		return nil
	case len(elements) == 0:
		return constant(fastTruth(false)) // cel-go does not look at what is searched for either
	case n.a == nil:
		return nil
	}
	n.op = fastInSet
	if n.set = newFastSet(elements); n.set != nil {
		return n
	}
	n.op = fastInNodes
	for _, element := range elements {
		node := c.node(element, false)
		if node == nil {
			return nil
		}
		n.among = append(n.among, node)
	}
	return n
}

// fastSet is a list of constants. Like cel-go's, it finds a number of the other type only where converting
// the element loses nothing.
type fastSet struct {
	few  []fastValue // the values where they are so few that comparing them is quicker than looking them up
	many map[fastValue]struct{}
}

// newFastSet is nil where not all elements are texts, numbers or bools.
func newFastSet(elements []ast.Expr) *fastSet {
	set := map[fastValue]struct{}{}
	for _, element := range elements {
		v := fastLiteral(element)
		switch v.kind {
		case fastText, fastBool:
		case fastInt:
			set[fastDoubleOf(v.number())] = struct{}{}
		case fastDouble:
			v = fastDoubleOf(v.double())
			integer := types.Double(v.double()).ConvertToType(types.IntType)
			if i, ok := integer.(types.Int); ok && i.Equal(types.Double(v.double())) == types.True {
				set[fastInteger(int(i))] = struct{}{}
			}
		default:
			return nil
		}
		set[v] = struct{}{}
	}
	if len(set) > 16 {
		return &fastSet{many: set}
	}
	return &fastSet{few: slices.Collect(maps.Keys(set))}
}

func (s *fastSet) contains(v fastValue) (found bool) {
	if v.kind == fastDouble {
		v = fastDoubleOf(v.double())
	}
	if s.many == nil {
		return slices.Contains(s.few, v)
	}
	_, found = s.many[v]
	return found
}

// path compiles a variable, or a field of one, and the selections that follow.
func (c *fastCompiler) path(e ast.Expr) *fastNode {
	if op := fastVariableOf(e); op != fastConst {
		c.cost += 2
		return &fastNode{op: op}
	}
	switch e.Kind() {
	case ast.SelectKind:
		if !e.AsSelect().IsTestOnly() {
			return c.selection(e.AsSelect().Operand(), c.named(e.AsSelect().FieldName()))
		}
	case ast.CallKind:
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.Index:
			return c.selection(args[0], c.indexed(args[1]))
		case operators.OptIndex, operators.OptSelect:
			step := c.indexed(args[1])
			step.lenient = true
			return c.selection(args[0], step)
		}
	}
	return nil
}

// fastVariableOf is fastConst for what is neither a variable nor a field of one.
func fastVariableOf(e ast.Expr) fastOp {
	switch e.Kind() {
	case ast.IdentKind:
		return fastVariables[e.AsIdent()]
	case ast.SelectKind:
		if operand := e.AsSelect().Operand(); operand.Kind() == ast.IdentKind {
			return fastVariables[operand.AsIdent()+"."+e.AsSelect().FieldName()]
		}
	}
	return fastConst
}

// selection completes a step that selects from an operand.
func (c *fastCompiler) selection(operand ast.Expr, step fastNode) *fastNode {
	c.cost++
	if from, ok := c.linksOf(operand); ok {
		if step.b == nil || step.b.op != fastConst || step.b.value.kind != fastText {
			return nil
		}
		step.op, step.a, step.lenient = fastLink, from, step.lenient || from != nil && from.lenient
		return &step
	}
	if step.a = c.path(operand); step.a == nil || step.b == nil {
		return nil
	}
	step.lenient = step.lenient || step.a.lenient
	if step.a.op == fastLink {
		step.op = fastOfLink
		if step.b.op != fastConst || step.b.value.kind != fastText || step.b.value.text == "links" {
			return nil
		}
		return &step
	}
	if step.b.value.kind == fastText && step.a.op >= fastSubjectAttributes {
		step.op = fastMember
	}
	return &step
}

// linksOf reports whether a part is the links of a record: of the one that a link leads to or, with nil, of the resource. Links
// that are too many are left to cel-go.
func (c *fastCompiler) linksOf(e ast.Expr) (from *fastNode, ok bool) {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() || e.AsSelect().FieldName() != "links" {
		return nil, false
	}
	if names, _, ok := chain(e); !ok || len(names) > 2*maxLinks || names[0] != "resource" || names[1] != "links" {
		return nil, false
	}
	c.cost += 2
	operand := e.AsSelect().Operand()
	if operand.Kind() == ast.IdentKind {
		return nil, operand.AsIdent() == "resource"
	}
	from = c.path(operand)
	return from, from != nil && from.op == fastLink
}

// named is the step that a name makes.
func (c *fastCompiler) named(name string) fastNode {
	n := fastNode{op: fastSelect, value: c.failure(errNoKey(name)), b: &fastNode{value: fastValue{kind: fastText, text: name}}}
	n.value.text = name
	return n
}

// indexed is the step that an index makes; it has no b where there is none.
func (c *fastCompiler) indexed(index ast.Expr) fastNode {
	switch v := fastLiteral(index); v.kind {
	case fastText:
		return c.named(v.text)
	case fastInt:
		return fastNode{op: fastSelect, value: c.failure(errNoKey(strconv.FormatInt(v.integer(), 10))), b: &fastNode{value: v}}
	case fastBail:
		return fastNode{op: fastSelect, b: c.node(index, false)}
	}
	return fastNode{}
}
