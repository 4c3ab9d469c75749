package manifests

import (
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
)

// CheckBuiltInRoles finds the roles and policies of each namespace that a cluster would reject by A1; the error is of
// type Problems. What is evaluated from such manifests would not be what the cluster answers.
func CheckBuiltInRoles(items []Item) error {
	domains := map[string][]engine.Object{}
	for _, item := range items {
		namespace := item.Object.GetNamespace()
		domains[namespace] = append(domains[namespace], item.Object)
	}
	found := map[string][]admission.Rejected{}
	for namespace, objects := range domains {
		found[namespace] = admission.BuiltInRoles(objects)
	}
	var problems Problems
	for _, item := range items {
		kind, _ := engine.KindOf(item.Object)
		ref := engine.Ref{Kind: kind, Name: item.Object.GetName()}
		for _, rejected := range found[item.Object.GetNamespace()] {
			if rejected.Object == ref {
				problems = append(problems, &Problem{
					File: item.File, Line: item.Line, Object: ref.String(), Path: Path(rejected.Error), Message: Message(rejected.Error),
				})
			}
		}
	}
	return problems.orNil()
}
