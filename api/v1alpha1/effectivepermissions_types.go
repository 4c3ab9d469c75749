package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=effectivepermissions,singular=effectivepermissions,shortName=eperm
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Groups",type=string,JSONPath=`.status.groups`,priority=1
// +kubebuilder:printcolumn:name="Full",type=integer,JSONPath=`.status.summary.full`
// +kubebuilder:printcolumn:name="Read Only",type=integer,JSONPath=`.status.summary.readOnly`
// +kubebuilder:printcolumn:name="Custom",type=integer,JSONPath=`.status.summary.custom`
// +kubebuilder:printcolumn:name="None",type=integer,JSONPath=`.status.summary.none`
// +kubebuilder:printcolumn:name="Admin",type=boolean,JSONPath=`.status.admin`,priority=1
// +kubebuilder:printcolumn:name="Superuser",type=boolean,JSONPath=`.status.superuser`,priority=1
// +kubebuilder:printcolumn:name="Next Change",type=string,JSONPath=`.status.nextTransition`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`

// EffectivePermissions is the answer to "what may this user do, and why": computed by the operator, one
// for each known user of the domain. Its name is made from the user's id, so find it by that: kubectl get eperm --field-selector
// spec.user=leisa@example.com
type EffectivePermissions struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec EffectivePermissionsSpec `json:"spec"`
	// +optional
	Status EffectivePermissionsStatus `json:"status,omitzero"`
}

// EffectivePermissionsSpec names the user. The operator sets it.
type EffectivePermissionsSpec struct {
	// user is the user's id.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="user cannot change"
	User UserID `json:"user"`
}

// EffectivePermissionsStatus is what the user may do now. The operator writes it as a whole, so its lists are atomic: to
// keep track of who set each entry would cost the API server a multiple of the entries themselves.
type EffectivePermissionsStatus struct {
	CommonStatus `json:",inline"`
	// superuser says that the User object has that flag.
	// +optional
	Superuser bool `json:"superuser"`
	// admin says that the user holds a role with adminAccess and no restrictions.
	// +optional
	Admin bool `json:"admin"`
	// disabled says that the User object has that flag.
	// +optional
	Disabled bool `json:"disabled"`
	// groups that the user is in, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	Groups []string `json:"groups,omitempty"`
	// roles that the user holds, sorted, each with what gives it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	Roles []HeldRole `json:"roles,omitempty"`
	// summary counts resource types by access.
	// +optional
	Summary AccessSummary `json:"summary,omitzero"`
	// permissions by resource type, sorted. Types with no access are left out unless a special permission
	// says so.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	Permissions []EffectivePermission `json:"permissions,omitempty"`
	// nextTransition is when a time window next changes something for this user.
	// +optional
	NextTransition *metav1.Time `json:"nextTransition,omitempty"`
	// observedRevision is the newest resourceVersion that this answer includes.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ObservedRevision string `json:"observedRevision,omitempty"`
}

// HeldRole is a role and what gives it.
type HeldRole struct {
	// name of the role.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// via are the objects that give it, as Kind/name, sorted. Empty: it is the public role of who has no
	// other.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	Via []string `json:"via,omitempty"`
}

// AccessSummary counts resource types by access.
type AccessSummary struct {
	// full counts the types with every action on every record.
	// +optional
	Full int32 `json:"full"`
	// readOnly counts the types with exactly the actions of class Read.
	// +optional
	ReadOnly int32 `json:"readOnly"`
	// custom counts the types with anything in between.
	// +optional
	Custom int32 `json:"custom"`
	// none counts the types with nothing.
	// +optional
	None int32 `json:"none"`
}

// EffectivePermission is what the user may do with one resource type.
type EffectivePermission struct {
	// resource is the name of the ResourceType.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Resource string `json:"resource"`
	// access sums up allowed and conditional.
	// +required
	// +kubebuilder:validation:Enum=Full;ReadOnly;Custom;None
	Access Access `json:"access"`
	// allowed are the actions allowed on every record, sorted; user permissions still restrict them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Allowed []string `json:"allowed,omitempty"`
	// conditional are the actions that depend on the record, the fields, the address or the second factor,
	// sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Conditional []string `json:"conditional,omitempty"`
	// decidedBy are the objects that give, or refuse, as Kind/name, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	DecidedBy []string `json:"decidedBy,omitempty"`
	// overridden are the objects that would have given access without the special permission, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	Overridden []string `json:"overridden,omitempty"`
	// restrictedBy are the user permissions and strict link types that limit the records, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	RestrictedBy []string `json:"restrictedBy,omitempty"`
}

// +kubebuilder:object:root=true

// EffectivePermissionsList is a list of effective permissions.
type EffectivePermissionsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []EffectivePermissions `json:"items"`
}
