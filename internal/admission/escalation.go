package admission

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// mastersGroup is the Kubernetes group whose members may write anything (A7).
const mastersGroup = "system:masters"

// escalation is A7: with preventEscalation, nobody gives what it does not hold. The writer is the Remit user
// of its Kubernetes name, and holds an action when it is allowed on every record, without user permissions or
// strict types in the way, for as long as it gives it. An admin, a member of system:masters, and who may escalate
// roles by Kubernetes' RBAC may give anything; what changes the meaning of others' grants is for them alone.
//
// A change is judged by what it says, not by whom it reaches today: a role that nobody holds yet gives what
// its rules say, a time window that is still to come counts, groups that find their members in claims have
// members, and "*" and areas stand for types to come. Two things count for known users only: what the writer holds, and
// who is left with nothing but the public role.
//
// Where it cannot be seen that something was given already, it is given anew. So a change may be refused to a
// writer although its effect today is nothing; an admin can then make it.
func escalation(r *review) field.ErrorList {
	if !r.before.Policy().PreventEscalation || slices.Contains(r.User.Groups, mastersGroup) {
		return nil
	}
	toCome := typesToCome(r.before, r.after)
	changes := make([]engine.Change, len(toCome))
	for i, t := range toCome {
		changes[i] = engine.Put(t)
	}
	extended, _ := r.before.With(changes...)
	// A writer whose groups cost too much to find holds nothing.
	if writer, err := extended.Effective(r.User.Name, r.Now); err == nil && !writer.Disabled && (writer.Superuser || writer.Admin) {
		return nil
	}
	e := &judge{
		review:       r,
		held:         holdingsOf(extended, r.User.Name, r.Now),
		types:        append(resourceTypes(r.after), toCome...),
		restrictions: map[*engine.Domain][]*v1alpha1.UserPermission{},
	}
	e.probe = newProber(e.types, r.after.Policy().AppAccessRules, r.Now)
	if !e.forAdmins() {
		switch r.ref.Kind {
		case engine.KindRole:
			e.role()
		case engine.KindGroup:
			e.group()
		case engine.KindUser, engine.KindUserSet:
			e.users()
		case engine.KindUserPermission, engine.KindUserPermissionSet:
			e.userPermissionChanges()
		case engine.KindSpecialPermission:
			e.specialPermission()
		default: // for admins
		}
	}
	if len(e.errs) > 0 && r.User.MayEscalate != nil && r.User.MayEscalate() {
		return nil
	}
	return e.errs
}

// judge finds what a change gives and its writer does not hold.
type judge struct {
	*review
	probe *prober
	// held is what the writer holds on every record, on types that exist and types to come.
	held holdings
	// window is when what is judged is given; empty: always.
	window v1alpha1.TimeWindow
	// at is the path of the entry that is judged; nil: the spec.
	at *field.Path
	// types are those that exist and those to come.
	types []*v1alpha1.ResourceType
	errs  field.ErrorList

	// What is looked for more than once, in domains that may be large.
	restrictions map[*engine.Domain][]*v1alpha1.UserPermission
}

// holds reports whether the writer holds an action on every record for as long as the change gives it.
func (e *judge) holds(resourceType, action string) bool {
	return e.held.during(e.window, e.Now, resourceType, action)
}

// during judges something that is given in a window.
func (e *judge) during(w v1alpha1.TimeWindow, judged func()) {
	e.window = w
	judged()
	e.window = v1alpha1.TimeWindow{}
}

// userPermissions are those of a domain that are not over.
func (e *judge) userPermissions(d *engine.Domain) []*v1alpha1.UserPermission {
	found, ok := e.restrictions[d]
	if !ok {
		found = slices.DeleteFunc(d.UserPermissions(), func(p *v1alpha1.UserPermission) bool {
			return over(p.Spec.TimeWindow, e.Now)
		})
		e.restrictions[d] = found
	}
	return found
}

// typeNames are the types, existing and to come, that a condition holds for; nil: all.
func (e *judge) typeNames(holds func(*v1alpha1.ResourceType) bool) map[string]bool {
	found := map[string]bool{}
	for _, t := range e.types {
		if holds == nil || holds(t) {
			found[t.TypeName()] = true
		}
	}
	return found
}

// objectName is the path of what is meant as a whole.
var objectName = field.NewPath("metadata", "name")

// pathOf is the path of a field of the spec, and of a key in it; for a deletion, of the object.
func (e *judge) pathOf(names ...string) *field.Path {
	path := e.at
	if path == nil {
		path = field.NewPath("spec")
	}
	switch {
	case e.Object == nil || path == objectName:
		return objectName
	case len(names) == 1:
		return path.Child(names[0])
	case len(names) == 2:
		return path.Child(names[0]).Key(names[1])
	}
	return path
}

