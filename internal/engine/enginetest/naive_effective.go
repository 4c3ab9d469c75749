package enginetest

import (
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Effective is the section "Effective permissions", without nextTransition.
func (n *Naive) Effective(user string, now time.Time) v1alpha1.EffectivePermissionsStatus {
	e := n.principal(user, now)
	var status v1alpha1.EffectivePermissionsStatus
	if e.account != nil {
		status.Superuser = e.account.Superuser
		status.Disabled = e.account.Disabled
	}
	for _, group := range e.groups {
		status.Groups = append(status.Groups, group.Name)
	}
	for _, role := range e.held {
		status.Admin = status.Admin || role.Spec.AdminAccess && !restricted(role.Role)
		status.Roles = append(status.Roles, v1alpha1.HeldRole{Name: role.Name, Via: texts(role.via)})
	}
	for _, t := range n.resourceTypes() {
		permission, special := e.on(t)
		switch permission.Access {
		case v1alpha1.AccessFull:
			status.Summary.Full++
		case v1alpha1.AccessReadOnly:
			status.Summary.ReadOnly++
		case v1alpha1.AccessCustom:
			status.Summary.Custom++
		case v1alpha1.AccessNone, v1alpha1.AccessNotApplicable:
			status.Summary.None++
		}
		if permission.Access != v1alpha1.AccessNone || special {
			status.Permissions = append(status.Permissions, permission)
		}
	}
	return status
}

// EffectiveOn is Effective on one type, also where access is None; false: there is no such type.
func (n *Naive) EffectiveOn(user, resourceType string, now time.Time) (v1alpha1.EffectivePermission, bool) {
	t, ok := n.resourceType(resourceType)
	if !ok {
		return v1alpha1.EffectivePermission{}, false
	}
	permission, _ := n.principal(user, now).on(t)
	return permission, true
}

// principal is a user without a request: its groups and roles by what the objects say alone.
func (n *Naive) principal(user string, now time.Time) *evaluation {
	settings, _ := n.policy()
	e := n.evaluation(&engine.Request{Subject: engine.Subject{Type: string(settings.SubjectTypes[0]), ID: user}}, now)
	e.groupsAndRoles()
	e.anyAction = true
	return e
}

func restricted(role *v1alpha1.Role) bool {
	r := role.Spec.Restrictions
	return r != nil && (len(r.AllowedCIDRs) > 0 || r.RequireMFA)
}

// on is what the user may do with a type; special: a special permission says so.
func (e *evaluation) on(t *v1alpha1.ResourceType) (permission v1alpha1.EffectivePermission, special bool) {
	e.target = t
	level := &levels{action: map[string]int{}}
	exempt := true // from user permissions
	var overridden []engine.Ref
	admins := e.admins()
	switch {
	case e.account != nil && e.account.Disabled:
		level.by = []engine.Ref{e.account.ref}
	case e.account != nil && e.account.Superuser:
		level.give(allowed, actions(t)...)
		level.by = []engine.Ref{e.account.ref}
	case len(admins) > 0:
		level.give(allowed, actions(t)...)
		level.by = admins
	default:
		exempt = false
		overridden, special = e.limited(level)
		for _, role := range e.held {
			if role.Spec.AdminAccess { // restricted, or it were among the admins
				level.give(conditional, actions(t)...)
				level.by = append(level.by, engine.Ref{Kind: engine.KindRole, Name: role.Name})
			}
		}
	}
	for _, a := range actions(t) {
		if level.action[string(a.Name)] == allowed && slices.ContainsFunc(t.Spec.Guards, func(g v1alpha1.Guard) bool { return guards(&g, a) }) {
			level.action[string(a.Name)] = conditional
		}
	}
	permission = v1alpha1.EffectivePermission{
		Resource:    t.TypeName(),
		Allowed:     level.names(allowed),
		Conditional: level.names(conditional),
		DecidedBy:   texts(level.by),
		Overridden:  texts(overridden),
	}
	permission.Access = access(t, &permission)
	if !exempt {
		permission.RestrictedBy = e.restrictedBy()
	}
	return permission, special
}

// admins are the roles that make the user an admin whatever the request.
func (e *evaluation) admins() []engine.Ref {
	var admins []engine.Ref
	for _, role := range e.held {
		if role.Spec.AdminAccess && !restricted(role.Role) {
			admins = append(admins, engine.Ref{Kind: engine.KindRole, Name: role.Name})
		}
	}
	return admins
}

const (
	conditional = 1
	allowed     = 2
)

// levels are the levels of actions, and what gives them.
type levels struct {
	action map[string]int
	by     []engine.Ref
}

func (l *levels) give(level int, given ...v1alpha1.Action) {
	for _, a := range given {
		l.action[string(a.Name)] = max(l.action[string(a.Name)], level)
	}
}

func (l *levels) names(level int) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(l.action)) {
		if l.action[name] == level {
			found = append(found, name)
		}
	}
	return found
}

