package engine

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// Effective is what a user may do as of now without any request: the status of its EffectivePermissions but
// for conditions, observedGeneration and observedRevision. Held roles count as eligible; what depends on
// restrictions is conditional. A user that is not known has what every unknown user has.
//
// The error is a *BudgetError: the memberConditions of the domain's groups cost too much for this user.
func (d *Domain) Effective(user string, now time.Time) (v1alpha1.EffectivePermissionsStatus, error) {
	e := d.principalOf(user, now)
	defer e.release()
	if err := e.failure(); err != nil {
		return v1alpha1.EffectivePermissionsStatus{}, err
	}
	status := v1alpha1.EffectivePermissionsStatus{Groups: e.groupNames(), Roles: e.heldRoles()}
	if account := e.account(); account != nil {
		status.Superuser, status.Disabled = account.superuser, account.disabled
	}
	status.Admin = len(e.adminRoles(true)) > 0
	l := newLevel()
	for _, t := range d.typeList {
		e.levelOn(t, l)
		switch l.access(t) {
		case v1alpha1.AccessFull:
			status.Summary.Full++
		case v1alpha1.AccessReadOnly:
			status.Summary.ReadOnly++
		case v1alpha1.AccessCustom:
			status.Summary.Custom++
		case v1alpha1.AccessNone, v1alpha1.AccessNotApplicable:
			status.Summary.None++
			if !l.special {
				continue
			}
		}
		status.Permissions = append(status.Permissions, e.permissionOn(t, l))
	}
	if next, ok := e.nextTransition(); ok {
		status.NextTransition = &metav1.Time{Time: next}
	}
	return status, nil
}

// EffectiveOn is Effective for one resource type, given even where access is None; false if there is no
// such type.
func (d *Domain) EffectiveOn(user, resourceType string, now time.Time) (v1alpha1.EffectivePermission, bool, error) {
	t, ok := d.typeIndex[resourceType]
	if !ok {
		return v1alpha1.EffectivePermission{}, false, nil
	}
	e := d.principalOf(user, now)
	defer e.release()
	if err := e.failure(); err != nil {
		return v1alpha1.EffectivePermission{}, false, err
	}
	return e.effectiveOn(t, newLevel()), true, nil
}

// principalOf is who a user is without a request: no properties, no context; roles lack whatever they ask for. The
// evaluation is to be released.
func (d *Domain) principalOf(id string, now time.Time) *evaluation {
	return d.principalWithin(nil, id, now)
}

// principalWithin is principalOf whose member conditions are taken of a budget of many users; nil: one of its own.
func (d *Domain) principalWithin(budget *expr.Budget, id string, now time.Time) *evaluation {
	request := &Request{Subject: Subject{Type: string(d.policy.spec.SubjectTypes[0]), ID: id}}
	e := newEvaluation(d, request, now, nil)
	e.budget.Limit = expr.CostLimit // for the member conditions
	e.shared = budget
	e.user, _ = d.users.get(id)
	e.resolve(false)
	return e
}

// heldRoles are the roles with what gives each; the public role of the role-less is given by nothing.
func (p *principal) heldRoles() []v1alpha1.HeldRole {
	var held []v1alpha1.HeldRole
	for i := range p.roles {
		name := p.roles[i].role.ref.Name
		held = append(held, v1alpha1.HeldRole{Name: name, Via: p.via(name)})
	}
	slices.SortFunc(held, func(a, b v1alpha1.HeldRole) int { return strings.Compare(a.Name, b.Name) })
	return held
}

// level is what S5 to S8 give on one type without a request.
type level struct {
	allowed, conditional map[string]bool
	decidedBy            []Ref
	overridden           []Ref
	special              bool // special permissions decide
	exempt               bool // user permissions do not bind the user
}

func newLevel() *level { return &level{allowed: map[string]bool{}, conditional: map[string]bool{}} }

// reset empties the level, for another type.
func (l *level) reset() {
	clear(l.allowed)
	clear(l.conditional)
	*l = level{allowed: l.allowed, conditional: l.conditional}
}

func (l *level) give(action string, unconditional bool) {
	if l.allowed == nil {
		return // only whether is asked
	}
	if unconditional {
		l.allowed[action] = true
		delete(l.conditional, action)
	} else if !l.allowed[action] {
		l.conditional[action] = true
	}
}

// effectiveOn tells what the user may do with one type. The level is for it to fill in.
func (e *evaluation) effectiveOn(t *resourceType, l *level) v1alpha1.EffectivePermission {
	e.levelOn(t, l)
	return e.permissionOn(t, l)
}

