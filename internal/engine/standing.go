package engine

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// standing is what a subject is in the domain at one moment (S2, S3, S5).
type standing struct {
	user      *user // nil: nothing names it
	anonymous bool
	at        int64
	profile   *profile
	groups    []*group // by name; the profile's
	roles     []heldRole
	// roleless subjects hold exactly the public role, or nothing where there is none.
	roleless bool
	staff    bool
	policy   *policy
}

// heldRole is a role that a subject holds.
type heldRole struct {
	role *role
	// direct says that the User object gives it; a role held both ways is direct.
	direct bool
	lacks  lack
}

func (h *heldRole) eligible() bool { return h.lacks == 0 }

// lack is what is missing for a role to be eligible.
type lack uint8

const (
	lacksMFA lack = 1 << iota
	lacksNetwork
)

// parts names what is missing, sorted.
func (l lack) parts() []string {
	var parts []string
	if l&lacksMFA != 0 {
		parts = append(parts, StepUpMFA)
	}
	if l&lacksNetwork != 0 {
		parts = append(parts, StepUpNetwork)
	}
	return parts
}

func (s *standing) account() *account { return s.user.account() }

// takeStanding finds the subject's groups, roles and whether it is staff (S3, S5). With check, restrictions
// of roles are checked against the request.
func (e *evaluation) takeStanding(check bool) {
	e.at = e.seconds
	e.policy = e.domain.policy
	e.staff = e.isStaff()
	if !e.anonymous {
		e.findJoined()
	}
	p := e.findProfile()
	e.profile, e.groups, e.roles, e.roleless = p, p.groups, p.roles, p.roleless
	if check && p.restricted {
		e.checked = append(e.checked, p.roles...)
		e.roles = e.checked
		for i := range e.roles {
			e.roles[i].lacks = e.lackFor(e.roles[i].role)
		}
	}
}

// subjectProperties are what the caller says about the subject, where it is believed.
func (e *evaluation) subjectProperties() map[string]any {
	if e.domain.policy.spec.SubjectProperties != v1alpha1.SubjectPropertiesTrust {
		return nil
	}
	return e.request.Subject.Properties
}

// isStaff is User.staff, or a staff scope among the scope claims; the anonymous subject never is.
func (e *evaluation) isStaff() bool {
	if e.anonymous {
		return false
	}
	if account := e.account(); account != nil && account.staff {
		return true
	}
	policy := &e.domain.policy.spec
	if len(policy.StaffScopes) == 0 {
		return false
	}
	counts := func(scope string) bool { return slices.Contains(policy.StaffScopes, v1alpha1.Token(scope)) }
	switch scopes := e.subjectProperties()[policy.Claims.Scopes].(type) {
	case string:
		return slices.ContainsFunc(strings.Fields(scopes), counts)
	case []any:
		return slices.ContainsFunc(scopes, func(scope any) bool { text, ok := scope.(string); return ok && counts(text) })
	}
	return false
}

// findJoined collects the groups that find the subject by its group claims, or by their member conditions.
func (e *evaluation) findJoined() {
	if len(e.domain.external) > 0 {
		claims, _ := e.subjectProperties()[e.domain.policy.spec.Claims.Groups].([]any)
		for _, claim := range claims {
			name, _ := claim.(string)
			e.joined = append(e.joined, e.domain.external[name]...)
		}
	}
	if len(e.domain.conditional) > 0 {
		in := e.memberInput()
		for _, g := range e.domain.conditional {
			if member, err := g.condition.holds(in); err == nil && member {
				e.joined = append(e.joined, g)
			}
		}
	}
	sortGroups(e.joined)
	e.joined = slices.Compact(e.joined)
}

// lackFor is what the request lacks for a role's restrictions (S3).
func (e *evaluation) lackFor(r *role) lack {
	var l lack
	if r.requireMFA && !e.hasMFA() {
		l |= lacksMFA
	}
	if !r.anywhere && !e.isIn(r.allowedCIDRs) {
		l |= lacksNetwork
	}
	return l
}

func (e *evaluation) hasMFA() bool {
	properties := e.subjectProperties()
	if properties[e.domain.policy.spec.Claims.MFA] == true || e.request.Context["mfa"] == true {
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

// sources yields the rule sets that give cases, in the order of presets (S11): app access rules, the public
// role of the role-less, roles of groups, groups, roles of the User object.
func (s *standing) sources(yield func(*ruleSet) bool) {
	if slices.ContainsFunc(s.roles, func(h heldRole) bool { return h.eligible() && h.role.appAccess }) {
		if !yield(&s.policy.app) {
			return
		}
	}
	for i := range s.roles {
		if held := &s.roles[i]; !held.direct && held.eligible() && !yield(&held.role.rules) {
			return
		}
	}
	for _, g := range s.groups {
		if !yield(&g.rules) {
			return
		}
	}
	for i := range s.roles {
		if held := &s.roles[i]; held.direct && held.eligible() && !yield(&held.role.rules) {
			return
		}
	}
}

// wouldGive finds the roles that are not eligible and would have given the action, or everything, and what
// they lack together (S7).
func (s *standing) wouldGive(t *resourceType, a *action) (roles []Ref, lacks lack) {
	for i := range s.roles {
		held := &s.roles[i]
		if held.eligible() {
			continue
		}
		r := held.role
		if r.adminAccess || r.rules.gives(t, a) || r.appAccess && s.policy.app.gives(t, a) {
			roles = append(roles, r.ref)
			lacks |= held.lacks
		}
	}
	return sortRefs(roles), lacks
}
