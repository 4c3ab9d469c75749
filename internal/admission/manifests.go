package admission

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/internal/engine"
)

// Rejected is an object that admission rejects, and why.
type Rejected struct {
	Object engine.Ref
	Error  *field.Error
}

// BuiltInRoles judges the objects of one domain by A1, as if they were applied to an empty namespace, the policy first.
// In a cluster a role that A1 rejects is not what the manifests say: who holds "admin" there is the domain's admin.
// Commands that answer from manifests must not answer otherwise.
func BuiltInRoles(objects []engine.Object) []Rejected {
	d := engine.Compile(nil)
	var rejected []Rejected
	create := func(object engine.Object) {
		r, err := newReview(d, Change{Operation: Create, Object: object})
		if err != nil {
			return // it is of a kind that has no rules
		}
		var result Result
		if result.add("A1", builtInRoles(r)); len(result.Errors) == 0 {
			d = r.after
		}
		for _, err := range result.Errors {
			rejected = append(rejected, Rejected{r.ref, err})
		}
	}
	for _, first := range []engine.Kind{engine.KindPermissionPolicy, engine.KindRole} {
		policy := d.Policy()
		for _, object := range objects {
			kind, _ := engine.KindOf(object)
			isBuiltIn := kind == engine.KindPermissionPolicy || object.GetName() == policy.AdminRole || object.GetName() == policy.PublicRole
			if kind == first && isBuiltIn {
				create(object)
			}
		}
	}
	return rejected
}
