package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/remit-authz/remit/internal/filter"
)

// ErrWholeProperties means that a condition uses resource.properties as a whole, not by names: no filter can
// say that, for to a filter every property is known.
var ErrWholeProperties = errors.New("the condition uses resource.properties as a whole; name the properties instead")

// Filter turns a condition into the filter on the records for which it is true: the parts that do not
// depend on the record are evaluated with the input, whose Resource.ID and Resource.Properties do not
// count. The error is ErrWholeProperties, or says that links and trees come to more ids than a filter lists.
func (p *Program) Filter(in *Input) (*filter.Tree, error) {
	plan, err := p.filterPlan()
	if err != nil {
		return nil, err
	}
	in.filterErr = nil
	tree := plan.tree(in, false)
	return tree, in.filterErr
}

// cannotFilter notes why a filter cannot be made.
func (in *Input) cannotFilter(err error) {
	if in.filterErr == nil {
		in.filterErr = err
	}
}

// Filterable says whether query languages can say the condition, whatever the request: each part of it is a
// comparison, a membership, or a test of a text on a property. What is not can be said in CEL at most.
func (p *Program) Filterable() bool {
	plan, err := p.filterPlan()
	return err == nil && plan.filterable()
}

func (p *plan) filterable() bool {
	if p.kind == planOpaque {
		return false
	}
	for _, arg := range p.args {
		if !arg.filterable() {
			return false
		}
	}
	return true
}

// plan is a condition prepared for filters: its logic down to leaves.
type plan struct {
	kind planKind
	args []*plan
	// left and right are what a leaf compares.
	left, right operand
	op          filter.Op
	// program evaluates the whole part, text is its source.
	program *Program
	text    string
	// name is the field of a planLink, and the variable of a planEach, which joins its body for each element; args has the
	// body for any of them.
	name   string
	joined planKind
	body   ast.Expr
	maker  *planMaker
}

type planKind int

const (
	planConstant planKind = iota // does not depend on the record
	planAnd
	planOr
	planNot
	planChoice  // condition ? one : other
	planCompare // two operands
	planIn      // an operand in a list
	planElement // a constant in a property
	planText    // startsWith, endsWith, contains
	planKnown   // is a property known? always
	planTruth   // a property by itself
	planMember  // does a property hold an object with a member?
	planLink    // what a linked record says
	planUnder   // where a record stands in a tree
	planLinkID  // linkID of an operand, compared
	planEach    // exists or all over a list that does not depend on the record
	planHas     // has an element a member?
	planAny     // does a list have an element for which the one of args holds?
	planEvery   // does that hold for all elements of a list?
	planOpaque
)

// operand is a field of the record, or a part that does not depend on it.
type operand struct {
	field   *filter.Field
	program *Program
	// ofLink means linkID of the field.
	ofLink bool
	// timed says that the moment counts that a field has the text of.
	timed bool
}

// filterPlan is made when the first filter asks for it.
func (p *Program) filterPlan() (*plan, error) {
	p.filterOnce.Do(func() {
		maker := planMaker{program: p}
		p.plan = maker.plan(p.ast.NativeRep().Expr())
		p.planErr = maker.err
	})
	return p.plan, p.planErr
}

type planMaker struct {
	program *Program
	ofEach  bool // it plans the body of a planEach
	err     error
	// elements are what the macros around a part call the elements of their lists, the innermost last.
	elements []string
}

