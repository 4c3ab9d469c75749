package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// identities is A3: a user id names one User object, a type name one ResourceType, and both stay. Without an id or a type,
// the object's name is it.
func identities(r *review) field.ErrorList {
	switch object := r.Object.(type) {
	case *v1alpha1.User:
		return userIDs(r, object)
	case *v1alpha1.ResourceType:
		return typeNames(r, object)
	}
	return nil
}

func userIDs(r *review, user *v1alpha1.User) field.ErrorList {
	id := user.UserID()
	path := field.NewPath("spec", "id")
	if old, ok := r.Old.(*v1alpha1.User); ok {
		if old.UserID() != id {
			return field.ErrorList{field.Invalid(path, id, fmt.Sprintf(
				"the user's id is %s and cannot change; delete this User and create another", old.UserID()))}
		}
		return nil
	}
	for _, other := range r.before.Accounts(id) {
		if other.Ref.Kind == engine.KindUser && other.Ref.Name != user.Name {
			if user.Spec.ID == "" {
				path = field.NewPath("metadata", "name")
			}
			return field.ErrorList{field.Invalid(path, id, fmt.Sprintf(
				"User %s already has the id %s; change that object, or give this one another id", other.Ref.Name, id))}
		}
	}
	return nil
}

func typeNames(r *review, t *v1alpha1.ResourceType) field.ErrorList {
	name := t.TypeName()
	path := field.NewPath("spec", "type")
	if old, ok := r.Old.(*v1alpha1.ResourceType); ok {
		if old.TypeName() != name {
			return field.ErrorList{field.Invalid(path, name, fmt.Sprintf(
				"the type is called %q and that cannot change; delete this ResourceType and create another", old.TypeName()))}
		}
		return nil
	}
	if other, ok := r.before.ResourceType(name); ok && other.Name != t.Name {
		if t.Spec.Type == "" {
			path = field.NewPath("metadata", "name")
		}
		return field.ErrorList{field.Invalid(path, name, fmt.Sprintf(
			"ResourceType %s is already called %q; change that object, or give this one another spec.type", other.Name, name))}
	}
	return nil
}
