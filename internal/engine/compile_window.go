package engine

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// window is a TimeWindow in seconds since 1970: in force when start <= now < end.
type window struct{ start, end int64 }

var always = window{math.MinInt64, math.MaxInt64}

func compileWindow(w v1alpha1.TimeWindow) window {
	compiled := always
	if w.StartsAt != nil {
		compiled.start = w.StartsAt.Unix()
	}
	if w.ExpiresAt != nil {
		compiled.end = w.ExpiresAt.Unix()
	}
	return compiled
}

// source is the TimeWindow, to the second.
func (w window) source() v1alpha1.TimeWindow {
	var source v1alpha1.TimeWindow
	if w.start != always.start {
		source.StartsAt = new(metav1.Unix(w.start, 0))
	}
	if w.end != always.end {
		source.ExpiresAt = new(metav1.Unix(w.end, 0))
	}
	return source
}

func (w window) inForce(now int64) bool { return w.start <= now && now < w.end }

// transition is the earliest of a set of boundaries after a moment.
type transition struct{ now, next int64 }

func newTransition(now time.Time) transition { return transition{now.Unix(), math.MaxInt64} }

func (t *transition) see(w window) {
	if w.start >= w.end {
		return // never in force
	}
	for _, boundary := range [...]int64{w.start, w.end} {
		if boundary > t.now && boundary < t.next {
			t.next = boundary
		}
	}
}

func (t *transition) time() (time.Time, bool) {
	if t.next == math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(t.next, 0).UTC(), true
}
