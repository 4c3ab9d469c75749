package v1alpha1

import (
	"bytes"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ActionClass is what an action does to a record.
// +kubebuilder:validation:Enum=Read;Create;Update;Delete
type ActionClass string

// The classes of actions.
const (
	ClassRead   ActionClass = "Read"
	ClassCreate ActionClass = "Create"
	ClassUpdate ActionClass = "Update"
	ClassDelete ActionClass = "Delete"
)

// Access is a level of access to a resource type.
type Access string

// The levels. A rule takes Full, ReadOnly and None; a special permission NotApplicable too; Custom
// appears in status only.
const (
	AccessFull          Access = "Full"
	AccessReadOnly      Access = "ReadOnly"
	AccessNone          Access = "None"
	AccessNotApplicable Access = "NotApplicable"
	AccessCustom        Access = "Custom"
)

// Any is the name that stands for every resource type, action or field, future ones included.
const Any = "*"

// Name is the name of another object in the same namespace.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type Name string

// NameOrAny is the name of another object in the same namespace, or "*" for all.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type NameOrAny string

// TypeName is what applications and all references in the domain call a resource type.
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[^\x00-\x1f\x7f-\x9f]*$`
type TypeName string

// Token is a short name that its object defines: an area, an action.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:Pattern=`^[^\x00]*$`
type Token string

// UserID identifies a user as applications name it in their requests, for example an e-mail address.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^[^\x00]*$`
type UserID string

// RecordID identifies a record of a resource type.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^[^\x00]*$`
type RecordID string

// FieldPath names a property of a record; a dotted path goes into objects and through lists.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^(\*|[^.\s]+(\.[^.\s]+)*)$`
type FieldPath string

// Expression is a CEL expression.
// +kubebuilder:validation:MaxLength=4096
type Expression string

// JSON is any JSON value. The zero value is absent, which decisions read as null.
// +kubebuilder:validation:XPreserveUnknownFields
// +kubebuilder:validation:Type=""
type JSON struct {
	// Raw is the value's JSON text.
	Raw []byte `json:"-"`
}

// MarshalJSON gives the text as it is, and null for the zero value.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j.Raw) == 0 {
		return []byte("null"), nil
	}
	return j.Raw, nil
}

// UnmarshalJSON keeps a copy of the text.
func (j *JSON) UnmarshalJSON(data []byte) error {
	if j == nil {
		return errors.New("JSON: UnmarshalJSON on a nil pointer")
	}
	j.Raw = bytes.Clone(data)
	return nil
}

// TimeWindow is inlined in what takes effect and lapses by itself. It is in force when
// startsAt <= now < expiresAt; a side that is absent does not bound it.
type TimeWindow struct {
	// startsAt is the first second in force. Absent: always was.
	// +optional
	StartsAt *metav1.Time `json:"startsAt,omitempty"`
	// expiresAt is the first second no longer in force; it is after startsAt. Absent: never ends.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// RoleRef gives a role, in a time window.
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",message="expiresAt must be after startsAt",fieldPath=".expiresAt"
type RoleRef struct {
	// name of a Role in this namespace. A role that does not exist gives nothing.
	// +required
	Name       Name `json:"name"`
	TimeWindow `json:",inline"`
}

// Rule gives actions on resource types, under conditions. Example:
// {resources: [order], actions: [read, update], condition: "resource.properties.owner == subject.id", fields: [status, note]}
// +kubebuilder:validation:XValidation:rule="has(self.resources) && size(self.resources) > 0 || has(self.areas) && size(self.areas) > 0",message="a rule names at least one of resources, areas"
// +kubebuilder:validation:XValidation:rule="has(self.access) != (has(self.actions) && size(self.actions) > 0)",message="a rule has exactly one of access, actions"
// +kubebuilder:validation:XValidation:rule="!has(self.fields) || size(self.fields) == 0 || !has(self.exceptFields) || size(self.exceptFields) == 0",message="a rule has fields or exceptFields, not both",fieldPath=".exceptFields"
type Rule struct {
	// resources are names of resource types, as their spec.type has them, or "*" for every type, including future ones.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Resources []NameOrAny `json:"resources,omitempty"`
	// areas stand for every resource type that lists one of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Areas []Token `json:"areas,omitempty"`
	// access gives every action (Full), those of class Read (ReadOnly) or nothing (None). Exactly one of
	// access and actions is given.
	// +optional
	// +kubebuilder:validation:Enum=Full;ReadOnly;None
	Access Access `json:"access,omitempty"`
	// actions are names of actions, with what they imply, or "*" for all. A name that ends in ":*", such as "get:*", stands
	// for every action whose name begins so. Example: [read, update]
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Actions []Token `json:"actions,omitempty"`
	// condition is CEL that gives a bool over subject, action, resource, context and now; the rule counts
	// for the records for which it is true. Empty: every record. An error, such as an unknown property,
	// counts as false. Example: resource.properties.owner == subject.id
	// +optional
	Condition Expression `json:"condition,omitempty"`
	// fields are the properties that the rule covers; a path covers what is below it. Empty: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Fields []FieldPath `json:"fields,omitempty"`
	// exceptFields are the properties that the rule does not cover, nor what is below them; it covers all others. At most
	// one of fields and exceptFields is given.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	ExceptFields []FieldPath `json:"exceptFields,omitempty"`
	// validations must all hold for what a Create or Update would store. Example: [{expression: "proposed.amount <= 5000"}]
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Validations []Validation `json:"validations,omitempty"`
	// presets are values that a Create or Update stores unless the request submits them. Example: {status: draft}
	// +optional
	// +kubebuilder:validation:MaxProperties=128
	Presets map[string]JSON `json:"presets,omitempty"`
	// presetExpressions are the same, computed: CEL over subject, action, context and now. They overlay
	// presets. One in error leaves what was there. Example: {owner: subject.id}
	// +optional
	// +kubebuilder:validation:MaxProperties=128
	PresetExpressions map[string]Expression `json:"presetExpressions,omitempty"`
}

// Validation is one requirement on what would be stored.
type Validation struct {
	// expression is CEL that gives a bool over proposed, besides what conditions see.
	// +required
	// +kubebuilder:validation:MinLength=1
	Expression Expression `json:"expression"`
	// message tells a person what is wrong when it does not hold. Empty: the expression.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// CommonStatus is inlined in the status of every kind.
type CommonStatus struct {
	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions, by type.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
