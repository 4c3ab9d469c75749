package controllers

import (
	"math"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// What a namespace may use of the time for computing status before others come first: so much at once, and again after
// some multiple of the time.
const (
	fairBurst  = time.Second
	fairDecay  = 10 * time.Second
	fairRetry  = 5 * time.Millisecond
	lowestTurn = -100
)

// fairness keeps one namespace from holding up the status of others: requests of one that has used more than its share
// go behind those of all others, once each.
type fairness[R comparable] struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	used map[string]usage
	// behind are requests that have been put behind others, and are computed when they come again.
	behind map[R]bool
}

// usage is time that was used until a moment. It is forgotten exponentially.
type usage struct {
	spent time.Duration
	at    time.Time
}

func (u usage) left(now time.Time) time.Duration {
	return time.Duration(float64(u.spent) * math.Exp(-float64(now.Sub(u.at))/float64(fairDecay)))
}

func newFairness[R comparable](c clock.PassiveClock) *fairness[R] {
	return &fairness[R]{clock: c, used: map[string]usage{}, behind: map[R]bool{}}
}

// waits reports whether a request is to go behind those of other namespaces.
func (f *fairness[R]) waits(namespace string, request R) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind[request] {
		delete(f.behind, request)
		return false
	}
	if f.used[namespace].left(f.clock.Now()) <= fairBurst {
		return false
	}
	f.behind[request] = true
	return true
}

// spent records the time that a namespace has used.
func (f *fairness[R]) spent(namespace string, time time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock.Now()
	f.used[namespace] = usage{f.used[namespace].left(now) + time, now}
	for name, u := range f.used {
		if u.left(now) < fairBurst/1000 {
			delete(f.used, name)
		}
	}
}
