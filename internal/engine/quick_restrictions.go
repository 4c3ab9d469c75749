package engine

import (
	"github.com/remit-authz/remit/api/v1alpha1"
)

// quickCheck is S9 for a request that stores nothing new: what a Read, a Delete, and an Update that submits nothing and
// presets nothing say about the stored properties. It is sure where every value that is restricted is a text, and at
// most one is not allowed.
type quickCheck struct {
	domain        *Domain
	request       *Request
	resourceType  *resourceType
	own, ofGroups []*userPermission
	now           int64
}

// verdict is what a quick check comes to.
type verdict int

const (
	quickUnsure verdict = iota
	quickPasses
	quickDenies // the decision is made
)

func (c *quickCheck) userPermissions(decision *Decision) verdict {
	t := c.resourceType
	failed := Violation{}
	if c.restricted(t.name) && !c.allowed(t.name, c.request.Resource.ID) {
		failed = Violation{Field: "id", Value: c.request.Resource.ID, Allow: t.name, Cause: CauseNotAllowed}
	}
	for i := range t.links {
		l := &t.links[i]
		if l.ignored || l.parent {
			continue
		}
		if !c.restricted(l.target) {
			if c.domain.policy.strict(l.target) {
				return quickUnsure
			}
			continue
		}
		value := c.request.Resource.Properties[l.path[0]]
		id, isText := value.(string)
		if len(l.path) > 1 || !isText || id == "" {
			return quickUnsure
		}
		if c.allowed(l.target, id) {
			continue
		}
		if failed.Field != "" {
			return quickUnsure
		}
		failed = Violation{Field: l.field, Value: value, Allow: l.target, Cause: CauseNotAllowed}
	}
	if failed.Field == "" {
		return quickPasses
	}
	c.deny(failed, decision)
	return quickDenies
}

// acts says whether a user permission is for a type of link, and restricts this request (S9).
func (c *quickCheck) acts(p *userPermission, allow string) bool {
	return p.allow == allow && p.actsOn(c.resourceType.name) && p.window.inForce(c.now)
}

func (c *quickCheck) restricted(allow string) bool {
	for _, p := range c.own {
		if c.acts(p, allow) {
			return true
		}
	}
	for _, p := range c.ofGroups {
		if c.acts(p, allow) {
			return true
		}
	}
	return false
}

// allowed says whether a record is in Allowed(T).
func (c *quickCheck) allowed(allow, id string) bool {
	of, _ := c.domain.records.get(allow)
	for _, list := range [...][]*userPermission{c.own, c.ofGroups} {
		for _, p := range list {
			if c.acts(p, allow) && (p.names(id) || !p.hideDescendants && of.below(id, p)) {
				return true
			}
		}
	}
	return false
}

// deny makes the decision; one permission, which is usual, takes one allocation.
func (c *quickCheck) deny(failed Violation, decision *Decision) {
	one := &struct {
		by         [1]Ref
		violations [1]Violation
	}{violations: [1]Violation{failed}}
	by := one.by[:0]
	for _, list := range [...][]*userPermission{c.own, c.ofGroups} {
		for _, p := range list {
			if c.acts(p, failed.Allow) {
				by = append(by, p.ref)
			}
		}
	}
	*decision = Decision{Reason: ReasonUserPermission, DecidedBy: sortRefs(by), Violations: one.violations[:]}
}

// submits says whether an Update gives values.
func submits(req *Request, a *action) bool {
	if a.class != v1alpha1.ClassUpdate {
		return false
	}
	values, _ := req.Action.Properties["values"].(map[string]any)
	return len(values) > 0
}

// below says whether a user permission names any record above one.
func (r *records) below(id string, p *userPermission) bool {
	found := false
	r.ancestors(id, func(ancestor string) bool { found = p.names(ancestor); return found })
	return found
}