func (m *planMaker) plan(e ast.Expr) *plan {
	if !m.depends(e) {
		return &plan{kind: planConstant, program: m.part(e)}
	}
	if field, ok := m.fieldOf(e); ok {
		return &plan{kind: planTruth, left: operand{field: field}}
	}
	if made := m.macro(e); made != nil {
		made.program, made.text = m.part(e), m.textOf(e)
		return made
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && len(m.elements) > 0 {
		if above, ok := m.fieldOf(e.AsSelect().Operand()); ok && above.Element {
			path := append(slices.Clone(above.Path), e.AsSelect().FieldName())
			return &plan{kind: planHas, left: operand{field: &filter.Field{Element: true, Path: path}}}
		}
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && isProperties(e.AsSelect().Operand()) {
		return &plan{kind: planKnown}
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		if _, ok := m.fieldOf(e.AsSelect().Operand()); ok {
			return &plan{kind: planMember, program: m.part(e), text: m.textOf(e)}
		}
	}
	if !isLogic(e) && len(m.elements) == 0 {
		if made := m.links(e); made != nil {
			made.text = m.textOf(e)
			return made
		}
	}
	if e.Kind() == ast.CallKind {
		if made := m.call(e.AsCall()); made != nil {
			made.program, made.text = m.part(e), m.textOf(e)
			return made
		}
	}
	if usesWholeProperties(e) {
		m.err = ErrWholeProperties
	}
	return &plan{kind: planOpaque, program: m.part(e), text: m.textOf(e)}
}

// isLogic reports whether a part joins others.
func isLogic(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional:
		return true
	}
	return false
}

var compareOps = map[string]filter.Op{
	operators.Equals: filter.Eq, operators.NotEquals: filter.Ne,
	operators.Less: filter.Lt, operators.LessEquals: filter.Le,
	operators.Greater: filter.Gt, operators.GreaterEquals: filter.Ge,
}

var textOps = map[string]filter.Op{
	"startsWith": filter.StartsWith, "endsWith": filter.EndsWith, "contains": filter.Contains,
}

// call plans a call that filters can say; nil for others.
func (m *planMaker) call(call ast.CallExpr) *plan {
	args := call.Args()
	sub := func(kind planKind) *plan {
		made := &plan{kind: kind}
		for _, arg := range args {
			made.args = append(made.args, m.plan(arg))
		}
		return made
	}
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		return sub(planAnd)
	case operators.LogicalOr:
		return sub(planOr)
	case operators.LogicalNot:
		return sub(planNot)
	case operators.Conditional:
		return sub(planChoice)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		left, leftOK := m.operand(args[0])
		right, rightOK := m.operand(args[1])
		if left.field == nil || right.field == nil {
			left, leftOK = m.moment(args[0], left, leftOK)
			right, rightOK = m.moment(args[1], right, rightOK)
		}
		twoMoments := left.field != nil && right.field != nil && (left.timed || right.timed)
		if leftOK && rightOK && !twoMoments {
			return &plan{kind: planCompare, op: compareOps[name], left: left, right: right}
		}
	case operators.In, operators.OldIn:
		if isProperties(args[1]) && args[0].Kind() == ast.LiteralKind {
			return &plan{kind: planKnown}
		}
		left, leftOK := m.operand(args[0])
		right, rightOK := m.operand(args[1])
		switch {
		case leftOK && rightOK && left.field != nil && right.field == nil:
			return &plan{kind: planIn, left: left, right: right}
		case leftOK && rightOK && left.field == nil && right.field != nil:
			return &plan{kind: planElement, left: left, right: right}
		}
	case "startsWith", "endsWith", "contains":
		if !call.IsMemberFunction() || len(args) != 1 {
			return nil
		}
		left, leftOK := m.operand(call.Target())
		right, rightOK := m.operand(args[0])
		if leftOK && rightOK && left.field != nil && right.field == nil {
			return &plan{kind: planText, op: textOps[name], left: left, right: right}
		}
	}
	return nil
}

func (m *planMaker) operand(e ast.Expr) (operand, bool) {
	if !m.depends(e) {
		return operand{program: m.part(e)}, true
	}
	field, ok := m.fieldOf(e)
	return operand{field: field}, ok
}

// moment reads timestamp(a field), where it is no operand.
func (m *planMaker) moment(e ast.Expr, found operand, ok bool) (operand, bool) {
	if ok || e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "timestamp" || len(e.AsCall().Args()) != 1 {
		return found, ok
	}
	field, ok := m.fieldOf(e.AsCall().Args()[0])
	return operand{field: field, timed: true}, ok
}

