package engine

import (
	"reflect"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// userPermissionsHold is S9: user permissions and strict link types restrict records, whatever granted the action.
func (e *evaluation) userPermissionsHold() bool {
	set := e.restrictionsOn(e.resourceType)
	if e.action.writes() && !set.any() {
		return false // it is not worth working out what would be stored
	}
	check := restrictionCheck{restrictions: set, domain: e.domain, trace: e.trace}
	id := e.request.Resource.ID
	switch e.action.class {
	case v1alpha1.ClassCreate:
		proposed := e.propose(e.presetsOf(e.matched))
		check.parent(id, proposed)
		check.properties(proposed, true)
	case v1alpha1.ClassUpdate:
		proposed := e.propose(e.presetsOf(e.matched))
		check.record(id)
		check.properties(e.stored(), false)
		check.properties(proposed, false)
		check.move(id, e.stored(), proposed)
	default:
		check.record(id)
		check.properties(e.stored(), false)
	}
	if len(check.violations) == 0 {
		return false
	}
	e.decision = check.denial()
	e.decision.StepUp = e.stepUp
	return true
}

// restrictionCheck holds records against restrictions and collects what fails.
type restrictionCheck struct {
	restrictions
	domain     *Domain
	trace      *trace
	violations []Violation
	missing    []string
	by         []Ref
}

// denial is the decision where something failed.
func (c *restrictionCheck) denial() Decision {
	return Decision{
		Reason: ReasonUserPermission, DecidedBy: sortRefs(c.by), Violations: c.violations, MissingProperties: sortedUnique(c.missing),
	}
}

func (c *restrictionCheck) fail(r *restriction, field string, value any, cause ViolationCause) {
	if cause == CauseMissing {
		c.missing = append(c.missing, field)
	}
	if len(c.by) == 0 {
		c.by = r.by()
	} else {
		c.by = append(c.by, r.by()...)
	}
	v := Violation{Field: field, Value: value, Allow: r.target, Cause: cause}
	for _, known := range c.violations {
		if reflect.DeepEqual(known, v) {
			return
		}
	}
	c.violations = append(c.violations, v)
	if c.trace != nil {
		c.traceViolation(r, v)
	}
}

// record checks the record itself: its id must be in Allowed(C).
func (c *restrictionCheck) record(id string) {
	if own, ok := c.restrictions.record(); ok && !own.allows(c.domain, id) {
		c.fail(&own, "id", id, CauseNotAllowed)
	}
}

// parent checks where a new record would stand in the tree.
func (c *restrictionCheck) parent(id string, proposed expr.Properties) {
	own, ok := c.restrictions.record()
	if !ok {
		return
	}
	field := c.on.parent
	if field == "" {
		c.fail(&own, "id", id, CauseNotAllowed)
		return
	}
	value, known := proposed.Get(field)
	if id, ok := filter.LinkText(value); ok && own.allowsBelow(c.domain, id) {
		return
	}
	cause := CauseNotAllowed
	if !known || isEmpty(value) {
		value, cause = nil, CauseEmpty
	}
	c.fail(&own, field, value, cause)
}

// move checks an Update that gives the record another parent: one that a Create could name.
func (c *restrictionCheck) move(id string, stored, proposed expr.Properties) {
	field := c.on.parent
	if field == "" {
		return
	}
	from, wasKnown := stored.Get(field)
	to, isKnown := proposed.Get(field)
	if wasKnown == isKnown && sameLink(from, to) {
		return
	}
	c.parent(id, proposed)
}

// sameLink reports whether two values name the same record, or none.
func sameLink(a, b any) bool {
	aText, aOK := filter.LinkText(a)
	bText, bOK := filter.LinkText(b)
	if aOK || bOK {
		return aOK && bOK && aText == bText
	}
	return isEmpty(a) && isEmpty(b) || reflect.DeepEqual(a, b)
}

// properties checks the link fields. For a Create, what is unknown is empty.
func (c *restrictionCheck) properties(p expr.Properties, create bool) {
	for r := range c.links {
		value, known := p.Get(r.link.path[0])
		if !known {
			c.value(&r, filter.Unknown, nil, create)
			continue
		}
		filter.WalkLink(value, r.link.path[1:], func(found filter.Found, value any) { c.value(&r, found, value, create) })
	}
}

// value checks what stands at one place of a link field.
func (c *restrictionCheck) value(r *restriction, found filter.Found, value any, create bool) {
	switch {
	case found == filter.Unknown && !create:
		c.fail(r, r.link.field, nil, CauseMissing)
	case found == filter.Unknown || found == filter.Empty:
		if r.deniesEmpty() {
			c.fail(r, r.link.field, nil, CauseEmpty)
		}
	default:
		id, ok := filter.LinkText(value)
		switch {
		case found == filter.AValue && ok && r.restricted && r.allows(c.domain, id):
		case r.restricted:
			c.fail(r, r.link.field, value, CauseNotAllowed)
		default:
			c.fail(r, r.link.field, value, CauseStrict)
		}
	}
}

func isEmpty(value any) bool { return value == nil || value == "" }
