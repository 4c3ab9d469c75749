package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:validation:XValidation:rule="(has(self.spec.type) && self.spec.type != '' ? self.spec.type : self.metadata.name) == (has(oldSelf.spec.type) && oldSelf.spec.type != '' ? oldSelf.spec.type : oldSelf.metadata.name)",message="what the type is called is immutable; create another ResourceType and delete this one",fieldPath=".spec.type"
// +kubebuilder:resource:shortName=rtype,categories=remit
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Areas",type=string,JSONPath=`.spec.areas`,priority=1
// +kubebuilder:printcolumn:name="Actions",type=integer,JSONPath=`.status.actions`
// +kubebuilder:printcolumn:name="Rules",type=integer,JSONPath=`.status.rules`
// +kubebuilder:printcolumn:name="Records",type=integer,JSONPath=`.status.records`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// ResourceType is a kind of thing that an application protects: a DocType, a collection, a table, an area. Example:
// spec: {areas: [purchasing], actions: [{name: read, class: Read}, {name: approve, class: Update, implies: [read]}],
// fields: [{name: company, linksTo: company}]}
type ResourceType struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec ResourceTypeSpec `json:"spec"`
	// +optional
	Status ResourceTypeStatus `json:"status,omitzero"`
}

// ResourceTypeSpec says which actions and linked fields the type has.
type ResourceTypeSpec struct {
	// type is what applications and all references in the domain call the type: any text without control characters, but
	// not "*". Empty: the object's name. It is unique in the domain, and immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self != '*'",message="\"*\" stands for every type"
	Type TypeName `json:"type,omitempty"`
	// displayName for people. Empty: the object's name.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// areas that the type belongs to; rules may name an area instead of its types. Example: [purchasing, stock]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Areas []Token `json:"areas,omitempty"`
	// actions that exist. Empty: read, create, update and delete, each of the class of its name. Example:
	// [{name: read, class: Read}, {name: approve, class: Update, implies: [read]}]
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Actions []Action `json:"actions,omitempty"`
	// fields with something to say; others may still appear in requests. Example: [{name: items.warehouse, linksTo: warehouse}]
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=512
	Fields []Field `json:"fields,omitempty"`
	// guards bind everybody, superusers and admins too: each that names an action must be true for it. Example:
	// [{actions: [approve], condition: "resource.properties.author != subject.id", message: Nobody approves what is their own.}]
	// ---
	// S3a.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Guards []Guard `json:"guards,omitempty"`
	// parentField makes the type a tree: the property that holds the id of a record's parent. Example: parent
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^.\s]+$`
	ParentField string `json:"parentField,omitempty"`
	// requiredReadFields are properties that clients always need, such as the primary key. A read rule that
	// leaves one out is reported on its object. Example: [id]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	RequiredReadFields []FieldPath `json:"requiredReadFields,omitempty"`
	// staffOnly types need a staff user for every action, besides permission: a User with staff: true, or a caller with one of the
	// policy's staffScopes.
	// ---
	// S5.
	// +optional
	StaffOnly bool `json:"staffOnly,omitempty"`
	// unrestricted types let any active signed-in user take any action.
	// ---
	// S7.
	// +optional
	Unrestricted bool `json:"unrestricted,omitempty"`
	// system marks the platform's own types, for listings.
	// +optional
	System bool `json:"system,omitempty"`
}

// Action is something that can be done to a record.
type Action struct {
	// name, unique in the type.
	// +required
	Name Token `json:"name"`
	// class is what the action does to the record.
	// +required
	Class ActionClass `json:"class"`
	// implies are actions that who has this one by name has too, transitively.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Implies []Token `json:"implies,omitempty"`
}

// Guard is a condition on an action that nobody is exempt from: four eyes, closed periods.
// ---
// S3a.
type Guard struct {
	// actions that it guards. Empty, or "*" among them: every action. A name that ends in ":*" stands for every action whose
	// name begins so.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Actions []Token `json:"actions,omitempty"`
	// condition is CEL that gives a bool over what conditions of rules see, and proposed. False, and an error such as an
	// unknown property, denies.
	// +required
	// +kubebuilder:validation:MinLength=1
	Condition Expression `json:"condition"`
	// message tells a person why it denies. Empty: the condition.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// Field declares a property that links to records of another type.
// +kubebuilder:validation:XValidation:rule="!has(self.linksTo) || size(self.linksTo) == 0 || !has(self.linksToField)",message="a field has linksTo or linksToField, not both",fieldPath=".linksToField"
type Field struct {
	// name, a path; through a list it stands for every element. Example: items.warehouse
	// +required
	Name FieldPath `json:"name"`
	// linksTo names the ResourceType whose record ids the field holds. Empty: the field is no link, unless linksToField is
	// given.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	LinksTo string `json:"linksTo,omitempty"`
	// linksToField makes a dynamic link: the name of the field beside it, in the same object, that holds the name of the
	// ResourceType whose record the value is. Example: reference_type, for the field reference_name
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^.\s]+$`
	LinksToField string `json:"linksToField,omitempty"`
	// ignoreUserPermissions leaves the field out when user permissions restrict records.
	// ---
	// S9.
	// +optional
	IgnoreUserPermissions bool `json:"ignoreUserPermissions,omitempty"`
}

// ResourceTypeStatus counts what refers to the type.
type ResourceTypeStatus struct {
	CommonStatus `json:",inline"`
	// actions that the type has, the usual four included.
	// +optional
	Actions int32 `json:"actions"`
	// rules of roles, groups and the policy that name the type, an area of it, or "*".
	// +optional
	Rules int32 `json:"rules"`
	// records of the type that the domain knows.
	// +optional
	Records int32 `json:"records"`
}

// TypeName returns what the domain calls the type: spec.type, or the object's name where that is empty.
func (t *ResourceType) TypeName() string {
	if t.Spec.Type != "" {
		return string(t.Spec.Type)
	}
	return t.Name
}

// +kubebuilder:object:root=true

// ResourceTypeList is a list of resource types.
type ResourceTypeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []ResourceType `json:"items"`
}
