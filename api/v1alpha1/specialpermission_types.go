package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=spperm,categories=remit
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Types",type=integer,JSONPath=`.status.resourceTypes`
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].reason`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.spec.expiresAt`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// SpecialPermission overrides, for one user, what the roles say about some resource types. Example:
// spec: {user: leisa@example.com, permissions: [{resources: [purchase-order], access: ReadOnly}], expiresAt: "2026-12-31T00:00:00Z"}
// ---
// S6.
type SpecialPermission struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec SpecialPermissionSpec `json:"spec"`
	// +optional
	Status SpecialPermissionStatus `json:"status,omitzero"`
}

// SpecialPermissionSpec says for whom and on what the exception is.
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="expiresAt must be after startsAt",fieldPath=".expiresAt"
type SpecialPermissionSpec struct {
	// user is the user's id.
	// +required
	User UserID `json:"user"`
	// permissions that replace those of the roles. Where several name a type, the most restrictive wins.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Permissions []SpecialPermissionEntry `json:"permissions"`
	// reason for people, for example a change ticket.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason     string `json:"reason,omitempty"`
	TimeWindow `json:",inline"`
}

// SpecialPermissionEntry is an access level on some resource types.
// +kubebuilder:validation:XValidation:rule="has(self.resources) && size(self.resources) > 0 || has(self.areas) && size(self.areas) > 0",message="name at least one of resources, areas"
type SpecialPermissionEntry struct {
	// resources are names of resource types, or "*" for every type, including future ones.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Resources []NameOrAny `json:"resources,omitempty"`
	// areas stand for every resource type that lists one of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Areas []Token `json:"areas,omitempty"`
	// access: Full, ReadOnly, None, or NotApplicable, which says nothing and takes nothing back.
	// +required
	// +kubebuilder:validation:Enum=Full;ReadOnly;None;NotApplicable
	Access Access `json:"access"`
}

// SpecialPermissionStatus says whether the exception acts.
type SpecialPermissionStatus struct {
	CommonStatus `json:",inline"`
	// resourceTypes are the types that this object decides for its user now.
	// +optional
	ResourceTypes int32 `json:"resourceTypes"`
}

// +kubebuilder:object:root=true

// SpecialPermissionList is a list of special permissions.
type SpecialPermissionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []SpecialPermission `json:"items"`
}
