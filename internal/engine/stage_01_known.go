package engine

import "github.com/remit-authz/remit/api/v1alpha1"

// known denies resource types that the domain does not have and actions that the type does not declare (S1).
func (e *evaluation) known() bool {
	if e.resourceType == nil {
		e.resourceType = e.domain.typeIndex[e.request.Resource.Type]
	}
	if e.resourceType == nil {
		return e.deny(ReasonUnknownResourceType)
	}
	if e.action == nil {
		e.action = e.resourceType.actions[e.request.Action.Name]
	}
	if e.action == nil {
		return e.deny(ReasonUnknownAction, e.resourceType.ref)
	}
	if e.action.writes() {
		// What a Create submits is known only now; a malformed submission is an error whoever submits it.
		e.submitted, e.err = e.request.submitted(e.action.class == v1alpha1.ClassCreate)
		if e.err != nil {
			return true
		}
	}
	if e.trace != nil {
		e.trace.add(TraceActionDeclared, e.resourceType.ref, "spec.actions", TraceDetails{Action: e.action.name, Class: e.action.class})
	}
	return false
}
