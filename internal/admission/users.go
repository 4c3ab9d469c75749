package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// userIDs is A3: a user id names one User object, and stays. The id of a User without one is its name.
func userIDs(r *review) field.ErrorList {
	user, ok := r.Object.(*v1alpha1.User)
	if !ok {
		return nil
	}
	id := user.UserID()
	path := field.NewPath("spec", "id")
	if old, ok := r.Old.(*v1alpha1.User); ok {
		if old.UserID() != id {
			return field.ErrorList{field.Invalid(path, id, fmt.Sprintf(
				"the user's id is %s and cannot change; delete this User and create another", old.UserID()))}
		}
		return nil
	}
	for _, other := range r.before.UserObjects(id) {
		if other.Name != user.Name {
			if user.Spec.ID == "" {
				path = field.NewPath("metadata", "name")
			}
			return field.ErrorList{field.Invalid(path, id, fmt.Sprintf(
				"User %s already has the id %s; change that object, or give this one another id", other.Name, id))}
		}
	}
	return nil
}
