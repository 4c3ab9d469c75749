package controllers

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestFairness(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0))
	f := newFairness[string](clock)
	if f.waits("a", "a/1") {
		t.Error("a namespace that has used nothing waits")
	}
	f.spent("a", 3*time.Second)
	f.spent("b", time.Second/10)
	if !f.waits("a", "a/1") {
		t.Error("a namespace that has used more than its share does not wait")
	}
	if f.waits("a", "a/1") {
		t.Error("a request waits twice")
	}
	if f.waits("b", "b/1") {
		t.Error("another namespace waits")
	}
	clock.SetTime(clock.Now().Add(2 * fairDecay))
	if f.waits("a", "a/2") {
		t.Error("a namespace waits although its use is long ago")
	}
}
