package engine

import (
	"iter"
	"reflect"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// userPermissions is S9: user permissions and strict link types restrict records, whatever gave the case.
func (e *evaluation) userPermissions() bool {
	check := restrictionCheck{evaluation: e}
	switch e.action.class {
	case v1alpha1.ClassCreate:
		if !check.needed() {
			return false
		}
		proposed := e.propose(e.presetsOf(e.cases))
		check.parent(proposed)
		check.links(proposed, true)
	case v1alpha1.ClassUpdate:
		if !check.needed() {
			return false
		}
		proposed := e.propose(e.presetsOf(e.cases))
		check.record()
		check.links(e.stored(), false)
		check.links(proposed, false)
		check.move(e.stored(), proposed)
	default:
		check.record()
		check.links(e.stored(), false)
	}
	if len(check.violations) == 0 {
		return false
	}
	e.decision.Violations = check.violations
	e.decision.MissingProperties = sortedUnique(check.missing)
	return e.deny(ReasonUserPermission, sortRefs(check.by)...)
}

// restrictions yields the user permissions for a type of link that act on the type of the request, in
// force: the user's own by name, then those of its groups by name (S9).
func (e *evaluation) restrictions(allow string) iter.Seq[*userPermission] {
	return e.standing.restrictions(allow, e.resourceType.name)
}

func (s *standing) restrictions(allow, on string) iter.Seq[*userPermission] {
	return func(yield func(*userPermission) bool) {
		if s.user != nil {
			for _, p := range s.user.restrictions {
				if p.allow == allow && p.actsOn(on) && p.window.inForce(s.at) && !yield(p) {
					return
				}
			}
		}
		for _, p := range s.profile.restrictions {
			if p.allow == allow && p.actsOn(on) && p.window.inForce(s.at) && !yield(p) {
				return
			}
		}
	}
}

// restrictionCheck collects what fails.
type restrictionCheck struct {
	*evaluation
	violations []Violation
	missing    []string
	by         []Ref
}

// needed says whether anything restricts requests about this type, so that it is worth proposing.
func (c *restrictionCheck) needed() bool {
	if c.restricted(c.resourceType.name) {
		return true
	}
	for _, l := range c.resourceType.links {
		if !l.ignored && !l.parent && (c.restricted(l.target) || c.policy.strict(l.target)) {
			return true
		}
	}
	return false
}

// restricted says whether there are user permissions for a type of link: UP(T) is not empty.
func (c *restrictionCheck) restricted(allow string) bool {
	for range c.restrictions(allow) {
		return true
	}
	return false
}

// allowed says whether a record is in Allowed(T). With parent, only permissions that do not hide descendants
// count: those that a new record could stand under.
func (c *restrictionCheck) allowed(allow, id string, parent bool) bool {
	of, _ := c.domain.records.get(allow)
	for p := range c.restrictions(allow) {
		if parent && p.hideDescendants {
			continue
		}
		if p.names(id) {
			return true
		}
		if p.hideDescendants {
			continue
		}
		below := false
		of.ancestors(id, func(ancestor string) bool { below = p.names(ancestor); return below })
		if below {
			return true
		}
	}
	return false
}

func (c *restrictionCheck) fail(field string, value any, allow string, cause ViolationCause) {
	if cause == CauseMissing {
		c.missing = append(c.missing, field)
	}
	if !c.restricted(allow) {
		c.by = append(c.by, PolicyRef) // it is strict
	}
	for p := range c.restrictions(allow) {
		c.by = append(c.by, p.ref())
	}
	v := Violation{Field: field, Value: value, Allow: allow, Cause: cause}
	for _, known := range c.violations {
		if reflect.DeepEqual(known, v) {
			return
		}
	}
	c.violations = append(c.violations, v)
	if c.trace != nil {
		c.traceViolation(v)
	}
}

// record checks the record itself: resource.id must be in Allowed(C).
func (c *restrictionCheck) record() {
	own := c.resourceType.name
	if c.restricted(own) && !c.allowed(own, c.request.Resource.ID, false) {
		c.fail("id", c.request.Resource.ID, own, CauseNotAllowed)
	}
}

// parent checks where a new record would stand in the tree.
func (c *restrictionCheck) parent(proposed expr.Properties) {
	own := c.resourceType.name
	if !c.restricted(own) {
		return
	}
	field := c.resourceType.parent
	if field == "" {
		c.fail("id", c.request.Resource.ID, own, CauseNotAllowed)
		return
	}
	value, known := proposed.Get(field)
	if id, ok := filter.LinkText(value); ok && c.allowed(own, id, true) {
		return
	}
	cause := CauseNotAllowed
	if !known || isEmpty(value) {
		value, cause = nil, CauseEmpty
	}
	c.fail(field, value, own, cause)
}

// move checks an Update that gives the record another parent: one that a Create could name.
func (c *restrictionCheck) move(stored, proposed expr.Properties) {
	field := c.resourceType.parent
	if field == "" {
		return
	}
	from, wasKnown := stored.Get(field)
	to, isKnown := proposed.Get(field)
	if wasKnown == isKnown && sameLink(from, to) {
		return
	}
	c.parent(proposed)
}

// sameLink says whether two values name the same record, or none.
func sameLink(a, b any) bool {
	aText, aOK := filter.LinkText(a)
	bText, bOK := filter.LinkText(b)
	if aOK || bOK {
		return aOK && bOK && aText == bText
	}
	return isEmpty(a) && isEmpty(b) || reflect.DeepEqual(a, b)
}

// links checks every declared link field. For a Create, what is unknown is empty.
func (c *restrictionCheck) links(p expr.Properties, create bool) {
	for i := range c.resourceType.links {
		l := &c.resourceType.links[i]
		if l.ignored || l.parent {
			continue
		}
		restricted, strict := c.restricted(l.target), c.policy.strict(l.target)
		if !restricted && !strict {
			continue
		}
		value, known := p.Get(l.path[0])
		if !known {
			c.unknown(l, create)
			continue
		}
		filter.WalkLink(value, l.path[1:], func(found filter.Found, value any) {
			switch found {
			case filter.Empty:
				c.empty(l)
			case filter.Unknown:
				c.unknown(l, create)
			case filter.Astray:
				c.fail(l.field, value, l.target, notAllowed(restricted))
			case filter.AValue:
				id, ok := filter.LinkText(value)
				if !ok || !restricted || !c.allowed(l.target, id, false) {
					c.fail(l.field, value, l.target, notAllowed(restricted))
				}
			}
		})
	}
}

// notAllowed is the cause of a value that fails: without user permissions it is strictness.
func notAllowed(restricted bool) ViolationCause {
	if restricted {
		return CauseNotAllowed
	}
	return CauseStrict
}

func (c *restrictionCheck) unknown(l *link, create bool) {
	if create {
		c.empty(l)
		return
	}
	c.fail(l.field, nil, l.target, CauseMissing)
}

func (c *restrictionCheck) empty(l *link) {
	if c.policy.deniesEmpty(l.target) {
		c.fail(l.field, nil, l.target, CauseEmpty)
	}
}

func isEmpty(value any) bool { return value == nil || value == "" }
