package engine

import "strings"

// Reason is the code that says which stage decided.
type Reason string

// The reasons, in the order of the stages that give them.
const (
	ReasonDomainTerminating   Reason = "domain_terminating"    // S0
	ReasonUnknownResourceType Reason = "unknown_resource_type" // S1
	ReasonUnknownAction       Reason = "unknown_action"        // S1
	ReasonUnknownSubjectType  Reason = "unknown_subject_type"  // S2
	ReasonUserDisabled        Reason = "user_disabled"         // S2
	ReasonGuard               Reason = "guard"                 // S3a
	ReasonSuperuser           Reason = "superuser"             // S4, allow
	ReasonAdminAccess         Reason = "admin_access"          // S4, allow
	ReasonStaffRequired       Reason = "staff_required"        // S5
	ReasonSpecialPermission   Reason = "special_permission"    // S6 deny, S12 allow
	ReasonRoleRestricted      Reason = "role_restricted"       // S7
	ReasonNoRule              Reason = "no_rule"               // S7
	ReasonConditionNotMet     Reason = "condition_not_met"     // S8
	ReasonValidationFailed    Reason = "validation_failed"     // S8
	ReasonUserPermission      Reason = "user_permission"       // S9
	ReasonFieldNotAllowed     Reason = "field_not_allowed"     // S10
	ReasonUnrestrictedType    Reason = "unrestricted_type"     // S12, allow
	ReasonRule                Reason = "rule"                  // S12, allow
)

// Ref names an object of the domain.
type Ref struct {
	Kind Kind
	Name string
}

// String returns Kind/name.
func (r Ref) String() string { return string(r.Kind) + "/" + r.Name }

// RefTexts are references as Kind/name, in their order; nil for none.
func RefTexts(refs []Ref) []string {
	var list []string
	for _, ref := range refs {
		list = append(list, ref.String())
	}
	return list
}

// The parts of StepUp: what a role that is not eligible lacks.
const (
	StepUpMFA     = "mfa"
	StepUpNetwork = "network"
)

// Decision is the answer to a request. Slices are sorted unless said otherwise; what does not apply is nil.
// Its slices and maps may be shared with the domain and with other decisions: they must not be changed.
type Decision struct {
	// Allow is the answer.
	Allow  bool
	Reason Reason
	// DecidedBy are the objects that decided: what gave the live cases, the special permissions, the user
	// permissions that a record failed, …
	DecidedBy []Ref
	// Fields are, on an allow of Read, Create or Update, the fields covered (["*"] for all, or for all but ExceptFields); on
	// a deny for field_not_allowed, those that are not.
	Fields []string
	// ExceptFields are, beside Fields of ["*"], those that are not covered, nor what is below them.
	ExceptFields []string
	// Presets are the values that an allowed Create or Update stores besides the submitted ones (S11).
	Presets map[string]any
	// MissingProperties are properties that decided by being unknown: the request did not give them and the
	// domain does not know them.
	MissingProperties []string
	// MissingContext are the names in the context that decided likewise.
	MissingContext []string
	// MissingRequest are other parts of the request that decided likewise, such as subject.properties.level.
	MissingRequest []string
	// Violations are the link fields that failed user permissions, in the order of their declaration.
	Violations []Violation
	// ValidationMessages tell a person what is wrong with the submitted values, or which guards are not true.
	ValidationMessages []string
	// StepUp is what a role that is not eligible lacks: StepUpMFA, StepUpNetwork.
	StepUp []string
}

// ViolationCause says why a value failed user permissions.
type ViolationCause string

// The causes.
const (
	// CauseNotAllowed: the value is none of those allowed.
	CauseNotAllowed ViolationCause = "not_allowed"
	// CauseStrict: the user has no permission for the link's type, and the type is strict.
	CauseStrict ViolationCause = "strict"
	// CauseEmpty: the value is empty, and empty links are denied.
	CauseEmpty ViolationCause = "empty"
	// CauseMissing: the property is unknown.
	CauseMissing ViolationCause = "missing"
)

// Violation is a value that user permissions do not let pass (S9).
type Violation struct {
	// Field as the type declares it; "id" for the record itself.
	Field string
	// Value found there; nil where it is empty or missing.
	Value any
	// Allow is the restricted resource type; "*" for a dynamic link whose type is not known.
	Allow string
	Cause ViolationCause
}

// Message is one sentence for a person. It names no value of a record.
func (d *Decision) Message() string { return string(d.AppendMessage(nil)) }

