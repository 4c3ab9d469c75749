package admission

import (
	"maps"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// groups are a domain's groups, by name, and how they lie in each other.
type groups struct {
	byName map[string]*v1alpha1.Group
	// around gives for a group those that name it under spec.groups; its members are theirs.
	around map[string][]string
}

func groupsOf(d *engine.Domain) *groups {
	g := &groups{byName: map[string]*v1alpha1.Group{}, around: map[string][]string{}}
	for _, group := range objectsOf[*v1alpha1.Group](d, engine.KindGroup) {
		g.byName[group.Name] = group
		for _, inner := range group.Spec.Groups {
			g.around[string(inner)] = append(g.around[string(inner)], group.Name)
		}
	}
	return g
}

// outward are some groups and all around them: what their members are in. Sorted.
func (g *groups) outward(names ...string) []string {
	return reach(names, func(name string) []string { return g.around[name] })
}

// inward are some groups and all within them: whose members they have. Sorted.
func (g *groups) inward(names ...string) []string {
	return reach(names, func(name string) []string {
		var inner []string
		if group, ok := g.byName[name]; ok {
			for _, nested := range group.Spec.Groups {
				inner = append(inner, string(nested))
			}
		}
		return inner
	})
}

// reach follows steps from some names as far as they lead; cycles are harmless.
func reach(from []string, next func(string) []string) []string {
	seen := map[string]bool{}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		if name := queue[0]; !seen[name] {
			seen[name] = true
			queue = append(queue, next(name)...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// decidedByClaims says whether what a caller claims decides who is a member of the group by its own means:
// externalGroups, or a memberCondition that reads subject.properties or context.
func decidedByClaims(group *v1alpha1.Group) bool {
	return len(group.Spec.ExternalGroups) > 0 ||
		conditionReads(group, "subject", "properties") || conditionReads(group, "context")
}

// conditionReads says whether the memberCondition reads a path. One that does not compile has no members,
// and reads nothing.
func conditionReads(group *v1alpha1.Group, path ...string) bool {
	if group.Spec.MemberCondition == "" {
		return false
	}
	program, err := expr.Compile(expr.MemberCondition, string(group.Spec.MemberCondition))
	return err == nil && program.Reads(path...)
}