// gives reports what a part of the change gives and the writer does not hold.
func (e *judge) gives(path *field.Path, value any, part string, given grants) {
	if lacking := given.without(e.holds); len(lacking) > 0 {
		e.errs = append(e.errs, field.Invalid(path, value, fmt.Sprintf(
			"%s gives %s, which the writer %s does not hold on every record%s; leave it out, or ask an admin of the domain to write it",
			part, lacking, e.User.Name, e.forHowLong())))
	}
}

// forHowLong says how long what is given lasts, where that is why the writer lacks it.
func (e *judge) forHowLong() string {
	switch {
	case len(e.held) < 2:
		return ""
	case e.window.ExpiresAt != nil:
		return " until " + e.window.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return " for good"
}

// givesAll reports a part of the change that only an admin may write.
func (e *judge) givesAll(path *field.Path, value any, part string) {
	e.errs = append(e.errs, field.Invalid(path, value, fmt.Sprintf(
		"%s, which only an admin may write, and the writer %s is none; leave it out, or ask an admin of the domain to write it",
		part, e.User.Name)))
}

// rules reports the rules that give more than those before. had is what their holder had anyway.
func (e *judge) rules(path *field.Path, before, after []v1alpha1.Rule, had grants) {
	for i, rule := range after {
		given := e.probe.rules([]v1alpha1.Rule{rule}, false).without(had.holds)
		for _, old := range before {
			if len(given) > 0 && engine.RuleCovers(&old, &rule, "") {
				given = given.without(e.probe.rules([]v1alpha1.Rule{old}, false).has)
			}
		}
		e.gives(path.Index(i), joinNames(append(slices.Clone(rule.Resources), names[v1alpha1.NameOrAny](rule.Areas)...)), "the rule", given)
	}
}

func names[T ~string, F ~string](from []F) []T {
	to := make([]T, len(from))
	for i, name := range from {
		to[i] = T(name)
	}
	return to
}

// roleRefs reports the roles that are newly given, or for longer. It says whether anything differs.
func (e *judge) roleRefs(before, after []v1alpha1.RoleRef) bool {
	for i, ref := range after {
		if !e.refsWithin([]v1alpha1.RoleRef{ref}, before) {
			at := e.pathOf("roles")
			if at != objectName {
				at = at.Index(i).Child("name")
			}
			e.during(ref.TimeWindow, func() {
				e.reachGives(at, ref.Name, fmt.Sprintf("Role %s", ref.Name), e.reachOf(nil, []v1alpha1.RoleRef{ref}))
			})
		}
	}
	return !e.refsWithin(before, after) || !e.refsWithin(after, before)
}

// refsWithin says whether all roles that a list gives are given by another one, for as long.
func (e *judge) refsWithin(inner, outer []v1alpha1.RoleRef) bool {
	return !slices.ContainsFunc(inner, func(ref v1alpha1.RoleRef) bool {
		return !over(ref.TimeWindow, e.Now) && !slices.ContainsFunc(outer, func(other v1alpha1.RoleRef) bool {
			return other.Name == ref.Name && within(ref.TimeWindow, other.TimeWindow, e.Now)
		})
	})
}

// roleless reports users who are left with nothing but the public role by the change, as of now, and get from
// it what the writer does not hold.
func (e *judge) roleless() {
	name := e.after.Policy().PublicRole
	public, ok := e.after.RoleSpec(name)
	if !ok {
		return
	}
	lacking := e.probe.rules(public.Rules, public.AppAccess).without(e.holds)
	if len(lacking) == 0 {
		return
	}
	affected := e.delta.Affected()
	users := affected.Users
	if affected.All {
		users = e.after.Users()
	}
	decides := func(p v1alpha1.EffectivePermission) bool {
		return slices.Contains(p.DecidedBy, engine.Ref{Kind: engine.KindRole, Name: name}.String())
	}
	for _, user := range users {
		gained := grants{}
		for resourceType, actions := range lacking {
			before, exists, beforeErr := e.before.EffectiveOn(user, resourceType, e.Now)
			after, _, afterErr := e.after.EffectiveOn(user, resourceType, e.Now)
			if beforeErr != nil || afterErr != nil { // it costs too much to tell
				gained.addAll(lacking.on(map[string]bool{resourceType: true}))
				continue
			}
			if !exists || decides(before) || !decides(after) {
				continue
			}
			for action := range actions {
				if level(after, action) > level(before, action) {
					gained.add(resourceType, action, false)
				}
			}
		}
		if len(gained) > 0 {
			e.gives(objectName, e.ref.Name,
				fmt.Sprintf("leaving user %s with nothing but the public role %s", user, name), gained)
			return
		}
	}
}

// level orders what a user has of an action: nothing, conditional, allowed.
func level(p v1alpha1.EffectivePermission, action string) int {
	switch {
	case slices.Contains(p.Allowed, action):
		return 2
	case slices.Contains(p.Conditional, action):
		return 1
	}
	return 0
}
