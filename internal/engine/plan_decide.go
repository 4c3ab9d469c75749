package engine

import (
	"sync"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// decideByPlan decides the most frequent requests by a plan (see plan) instead of the stages: a Read, a Delete, or an
// Update that submits and presets nothing, of a user about whom nothing but rules and user permissions has anything to
// say. It reports whether it has decided: not for all other requests, and not wherever
// the plan is not sure. The stages need not look up again what it found.
func (d *Domain) decideByPlan(req *Request, now time.Time, found *lookup, decision *Decision) bool {
	if req.Resource.ID == "" || d.terminating {
		return false // a question about every record, or S0
	}
	// S2, S3: a user, in groups that list it.
	if req.Subject.Type == AnonymousType || !d.policy.isUser(req.Subject.Type) {
		return false
	}
	if len(d.external) > 0 && len(req.Subject.Properties) > 0 || len(d.conditional) > 0 {
		return false
	}
	u, _ := d.users.get(req.Subject.ID)
	found.named, found.looked = u, true
	if u != nil && u.exceptional { // S2, S4, S6
		return false
	}
	at := now.Unix()
	roles := d.roleSetOf(u, at)
	if roles.admin || roles.restricted { // S3, S4
		return false
	}
	// S1, S5, S7: what the role set is granted.
	p := roles.plans.find(req.Resource.Type, req.Action.Name)
	if p == nil {
		t := d.typeIndex[req.Resource.Type]
		if t == nil {
			return false
		}
		a := t.actions[req.Action.Name]
		if found.resourceType, found.action = t, a; a == nil {
			return false
		}
		p = roles.planFor(t, a)
	}
	found.resourceType, found.action = p.resourceType, p.action
	if !p.complete {
		return false
	}
	answer := p.always // S8
	if answer == nil {
		if answer = p.answerTo(d, req, u, now); answer == nil {
			return false
		}
	}
	if !answer.Allow {
		*decision = *answer
		return true
	}
	if u != nil && len(u.permissions) > 0 || len(roles.permissions) > 0 || d.policy.spec.StrictUserPermissions && len(p.resourceType.links) > 0 {
		if submits(req, p.action) {
			return false
		}
		if d.violatesRestrictions(req, u, roles, p, at, decision) { // S9
			return true
		}
	}
	// S10: what the request names may be more than what is covered.
	if len(req.Action.Properties) > 0 && p.action.class != v1alpha1.ClassDelete && (len(answer.Fields) != 1 || answer.Fields[0] != v1alpha1.Any || len(answer.ExceptFields) > 0) {
		return false
	}
	*decision = *answer
	return true
}

// principals are for reuse: user permissions remember roots, so that the compiler takes all that refers to them for
// something that outlives the decision.
var principals = sync.Pool{New: func() any { return new(principal) }}

// violatesRestrictions is S9 for a request that stores nothing new; where something fails, the decision is made.
func (d *Domain) violatesRestrictions(req *Request, u *user, roles *roleSet, p *plan, at int64, decision *Decision) bool {
	who, _ := principals.Get().(*principal)
	*who = principal{user: u, roleSet: roles, at: at, policy: d.policy}
	defer principals.Put(who)
	check := restrictionCheck{restrictions: who.restrictionsOn(d, p.resourceType, p.action), domain: d, unread: req.Resource.ID}
	check.record(decision, req.Resource.ID)
	check.properties(decision, expr.Properties{Over: req.Resource.Properties}, false)
	if len(decision.Violations) == 0 {
		return false
	}
	decision.settleDenial()
	return true
}

// submits reports whether an Update gives values.
func submits(req *Request, a *action) bool {
	if a.class != v1alpha1.ClassUpdate {
		return false
	}
	values, _ := req.Action.Properties["values"].(map[string]any)
	return len(values) > 0
}
