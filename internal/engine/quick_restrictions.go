package engine

import (
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// quickCheck is S9 for a request that stores nothing new: what a Read, a Delete, and an Update that submits nothing and
// presets nothing say about the stored properties. It is sure where every value that is restricted is a text, and at
// most one is not allowed, by the only user permission for its type.
type quickCheck struct {
	domain        *Domain
	resourceType  *resourceType
	own, ofGroups []*userPermission
	now           int64
}

// refusal is a denial with what it has to say, in one piece.
type refusal struct {
	by         [1]Ref
	violations [1]Violation
}

func (r *refusal) decision() Decision {
	return Decision{Reason: ReasonUserPermission, DecidedBy: r.by[:], Violations: r.violations[:]}
}

// quickUserPermissions gives a refusal where there is something to refuse.
func (d *Domain) quickUserPermissions(req *Request, g *given, u *user, p *profile, now int64) (refused *refusal, sure bool) {
	if submits(req, g.action) {
		return nil, false
	}
	var c quickCheck
	c.domain, c.resourceType, c.ofGroups, c.now = d, g.resourceType, p.restrictions, now
	if u != nil {
		c.own = u.restrictions
	}
	t := g.resourceType
	if first, more := c.restricting(t.name); first != nil && !c.allows(first, more, req.Resource.ID) {
		if more {
			return nil, false
		}
		refused = first.refuse("id", req.Resource.ID)
	}
	for i := range t.links {
		l := &t.links[i]
		if l.ignored || l.parent {
			continue
		}
		first, more := c.restricting(l.target)
		if first == nil {
			if c.domain.policy.strict(l.target) {
				return nil, false
			}
			continue
		}
		value := req.Resource.Properties[l.path[0]]
		id, isText := value.(string)
		if len(l.path) > 1 || !isText || id == "" {
			return nil, false
		}
		if c.allows(first, more, id) {
			continue
		}
		if more || refused != nil {
			return nil, false
		}
		refused = first.refuse(l.field, value)
	}
	return refused, true
}

// restricting finds the first user permission for a type that restricts this request, and says whether there are more.
func (c *quickCheck) restricting(allow string) (first *userPermission, more bool) {
	for _, p := range c.own {
		if c.acts(p, allow) {
			if first != nil {
				return first, true
			}
			first = p
		}
	}
	for _, p := range c.ofGroups {
		if c.acts(p, allow) {
			if first != nil {
				return first, true
			}
			first = p
		}
	}
	return first, false
}

func (c *quickCheck) acts(p *userPermission, allow string) bool {
	return p.allow == allow && p.actsOn(c.resourceType.name) && p.window.inForce(c.now)
}

// allows says whether a record is in Allowed(T) by the first user permission, or one of the others if there are more.
func (c *quickCheck) allows(first *userPermission, more bool, id string) bool {
	if first.allows(c.domain, id) {
		return true
	}
	other := func(p *userPermission) bool { return c.acts(p, first.allow) && p.allows(c.domain, id) }
	return more && (slices.ContainsFunc(c.own, other) || slices.ContainsFunc(c.ofGroups, other))
}

func (p *userPermission) refuse(field string, value any) *refusal {
	var r refusal
	r.by[0] = p.ref()
	v := &r.violations[0]
	v.Field, v.Value, v.Allow, v.Cause = field, value, p.allow, CauseNotAllowed
	return &r
}

// submits says whether an Update gives values.
func submits(req *Request, a *action) bool {
	if a.class != v1alpha1.ClassUpdate {
		return false
	}
	values, _ := req.Action.Properties["values"].(map[string]any)
	return len(values) > 0
}

// allows says whether a record is one of the values of a user permission or, unless it hides them, below one.
func (p *userPermission) allows(d *Domain, id string) bool {
	if p.hideDescendants || len(p.values) > fewValues {
		of, _ := d.records.get(p.allow)
		return p.names(id) || !p.hideDescendants && of.below(id, p.names)
	}
	roots := p.rootsIn(d)
	current := roots.of.get(id)
	if current == nil {
		return p.names(id)
	}
	if slices.Contains(roots.records, current) {
		return true
	}
	mark, steps := current, 0 // as in ancestors
	for {
		for _, next := range &roots.of.above(current).records {
			if next == nil {
				return current.parent != "" && p.names(current.parent) // which is in no set
			}
			for _, root := range roots.records {
				if next == root {
					return true
				}
			}
			current = next
		}
		if current == mark {
			return false
		}
		if steps++; steps&(steps-1) == 0 {
			mark = current
		}
	}
}

// roots are the records that a user permission names, in one state of the RecordSets.
type roots struct {
	state   uint64
	of      *records
	records []*record
}

// rootsIn finds the roots; the user permission remembers them for as long as no record changes.
func (p *userPermission) rootsIn(d *Domain) *roots {
	if last := p.roots.Load(); last != nil && last.state == d.recordState {
		return last
	}
	found := &roots{state: d.recordState}
	found.of, _ = d.records.get(p.allow)
	for _, value := range p.values {
		if r := found.of.get(value); r != nil {
			found.records = append(found.records, r)
		}
	}
	p.roots.Store(found)
	return found
}

// below says whether a record above one is such.
func (r *records) below(id string, such func(id string) bool) bool {
	found := false
	r.ancestors(id, func(ancestor string) bool { found = such(ancestor); return found })
	return found
}
