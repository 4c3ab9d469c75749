package engine

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Effective is what a user may do as of now without any request: the status of its EffectivePermissions but
// for conditions, observedGeneration and observedRevision. Held roles count as eligible; what depends on
// restrictions is conditional. A user that is not known has what every unknown user has.
func (d *Domain) Effective(user string, now time.Time) v1alpha1.EffectivePermissionsStatus {
	e := d.standingOf(user, now)
	defer e.release()
	status := v1alpha1.EffectivePermissionsStatus{Groups: e.groupNames(), Roles: e.heldRoles()}
	if account := e.account(); account != nil {
		status.Superuser, status.Disabled = account.superuser, account.disabled
	}
	status.Admin = len(e.adminRoles(false)) > 0
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
		case v1alpha1.AccessNone:
			status.Summary.None++
			if !l.exceptional {
				continue
			}
		}
		status.Permissions = append(status.Permissions, e.permissionOn(t, l))
	}
	if next, ok := e.nextTransition(); ok {
		status.NextTransition = &metav1.Time{Time: next}
	}
	return status
}

// EffectiveOn is Effective for one resource type, given even where access is None; false if there is no
// such type.
func (d *Domain) EffectiveOn(user, resourceType string, now time.Time) (v1alpha1.EffectivePermission, bool) {
	t, ok := d.types.get(resourceType)
	if !ok {
		return v1alpha1.EffectivePermission{}, false
	}
	e := d.standingOf(user, now)
	defer e.release()
	return e.effectiveOn(t, newLevel()), true
}

// standingOf is where a user stands without a request: no properties, no context. The evaluation is to be released.
func (d *Domain) standingOf(id string, now time.Time) *evaluation {
	request := &Request{Subject: Subject{Type: string(d.policy.spec.SubjectTypes[0]), ID: id}}
	e := newEvaluation(d, request, now, nil)
	e.user, _ = d.users.get(id)
	e.takeStanding(false)
	return e
}

func (s *standing) groupNames() []string {
	var names []string
	for _, g := range s.groups {
		names = append(names, g.ref.Name)
	}
	return names
}

// heldRoles are the roles with what gives each; the public role of the role-less is given by nothing.
func (s *standing) heldRoles() []v1alpha1.HeldRole {
	var held []v1alpha1.HeldRole
	for i := range s.roles {
		name := s.roles[i].role.ref.Name
		held = append(held, v1alpha1.HeldRole{Name: name, Via: s.via(name)})
	}
	slices.SortFunc(held, func(a, b v1alpha1.HeldRole) int { return strings.Compare(a.Name, b.Name) })
	return held
}

// via are the groups and the User object that give a role now, as Kind/name, sorted.
func (s *standing) via(role string) []string {
	gives := func(ref roleRef) bool { return ref.name == role && ref.window.inForce(s.at) }
	var via []string
	for _, g := range s.groups {
		if slices.ContainsFunc(g.roles, gives) {
			via = append(via, g.ref.String())
		}
	}
	if account := s.account(); account != nil && slices.ContainsFunc(account.roles, gives) {
		via = append(via, account.ref().String())
	}
	return via
}

// adminRoles are the roles with adminAccess that are restricted, or those that are not.
func (s *standing) adminRoles(restricted bool) []Ref {
	var found []Ref
	for i := range s.roles {
		if r := s.roles[i].role; r.adminAccess && r.restricted() == restricted {
			found = append(found, r.ref)
		}
	}
	return sortRefs(found)
}

// level is what S5 to S8 give on one type without a request.
type level struct {
	allowed, conditional map[string]bool
	decidedBy            []Ref
	overridden           []Ref
	exceptional          bool // special permissions decide
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
		p.RestrictedBy = refTexts(e.restrictedBy(t))
	}
	return p
}

