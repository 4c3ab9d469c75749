package engine

import (
	"fmt"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// specialPermission is a compiled SpecialPermission.
type specialPermission struct {
	header
	spec    v1alpha1.SpecialPermissionSpec
	entries ruleSet // each entry is a rule of its access
	window  window
}

func compileSpecialPermission(object *v1alpha1.SpecialPermission) *specialPermission {
	var problems []Problem
	p := &specialPermission{spec: object.Spec, entries: ruleSet{source: []Ref{{KindSpecialPermission, object.Name}}}}
	for i, entry := range p.spec.Permissions {
		if len(entry.Resources) == 0 && len(entry.Areas) == 0 {
			problems = append(problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.permissions[%d]", i), Message: "names nothing; give resources, areas, or both",
			})
		}
		p.entries.add(&rule{index: i, access: entry.Access, fields: allFields}, entry.Resources, entry.Areas)
	}
	p.window = checkedWindow("spec", object.Spec.TimeWindow, &problems)
	p.header = newHeader(object, problems)
	return p
}

// object is the SpecialPermission, as far as it decides anything.
func (p *specialPermission) object() *v1alpha1.SpecialPermission {
	return &v1alpha1.SpecialPermission{ObjectMeta: p.meta(), Spec: p.spec}
}
