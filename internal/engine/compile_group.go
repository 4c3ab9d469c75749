package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// group is a compiled Group.
type group struct {
	whole[*v1alpha1.Group]
	ref       Ref
	members   []v1alpha1.Member // as the object lists them
	nested    []string          // groups whose members are members
	external  []string
	condition *condition // memberCondition
	roles     []roleRef
	rules     ruleSet
}

func compileGroup(object *v1alpha1.Group) *group {
	g := &group{
		whole:    whole[*v1alpha1.Group]{object: object},
		ref:      Ref{KindGroup, object.Name},
		members:  object.Spec.Members,
		nested:   texts(object.Spec.Groups),
		external: texts(object.Spec.ExternalGroups),
	}
	for i, m := range object.Spec.Members {
		checkedWindow(fmt.Sprintf("spec.members[%d]", i), m.TimeWindow, &g.problems)
	}
	g.condition = compileCondition(expr.MemberCondition, "spec.memberCondition", object.Spec.MemberCondition, &g.problems)
	g.roles = compileRoleRefs("spec.roles", object.Spec.Roles, &g.problems)
	g.rules = compileRules(g.ref, "spec.rules", object.Spec.Rules, &g.problems)
	return g
}

// membership is a user's place in a group that lists it.
type membership struct {
	group  string
	window window
}

// closure finds, for every group and every name under groups, the groups that its members are in: itself, those that
// name it, those that name these, and so on; sorted by name.
func closure(groups table[*group]) map[string][]*group {
	around := map[string][]*group{}
	for _, g := range groups.all() {
		for _, name := range g.nested {
			around[name] = append(around[name], g)
		}
	}
	within := make(map[string][]*group, groups.size)
	from := func(name string, reached []*group) {
		seen := map[*group]bool{}
		for _, g := range reached {
			seen[g] = true
		}
		for i := 0; i < len(reached); i++ {
			for _, outer := range around[reached[i].ref.Name] {
				if !seen[outer] {
					seen[outer] = true
					reached = append(reached, outer)
				}
			}
		}
		sortGroups(reached)
		within[name] = reached
	}
	for name, g := range groups.all() {
		from(name, []*group{g})
	}
	for name, outer := range around {
		if _, exists := within[name]; !exists {
			from(name, slices.Clone(outer))
		}
	}
	return within
}

// GroupsAround are some groups, existing or not, and all that their members are in through them; sorted.
func (d *Domain) GroupsAround(names ...string) []string {
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
		for _, g := range d.within[name] {
			found[g.ref.Name] = true
		}
	}
	return sortedKeys(found)
}

// GroupsWithin are some groups, existing or not, and all whose members are in them; sorted.
func (d *Domain) GroupsWithin(names ...string) []string {
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
	}
	for inner, around := range d.within {
		if slices.ContainsFunc(around, func(g *group) bool { return slices.Contains(names, g.ref.Name) }) {
			found[inner] = true
		}
	}
	return sortedKeys(found)
}

func sortGroups(groups []*group) {
	slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(a.ref.Name, b.ref.Name) })
}
