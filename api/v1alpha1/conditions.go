package v1alpha1

// Condition types. Ready, Reconciling and Stalled follow kstatus: Ready is always there, the other two
// only while they are true.
const (
	// ConditionReady is True when the domain serves the object's current generation, on the replica that
	// wrote the status.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the domain does not yet serve the object's current generation.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when the object, or a part of it, cannot take effect until somebody
	// changes it. What it would have granted is not granted.
	ConditionStalled = "Stalled"
	// ConditionReferencesResolved is False while the object names others that do not exist. They may
	// still come: GitOps tools apply in any order.
	ConditionReferencesResolved = "ReferencesResolved"
	// ConditionInForce says whether a UserPermission or SpecialPermission changes decisions now; its
	// reason says why not.
	ConditionInForce = "InForce"
	// ConditionServed is True when every replica of the operator serves the newest generation of a
	// PermissionPolicy; its message says how many do, and which do not.
	ConditionServed = "Served"
	// ConditionAdvice is True when the object works but has parts that do nothing, or hurt clients.
	ConditionAdvice = "Advice"
)

// Reasons of ConditionReady.
const (
	// ReasonServed means that decisions follow the object's current generation.
	ReasonServed = "Served"
	// ReasonNotServed means that they do not do so completely; see Stalled.
	ReasonNotServed = "NotServed"
)

// ReasonWaitingForDomain is the reason of ConditionReconciling.
const ReasonWaitingForDomain = "WaitingForDomain"

// Reasons of ConditionStalled.
const (
	// ReasonInvalidExpression means that a CEL expression does not compile, or gives another type than
	// its place asks for; it counts as false.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonInvalid means that a field holds what admission would have rejected.
	ReasonInvalid = "Invalid"
	// ReasonConflict means that an older object already defines the same user or record.
	ReasonConflict = "Conflict"
	// ReasonParentCycle means that records are their own ancestors.
	ReasonParentCycle = "ParentCycle"
	// ReasonExpressionBudget means that expressions cost too much to be evaluated: the memberConditions of a user's groups,
	// or, of a Group, its own.
	ReasonExpressionBudget = "ExpressionBudget"
	// ReasonNotTheDefault means that a PermissionPolicy has another name than "default".
	ReasonNotTheDefault = "NotTheDefault"
)

// Reasons of ConditionReferencesResolved.
const (
	// ReasonAllFound means that every object named exists.
	ReasonAllFound = "AllFound"
	// ReasonNotFound means that the message lists objects that do not exist.
	ReasonNotFound = "NotFound"
)

// Reasons of ConditionInForce.
const (
	// ReasonActive means that decisions follow the object now.
	ReasonActive = "Active"
	// ReasonNotStarted means that startsAt is still to come.
	ReasonNotStarted = "NotStarted"
	// ReasonExpired means that expiresAt has passed.
	ReasonExpired = "Expired"
	// ReasonOverruled means that more restrictive special permissions decide wherever this one would (S6).
	ReasonOverruled = "Overruled"
	// ReasonUserIsAdmin means that the user is a superuser or holds a role with adminAccess, whom nothing
	// limits (S4).
	ReasonUserIsAdmin = "UserIsAdmin"
	// ReasonNoEffect means that a special permission decides nothing: it names no resource type that exists, or says
	// NotApplicable of those that do.
	ReasonNoEffect = "NoEffect"
)

// Reasons of ConditionServed.
const (
	// ReasonAllReplicas means that decisions follow the newest generation, whichever replica is asked.
	ReasonAllReplicas = "AllReplicas"
	// ReasonWaitingForReplicas means that a replica does not serve it yet, or has not told.
	ReasonWaitingForReplicas = "WaitingForReplicas"
	// ReasonTooManyPolicies means that there are more policies than replicas tell of. They may serve this one.
	ReasonTooManyPolicies = "TooManyPolicies"
)

// Reasons of ConditionAdvice.
const (
	// ReasonPointlessRules means rules on a role with adminAccess, or rules with access None.
	ReasonPointlessRules = "PointlessRules"
	// ReasonMissingReadFields means a read rule without a field in the type's requiredReadFields.
	ReasonMissingReadFields = "MissingReadFields"
	// ReasonMatchesNothing means a name that can never match: an area or an action that no resource type has, a field
	// that is nearly another one, a user whom no other object names.
	ReasonMatchesNothing = "MatchesNothing"
	// ReasonSimilarUsers means users whose ids differ by case, width or spaces only.
	ReasonSimilarUsers = "SimilarUsers"
	// ReasonCostlyExpression means an expression that loops over one list inside of a loop over another, where whoever asks
	// decides how long both are.
	ReasonCostlyExpression = "CostlyExpression"
)
