package engine

import "github.com/remit-authz/remit/api/v1alpha1"

// superuserOrAdmin allows everything to superusers and to holders of an eligible admin role (S4); no later stage restricts them.
func (e *evaluation) superuserOrAdmin() bool {
	e.ruling = e.rulingOn(e.resourceType)
	switch e.ruling.basis {
	case bySuperuser:
		return e.allowEverything(ReasonSuperuser)
	case byAdmin:
		return e.allowEverything(ReasonAdminAccess)
	default:
		return false
	}
}

func (e *evaluation) allowEverything(reason Reason) bool {
	e.decision = Decision{Allow: true, Reason: reason, DecidedBy: e.ruling.objects}
	if e.action.class != v1alpha1.ClassDelete {
		e.decision.Fields = everyField
	}
	return true
}
