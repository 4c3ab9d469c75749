package engine

import (
	"fmt"
	"strings"
)

// Text is the entry as one clause for a person, whose subject is the object and the field.
func (e *TraceEntry) Text() string {
	switch e.Code {
	case TraceActionDeclared:
		return fmt.Sprintf("declares %s (class %s)", e.Action, e.Class)

	case TraceUserFound:
		if e.Object.Kind == KindUserSet {
			return "has the subject as an entry, which is not disabled"
		}
		return "is the User object of the subject; it is not disabled"
	case TraceUserWithoutObject:
		return "has no User object; other objects name it"
	case TraceUserUnknown:
		return "is not named by any object"

	case TraceInGroup:
		return "has the subject as a member"
	case TraceMembershipNotInForce:
		return "lists the subject, but the membership is not in force"
	case TraceRoleHeld:
		return "is " + e.heldText()
	case TraceRoleNotEligible:
		return fmt.Sprintf("are not met, so the role, %s, grants nothing: %s", e.heldText(), stepUpText(e.StepUp))
	case TraceRoleNotInForce:
		return fmt.Sprintf("assigns role %s, but the assignment is not in force", e.Role)
	case TraceRoleMissing:
		return fmt.Sprintf("assigns role %s, which does not exist", e.Role)

	case TraceGuardTrue:
		return "is true"
	case TraceGuardFalse:
		return "is false, for everybody: " + e.Message
	case TraceGuardMissing:
		return fmt.Sprintf("cannot be true, for anybody, while %s: %s", e.missingText(), e.Message)
	case TraceGuardUnknown:
		return "depends on the record: " + e.Message
	case TraceGuardError:
		return "failed to evaluate, so it counts as false for everybody: " + e.Message
	case TraceGuardInvalid:
		return "does not compile, so it counts as false for everybody"

	case TraceSpecialPermissionApplies:
		return fmt.Sprintf("sets access %s, which replaces what roles grant", e.Access)
	case TraceSpecialPermissionOutranked:
		return fmt.Sprintf("sets access %s, but another special permission sets the more restrictive %s", e.Access, e.Stricter)
	case TraceSpecialPermissionNotInForce:
		return fmt.Sprintf("sets access %s, but is not in force", e.Access)

	case TraceRuleGrants:
		return e.grantText()
	case TraceRuleOtherAction:
		return "names the resource type, but does not grant the action"
	case TraceRuleNone:
		return "names the resource type with access None, which grants nothing"
	case TraceRoleWouldGrant:
		return "are not met; otherwise the role would grant the action: " + stepUpText(e.StepUp)

	case TraceConditionTrue:
		return "is true"
	case TraceConditionFalse:
		return "is false"
	case TraceConditionMissing:
		return "cannot be true while " + e.missingText()
	case TraceConditionUnknown:
		return "depends on the record"
	case TraceConditionError:
		return "failed to evaluate, so it counts as false"
	case TraceConditionInvalid:
		return "does not compile, so it counts as false"
	case TraceValidationTrue:
		return "is true"
	case TraceValidationFalse:
		return "is false: " + e.Message
	case TraceValidationError:
		return "failed to evaluate, so it counts as false: " + e.Message
	case TracePresetError:
		return "failed to evaluate, so it sets nothing"

	case TraceLinkNotAllowed:
		return "does not allow " + e.linkText("the record", "the value of ")
	case TraceLinkStrict:
		return "requires a user permission for " + e.linkText("the record", "the value of ")
	case TraceLinkEmpty:
		return "does not allow an empty " + e.linkText("id", "")
	case TraceLinkMissing:
		return "needs to know " + e.linkText("the id of the record", "the property ")

	case TraceFieldsCovered:
		return "covers " + e.fieldsText()
	case TraceFieldsNotCovered:
		return "includes fields that no rule covers: " + strings.Join(e.Fields, ", ")

	case TracePresetSet:
		return "sets the value"
	case TraceDefaultSet:
		return "is the default of " + e.Link
	}
	return string(e.Code)
}

// missingText says what an expression looked up and did not find.
func (e *TraceEntry) missingText() string {
	var parts []string
	if len(e.Properties) > 0 {
		parts = append(parts, "these properties are unknown: "+strings.Join(e.Properties, ", "))
	}
	if len(e.Request) > 0 {
		parts = append(parts, "the request lacks "+strings.Join(e.Request, ", "))
	}
	return strings.Join(parts, ", and ")
}

// fieldsText are the fields that a rule covers.
func (e *TraceEntry) fieldsText() string {
	switch {
	case len(e.ExceptFields) > 0:
		return "all fields but " + strings.Join(e.ExceptFields, ", ")
	case len(e.Fields) == 0:
		return "all fields"
	}
	return strings.Join(e.Fields, ", ")
}

func (e *TraceEntry) heldText() string {
	if len(e.Via) == 0 {
		return "held as the public role, because the subject has no other"
	}
	return "held through " + strings.Join(e.Via, ", ")
}

// grantText says what a rule grants, and what limits it.
func (e *TraceEntry) grantText() string {
	text := "grants the action"
	switch {
	case e.Conditional && e.Validated:
		text += " if its condition is true and its validations pass"
	case e.Conditional:
		text += " if its condition is true"
	case e.Validated:
		text += " on every record, if its validations pass"
	default:
		text += " on every record"
	}
	switch {
	case len(e.ExceptFields) > 0:
		text += ", for " + e.fieldsText()
	case len(e.Fields) > 0:
		text += ", for the fields " + e.fieldsText()
	}
	return text
}

// linkText is the record itself, or a link with the type that it links to.
func (e *TraceEntry) linkText(record, before string) string {
	if e.Link == "id" {
		return record
	}
	return fmt.Sprintf("%s%s, a link to %s", before, e.Link, e.LinkedType)
}
