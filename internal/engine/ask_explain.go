package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TraceStage is one stage of a decision, in the order in which they ran. It names objects and fields, never
// values of records.
type TraceStage struct {
	// Stage is the rule's number, S1 to S12, and Name its title.
	Stage, Name string
	Outcome     StageOutcome
	// Reason is that of the decision; empty for a stage that passed.
	Reason  Reason
	Entries []TraceEntry
}

// StageOutcome is what came of a stage.
type StageOutcome string

// The outcomes.
const (
	StagePassed StageOutcome = "passed"
	StageAllow  StageOutcome = "allow"
	StageDeny   StageOutcome = "deny"
)

// Text is the outcome for a person: "passed", or "deny" and the reason.
func (s *TraceStage) Text() string {
	if s.Reason == "" {
		return string(s.Outcome)
	}
	return string(s.Outcome) + " " + string(s.Reason)
}

// TraceEntry is what a stage found in one object.
type TraceEntry struct {
	// Code says what was found. It also says which of the details below are set.
	Code TraceCode
	// Object that was looked at; its zero value means the request.
	Object Ref
	// Field of the object, for example "spec.rules[0].condition"; empty for the object as a whole.
	Field string
	TraceDetails
}

// TraceCode says what a stage found in an object. Programs decide by it; Text makes a clause for a person of it.
type TraceCode string

// The codes, by stage.
const (
	// TraceActionDeclared: the resource type declares Action, of Class (S1).
	TraceActionDeclared TraceCode = "action_declared"

	// TraceUserFound: the User of the subject, or the UserSet with an entry of it, which is not disabled (S2).
	TraceUserFound TraceCode = "user_found"
	// TraceUserWithoutObject: the subject has no User and no entry of a UserSet, but other objects name it (S2).
	TraceUserWithoutObject TraceCode = "user_without_object"
	// TraceUserUnknown: no object names the subject (S2).
	TraceUserUnknown TraceCode = "user_unknown"

	// TraceInGroup: the subject is in the group (S3).
	TraceInGroup TraceCode = "in_group"
	// TraceMembershipNotInForce: the group lists the subject, outside the time window of the membership (S3).
	TraceMembershipNotInForce TraceCode = "membership_not_in_force"
	// TraceRoleHeld: the subject holds the role, Via these objects; without any, it is the public role (S3).
	TraceRoleHeld TraceCode = "role_held"
	// TraceRoleNotEligible: the same, but the role's restrictions do not hold: StepUp is missing (S3).
	TraceRoleNotEligible TraceCode = "role_not_eligible"
	// TraceRoleNotInForce: the object assigns Role, outside the time window of the assignment (S3).
	TraceRoleNotInForce TraceCode = "role_not_in_force"
	// TraceRoleMissing: the object assigns Role, which does not exist (S3).
	TraceRoleMissing TraceCode = "role_missing"

	// TraceGuardTrue, TraceGuardFalse: the result of a guard, which has Message (S3a).
	TraceGuardTrue  TraceCode = "guard_true"
	TraceGuardFalse TraceCode = "guard_false"
	// TraceGuardMissing: the guard looked up Properties and Request that are unknown (S3a).
	TraceGuardMissing TraceCode = "guard_missing"
	// TraceGuardUnknown: the question is about every record, and the guard depends on the record (S3a).
	TraceGuardUnknown TraceCode = "guard_unknown"
	// TraceGuardError: evaluating the guard failed, so it counts as false (S3a).
	TraceGuardError TraceCode = "guard_error"
	// TraceGuardInvalid: the guard does not compile, so it counts as false (S3a).
	TraceGuardInvalid TraceCode = "guard_invalid"

	// TraceSpecialPermissionApplies: the special permission sets Access on the type (S6).
	TraceSpecialPermissionApplies TraceCode = "special_permission_applies"
	// TraceSpecialPermissionOutranked: it sets Access, but another one sets Stricter (S6).
	TraceSpecialPermissionOutranked TraceCode = "special_permission_outranked"
	// TraceSpecialPermissionNotInForce: it sets Access, outside its time window (S6).
	TraceSpecialPermissionNotInForce TraceCode = "special_permission_not_in_force"

	// TraceRuleGrants: the rule grants the action; Conditional, Validated and Fields limit it (S7).
	TraceRuleGrants TraceCode = "rule_grants"
	// TraceRuleOtherAction: the rule names the type, but does not grant the action (S7).
	TraceRuleOtherAction TraceCode = "rule_other_action"
	// TraceRuleNone: the rule names the type with access None, which grants nothing (S7).
	TraceRuleNone TraceCode = "rule_none"
	// TraceRoleWouldGrant: the role would grant the action if its restrictions held: StepUp is missing (S7).
	TraceRoleWouldGrant TraceCode = "role_would_grant"

	// TraceConditionTrue, TraceConditionFalse: the result of a condition (S8).
	TraceConditionTrue  TraceCode = "condition_true"
	TraceConditionFalse TraceCode = "condition_false"
	// TraceConditionMissing: the condition looked up Properties and Request that are unknown (S8).
	TraceConditionMissing TraceCode = "condition_missing"
	// TraceConditionUnknown: the question is about every record, and the condition depends on the record (S8).
	TraceConditionUnknown TraceCode = "condition_unknown"
	// TraceConditionError: evaluating the condition failed, so it counts as false (S8).
	TraceConditionError TraceCode = "condition_error"
	// TraceConditionInvalid: the condition does not compile, so it counts as false (S8).
	TraceConditionInvalid TraceCode = "condition_invalid"
	// TraceValidationTrue, TraceValidationFalse: the result of a validation, which has Message (S8).
	TraceValidationTrue  TraceCode = "validation_true"
	TraceValidationFalse TraceCode = "validation_false"
	// TraceValidationError: evaluating the validation failed, so it counts as false (S8).
	TraceValidationError TraceCode = "validation_error"
	// TracePresetError: evaluating a computed preset failed, so it sets nothing (S8).
	TracePresetError TraceCode = "preset_error"

	// TraceLinkNotAllowed: the object does not allow the value of Link, which is of LinkedType (S9). Link is "id"
	// for the record itself, here and below.
	TraceLinkNotAllowed TraceCode = "link_not_allowed"
	// TraceLinkStrict: LinkedType is strict, and the user has no user permission for it (S9).
	TraceLinkStrict TraceCode = "link_strict"
	// TraceLinkEmpty: Link is empty, and empty links are denied (S9).
	TraceLinkEmpty TraceCode = "link_empty"
	// TraceLinkMissing: Link is unknown (S9).
	TraceLinkMissing TraceCode = "link_missing"

	// TraceFieldsCovered: the rule covers Fields (S10).
	TraceFieldsCovered TraceCode = "fields_covered"
	// TraceFieldsNotCovered: no rule covers Fields (S10).
	TraceFieldsNotCovered TraceCode = "fields_not_covered"

	// TracePresetSet: the preset is part of the answer (S11).
	TracePresetSet TraceCode = "preset_set"
	// TraceDefaultSet: the user permission gives the default of Link (S11).
	TraceDefaultSet TraceCode = "default_set"
)