// AppendMessage appends Message.
func (d *Decision) AppendMessage(to []byte) []byte {
	switch d.Reason {
	case ReasonDomainTerminating:
		return append(to, "The domain's namespace is being deleted."...)
	case ReasonUnknownResourceType:
		return append(to, "The resource type does not exist in this domain."...)
	case ReasonUnknownAction:
		return append(to, "The resource type does not declare this action."...)
	case ReasonUnknownSubjectType:
		return append(to, "The subject's type is not one of this domain's."...)
	case ReasonUserDisabled:
		return append(to, "The user is disabled."...)
	case ReasonGuard:
		return d.appendMissing(appendList(append(to, "A guard of the resource type forbids this to everybody: "...), d.ValidationMessages, "; "))
	case ReasonSuperuser:
		return append(to, "The user is a superuser."...)
	case ReasonAdminAccess:
		return appendRefs(to, "The user holds a role with admin access", d.DecidedBy)
	case ReasonStaffRequired:
		return append(to, "The resource type is for staff only."...)
	case ReasonSpecialPermission:
		if d.Allow {
			return appendRefs(to, "A special permission gives this action", d.DecidedBy)
		}
		return appendRefs(to, "A special permission refuses this action", d.DecidedBy)
	case ReasonRoleRestricted:
		return append(append(append(to, "A role would give this action, but its restrictions do not hold: "...), stepUpText(d.StepUp)...), '.')
	case ReasonNoRule:
		return append(to, "No rule gives this action."...)
	case ReasonConditionNotMet:
		return d.appendMissing(append(to, "No rule's condition holds"...))
	case ReasonValidationFailed:
		return d.appendMissing(appendList(append(to, "The submitted values are not valid: "...), d.ValidationMessages, "; "))
	case ReasonUserPermission:
		return appendViolations(to, "User permissions do not allow this record: ", d.Violations)
	case ReasonFieldNotAllowed:
		return appendTexts(to, "These fields are not covered by any rule: ", d.Fields, ", ")
	case ReasonUnrestrictedType:
		return append(to, "The resource type is open to every user."...)
	case ReasonRule:
		return appendRefs(to, "A rule gives this action", d.DecidedBy)
	}
	return append(to, d.Reason...)
}

// appendRefs appends a sentence and in parentheses, if there are any, the objects behind it.
func appendRefs(to []byte, sentence string, by []Ref) []byte {
	to = append(to, sentence...)
	for i, ref := range by {
		if i == 0 {
			to = append(to, " ("...)
		} else {
			to = append(to, ", "...)
		}
		to = append(append(append(to, ref.Kind...), '/'), ref.Name...)
	}
	if len(by) > 0 {
		to = append(to, ')')
	}
	return append(to, '.')
}

// appendMissing ends a sentence by what was looked up and is unknown.
func (d *Decision) appendMissing(to []byte) []byte {
	if len(d.MissingProperties) > 0 {
		to = appendList(append(to, "; these properties are unknown: "...), d.MissingProperties, ", ")
	}
	if len(d.MissingContext)+len(d.MissingRequest) > 0 {
		to = append(to, "; the request lacks "...)
		for i, name := range d.MissingContext {
			if i > 0 {
				to = append(to, ", "...)
			}
			to = append(append(to, "context."...), name...)
		}
		if len(d.MissingContext) > 0 && len(d.MissingRequest) > 0 {
			to = append(to, ", "...)
		}
		to = appendList(to, d.MissingRequest, ", ")
	}
	return append(to, '.')
}

// appendTexts appends a sentence that ends in a list.
func appendTexts(to []byte, sentence string, list []string, separator string) []byte {
	return append(appendList(append(to, sentence...), list, separator), '.')
}

func appendList(to []byte, list []string, separator string) []byte {
	for i, text := range list {
		if i > 0 {
			to = append(to, separator...)
		}
		to = append(to, text...)
	}
	return to
}

// appendViolations appends a sentence that ends in the fields of violations, each once: those of one field follow each
// other.
func appendViolations(to []byte, sentence string, list []Violation) []byte {
	to = append(to, sentence...)
	for i, v := range list {
		if i > 0 {
			if last := list[i-1]; last.Field == v.Field && last.Allow == v.Allow {
				continue
			}
			to = append(to, ", "...)
		}
		to = append(append(append(append(to, v.Field...), " ("...), v.Allow...), ')')
	}
	return append(to, '.')
}

func stepUpText(missing []string) string {
	texts := make([]string, 0, len(missing))
	for _, part := range missing {
		switch part {
		case StepUpMFA:
			texts = append(texts, "a second factor is needed")
		case StepUpNetwork:
			texts = append(texts, "the address is not in an allowed network")
		}
	}
	return strings.Join(texts, ", ")
}