// limited is what S5 to S8 give.
func (e *evaluation) limited(level *levels) (overridden []engine.Ref, special bool) {
	t := e.target
	if t.Spec.StaffOnly && !e.staff {
		level.by = []engine.Ref{refOf(t)}
		return nil, false
	}
	if access, deciding := e.overridesOf(); access != "" {
		for _, a := range actions(t) {
			if access == v1alpha1.AccessFull || access == v1alpha1.AccessReadOnly && a.Class == v1alpha1.ClassRead {
				level.give(allowed, a)
			}
		}
		level.by = refsOf(deciding)
		otherwise := &levels{action: map[string]int{}}
		e.byRules(otherwise)
		return otherwise.by, true
	}
	e.byRules(level)
	return nil, false
}

// byRules is what S7 and S8 give.
func (e *evaluation) byRules(level *levels) {
	t := e.target
	if t.Spec.Unrestricted {
		level.give(allowed, actions(t)...)
		level.by = []engine.Ref{refOf(t)}
		return
	}
	for _, a := range actions(t) {
		e.act = a
		for _, role := range e.held {
			for _, c := range e.roleCases(&role) {
				if restricted(role.Role) {
					level.give(conditional, a)
				} else {
					level.give(levelOf(c, a), a)
				}
				level.by = append(level.by, c.source)
			}
		}
		for _, group := range e.groups {
			for _, c := range e.groupCases(group) {
				level.give(levelOf(c, a), a)
				level.by = append(level.by, c.source)
			}
		}
	}
}

// levelOf is what a case gives without restrictions on its role.
func levelOf(c ruleCase, a v1alpha1.Action) int {
	writes := a.Class == v1alpha1.ClassCreate || a.Class == v1alpha1.ClassUpdate
	someFields := len(c.rule.Fields) > 0 && !slices.Contains(c.rule.Fields, v1alpha1.Any) || len(c.rule.ExceptFields) > 0
	switch {
	case c.rule.Condition != "",
		writes && len(c.rule.Validations) > 0,
		a.Class != v1alpha1.ClassDelete && someFields:
		return conditional
	}
	return allowed
}

// access sums up.
func access(t *v1alpha1.ResourceType, p *v1alpha1.EffectivePermission) v1alpha1.Access {
	var reading []string
	for _, a := range actions(t) {
		if a.Class == v1alpha1.ClassRead {
			reading = append(reading, string(a.Name))
		}
	}
	slices.Sort(reading)
	switch {
	case len(p.Allowed) == len(actions(t)):
		return v1alpha1.AccessFull
	case len(reading) > 0 && slices.Equal(p.Allowed, reading) && len(p.Conditional) == 0:
		return v1alpha1.AccessReadOnly
	case len(p.Allowed) == 0 && len(p.Conditional) == 0:
		return v1alpha1.AccessNone
	}
	return v1alpha1.AccessCustom
}

// restrictedBy are the user permissions and strict types that act on the type: on its own records, or
// through its links.
func (e *evaluation) restrictedBy() []string {
	var by []string
	restricts := func(allow string) {
		for _, group := range append(e.unsure, nil) {
			e.only = group
			for _, permission := range e.permissionsFor(allow) {
				by = append(by, refOf(permission).String())
			}
		}
	}
	restricts(e.target.TypeName())
	links := restrictingLinks(e.target)
	if len(dynamicLinks(e.target)) > 0 { // to every type
		for _, t := range e.resourceTypes() {
			links = append(links, v1alpha1.Field{LinksTo: t.TypeName()})
		}
	}
	for _, field := range links {
		restricts(field.LinksTo)
		if e.strict(field.LinksTo) {
			by = append(by, "Strict/"+field.LinksTo)
		}
	}
	return sortedSet(by)
}

func texts(refs []engine.Ref) []string {
	return sortedSet(engine.RefTexts(refs))
}

