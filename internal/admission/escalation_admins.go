package admission

import (
	"fmt"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// forAdmins judges what is for admins alone (A7): what changes the meaning of others' grants and restrictions, who is
// admin, and the built-in roles. It reports whether the change is of that sort.
func (e *judge) forAdmins() bool {
	switch e.ref.Kind {
	case engine.KindRole:
		return e.adminRole()
	case engine.KindGroup:
		return e.adminGroup()
	case engine.KindUser, engine.KindUserSet:
		return slices.ContainsFunc(e.userChanges(), e.adminUser)
	case engine.KindUserPermission, engine.KindUserPermissionSet, engine.KindSpecialPermission:
		return false
	default:
		e.givesAll(objectName, e.ref.Name, fmt.Sprintf("a %s decides what the grants and restrictions of others mean", e.ref.Kind))
		return true
	}
}

func (e *judge) adminRole() bool {
	before, after := e.before.Policy(), e.after.Policy()
	was, _ := e.before.RoleSpec(e.ref.Name)
	is, _ := e.after.RoleSpec(e.ref.Name)
	switch e.ref.Name {
	case before.AdminRole, after.AdminRole, before.PublicRole, after.PublicRole:
		e.givesAll(objectName, e.ref.Name, "it is a built-in role")
		return true
	}
	if was.AdminAccess || is.AdminAccess {
		e.givesAll(e.pathOf("adminAccess"), is.AdminAccess, "a role with adminAccess decides who is admin")
		return true
	}
	return false
}

func (e *judge) adminGroup() bool {
	was, is := groupSpec(e.Old), groupSpec(e.Object)
	if i, role := e.newAdminRole(was.Roles, is.Roles); role != "" {
		e.givesAll(e.pathOf("roles").Index(i).Child("name"), role, fmt.Sprintf("Role %s gives everything, by adminAccess", role))
		return true
	}
	for _, d := range []*engine.Domain{e.before, e.after} {
		if role := adminRoleOf(d, d.GroupsAround(e.ref.Name), nil); role != "" {
			path := objectName
			if i, _, ok := e.moreMembers(was.Members, is.Members); ok {
				path = e.pathOf("members").Index(i).Child("user")
			}
			e.givesAll(path, e.ref.Name, "its members are admins, by adminAccess of Role "+role)
			return true
		}
	}
	return false
}

func (e *judge) adminUser(c entryChange[v1alpha1.Account]) bool {
	e.at = c.at
	was, is := orNone(c.was), orNone(c.is)
	if was.Superuser || is.Superuser {
		e.givesAll(e.pathOf("superuser"), is.Superuser, "being superuser gives everything")
		return true
	}
	if i, role := e.newAdminRole(was.Roles, is.Roles); role != "" {
		e.givesAll(e.pathOf("roles").Index(i).Child("name"), role, fmt.Sprintf("Role %s gives everything, by adminAccess", role))
		return true
	}
	for _, d := range []*engine.Domain{e.before, e.after} {
		var refs []v1alpha1.RoleRef
		for _, account := range d.Accounts(c.key) {
			if account.Superuser {
				e.givesAll(objectName, e.ref.Name, fmt.Sprintf("user %s is a superuser", c.key))
				return true
			}
			refs = append(refs, account.Roles...)
		}
		if role := adminRoleOf(d, d.GroupsAround(e.surelyIn(d, c.key)...), refs); role != "" {
			path := objectName
			if was.Disabled != is.Disabled {
				path = e.pathOf("disabled")
			}
			e.givesAll(path, e.ref.Name, fmt.Sprintf("user %s is an admin, by adminAccess of Role %s", c.key, role))
			return true
		}
	}
	return false
}

// orNone is what an entry says of a user; without one, nothing.
func orNone(account *v1alpha1.Account) v1alpha1.Account {
	if account == nil {
		return v1alpha1.Account{}
	}
	return *account
}

// newAdminRole is a reference to a role with adminAccess that is newly given, or for longer; "" if there is none.
func (e *judge) newAdminRole(before, after []v1alpha1.RoleRef) (index int, role string) {
	for i, ref := range after {
		if role, _ := e.after.RoleSpec(string(ref.Name)); role.AdminAccess && !e.refsWithin([]v1alpha1.RoleRef{ref}, before) {
			return i, string(ref.Name)
		}
	}
	return 0, ""
}

// surelyIn are groups that a user is in without a request, now or in a time window to come.
func (e *judge) surelyIn(d *engine.Domain, user string) []string {
	var in []string
	if effective, err := d.Effective(user, e.Now); err == nil {
		in = effective.Groups
	}
	for _, group := range objectsOf[*v1alpha1.Group](d, engine.KindGroup) {
		if slices.ContainsFunc(group.Spec.Members, func(m v1alpha1.Member) bool { return string(m.User) == user && !over(m.TimeWindow, e.Now) }) {
			in = append(in, group.Name)
		}
	}
	return in
}

// adminRoleOf is a role with adminAccess that groups give, or that is among other references; "" if there is none.
func adminRoleOf(d *engine.Domain, groups []string, refs []v1alpha1.RoleRef) string {
	for _, name := range groups {
		if group, ok := groupNamed(d, name); ok {
			refs = append(slices.Clip(refs), group.Spec.Roles...)
		}
	}
	for _, ref := range refs {
		if role, _ := d.RoleSpec(string(ref.Name)); role.AdminAccess {
			return string(ref.Name)
		}
	}
	return ""
}