// TraceDetails are what the code of an entry is about; what does not apply is empty.
type TraceDetails struct {
	Action string
	Class  v1alpha1.ActionClass

	Role string
	// Via are the objects that give a role, as Kind/name.
	Via []string
	// StepUp is what a role lacks to be eligible: StepUpMFA, StepUpNetwork.
	StepUp []string

	Access, Stricter v1alpha1.Access

	// Conditional and Validated say that a rule has a condition, or validations that apply to the action. Fields
	// are those that it covers; empty for all, or for all but ExceptFields.
	Conditional, Validated bool
	Fields, ExceptFields   []string

	// Properties that an expression looked up and that are unknown, and paths that the request lacks, sorted.
	Properties, Request []string
	// Message of a validation.
	Message string

	// Link is a field of the resource type, and LinkedType the type that it links to.
	Link, LinkedType string
}

// trace collects the stages. A nil trace collects nothing.
type trace struct{ stages []TraceStage }

func (t *trace) enter(stage, name string) {
	if t != nil {
		t.stages = append(t.stages, TraceStage{Stage: stage, Name: name, Outcome: StagePassed})
	}
}

func (t *trace) leave(e *evaluation, decided bool) {
	if t == nil || !decided || e.err != nil {
		return
	}
	stage := &t.stages[len(t.stages)-1]
	stage.Outcome, stage.Reason = StageDeny, e.decision.Reason
	if e.decision.Allow {
		stage.Outcome = StageAllow
	}
}

