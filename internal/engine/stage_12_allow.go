package engine

import "slices"

// allow allows, by the special permission, the unrestricted type, or the live rules (S12).
func (e *evaluation) allow() bool {
	e.decision.Allow = true
	e.decision.DecidedBy = e.matchedSources()
	switch e.ruling.basis {
	case bySpecial:
		e.decision.Reason = ReasonSpecialPermission
	case byUnrestricted:
		e.decision.Reason = ReasonUnrestrictedType
	default:
		e.decision.Reason = ReasonRule
	}
	return true
}

// matchedSources are the objects that have the matched rules, sorted.
func (e *evaluation) matchedSources() []Ref {
	if len(e.matched) > 0 && !slices.ContainsFunc(e.matched, func(m matchedRule) bool { return m.source != e.matched[0].source }) {
		return e.matched[0].source.source
	}
	sources := make([]Ref, 0, len(e.matched))
	for i := range e.matched {
		sources = append(sources, e.matched[i].source.source...)
	}
	return sortRefs(sources)
}
