package engine

// specialPermission denies what the strictest special permission does not give; what it gives needs no rule (S6).
func (e *evaluation) specialPermission() bool {
	if e.trace != nil && e.user != nil {
		e.traceSpecialPermissions(e.ruling.level)
	}
	if e.ruling.basis != bySpecial {
		return false
	}
	e.matchSettled()
	return len(e.matched) == 0 && e.deny(ReasonSpecialPermission, e.ruling.objects...)
}

// matchSettled takes the grants of a ruling that needs no role: those of a special permission, or of an unrestricted type.
func (e *evaluation) matchSettled() {
	for g := range e.ruling.settled {
		if g.rule.grants(e.action) {
			e.matched = append(e.matched, matchedRule{rule: g.rule, source: g.source})
		}
	}
}
