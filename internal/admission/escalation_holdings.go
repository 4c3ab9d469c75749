package admission

import (
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// holdings are what a writer holds on every record (A7), now and from each time on at which that changes, in the order of
// time.
type holdings []holding

type holding struct {
	from   int64 // seconds since 1970
	grants grants
}

// maxHoldings is how far holdings look ahead. What the writer holds after so many changes is not looked at: nothing.
const maxHoldings = 64

func holdingsOf(d *engine.Domain, writer string, now time.Time) holdings {
	var all holdings
	for at := now; ; {
		if len(all) == maxHoldings {
			return append(all, holding{at.Unix(), grants{}})
		}
		all = append(all, holding{at.Unix(), heldAt(d, writer, at)})
		next, ok := d.NextTransitionOf(writer, at)
		if !ok {
			return all
		}
		at = next
	}
}

func heldAt(d *engine.Domain, writer string, at time.Time) grants {
	held := grants{}
	effective, err := d.Effective(writer, at)
	if err != nil {
		return held
	}
	for _, permission := range effective.Permissions {
		if len(permission.RestrictedBy) > 0 && !effective.Superuser && !effective.Admin {
			continue
		}
		for _, action := range permission.Allowed {
			held.add(permission.Resource, action, true)
		}
	}
	return held
}

// during reports whether an action is held for the whole of a window, as far as it lies ahead.
func (h holdings) during(w v1alpha1.TimeWindow, now time.Time, resourceType, action string) bool {
	start, end := bounds(w, now)
	for i := range h {
		until := end
		if i+1 < len(h) {
			until = h[i+1].from
		}
		if h[i].from < end && start < until && !h[i].grants.holds(resourceType, action) {
			return false
		}
	}
	return true
}