// levelOn fills in the level, whatever was in it before.
func (e *evaluation) levelOn(t *resourceType, l *level) {
	l.reset()
	account := e.account()
	if account != nil && account.disabled {
		l.decidedBy, l.exempt = []Ref{account.ref()}, true
		return
	}
	everything := func(unconditional bool, by ...Ref) {
		for _, name := range t.names {
			l.give(name, unconditional)
		}
		l.decidedBy = append(l.decidedBy, by...)
	}
	if account != nil && account.superuser {
		everything(true, account.ref())
		l.exempt = true
		return
	}
	if admins := e.adminRoles(false); len(admins) > 0 {
		everything(true, admins...)
		l.exempt = true
		return
	}
	if admins := e.adminRoles(true); len(admins) > 0 {
		everything(false, admins...)
	}
	own := t.open.source[0]
	if t.staffOnly && !e.staff {
		l.decidedBy = append(l.decidedBy, own)
		return
	}
	exception, winners := e.exception(t)
	switch {
	case len(winners) > 0:
		l.exceptional = true
		for _, name := range t.names {
			if exception == v1alpha1.AccessFull || exception == v1alpha1.AccessReadOnly && t.actions[name].class == v1alpha1.ClassRead {
				l.give(name, true)
			}
		}
		l.decidedBy = append(l.decidedBy, winners...)
		l.overridden = e.giversOn(t, nil)
	case t.unrestricted:
		everything(true, own)
	default:
		l.decidedBy = append(l.decidedBy, e.giversOn(t, l)...)
	}
}

// giversOn are the objects that give some action of a type without a special permission; what they give is
// added to the level, if there is one.
func (e *evaluation) giversOn(t *resourceType, l *level) []Ref {
	if t.unrestricted && l == nil {
		return t.open.source
	}
	var givers []Ref
	see := func(rules *ruleSet, restricted bool) {
		for _, r := range rules.naming(t) {
			for _, name := range t.names {
				a := t.actions[name]
				if !r.gives(a) {
					continue
				}
				givers = append(givers, rules.source...)
				if l != nil {
					l.give(name, !restricted && r.unconditional(a))
				}
			}
		}
	}
	for i := range e.roles {
		r := e.roles[i].role
		if r.appAccess {
			see(&e.policy.app, r.restricted())
		}
		see(&r.rules, r.restricted())
	}
	for _, g := range e.groups {
		see(&g.rules, false)
	}
	return sortRefs(givers)
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

// restrictedBy are the user permissions and strict types that act on a type (S9).
func (e *evaluation) restrictedBy(t *resourceType) []Ref {
	var by []Ref
	see := func(target string) {
		for p := range e.standing.restrictions(target, t.name) {
			by = append(by, p.ref())
		}
	}
	see(t.name)
	for i := range t.links {
		l := &t.links[i]
		if l.ignored || l.parent {
			continue
		}
		see(l.target)
		if e.policy.strict(l.target) {
			by = append(by, Ref{kindStrict, l.target})
		}
	}
	return sortRefs(by)
}

// kindStrict names strict link types in restrictedBy: Strict/<link type>.
const kindStrict Kind = "Strict"

func refTexts(list []Ref) []string {
	var names []string
	for _, ref := range sortRefs(list) {
		names = append(names, ref.String())
	}
	return names
}

// nextTransition is when a time window next changes something for the user.
func (e *evaluation) nextTransition() (time.Time, bool) {
	next := newTransition(e.now)
	if e.user != nil {
		for _, m := range e.user.memberships {
			next.see(m.window)
		}
		for _, p := range e.user.restrictions {
			next.see(p.window)
		}
		for _, p := range e.user.exceptions() {
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
	return next.time()
}

// NextTransitionOf is when a time window next changes something for a user.
func (d *Domain) NextTransitionOf(user string, now time.Time) (time.Time, bool) {
	e := d.standingOf(user, now)
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
	for _, p := range d.userPermissions.all() {
		next.see(p.window)
	}
	for _, p := range d.specialPermissions.all() {
		next.see(p.window)
	}
	return next.time()
}
