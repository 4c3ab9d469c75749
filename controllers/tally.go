package controllers

import (
	"sync"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// countingShare is the share of the time that counting a domain takes at most, while it changes all the time: one part
// in so many.
const countingShare = 20

// tally is what some statuses need to know of all users of a domain.
type tally struct {
	domain *engine.Domain
	census *engine.Census
	// The tally holds from one moment until another, when a time window opens or closes; zero: for ever.
	from, until time.Time
	// fresh is until when, by the clock on the wall, the tally serves for later states of the domain, too.
	fresh time.Time
}

func newTally(domain *engine.Domain, now time.Time) *tally {
	began := time.Now()
	t := &tally{domain: domain, census: domain.Census(now), from: now}
	t.until, _ = domain.NextTransition(now)
	t.fresh = time.Now().Add(countingShare * time.Since(began))
	return t
}

func (t *tally) holdsAt(now time.Time) bool {
	return !now.Before(t.from) && (t.until.IsZero() || now.Before(t.until))
}

// tallies remembers the last tally of each namespace: counting a large domain is as much work as thousands of statuses.
type tallies struct {
	mu   sync.Mutex
	last map[string]*lastTally
}

type lastTally struct {
	mu sync.Mutex
	*tally
}

func newTallies() *tallies { return &tallies{last: map[string]*lastTally{}} }

// of gives the tally of a domain. It may be that of an earlier state: then there is a newer one after a while.
func (t *tallies) of(snapshot store.Snapshot, now time.Time) (_ *tally, newerAfter time.Duration) {
	last := t.namespace(snapshot.Namespace)
	last.mu.Lock()
	defer last.mu.Unlock()
	if last.tally != nil && last.holdsAt(now) {
		if last.domain == snapshot.Domain {
			return last.tally, 0
		}
		if wait := time.Until(last.fresh); wait > 0 {
			return last.tally, wait
		}
	}
	last.tally = newTally(snapshot.Domain, now)
	return last.tally, 0
}

func (t *tallies) namespace(name string) *lastTally {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last[name] == nil {
		t.last[name] = &lastTally{}
	}
	return t.last[name]
}

// forget lets go of a namespace that is no domain any more.
func (t *tallies) forget(namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, namespace)
}
