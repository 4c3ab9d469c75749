package admission

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// group judges a Group: what its roles and rules newly give, and what joining or leaving it opens (A7).
func (e *judge) group() {
	was, is := groupSpec(e.Old), groupSpec(e.Object)
	spec := field.NewPath("spec")

	e.rules(spec.Child("rules"), was.Rules, is.Rules, e.probe.rules(was.Rules, false))
	if e.roleRefs(was.Roles, is.Roles) {
		e.conditionsOnMembership(e.pathOf("roles"), roleNames(is.Roles), "")
	}

	if i, user, ok := e.moreMembers(was.Members, is.Members); ok {
		var w v1alpha1.TimeWindow
		if user != "" {
			w = is.Members[i].TimeWindow
		}
		e.during(w, func() { e.joins(spec.Child("members").Index(i).Child("user"), is.Members[i].User, user, e.ref.Name) })
	}
	if i, user, ok := e.moreMembers(is.Members, was.Members); ok {
		e.leaves(e.pathOf("members"), was.Members[i].User, user, e.ref.Name)
	}
	for _, list := range []struct {
		name    string
		was, is []string
	}{
		{"groups", names[string](was.Groups), names[string](is.Groups)},
		{"externalGroups", names[string](was.ExternalGroups), names[string](is.ExternalGroups)},
	} {
		if i := slices.IndexFunc(list.is, func(name string) bool { return !slices.Contains(list.was, name) }); i >= 0 {
			e.joins(spec.Child(list.name).Index(i), list.is[i], "", e.ref.Name)
		}
		if i := slices.IndexFunc(list.was, func(name string) bool { return !slices.Contains(list.is, name) }); i >= 0 {
			e.leaves(e.pathOf(list.name), list.was[i], "", e.ref.Name)
		}
	}
	if was.MemberCondition != is.MemberCondition {
		if is.MemberCondition != "" {
			e.joins(spec.Child("memberCondition"), is.MemberCondition, "", e.ref.Name)
		}
		if was.MemberCondition != "" {
			e.leaves(e.pathOf("memberCondition"), was.MemberCondition, "", e.ref.Name)
		}
	}
	e.roleless()
}

func groupSpec(object engine.Object) v1alpha1.GroupSpec {
	if group, ok := object.(*v1alpha1.Group); ok {
		return group.Spec
	}
	return v1alpha1.GroupSpec{}
}

// moreMembers finds members that the second list has and the first has not, or not for as long: the index
// of the first one, and its name if it is the only one ("": several).
func (e *judge) moreMembers(before, after []v1alpha1.Member) (index int, user string, found bool) {
	had := make(map[v1alpha1.UserID]v1alpha1.TimeWindow, len(before))
	for _, m := range before {
		if !over(m.TimeWindow, e.Now) {
			had[m.User] = m.TimeWindow
		}
	}
	for i, m := range after {
		if window, ok := had[m.User]; over(m.TimeWindow, e.Now) || ok && within(m.TimeWindow, window, e.Now) {
			continue
		}
		if found {
			return index, "", true
		}
		index, user, found = i, string(m.User), true
	}
	return index, user, found
}

// joins judges that a user, or anybody (""), comes into a group: it gets what the group and those around it
// give, and their user permissions may allow it more records than its own do.
func (e *judge) joins(path *field.Path, value any, user, group string) {
	e.reachGives(path, value, "being in Group "+group, e.reachOf([]string{group}, nil))
	e.conditionsOnMembership(path, value, user)
	around := e.after.GroupsAround(group)
	for _, p := range e.userPermissions(e.after) {
		if slices.Contains(around, string(p.Spec.Group)) {
			e.allowsMore(path, value, p, user)
		}
	}
}

// leaves judges that a user, or anybody (""), goes out of a group: its user permissions, and those of the
// groups around it, no longer restrict the user.
func (e *judge) leaves(path *field.Path, value any, user, group string) {
	e.conditionsOnMembership(path, value, user)
	around := e.before.GroupsAround(group)
	if role := adminRoleOf(e.before, around, nil); role != "" {
		e.givesAll(path, value, "leaving Group "+group+" takes adminAccess, by Role "+role)
	}
	for _, p := range e.userPermissions(e.before) {
		if slices.Contains(around, string(p.Spec.Group)) {
			e.opens(path, value, "leaving the restriction by UserPermission "+p.Name, p, user)
		}
	}
}
