package admission

import (
	"math"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// over says whether a time window has ended. What has is as if it were not there.
func over(w v1alpha1.TimeWindow, now time.Time) bool {
	return w.ExpiresAt != nil && w.ExpiresAt.Unix() <= now.Unix()
}

// within says whether a window is, from now on, never in force when the outer one is not.
func within(inner, outer v1alpha1.TimeWindow, now time.Time) bool {
	innerStart, innerEnd := bounds(inner, now)
	outerStart, outerEnd := bounds(outer, now)
	return innerStart >= innerEnd || outerStart <= innerStart && innerEnd <= outerEnd
}

// bounds are a window's seconds, as far as they lie ahead.
func bounds(w v1alpha1.TimeWindow, now time.Time) (start, end int64) {
	start, end = now.Unix(), math.MaxInt64
	if w.StartsAt != nil {
		start = max(start, w.StartsAt.Unix())
	}
	if w.ExpiresAt != nil {
		end = w.ExpiresAt.Unix()
	}
	return start, end
}
