package admission

import (
	"bytes"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// users judges what an object says of users, and what counts of them before and after: a User comes before the entries of
// sets, and an older set before another (A7).
func (e *judge) users() {
	for _, c := range e.userChanges() {
		e.at = c.at
		before, after := counting(e.before, c.key), counting(e.after, c.key)
		was, is := orNone(c.was), orNone(c.is)
		if c.is == nil {
			is = after // what else is said of the user comes into effect
		}
		e.user(c.key, was, is)
		if !equality.Semantic.DeepEqual(was, before) || !equality.Semantic.DeepEqual(is, after) {
			e.user(c.key, before, after)
		}
	}
	e.at = nil
	e.roleless()
}

// counting is what counts of a user.
func counting(d *engine.Domain, user string) v1alpha1.Account {
	if accounts := d.Accounts(user); len(accounts) > 0 {
		return accounts[0].Account
	}
	return v1alpha1.Account{}
}

// user judges a user's roles and flags, and its attributes, which conditions look at (A7). A user without an object is one
// with an empty one.
func (e *judge) user(id string, was, is v1alpha1.Account) {
	if is.Disabled {
		return // it may do nothing; enabling it is judged in full
	}
	if was.Disabled {
		path, part := e.pathOf("disabled"), "enabling the user"
		if r := e.userReach(id); r.admin != "" || r.missing != "" {
			e.reachGives(path, false, part, r)
		} else {
			e.gives(path, false, part, e.potential(id, e.typeNames(nil)))
		}
		return
	}
	if e.roleRefs(was.Roles, is.Roles) {
		e.conditionsOnMembership(e.pathOf("roles"), roleNames(is.Roles), id)
	}
	if was.Staff != is.Staff {
		e.looksAt(e.pathOf("staff"), is.Staff, id, was, is, "subject", "staff")
	}
	if is.Staff && !was.Staff {
		forStaff := e.typeNames(func(t *v1alpha1.ResourceType) bool { return t.Spec.StaffOnly })
		e.gives(e.pathOf("staff"), true, "being staff", e.potential(id, forStaff))
	}
	for _, key := range slices.Sorted(maps.Keys(merged(was.Attributes, is.Attributes))) {
		before, had := was.Attributes[key]
		after, has := is.Attributes[key]
		if had != has || !bytes.Equal(before.Raw, after.Raw) {
			e.looksAt(e.pathOf("attributes", key), string(after.Raw), id, was, is, "subject", "attributes", key)
		}
	}
}

func merged[V any](a, b map[string]V) map[string]V {
	both := maps.Clone(a)
	if both == nil {
		both = map[string]V{}
	}
	maps.Copy(both, b)
	return both
}

// looksAt judges that something about a user changes at which expressions look: rules may give it more, and
// it may come into groups, or go out of them. was and is are the user before and after.
func (e *judge) looksAt(path *field.Path, value any, user string, was, is v1alpha1.Account, at ...string) {
	e.gives(path, value, "a rule whose condition looks at it", e.probe.rules(rulesReading(e.userRules(user), at...), false))
	for _, group := range objectsOf[*v1alpha1.Group](e.after, engine.KindGroup) {
		if !conditionReads(group, at...) {
			continue
		}
		open := e.undecided(group) // it may be a member or not, before and after
		before, after := e.meets(user, was, group), e.meets(user, is, group)
		if open || after == metTrue && before != metTrue {
			e.joins(path, value, user, group.Name)
		}
		if open || before != metFalse && after == metFalse {
			e.leaves(path, value, user, group.Name)
		}
	}
}

// met is what a memberCondition says of a user. One in error restricts, and gives nothing (S3).
type met int

const (
	metFalse met = iota
	metTrue
	metError
)

// meets tells whether a user is in a group by its memberCondition alone.
func (e *judge) meets(id string, user v1alpha1.Account, group *v1alpha1.Group) met {
	d := engine.Compile([]engine.Object{
		&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: probeUser}, Spec: v1alpha1.UserSpec{
			ID: v1alpha1.UserID(id), Account: v1alpha1.Account{Staff: user.Staff, Attributes: user.Attributes},
		}},
		&v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: group.Name}, Spec: v1alpha1.GroupSpec{MemberCondition: group.Spec.MemberCondition}},
	})
	switch member, err := d.MeetsCondition(id, group.Name, e.Now); {
	case err != nil:
		return metError
	case member:
		return metTrue
	}
	return metFalse
}
