package engine

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// groupsAndRoles finds the groups and roles of the subject (S3). It never decides.
func (e *evaluation) groupsAndRoles() bool {
	e.resolve(true)
	if e.trace != nil {
		e.tracePrincipal()
	}
	return false
}

// resolve finds the principal's groups, its roles with what each lacks, and whether it is staff (S3, S5). Without a
// request to check them against, roles lack whatever they ask for.
func (e *evaluation) resolve(check bool) {
	if !e.anonymous {
		e.staff = e.policy.isStaff(e.account(), e.subjectProperties())
		e.findJoined()
	}
	s := e.findRoleSet()
	e.findUnsure(s)
	e.roleSet, e.groups, e.roles, e.roleless = s, s.groups, s.roles, s.roleless
	if s.restricted {
		e.checked = append(e.checked, s.roles...)
		e.roles = e.checked
		for i := range e.roles {
			held := &e.roles[i]
			if held.lacks = held.role.asks(); check {
				held.lacks = e.lackFor(held.role)
			}
		}
	}
}

// subjectProperties are what the caller says about the subject; nil where the policy does not trust callers (S3).
func (e *evaluation) subjectProperties() map[string]any {
	if !e.policy.trustsCallers() {
		return nil
	}
	return e.request.Subject.Properties
}

// isStaff reports whether an account is staff, or the subject's properties have a staff scope among the scope claims
// (S5). It is not for the anonymous subject, which never is.
func (p *policy) isStaff(account *account, properties map[string]any) bool {
	if account != nil && account.staff {
		return true
	}
	if len(p.spec.StaffScopes) == 0 {
		return false
	}
	counts := func(scope string) bool { return slices.Contains(p.spec.StaffScopes, v1alpha1.Token(scope)) }
	switch scopes := properties[p.spec.Claims.Scopes].(type) {
	case string:
		return slices.ContainsFunc(strings.Fields(scopes), counts)
	case []any:
		return slices.ContainsFunc(scopes, func(scope any) bool { text, ok := scope.(string); return ok && counts(text) })
	}
	return false
}

// findJoined collects the groups that the subject is in by its group claims, or by their member conditions.
func (e *evaluation) findJoined() {
	if len(e.domain.external) > 0 {
		claims, _ := e.subjectProperties()[e.policy.spec.Claims.Groups].([]any)
		for _, claim := range claims {
			name, _ := claim.(string)
			e.joined = append(e.joined, e.domain.external[name]...)
		}
	}
	if len(e.domain.conditional) > 0 {
		in := e.memberInput()
		for _, g := range e.domain.conditional {
			switch member, err := g.condition.holds(in); {
			case err != nil:
				e.unsure = append(e.unsure, g)
			case member:
				e.joined = append(e.joined, g)
			}
		}
	}
	sortGroups(e.joined)
	e.joined = slices.Compact(e.joined)
}

// findUnsure collects the groups whose membership is not known, since a memberCondition is in error: those groups and the
// groups around them. They give nothing, and each restricts by itself (S9).
func (e *evaluation) findUnsure(sure *roleSet) {
	var groups []*group
	for _, g := range e.unsure {
		for _, around := range e.domain.within[g.ref.Name] {
			if !slices.Contains(sure.groups, around) && !slices.Contains(groups, around) {
				groups = append(groups, around)
			}
		}
	}
	sortGroups(groups)
	for _, g := range groups {
		if permissions, _ := e.domain.groupRestrictions.get(g.ref.Name); len(permissions) > 0 {
			e.alsoRestricted = append(e.alsoRestricted, &principal{at: e.at, policy: e.policy, roleSet: &roleSet{permissions: permissions}})
		}
	}
}

// lackFor is which of a role's restrictions the request does not satisfy.
func (e *evaluation) lackFor(r *role) lack {
	lacks := r.asks()
	if lacks&lacksMFA != 0 && e.hasMFA() {
		lacks &^= lacksMFA
	}
	if lacks&lacksNetwork != 0 && e.isIn(r.allowedCIDRs) {
		lacks &^= lacksNetwork
	}
	return lacks
}

func (e *evaluation) hasMFA() bool {
	properties := e.subjectProperties()
	if properties[e.policy.spec.Claims.MFA] == true || e.request.Context["mfa"] == true {
		return true
	}
	methods, _ := properties["amr"].([]any)
	return slices.Contains(methods, any("mfa"))
}

func (e *evaluation) isIn(networks []netip.Prefix) bool {
	text, _ := e.request.Context["ip"].(string)
	address, err := parseAddress(text)
	return err == nil && slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(address) })
}
