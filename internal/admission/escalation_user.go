package admission

import (
	"bytes"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// user judges a User: its roles and flags, and its attributes, which conditions look at (A7). A user without
// an object is one with an empty one.
func (e *judge) user() {
	was, is := userSpec(e.Old), userSpec(e.Object)
	var id string
	if u, ok := e.Old.(*v1alpha1.User); ok {
		id = u.UserID()
	}
	if u, ok := e.Object.(*v1alpha1.User); ok {
		id = u.UserID()
	} else if heirs := e.accounts(id); len(heirs) > 0 {
		is = heirs[0].Spec // another object of the same id, which comes into effect
	}
	if is.Disabled {
		return // it may do nothing; enabling it is judged in full
	}
	if is.Superuser && (!was.Superuser || was.Disabled) {
		e.givesAll(e.pathOf("superuser"), true, "being superuser gives everything")
		return
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
	if e.roleRefs(field.NewPath("spec", "roles"), was.Roles, is.Roles) {
		e.conditionsOnMembership(e.pathOf("roles"), roleNames(is.Roles), id)
	}
	if was.Staff != is.Staff {
		e.looksAt(e.pathOf("staff"), is.Staff, id, "subject", "staff")
	}
	if is.Staff && !was.Staff {
		forStaff := e.typeNames(func(t *v1alpha1.ResourceType) bool { return t.Spec.StaffOnly })
		e.gives(e.pathOf("staff"), true, "being staff", e.potential(id, forStaff))
	}
	for _, key := range slices.Sorted(maps.Keys(merged(was.Attributes, is.Attributes))) {
		before, had := was.Attributes[key]
		after, has := is.Attributes[key]
		if had != has || !bytes.Equal(before.Raw, after.Raw) {
			e.looksAt(e.pathOf("attributes", key), string(after.Raw), id, "subject", "attributes", key)
		}
	}
	e.roleless()
}

func userSpec(object engine.Object) v1alpha1.UserSpec {
	if user, ok := object.(*v1alpha1.User); ok {
		return user.Spec
	}
	return v1alpha1.UserSpec{}
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
// it may come into groups, or go out of them.
func (e *judge) looksAt(path *field.Path, value any, user string, at ...string) {
	e.gives(path, value, "a rule whose condition looks at it", e.probe.rules(rulesReading(e.userRules(user), at...), false))

	surelyBefore, surelyAfter := e.before.Effective(user, e.Now).Groups, e.after.Effective(user, e.Now).Groups
	maybeBefore, maybeAfter := e.mayBeIn(e.before, e.was, user), e.mayBeIn(e.after, e.is, user)
	for _, name := range slices.Sorted(maps.Keys(e.is.byName)) {
		group := e.is.byName[name]
		if !conditionReads(group, at...) {
			continue
		}
		changing := decidedByClaims(group) || conditionReads(group, "now")
		if slices.Contains(maybeAfter, name) && (changing || !slices.Contains(surelyBefore, name)) {
			e.joins(path, value, user, name)
		}
		if slices.Contains(maybeBefore, name) && (changing || !slices.Contains(surelyAfter, name)) {
			e.leaves(path, value, user, name)
		}
	}
}
