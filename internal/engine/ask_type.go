package engine

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// Extent says on how many records of a type something is allowed.
type Extent string

// The extents.
const (
	// Always: on every record, whatever its id and its properties are.
	Always Extent = "always"
	// Some: on some records, or with some submitted values.
	Some Extent = "some"
	// Never: on none.
	Never Extent = "never"
)

// TypeAnswer answers a question about every record of a type.
type TypeAnswer struct {
	Extent Extent
	// Decision allows if and only if Extent is Always. It is what a caller gets who can only take yes or no, such
	// as a SubjectAccessReview without a name; a denial says what stands between Some or Never and Always.
	Decision Decision
	// Filter lets through the records on which the action is allowed, where Extent is Some and the action is of
	// class Read or Delete. It is nil where NoFilter says why no filter can.
	Filter   *Filter
	NoFilter error
	// RestrictedBy are the user permissions, and as Strict/<type> the strict link types, that limit Some to
	// records that they let pass; sorted.
	RestrictedBy []Ref
}

// AskType answers a question about every record of a type, as of now (see "Questions about a type" in the semantics).
// The request's resource.id does not count. Its resource.properties are those that all records in question share;
// all others, and the id, are unknown. The error is a *RequestError.
func (d *Domain) AskType(req *Request, now time.Time) (TypeAnswer, error) {
	extent, decision, err := d.ExtentOf(req, now)
	if err != nil || extent != Some {
		return TypeAnswer{Extent: extent, Decision: decision}, err
	}
	answer := TypeAnswer{Extent: extent, Decision: decision}
	e, _, err := d.untilConditions(aboutType(req), now)
	defer e.release()
	if err != nil {
		return TypeAnswer{}, err
	}
	if e.ruling.limited() {
		answer.RestrictedBy = e.restrictedBy(e.resourceType, e.action)
	}
	if !e.action.writes() {
		answer.Filter, answer.NoFilter = d.typeFilter(req, now)
	}
	return answer, nil
}

// ExtentOf is AskType without the filter and what restricts, which take longer to find.
func (d *Domain) ExtentOf(req *Request, now time.Time) (Extent, Decision, error) {
	about := aboutType(req)
	decision, err := d.Decide(about, now)
	switch {
	case err != nil:
		return "", Decision{}, err
	case decision.Allow:
		return Always, decision, nil
	}
	e, decided, err := d.untilConditions(about, now)
	defer e.release()
	if err != nil {
		return "", Decision{}, err
	}
	extent := Never
	if possible := decided && e.decision.Allow || !decided && e.mayAllow(); possible && e.mayPassGuards() {
		extent = Some
	}
	return extent, decision, e.failure()
}

func aboutType(req *Request) *Request {
	about := *req
	about.Resource.ID = ""
	return &about
}

// typeFilter is the filter on records that have the request's properties.
func (d *Domain) typeFilter(req *Request, now time.Time) (*Filter, error) {
	found, err := d.Filter(req, now)
	if err != nil {
		return nil, err
	}
	found.Condition = found.Condition.Given(req.Resource.Properties)
	if found.Condition.IsConstant() {
		return nil, errors.New("it depends on which properties a record has at all; to a filter, every record has every property")
	}
	return &found, nil
}

// untilConditions goes through the stages that do not look at the record, S1 to S7 but for the guards, and reports whether
// one of them decided. The caller releases the evaluation.
func (d *Domain) untilConditions(req *Request, now time.Time) (e *evaluation, decided bool, err error) {
	e = newEvaluation(d, req, now, nil)
	e.unknown = &expr.Unknown{}
	if e.runStages(func(s *stage) bool { return !s.record }) {
		return e, true, e.failure()
	}
	e.findSettable()
	return e, false, nil
}

// mayAllow reports whether S8 to S10 allow some record. Where it cannot be told, they may.
func (e *evaluation) mayAllow() bool {
	possible := slices.DeleteFunc(slices.Clone(e.matched), func(m matchedRule) bool { return !e.mayPass(&m) })
	e.matched = append(e.matched[:0], possible...)
	return len(e.matched) > 0 && e.mayPassUserPermissions() && !e.checkFields()
}