// add notes what was found; a later look at the same thing adds nothing.
func (t *trace) add(code TraceCode, object Ref, field string, details TraceDetails) {
	stage := &t.stages[len(t.stages)-1]
	entry := TraceEntry{code, object, field, details}
	if !slices.ContainsFunc(stage.Entries, func(known TraceEntry) bool { return reflect.DeepEqual(known, entry) }) {
		stage.Entries = append(stage.Entries, entry)
	}
}

func (e *evaluation) traceSubject() {
	switch account := e.account(); {
	case e.user == nil:
		e.trace.add(TraceUserUnknown, Ref{}, "subject.id", TraceDetails{})
	case account == nil:
		e.trace.add(TraceUserWithoutObject, Ref{}, "subject.id", TraceDetails{})
	default:
		e.trace.add(TraceUserFound, account.ref(), "", TraceDetails{})
	}
}

func (e *evaluation) tracePrincipal() {
	for _, g := range e.groups {
		e.trace.add(TraceInGroup, g.ref, "", TraceDetails{})
	}
	for i := range e.roles {
		held := &e.roles[i]
		details := TraceDetails{}
		if !e.roleless {
			details.Via = e.via(held.role.ref.Name)
		}
		if held.eligible() {
			e.trace.add(TraceRoleHeld, held.role.ref, "", details)
			continue
		}
		details.StepUp = held.lacks.parts()
		e.trace.add(TraceRoleNotEligible, held.role.ref, "spec.restrictions", details)
	}
	e.traceNotInForce()
}

// traceNotInForce adds memberships and roles whose time windows are not in force, and roles that do not exist.
func (e *evaluation) traceNotInForce() {
	if e.user == nil {
		return
	}
	for _, m := range e.user.memberships {
		if !m.window.inForce(e.at) {
			e.trace.add(TraceMembershipNotInForce, Ref{KindGroup, m.group}, "spec.members", TraceDetails{})
		}
	}
	refs := func(of Ref, list []roleRef) {
		for i, ref := range list {
			field := fmt.Sprintf("spec.roles[%d]", i)
			switch {
			case e.domain.role(ref.name) == nil:
				e.trace.add(TraceRoleMissing, of, field, TraceDetails{Role: ref.name})
			case !ref.window.inForce(e.at):
				e.trace.add(TraceRoleNotInForce, of, field, TraceDetails{Role: ref.name})
			}
		}
	}
	if account := e.account(); account != nil {
		refs(account.ref(), account.roles)
	}
	for _, g := range e.groups {
		refs(g.ref, g.roles)
	}
}

func (e *evaluation) traceSpecialPermissions(winning v1alpha1.Access) {
	for _, p := range e.user.specialPermissions() {
		entry := p.on(e.resourceType)
		if entry == nil {
			continue
		}
		details := TraceDetails{Access: entry.access}
		switch {
		case !p.window.inForce(e.at):
			e.trace.add(TraceSpecialPermissionNotInForce, p.ref(), "spec.permissions", details)
		case severity(entry.access) < severity(winning):
			details.Stricter = winning
			e.trace.add(TraceSpecialPermissionOutranked, p.ref(), "spec.permissions", details)
		default:
			e.trace.add(TraceSpecialPermissionApplies, p.ref(), "spec.permissions", details)
		}
	}
}

func rulePath(set *ruleSet, r *rule) string {
	if set.source[0].Kind == KindPermissionPolicy {
		return fmt.Sprintf("spec.appAccessRules[%d]", r.index)
	}
	return fmt.Sprintf("spec.rules[%d]", r.index)
}

func (e *evaluation) traceGrant(g grant, granted bool) {
	if g.held != nil {
		if granted {
			e.trace.add(TraceRoleWouldGrant, g.held.role.ref, "spec.restrictions", TraceDetails{StepUp: g.held.lacks.parts()})
		}
		return
	}
	code, details := TraceRuleOtherAction, TraceDetails{}
	switch {
	case g.rule.access == v1alpha1.AccessNone:
		code = TraceRuleNone
	case granted:
		code = TraceRuleGrants
		details.Conditional = g.rule.condition != nil
		details.Validated = len(g.rule.validations) > 0 && e.action.writes()
		if e.action.class != v1alpha1.ClassDelete {
			details.Fields, details.ExceptFields = g.rule.fields.names, g.rule.fields.except
		}
	}
	e.trace.add(code, g.source.source[0], rulePath(g.source, g.rule), details)
}

