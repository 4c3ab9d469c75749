package engine

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Object is an object of one of Kinds: a *v1alpha1.Role, *v1alpha1.User, ….
type Object = metav1.Object

// KindOf is the kind of an object; false for types that no domain is compiled from.
func KindOf(object Object) (Kind, bool) {
	switch object.(type) {
	case *v1alpha1.ResourceType:
		return KindResourceType, true
	case *v1alpha1.Role:
		return KindRole, true
	case *v1alpha1.Group:
		return KindGroup, true
	case *v1alpha1.User:
		return KindUser, true
	case *v1alpha1.UserPermission:
		return KindUserPermission, true
	case *v1alpha1.SpecialPermission:
		return KindSpecialPermission, true
	case *v1alpha1.RecordSet:
		return KindRecordSet, true
	case *v1alpha1.PermissionPolicy:
		return KindPermissionPolicy, true
	}
	return "", false
}

// Change is one object written or deleted.
type Change struct {
	Ref Ref
	// Object as it is now; nil when it was deleted. The domain keeps what it needs of it; it must not be
	// changed afterwards.
	Object Object
}

// Put is the change that an object was created or updated. It panics on a type that is not one of Kinds.
func Put(object Object) Change {
	kind, ok := KindOf(object)
	if !ok {
		panic(fmt.Sprintf("engine: %T is no kind of a domain", object)) // a caller's mistake, never input
	}
	return Change{Ref: Ref{kind, object.GetName()}, Object: object}
}

// Remove is the change that an object was deleted.
func Remove(ref Ref) Change { return Change{Ref: ref} }
