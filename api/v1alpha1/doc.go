// Package v1alpha1 holds the kinds of permissions.remit.dev/v1alpha1: application permissions as
// Kubernetes objects.
//
// Every kind is namespaced, and one namespace is one permission domain: nothing in one domain can
// change a decision in another. Fields have no schema defaults; an absent field means what its comment
// says, and the code that reads it applies that. docs/spec has a page for each kind.
//
// +kubebuilder:object:generate=true
// +groupName=permissions.remit.dev
package v1alpha1
