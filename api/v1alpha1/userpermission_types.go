package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=uperm,categories=remit
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="Only",type=string,JSONPath=`.spec.allow`
// +kubebuilder:printcolumn:name="Values",type=string,JSONPath=`.spec.forValues`,priority=1
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].reason`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.spec.expiresAt`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1

// UserPermission restricts a user, or the members of a group, to some records. It never grants. Example:
// spec: {user: jan@example.com, allow: company, forValues: [europe]}
// ---
// S9.
type UserPermission struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec says who may use which records.
	// ---
	// The rule is not with the spec's others, as it would cost too much in a set of a thousand entries (where A4 refuses it).
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.default) || self.forValues.exists(v, v == self.default)",message="default must be one of forValues",fieldPath=".default"
	Spec UserPermissionSpec `json:"spec"`
	// +optional
	Status UserPermissionStatus `json:"status,omitzero"`
}

// UserPermissionSpec says who may use which records.
// +kubebuilder:validation:XValidation:rule="has(self.user) != has(self.group)",message="give exactly one of user, group"
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="expiresAt must be after startsAt",fieldPath=".expiresAt"
// +kubebuilder:validation:XValidation:rule="!has(self.applicableFor) || size(self.applicableFor) == 0 || !has(self.exceptFor) || size(self.exceptFor) == 0",message="give applicableFor or exceptFor, not both",fieldPath=".exceptFor"
type UserPermissionSpec struct {
	// user is the id of the user that is restricted.
	// +optional
	User UserID `json:"user,omitempty"`
	// group whose members are restricted.
	// +optional
	Group Name `json:"group,omitempty"`
	// allow is the ResourceType whose records are restricted.
	// +required
	Allow Name `json:"allow"`
	// forValues are the ids of the records that are allowed, with what stands below them in the tree.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	ForValues []RecordID `json:"forValues"`
	// default is one of forValues: the value that new records start with.
	// +optional
	Default RecordID `json:"default,omitempty"`
	// applicableFor are the resource types on which the permission acts. Empty: all. Example: [sales-order]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	ApplicableFor []Name `json:"applicableFor,omitempty"`
	// exceptFor are resource types on which the permission does not act; it acts on all others. At most one of
	// applicableFor and exceptFor is given.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	ExceptFor []Name `json:"exceptFor,omitempty"`
	// actions that the permission restricts. Empty: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(a, a != '*')",message="leave actions empty for all; \"*\" is not written"
	Actions []Token `json:"actions,omitempty"`
	// hideDescendants allows exactly the records of forValues, not what stands below them.
	// +optional
	HideDescendants bool `json:"hideDescendants,omitempty"`
	TimeWindow      `json:",inline"`
}

// UserPermissionStatus says whether the permission acts.
type UserPermissionStatus struct {
	CommonStatus `json:",inline"`
	// users are known users whom it restricts now.
	// +optional
	Users int32 `json:"users"`
}

// +kubebuilder:object:root=true

// UserPermissionList is a list of user permissions.
type UserPermissionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []UserPermission `json:"items"`
}
