package engine

import (
	"reflect"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// checkUserPermissions is S9: user permissions and strict link types restrict records, whatever granted the action.
func (e *evaluation) checkUserPermissions() bool {
	set := e.restrictionsOn(e.resourceType, e.action)
	if e.action.writes() && !set.any() {
		return false // it is not worth working out what would be stored
	}
	check := restrictionCheck{restrictions: set, domain: e.domain, trace: e.trace, unknown: e.unknown != nil}
	id := e.request.Resource.ID
	switch d := &e.decision; e.action.class {
	case v1alpha1.ClassCreate:
		proposed := e.propose(e.presetsOf(e.matched))
		check.parent(d, id, proposed)
		check.properties(d, proposed, true)
	case v1alpha1.ClassUpdate:
		proposed := e.propose(e.presetsOf(e.matched))
		check.record(d, id)
		check.properties(d, e.stored(), false)
		check.properties(d, proposed, false)
		check.move(d, id, e.stored(), proposed)
	default:
		check.record(d, id)
		check.properties(d, e.stored(), false)
	}
	if len(e.decision.Violations) == 0 {
		return false
	}
	e.decision.settleDenial()
	e.decision.StepUp = e.stepUp
	return true
}

// restrictionCheck holds records against restrictions. Its checks add what fails to a decision.
type restrictionCheck struct {
	restrictions
	domain *Domain
	trace  *trace
	// unread is the id of a record whose RecordSet has not been looked at, because nothing needs it yet; empty: none.
	unread string
	// unknown means that the record is unknown: the question is about every record of the type.
	unknown bool
}

// fail adds a value that the restriction does not let pass.
func (c *restrictionCheck) fail(d *Decision, r *restriction, field string, value any, cause ViolationCause) {
	if d.Violations == nil {
		// Most often one user permission refuses one field: memory for that, in one piece.
		var one struct {
			violation [1]Violation
			ref       [1]Ref
		}
		d.Violations, d.DecidedBy = one.violation[:0], one.ref[:0]
	}
	if cause == CauseMissing && r.link != nil { // the id is no property
		d.MissingProperties = append(d.MissingProperties, field)
	}
	d.DecidedBy = r.appendBy(d.DecidedBy)
	v := Violation{Field: field, Value: value, Allow: r.target(), Cause: cause}
	for i := range d.Violations {
		if reflect.DeepEqual(d.Violations[i], v) {
			return
		}
	}
	d.Violations = append(d.Violations, v)
	if c.trace != nil {
		c.traceViolation(r, v)
	}
}

// settleDenial makes a decision of what failed.
func (d *Decision) settleDenial() {
	d.Reason = ReasonUserPermission
	d.MissingProperties = sortedUnique(d.MissingProperties)
	if len(d.DecidedBy) > 1 {
		d.DecidedBy = sortRefs(d.DecidedBy)
	}
}

// record checks the record itself: its id must be in Allowed(C).
func (c *restrictionCheck) record(d *Decision, id string) {
	for i := 0; i < c.len(); i += c.places() {
		own, ok := c.place(i)
		switch {
		case !ok:
		case c.unknown:
			c.fail(d, &own, "id", nil, CauseMissing)
		case !own.allows(c.domain, id):
			c.fail(d, &own, "id", id, CauseNotAllowed)
		}
	}
}

// parent checks where a new record would stand in the tree.
func (c *restrictionCheck) parent(d *Decision, id string, proposed expr.Properties) {
	for own := range c.own {
		c.parentOf(d, &own, id, proposed)
	}
}

func (c *restrictionCheck) parentOf(d *Decision, own *restriction, id string, proposed expr.Properties) {
	if c.unknown {
		c.fail(d, own, "id", nil, CauseMissing)
		return
	}
	field := c.on.parent
	if field == "" {
		c.fail(d, own, "id", id, CauseNotAllowed)
		return
	}
	value, known := proposed.Get(field)
	parent, ok := filter.LinkText(value)
	switch {
	case ok && own.allowsBelow(c.domain, parent):
	case !known || isEmpty(value):
		c.fail(d, own, field, nil, CauseEmpty)
	default:
		c.fail(d, own, field, value, CauseNotAllowed)
	}
}

// move checks an Update that gives the record another parent: one that a Create could name.
func (c *restrictionCheck) move(d *Decision, id string, stored, proposed expr.Properties) {
	field := c.on.parent
	if field == "" {
		return
	}
	from, wasKnown := stored.Get(field)
	to, isKnown := proposed.Get(field)
	if wasKnown != isKnown || !sameLink(from, to) {
		c.parent(d, id, proposed)
	}
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
func (c *restrictionCheck) properties(d *Decision, p expr.Properties, create bool) {
	for i := 1; i < c.len(); i++ {
		r, ok := c.place(i)
		if !ok || r.link == nil {
			continue
		}
		value, known := p.Get(r.link.path[0])
		if !known && c.unread != "" {
			p.Base, c.unread = c.domain.storedRecord(c.on, c.unread), ""
			value, known = p.Get(r.link.path[0])
		}
		if !known {
			c.value(d, &r, filter.Unknown, nil, create)
			continue
		}
		filter.WalkLink(value, r.link.path[1:], func(found filter.Found, value any) { c.value(d, &r, found, value, create) })
	}
}

// value checks what stands at one place of a link field.
func (c *restrictionCheck) value(d *Decision, r *restriction, found filter.Found, value any, create bool) {
	switch {
	case found == filter.Unknown && (!create || c.unknown):
		c.fail(d, r, r.link.field, nil, CauseMissing)
	case found == filter.Unknown || found == filter.Empty:
		if r.deniesEmpty() {
			c.fail(d, r, r.link.field, nil, CauseEmpty)
		}
	default:
		id, ok := filter.LinkText(value)
		switch {
		case found == filter.AValue && ok && r.allows(c.domain, id):
		case r.first != nil:
			c.fail(d, r, r.link.field, value, CauseNotAllowed)
		default:
			c.fail(d, r, r.link.field, value, CauseStrict)
		}
	}
}

func isEmpty(value any) bool { return value == nil || value == "" }
