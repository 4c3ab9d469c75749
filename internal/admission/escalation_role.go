package admission

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
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
	was, existed := e.before.RoleSpec(role.Name)
	loosened := existed && !engine.RestrictionsCover(was.Restrictions, role.Spec.Restrictions)
	if !existed || !equality.Semantic.DeepEqual(role.Spec.Restrictions, was.Restrictions) {
		e.conditionsOnMembership(objectName, e.ref.Name, "")
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
