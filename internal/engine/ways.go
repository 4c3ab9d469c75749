package engine

import (
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// Who is somebody, or everybody of a sort, whose standing is looked at without a request. The zero value is
// the anonymous subject.
type Who struct {
	// User is an id, of a known user or not.
	User string
	// Claim stands for being in this external group by a claim, and for nothing else that a user may be.
	Claim string
	// Member stands for being in this group, and for nothing else, as its memberCondition takes users in by what
	// the caller says.
	Member string
}

// Standing is what somebody is in a domain at one moment, without a request: held roles count as eligible.
type Standing struct{ e *evaluation }

// Standing gives the standing of somebody.
func (d *Domain) Standing(who Who, now time.Time) *Standing {
	request := &Request{Subject: Subject{Type: AnonymousType}}
	if who != (Who{}) {
		request.Subject = Subject{Type: string(d.policy.spec.SubjectTypes[0]), ID: who.User}
	}
	e := newEvaluation(d, request, now, nil)
	switch {
	case who.Claim != "":
		var claimed []*group
		if d.policy.spec.SubjectProperties == v1alpha1.SubjectPropertiesTrust {
			claimed = d.external[who.Claim]
		}
		e.standAsMember(claimed)
	case who.Member != "":
		var joined []*group
		if g, ok := d.groups.get(who.Member); ok {
			joined = []*group{g}
		}
		e.standAsMember(joined)
	default:
		if e.anonymous = who == (Who{}); !e.anonymous {
			e.user, _ = d.users.get(who.User)
		}
		e.takeStanding(false)
	}
	return &Standing{e}
}

// standAsMember is takeStanding for somebody of whom nothing is known but groups.
func (e *evaluation) standAsMember(groups []*group) {
	e.at, e.policy = e.seconds, e.domain.policy
	p := e.domain.newProfile(nil, groups, e.seconds)
	if e.profile, e.groups = p, p.groups; !p.roleless {
		e.roles = p.roles
	}
}

// ConditionalGroups are the groups, by name, whose memberCondition may take in users whom no object names:
// those that look at the id, the caller's claims or the circumstances.
func (d *Domain) ConditionalGroups() []*v1alpha1.Group {
	var groups []*v1alpha1.Group
	for _, g := range d.conditional {
		p := g.condition.program
		if p != nil && (p.Reads("subject", "id") || p.Reads("subject", "properties") || p.Reads("context")) {
			groups = append(groups, g.object)
		}
	}
	return groups
}

// ClaimedGroups are the names, sorted, of the groups whose members are in a group, itself included, and that take
// in users by claims or circumstances.
func (d *Domain) ClaimedGroups(name string) []string {
	claimed := map[string]bool{}
	for _, g := range d.ConditionalGroups() {
		claimed[g.Name] = true
	}
	var found []string
	for inner, around := range d.within {
		g, ok := d.groups.get(inner)
		if ok && (len(g.external) > 0 || claimed[inner]) && slices.ContainsFunc(around, func(g *group) bool { return g.ref.Name == name }) {
			found = append(found, inner)
		}
	}
	slices.Sort(found)
	return found
}

// Way is one thing that gives an action of a type (S4 to S7).
type Way struct {
	// Source is the object that gives it.
	Source Ref
	// Rule by which; nil where it gives everything: to superusers and admins, by a special permission, on an
	// unrestricted type.
	Rule *v1alpha1.Rule
	// Restrictions of the role that must hold; nil: none.
	Restrictions *v1alpha1.Restrictions
	// StaffScope says that the subject must have a staff scope, because the type is for staff and the user
	// is not.
	StaffScope bool
	// Exempt says that user permissions do not bind the subject.
	Exempt bool

	rule *rule
}

// Unconditional says whether the way gives the action on every record, all fields, whatever is submitted.
func (w *Way) Unconditional(class v1alpha1.ActionClass) bool {
	return w.Restrictions == nil && !w.StaffScope && w.rule.unconditional(&action{class: class})
}

// Reads says whether an expression of the way's rule reads something, as in Reads("subject", "roles").
func (w *Way) Reads(path ...string) bool {
	reads := func(p *expr.Program) bool { return p != nil && p.Reads(path...) }
	return w.rule.condition != nil && reads(w.rule.condition.program) ||
		slices.ContainsFunc(w.rule.validations, func(v validation) bool { return reads(v.program) }) ||
		slices.ContainsFunc(w.rule.computed, func(p computedPreset) bool { return reads(p.program) })
}

// Ways are what gives each action of a type; and where no way is left because of them, the objects that
// refuse: a special permission, the User object, the type.
func (s *Standing) Ways(resourceType string) (ways map[string][]Way, refusedBy []Ref) {
	e := s.e
	t, ok := e.domain.types.get(resourceType)
	if !ok {
		return nil, nil
	}
	ways = map[string][]Way{}
	everything := func(way Way, actions ...string) {
		way.rule = freely
		for _, name := range actions {
			ways[name] = append(ways[name], way)
		}
	}
	account := e.account()
	switch {
	case account != nil && account.disabled:
		return ways, []Ref{account.ref()}
	case account != nil && account.superuser:
		everything(Way{Source: account.ref(), Exempt: true}, t.names...)
		return ways, nil
	}
	if admins := e.adminRoles(false); len(admins) > 0 {
		for _, ref := range admins {
			everything(Way{Source: ref, Exempt: true}, t.names...)
		}
		return ways, nil
	}
	for i := range e.roles {
		if r := e.roles[i].role; r.adminAccess {
			everything(Way{Source: r.ref, Restrictions: r.object.Spec.Restrictions, Exempt: true}, t.names...)
		}
	}
	scope := t.staffOnly && !e.staff
	if scope && (e.anonymous || len(e.policy.spec.StaffScopes) == 0) {
		return ways, t.open.source
	}
	level, winners := e.exception(t)
	switch {
	case len(winners) > 0:
		for _, name := range t.names {
			if level == v1alpha1.AccessFull || level == v1alpha1.AccessReadOnly && t.actions[name].class == v1alpha1.ClassRead {
				for _, ref := range winners {
					everything(Way{Source: ref, StaffScope: scope}, name)
				}
			}
		}
		refusedBy = winners
	case t.unrestricted && !e.anonymous:
		everything(Way{Source: t.open.source[0], StaffScope: scope}, t.names...)
	default:
		e.waysByRules(t, scope, ways)
	}
	return ways, refusedBy
}

// waysByRules adds what rules give.
func (e *evaluation) waysByRules(t *resourceType, scope bool, ways map[string][]Way) {
	see := func(set *ruleSet, rules []v1alpha1.Rule, restrictions *v1alpha1.Restrictions) {
		for _, r := range set.naming(t) {
			for _, name := range t.names {
				if r.gives(t.actions[name]) {
					ways[name] = append(ways[name], Way{
						Source: set.source[0], Rule: &rules[r.index], Restrictions: restrictions, StaffScope: scope, rule: r,
					})
				}
			}
		}
	}
	for i := range e.roles {
		r := e.roles[i].role
		var restrictions *v1alpha1.Restrictions
		var rules []v1alpha1.Rule
		if r.object != nil {
			rules = r.object.Spec.Rules
		}
		if r.restricted() {
			restrictions = r.object.Spec.Restrictions
		}
		if r.appAccess {
			see(&e.policy.app, e.policy.spec.AppAccessRules, restrictions)
		}
		see(&r.rules, rules, restrictions)
	}
	for _, g := range e.groups {
		see(&g.rules, g.object.Spec.Rules, nil)
	}
}

// Limit is what user permissions and strictness ask of one link field, or of the record itself (S9).
type Limit struct {
	// Field as the type declares it; "id" for the record itself.
	Field string
	// Allow is the resource type that the field links to.
	Allow string
	// UserPermissions that restrict it, by name, the user's own first; none: it is strict.
	UserPermissions []*v1alpha1.UserPermission
	// Strict: without a user permission nothing passes.
	Strict bool
	// DeniesEmpty: an empty link does not pass.
	DeniesEmpty bool
}

// Limits are what restricts the records of a type, whatever gives the action.
func (s *Standing) Limits(resourceType string) []Limit {
	e := s.e
	t, ok := e.domain.types.get(resourceType)
	if !ok {
		return nil
	}
	permissions := func(target string) (found []*v1alpha1.UserPermission) {
		for p := range e.standing.restrictions(target, t.name) {
			found = append(found, p.object())
		}
		return found
	}
	var limits []Limit
	if found := permissions(t.name); len(found) > 0 {
		limits = append(limits, Limit{Field: "id", Allow: t.name, UserPermissions: found})
	}
	for i := range t.links {
		l := &t.links[i]
		if l.ignored || l.parent {
			continue
		}
		found, strict := permissions(l.target), e.policy.strict(l.target)
		if len(found) > 0 || strict {
			limits = append(limits, Limit{
				Field: l.field, Allow: l.target, UserPermissions: found, Strict: strict, DeniesEmpty: e.policy.deniesEmpty(l.target),
			})
		}
	}
	return limits
}

// Allowed are the ids, sorted, that a user permission allows: its values and, unless it hides them, all
// records below them (S9).
func (d *Domain) Allowed(p *v1alpha1.UserPermission) []string {
	ids := map[string]bool{}
	for _, value := range p.Spec.ForValues {
		ids[string(value)] = true
	}
	of, ok := d.records.get(string(p.Spec.Allow))
	if !ok || p.Spec.HideDescendants {
		return sortedKeys(ids)
	}
	values := texts(p.Spec.ForValues)
	for id := range of.byID.all() {
		of.ancestors(id, func(ancestor string) bool {
			if slices.Contains(values, ancestor) {
				ids[id] = true
			}
			return ids[id]
		})
	}
	return sortedKeys(ids)
}

// Subject is what expressions see of the subject: its groups and roles, by name, whether it is staff, and
// its attributes, which must not be changed.
func (s *Standing) Subject() (groups, roles []string, staff bool, attributes map[string]any) {
	for i := range s.e.roles {
		roles = append(roles, s.e.roles[i].role.ref.Name)
	}
	slices.Sort(roles)
	if account := s.e.account(); account != nil {
		attributes = account.attributes.get()
	}
	return s.e.groupNames(), roles, s.e.staff, attributes
}

// DiffersOn are the resource types, sorted, on which two standings may give something else: all but those on
// which everything that decides is the same. The domains of the two come from one another by With, which
// keeps what no change touches.
func (s *Standing) DiffersOn(other *Standing) []string {
	a, b := s.e, other.e
	types := map[string]bool{}
	everywhere := func() {
		for _, d := range []*Domain{a.domain, b.domain} {
			for _, t := range d.typeList {
				types[t.name] = true
			}
		}
	}
	if !sameOutsideRules(a, b) {
		everywhere()
		return sortedKeys(types)
	}
	for _, pair := range [][2]*evaluation{{a, b}, {b, a}} {
		here, there := pair[0], pair[1]
		for _, t := range here.domain.typeList {
			if same, _ := there.domain.types.get(t.name); same != t {
				types[t.name] = true
			}
		}
		for set := range here.standing.sources {
			if slices.Contains(there.ruleSets(), set) {
				continue
			}
			for _, t := range here.domain.typeList {
				if !types[t.name] && len(set.naming(t)) > 0 {
					types[t.name] = true
				}
			}
		}
	}
	return sortedKeys(types)
}

func (s *standing) ruleSets() []*ruleSet {
	var sets []*ruleSet
	for set := range s.sources {
		sets = append(sets, set)
	}
	return sets
}

// sameOutsideRules says whether two standings differ in their rules at the most.
func sameOutsideRules(a, b *evaluation) bool {
	flags := func(e *evaluation) [4]bool {
		account := e.account()
		return [4]bool{account != nil && account.disabled, account != nil && account.superuser, e.staff, e.user == nil}
	}
	return a.policy == b.policy && flags(a) == flags(b) &&
		sameInputs(a, b) && slices.Equal(gates(a), gates(b)) &&
		slices.Equal(inForce(a), inForce(b)) && slices.Equal(limiting(a), limiting(b))
}

// sameInputs says whether expressions see the same of the subject, as far as that can be said at once.
func sameInputs(a, b *evaluation) bool {
	return a.account() == b.account() &&
		slices.EqualFunc(a.groups, b.groups, func(g, h *group) bool { return g.ref == h.ref }) &&
		slices.EqualFunc(a.roles, b.roles, func(g, h heldRole) bool { return g.role.ref == h.role.ref && g.direct == h.direct })
}

// gates are what roles ask and give besides rules.
func gates(e *evaluation) []any {
	var found []any
	for i := range e.roles {
		r := e.roles[i].role
		found = append(found, r.adminAccess, r.appAccess, r.requireMFA, r.anywhere)
		for _, network := range r.allowedCIDRs {
			found = append(found, network)
		}
	}
	return found
}

func inForce(e *evaluation) []*specialPermission {
	var found []*specialPermission
	if e.user != nil {
		for _, p := range e.user.exceptions() {
			if p.window.inForce(e.seconds) {
				found = append(found, p)
			}
		}
	}
	return found
}

func limiting(e *evaluation) []*userPermission {
	var found []*userPermission
	if e.user != nil {
		found = append(found, e.user.restrictions...)
	}
	found = append(found, e.profile.restrictions...)
	return slices.DeleteFunc(found, func(p *userPermission) bool { return !p.window.inForce(e.seconds) })
}