// outcomes are the codes of what comes of an expression.
type outcomes struct{ holds, fails, invalid, missing, unknown, failed TraceCode }

var (
	ofCondition = outcomes{
		TraceConditionTrue, TraceConditionFalse, TraceConditionInvalid, TraceConditionMissing, TraceConditionUnknown, TraceConditionError,
	}
	ofGuard = outcomes{TraceGuardTrue, TraceGuardFalse, TraceGuardInvalid, TraceGuardMissing, TraceGuardUnknown, TraceGuardError}
)

// traceOutcome adds what came of an expression that has just been evaluated.
func (e *evaluation) traceOutcome(codes outcomes, c *condition, holds bool, err error, object Ref, field string, details TraceDetails) {
	code := codes.fails
	switch {
	case holds:
		code = codes.holds
	case c.program == nil:
		code = codes.invalid
	case len(e.missed)+len(e.missedOfRequest) > 0:
		code = codes.missing
		details.Properties, details.Request = sortedUnique(slices.Clone(e.missed)), sortedUnique(slices.Clone(e.missedOfRequest))
	case err != nil && e.unknown.Met():
		code = codes.unknown
	case err != nil:
		code = codes.failed
	}
	e.trace.add(code, object, field, details)
}

func (e *evaluation) traceCondition(c *matchedRule, holds bool, err error) {
	e.traceOutcome(ofCondition, c.rule.condition, holds, err, c.source.source[0], c.path()+".condition", TraceDetails{})
}

func (e *evaluation) traceGuard(g *guard, holds bool, err error) {
	at := fmt.Sprintf("spec.guards[%d]", g.index)
	e.traceOutcome(ofGuard, &g.condition, holds, err, e.resourceType.ref, at, TraceDetails{Message: g.message})
}

func (e *evaluation) traceValidation(c *matchedRule, i int, holds bool, err error) {
	code := TraceValidationFalse
	switch {
	case holds:
		code = TraceValidationTrue
	case err != nil:
		code = TraceValidationError
	}
	e.trace.add(code, c.source.source[0], fmt.Sprintf("%s.validations[%d]", c.path(), i), TraceDetails{Message: c.rule.validations[i].message})
}

func (e *evaluation) traceComputed(c *matchedRule, key string, err error) {
	if err != nil {
		e.trace.add(TracePresetError, c.source.source[0], c.path()+".presetExpressions["+key+"]", TraceDetails{})
	}
}

func (c *restrictionCheck) traceViolation(r *restriction, v Violation) {
	code := map[ViolationCause]TraceCode{
		CauseNotAllowed: TraceLinkNotAllowed,
		CauseStrict:     TraceLinkStrict,
		CauseEmpty:      TraceLinkEmpty,
		CauseMissing:    TraceLinkMissing,
	}[v.Cause]
	field := "spec.forValues"
	if r.first == nil {
		field = "spec.strictUserPermissions"
	}
	for _, ref := range r.appendBy(nil) {
		c.trace.add(code, ref, field, TraceDetails{Link: v.Field, LinkedType: v.Allow})
	}
}

func (e *evaluation) traceFields(refused []string) {
	for i := range e.matched {
		c := &e.matched[i]
		e.trace.add(TraceFieldsCovered, c.source.source[0], c.path()+".fields", TraceDetails{Fields: c.rule.fields.names, ExceptFields: c.rule.fields.except})
	}
	e.trace.add(TraceFieldsNotCovered, Ref{}, "", TraceDetails{Fields: refused})
}

func (e *evaluation) tracePresets() {
	for _, key := range slices.Sorted(maps.Keys(e.decision.Presets)) {
		for i := range e.matched {
			c := &e.matched[i]
			if _, sets := c.presets[key]; sets {
				e.trace.add(TracePresetSet, c.source.source[0], c.path()+".presets["+key+"]", TraceDetails{})
			}
		}
	}
	for _, l := range e.resourceType.links {
		for p := range e.userPermissions(l.target, e.resourceType, e.action) {
			if value, ok := e.defaultValues[l.field]; ok && value == p.fallback() {
				e.trace.add(TraceDefaultSet, p.ref(), "spec.default", TraceDetails{Link: l.field, LinkedType: l.target})
				break
			}
		}
	}
}
