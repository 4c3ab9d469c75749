package store

import (
	"context"
	"maps"
	"sync"
	"time"
)

// progress is what the store has seen in all namespaces together, for those who wait for a revision.
type progress struct {
	mu   sync.Mutex
	seen versions
	// shows is what domains may show: what was seen, and what is being compiled now.
	shows versions
	// moved is closed, and replaced, by every advance.
	moved chan struct{}
}

func newProgress() *progress {
	return &progress{seen: versions{}, shows: versions{}, moved: make(chan struct{})}
}

func (p *progress) advance(seen versions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.seeAll(seen)
	close(p.moved)
	p.moved = make(chan struct{})
}

// show takes note of what domains will show from now on.
func (p *progress) show(seen versions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shows.seeAll(seen)
}

func (p *progress) shown() versions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.shows)
}

// pollPeriod is how often a waiting call checks for what no event shows.
const pollPeriod = 100 * time.Millisecond

// wait returns nil when what has been seen is enough, or else the context's error.
func (p *progress) wait(ctx context.Context, enough func(seen versions) bool) error {
	var poll *time.Ticker
	for {
		p.mu.Lock()
		seen, moved := maps.Clone(p.seen), p.moved
		p.mu.Unlock()
		if enough(seen) {
			return nil
		}
		if poll == nil {
			poll = time.NewTicker(pollPeriod)
			defer poll.Stop()
		}
		select {
		case <-moved:
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
