package admission

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// userPermissionChanges judges the user permissions that differ.
func (e *judge) userPermissionChanges() {
	for _, c := range e.permissionChanges() {
		if e.at = c.at; len(e.errs) == 0 { // one is enough to refuse the change
			e.userPermission(c.was, c.is)
		}
	}
	e.at = nil
}

// userPermission judges a user permission: records that a user, or the members of a group, were kept from and no longer
// are (A7).
func (e *judge) userPermission(was, is *v1alpha1.UserPermission) {
	path, value := e.pathOf(), e.ref.Name
	if was != nil && !over(was.Spec.TimeWindow, e.Now) && !e.restrictsAsMuch(was, is) {
		e.opens(path, value, "lifting the restriction", was, string(was.Spec.User))
	}
	if len(e.errs) == 0 && is != nil && !over(is.Spec.TimeWindow, e.Now) && !e.allowsNoMore(was, is) {
		e.allowsMore(path, value, is, string(is.Spec.User))
	}
	if len(e.errs) == 0 {
		e.fallback(was, is)
	}
}

// fallback judges a default, which a Create stores (S11): a condition may hold by it, or no longer be kept from holding. Who
// gives one, or takes it away, may create the records that it is stored in.
func (e *judge) fallback(was, is *v1alpha1.UserPermission) {
	var before, after v1alpha1.RecordID
	if was != nil && !over(was.Spec.TimeWindow, e.Now) {
		before = was.Spec.Default
	}
	if is != nil && !over(is.Spec.TimeWindow, e.Now) {
		after = is.Spec.Default
	}
	same := was != nil && is != nil && sameSubject(was, is) && appliesWithin(is, was) &&
		appliesWithin(was, is) && within(is.Spec.TimeWindow, was.Spec.TimeWindow, e.Now) && within(was.Spec.TimeWindow, is.Spec.TimeWindow, e.Now)
	if before == after && (same || after == "") {
		return
	}
	for _, p := range []*v1alpha1.UserPermission{was, is} {
		if p == nil || p.Spec.Default == "" {
			continue
		}
		e.gives(e.pathOf("default"), string(after), "a default for "+string(p.Spec.Allow), e.creates(p))
		if len(e.errs) > 0 {
			return
		}
	}
}

// creates are the actions that store the default of a user permission, whoever may take them today: those of class Create
// of types with links to which it applies.
func (e *judge) creates(p *v1alpha1.UserPermission) grants {
	found := grants{}
	for _, t := range e.types {
		links := slices.ContainsFunc(t.Spec.Fields, func(f v1alpha1.Field) bool { return f.LinksTo == string(p.Spec.Allow) })
		if !links || !actsOn(&p.Spec, v1alpha1.Name(t.TypeName())) {
			continue
		}
		for _, action := range engine.ActionsOf(t) {
			if action.Class == v1alpha1.ClassCreate {
				found.add(t.TypeName(), string(action.Name), true)
			}
		}
	}
	return found
}

// restrictsAsMuch says whether the new permission keeps the same users from all records that the old one
// kept them from, for as long and on the same types.
func (e *judge) restrictsAsMuch(was, is *v1alpha1.UserPermission) bool {
	return is != nil && sameSubject(was, is) && valuesWithin(is, was) &&
		within(was.Spec.TimeWindow, is.Spec.TimeWindow, e.Now) &&
		appliesWithin(was, is)
}

// allowsNoMore says whether the new permission, which beside others adds its records to theirs, adds none
// that the old one did not, nor for longer or on more types.
func (e *judge) allowsNoMore(was, is *v1alpha1.UserPermission) bool {
	return was != nil && sameSubject(was, is) && valuesWithin(is, was) &&
		within(is.Spec.TimeWindow, was.Spec.TimeWindow, e.Now) &&
		appliesWithin(is, was)
}

func sameSubject(a, b *v1alpha1.UserPermission) bool {
	return a.Spec.User == b.Spec.User && a.Spec.Group == b.Spec.Group && a.Spec.Allow == b.Spec.Allow
}

func valuesWithin(inner, outer *v1alpha1.UserPermission) bool {
	if outer.Spec.HideDescendants && !inner.Spec.HideDescendants {
		return false
	}
	return !slices.ContainsFunc(inner.Spec.ForValues, func(value v1alpha1.RecordID) bool {
		return !slices.Contains(outer.Spec.ForValues, value)
	})
}

