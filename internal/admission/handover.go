package admission

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// handsOver reports whether somebody is admin once the writer has stored what it has promised too (A2). A promise counts if
// no other rule is against it after the change: who gives up being admin may not be allowed any more to make another one (A7).
func (r *review) handsOver() bool {
	state := r.after
	left := slices.DeleteFunc(slices.Clone(r.Promised), func(object engine.Object) bool {
		kind, ok := engine.KindOf(object)
		return !ok || (engine.Ref{Kind: kind, Name: object.GetName()}) == r.ref // the change says something else by now
	})
	if len(left) == 0 {
		return false
	}
	for stored := true; stored; {
		stored = false
		left = slices.DeleteFunc(left, func(object engine.Object) bool {
			next, err := newReview(state, r.of(state, object))
			if err != nil || len(next.refusals("A2")) > 0 {
				return false
			}
			state, stored = next.after, true
			return true
		})
	}
	return staying(state).HasAdmin(r.Now)
}

// of is the change by which the same writer stores an object in a domain.
func (r *review) of(d *engine.Domain, object engine.Object) Change {
	change := Change{Operation: Create, Object: object, User: r.User, MemoryLimit: r.MemoryLimit, Now: r.Now}
	kind, _ := engine.KindOf(object)
	if old, exists := d.Lookup(engine.Ref{Kind: kind, Name: object.GetName()}); exists {
		change.Operation, change.Old = Update, old
	}
	return change
}

// refusals are the errors of the rules, but for some.
func (r *review) refusals(except ...string) field.ErrorList {
	var result Result
	r.judge(&result, except...)
	return result.Errors
}

// touchesAdmins reports whether the change may make somebody admin or no longer one, in the state that it is judged by or
// the state after it.
func (r *review) touchesAdmins() bool {
	back := *r
	back.before, back.after = r.after, r.before
	return r.ref.Kind == engine.KindPermissionPolicy || r.concernsAdmins() || back.concernsAdmins()
}

// promises reports whether what A2 says of another change may depend on this one: there is an admin to lose, and the
// change touches who is, or gives a role that is still to come and may have adminAccess.
func (r *review) promises() bool {
	if r.Object == nil || Independent(r.ref.Kind) || !r.before.HasAdmin(r.Now) {
		return false
	}
	var roles []v1alpha1.RoleRef
	for _, account := range accountsIn(r.Object) {
		roles = append(roles, account.says.Roles...)
	}
	if group, ok := r.Object.(*v1alpha1.Group); ok {
		roles = group.Spec.Roles
	}
	return r.touchesAdmins() || slices.ContainsFunc(roles, func(ref v1alpha1.RoleRef) bool {
		_, exists := r.before.RoleSpec(string(ref.Name))
		return !exists
	})
}

// listed names the first few objects.
func listed(objects []engine.Object) string {
	const few = 3
	var names []string
	for _, object := range objects[:min(len(objects), few)] {
		kind, _ := engine.KindOf(object)
		names = append(names, engine.Ref{Kind: kind, Name: object.GetName()}.String())
	}
	if left := len(objects) - few; left > 0 {
		names = append(names, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(names, ", ")
}
