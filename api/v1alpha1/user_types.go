package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=puser,categories=remit
// +kubebuilder:selectablefield:JSONPath=`.spec.id`
// +kubebuilder:printcolumn:name="ID",type=string,JSONPath=`.spec.id`
// +kubebuilder:printcolumn:name="Superuser",type=boolean,JSONPath=`.spec.superuser`
// +kubebuilder:printcolumn:name="Staff",type=boolean,JSONPath=`.spec.staff`,priority=1
// +kubebuilder:printcolumn:name="Disabled",type=boolean,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// User is an account: its flags, attributes and directly assigned roles. It is optional; a user exists as
// soon as anything names it. Example: spec: {id: leisa@example.com, roles: [{name: buyer, expiresAt: "2026-12-31T00:00:00Z"}]}
type User struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec UserSpec `json:"spec"`
	// +optional
	Status UserStatus `json:"status,omitzero"`
}

// UserSpec says what the account is and holds.
// +kubebuilder:validation:XValidation:rule="has(self.id) == has(oldSelf.id) && (!has(self.id) || self.id == oldSelf.id)",message="id cannot change; delete the User and create another",fieldPath=".id"
type UserSpec struct {
	// id that applications use for the user; unique in the domain, immutable. Empty: metadata.name.
	// +optional
	ID      UserID `json:"id,omitempty"`
	Account `json:",inline"`
}

// Account says what a user is and holds.
type Account struct {
	// displayName for people. Empty: the id.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// disabled users may do nothing, superusers included.
	// ---
	// S2.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// superuser may do everything that exists.
	// ---
	// S4.
	// +optional
	Superuser bool `json:"superuser,omitempty"`
	// staff may use staffOnly types, where permitted.
	// ---
	// S5.
	// +optional
	Staff bool `json:"staff,omitempty"`
	// roles that the user holds, each in a time window.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Roles []RoleRef `json:"roles,omitempty"`
	// attributes that expressions see as subject.attributes. Example: {department: sales, limit: 5000}
	// +optional
	// +kubebuilder:validation:MaxProperties=128
	Attributes map[string]JSON `json:"attributes,omitempty"`
}

// UserStatus points at what the user may do.
type UserStatus struct {
	CommonStatus `json:",inline"`
	// effectivePermissions is the name of the EffectivePermissions object of this user.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	EffectivePermissions string `json:"effectivePermissions,omitempty"`
}

// +kubebuilder:object:root=true

// UserList is a list of users.
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []User `json:"items"`
}

// UserID is the id that applications use: spec.id, or the object's name.
func (u *User) UserID() string {
	if u.Spec.ID != "" {
		return string(u.Spec.ID)
	}
	return u.Name
}
