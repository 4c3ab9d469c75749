package controllers

import (
	"sync"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// tally is what many statuses need to know of a whole domain.
type tally struct {
	domain *engine.Domain
	census *engine.Census
	admins map[string]bool
	// The tally holds from one moment until another, when a time window opens or closes; zero: for ever.
	from, until time.Time
}

func newTally(domain *engine.Domain, now time.Time) *tally {
	t := &tally{domain: domain, census: domain.Census(now), admins: map[string]bool{}, from: now}
	for _, user := range domain.Admins(now) {
		t.admins[user] = true
	}
	t.until, _ = domain.NextTransition(now)
	return t
}

func (t *tally) holds(domain *engine.Domain, now time.Time) bool {
	return t.domain == domain && !now.Before(t.from) && (t.until.IsZero() || now.Before(t.until))
}

// tallies remembers the last tally of each namespace: counting is as much work as a thousand statuses.
type tallies struct {
	mu   sync.Mutex
	last map[string]*tally
}

func newTallies() *tallies { return &tallies{last: map[string]*tally{}} }

func (t *tallies) of(snapshot store.Snapshot, now time.Time) *tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.last[snapshot.Namespace]
	if !ok || !last.holds(snapshot.Domain, now) {
		last = newTally(snapshot.Domain, now)
		t.last[snapshot.Namespace] = last
	}
	return last
}

// forget lets go of a namespace that is no domain any more.
func (t *tallies) forget(namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, namespace)
}
