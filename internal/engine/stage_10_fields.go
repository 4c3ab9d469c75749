package engine

import (
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// checkFields denies a Read that asks for, or a write that submits, fields that no live rule covers (S10).
func (e *evaluation) checkFields() bool {
	var asked []string
	switch e.action.class {
	case v1alpha1.ClassDelete:
		return false
	case v1alpha1.ClassRead:
		asked = e.request.askedFields()
	case v1alpha1.ClassCreate, v1alpha1.ClassUpdate:
		for name := range e.submitted {
			asked = append(asked, name)
		}
	}
	var refused []string
	for _, field := range asked {
		if !e.covered(field) && !slices.Contains(refused, field) {
			refused = append(refused, field)
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		if e.trace != nil {
			e.traceFields(refused)
		}
		e.decision.Fields = refused
		return e.deny(ReasonFieldNotAllowed, e.matchedSources()...)
	}
	e.decision.Fields, e.decision.ExceptFields = e.matchedFields()
	return false
}

func (e *evaluation) covered(field string) bool {
	return slices.ContainsFunc(e.matched, func(m matchedRule) bool { return m.rule.fields.covers(field) })
}

// matchedFields are the fields that the live cases cover, as a decision lists them.
func (e *evaluation) matchedFields() (fields, except []string) {
	if slices.ContainsFunc(e.matched, func(m matchedRule) bool { return m.rule.fields.everything() }) {
		return everyField, nil
	}
	covered := make(fieldUnion, len(e.matched))
	for i := range e.matched {
		covered[i] = e.matched[i].rule.fields
	}
	return covered.list()
}
