package engine

import (
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// quick decides the most frequent requests without going through the stages: a Read, a Delete, or an Update that
// nothing but conditions looks at, of a user about whom nothing but rules and user permissions has anything to say.
// The answer is that of the stages: see each step for those that it stands for. Where a user permission denies, it
// gives the refusal instead. It gives neither for all other requests – every Create, and everything about superusers,
// admins, staff, special permissions, roles with restrictions, presets and validations – and wherever a step is not
// sure. The stages need not look again for what it found.
func (d *Domain) quick(req *Request, now time.Time, f *found) (*Decision, *refusal) {
	// S2, S3: a user, in groups that list it.
	if req.Subject.Type == AnonymousType || !d.policy.isUser(req.Subject.Type) {
		return nil, nil
	}
	if len(d.external) > 0 && len(req.Subject.Properties) > 0 || len(d.conditional) > 0 {
		return nil, nil
	}
	u, _ := d.users.get(req.Subject.ID)
	f.named, f.looked = u, true
	if u != nil && u.special { // S2, S4, S6
		return nil, nil
	}
	seconds := now.Unix()
	p := d.profileOf(u, seconds)
	if p.admin || p.restricted { // S3, S4
		return nil, nil
	}
	// S1, S5, S7: what all with this profile are given.
	g := p.given.find(req.Resource.Type, req.Action.Name)
	if g == nil {
		t := d.typeIndex[req.Resource.Type]
		if t == nil {
			return nil, nil
		}
		a := t.actions[req.Action.Name]
		if f.resourceType, f.action = t, a; a == nil {
			return nil, nil
		}
		g = p.giving(t, a)
	}
	f.resourceType, f.action = g.resourceType, g.action
	if !g.quick {
		return nil, nil
	}
	answer := g.always // S8
	if answer == nil {
		if answer = g.where(d, req, u); answer == nil {
			return nil, nil
		}
	}
	if answer.Allow {
		if u != nil && len(u.restrictions) > 0 || len(p.restrictions) > 0 || d.policy.spec.StrictUserPermissions && len(g.resourceType.links) > 0 {
			if refused, sure := d.quickUserPermissions(req, g, u, p, seconds); !sure || refused != nil { // S9
				return nil, refused
			}
		}
		// S10: what the request names may be more than what is covered.
		if len(req.Action.Properties) > 0 && !coversEverything(answer.Fields) && g.action.class != v1alpha1.ClassDelete {
			return nil, nil
		}
	}
	return answer, nil
}

// found is what a request names, as far as it has been looked for.
type found struct {
	resourceType *resourceType
	action       *action
	named        *user // nil: nobody, if it was looked for
	looked       bool
}

func coversEverything(fields []string) bool { return len(fields) == 1 && fields[0] == v1alpha1.Any }
