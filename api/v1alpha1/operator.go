package v1alpha1

// What the operator writes is marked as its own.
const (
	// FieldManager is the field manager of the operator.
	FieldManager = "remit"
	// ManagedByLabel, with the value ManagedBy, is a label of every object that the operator creates.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "remit"
)
