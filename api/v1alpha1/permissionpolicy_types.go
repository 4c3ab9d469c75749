package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PolicyName is the name that the domain's only PermissionPolicy has.
const PolicyName = "default"

// Defaults of a PermissionPolicy's empty fields, and of a domain without one.
const (
	DefaultAdminRole   = "admin"
	DefaultPublicRole  = "public"
	DefaultSubjectType = "user"
	DefaultGroupsClaim = "groups"
	DefaultMFAClaim    = "mfa"
	DefaultScopesClaim = "scopes"
)

// EmptyLinks says what an empty link field means to a restricted user.
// +kubebuilder:validation:Enum=Allow;Deny
type EmptyLinks string

// The values of emptyLinks.
const (
	EmptyLinksAllow EmptyLinks = "Allow"
	EmptyLinksDeny  EmptyLinks = "Deny"
)

// SubjectProperties says whether callers are believed.
// +kubebuilder:validation:Enum=Trust;Ignore
type SubjectProperties string

// The values of subjectProperties.
const (
	SubjectPropertiesTrust  SubjectProperties = "Trust"
	SubjectPropertiesIgnore SubjectProperties = "Ignore"
)

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ppolicy,categories=remit
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="a domain has one PermissionPolicy, named default (A6)"
// +kubebuilder:printcolumn:name="Strict",type=boolean,JSONPath=`.spec.strictUserPermissions`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Admins",type=integer,JSONPath=`.status.admins`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// PermissionPolicy holds the domain's settings. There is at most one, named default; without one, every
// field is empty and the built-in roles do not exist. Example: metadata: {name: default}, spec: {strictUserPermissions: true}
type PermissionPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +optional
	Spec PermissionPolicySpec `json:"spec,omitzero"`
	// +optional
	Status PermissionPolicyStatus `json:"status,omitzero"`
}

// PermissionPolicySpec holds the settings.
type PermissionPolicySpec struct {
	// strictUserPermissions lets link fields hold only records that a user permission allows.
	// ---
	// S9.
	// +optional
	StrictUserPermissions bool `json:"strictUserPermissions,omitempty"`
	// strictFor limits strictness to links to these resource types. Empty: to all. Example: [company]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	StrictFor []Name `json:"strictFor,omitempty"`
	// emptyLinks: Allow or Deny. Empty: Deny where the link's type is strict, else Allow.
	// +optional
	EmptyLinks EmptyLinks `json:"emptyLinks,omitempty"`
	// adminRole is the built-in role with adminAccess. Empty: "admin".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	AdminRole string `json:"adminRole,omitempty"`
	// publicRole is the built-in role of who has no other. Empty: "public".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PublicRole string `json:"publicRole,omitempty"`
	// appAccessRules are added to every role with appAccess. Example: [{resources: [settings], access: ReadOnly}]
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	AppAccessRules []Rule `json:"appAccessRules,omitempty"`
	// recommendedRules are what `kubectl remit reset --to recommended` gives a role.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	RecommendedRules []Rule `json:"recommendedRules,omitempty"`
	// subjectTypes are the AuthZEN subject types that are users. Empty: [user]. Example: [user, service]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	SubjectTypes []Token `json:"subjectTypes,omitempty"`
	// subjectProperties: Trust or Ignore what the caller says about the subject. Empty: Trust.
	// +optional
	SubjectProperties SubjectProperties `json:"subjectProperties,omitempty"`
	// claims are the names of the subject properties that carry groups, second factor and scopes. Example: {groups: roles}
	// +optional
	Claims *Claims `json:"claims,omitempty"`
	// staffScopes are scopes that count as being staff. Empty: none. Example: [backoffice]
	// ---
	// S5.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	StaffScopes []Token `json:"staffScopes,omitempty"`
	// preventEscalation refuses grants by people who do not hold what they give, unless Kubernetes' RBAC lets them escalate
	// roles.permissions.remit.dev, as cluster-admin does.
	// ---
	// A7.
	// +optional
	PreventEscalation bool `json:"preventEscalation,omitempty"`
}

// Claims names subject properties.
type Claims struct {
	// groups is a list of strings. Empty: "groups".
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Groups string `json:"groups,omitempty"`
	// mfa is a boolean. Empty: "mfa".
	// +optional
	// +kubebuilder:validation:MaxLength=128
	MFA string `json:"mfa,omitempty"`
	// scopes is a list of strings, or one string separated by spaces. Empty: "scopes".
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Scopes string `json:"scopes,omitempty"`
}

// PermissionPolicyStatus sums up the domain.
type PermissionPolicyStatus struct {
	CommonStatus `json:",inline"`
	// users that the domain knows.
	// +optional
	Users int32 `json:"users"`
	// admins are known users, not disabled, that are superuser or hold a role with adminAccess now.
	// +optional
	Admins int32 `json:"admins"`
}

// +kubebuilder:object:root=true

// PermissionPolicyList is a list of policies.
type PermissionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PermissionPolicy `json:"items"`
}
