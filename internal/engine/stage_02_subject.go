package engine

// subject denies subject types that the policy does not list, and disabled users (S2).
func (e *evaluation) subject() bool {
	e.anonymous = e.request.Subject.Type == AnonymousType
	if e.anonymous {
		return false
	}
	if !e.policy.isUser(e.request.Subject.Type) {
		return e.deny(ReasonUnknownSubjectType)
	}
	if e.user = e.named; !e.looked {
		e.user, _ = e.domain.users.get(e.request.Subject.ID)
	}
	if e.disabled() {
		return e.deny(ReasonUserDisabled, e.account().ref())
	}
	if e.trace != nil {
		e.traceSubject()
	}
	return false
}
