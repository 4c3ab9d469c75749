package controllers

import (
	"sync"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// censusShare bounds the share of time spent on the census of a domain that changes all the time: one part in so many.
const censusShare = 20

// cachedCensus is a census of a domain, and how long it can be used.
type cachedCensus struct {
	*engine.Census
	domain *engine.Domain
	// The census is right from one time until another, when a time window opens or closes; zero: forever.
	from, until time.Time
	// fresh is until when, by the wall clock, the census also serves for later states of the domain.
	fresh time.Time
}

func takeCensus(domain *engine.Domain, now time.Time) *cachedCensus {
	began := time.Now()
	c := &cachedCensus{domain: domain, Census: domain.Census(now), from: now}
	c.until, _ = domain.NextTransition(now)
	c.fresh = time.Now().Add(censusShare * time.Since(began))
	return c
}

func (c *cachedCensus) holdsAt(now time.Time) bool {
	return !now.Before(c.from) && (c.until.IsZero() || now.Before(c.until))
}

// censusCache keeps the last census of each namespace: one of a large domain is as much work as thousands of statuses.
type censusCache struct {
	mu   sync.Mutex
	last map[string]*lastCensus
}

type lastCensus struct {
	mu sync.Mutex
	*cachedCensus
}

func newCensusCache() *censusCache { return &censusCache{last: map[string]*lastCensus{}} }

// get returns a census of the domain. It may be that of an earlier state: then there is a newer one after a while.
func (c *censusCache) get(snapshot store.Snapshot, now time.Time) (_ *cachedCensus, newerAfter time.Duration) {
	last := c.namespace(snapshot.Namespace)
	last.mu.Lock()
	defer last.mu.Unlock()
	if last.cachedCensus != nil && last.holdsAt(now) {
		if last.domain == snapshot.Domain {
			return last.cachedCensus, 0
		}
		if wait := time.Until(last.fresh); wait > 0 {
			return last.cachedCensus, wait
		}
	}
	last.cachedCensus = takeCensus(snapshot.Domain, now)
	return last.cachedCensus, 0
}

func (c *censusCache) namespace(name string) *lastCensus {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last[name] == nil {
		c.last[name] = &lastCensus{}
	}
	return c.last[name]
}

// forget drops a namespace that has no domain any more.
func (c *censusCache) forget(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, namespace)
}
