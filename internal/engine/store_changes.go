package engine

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/internal/kinds"
)

// Kind is the name of a kind.
type Kind = kinds.Kind

// Object is an object of one of the kinds.
type Object = kinds.Object

// The kinds that a domain is compiled from.
const (
	KindResourceType      = kinds.ResourceType
	KindRole              = kinds.Role
	KindGroup             = kinds.Group
	KindUser              = kinds.User
	KindUserSet           = kinds.UserSet
	KindUserPermission    = kinds.UserPermission
	KindUserPermissionSet = kinds.UserPermissionSet
	KindSpecialPermission = kinds.SpecialPermission
	KindRecordSet         = kinds.RecordSet
	KindPermissionPolicy  = kinds.PermissionPolicy
)

// Kinds are all of them, in the order of kinds.Table.
var Kinds = kinds.Names()

// KindOf returns the kind of an object; false for types that no domain is compiled from.
func KindOf(object metav1.Object) (Kind, bool) {
	row, ok := kinds.Of(object)
	if !ok {
		return "", false
	}
	return row.Kind, true
}

// Change is one object written or deleted.
type Change struct {
	Ref Ref
	// Object as it is now; nil when it was deleted. The domain keeps what it needs of it; it must not be
	// changed afterwards.
	Object Object
}

// Put returns the change that an object was created or updated. It panics on an object of no kind.
func Put(object Object) Change {
	kind, ok := KindOf(object)
	if !ok {
		panic(fmt.Sprintf("engine: %T is not a kind of a domain", object)) // a caller's mistake, never input
	}
	return Change{Ref: Ref{kind, object.GetName()}, Object: object}
}

// Remove returns the change that an object was deleted.
func Remove(ref Ref) Change { return Change{Ref: ref} }
