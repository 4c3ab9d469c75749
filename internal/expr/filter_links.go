package expr

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/remit-authz/remit/internal/filter"
)

// A filter says what links and trees come to as lists of ids: those of the known records for which a part of the condition
// is true. It knows what it needs at the moment when it is made.

// MaxIDs is how many ids a filter lists for one part of a condition.
const MaxIDs = 10_000

// ErrLinksBeside means that a part of a condition compares what a link leads to with another property of the record: no
// list of ids can say that.
var ErrLinksBeside = errors.New("a part of the condition reads a linked record and another property of the record; " +
	"compare linked records with values alone, or ask about single records instead")

// linkRead is the link that a part of a condition reads, where it reads nothing else of the record.
func linkRead(e ast.Expr) (field string, alone bool) {
	alone = true
	visit(e, func(names []string, _ bool) {
		switch {
		case names[0] == "proposed":
			alone = false
		case names[0] != "resource" || len(names) > 1 && names[1] == "type":
		case len(names) > 2 && names[1] == "links" && (field == "" || field == names[2]):
			field = names[2]
		default:
			alone = false
		}
	})
	return field, alone && field != ""
}

// readsLinks reports whether a part reads a link.
func readsLinks(e ast.Expr) bool { return reads(e, []string{"resource", "links"}) }

// calls reports whether a part calls a function.
func calls(e ast.Expr, function string) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		found = found || part.Kind() == ast.CallKind && part.AsCall().FunctionName() == function
	}))
	return found
}

// linkField is a field of what a part is about, or its linkID.
func (m *planMaker) linkField(e ast.Expr) (field *filter.Field, ofLink, ok bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == linkIDName {
		field, ok := m.fieldOf(e.AsCall().Args()[0])
		return field, true, ok
	}
	field, ok = m.fieldOf(e)
	return field, false, ok
}

// links plans the parts that read links, ask for places in trees, or take linkID of a field; nil for others.
func (m *planMaker) links(e ast.Expr) *plan {
	if readsLinks(e) {
		if len(m.elements) > 0 {
			return nil
		}
		field, alone := linkRead(e)
		if !alone {
			m.err = ErrLinksBeside
		}
		return &plan{kind: planLink, name: field, program: m.part(e)}
	}
	if e.Kind() == ast.ComprehensionKind && calls(e, underRecords) {
		return m.each(e.AsComprehension())
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case underRecords:
		args := call.Args()
		field, ofLink, ok := m.linkField(args[2])
		if !ok || m.depends(args[1]) || m.depends(args[3]) {
			return nil
		}
		return &plan{
			kind: planUnder, left: operand{field: field, ofLink: ofLink}, program: m.part(e), maker: m,
			args: []*plan{{program: m.part(args[1])}, {program: m.part(args[3])}},
		}
	case operators.Equals, operators.NotEquals:
		for i, arg := range call.Args() {
			other := call.Args()[1-i]
			if field, ofLink, ok := m.linkField(arg); ok && ofLink && !m.depends(other) {
				return &plan{
					kind: planLinkID, op: compareOps[call.FunctionName()], program: m.part(e),
					left: operand{field: field, ofLink: true}, right: operand{program: m.part(other)},
				}
			}
		}
	case operators.In:
		if field, ofLink, ok := m.linkField(call.Args()[0]); ok && ofLink && !m.depends(call.Args()[1]) {
			return &plan{
				kind: planLinkID, op: filter.In, program: m.part(e),
				left: operand{field: field, ofLink: true}, right: operand{program: m.part(call.Args()[1])},
			}
		}
	}
	return nil
}

// each plans exists and all over a list that does not depend on the record; nil for other comprehensions.
func (m *planMaker) each(c ast.ComprehensionExpr) *plan {
	step := c.LoopStep()
	if m.depends(c.IterRange()) || slices.Contains(m.elements, c.IterVar()) || c.HasIterVar2() || step.Kind() != ast.CallKind || c.Result().Kind() != ast.IdentKind {
		return nil
	}
	kind := planOr
	switch step.AsCall().FunctionName() {
	case operators.LogicalOr:
	case operators.LogicalAnd:
		kind = planAnd
	default:
		return nil
	}
	body := step.AsCall().Args()[1]
	inner := planMaker{program: m.program, ofEach: true, elements: m.elements}
	made := &plan{
		kind: planEach, joined: kind, name: c.IterVar(), body: body, left: operand{program: m.part(c.IterRange())}, maker: m,
		args: []*plan{inner.plan(body)},
	}
	m.err = cmp.Or(m.err, inner.err)
	return made
}

