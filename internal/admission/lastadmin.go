package admission

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// lastAdmin is A2: where a known user that is not disabled is superuser or holds a role with adminAccess, as
// of now, one does so after the change too. Almost any kind of object may break it: a user can be known by a
// UserPermission alone, and hold the role by a group's memberCondition. A change that takes the last one away passes
// if the writer has promised the change that makes another (docs/adr/0018).
func lastAdmin(r *review) field.ErrorList {
	if !r.concernsAdmins() {
		return nil
	}
	if staying(r.after).HasAdmin(r.Now) {
		return nil
	}
	admins := r.before.Admins(r.Now)
	if len(admins) == 0 {
		return nil
	}
	if r.handsOver() {
		r.handedOver = admins
		return nil
	}
	path, value := r.adminPath()
	return field.ErrorList{field.Invalid(path, value, fmt.Sprintf(
		"%s the last admin of the domain, and nobody would be after this change; make another user superuser, or give one a role with adminAccess, first", are(admins)))}
}

// are names the first few of the admins and says that they are.
func are(admins []string) string {
	if len(admins) == 1 {
		return admins[0] + " is"
	}
	return strings.Join(admins[:min(len(admins), 3)], ", ") + " are"
}

// staying is a domain without what is being deleted and only waits for finalizers: it goes without being asked about
// again.
func staying(d *engine.Domain) *engine.Domain {
	var going []engine.Change
	for _, ref := range d.Terminating() {
		going = append(going, engine.Remove(ref))
	}
	if len(going) == 0 {
		return d
	}
	rest, _ := d.With(going...)
	return rest
}

// concernsAdmins says whether the change may take an admin away. It spares most changes a look at all users.
func (r *review) concernsAdmins() bool {
	if public, _ := r.before.RoleSpec(r.before.Policy().PublicRole); public.AdminAccess {
		return true // whoever has no other role is admin; A1 keeps it from being so
	}
	switch {
	case Independent(r.ref.Kind), r.ref.Kind == engine.KindResourceType:
		return false
	case r.ref.Kind == engine.KindRole:
		was, _ := r.before.RoleSpec(r.ref.Name)
		return was.AdminAccess
	case r.ref.Kind == engine.KindGroup:
		return r.groupConcernsAdmins()
	}
	affected := r.delta.Affected()
	return affected.All || slices.ContainsFunc(affected.Users, func(user string) bool { return r.before.IsAdmin(user, r.Now) })
}

// groupConcernsAdmins says whether members of the group are, or were, given adminAccess by it or a group
// around it. Where a memberCondition gives adminAccess, any group may: listing a member makes a user known.
func (r *review) groupConcernsAdmins() bool {
	var giving []string
	for _, group := range objectsOf[*v1alpha1.Group](r.before, engine.KindGroup) {
		if slices.ContainsFunc(group.Spec.Roles, func(ref v1alpha1.RoleRef) bool {
			role, _ := r.before.RoleSpec(string(ref.Name))
			return role.AdminAccess
		}) {
			giving = append(giving, group.Name)
		}
	}
	return slices.ContainsFunc(r.before.GroupsWithin(giving...), func(name string) bool {
		group, exists := groupNamed(r.before, name)
		return name == r.ref.Name || exists && group.Spec.MemberCondition != ""
	})
}

// adminPath is the field by which the change takes an admin away.
func (r *review) adminPath() (*field.Path, any) {
	spec := field.NewPath("spec")
	switch object := r.Object.(type) {
	case *v1alpha1.User:
		old, _ := r.Old.(*v1alpha1.User)
		switch {
		case object.Spec.Disabled && (old == nil || !old.Spec.Disabled):
			return spec.Child("disabled"), true
		case old != nil && old.Spec.Superuser && !object.Spec.Superuser:
			return spec.Child("superuser"), false
		}
		return spec.Child("roles"), roleNames(object.Spec.Roles)
	case *v1alpha1.Role:
		return spec.Child("adminAccess"), object.Spec.AdminAccess
	case *v1alpha1.PermissionPolicy:
		return spec.Child("adminRole"), object.Spec.AdminRole
	case nil:
		return field.NewPath("metadata", "name"), r.ref.Name
	}
	return spec, r.ref.Name
}

func roleNames(refs []v1alpha1.RoleRef) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = string(ref.Name)
	}
	return strings.Join(names, ", ")
}
