package engine

import (
	"errors"
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// Census counts the domain's users as of one moment. Objects that nobody has are not in the maps.
type Census struct {
	// Users known; Admins among them that are not disabled and may do everything (A2).
	Users, Admins int
	// RoleUsers are known users that hold a role, directly or through groups; RoleGroups groups that give it.
	RoleUsers, RoleGroups map[string]int
	// GroupMembers are known users in a group, by any way but group claims.
	GroupMembers map[string]int
	// Costly are groups whose memberCondition costs more than there is for a user, which then has no effective permissions:
	// for each group the first such user.
	Costly map[string]string
}

// errUncounted ends memberConditions when those of other users have cost all that there is.
var errUncounted = errors.New("the memberConditions of all users together cost too much to be counted")

// Census counts as of now. It looks at every known user. What memberConditions that cost too much for all users together
// would add is not counted.
func (d *Domain) Census(now time.Time) *Census {
	c := &Census{RoleUsers: map[string]int{}, RoleGroups: map[string]int{}, GroupMembers: map[string]int{}, Costly: map[string]string{}}
	users := d.users.all()
	if len(d.conditional) > 0 {
		users = d.users.sorted() // or it would be chance what is counted within the budget
	}
	left := expr.RequestLimit
	for id := range users {
		budget := expr.Budget{Limit: expr.CostLimit}
		if left <= 0 {
			budget.Interrupt = func() error { return errUncounted }
		}
		e := d.principalWithin(&budget, id, now)
		if over := (*BudgetError)(nil); errors.As(budget.Err(), &over) {
			c.costly(d, over.Program, id)
		}
		left -= budget.Spent()
		c.Users++
		if e.isAdmin() {
			c.Admins++
		}
		for i := range e.roles {
			c.RoleUsers[e.roles[i].role.ref.Name]++
		}
		for _, g := range e.groups {
			c.GroupMembers[g.ref.Name]++
		}
		e.release()
	}
	for _, g := range d.groups.all() {
		for _, ref := range g.roles {
			if ref.window.inForce(now.Unix()) && d.role(ref.name) != nil {
				c.RoleGroups[ref.name]++
			}
		}
	}
	return c
}

// costly notes the groups with a memberCondition that cost too much for a user.
func (c *Census) costly(d *Domain, program *expr.Program, user string) {
	for _, g := range d.conditional {
		if _, known := c.Costly[g.ref.Name]; !known && g.condition.program == program {
			c.Costly[g.ref.Name] = user
		}
	}
}

// RestrictedUsers is how many of the users a user permission of the domain restricts: the one that it names, or the
// members of its group, while it is in force.
func (c *Census) RestrictedUsers(p *v1alpha1.UserPermission, now time.Time) int {
	switch {
	case !compileWindow(p.Spec.TimeWindow).inForce(now.Unix()):
		return 0
	case p.Spec.User != "":
		return 1
	}
	return c.GroupMembers[string(p.Spec.Group)]
}

// Admins are the known users, sorted, that are not disabled and are superuser or hold a role with
// adminAccess as of now, whatever its restrictions (A2).
func (d *Domain) Admins(now time.Time) []string {
	var admins []string
	search := d.adminSearch(now)
	for id := range d.users.all() {
		if search.isAdmin(id) {
			admins = append(admins, id)
		}
	}
	slices.Sort(admins)
	return admins
}

// HasAdmin reports whether there is any of the Admins.
func (d *Domain) HasAdmin(now time.Time) bool {
	search := d.adminSearch(now)
	for id := range d.users.all() {
		if search.isAdmin(id) {
			return true
		}
	}
	return false
}

// IsAdmin reports whether a user is not disabled, and is superuser or holds a role with adminAccess as of now, whatever
// its restrictions (A2).
func (d *Domain) IsAdmin(user string, now time.Time) bool { return d.adminSearch(now).isAdmin(user) }

// adminSearch looks for admins. Of the memberConditions it asks only those that make somebody admin, and for all users
// together within one budget: who would be admin by one that costs more does not count.
type adminSearch struct {
	domain      *Domain
	now         time.Time
	conditional []*group // groups that make their members admins
	budget      expr.Budget
}

func (d *Domain) adminSearch(now time.Time) *adminSearch {
	s := &adminSearch{domain: d, now: now}
	gives := func(g *group) bool {
		return slices.ContainsFunc(g.roles, func(ref roleRef) bool {
			role := d.role(ref.name)
			return role != nil && role.adminAccess && ref.window.inForce(now.Unix())
		})
	}
	for _, g := range d.conditional {
		if slices.ContainsFunc(d.within[g.ref.Name], gives) {
			s.conditional = append(s.conditional, g)
		}
	}
	return s
}

func (s *adminSearch) isAdmin(user string) bool {
	d := s.domain
	u, _ := d.users.get(user)
	who := principal{user: u, at: s.now.Unix(), policy: d.policy}
	who.roleSet = d.roleSetOf(u, who.at)
	who.roles = who.roleSet.roles
	if who.disabled() || who.isAdmin() || len(s.conditional) == 0 {
		return who.isAdmin()
	}
	e := newEvaluation(d, &Request{Subject: Subject{Type: string(d.policy.spec.SubjectTypes[0]), ID: user}}, s.now, nil)
	defer e.release()
	e.user, e.staff = u, d.policy.isStaff(u.account(), nil)
	e.shared = &s.budget
	in := e.memberInput()
	return slices.ContainsFunc(s.conditional, func(g *group) bool {
		member, err := g.condition.holds(in)
		return err == nil && member
	})
}

// IsUnlimited reports whether nothing limits a user as of now: it is superuser, or holds a role with adminAccess that has
// no restrictions (S4).
func (d *Domain) IsUnlimited(user string, now time.Time) bool {
	e := d.principalOf(user, now)
	defer e.release()
	return e.unlimited()
}

// SpecialPermissionState is what a special permission does.
type SpecialPermissionState struct {
	// Reason is one of the API's reasons of InForce: Active, NotStarted, Expired, Overruled, UserIsAdmin, NoEffect.
	Reason string
	// ResourceTypes that it decides, alone or with others of the same level, sorted.
	ResourceTypes []string
	// OverruledBy are more restrictive special permissions that decide types which it names, sorted.
	OverruledBy []Ref
}

// SpecialPermissionState tells what a special permission does as of now (S4, S6); false if there is none of
// that name.
func (d *Domain) SpecialPermissionState(name string, now time.Time) (SpecialPermissionState, bool) {
	p, ok := d.specialPermissions.get(name)
	if !ok {
		return SpecialPermissionState{}, false
	}
	if reason := windowReason(p.window, now.Unix()); reason != v1alpha1.ReasonActive {
		return SpecialPermissionState{Reason: reason}, true
	}
	e := d.principalOf(string(p.spec.User), now)
	defer e.release()
	if e.unlimited() {
		return SpecialPermissionState{Reason: v1alpha1.ReasonUserIsAdmin}, true
	}
	state := SpecialPermissionState{Reason: v1alpha1.ReasonActive}
	for _, t := range d.typeList {
		if p.on(t) == nil {
			continue
		}
		_, winners := e.specialLevel(t)
		if slices.Contains(winners, p.ref()) {
			state.ResourceTypes = append(state.ResourceTypes, t.name)
		} else {
			state.OverruledBy = append(state.OverruledBy, winners...)
		}
	}
	state.OverruledBy = sortRefs(state.OverruledBy)
	if len(state.ResourceTypes) == 0 && len(state.OverruledBy) > 0 {
		state.Reason = v1alpha1.ReasonOverruled
	} else if len(state.ResourceTypes) == 0 {
		state.Reason = v1alpha1.ReasonNoEffect
	}
	return state, true
}

func windowReason(w window, now int64) string {
	switch {
	case now < w.start:
		return v1alpha1.ReasonNotStarted
	case now >= w.end:
		return v1alpha1.ReasonExpired
	}
	return v1alpha1.ReasonActive
}