// permissionOn tells of the level that levelOn has filled in.
func (e *evaluation) permissionOn(t *resourceType, l *level) v1alpha1.EffectivePermission {
	p := v1alpha1.EffectivePermission{
		Resource:    t.name,
		Access:      l.access(t),
		Allowed:     sortedKeys(l.allowed),
		Conditional: sortedKeys(l.conditional),
		DecidedBy:   refTexts(l.decidedBy),
		Overridden:  refTexts(l.overridden),
	}
	if !l.exempt {
		p.RestrictedBy = refTexts(e.restrictedBy(t, nil))
	}
	return p
}

// levelOn fills in the level, whatever was in it before: a fold over the grants of the type.
func (e *evaluation) levelOn(t *resourceType, l *level) {
	l.reset()
	r := e.rulingOn(t)
	l.special, l.exempt = r.basis == bySpecial, !r.limited()
	l.decidedBy = append(l.decidedBy, r.objects...)
	for g := range r.grants {
		if l.take(g, t) {
			l.decidedBy = append(l.decidedBy, g.source.source...)
		}
	}
	if !l.special {
		return
	}
	var without level
	r.settleByRules()
	for g := range r.settled {
		if without.take(g, t) {
			l.overridden = append(l.overridden, g.source.source...)
		}
	}
}

// take adds the actions that a grant is for, and reports whether there are any.
func (l *level) take(g grant, t *resourceType) bool {
	some := false
	for _, name := range t.names {
		if a := t.actions[name]; g.rule.grants(a) {
			l.give(name, g.held == nil && g.rule.unconditional(a) && !t.guarded(a))
			some = true
		}
	}
	return some
}

// access sums up the level.
func (l *level) access(t *resourceType) v1alpha1.Access {
	switch {
	case len(l.allowed) == len(t.names):
		return v1alpha1.AccessFull
	case len(l.allowed)+len(l.conditional) == 0:
		return v1alpha1.AccessNone
	case len(l.conditional) > 0:
		return v1alpha1.AccessCustom
	}
	for _, name := range t.names {
		if l.allowed[name] != (t.actions[name].class == v1alpha1.ClassRead) {
			return v1alpha1.AccessCustom
		}
	}
	return v1alpha1.AccessReadOnly
}

// restrictedBy are the user permissions and strict types that act on an action of a type (S9); nil is any action.
func (e *evaluation) restrictedBy(t *resourceType, a *action) []Ref {
	var by []Ref
	for r := range e.restrictionsOn(e.domain, t, a).each {
		for p := range r.permissions {
			by = append(by, p.ref())
		}
		if r.strict() {
			by = append(by, Ref{kindStrict, r.target()})
		}
	}
	return sortRefs(by)
}

// kindStrict names strict link types in restrictedBy: Strict/<link type>.
const kindStrict Kind = "Strict"

func refTexts(list []Ref) []string {
	return RefTexts(sortRefs(list))
}

// nextTransition is when a time window next changes something for the user.
func (e *evaluation) nextTransition() (time.Time, bool) {
	next := newTransition(e.now)
	if e.user != nil {
		for _, m := range e.user.memberships {
			next.see(m.window)
		}
		for _, p := range e.user.permissions {
			next.see(p.window)
		}
		for _, p := range e.user.specialPermissions() {
			next.see(p.window)
		}
		if account := e.account(); account != nil {
			for _, ref := range account.roles {
				next.see(ref.window)
			}
		}
	}
	for _, g := range e.groups {
		for _, ref := range g.roles {
			next.see(ref.window)
		}
		held, _ := e.domain.groupRestrictions.get(g.ref.Name)
		for _, p := range held {
			next.see(p.window)
		}
	}
	for _, also := range e.alsoRestricted {
		for _, p := range also.roleSet.permissions {
			next.see(p.window)
		}
	}
	return next.time()
}

// NextTransitionOf is when a time window next changes something for a user.
func (d *Domain) NextTransitionOf(user string, now time.Time) (time.Time, bool) {
	e := d.principalOf(user, now)
	defer e.release()
	return e.nextTransition()
}

// NextTransition is when a time window next changes something in the domain.
func (d *Domain) NextTransition(now time.Time) (time.Time, bool) {
	next := newTransition(now)
	for _, u := range d.users.all() {
		for _, m := range u.memberships {
			next.see(m.window)
		}
		if account := u.account(); account != nil {
			for _, ref := range account.roles {
				next.see(ref.window)
			}
		}
	}
	for _, g := range d.groups.all() {
		for _, ref := range g.roles {
			next.see(ref.window)
		}
	}
	for p := range d.eachUserPermission {
		next.see(p.window)
	}
	for _, p := range d.specialPermissions.all() {
		next.see(p.window)
	}
	return next.time()
}