// Users are the known users, sorted.
func (n *Naive) Users() []string {
	known := map[string]bool{}
	for _, user := range objectsOf[*v1alpha1.User](n) {
		known[user.UserID()] = true
	}
	for _, set := range objectsOf[*v1alpha1.UserSet](n) {
		for _, entry := range set.Spec.Users {
			known[string(entry.ID)] = true
		}
	}
	for _, group := range objectsOf[*v1alpha1.Group](n) {
		for _, member := range group.Spec.Members {
			known[string(member.User)] = true
		}
	}
	for _, permission := range n.allUserPermissions() {
		known[string(permission.Spec.User)] = true
	}
	for _, special := range objectsOf[*v1alpha1.SpecialPermission](n) {
		known[string(special.Spec.User)] = true
	}
	delete(known, "")
	return slices.Sorted(maps.Keys(known))
}

// Admins are the known users that are not disabled and may do everything (A2), sorted.
func (n *Naive) Admins(now time.Time) []string {
	var admins []string
	for _, user := range n.Users() {
		e := n.principal(user, now)
		is := e.account != nil && e.account.Superuser
		for _, role := range e.held {
			is = is || role.Spec.AdminAccess
		}
		if is && (e.account == nil || !e.account.Disabled) {
			admins = append(admins, user)
		}
	}
	return admins
}

// Census counts the known users (see engine.Census).
func (n *Naive) Census(now time.Time) *engine.Census {
	users := n.Users()
	c := &engine.Census{
		Users: len(users), Admins: len(n.Admins(now)),
		RoleUsers: map[string]int{}, RoleGroups: map[string]int{}, GroupMembers: map[string]int{},
	}
	for _, user := range users {
		e := n.principal(user, now)
		for _, role := range e.held {
			c.RoleUsers[role.Name]++
		}
		for _, group := range e.groups {
			c.GroupMembers[group.Name]++
		}
	}
	for _, group := range objectsOf[*v1alpha1.Group](n) {
		for _, ref := range group.Spec.Roles {
			if role := n.role(string(ref.Name)); role != nil && inForce(ref.TimeWindow, now) {
				c.RoleGroups[role.Name]++
			}
		}
	}
	return c
}

// RestrictedUsers counts the known users whom a user permission restricts (see engine.Census).
func (n *Naive) RestrictedUsers(permission *v1alpha1.UserPermission, now time.Time) int {
	count := 0
	for _, user := range n.Users() {
		inGroup := slices.ContainsFunc(n.principal(user, now).groups, func(g *v1alpha1.Group) bool { return g.Name == string(permission.Spec.Group) })
		if inForce(permission.Spec.TimeWindow, now) && (string(permission.Spec.User) == user || inGroup) {
			count++
		}
	}
	return count
}

// Instants are the starts and ends of every time window, sorted: nothing but the request changes between
// two of them, unless an expression reads now.
func (n *Naive) Instants() []time.Time {
	var instants []time.Time
	add := func(w v1alpha1.TimeWindow) {
		if w.StartsAt != nil {
			instants = append(instants, w.StartsAt.Time)
		}
		if w.ExpiresAt != nil {
			instants = append(instants, w.ExpiresAt.Time)
		}
	}
	for _, object := range n.objects {
		switch object := object.(type) {
		case *v1alpha1.User:
			for _, ref := range object.Spec.Roles {
				add(ref.TimeWindow)
			}
		case *v1alpha1.UserSet:
			for _, entry := range object.Spec.Users {
				for _, ref := range entry.Roles {
					add(ref.TimeWindow)
				}
			}
		case *v1alpha1.Group:
			for _, ref := range object.Spec.Roles {
				add(ref.TimeWindow)
			}
			for _, member := range object.Spec.Members {
				add(member.TimeWindow)
			}
		case *v1alpha1.UserPermission:
			add(object.Spec.TimeWindow)
		case *v1alpha1.UserPermissionSet:
			for _, entry := range object.Spec.Permissions {
				add(entry.TimeWindow)
			}
		case *v1alpha1.SpecialPermission:
			add(object.Spec.TimeWindow)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	return slices.CompactFunc(instants, time.Time.Equal)
}

// ReadsTime reports whether a member condition of the domain mentions now.
func (n *Naive) ReadsTime() bool {
	return slices.ContainsFunc(objectsOf[*v1alpha1.Group](n), func(g *v1alpha1.Group) bool {
		return strings.Contains(string(g.Spec.MemberCondition), "now")
	})
}

// NextTransition is the first start or end of a time window after now at which the user's effective
// permissions are others than now; nil: there is none.
func (n *Naive) NextTransition(user string, now time.Time) *metav1.Time {
	status := jsonText(n.Effective(user, now))
	for _, instant := range n.Instants() {
		if instant.After(now) && jsonText(n.Effective(user, instant)) != status {
			return &metav1.Time{Time: instant}
		}
	}
	return nil
}
