package engine

import (
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// This file is the walk of grants: S2 and S4 to S7 for a principal and a type. Deciding, plans, effective permissions,
// differences and traces fold over it, each asking rule.grants which actions a grant is for.

// grant is one thing that gives a principal actions of a type: a *case* of S7, or the access of S4.
type grant struct {
	rule *rule
	// source is the object that has the rule.
	source *ruleSet
	// held is the role that is not eligible and for which the grant therefore does not count; nil where it does.
	held *heldRole
}

// everything is the rule of those whom no rule limits: superusers, admins, and everybody on unrestricted types.
var everything = &rule{access: v1alpha1.AccessFull, fields: allFields}

// basis is what settles which actions a principal has on a type.
type basis uint8

const (
	byRules        basis = iota // S7
	byDisabled                  // S2: nothing is granted
	bySuperuser                 // S4
	byAdmin                     // S4
	byStaff                     // S5: nothing is granted, the type is for staff only
	bySpecial                   // S6
	byUnrestricted              // S7
)

// ruling is S2 and S4 to S7 for a principal and a type.
type ruling struct {
	*principal
	resourceType *resourceType
	basis        basis
	// objects are those that settle it, sorted; none where rules do.
	objects []Ref
	level   v1alpha1.Access // of special permissions, with basis bySpecial
}

// rulingOn settles S2 and S4 to S7 for a type.
func (p *principal) rulingOn(t *resourceType) ruling {
	r := ruling{principal: p, resourceType: t}
	switch {
	case p.disabled():
		r.basis, r.objects = byDisabled, []Ref{p.account().ref()}
		return r
	case p.superuser():
		r.basis, r.objects = bySuperuser, []Ref{p.account().ref()}
		return r
	}
	if admins := p.adminRoles(true); len(admins) > 0 {
		r.basis, r.objects = byAdmin, admins
		return r
	}
	if t.staffOnly && !p.staff {
		r.basis, r.objects = byStaff, t.open.source
		return r
	}
	if r.level, r.objects = p.specialLevel(t); len(r.objects) > 0 {
		r.basis = bySpecial
		return r
	}
	r.settleByRules()
	return r
}

// settleByRules is S7: the ruling without special permissions.
func (r *ruling) settleByRules() {
	r.basis, r.objects = byRules, nil
	if r.resourceType.unrestricted && !r.anonymous {
		r.basis, r.objects = byUnrestricted, r.resourceType.open.source
	}
}

// specialLevel is the level that the special permissions in force give on a type, and the objects that give it; none
// where they say nothing (S6).
func (p *principal) specialLevel(t *resourceType) (level v1alpha1.Access, winners []Ref) {
	for special := range p.special {
		switch entry := special.on(t); {
		case entry == nil:
		case len(winners) == 0 || severity(entry.access) > severity(level):
			level, winners = entry.access, []Ref{special.ref()}
		case severity(entry.access) == severity(level):
			winners = append(winners, special.ref())
		}
	}
	return level, winners
}

// limited reports whether user permissions bind the principal: superusers and admins are exempt (S4, S9).
func (r *ruling) limited() bool {
	return r.basis != byDisabled && r.basis != bySuperuser && r.basis != byAdmin
}

// grants yields what grants actions of the type, in the order of presets (S11). What a role that is not eligible
// would grant is among it, with the role; so are rules that grant no action.
func (r *ruling) grants(yield func(grant) bool) {
	if r.limited() {
		for i := range r.roles {
			if held := &r.roles[i]; held.role.adminAccess && !held.eligible() && !yield(grant{everything, &held.role.rules, held}) {
				return
			}
		}
	}
	r.settled(yield)
}

// settled yields the grants of the basis alone: those without admin roles that are not eligible.
func (r *ruling) settled(yield func(grant) bool) {
	switch r.basis {
	case byDisabled, byStaff:
	case bySuperuser:
		yield(grant{rule: everything, source: &ruleSet{source: r.objects}})
	case byAdmin:
		for i := range r.roles {
			if held := &r.roles[i]; held.role.adminAccess && held.eligible() && !yield(grant{rule: everything, source: &held.role.rules}) {
				return
			}
		}
	case bySpecial:
		for special := range r.special {
			entry := special.on(r.resourceType)
			if entry != nil && severity(entry.access) == severity(r.level) && !yield(grant{rule: entry, source: &special.entries}) {
				return
			}
		}
	case byUnrestricted:
		yield(grant{rule: everything, source: &r.resourceType.open})
	case byRules:
		for source, held := range r.sources {
			for _, rule := range source.naming(r.resourceType) {
				if !yield(grant{rule, source, held}) {
					return
				}
			}
		}
	}
}

// sources yields the rule sets of a principal in the order of presets (S11): app access rules, the public role of the
// role-less, roles of groups, groups, roles of the User object. A role that is not eligible comes with its rule sets.
func (p *principal) sources(yield func(*ruleSet, *heldRole) bool) {
	ineligible := func(held *heldRole) *heldRole {
		if held.eligible() {
			return nil
		}
		return held
	}
	app := func(eligible bool) bool {
		for i := range p.roles {
			held := &p.roles[i]
			if !held.role.appAccess || held.eligible() != eligible {
				continue
			}
			if !yield(&p.policy.app, ineligible(held)) {
				return false
			}
			if eligible {
				break // the app access rules count once
			}
		}
		return true
	}
	roles := func(direct bool) bool {
		for i := range p.roles {
			if held := &p.roles[i]; held.direct == direct && !yield(&held.role.rules, ineligible(held)) {
				return false
			}
		}
		return true
	}
	if !app(true) || !app(false) || !roles(false) {
		return
	}
	for _, g := range p.roleSet.outward {
		if !yield(&g.rules, nil) {
			return
		}
	}
	roles(true)
}

// on returns the strictest entry that names a type, or nil (S6).
func (p *specialPermission) on(t *resourceType) *rule {
	var strictest *rule
	for _, entry := range p.entries.naming(t) {
		if severity(entry.access) >= 0 && (strictest == nil || severity(entry.access) > severity(strictest.access)) {
			strictest = entry
		}
	}
	return strictest
}

// severity orders the levels of special permissions; NotApplicable says nothing and has none. An unknown
// level is treated as None.
func severity(access v1alpha1.Access) int {
	switch access {
	case v1alpha1.AccessNotApplicable:
		return -1
	case v1alpha1.AccessFull:
		return 0
	case v1alpha1.AccessReadOnly:
		return 1
	default:
		return 2
	}
}

// grants reports whether the rule gives an action of a type that it names (S6, S7).
func (r *rule) grants(a *action) bool {
	switch r.access {
	case v1alpha1.AccessFull:
		return true
	case v1alpha1.AccessReadOnly:
		return a.class == v1alpha1.ClassRead
	case "":
		for _, name := range a.givenBy { // a method value would be allocated
			if r.actions.name(name) {
				return true
			}
		}
		return false
	default:
		return false
	}
}

// unconditional reports whether the rule gives the action on every record, all fields, whatever is submitted.
func (r *rule) unconditional(a *action) bool {
	return r.condition == nil &&
		(len(r.validations) == 0 || !a.writes()) &&
		(r.fields.everything() || a.class == v1alpha1.ClassDelete)
}

// actionNames are the actions that a rule, a guard or a user permission lists: by name, all by "*", and by a name that ends in
// ":*" all that begin so.
type actionNames struct {
	any    bool
	listed []string // by name
	under  []string // what names begin with, the colon included
}

func namesOfActions(list []v1alpha1.Token) actionNames {
	var names actionNames
	for _, action := range texts(list) {
		switch before, pattern := strings.CutSuffix(action, ":"+v1alpha1.Any); {
		case action == v1alpha1.Any:
			names.any = true
		case pattern:
			names.under = append(names.under, before+":")
		default:
			names.listed = append(names.listed, action)
		}
	}
	return names
}

// name reports whether an action is among them.
func (n *actionNames) name(action string) bool {
	return n.any || slices.Contains(n.listed, action) ||
		slices.ContainsFunc(n.under, func(prefix string) bool { return strings.HasPrefix(action, prefix) })
}

// naming returns the rules that name the type, in their written order.
func (s *ruleSet) naming(t *resourceType) []*rule {
	var found []*rule
	merged := false
	for _, by := range t.selectors {
		more := s.named[by]
		if len(more) == 0 {
			continue
		}
		if len(found) == 0 {
			found = more
			continue
		}
		found = append(slices.Clip(found), more...)
		merged = true
	}
	if merged {
		slices.SortFunc(found, func(a, b *rule) int { return a.index - b.index })
		found = slices.Compact(found)
	}
	return found
}
