package engine

import (
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Who is somebody, or everybody of a sort, whose permissions are looked at without a request. The zero value is
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

// Principal is what somebody is in a domain at one moment, without a request: held roles count as eligible.
type Principal struct{ e *evaluation }

// Principal returns who somebody is as of now.
func (d *Domain) Principal(who Who, now time.Time) *Principal {
	request := &Request{Subject: Subject{Type: AnonymousType}}
	if who != (Who{}) {
		request.Subject = Subject{Type: string(d.policy.spec.SubjectTypes[0]), ID: who.User}
	}
	e := newEvaluation(d, request, now, nil)
	switch {
	case who.Claim != "":
		var claimed []*group
		if d.policy.trustsCallers() {
			claimed = d.external[who.Claim]
		}
		e.resolveMember(claimed)
	case who.Member != "":
		var joined []*group
		if g, ok := d.groups.get(who.Member); ok {
			joined = []*group{g}
		}
		e.resolveMember(joined)
	default:
		if e.anonymous = who == (Who{}); !e.anonymous {
			e.user, _ = d.users.get(who.User)
		}
		e.resolve(false)
	}
	return &Principal{e}
}

// resolveMember is resolve for somebody of whom nothing is known but groups.
func (e *evaluation) resolveMember(groups []*group) {
	s := e.domain.newRoleSet(nil, groups, e.at)
	if e.roleSet, e.groups = s, s.groups; !s.roleless {
		e.roles = slices.Clone(s.roles)
		for i := range e.roles {
			e.roles[i].lacks = e.roles[i].role.asks()
		}
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

// Grant is one thing that gives an action of a type (S4 to S7).
type Grant struct {
	// Source is the object that gives it.
	Source Ref
	// Rule by which; nil where it gives everything: to superusers and admins, by a special permission, on an
	// unrestricted type.
	Rule *v1alpha1.Rule
	// Restrictions of the role that must hold; nil: none.
	Restrictions *v1alpha1.Restrictions
	// StaffScope means that the subject must have a staff scope, because the type is for staff and the user is not.
	StaffScope bool
	// Guards are the conditions of the guards that name the action (S3a).
	Guards []string
	// Exempt means that user permissions do not bind the subject.
	Exempt bool

	rule *rule
	// linked are the declared links of the domain, where an expression follows links.
	linked string
}

// Linked tells apart what grants that follow links depend on: the declared links of the domain. Empty for others.
func (g *Grant) Linked() string { return g.linked }

// Unconditional reports whether the grant is for every record, all fields, whatever is submitted.
func (g *Grant) Unconditional(class v1alpha1.ActionClass) bool {
	return g.Restrictions == nil && !g.StaffScope && len(g.Guards) == 0 && g.rule.unconditional(&action{class: class})
}

// Reads reports whether an expression of the grant's rule reads something, as in Reads("subject", "roles").
func (g *Grant) Reads(path ...string) bool {
	return g.rule.condition.reads(path...) ||
		slices.ContainsFunc(g.rule.validations, func(v validation) bool { return v.reads(path...) }) ||
		slices.ContainsFunc(g.rule.computed, func(p computedPreset) bool { return p.program != nil && p.program.Reads(path...) })
}

// CoveredBy reports whether other grants give at least what the grant gives of an action of a class, as far as can be
// told of conditions: one that holds for less is covered by one that holds for more. Together they may cover fields that
// none of them covers alone.
func (g *Grant) CoveredBy(others []*Grant, class v1alpha1.ActionClass) bool {
	a := &action{class: class}
	var fields fieldUnion
	for _, other := range others {
		if other.linked == g.linked && (!other.StaffScope || g.StaffScope) && guardsCover(other.Guards, g.Guards) && RestrictionsCover(other.Restrictions, g.Restrictions) &&
			other.rule.asksNoMore(g.rule, a, (*condition).impliedBy) {
			if class == v1alpha1.ClassDelete {
				return true
			}
			fields = append(fields, other.rule.fields)
		}
	}
	return fields.includes(g.rule.fields)
}

// Grants are what gives each action of a type; and where no grant is left because of them, the objects that refuse: a
// special permission, the User object, the type.
func (p *Principal) Grants(resourceType string) (grants map[string][]Grant, refusedBy []Ref) {
	t, ok := p.e.domain.typeIndex[resourceType]
	if !ok {
		return nil, nil
	}
	who := p.e.principal
	scope := t.staffOnly && !who.staff && who.mayClaimStaff()
	who.staff = who.staff || scope
	r := who.rulingOn(t)
	grants = map[string][]Grant{}
	for g := range r.grants {
		given := Grant{
			Source: g.source.source[0], Rule: g.rule.source, rule: g.rule,
			Exempt: !r.limited() || g.held != nil && g.rule == everything,
		}
		given.StaffScope = scope && !given.Exempt
		if g.held != nil {
			given.Restrictions = g.held.role.object.Spec.Restrictions
		}
		for _, name := range t.names {
			if a := t.actions[name]; g.rule.grants(a) {
				given.Guards, given.linked = t.guardTexts(a), ""
				if given.Reads("resource", "links") || t.guardsReadLinks(a) {
					given.linked = p.e.domain.linked
				}
				grants[name] = append(grants[name], given)
			}
		}
	}
	switch r.basis {
	case byDisabled, byStaff, bySpecial:
		refusedBy = r.objects
	case byRules, bySuperuser, byAdmin, byUnrestricted:
	}
	return grants, refusedBy
}

// Restriction is what user permissions and strictness ask of one link field, or of the record itself (S9).
type Restriction struct {
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

// Restrictions are those on the records of a type for an action, whatever grants it; "" is any action.
func (p *Principal) Restrictions(resourceType, action string) []Restriction {
	t, ok := p.e.domain.typeIndex[resourceType]
	if !ok {
		return nil
	}
	var found []Restriction
	for r := range p.e.restrictionsOn(p.e.domain, t, t.actions[action]).each {
		restriction := Restriction{Field: r.field(), Allow: r.target(), Strict: r.strict(), DeniesEmpty: r.deniesEmpty()}
		for permission := range r.permissions {
			restriction.UserPermissions = append(restriction.UserPermissions, permission.object())
		}
		found = append(found, restriction)
	}
	return found
}

// Allowed are the ids, sorted, that a user permission of the domain allows: its values and, unless it hides them, all
// records below them (S9).
func (d *Domain) Allowed(object *v1alpha1.UserPermission) []string {
	p := &compileUserPermission(object).permission
	return slices.Compact(slices.Sorted(p.allowed(d)))
}

// Subject is what expressions see of the subject: its groups and roles, by name, whether it is staff, and
// its attributes, which must not be changed.
func (p *Principal) Subject() (groups, roles []string, staff bool, attributes map[string]any) {
	if account := p.e.account(); account != nil {
		attributes = account.attributes.get()
	}
	return p.e.groupNames(), p.e.roleNames(), p.e.staff, attributes
}

// DiffersOn are the resource types, sorted, on which two principals may have other permissions: all but those on
// which everything that decides is the same. The domains of the two come from one another by With, which
// keeps what no change touches.
func (p *Principal) DiffersOn(other *Principal) []string {
	a, b := p.e, other.e
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
			if there.domain.typeIndex[t.name] != t {
				types[t.name] = true
			}
		}
		if here.domain.linked != there.domain.linked || len(types) > 0 {
			here.linkingTypes(types)
		}
		for set := range here.sources {
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

// linkingTypes adds the types on which decisions may depend on which other types there are, and on their links: those with
// dynamic links, and those whose rules or guards follow links.
func (e *evaluation) linkingTypes(to map[string]bool) {
	for _, t := range e.domain.typeList {
		follows := len(t.dynamic) > 0 || slices.ContainsFunc(t.guards, func(g guard) bool { return g.reads("resource", "links") })
		for set := range e.sources {
			follows = follows || slices.ContainsFunc(set.naming(t), func(r *rule) bool {
				return r.condition.reads("resource", "links") ||
					slices.ContainsFunc(r.validations, func(v validation) bool { return v.reads("resource", "links") })
			})
		}
		if follows {
			to[t.name] = true
		}
	}
}

func (p *principal) ruleSets() []*ruleSet {
	var sets []*ruleSet
	for set := range p.sources {
		sets = append(sets, set)
	}
	return sets
}

// sameOutsideRules reports whether two principals differ in their rules at most.
func sameOutsideRules(a, b *evaluation) bool {
	return a.policy == b.policy && (a.user == nil) == (b.user == nil) && a.account() == b.account() &&
		slices.EqualFunc(a.groups, b.groups, func(g, h *group) bool { return g.ref == h.ref }) &&
		slices.EqualFunc(a.roleSet.outward, b.roleSet.outward, func(g, h *group) bool { return g.ref == h.ref }) &&
		slices.EqualFunc(a.roles, b.roles, func(g, h heldRole) bool {
			return g.role.ref == h.role.ref && g.direct == h.direct && g.role.adminAccess == h.role.adminAccess && g.role.appAccess == h.role.appAccess &&
				g.lacks == h.lacks && slices.Equal(g.role.allowedCIDRs, h.role.allowedCIDRs)
		}) &&
		slices.Equal(slices.Collect(a.special), slices.Collect(b.special)) && slices.Equal(a.permissionsInForce(), b.permissionsInForce())
}

// permissionsInForce are the user permissions that restrict the principal, surely or by themselves.
func (p *principal) permissionsInForce() []*userPermission {
	lists := p.permissionLists()
	all := slices.Concat(lists[:]...)
	for _, also := range p.alsoRestricted {
		all = append(append(all, nil), also.roleSet.permissions...) // apart from the others
	}
	return slices.DeleteFunc(all, func(permission *userPermission) bool {
		return permission != nil && !permission.window.inForce(p.at)
	})
}
