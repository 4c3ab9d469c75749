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

// Reasons of Events. A Warning about an object that is stalled has the reason of ConditionStalled, and the Event about a
// PermissionPolicy that every replica serves has ReasonServed.
const (
	// EventRecovered is about an object that was stalled, and that decisions follow now.
	EventRecovered = "Recovered"
	// EventRepaired is about an EffectivePermissions that somebody else wrote, and that the operator restored.
	EventRepaired = "Repaired"
)
