package admission

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// reached is what somebody gets by being in groups and holding roles, at some time from now on.
type reached struct {
	// rules of the roles and groups.
	rules     []v1alpha1.Rule
	appAccess bool
	// admin is a role among them with adminAccess; missing one that does not exist, of which nobody can say
	// what it will give. Both are the first found.
	admin, missing v1alpha1.Name
}

// reachOf follows groups, with those around them, and role references to what they give after the change.
func (e *judge) reachOf(inGroups []string, refs []v1alpha1.RoleRef) reached {
	var r reached
	for _, name := range e.after.GroupsAround(inGroups...) {
		if group, ok := groupNamed(e.after, name); ok {
			r.rules = append(r.rules, group.Spec.Rules...)
			refs = append(slices.Clip(refs), group.Spec.Roles...)
		}
	}
	seen := map[v1alpha1.Name]bool{}
	for _, ref := range refs {
		if over(ref.TimeWindow, e.Now) || seen[ref.Name] {
			continue
		}
		seen[ref.Name] = true
		role, exists := e.after.RoleSpec(string(ref.Name))
		switch {
		case !exists && r.missing == "":
			r.missing = ref.Name
		case role.AdminAccess && r.admin == "":
			r.admin = ref.Name
		}
		r.rules = append(r.rules, role.Rules...)
		r.appAccess = r.appAccess || role.AppAccess
	}
	return r
}

// reachGives reports what somebody newly reaches and the writer does not hold.
func (e *judge) reachGives(path *field.Path, value any, part string, r reached) {
	switch {
	case r.admin != "":
		e.givesAll(path, value, part+" gives everything, by adminAccess of Role "+string(r.admin))
	case r.missing != "":
		e.givesAll(path, value, part+" gives whatever Role "+string(r.missing)+" will give, which does not exist yet")
	default:
		e.gives(path, value, part, e.probe.rules(r.rules, r.appAccess))
	}
}

// userReach is what a user may get after the change, in any group that it may be in.
func (e *judge) userReach(user string) reached {
	var refs []v1alpha1.RoleRef
	for _, account := range e.after.Accounts(user) {
		refs = append(refs, account.Roles...)
	}
	refs = append(refs, v1alpha1.RoleRef{Name: v1alpha1.Name(e.after.Policy().PublicRole)}) // when the others lapse
	return e.reachOf(e.mayBeIn(e.after, user), refs)
}

// userRules are the rules that a user may get after the change, app access rules included.
func (e *judge) userRules(user string) []v1alpha1.Rule {
	r := e.userReach(user)
	if r.appAccess {
		return append(slices.Clip(r.rules), e.after.Policy().AppAccessRules...)
	}
	return r.rules
}

// mayBeIn are the groups that a user is in, or may be in at some time or by some claim, or whose restrictions bind it as
// its membership is in error (S3); sorted.
func (e *judge) mayBeIn(d *engine.Domain, user string) []string {
	effective, err := d.Effective(user, e.Now)
	in := effective.Groups
	for _, group := range objectsOf[*v1alpha1.Group](d, engine.KindGroup) {
		listed := func(m v1alpha1.Member) bool { return string(m.User) == user && !over(m.TimeWindow, e.Now) }
		if slices.ContainsFunc(group.Spec.Members, listed) || e.undecided(group) || err != nil && group.Spec.MemberCondition != "" || e.inError(d, user, group) {
			in = append(in, group.Name)
		}
	}
	return d.GroupsAround(in...)
}

// inError says whether a group's memberCondition is in error for a user.
func (e *judge) inError(d *engine.Domain, user string, group *v1alpha1.Group) bool {
	if group.Spec.MemberCondition == "" {
		return false
	}
	_, err := d.MeetsCondition(user, group.Name, e.Now)
	return err != nil
}

// undecided says whether a group may have a member at one time or in one request and not in another: claims
// decide, or its memberCondition reads the time, the subject's type, or whether it is staff where scopes say so.
func (e *judge) undecided(group *v1alpha1.Group) bool {
	return decidedByClaims(group) || conditionReads(group, "now") || conditionReads(group, "subject", "type") ||
		len(e.after.Policy().StaffScopes) > 0 && conditionReads(group, "subject", "staff")
}

// potential is what a user may get on some types after the change, by rules, special permissions other than
// the one that changes, and types that are open to everybody. "" is anybody. Admin access is left out: whom
// nothing limits, nothing can be opened to.
func (e *judge) potential(user string, on map[string]bool) grants {
	var given grants
	if user == "" {
		given = e.probe.rules(allRules(e.after), false)
	} else {
		r := e.userReach(user)
		given = e.probe.rules(r.rules, r.appAccess)
	}
	for _, p := range objectsOf[*v1alpha1.SpecialPermission](e.after, engine.KindSpecialPermission) {
		own := e.ref == engine.Ref{Kind: engine.KindSpecialPermission, Name: p.Name}
		if (user == "" || string(p.Spec.User) == user) && !own && !over(p.Spec.TimeWindow, e.Now) {
			special, _ := e.probe.special(p.Spec.Permissions)
			given.addAll(special)
		}
	}
	var open map[string]bool
	for _, t := range e.types {
		if t.Spec.Unrestricted {
			if open == nil {
				open = map[string]bool{}
			}
			open[t.Name] = true
		}
	}
	if open != nil {
		given.addAll(e.probe.everything().on(open))
	}
	return given.on(on)
}

// conditionsOnMembership reports rules that look at subject.groups or subject.roles, where a change
// alters those of a user, or of anybody (""): it may make the rules' conditions true.
func (e *judge) conditionsOnMembership(path *field.Path, value any, user string) {
	candidates := allRules(e.after)
	if user != "" {
		candidates = e.userRules(user)
	}
	reading := append(rulesReading(candidates, "subject", "groups"), rulesReading(candidates, "subject", "roles")...)
	e.gives(path, value, "a rule whose condition looks at the subject's groups or roles", e.probe.rules(reading, false))
}

// rulesReading are the rules with an expression that reads a path.
func rulesReading(rules []v1alpha1.Rule, path ...string) []v1alpha1.Rule {
	var found []v1alpha1.Rule
	for _, rule := range rules {
		if ruleReads(rule, path) {
			found = append(found, rule)
		}
	}
	return found
}

func ruleReads(rule v1alpha1.Rule, path []string) bool {
	reads := func(place expr.Place, source v1alpha1.Expression) bool {
		if source == "" {
			return false
		}
		program, err := expr.Compile(place, string(source))
		return err == nil && program.Reads(path...)
	}
	if reads(expr.Condition, rule.Condition) {
		return true
	}
	for _, validation := range rule.Validations {
		if reads(expr.Validation, validation.Expression) {
			return true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rule.PresetExpressions)) {
		if reads(expr.Preset, rule.PresetExpressions[key]) {
			return true
		}
	}
	return false
}
