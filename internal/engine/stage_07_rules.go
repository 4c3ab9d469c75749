package engine

// ruleGrants collects the rules that grant the action, and denies where there is none: role_restricted if a role that is not
// eligible has one, no_rule otherwise (S7).
func (e *evaluation) ruleGrants() bool {
	switch {
	case e.ruling.basis == bySpecial:
		return false
	case e.ruling.basis == byUnrestricted:
		e.matchSettled()
		return false
	case e.trace == nil && !e.lacksAny():
		e.matched = append(e.matched, e.roleSet.planFor(e.resourceType, e.action).matched...)
		return len(e.matched) == 0 && e.deny(ReasonNoRule)
	}
	var ineligible []Ref
	var lacks lack
	for g := range e.ruling.grants {
		granted := g.rule.grants(e.action)
		switch {
		case granted && g.held == nil:
			e.matched = append(e.matched, matchedRule{rule: g.rule, source: g.source})
		case granted:
			ineligible = append(ineligible, g.held.role.ref)
			lacks |= g.held.lacks
		}
		if e.trace != nil {
			e.traceGrant(g, granted)
		}
	}
	e.stepUp = lacks.parts()
	if len(e.matched) > 0 {
		return false
	}
	if len(ineligible) > 0 {
		return e.deny(ReasonRoleRestricted, sortRefs(ineligible)...)
	}
	return e.deny(ReasonNoRule)
}

// lacksAny reports whether some role is not eligible.
func (e *evaluation) lacksAny() bool {
	for i := range e.checked {
		if !e.checked[i].eligible() {
			return true
		}
	}
	return false
}