// macro plans exists and all over a list of the record, of which only its elements count; nil for others.
func (m *planMaker) macro(e ast.Expr) *plan {
	if e.Kind() != ast.ComprehensionKind {
		return nil
	}
	c := e.AsComprehension()
	step := c.LoopStep()
	if c.HasIterVar2() || step.Kind() != ast.CallKind || len(step.AsCall().Args()) != 2 || c.Result().Kind() != ast.IdentKind ||
		c.AccuInit().Kind() != ast.LiteralKind {
		return nil
	}
	accumulated, holds := step.AsCall().Args()[0], step.AsCall().Args()[1]
	if accumulated.Kind() != ast.IdentKind || accumulated.AsIdent() != c.AccuVar() || c.Result().AsIdent() != c.AccuVar() {
		return nil
	}
	kind := planAny
	switch name := step.AsCall().FunctionName(); {
	case name == operators.LogicalOr && c.AccuInit().AsLiteral() == types.False:
	case name == operators.LogicalAnd && c.AccuInit().AsLiteral() == types.True:
		kind = planEvery
	default:
		return nil
	}
	list, ok := m.fieldOf(c.IterRange())
	if !ok || list.ID {
		return nil
	}
	within := planMaker{program: m.program, elements: append(slices.Clone(m.elements), c.IterVar())}
	of := within.plan(holds)
	if within.err != nil || !of.filterable() {
		return nil
	}
	return &plan{kind: kind, left: operand{field: list}, args: []*plan{of}}
}

// depends says whether a part depends on the record, or on an element.
func (m *planMaker) depends(e ast.Expr) bool {
	return dependsOnRecord(e) || slices.ContainsFunc(m.elements, func(name string) bool { return reads(e, []string{name}) })
}