// appliesWithin reports whether one user permission acts on no type and no action on which another does not.
func appliesWithin(inner, outer *v1alpha1.UserPermission) bool {
	is, around := &inner.Spec, &outer.Spec
	if len(around.Actions) > 0 && (len(is.Actions) == 0 || !isSubset(is.Actions, around.Actions)) {
		return false
	}
	if len(is.ApplicableFor) > 0 {
		return !slices.ContainsFunc(is.ApplicableFor, func(name v1alpha1.Name) bool { return actsOn(is, name) && !actsOn(around, name) })
	}
	return len(around.ApplicableFor) == 0 && isSubset(around.ExceptFor, is.ExceptFor)
}

func isSubset[T comparable](list, of []T) bool {
	return !slices.ContainsFunc(list, func(element T) bool { return !slices.Contains(of, element) })
}

// opens reports that a user permission no longer restricts a user, or anybody (""): who takes it away holds,
// on every record, what they may do on the types that it restricted.
func (e *judge) opens(path *field.Path, value any, part string, p *v1alpha1.UserPermission, user string) {
	e.gives(path, value, part+" on "+string(p.Spec.Allow), e.potential(user, e.restricted(p)))
}

// allowsMore reports that a user permission opens records: beside others for the same type of record, whose
// values it adds to, or where strict links without any are closed (S9).
func (e *judge) allowsMore(path *field.Path, value any, p *v1alpha1.UserPermission, user string) {
	if !e.after.IsStrict(string(p.Spec.Allow)) && !e.isBeside(p, user) {
		return
	}
	part := fmt.Sprintf("allowing more records of %s than other user permissions, or a strict policy, do", p.Spec.Allow)
	e.gives(path, value, part, e.potential(user, e.restricted(p)))
}

// isBeside says whether another user permission for the same type of record may restrict the user, or
// anybody (""), too.
func (e *judge) isBeside(p *v1alpha1.UserPermission, user string) bool {
	var in []string
	if user != "" {
		in = e.mayBeIn(e.before, user)
	}
	return slices.ContainsFunc(e.userPermissions(e.after), func(other *v1alpha1.UserPermission) bool {
		binds := user == "" || string(other.Spec.User) == user || slices.Contains(in, string(other.Spec.Group))
		return binds && other.Name != p.Name && other.Spec.Allow == p.Spec.Allow &&
			overlap(other, p)
	})
}

// restricted are the types whose records a user permission restricts: its own, and those that link to it.
func (e *judge) restricted(p *v1alpha1.UserPermission) map[string]bool {
	return e.typeNames(func(t *v1alpha1.ResourceType) bool { return engine.Restricts(p, t) })
}

// specialPermission judges a SpecialPermission: what it gives, and what its user gets again where it no
// longer takes away (A7).
func (e *judge) specialPermission() {
	was, _ := e.Old.(*v1alpha1.SpecialPermission)
	is, _ := e.Object.(*v1alpha1.SpecialPermission)
	if was != nil && over(was.Spec.TimeWindow, e.Now) {
		was = nil
	}
	if is != nil && over(is.Spec.TimeWindow, e.Now) {
		is = nil
	}
	if was != nil && is != nil && was.Spec.User != is.Spec.User {
		e.special(was, nil)
		was = nil
	}
	e.special(was, is)
}

func (e *judge) special(was, is *v1alpha1.SpecialPermission) {
	path := e.pathOf("permissions")
	var gave, gives grants
	var said, says map[string]bool
	if was != nil {
		gave, said = e.probe.special(was.Spec.Permissions)
	}
	if is != nil {
		gives, says = e.probe.special(is.Spec.Permissions)
	}
	longer := was != nil && is != nil && !within(is.Spec.TimeWindow, was.Spec.TimeWindow, e.Now)
	shorter := was != nil && is != nil && !within(was.Spec.TimeWindow, is.Spec.TimeWindow, e.Now)

	if !longer {
		gives = gives.without(gave.holds)
	}
	if is != nil {
		e.during(is.Spec.TimeWindow, func() { e.gives(path, e.ref.Name, "the special permission", gives) })
	}
	lifted := map[string]bool{}
	for name := range said {
		if shorter || !says[name] { // where it still says something, that is all
			lifted[name] = true
		}
	}
	if len(lifted) > 0 {
		e.gives(path, e.ref.Name, "no longer taking away", e.potential(string(was.Spec.User), lifted).without(gave.holds))
	}
}
