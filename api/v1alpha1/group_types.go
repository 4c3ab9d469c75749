package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pgroup,categories=remit
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Groups",type=string,JSONPath=`.spec.groups`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// Group is a named set of users, with roles and, optionally, rules of its own. Example:
// spec: {members: [{user: leisa@example.com}], externalGroups: ["idp:buyers"], roles: [{name: buyer}]}
type Group struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec GroupSpec `json:"spec"`
	// +optional
	Status GroupStatus `json:"status,omitzero"`
}

// GroupSpec says who is in the group and what that gives.
type GroupSpec struct {
	// displayName for people. Empty: the object's name.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// members by user id, each in a time window.
	// +optional
	// +listType=map
	// +listMapKey=user
	// +kubebuilder:validation:MaxItems=20000
	Members []Member `json:"members,omitempty"`
	// groups whose members are members too. Cycles are harmless.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	Groups []Name `json:"groups,omitempty"`
	// externalGroups are group claims of the caller's identity provider; who carries one is a member. Example: ["idp:buyers"]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	ExternalGroups []ExternalGroup `json:"externalGroups,omitempty"`
	// memberCondition is CEL that gives a bool over subject, context and now; for whom it is true is a
	// member. Example: subject.attributes.department == "sales"
	// +optional
	MemberCondition Expression `json:"memberCondition,omitempty"`
	// roles that members hold, each in a time window.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Roles []RoleRef `json:"roles,omitempty"`
	// rules that members have besides those of their roles.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Rules []Rule `json:"rules,omitempty"`
}

// ExternalGroup is a group claim, as the identity provider writes it.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:Pattern=`^[^\x00]*$`
type ExternalGroup string

// Member is a user in a group.
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="expiresAt must be after startsAt",fieldPath=".expiresAt"
type Member struct {
	// user is the user's id.
	// +required
	User       UserID `json:"user"`
	TimeWindow `json:",inline"`
}

// GroupStatus counts the group's members.
type GroupStatus struct {
	CommonStatus `json:",inline"`
	// members are known users that are in the group now, by any way but external groups.
	// +optional
	Members int32 `json:"members"`
}

// +kubebuilder:object:root=true

// GroupList is a list of groups.
type GroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Group `json:"items"`
}
