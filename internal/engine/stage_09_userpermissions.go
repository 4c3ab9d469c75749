package engine

import (
	"reflect"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// checkUserPermissions is S9: user permissions and strict link types restrict records, whatever granted the action.
func (e *evaluation) checkUserPermissions() bool {
	set := e.restrictionsOn(e.domain, e.resourceType, e.action)
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
	if d.violated(v) && c.trace != nil {
		c.traceViolation(r, v)
	}
}

// violated adds a violation; false if it is there already.
func (d *Decision) violated(v Violation) bool {
	for i := range d.Violations {
		if reflect.DeepEqual(d.Violations[i], v) {
			return false
		}
	}
	d.Violations = append(d.Violations, v)
	return true
}

// settleDenial turns the violations into a denial with the reason user_permission.
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
		if !ok || r.link == nil || r.link.by != "" {
			continue
		}
		value, known := c.look(&p, r.link.path[0])
		if !known {
			c.value(d, &r, filter.Unknown, nil, create)
			continue
		}
		filter.WalkLink(value, r.link.path[1:], func(found filter.Found, value any) { c.value(d, &r, found, value, create) })
	}
	if !c.restrictsDynamic() {
		return
	}
	for k, i := range c.on.dynamic {
		dynamic := dynamicCheck{c, d, k, &c.on.links[i], create && !c.unknown}
		dynamic.properties(&p)
	}
}

// look gives a property, of the RecordSet too, which is looked at only now.
func (c *restrictionCheck) look(p *expr.Properties, name string) (value any, known bool) {
	value, known = p.Get(name)
	if !known && c.unread != "" {
		p.Base, c.unread = c.domain.storedRecord(c.on, c.unread), ""
		value, known = p.Get(name)
	}
	return value, known
}

// dynamicCheck holds the values of a dynamic link, of which some type is restricted, against the restrictions of the types
// that stand beside them.
type dynamicCheck struct {
	*restrictionCheck
	decision *Decision
	k        int // which dynamic link
	link     *link
	// create means that what is unknown is empty.
	create bool
}

// properties checks all values of the link.
func (c dynamicCheck) properties(p *expr.Properties) {
	path := c.link.path
	value, known := c.look(p, path[0])
	if len(path) == 1 {
		by, typed := c.look(p, c.link.by)
		c.beside(value, known, by, typed)
		return
	}
	if !known {
		c.beside(nil, false, nil, false)
		return
	}
	last := len(path) - 1
	filter.WalkLink(value, path[1:last], func(found filter.Found, holder any) {
		object, isObject := holder.(map[string]any)
		switch {
		case found == filter.Unknown:
			c.beside(nil, false, nil, false)
		case found == filter.Empty:
			c.beside(nil, true, nil, true)
		case !isObject:
			c.failAny(c.link.field, holder, CauseNotAllowed)
		default:
			value, known := object[path[last]]
			by, typed := object[c.link.by]
			c.beside(value, known, by, typed)
		}
	})
}

// beside checks what stands at one place of the link, with the type beside it.
func (c dynamicCheck) beside(value any, known bool, by any, typed bool) {
	if !known {
		found := filter.Unknown
		if c.create {
			found = filter.Empty
		}
		c.value(found, nil, by, typed || c.create)
		return
	}
	filter.WalkLink(value, nil, func(found filter.Found, value any) { c.value(found, value, by, typed || c.create) })
}

func (c dynamicCheck) value(found filter.Found, value, by any, typed bool) {
	name, isText := by.(string)
	switch {
	case !typed:
		path := append(slices.Clone(c.link.path[:len(c.link.path)-1]), c.link.by)
		c.failAny(strings.Join(path, "."), nil, CauseMissing)
	case isEmpty(by) && found == filter.Empty:
	case isEmpty(by) && found == filter.Unknown:
		c.failAny(c.link.field, nil, CauseMissing)
	case isEmpty(by) || !isText:
		c.failAny(c.link.field, value, CauseNotAllowed)
	default:
		for r := range c.dynamicTo(c.k, name) {
			c.restrictionCheck.value(c.decision, &r, found, value, c.create)
		}
	}
}

// failAny adds a value that may be a record of any type, so that every restriction may forbid it. looked is what is missing
// with CauseMissing.
func (c dynamicCheck) failAny(looked string, value any, cause ViolationCause) {
	if cause == CauseMissing {
		c.decision.MissingProperties = append(c.decision.MissingProperties, looked)
	}
	v := Violation{Field: c.link.field, Value: value, Allow: v1alpha1.Any, Cause: cause}
	isNew := c.decision.violated(v)
	for r := range c.dynamicToAny(c.k) {
		c.decision.DecidedBy = r.appendBy(c.decision.DecidedBy)
		if isNew && c.trace != nil {
			c.traceViolation(&r, v)
		}
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