// eachTree is the tree of exists and all: the body for each element, one by one.
func (p *plan) eachTree(in *Input, negated bool) *filter.Tree {
	value, _, err := p.left.program.program.Eval(in)
	list, ok := value.(traits.Lister)
	if err != nil || !ok {
		return filter.Constant(false)
	}
	whole := &plan{kind: p.joined}
	for it := list.Iterator(); it.HasNext() == types.True; {
		element := it.Next()
		if !p.work(in, planCost) {
			return filter.Constant(false)
		}
		body := ast.NewExprFactory().CopyExpr(p.body)
		maker := planMaker{program: p.maker.program, ofEach: true, elements: p.maker.elements}
		if !substitute(body, p.name, element) {
			in.cannotFilter(ErrElement)
			return filter.Constant(false)
		}
		whole.args = append(whole.args, maker.plan(body))
		if maker.err != nil {
			in.cannotFilter(maker.err)
		}
	}
	return whole.tree(in, negated)
}

// planCost is what a Budget is charged for planning a part of a condition.
const planCost = 1_000

// work charges the budget for the work on a filter; false where it is used up, and there is no filter.
func (p *plan) work(in *Input, cost int) bool {
	in.Budget.spend(p.maker.program, cost)
	if err := in.Budget.stop(); err != nil {
		in.cannotFilter(err)
		return false
	}
	return true
}

// substitute puts an element in the place of a variable; false for one that no expression can spell.
func substitute(e ast.Expr, variable string, element ref.Val) bool {
	switch element.(type) {
	case types.String, types.Int, types.Uint, types.Double, types.Bool:
	default:
		return false
	}
	ok := true
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		switch {
		case part.Kind() == ast.ComprehensionKind && part.AsComprehension().IterVar() == variable:
			ok = false // another variable of the same name
		case part.Kind() == ast.IdentKind && part.AsIdent() == variable:
			part.SetKindCase(ast.NewExprFactory().NewLiteral(part.ID(), element))
		}
	}))
	return ok
}

// ErrElement means that a condition asks for each element of a list that holds more than texts, numbers and bools.
var ErrElement = errors.New("a part of the condition goes through a list of other things than texts, numbers and bools; " +
	"ask about single records instead")

// linkTree is the tree of a part that reads a link: it is evaluated for each record that the link may lead to, and for none.
func (p *plan) linkTree(in *Input, negated bool) *filter.Tree {
	records := in.Resource.Records
	if records == nil {
		return filter.Constant(false)
	}
	holds := func(properties map[string]any) bool {
		record := *in
		record.Resource.Properties = Properties{Over: properties, Complete: true}
		value, err := p.program.Bool(&record)
		return err == nil && value != negated
	}
	field := &filter.Field{Path: []string{p.name}}
	otherwise := holds(map[string]any{p.name: nil})
	// toType is the tree where the link leads to a type, beside by where it is a dynamic one.
	toType := func(target, by string) *filter.Tree {
		var yes, no []string
		for _, id := range records.IDs(target) {
			properties := map[string]any{p.name: id}
			if by != "" {
				properties[by] = target
			}
			if holds(properties) {
				yes = append(yes, id)
			} else {
				no = append(no, id)
			}
		}
		listed := yes
		if otherwise {
			listed = no
		}
		if len(listed) > MaxIDs {
			in.cannotFilter(fmt.Errorf("more than %d records of %s are too many to list; restrict by a property of the record instead, or ask about single records", MaxIDs, target))
		}
		if otherwise {
			return filter.AnyOf(&filter.Tree{Op: filter.Eq, Field: field}, filter.All(isID(field), idsAmong(field, no, true)),
				&filter.Tree{Op: filter.In, Field: field, Values: []any{false, true}})
		}
		return idsAmong(field, yes, false)
	}
	target, by, ok := records.LinkField(in.Resource.Type, p.name)
	var tree *filter.Tree
	switch {
	case !ok:
		return filter.Constant(otherwise)
	case by == "":
		tree = toType(target, "")
	default:
		typed := &filter.Field{Path: []string{by}}
		all := records.Types()
		var trees []*filter.Tree
		names := make([]any, len(all))
		for i, name := range all {
			names[i] = name
			trees = append(trees, filter.All(&filter.Tree{Op: filter.Eq, Field: typed, Value: name}, toType(name, by)))
		}
		if otherwise {
			trees = append(trees, &filter.Tree{Op: filter.NotIn, Field: typed, Values: names})
		}
		tree = filter.AnyOf(trees...)
	}
	return filter.AnyOf(tree, p.ofObjects(in, negated, field))
}

