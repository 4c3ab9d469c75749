package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/filter"
)

// Filter is the condition on a record's stored properties under which a Read or Delete is allowed.
type Filter struct {
	// Condition is filter.True, filter.False, or anything in between.
	Condition *filter.Tree
	// Reason is that of the decision, where the answer is the same for every record; else empty.
	Reason Reason
	// Fields are those that may be read of every record that passes; ["*"] for all. A Read may ask for
	// fields (action.properties.fields): the filter then lets through the records of which all may be read.
	Fields []string
	// ExceptFields are, beside Fields of ["*"], those that may not be read, nor what is below them.
	ExceptFields []string
	// DecidedBy are the objects that the condition comes from.
	DecidedBy []Ref
	// LeftOut are rules' conditions that no filter can express, beside others: records that only they let through are
	// missing.
	LeftOut []*FilterError
}

// LeftOut is a part of a condition without which a filter lets through less.
type LeftOut struct {
	// Condition is the part in CEL, or where it stands.
	Condition string `json:"condition"`
	// Reason says why it is left out.
	Reason string `json:"reason"`
}

// Told are the parts that are left out of a filter, by itself or as it is encoded.
func (f *Filter) Told(encoded filter.Encoded) []LeftOut {
	var parts []LeftOut
	for _, e := range f.LeftOut {
		parts = append(parts, LeftOut{e.Object.String() + ": " + e.Field, e.Message})
	}
	for _, e := range encoded.LeftOut {
		parts = append(parts, LeftOut{e.Leaf, e.Reason})
	}
	return parts
}

// MaxFilterValues is how many ids a filter names at the most for one link.
const MaxFilterValues = 10_000

// FilterError says that no filter can express the condition.
type FilterError struct {
	// Object and Field are where the condition stands.
	Object  Ref
	Field   string
	Message string
}

func (e *FilterError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", e.Object, e.Message)
	}
	return fmt.Sprintf("%s: %s: %s", e.Object, e.Field, e.Message)
}

// Filter returns the filter for the records of a type, as of now. The request's resource.id and
// resource.properties do not count; to a filter every property is known, and one that a record lacks is
// null. The error is a *RequestError, or a *FilterError where the condition cannot be expressed.
func (d *Domain) Filter(req *Request, now time.Time) (Filter, error) {
	if err := req.validate(everythingNamed); err != nil {
		return Filter{}, err
	}
	record := *req
	record.Resource.ID, record.Resource.Properties = "", nil
	e := newEvaluation(d, &record, now, nil)
	decided := e.runStages(func(s *stage) bool { return !s.record })
	if err := e.failure(); err != nil {
		return Filter{}, err
	}
	if decided && (!e.decision.Allow || !e.resourceType.guarded(e.action)) {
		return Filter{
			Condition: filter.Constant(e.decision.Allow), Reason: e.decision.Reason,
			Fields: e.decision.Fields, DecidedBy: e.decision.DecidedBy,
		}, nil
	}
	if e.action.writes() {
		return Filter{}, &RequestError{"action.name", fmt.Sprintf("must be an action of class Read or Delete, %s is of class %s", e.action.name, e.action.class)}
	}
	found, err := e.filterGuarded(decided)
	if failure := e.budget.Err(); failure != nil {
		return Filter{}, failure
	}
	return found, err
}

// filterGuarded carries S3a over to all records at once, and where S4 has not decided, the stages below it.
func (e *evaluation) filterGuarded(decided bool) (Filter, error) {
	var guards []*filter.Tree
	for g := range e.resourceType.guardsOf(e.action) {
		tree, err := e.conditionFilter(&g.condition, e.resourceType.ref, fmt.Sprintf("spec.guards[%d].condition", g.index))
		if err != nil {
			return Filter{}, err
		}
		guards = append(guards, tree)
	}
	guarded := filter.All(guards...)
	if guarded.Op == filter.False {
		return Filter{Condition: guarded, Reason: ReasonGuard, DecidedBy: []Ref{e.resourceType.ref}}, nil
	}
	f := Filter{Condition: filter.Constant(true), Reason: e.decision.Reason, Fields: e.decision.Fields, DecidedBy: e.decision.DecidedBy}
	if !decided {
		var err error
		if f, err = e.filter(); err != nil {
			return Filter{}, err
		}
	}
	if guarded.Op == filter.True || f.Condition.Op == filter.False {
		return f, nil
	}
	f.Condition, f.Reason = filter.All(guarded, f.Condition), ""
	if f.Condition.Op == filter.False {
		f.Reason = ReasonConditionNotMet
	}
	f.DecidedBy = sortRefs(append(slices.Clone(f.DecidedBy), e.resourceType.ref))
	return f, nil
}

// filter carries S8, S9 and S10 over to all records at once.
func (e *evaluation) filter() (Filter, error) {
	conditions, unsaid := e.conditionFilters()
	links, err := e.linkFilters()
	if err != nil {
		return Filter{}, err
	}
	// S10: of every field that is asked for, some live case covers it.
	covered := []*filter.Tree{}
	if e.action.class == v1alpha1.ClassRead {
		for _, field := range e.request.askedFields() {
			var covering []*filter.Tree
			for i := range e.matched {
				if e.matched[i].rule.fields.covers(field) {
					covering = append(covering, conditions[i])
				}
			}
			covered = append(covered, filter.AnyOf(covering...))
		}
	}
	f := Filter{
		Condition: filter.All(filter.AnyOf(conditions...), filter.All(covered...), links),
		DecidedBy: e.matchedSources(), LeftOut: unsaid,
	}
	if f.Condition.Op == filter.False && len(unsaid) > 0 {
		return Filter{}, unsaid[0]
	}
	switch f.Condition.Op {
	case filter.False:
		f.Reason = e.refusal(conditions, covered)
		return f, nil
	case filter.True:
		e.allow()
		f.Reason = e.decision.Reason
	}
	if e.action.class == v1alpha1.ClassRead {
		f.Fields, f.ExceptFields = e.fieldsOfAll(conditions)
	}
	return f, nil
}

