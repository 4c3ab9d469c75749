package admission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// warnings tells what is admitted and may not do what its author wants. What the object's own report knows –
// references to objects that do not exist, rules on an admin role, rules of access None, read rules without
// a requiredReadField – is said in the words of its status.
func warnings(r *review) []string {
	if r.Object == nil {
		return nil
	}
	report, ok := r.after.Report(r.ref)
	if !ok {
		return nil
	}
	var texts []string
	for _, missing := range report.Missing {
		text := fmt.Sprintf("%s: %s %s does not exist; until it does, what refers to it here has no effect.", missing.Path, missing.Kind, missing.Name)
		if missing.Nearest != "" {
			text += fmt.Sprintf(" Did you mean %s?", missing.Nearest)
		}
		texts = append(texts, text)
	}
	for _, advice := range report.Advice {
		texts = append(texts, fmt.Sprintf("%s: %s.", advice.Path, strings.TrimSuffix(advice.Message, ".")))
	}
	for _, path := range r.after.NotFilterable(r.ref) {
		texts = append(texts, path+": no list filter for a database can say this condition, so filters for what it gives are refused. "+
			"Compare properties with values to be able to list.")
	}
	switch object := r.Object.(type) {
	case *v1alpha1.SpecialPermission:
		texts = append(texts, specialPermissionWarnings(r, object)...)
	case *v1alpha1.UserPermission, *v1alpha1.UserPermissionSet:
		for _, c := range r.permissionChanges() {
			if c.is != nil {
				texts = append(texts, userPermissionWarnings(r, c.is)...)
			}
		}
	case *v1alpha1.Group:
		texts = append(texts, groupWarnings(r, object)...)
	}
	return texts
}

// specialPermissionWarnings are for a user whom nothing limits (S4), and for what conditional rules give and
// the special permission gives without their conditions (S6). They look at the first moment, from now on, at
// which the special permission is in force.
func specialPermissionWarnings(r *review, p *v1alpha1.SpecialPermission) []string {
	at := r.Now
	if p.Spec.StartsAt != nil && p.Spec.StartsAt.After(at) {
		at = p.Spec.StartsAt.Time
	}
	if p.Spec.ExpiresAt != nil && !p.Spec.ExpiresAt.After(at) {
		return nil
	}
	user := string(p.Spec.User)
	without, _ := r.after.With(engine.Remove(r.ref))
	before, beforeErr := without.Effective(user, at)
	after, afterErr := r.after.Effective(user, at)
	switch {
	case beforeErr != nil || afterErr != nil, after.Disabled:
		return nil
	case after.Superuser:
		return []string{fmt.Sprintf("User %s is a superuser, whom special permissions do not limit; this one has no effect.", user)}
	case after.Admin:
		return []string{fmt.Sprintf("User %s holds a role with adminAccess, which special permissions do not limit; this one has no effect.", user)}
	}
	conditional := map[string][]string{}
	for _, permission := range before.Permissions {
		conditional[permission.Resource] = permission.Conditional
	}
	var texts []string
	for _, permission := range after.Permissions {
		var widened []string
		for _, action := range conditional[permission.Resource] {
			if slices.Contains(permission.Allowed, action) {
				widened = append(widened, action)
			}
		}
		if len(widened) > 0 {
			texts = append(texts, fmt.Sprintf(
				"The special permission widens what conditional rules give user %s: %s on %s will be allowed on every record and field.",
				user, strings.Join(widened, ", "), permission.Resource))
		}
	}
	return texts
}

// userPermissionWarnings are for a restriction that binds only callers who say that they are in the group.
func userPermissionWarnings(r *review, p *v1alpha1.UserPermission) []string {
	if p.Spec.Group == "" {
		return nil
	}
	if by := claimedGroup(r.after, string(p.Spec.Group)); by != "" {
		return []string{restrictionByClaims(p, by)}
	}
	return nil
}

// groupWarnings are for user permissions that come to depend on claims by a change to the group.
func groupWarnings(r *review, group *v1alpha1.Group) []string {
	if claimedGroup(r.after, group.Name) == "" {
		return nil
	}
	around := r.after.GroupsAround(group.Name)
	var texts []string
	for _, p := range r.after.UserPermissions() {
		name := string(p.Spec.Group)
		if name == "" || !slices.Contains(around, name) || claimedGroup(r.before, name) != "" {
			continue
		}
		if by := claimedGroup(r.after, name); by != "" {
			texts = append(texts, restrictionByClaims(p, by))
		}
	}
	return texts
}

func restrictionByClaims(p *v1alpha1.UserPermission, by string) string {
	return fmt.Sprintf("What the caller claims decides who is in group %s, and so whom UserPermission %s for group %s restricts: "+
		"a caller who leaves the claim out is not restricted. List the members instead.", by, p.Name, p.Spec.Group)
}

// claimedGroup is the first group, by name, whose members are in the group and are so by what the caller
// claims; empty if there is none.
func claimedGroup(d *engine.Domain, name string) string {
	for _, inner := range d.GroupsWithin(name) {
		if group, ok := groupNamed(d, inner); ok && decidedByClaims(group) {
			return inner
		}
	}
	return ""
}
