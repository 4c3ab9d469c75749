package engine

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// user is what the domain's objects say of one known user: one that a User, a Group's members, a
// UserPermission or a SpecialPermission names.
type user struct {
	id string
	// accounts are the User objects of this id, the one that counts first.
	accounts     []*account
	memberships  []membership         // by group
	restrictions []*userPermission    // its own, by name
	exceptions   []*specialPermission // by name

	profile atomic.Pointer[profile] // the last one
}

// account is the User object that counts, or nil.
func (u *user) account() *account {
	if u == nil || len(u.accounts) == 0 {
		return nil
	}
	return u.accounts[0]
}

func (u *user) named() bool {
	return len(u.accounts)+len(u.memberships)+len(u.restrictions)+len(u.exceptions) > 0
}

// account is a compiled User.
type account struct {
	object     *v1alpha1.User
	ref        Ref
	id         string
	disabled   bool
	superuser  bool
	staff      bool
	roles      []roleRef
	attributes map[string]any
	problems   []Problem
}

func compileAccount(object *v1alpha1.User) *account {
	a := &account{
		object:    object,
		ref:       Ref{KindUser, object.Name},
		id:        object.UserID(),
		disabled:  object.Spec.Disabled,
		superuser: object.Spec.Superuser,
		staff:     object.Spec.Staff,
	}
	a.roles = compileRoleRefs("spec.roles", object.Spec.Roles, &a.problems)
	for key, value := range object.Spec.Attributes {
		if a.attributes == nil {
			a.attributes = make(map[string]any, len(object.Spec.Attributes))
		}
		parsed, err := parse(value)
		if err != nil {
			a.problems = append(a.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: "spec.attributes[" + key + "]", Value: string(value.Raw), Message: err.Error(),
			})
			continue
		}
		a.attributes[key] = parsed
	}
	return a
}

// older orders objects that contradict each other: the older one wins, then the first by name.
func older(a, b Object) int {
	aTime, bTime := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(aTime.Compare(bTime.Time), cmp.Compare(a.GetName(), b.GetName()))
}

// userPermission is a compiled UserPermission.
type userPermission struct {
	object          *v1alpha1.UserPermission
	ref             Ref
	allow           string
	values          []string // sorted
	fallback        string   // the default; empty: none
	applicableFor   []string
	hideDescendants bool
	window          window
	problems        []Problem
}

func compileUserPermission(object *v1alpha1.UserPermission) *userPermission {
	p := &userPermission{
		object:          object,
		ref:             Ref{KindUserPermission, object.Name},
		allow:           string(object.Spec.Allow),
		values:          texts(object.Spec.ForValues),
		applicableFor:   texts(object.Spec.ApplicableFor),
		hideDescendants: object.Spec.HideDescendants,
	}
	slices.Sort(p.values)
	if p.names(string(object.Spec.Default)) {
		p.fallback = string(object.Spec.Default)
	}
	if (object.Spec.User == "") == (object.Spec.Group == "") {
		p.problems = append(p.problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: "spec.user", Value: string(object.Spec.User), Message: "give exactly one of user, group",
		})
	}
	p.window = checkedWindow("spec", object.Spec.TimeWindow, &p.problems)
	return p
}

// names says whether a record is one of the values.
func (p *userPermission) names(id string) bool {
	const few = 8
	if len(p.values) <= few {
		return slices.Contains(p.values, id)
	}
	_, found := slices.BinarySearch(p.values, id)
	return found
}

// actsOn says whether the permission restricts requests about a type.
func (p *userPermission) actsOn(resourceType string) bool {
	return len(p.applicableFor) == 0 || slices.Contains(p.applicableFor, resourceType)
}

// specialPermission is a compiled SpecialPermission.
type specialPermission struct {
	object   *v1alpha1.SpecialPermission
	ref      Ref
	entries  []v1alpha1.SpecialPermissionEntry
	window   window
	problems []Problem
}

func compileSpecialPermission(object *v1alpha1.SpecialPermission) *specialPermission {
	p := &specialPermission{
		object:  object,
		ref:     Ref{KindSpecialPermission, object.Name},
		entries: object.Spec.Permissions,
	}
	for i, entry := range p.entries {
		if len(entry.Resources) == 0 && len(entry.Areas) == 0 {
			p.problems = append(p.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.permissions[%d]", i), Message: "names nothing; give resources, areas, or both",
			})
		}
	}
	p.window = checkedWindow("spec", object.Spec.TimeWindow, &p.problems)
	return p
}

// on is the most restrictive level that the object gives on a type, and false where it says nothing (S6).
func (p *specialPermission) on(t *resourceType) (v1alpha1.Access, bool) {
	level, says := v1alpha1.AccessFull, false
	for _, entry := range p.entries {
		if severity(entry.Access) < 0 || !entryNames(entry, t) {
			continue
		}
		if !says || severity(entry.Access) > severity(level) {
			level = entry.Access
		}
		says = true
	}
	return level, says
}

func entryNames(entry v1alpha1.SpecialPermissionEntry, t *resourceType) bool {
	for _, name := range entry.Resources {
		if name == v1alpha1.Any || string(name) == t.name {
			return true
		}
	}
	for _, area := range entry.Areas {
		if slices.Contains(t.areas, string(area)) {
			return true
		}
	}
	return false
}

// severity orders the levels of special permissions; NotApplicable says nothing and has none. A level that
// no schema admits takes away.
func severity(access v1alpha1.Access) int {
	switch access {
	case v1alpha1.AccessNotApplicable:
		return -1
	case v1alpha1.AccessFull:
		return 0
	case v1alpha1.AccessReadOnly:
		return 1
	}
	return 2
}
