package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// builtInRoles is A1: the admin and the public role stay what the policy needs them to be. That is broken by
// writing or deleting the roles, and by a policy that gives the names to roles that are not so.
func builtInRoles(r *review) field.ErrorList {
	switch r.ref.Kind {
	case engine.KindRole:
		return builtInRole(r)
	case engine.KindPermissionPolicy:
		return builtInNames(r)
	default:
		return nil
	}
}

func builtInRole(r *review) field.ErrorList {
	policy := r.before.Policy()
	isAdminRole, isPublicRole := r.ref.Name == policy.AdminRole, r.ref.Name == policy.PublicRole
	if !isAdminRole && !isPublicRole {
		return nil
	}
	if r.Operation == Delete {
		if !r.before.HasPolicy() {
			return nil
		}
		setting := "adminRole"
		if isPublicRole {
			setting = "publicRole"
		}
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), r.ref.Name, fmt.Sprintf(
			"the role is built in: PermissionPolicy %s needs it as its %s; name another role there, or delete the policy, first",
			v1alpha1.PolicyName, setting))}
	}
	role, _ := r.Object.(*v1alpha1.Role)
	was := v1alpha1.RoleSpec{}
	if r.Operation == Update {
		was = roleOf(r.Old)
	} else if isAdminRole && r.before.HasPolicy() {
		was.AdminAccess = true // the built-in role that the object replaces
	}
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if isAdminRole && was.AdminAccess && !role.Spec.AdminAccess {
		errs = append(errs, field.Invalid(spec.Child("adminAccess"), false, fmt.Sprintf(
			"%s is the domain's admin role and keeps adminAccess; set it to true or, if the application has a role of this name, set adminRole of PermissionPolicy %s to another name first, such as remit-admin",
			r.ref.Name, v1alpha1.PolicyName)))
	}
	if isAdminRole && role.Spec.AdminAccess && r.before.HasPolicy() {
		errs = append(errs, adminRoleRules(role.Spec, was, r.ref.Name, "")...)
	}
	if !isPublicRole {
		return errs
	}
	for _, flag := range []struct {
		name     string
		was, now bool
	}{{"adminAccess", was.AdminAccess, role.Spec.AdminAccess}, {"appAccess", was.AppAccess, role.Spec.AppAccess}} {
		if flag.now && !flag.was {
			errs = append(errs, field.Invalid(spec.Child(flag.name), true, fmt.Sprintf(
				"%s is the domain's public role, which everybody without another role holds, anonymous callers too; leave %s out, and give it to another role",
				r.ref.Name, flag.name)))
		}
	}
	return errs
}

// adminRoleRules finds what an admin role must not say: adminAccess gives everything, so that rules or appAccess beside it are
// those of an application which has a role of that name itself, and whose users would all be admins. was is what the role
// said before.
func adminRoleRules(role, was v1alpha1.RoleSpec, name, of string) field.ErrorList {
	var errs field.ErrorList
	refuse := func(path *field.Path, value any) {
		errs = append(errs, field.Invalid(path, value, fmt.Sprintf(
			"%sRole %s is the domain's admin role, whose adminAccess gives everything; if the application has a role of this name, set adminRole of PermissionPolicy %s to another name first, such as remit-admin; else leave it out",
			of, name, v1alpha1.PolicyName)))
	}
	spec := field.NewPath("spec")
	if of != "" {
		spec = field.NewPath("spec", "adminRole")
	}
	at := func(name string) *field.Path {
		if of != "" {
			return spec
		}
		return spec.Child(name)
	}
	if len(role.Rules) > 0 && !equality.Semantic.DeepEqual(role.Rules, was.Rules) {
		refuse(at("rules"), name)
	}
	if role.AppAccess && !was.AppAccess {
		refuse(at("appAccess"), true)
	}
	return errs
}

func roleOf(object engine.Object) v1alpha1.RoleSpec {
	if role, ok := object.(*v1alpha1.Role); ok {
		return role.Spec
	}
	return v1alpha1.RoleSpec{}
}

// builtInNames looks at the roles that a policy newly names: naming a role is taking or giving what it has.
func builtInNames(r *review) field.ErrorList {
	if r.Operation == Delete || r.ref.Name != v1alpha1.PolicyName {
		return nil
	}
	before, after := r.before.Policy(), r.after.Policy()
	isNew := r.Operation == Create || !r.before.HasPolicy()
	adminPath, publicPath := field.NewPath("spec", "adminRole"), field.NewPath("spec", "publicRole")
	if after.AdminRole == after.PublicRole {
		if !isNew && before.AdminRole == before.PublicRole {
			return nil
		}
		return field.ErrorList{field.Invalid(publicPath, after.PublicRole,
			"is the adminRole too, so that everybody without another role would be admin; name two roles")}
	}
	var errs field.ErrorList
	if role, exists := r.after.Lookup(engine.Ref{Kind: engine.KindRole, Name: after.AdminRole}); exists && (isNew || before.AdminRole != after.AdminRole) {
		if !roleOf(role).AdminAccess {
			errs = append(errs, field.Invalid(adminPath, after.AdminRole, fmt.Sprintf(
				"the admin role has adminAccess, and Role %s has not; give it adminAccess first, or name another role as adminRole, such as remit-admin", after.AdminRole)))
		} else {
			errs = append(errs, adminRoleRules(roleOf(role), v1alpha1.RoleSpec{}, after.AdminRole, "it has rules or appAccess: ")...)
		}
	}
	if role, exists := r.after.Lookup(engine.Ref{Kind: engine.KindRole, Name: after.PublicRole}); exists && (isNew || before.PublicRole != after.PublicRole) {
		if spec := roleOf(role); spec.AdminAccess || spec.AppAccess {
			errs = append(errs, field.Invalid(publicPath, after.PublicRole, fmt.Sprintf(
				"everybody without another role holds the public role, and Role %s has adminAccess or appAccess; take them from it first, or name another role", after.PublicRole)))
		}
	}
	return errs
}
