package engine

// specialPermission is S6: it decides instead of rules.
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

// matchSettled takes the cases of a ruling that does not depend on roles.
func (e *evaluation) matchSettled() {
	for g := range e.ruling.settled {
		if g.rule.grants(e.action) {
			e.matched = append(e.matched, matchedRule{rule: g.rule, source: g.source})
		}
	}
}
