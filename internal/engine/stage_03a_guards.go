package engine

import (
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// guards is S3a: every guard of the type that names the action must be true, whoever asks.
func (e *evaluation) guards() bool {
	var failed failures
	for g := range e.resourceType.guardsOf(e.action) {
		in := e.guardInput()
		e.noteMissed(in)
		holds, err := g.holds(in)
		in.Missed = nil
		if e.trace != nil {
			e.traceGuard(g, holds, err)
		}
		if !holds {
			failed.messages = append(failed.messages, g.message)
			failed.takeMissed(e)
		}
	}
	if len(failed.messages) == 0 {
		return false
	}
	e.decision.ValidationMessages = sortedUnique(failed.messages)
	e.decision.MissingProperties = sortedUnique(failed.missing)
	e.nameMissing(failed.ofRequest)
	return e.deny(ReasonGuard, e.resourceType.ref)
}

// guardInput is what a guard sees: what a condition sees, and as proposed what is stored and submitted, without presets
// and defaults.
func (e *evaluation) guardInput() *expr.Input {
	in := e.expressionInput()
	in.Resource.Properties = e.stored()
	if e.action.writes() {
		if in.Proposed = e.proposeUnknown(nil); e.unknown == nil {
			in.Proposed = e.proposeOver(nil, nil)
		}
		if e.action.class == v1alpha1.ClassCreate {
			in.Resource.Properties = in.Proposed
		}
	}
	return in
}

// guard is a compiled Guard.
type guard struct {
	validation
	index   int
	actions actionNames
}

// guardsOf yields the guards that name an action.
func (t *resourceType) guardsOf(a *action) func(yield func(*guard) bool) {
	return func(yield func(*guard) bool) {
		for i := range t.guards {
			if g := &t.guards[i]; g.actions.name(a.name) && !yield(g) {
				return
			}
		}
	}
}

// guarded reports whether a guard names an action.
func (t *resourceType) guarded(a *action) bool {
	return slices.ContainsFunc(t.guards, func(g guard) bool { return g.actions.name(a.name) })
}

// guardTexts are the conditions of the guards that name an action.
func (t *resourceType) guardTexts(a *action) []string {
	var conditions []string
	for g := range t.guardsOf(a) {
		conditions = append(conditions, g.text)
	}
	return conditions
}

// guardsReadLinks reports whether a guard that names an action follows links.
func (t *resourceType) guardsReadLinks(a *action) bool {
	for g := range t.guardsOf(a) {
		if g.reads("resource", "links") {
			return true
		}
	}
	return false
}
