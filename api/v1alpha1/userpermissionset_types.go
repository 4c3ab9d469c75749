package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=upset,categories=remit
// +kubebuilder:printcolumn:name="Permissions",type=integer,JSONPath=`.status.permissions`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// UserPermissionSet holds many user permissions in one object. Each entry counts as a UserPermission that is called
// <set>/<entry>.
type UserPermissionSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec UserPermissionSetSpec `json:"spec"`
	// +optional
	Status UserPermissionSetStatus `json:"status,omitzero"`
}

// UserPermissionSetSpec is a list of user permissions.
type UserPermissionSetSpec struct {
	// permissions, by name: each as the spec of a UserPermission.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=1000
	Permissions []UserPermissionEntry `json:"permissions,omitempty"`
}

// UserPermissionEntry is one user permission of a set.
type UserPermissionEntry struct {
	// name, unique in the set.
	// +required
	Name               Name `json:"name"`
	UserPermissionSpec `json:",inline"`
}

// UserPermissionSetStatus counts what the domain serves of the set.
type UserPermissionSetStatus struct {
	CommonStatus `json:",inline"`
	// permissions of the set that are in force.
	// +optional
	Permissions int32 `json:"permissions"`
}

// +kubebuilder:object:root=true

// UserPermissionSetList is a list of sets of user permissions.
type UserPermissionSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []UserPermissionSet `json:"items"`
}

// UserPermission is the entry as the UserPermission that it counts as, called <set>/<entry>.
func (s *UserPermissionSet) UserPermission(e *UserPermissionEntry) *UserPermission {
	permission := &UserPermission{ObjectMeta: s.ObjectMeta, Spec: e.UserPermissionSpec}
	permission.Name = s.Name + entrySeparator + string(e.Name)
	return permission
}

// entrySeparator stands between the names of a set and of an entry. No object's name has one.
const entrySeparator = "/"

// SplitEntryName returns the names of the UserPermissionSet and of its entry that a user permission of that name is; false
// if the name is that of an object.
func SplitEntryName(name string) (set, entry string, ok bool) {
	return strings.Cut(name, entrySeparator)
}
