package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=prole,categories=remit
// +kubebuilder:printcolumn:name="Display Name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Admin",type=boolean,JSONPath=`.spec.adminAccess`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Groups",type=integer,JSONPath=`.status.groups`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// Role is a named set of rules. Users and groups hold it. It is no Role of Kubernetes' RBAC: with kubectl write prole.
// Example: spec: {rules: [{areas: [purchasing], access: Full}, {resources: [invoice], actions: [read]}]}
type Role struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec RoleSpec `json:"spec"`
	// +optional
	Status RoleStatus `json:"status,omitzero"`
}

// RoleSpec says what the role gives.
type RoleSpec struct {
	// displayName for people. Empty: the object's name.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// description for people.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`
	// icon is a name that a console may show.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Icon string `json:"icon,omitempty"`
	// adminAccess gives everything, unconditionally. Rules are then pointless and reported as such.
	// ---
	// S4.
	// +optional
	AdminAccess bool `json:"adminAccess,omitempty"`
	// appAccess adds the policy's appAccessRules, which the role cannot take away.
	// +optional
	AppAccess bool `json:"appAccess,omitempty"`
	// restrictions that must hold for the role to give anything at all. Example: {allowedCIDRs: [10.0.0.0/8], requireMFA: true}
	// ---
	// S3.
	// +optional
	Restrictions *Restrictions `json:"restrictions,omitempty"`
	// rules, in an order that matters for presets only: of two that set one property, the later one does. Example:
	// [{resources: [order], actions: [read, update], condition: "resource.properties.owner == subject.id"}]
	// ---
	// S11.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Rules []Rule `json:"rules,omitempty"`
}

// Restrictions limit where and how a role may be used.
type Restrictions struct {
	// allowedCIDRs are networks, or single addresses, that context.ip must lie in. Empty: anywhere. Example: [10.0.0.0/8, 192.0.2.7]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	AllowedCIDRs []CIDR `json:"allowedCIDRs,omitempty"`
	// requireMFA asks for a second factor: the caller says context: {mfa: true}, or that the subject's amr has "mfa".
	// +optional
	RequireMFA bool `json:"requireMFA,omitempty"`
}

// CIDR is a network such as 10.0.0.0/8, or one address.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule="isCIDR(self) || isIP(self)",message="must be a network such as 10.0.0.0/8 or 2001:db8::/32, or a single IP address"
type CIDR string

// RoleStatus counts who holds the role.
type RoleStatus struct {
	CommonStatus `json:",inline"`
	// users are known users that hold the role now, directly or through groups.
	// +optional
	Users int32 `json:"users"`
	// groups that give the role now.
	// +optional
	Groups int32 `json:"groups"`
}

// +kubebuilder:object:root=true

// RoleList is a list of roles.
type RoleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Role `json:"items"`
}
