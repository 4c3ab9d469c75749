package engine

import (
	"iter"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Matrix is Effective for every resource type, by name, even where access is None: what a table of types by
// actions is made of.
func (d *Domain) Matrix(user string, now time.Time) iter.Seq[v1alpha1.EffectivePermission] {
	return func(yield func(v1alpha1.EffectivePermission) bool) {
		e := d.principalOf(user, now)
		defer e.release()
		l := newLevel()
		for _, t := range d.typeList {
			if !yield(e.effectiveOn(t, l)) {
				return
			}
		}
	}
}
