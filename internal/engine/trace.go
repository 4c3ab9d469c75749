package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TraceStage is one stage of a decision, in the order in which they ran. It names objects and fields, never
// values of records.
type TraceStage struct {
	// Stage is the rule's number, S1 to S12, and Name its title.
	Stage, Name string
	// Outcome is "passed", or what the stage decided: "allow" or "deny", and the reason.
	Outcome string
	Entries []TraceEntry
}

// TraceEntry is what one object said.
type TraceEntry struct {
	// Object that was looked at; its zero value means the request.
	Object Ref
	// Field of the object, for example "spec.rules[0].condition"; empty for the object as a whole.
	Field string
	// Said is one clause for a person.
	Said string
}

// trace collects the stages. A nil trace collects nothing.
type trace struct{ stages []TraceStage }

func (t *trace) enter(stage, name string) {
	if t != nil {
		t.stages = append(t.stages, TraceStage{Stage: stage, Name: name, Outcome: "passed"})
	}
}

func (t *trace) leave(e *evaluation, decided bool) {
	if t == nil || !decided || e.err != nil {
		return
	}
	answer := "deny"
	if e.decision.Allow {
		answer = "allow"
	}
	t.stages[len(t.stages)-1].Outcome = answer + " " + string(e.decision.Reason)
}

func (t *trace) say(object Ref, field, format string, args ...any) {
	stage := &t.stages[len(t.stages)-1]
	entry := TraceEntry{Object: object, Field: field, Said: fmt.Sprintf(format, args...)}
	for _, said := range stage.Entries {
		if said == entry {
			return // a later look at the same thing
		}
	}
	stage.Entries = append(stage.Entries, entry)
}

func (e *evaluation) traceSubject() {
	switch account := e.account(); {
	case e.user == nil:
		e.trace.say(Ref{}, "subject.id", "no object names this user")
	case account == nil:
		e.trace.say(Ref{}, "subject.id", "the user has no User object, others name it")
	default:
		e.trace.say(account.ref(), "", "is the user's account, not disabled")
	}
}

func (e *evaluation) tracePrincipal() {
	for _, g := range e.groups {
		e.trace.say(g.ref, "", "the subject is in it")
	}
	for i := range e.roles {
		held := &e.roles[i]
		via := strings.Join(e.via(held.role.ref.Name), ", ")
		if e.roleless {
			via = "nothing: it is the role of who has no other"
		}
		if held.eligible() {
			e.trace.say(held.role.ref, "", "is held through %s", via)
			continue
		}
		e.trace.say(held.role.ref, "spec.restrictions", "is held through %s, but gives nothing now: %s", via, stepUpText(held.lacks.parts()))
	}
	e.tracePending()
}

// tracePending tells of memberships and roles whose time windows are not in force.
func (e *evaluation) tracePending() {
	if e.user == nil {
		return
	}
	for _, m := range e.user.memberships {
		if !m.window.inForce(e.at) {
			e.trace.say(Ref{KindGroup, m.group}, "spec.members", "lists the user, but not for now")
		}
	}
	refs := func(of Ref, list []roleRef) {
		for i, ref := range list {
			field := fmt.Sprintf("spec.roles[%d]", i)
			switch {
			case e.domain.role(ref.name) == nil:
				e.trace.say(of, field, "names role %s, which does not exist", ref.name)
			case !ref.window.inForce(e.at):
				e.trace.say(of, field, "gives role %s, but not for now", ref.name)
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
		level := entry.access
		switch {
		case !p.window.inForce(e.at):
			e.trace.say(p.ref(), "spec.permissions", "says %s, but not for now", level)
		case severity(level) < severity(winning):
			e.trace.say(p.ref(), "spec.permissions", "says %s; the more restrictive %s wins", level, winning)
		default:
			e.trace.say(p.ref(), "spec.permissions", "says %s, instead of what roles say", level)
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
	object := g.source.source[0]
	if g.held != nil {
		if granted {
			e.trace.say(g.held.role.ref, "spec.restrictions", "would give the action, but its restrictions do not hold: %s", stepUpText(g.held.lacks.parts()))
		}
		return
	}
	said := "names the type, but does not give the action"
	switch {
	case g.rule.access == v1alpha1.AccessNone:
		said = "names the type and gives nothing (access None)"
	case granted && g.rule.unconditional(e.action):
		said = "gives the action on every record"
	case granted:
		said = "gives the action, under conditions"
	}
	e.trace.say(object, rulePath(g.source, g.rule), "%s", said)
}

func (e *evaluation) traceCondition(c *matchedRule, holds bool, err error, missed []string) {
	field := c.path() + ".condition"
	switch {
	case holds:
		e.trace.say(c.source.source[0], field, "holds")
	case c.rule.condition.program == nil:
		e.trace.say(c.source.source[0], field, "does not compile, so it counts as false")
	case len(missed) > 0:
		e.trace.say(c.source.source[0], field, "does not hold; unknown properties: %s", strings.Join(sortedUnique(slices.Clone(missed)), ", "))
	case err != nil:
		e.trace.say(c.source.source[0], field, "is in error, so it counts as false")
	default:
		e.trace.say(c.source.source[0], field, "does not hold")
	}
}

func (e *evaluation) traceValidation(c *matchedRule, i int, holds bool, err error) {
	field := fmt.Sprintf("%s.validations[%d]", c.path(), i)
	switch {
	case holds:
		e.trace.say(c.source.source[0], field, "holds")
	case err != nil:
		e.trace.say(c.source.source[0], field, "is in error, so it counts as false: %s", c.rule.validations[i].message)
	default:
		e.trace.say(c.source.source[0], field, "does not hold: %s", c.rule.validations[i].message)
	}
}

func (e *evaluation) traceComputed(c *matchedRule, key string, err error) {
	if err != nil {
		e.trace.say(c.source.source[0], c.path()+".presetExpressions["+key+"]", "is in error, so it sets nothing")
	}
}

func (c *restrictionCheck) traceViolation(r *restriction, v Violation) {
	said := map[ViolationCause]string{
		CauseNotAllowed: "does not allow the value of %s (%s)",
		CauseStrict:     "is needed for the value of %s (%s): the type is strict",
		CauseEmpty:      "does not let %s (%s) be empty",
		CauseMissing:    "needs the property %s (%s), which is unknown",
	}[v.Cause]
	field := "spec.forValues"
	if r.first == nil {
		field = "spec.strictUserPermissions"
	}
	for _, ref := range r.appendBy(nil) {
		c.trace.say(ref, field, said, v.Field, v.Allow)
	}
}

func (e *evaluation) traceFields(refused []string) {
	for i := range e.matched {
		c := &e.matched[i]
		e.trace.say(c.source.source[0], c.path()+".fields", "covers %s", strings.Join(c.rule.fields.names, ", "))
	}
	e.trace.say(Ref{}, "", "no rule covers %s", strings.Join(refused, ", "))
}

func (e *evaluation) tracePresets() {
	for _, key := range sortedMapKeys(e.decision.Presets) {
		for i := range e.matched {
			c := &e.matched[i]
			if _, sets := c.presets[key]; sets {
				e.trace.say(c.source.source[0], c.path()+".presets["+key+"]", "sets it")
			}
		}
	}
	for _, l := range e.resourceType.links {
		for p := range e.userPermissions(l.target, e.resourceType.name) {
			if value, ok := e.defaultValues[l.field]; ok && value == p.fallback() {
				e.trace.say(p.ref(), "spec.default", "is the default of %s", l.field)
				break
			}
		}
	}
}
