package admission

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// role judges a Role: what it newly gives to whoever holds it (A7).
func (e *judge) role() {
	spec := field.NewPath("spec")
	role, ok := e.Object.(*v1alpha1.Role)
	if !ok {
		e.conditionsOnMembership(objectName, e.ref.Name, "")
		e.roleless()
		return
	}
	was, existed := findRole(e.before, role.Name)
	loosened := existed && !restrictionsWithin(role.Spec.Restrictions, was.Restrictions)
	if !existed || !equality.Semantic.DeepEqual(role.Spec.Restrictions, was.Restrictions) {
		e.conditionsOnMembership(objectName, e.ref.Name, "")
	}
	switch {
	case role.Spec.AdminAccess && !was.AdminAccess:
		e.givesAll(spec.Child("adminAccess"), true, "adminAccess gives everything")
		return
	case role.Spec.AdminAccess && loosened:
		e.givesAll(spec.Child("restrictions"), role.Name, "with fewer restrictions, adminAccess gives everything to more callers")
		return
	case role.Spec.AdminAccess, was.AdminAccess && !loosened:
		return // who holds the role had everything
	}
	had := e.probe.rules(was.Rules, was.AppAccess)
	if loosened {
		e.gives(spec.Child("restrictions"), role.Name, "with fewer restrictions, the role", e.probe.rules(role.Spec.Rules, role.Spec.AppAccess))
	}
	if role.Spec.AppAccess && !was.AppAccess {
		e.gives(spec.Child("appAccess"), true, "appAccess", e.probe.rules(nil, true).without(had.holds))
	}
	e.rules(spec.Child("rules"), was.Rules, role.Spec.Rules, had)
}

// covers says whether one rule holds wherever another does, on no fewer fields. Which types and actions they
// give is not compared.
func covers(outer, inner v1alpha1.Rule) bool {
	demands := func(v v1alpha1.Validation) bool {
		return !slices.ContainsFunc(inner.Validations, func(w v1alpha1.Validation) bool { return v.Expression == w.Expression })
	}
	return (outer.Condition == "" || outer.Condition == inner.Condition) &&
		!slices.ContainsFunc(outer.Validations, demands) &&
		fieldsWithin(inner.Fields, outer.Fields) &&
		equality.Semantic.DeepEqual(outer.Presets, inner.Presets) &&
		equality.Semantic.DeepEqual(outer.PresetExpressions, inner.PresetExpressions)
}

// fieldsWithin says whether all fields of one list are covered by another (S10); an empty list has all.
func fieldsWithin(inner, outer []v1alpha1.FieldPath) bool {
	if len(outer) == 0 || slices.Contains(outer, v1alpha1.Any) {
		return true
	}
	return len(inner) > 0 && !slices.ContainsFunc(inner, func(f v1alpha1.FieldPath) bool {
		return !slices.ContainsFunc(outer, func(o v1alpha1.FieldPath) bool {
			return f == o || strings.HasPrefix(string(f), string(o)+".")
		})
	})
}