// mayPassGuards is S3a: it reports whether every guard is true for some record.
func (e *evaluation) mayPassGuards() bool {
	for g := range e.resourceType.guardsOf(e.action) {
		if !e.mayHold(&g.condition, e.guardInput()) || !e.action.writes() && e.filtersNothing(&g.condition) {
			return false
		}
	}
	return true
}

// mayHold reports whether a condition may be true for some record.
func (e *evaluation) mayHold(c *condition, in *expr.Input) bool {
	holds, err := c.holds(in)
	return holds || err != nil && c.program != nil && e.unknown.Met()
}

// mayPass is S8: it reports whether a case's condition and validations are true for some record.
func (e *evaluation) mayPass(m *matchedRule) bool {
	properties := e.stored()
	var proposed expr.Properties
	if e.action.writes() {
		proposed = e.proposeUnknown(e.settable)
	}
	if e.action.class == v1alpha1.ClassCreate {
		properties = proposed
	}
	in := e.expressionInput()
	in.Resource.Properties, in.Proposed = properties, proposed
	may := func(condition *condition) bool { return e.mayHold(condition, in) }
	if condition := m.rule.condition; condition != nil {
		if !may(condition) || !e.action.writes() && e.filtersNothing(condition) {
			return false
		}
	}
	if !e.action.writes() {
		return true
	}
	return !slices.ContainsFunc(m.rule.validations, func(v validation) bool { return !may(&v.condition) })
}

// filtersNothing reports whether a condition's filter lets no record through. One that tests which properties a record
// has may be true all the same: to a filter, a record has them all.
func (e *evaluation) filtersNothing(c *condition) bool {
	if c.program.TestsPresence() {
		return false
	}
	in := *e.expressionInput()
	in.Resource.Unknown = nil
	tree, err := c.program.Filter(&in)
	return err == nil && tree.Given(e.request.Resource.Properties).Op == filter.False
}

// mayPassUserPermissions is S9: it reports whether what fails only fails for being unknown.
func (e *evaluation) mayPassUserPermissions() bool {
	if e.action.class == v1alpha1.ClassCreate && !e.mayCreate() {
		return false
	}
	return !e.checkUserPermissions() ||
		!slices.ContainsFunc(e.decision.Violations, func(v Violation) bool { return v.Cause != CauseMissing })
}

// mayCreate reports whether a new record may be in Allowed(C): it needs a parent there.
func (e *evaluation) mayCreate() bool {
	for own := range e.restrictionsOn(e.domain, e.resourceType, e.action).own {
		if !e.mayCreateWithin(&own) {
			return false
		}
	}
	return true
}

func (e *evaluation) mayCreateWithin(own *restriction) bool {
	field := e.resourceType.parent
	if field == "" {
		return false
	}
	value, known := e.proposeUnknown(e.settable).Get(field)
	if !known {
		return true
	}
	id, ok := filter.LinkText(value)
	return ok && own.allowsBelow(e.domain, id)
}

// findSettable finds what presets may set of a record that an Update is about, where the record is unknown and therefore
// which cases will be live (S8).
func (e *evaluation) findSettable() {
	if e.unknown == nil || e.action.class != v1alpha1.ClassUpdate {
		return
	}
	e.settable = map[string]bool{}
	for i := range e.matched {
		for key := range e.matched[i].rule.presets {
			e.settable[key] = true
		}
		for _, preset := range e.matched[i].rule.computed {
			e.settable[preset.key] = true
		}
	}
}

// proposeUnknown is what would be stored (S8), as far as it is known: what is submitted, and for an Update the properties
// of the request that no preset may set.
func (e *evaluation) proposeUnknown(settable map[string]bool) expr.Properties {
	over := make(map[string]any, len(e.request.Resource.Properties)+len(e.submitted))
	if e.action.class == v1alpha1.ClassUpdate {
		maps.Copy(over, e.request.Resource.Properties)
	}
	for key := range settable {
		delete(over, key)
	}
	maps.Copy(over, e.submitted)
	return expr.Properties{Over: over, Unknown: e.unknown}
}
