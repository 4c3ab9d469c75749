package engine

import (
	"iter"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// principal is who a subject is in the domain at one moment (S2, S3, S5): what the walks of grants (S4 to S7) and of
// restrictions (S9) start from.
type principal struct {
	user      *user // nil: nothing names it
	anonymous bool
	at        int64 // seconds since 1970
	roleSet   *roleSet
	groups    []*group // by name; the role set's
	roles     []heldRole
	// roleless principals hold exactly the public role, or nothing where there is none.
	roleless bool
	staff    bool
	policy   *policy
	// alsoRestricted are groups that the principal is in as far as they restrict: each by itself, as S3 has it for member
	// conditions in error.
	alsoRestricted []*principal
}

// heldRole is a role that a principal holds.
type heldRole struct {
	role *role
	// direct means that the user's own account gives it; a role held both ways is direct.
	direct bool
	// lacks is what the request lacks for the role's restrictions; without a request, whatever they ask for.
	lacks lack
}

func (h *heldRole) eligible() bool { return h.lacks == 0 }

// lack is what is missing for a role to be eligible.
type lack uint8

const (
	lacksMFA lack = 1 << iota
	lacksNetwork
)

// parts names what is missing, sorted.
func (l lack) parts() []string {
	var parts []string
	if l&lacksMFA != 0 {
		parts = append(parts, StepUpMFA)
	}
	if l&lacksNetwork != 0 {
		parts = append(parts, StepUpNetwork)
	}
	return parts
}

func (p *principal) account() *account { return p.user.account() }

// disabled reports whether the account disables the principal (S2).
func (p *principal) disabled() bool {
	account := p.account()
	return account != nil && account.disabled
}

// superuser reports whether the account makes the principal a superuser (S4).
func (p *principal) superuser() bool {
	account := p.account()
	return account != nil && account.superuser
}

// adminRoles are the held roles with adminAccess that are eligible, or those that are not (S4).
func (p *principal) adminRoles(eligible bool) []Ref {
	var found []Ref
	for i := range p.roles {
		if held := &p.roles[i]; held.role.adminAccess && held.eligible() == eligible {
			found = append(found, held.role.ref)
		}
	}
	return sortRefs(found)
}

// isAdmin reports whether the principal is superuser or holds a role with adminAccess, eligible or not (A2).
func (p *principal) isAdmin() bool {
	return !p.disabled() && (p.superuser() || slices.ContainsFunc(p.roles, func(h heldRole) bool { return h.role.adminAccess }))
}

// unlimited reports whether the principal may do everything whatever the request (S4).
func (p *principal) unlimited() bool { return p.superuser() || len(p.adminRoles(true)) > 0 }

// special are the special permissions in force (S6), by name.
func (p *principal) special(yield func(*specialPermission) bool) {
	if p.user == nil {
		return
	}
	for _, special := range p.user.specialPermissions() {
		if special.window.inForce(p.at) && !yield(special) {
			return
		}
	}
}

// permissionLists are the user permissions of the principal, in force or not: its own by name, then those of its groups
// by name (S9).
func (p *principal) permissionLists() [2][]*userPermission {
	if p.user == nil {
		return [2][]*userPermission{nil, p.roleSet.permissions}
	}
	return [2][]*userPermission{p.user.permissions, p.roleSet.permissions}
}

// userPermissions yields UP(T): those for a type of link, in force, that act on requests about an action of a type; nil is
// any action.
func (p *principal) userPermissions(allow string, on *resourceType, a *action) iter.Seq[*userPermission] {
	return func(yield func(*userPermission) bool) {
		for _, list := range p.permissionLists() {
			for _, permission := range list {
				if permission.restricts(allow, on, a, p.at) && !yield(permission) {
					return
				}
			}
		}
	}
}

func (p *principal) groupNames() []string {
	var names []string
	for _, g := range p.groups {
		names = append(names, g.ref.Name)
	}
	return names
}

// roleNames are those of the held roles, sorted.
func (p *principal) roleNames() []string {
	var names []string
	for i := range p.roles {
		names = append(names, p.roles[i].role.ref.Name)
	}
	slices.Sort(names)
	return names
}

// via are the groups and the User object that give a role now, as Kind/name, sorted.
func (p *principal) via(role string) []string {
	gives := func(ref roleRef) bool { return ref.name == role && ref.window.inForce(p.at) }
	var via []string
	for _, g := range p.groups {
		if slices.ContainsFunc(g.roles, gives) {
			via = append(via, g.ref.String())
		}
	}
	if account := p.account(); account != nil && slices.ContainsFunc(account.roles, gives) {
		via = append(via, account.ref().String())
	}
	return via
}

// mayClaimStaff reports whether a request can make staff of the principal by a scope (S5).
func (p *principal) mayClaimStaff() bool { return !p.anonymous && len(p.policy.spec.StaffScopes) > 0 }

// isUser reports whether a subject's type is one of the domain's users (S2).
func (p *policy) isUser(subjectType string) bool {
	return slices.Contains(p.spec.SubjectTypes, v1alpha1.Token(subjectType))
}
