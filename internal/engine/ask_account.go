package engine

import (
	"fmt"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Account is what an object says of a user.
type Account struct {
	// Ref is the User, or the UserSet with an entry of the id.
	Ref Ref
	v1alpha1.Account
}

// Accounts returns what Users and UserSets say of an id, what counts first. They must not be changed, nor must what the
// methods below return.
func (d *Domain) Accounts(id string) []Account {
	u, _ := d.users.get(id)
	var accounts []Account
	for _, a := range u.accounts() {
		accounts = append(accounts, Account{a.ref(), a.spec()})
	}
	return accounts
}

// WithAccount returns a copy of the object that counts for an id, a User or a UserSet, with a change of what it says of the
// user, and the path of that in the object, such as "spec.users[3]"; false if there is none.
func (d *Domain) WithAccount(id string, change func(*v1alpha1.Account)) (object Object, at string, ok bool) {
	u, _ := d.users.get(id)
	a := u.account()
	if a == nil {
		return nil, "", false
	}
	object, _ = d.Lookup(a.ref())
	switch object := object.DeepCopyObject().(type) {
	case *v1alpha1.User:
		change(&object.Spec.Account)
		return object, "spec", true
	case *v1alpha1.UserSet:
		i := slices.IndexFunc(object.Spec.Users, func(e v1alpha1.UserEntry) bool { return string(e.ID) == id })
		change(&object.Spec.Users[i].Account)
		return object, fmt.Sprintf("spec.users[%d]", i), true
	}
	return nil, "", false
}

// WithUserPermission does the same for a user permission by its name: its object, or for the name <set>/<entry> the set.
func (d *Domain) WithUserPermission(name string, change func(*v1alpha1.UserPermissionSpec)) (object Object, at string, ok bool) {
	if object, ok = d.Lookup(permissionObject(name)); !ok {
		return nil, "", false
	}
	switch object := object.DeepCopyObject().(type) {
	case *v1alpha1.UserPermission:
		change(&object.Spec)
		return object, "spec", true
	case *v1alpha1.UserPermissionSet:
		_, entry, _ := v1alpha1.SplitEntryName(name)
		i := slices.IndexFunc(object.Spec.Permissions, func(e v1alpha1.UserPermissionEntry) bool { return string(e.Name) == entry })
		if i < 0 {
			return nil, "", false
		}
		change(&object.Spec.Permissions[i].UserPermissionSpec)
		return object, fmt.Sprintf("spec.permissions[%d]", i), true
	}
	return nil, "", false
}

// UserPermissions returns all of the domain, those of sets as what they count as, sorted by name.
func (d *Domain) UserPermissions() []*v1alpha1.UserPermission {
	all := slices.SortedFunc(d.eachUserPermission, byRef)
	return userPermissionObjects(all)
}

// UserPermissionsOf returns those that name a user, sorted by name.
func (d *Domain) UserPermissionsOf(user string) []*v1alpha1.UserPermission {
	u, _ := d.users.get(user)
	if u == nil {
		return nil
	}
	return userPermissionObjects(u.permissions)
}

// UserPermissionsOfGroup returns those that name a group, sorted by name.
func (d *Domain) UserPermissionsOfGroup(group string) []*v1alpha1.UserPermission {
	restrictions, _ := d.groupRestrictions.get(group)
	return userPermissionObjects(restrictions)
}