// fieldOf reads a field of what a part is about: of the record or, within a macro, of the element.
func (m *planMaker) fieldOf(e ast.Expr) (*filter.Field, bool) {
	if len(m.elements) == 0 {
		return fieldOf(e)
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() || isOptional(e) {
		return nil, false
	}
	names, indexes, ok := chain(e)
	if !ok || len(indexes) > 0 || names[0] != m.elements[len(m.elements)-1] {
		return nil, false
	}
	return &filter.Field{Element: true, Path: slices.Clone(names[1:])}, true
}

// part makes a program of a part of the expression; one about an element has none.
func (m *planMaker) part(e ast.Expr) *Program {
	if slices.ContainsFunc(m.elements, func(name string) bool { return reads(e, []string{name}) }) {
		return nil
	}
	whole := m.program.ast.NativeRep()
	checked := ast.NewCheckedAST(ast.NewAST(e, whole.SourceInfo()), whole.TypeMap(), whole.ReferenceMap())
	program, err := environments()[m.program.place].PlanProgram(checked, programOptions(m.program.place, checked)...)
	if err != nil {
		m.err = fmt.Errorf("planning a part of the condition: %w", err) // the whole has been planned before
		return nil
	}
	return &Program{source: m.program.source, place: m.program.place, program: program, cost: nodeCost(e)}
}

// textOf is the source of a part that needs nothing but the record; empty for others. Other readers of CEL know no links and
// trees, and the source of a part in which an element stands for a variable still has the variable.
func (m *planMaker) textOf(e ast.Expr) string {
	if m.ofEach || readsLinks(e) || calls(e, underRecords) || calls(e, linkIDName) {
		return ""
	}
	for _, variable := range variables {
		if variable != "resource" && reads(e, []string{variable}) {
			return ""
		}
	}
	text, err := cel.ExprToString(e, m.program.ast.NativeRep().SourceInfo())
	if err != nil {
		return ""
	}
	return text
}

// dependsOnRecord reports whether a part reads resource.id, resource.properties or resource.links.
func dependsOnRecord(e ast.Expr) bool {
	return reads(e, []string{"resource", "id"}) || reads(e, []string{"resource", "properties"}) || readsLinks(e)
}

// fieldOf reads resource.id, resource.properties.a and resource.properties.a.b.
func fieldOf(e ast.Expr) (*filter.Field, bool) {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() || isOptional(e) {
		return nil, false
	}
	names, indexes, ok := chain(e)
	if !ok || len(indexes) > 0 || len(names) < 2 || names[0] != "resource" {
		return nil, false
	}
	switch {
	case names[1] == "id" && len(names) == 2:
		return filter.IDField, true
	case names[1] == "properties" && len(names) > 2:
		return &filter.Field{Path: names[2:]}, true
	}
	return nil, false
}

// isOptional says whether a chain of selections has an optional one, whose value is an optional.
func isOptional(e ast.Expr) bool {
	switch e.Kind() {
	case ast.SelectKind:
		return isOptional(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.OptSelect, operators.OptIndex:
			return true
		case operators.Index:
			return isOptional(call.Args()[0])
		}
	}
	return false
}

func isProperties(e ast.Expr) bool {
	names, indexes, ok := chain(e)
	return ok && len(indexes) == 0 && len(names) == 2 && names[0] == "resource" && names[1] == "properties"
}

// usesWholeProperties says whether a part uses resource, or its properties, without naming one.
func usesWholeProperties(e ast.Expr) bool {
	whole := false
	visit(e, func(names []string, indexed bool) {
		if names[0] == "resource" && !indexed && (len(names) == 1 || len(names) == 2 && names[1] == "properties") {
			whole = true
		}
	})
	return whole
}

// tree gives the filter under which the part is true, or with negated, false. Where it is in error, neither
// holds.
func (p *plan) tree(in *Input, negated bool) *filter.Tree {
	switch p.kind {
	case planMember:
		made := p.opaque(in, negated)
		made.OfObjects = !negated
		return made
	case planConstant:
		value, err := p.program.Bool(in)
		return filter.Constant(err == nil && value != negated)
	case planKnown:
		return filter.Constant(!negated)
	case planNot:
		return p.args[0].tree(in, !negated)
	case planAnd, planOr:
		trees := make([]*filter.Tree, len(p.args))
		for i, arg := range p.args {
			trees[i] = arg.tree(in, negated)
		}
		if (p.kind == planAnd) != negated {
			return filter.All(trees...)
		}
		return filter.AnyOf(trees...)
	case planChoice:
		return filter.AnyOf(
			filter.All(p.args[0].tree(in, false), p.args[1].tree(in, negated)),
			filter.All(p.args[0].tree(in, true), p.args[2].tree(in, negated)),
		)
	case planTruth:
		return &filter.Tree{Op: filter.Eq, Field: p.left.field, Value: !negated}
	case planHas:
		if negated { // it is true of all that is no object, too: the expression as a whole says it
			return &filter.Tree{Op: filter.Opaque}
		}
		return &filter.Tree{Op: filter.Has, Field: p.left.field}
	case planAny, planEvery:
		op := filter.Any
		if (p.kind == planEvery) != negated {
			op = filter.Every
		}
		of, said := p.args[0].tree(in, negated), true
		of.Leaves(func(leaf *filter.Tree) { said = said && leaf.Op != filter.Opaque })
		if !said {
			return p.opaque(in, negated)
		}
		return &filter.Tree{Op: op, Field: p.left.field, Args: []*filter.Tree{of}}
	case planCompare:
		return p.compare(in, negated)
	case planIn:
		return p.in(in, negated)
	case planElement:
		value, err := p.left.value(in)
		if err == nil && isScalar(value) {
			return &filter.Tree{Op: filter.Element, Field: p.right.field, Value: value, Negated: negated}
		}
	case planText:
		value, err := p.right.value(in)
		if text, ok := value.(string); ok && err == nil {
			return &filter.Tree{Op: p.op, Field: p.left.field, Value: text, Negated: negated}
		}
		return filter.Constant(false) // an error, whatever the record
	case planLink:
		return p.linkTree(in, negated)
	case planUnder:
		return p.underTree(in, negated)
	case planLinkID:
		return p.linkIDTree(in, negated)
	case planEach:
		return p.eachTree(in, negated)
	case planOpaque:
	}
	return p.opaque(in, negated)
}

var (
	negations = map[filter.Op]filter.Op{
		filter.Eq: filter.Ne, filter.Ne: filter.Eq,
		filter.Lt: filter.Ge, filter.Ge: filter.Lt, filter.Gt: filter.Le, filter.Le: filter.Gt,
	}
	mirrored = map[filter.Op]filter.Op{
		filter.Eq: filter.Eq, filter.Ne: filter.Ne,
		filter.Lt: filter.Gt, filter.Gt: filter.Lt, filter.Le: filter.Ge, filter.Ge: filter.Le,
	}
)

func (p *plan) compare(in *Input, negated bool) *filter.Tree {
	op, left, right := p.op, p.left, p.right
	if negated {
		op = negations[op]
	}
	if left.field == nil {
		op, left, right = mirrored[op], right, left
	}
	if left.timed {
		return p.compareMoments(in, op, left.field, right, negated)
	}
	if right.field != nil {
		return &filter.Tree{Op: op, Field: left.field, Other: right.field}
	}
	value, err := right.value(in)
	if errors.Is(err, errNotJSON) || err == nil && !isScalar(value) {
		return p.opaque(in, negated)
	}
	if err != nil {
		return filter.Constant(false) // an error, whatever the record
	}
	if value == nil && op != filter.Eq && op != filter.Ne {
		return filter.Constant(false) // null is in no order
	}
	return &filter.Tree{Op: op, Field: left.field, Value: value}
}

// compareMoments compares a field with a moment that does not depend on the record.
func (p *plan) compareMoments(in *Input, op filter.Op, field *filter.Field, with operand, negated bool) *filter.Tree {
	value, _, err := with.program.program.Eval(in)
	if err != nil {
		return filter.Constant(false) // an error, whatever the record
	}
	moment, ok := value.(types.Timestamp)
	if !ok {
		return p.opaque(in, negated)
	}
	return &filter.Tree{Op: op, Field: field, Value: filter.MomentText(moment.Time), Timed: true}
}

func (p *plan) in(in *Input, negated bool) *filter.Tree {
	value, err := p.right.value(in)
	list, ok := value.([]any)
	if err != nil || !ok {
		return p.opaque(in, negated)
	}
	for _, element := range list {
		if !isScalar(element) {
			return p.opaque(in, negated)
		}
	}
	if negated {
		return &filter.Tree{Op: filter.NotIn, Field: p.left.field, Values: list}
	}
	return &filter.Tree{Op: filter.In, Field: p.left.field, Values: list}
}

func (p *plan) opaque(in *Input, negated bool) *filter.Tree {
	source := p.text
	if source != "" && negated {
		source = "!(" + source + ")"
	}
	base := *in
	return &filter.Tree{Op: filter.Opaque, Source: source, Eval: func(id string, properties map[string]any) bool {
		record := base
		record.Resource.ID = id
		record.Resource.Properties = Properties{Over: properties, Complete: true}
		value, err := p.program.Bool(&record)
		return err == nil && value != negated
	}}
}

var errNotJSON = errors.New("the value has no exact JSON form")

// value evaluates a part that does not depend on the record. A value that JSON cannot hold exactly, such as
// a time, is errNotJSON.
func (o *operand) value(in *Input) (any, error) {
	value, _, err := o.program.program.Eval(in)
	if err != nil {
		return nil, err
	}
	return exactJSON(value)
}

func exactJSON(value ref.Val) (any, error) {
	switch v := value.(type) {
	case types.Timestamp:
		return nil, errNotJSON
	case types.Uint:
		if v > math.MaxInt64 {
			return nil, errNotJSON
		}
	case traits.Lister:
		list := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element, err := exactJSON(it.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	}
	converted, err := toJSON(value)
	if err != nil {
		return nil, errNotJSON
	}
	return converted, nil
}

func isScalar(value any) bool {
	switch value.(type) {
	case nil, bool, int64, float64, string:
		return true
	}
	return false
}
