package admission

import (
	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// groupNamed is the group of a name; false if there is none.
func groupNamed(d *engine.Domain, name string) (*v1alpha1.Group, bool) {
	object, _ := d.Lookup(engine.Ref{Kind: engine.KindGroup, Name: name})
	group, ok := object.(*v1alpha1.Group)
	return group, ok
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
