package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=recset,categories=remit
// +kubebuilder:selectablefield:JSONPath=`.spec.resourceType`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.resourceType`
// +kubebuilder:printcolumn:name="Records",type=integer,JSONPath=`.status.records`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Resolved",type=string,JSONPath=`.status.conditions[?(@.type=="ReferencesResolved")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`

// RecordSet holds records that the domain knows: reference data, trees, stored properties. One set holds
// up to 5,000; a type has as many sets as it needs. Example:
// spec: {resourceType: company, records: [{id: group}, {id: europe, parent: group, properties: {currency: EUR}}]}
type RecordSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// +required
	Spec RecordSetSpec `json:"spec"`
	// +optional
	Status RecordSetStatus `json:"status,omitzero"`
}

// RecordSetSpec is a list of records of one type.
type RecordSetSpec struct {
	// resourceType names the ResourceType of the records.
	// +required
	ResourceType Name `json:"resourceType"`
	// records, by id. The same id in two sets: the older set wins.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=5000
	Records []Record `json:"records,omitempty"`
}

// Record is one known record.
type Record struct {
	// id, unique among the records of the type.
	// +required
	ID RecordID `json:"id"`
	// parent is the id of the record above this one in the tree. Empty: it stands at the top.
	// +optional
	Parent RecordID `json:"parent,omitempty"`
	// properties that decisions see unless the request gives the same keys.
	// +optional
	// +kubebuilder:validation:MaxProperties=128
	Properties map[string]JSON `json:"properties,omitempty"`
}

// RecordSetStatus counts what the domain serves of the set.
type RecordSetStatus struct {
	CommonStatus `json:",inline"`
	// records that the domain serves from this set; fewer than listed where older sets win.
	// +optional
	Records int32 `json:"records"`
}

// +kubebuilder:object:root=true

// RecordSetList is a list of record sets.
type RecordSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RecordSet `json:"items"`
}
