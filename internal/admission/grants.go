package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// grants are actions by resource type; true: on every record, field and value.
type grants map[string]map[string]bool

func (g grants) add(resourceType, action string, unconditional bool) {
	if g[resourceType] == nil {
		g[resourceType] = map[string]bool{}
	}
	g[resourceType][action] = g[resourceType][action] || unconditional
}

func (g grants) addAll(other grants) {
	for resourceType, actions := range other {
		for action, unconditional := range actions {
			g.add(resourceType, action, unconditional)
		}
	}
}

// has says whether the action is given in any way; holds, whether on every record.
func (g grants) has(resourceType, action string) bool {
	_, ok := g[resourceType][action]
	return ok
}

func (g grants) holds(resourceType, action string) bool { return g[resourceType][action] }

// without leaves out actions.
func (g grants) without(covered func(resourceType, action string) bool) grants {
	left := grants{}
	for resourceType, actions := range g {
		for action, unconditional := range actions {
			if !covered(resourceType, action) {
				left.add(resourceType, action, unconditional)
			}
		}
	}
	return left
}

// on leaves only some resource types.
func (g grants) on(resourceTypes map[string]bool) grants {
	return g.without(func(resourceType, _ string) bool { return !resourceTypes[resourceType] })
}

// String lists the grants by type, the first few of them.
func (g grants) String() string {
	const few = 3
	var parts []string
	for _, resourceType := range slices.Sorted(maps.Keys(g)) {
		if len(parts) == few {
			parts = append(parts, fmt.Sprintf("and more on %d other types", len(g)-few))
			break
		}
		parts = append(parts, strings.Join(slices.Sorted(maps.Keys(g[resourceType])), ", ")+" on "+resourceType)
	}
	return strings.Join(parts, "; ")
}

// prober asks the engine what a grant gives by itself: in a domain that has the types, without their own
// limits and openness, and one user who has this grant and nothing else.
type prober struct {
	bare *engine.Domain
	now  time.Time
}

// Names in the prober's domain.
const (
	probeRole = "grant"
	probeUser = "grantee"
)

func newProber(types []*v1alpha1.ResourceType, appAccessRules []v1alpha1.Rule, now time.Time) *prober {
	objects := make([]engine.Object, 0, len(types)+1)
	for _, t := range types {
		open := *t
		open.Spec.StaffOnly, open.Spec.Unrestricted = false, false
		objects = append(objects, &open)
	}
	objects = append(objects, &v1alpha1.PermissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName},
		Spec:       v1alpha1.PermissionPolicySpec{AppAccessRules: appAccessRules},
	})
	return &prober{bare: engine.Compile(objects), now: now}
}

// rules is what a role with these rules gives while it is eligible.
func (p *prober) rules(rules []v1alpha1.Rule, appAccess bool) grants {
	if len(rules) == 0 && !appAccess {
		return grants{}
	}
	given, _ := p.ask(
		&v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: probeRole}, Spec: v1alpha1.RoleSpec{Rules: rules, AppAccess: appAccess}},
		&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: probeUser}, Spec: v1alpha1.UserSpec{Account: v1alpha1.Account{Roles: []v1alpha1.RoleRef{{Name: probeRole}}}}},
	)
	return given
}

// special is what a special permission gives while it is in force, and the types for which it says anything.
func (p *prober) special(entries []v1alpha1.SpecialPermissionEntry) (given grants, says map[string]bool) {
	return p.ask(&v1alpha1.SpecialPermission{
		ObjectMeta: metav1.ObjectMeta{Name: probeRole},
		Spec:       v1alpha1.SpecialPermissionSpec{User: probeUser, Permissions: entries},
	})
}

// everything is every action of every type.
func (p *prober) everything() grants {
	return p.rules([]v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{v1alpha1.Any}, Access: v1alpha1.AccessFull}}, false)
}

func (p *prober) ask(objects ...engine.Object) (given grants, decided map[string]bool) {
	changes := make([]engine.Change, len(objects))
	for i, object := range objects {
		changes[i] = engine.Put(object)
	}
	d, _ := p.bare.With(changes...)
	given, decided = grants{}, map[string]bool{}
	effective, _ := d.Effective(probeUser, p.now) // there are no expensive groups: there are no groups
	for _, permission := range effective.Permissions {
		decided[permission.Resource] = true
		for _, action := range permission.Allowed {
			given.add(permission.Resource, action, true)
		}
		for _, action := range permission.Conditional {
			given.add(permission.Resource, action, false)
		}
	}
	return given, decided
}

// typesToCome stand for resource types that do not exist yet and that rules and special permissions of the
// domains reach by "*", by an area, or by naming them in advance. Who gives these must hold them, too. They
// have the usual actions, all that are named anywhere, and two that only "*" and access can mean.
func typesToCome(domains ...*engine.Domain) []*v1alpha1.ResourceType {
	areas, names, actions := map[v1alpha1.Token]bool{}, map[string]bool{}, map[v1alpha1.Token]bool{}
	exists := func(name string) bool {
		_, ok := domains[0].ResourceType(name)
		return ok
	}
	see := func(resources []v1alpha1.NameOrAny, of []v1alpha1.Token) {
		for _, name := range resources {
			if name != v1alpha1.Any && !exists(string(name)) {
				names[string(name)] = true
			}
		}
		for _, area := range of {
			areas[area] = true
		}
	}
	for _, d := range domains {
		for _, rule := range allRules(d) {
			see(rule.Resources, rule.Areas)
			for _, action := range rule.Actions {
				actions[action] = true
			}
		}
		for _, p := range objectsOf[*v1alpha1.SpecialPermission](d, engine.KindSpecialPermission) {
			for _, entry := range p.Spec.Permissions {
				see(entry.Resources, entry.Areas)
			}
		}
	}
	spec := v1alpha1.ResourceTypeSpec{Actions: []v1alpha1.Action{
		{Name: "create", Class: v1alpha1.ClassCreate}, {Name: "delete", Class: v1alpha1.ClassDelete},
		{Name: "read", Class: v1alpha1.ClassRead}, {Name: "update", Class: v1alpha1.ClassUpdate},
		{Name: "other reading", Class: v1alpha1.ClassRead}, {Name: "other writing", Class: v1alpha1.ClassUpdate},
	}}
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		usual := func(a v1alpha1.Action) bool { return a.Name == action }
		if action != v1alpha1.Any && !slices.ContainsFunc(spec.Actions, usual) {
			spec.Actions = append(spec.Actions, v1alpha1.Action{Name: action, Class: v1alpha1.ClassUpdate})
		}
	}
	free := func(name string) string {
		for exists(name) || names[name] {
			name += "'"
		}
		return name
	}
	var made []*v1alpha1.ResourceType
	add := func(name string, areas ...v1alpha1.Token) {
		t := &v1alpha1.ResourceType{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *spec.DeepCopy()}
		t.Spec.Areas = areas
		made = append(made, t)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		add(name)
	}
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		add(free("future types of area "+string(area)), area)
	}
	add(free("future types"))
	return made
}

// allRules are the rules of a domain's roles, groups and policy that can give something.
func allRules(d *engine.Domain) []v1alpha1.Rule {
	rules := slices.Clone(d.Policy().AppAccessRules)
	for _, role := range objectsOf[*v1alpha1.Role](d, engine.KindRole) {
		rules = append(rules, role.Spec.Rules...)
	}
	for _, group := range objectsOf[*v1alpha1.Group](d, engine.KindGroup) {
		rules = append(rules, group.Spec.Rules...)
	}
	return rules
}