// conditionFilters are the conditions of the matched rules. One that no filter can express lets nothing through.
func (e *evaluation) conditionFilters() (conditions []*filter.Tree, unsaid []*FilterError) {
	conditions = make([]*filter.Tree, len(e.matched))
	for i := range e.matched {
		c := &e.matched[i]
		tree, err := e.conditionFilter(c.rule.condition, c.source.source[0], c.path()+".condition")
		if err != nil {
			tree, unsaid = filter.Constant(false), append(unsaid, err)
		}
		conditions[i] = tree
	}
	return conditions, unsaid
}

// conditionFilter is the filter that a condition at a field of an object comes to; nil holds for every record.
func (e *evaluation) conditionFilter(c *condition, object Ref, field string) (*filter.Tree, *FilterError) {
	switch {
	case c == nil:
		return filter.Constant(true), nil
	case c.program == nil:
		return filter.Constant(false), nil
	}
	tree, err := c.program.Filter(e.expressionInput())
	if err != nil {
		return nil, &FilterError{object, field, err.Error()}
	}
	return tree, nil
}

// linkFilters are what user permissions and strict types ask of the id and the link fields (S9).
func (e *evaluation) linkFilters() (*filter.Tree, error) {
	var links []*filter.Tree
	set := e.restrictionsOn(e.domain, e.resourceType, e.action)
	for r := range set.each {
		if r.to != "" {
			continue
		}
		tree, err := e.linkFilter(&r)
		if err != nil {
			return nil, err
		}
		links = append(links, tree)
	}
	for k, i := range e.resourceType.dynamic {
		tree, err := e.dynamicFilter(set, k, &e.resourceType.links[i])
		if err != nil {
			return nil, err
		}
		links = append(links, tree)
	}
	return filter.All(links...), nil
}

// linkFilter is what one restriction asks.
func (e *evaluation) linkFilter(r *restriction) (*filter.Tree, error) {
	ids, err := r.ids(e.domain)
	if err != nil {
		return nil, err
	}
	field := filter.IDField
	if r.link != nil {
		field = &filter.Field{Path: r.link.path}
	}
	return filter.Links(field, ids, r.link != nil && !r.deniesEmpty()), nil
}

// dynamicFilter is what the restrictions ask of a dynamic link: of a type that is restricted, what they ask of it; of others,
// nothing; and where there is no type, that there is no value.
func (e *evaluation) dynamicFilter(set restrictions, k int, l *link) (*filter.Tree, error) {
	by := &filter.Field{Path: []string{l.by}}
	typed := []*filter.Tree{{Op: filter.StartsWith, Field: by, Value: ""}, {Op: filter.Ne, Field: by, Value: ""}} // a text
	restricted := false
	for r := range set.dynamicToAny(k) {
		if len(l.path) > 1 {
			return nil, &FilterError{r.appendBy(nil)[0], "", fmt.Sprintf(
				"restricts %s, a dynamic link below another property, which no filter can express; ask about single records instead", l.field)}
		}
		tree, err := e.linkFilter(&r)
		if err != nil {
			return nil, err
		}
		restricted = true
		typed = append(typed, filter.AnyOf(&filter.Tree{Op: filter.Ne, Field: by, Value: r.to}, tree))
	}
	if !restricted {
		return filter.Constant(true), nil
	}
	field := &filter.Field{Path: l.path}
	untyped := filter.AnyOf(&filter.Tree{Op: filter.Eq, Field: by}, &filter.Tree{Op: filter.Eq, Field: by, Value: ""})
	return filter.AnyOf(
		filter.All(untyped, filter.Links(field, nil, true)),
		filter.All(typed...),
		filter.Links(field, nil, false), // a list without a value
	), nil
}

// refusal is the reason of a filter that lets nothing through.
func (e *evaluation) refusal(conditions, covered []*filter.Tree) Reason {
	never := func(t *filter.Tree) bool { return t.Op == filter.False }
	switch {
	case !slices.ContainsFunc(conditions, func(t *filter.Tree) bool { return !never(t) }):
		return ReasonConditionNotMet
	case slices.ContainsFunc(covered, never):
		return ReasonFieldNotAllowed
	}
	return ReasonConditionNotMet
}

// fieldsOfAll are the fields that every case covers which can be live: those that may be read of whatever
// record passes. A case without a condition is always live, so what it covers may be read too.
func (e *evaluation) fieldsOfAll(conditions []*filter.Tree) (fields, except []string) {
	var always, sometimes fieldUnion
	for i := range e.matched {
		switch conditions[i].Op {
		case filter.True:
			always = append(always, e.matched[i].rule.fields)
		case filter.False:
		default:
			sometimes = append(sometimes, e.matched[i].rule.fields)
		}
	}
	if len(always) == 0 {
		always = fieldUnion{fieldIntersection(sometimes)}
	}
	return always.list()
}
