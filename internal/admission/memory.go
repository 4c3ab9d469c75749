package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// MemoryLimitFlag is the manager's flag that sets Change.MemoryLimit.
const MemoryLimitFlag = "--domain-memory-limit"

// memory keeps a domain from taking more memory of the manager, which all domains share, than the limit. It is no rule of the
// domain, so it has no code: how much memory there is depends on the cluster.
func memory(r *review) field.ErrorList {
	if r.MemoryLimit <= 0 || r.Object == nil {
		return nil
	}
	before, after := r.before.Size(), r.after.Size()
	if after <= r.MemoryLimit || after <= before {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec"), fmt.Sprintf(
		"the domain %s would take about %s of memory, up from %s, and may take %s (%s of the manager); "+
			"delete or shorten objects of it, or have whoever runs Remit raise the limit",
		r.Object.GetNamespace(), readable(after), readable(before), readable(r.MemoryLimit), MemoryLimitFlag))}
}

// readable is a number of bytes as a quantity of three digits or so.
func readable(bytes int64) string {
	step := int64(1)
	for bytes/step >= 1<<14 {
		step <<= 10
	}
	return resource.NewQuantity((bytes+step-1)/step*step, resource.BinarySI).String()
}