// underTree is the tree of a place in a tree: the ids that stand there.
func (p *plan) underTree(in *Input, negated bool) *filter.Tree {
	records := in.Resource.Records
	resourceType, typeErr := p.args[0].evaluate(in)
	ancestor, err := p.args[1].evaluate(in)
	if err != nil || typeErr != nil || records == nil {
		return filter.Constant(false)
	}
	name, isText := resourceType.Value().(string)
	root, ok := idText(ancestor)
	if !isText || !ok {
		return filter.Constant(false)
	}
	ids := []string{root}
	for _, id := range records.IDs(name) {
		if !p.work(in, 1+records.Depth(name, id)/stepsPerUnit) {
			return filter.Constant(false)
		}
		if id != root && isUnder(records, name, id, root) {
			ids = append(ids, id)
		}
	}
	if len(ids) > MaxIDs {
		in.cannotFilter(fmt.Errorf("more than %d records of %s stand below %s, too many to list; restrict by a property of the record instead, or ask about single records", MaxIDs, name, root))
	}
	tree := idsAmong(p.left.field, ids, negated)
	if negated {
		tree = filter.All(isID(p.left.field), tree)
	}
	if !p.left.ofLink {
		return tree
	}
	if negated { // there is no id that is empty
		tree = filter.All(tree, &filter.Tree{Op: filter.Ne, Field: p.left.field, Value: ""})
	}
	return filter.AnyOf(tree, p.ofObjects(in, negated, p.left.field))
}

// linkIDTree is the tree of linkID(field) compared with values.
func (p *plan) linkIDTree(in *Input, negated bool) *filter.Tree {
	value, err := p.right.value(in)
	if err != nil {
		return filter.Constant(false)
	}
	values := []any{value}
	if p.op == filter.In {
		list, ok := value.([]any)
		if !ok {
			return filter.Constant(false)
		}
		values = list
	}
	equal := (p.op != filter.Ne) != negated
	field := p.left.field
	var ids []any
	null := false
	for _, value := range values {
		switch {
		case value == nil:
			null = true
		case value != "" && isScalar(value):
			ids = append(ids, value)
		}
	}
	none := filter.AnyOf(&filter.Tree{Op: filter.Eq, Field: field}, &filter.Tree{Op: filter.Eq, Field: field, Value: ""})
	some := filter.All(isID(field), &filter.Tree{Op: filter.Ne, Field: field, Value: ""})
	var tree *filter.Tree
	if equal {
		tree = filter.All(some, &filter.Tree{Op: filter.In, Field: field, Values: ids})
		if null {
			tree = filter.AnyOf(tree, none)
		}
	} else {
		tree = filter.All(some, &filter.Tree{Op: filter.NotIn, Field: field, Values: ids})
		if !null {
			tree = filter.AnyOf(tree, none)
		}
	}
	return filter.AnyOf(tree, p.ofObjects(in, negated, field))
}

// ofObjects is the part where the field holds a record or a list, as no column does.
func (p *plan) ofObjects(in *Input, negated bool, field *filter.Field) *filter.Tree {
	tree := p.opaque(in, negated)
	eval := tree.Eval
	tree.OfObjects, tree.Source = true, ""
	tree.Eval = func(id string, properties map[string]any) bool {
		value, ok := field.Of(id, properties)
		if !ok {
			return false
		}
		switch value.(type) {
		case map[string]any, []any:
			return eval(id, properties)
		}
		return false
	}
	return tree
}

// isID holds where a field is a text or a number.
func isID(field *filter.Field) *filter.Tree {
	if field.ID {
		return filter.Constant(true)
	}
	return filter.AnyOf(
		&filter.Tree{Op: filter.StartsWith, Field: field, Value: ""},
		&filter.Tree{Op: filter.Lt, Field: field, Value: int64(0)}, &filter.Tree{Op: filter.Ge, Field: field, Value: int64(0)},
	)
}

// idsAmong holds where a field is one of some ids, as text or as a number; or where it is none of them.
func idsAmong(field *filter.Field, ids []string, negated bool) *filter.Tree {
	op := filter.In
	if negated {
		op = filter.NotIn
	}
	return &filter.Tree{Op: op, Field: field, Values: filter.IDValues(ids)}
}

// evaluate evaluates a part that does not depend on the record.
func (p *plan) evaluate(in *Input) (ref.Val, error) {
	value, _, err := p.program.program.Eval(in)
	return value, err
}
