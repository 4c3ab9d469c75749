package engine

import (
	"slices"
	"time"
)

// quick decides the most frequent requests without going through the stages: those where no stage but S7 has a say. The
// answer is theirs. It is false for all other requests, such as every Create and Update, and everything about
// superusers, admins, staff, special permissions, roles with restrictions, conditions, fields and user permissions; the
// stages need not look again for what it found.
func (d *Domain) quick(req *Request, now time.Time, f *found) (*Decision, bool) {
	t := d.typeIndex[req.Resource.Type]
	if t == nil {
		return nil, false
	}
	a := t.actions[req.Action.Name]
	f.resourceType, f.action = t, a
	if a == nil || a.writes() || t.staffOnly || t.unrestricted {
		return nil, false
	}
	if len(d.external) > 0 || len(d.conditional) > 0 || req.Subject.Type == AnonymousType || !d.policy.isUser(req.Subject.Type) {
		return nil, false
	}
	u, _ := d.users.get(req.Subject.ID)
	f.named, f.looked = u, true
	if u != nil {
		if account := u.account(); len(u.exceptions) > 0 || account != nil && (account.disabled || account.superuser) {
			return nil, false
		}
	}
	p := d.profileOf(u, now.Unix())
	if p.admin || p.restricted {
		return nil, false
	}
	g := p.giving(t, a)
	if !g.plain || d.policy.spec.StrictUserPermissions && len(t.links) > 0 {
		return nil, false
	}
	concerns := func(p *userPermission) bool { return p.concerns(t) }
	if u != nil && slices.ContainsFunc(u.restrictions, concerns) || slices.ContainsFunc(p.restrictions, concerns) {
		return nil, false
	}
	return &g.decision, true
}

// found is what a request names, as far as it has been looked for.
type found struct {
	resourceType *resourceType
	action       *action
	named        *user // nil: nobody, if it was looked for
	looked       bool
}

// concerns says whether the permission may restrict requests about a type, at any time (S9).
func (p *userPermission) concerns(t *resourceType) bool {
	return p.actsOn(t.name) &&
		(p.allow == t.name || slices.ContainsFunc(t.links, func(l link) bool { return l.target == p.allow }))
}
