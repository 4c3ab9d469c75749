package controllers

import (
	"iter"
	"runtime"
	"time"
)

// computeSlots bounds how many workers compute status at a time. It has an element for each that does.
type computeSlots chan struct{}

// newComputeSlots leaves half of the processors to decisions and watches.
func newComputeSlots() computeSlots { return make(computeSlots, max(1, runtime.GOMAXPROCS(0)/2)) }

// compute waits for a slot and calls f.
func (s computeSlots) compute(f func()) {
	s <- struct{}{}
	defer func() { <-s }()
	f()
}

// Bulk work yields every so many items, which take about a millisecond, so that it does not starve decisions.
const (
	yieldEvery = 500
	yieldPause = 100 * time.Microsecond
)

// throttled iterates over the same items and yields on the way.
func throttled[T any](items iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		count := 0
		for item := range items {
			if count++; count%yieldEvery == 0 {
				time.Sleep(yieldPause)
			}
			if !yield(item) {
				return
			}
		}
	}
}
