package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=uset,categories=remit
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// UserSet holds many users in one object: for tens of thousands and more, mostly written by machines. A domain has as many
// sets as it needs. An id that a User has too is the User's.
type UserSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec UserSetSpec `json:"spec"`
	// +optional
	Status UserSetStatus `json:"status,omitzero"`
}

// UserSetSpec is a list of users.
type UserSetSpec struct {
	// users, by id: each as the spec of a User. The same id in two sets: the older set wins.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=1000
	Users []UserEntry `json:"users,omitempty"`
}

// UserEntry is one user of a set.
type UserEntry struct {
	// id that applications use for the user; unique in the domain.
	// +required
	ID      UserID `json:"id"`
	Account `json:",inline"`
}

// UserSetStatus counts what the domain serves of the set.
type UserSetStatus struct {
	CommonStatus `json:",inline"`
	// users that the domain serves from this set; fewer than listed where User objects or older sets win.
	// +optional
	Users int32 `json:"users"`
}

// +kubebuilder:object:root=true

// UserSetList is a list of sets of users.
type UserSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []UserSet `json:"items"`
}
