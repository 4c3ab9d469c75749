package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// progress is how far the store has come in all namespaces together, for those who wait for a revision.
type progress struct {
	mu   sync.Mutex
	seen versions
	// shows is what domains may show already: what was seen, and what is just being compiled.
	shows versions
	// moved is closed, and replaced, by every advance.
	moved chan struct{}
}

func newProgress() *progress {
	return &progress{seen: newVersions(), shows: newVersions(), moved: make(chan struct{})}
}

func (p *progress) advance(seen versions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.seeAll(seen)
	close(p.moved)
	p.moved = make(chan struct{})
}

// show takes note of what domains will show from now on.
func (p *progress) show(versions versions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shows.seeAll(versions)
}

func (p *progress) shown() versions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.shows)
}

// lookAgain is how often those who wait look by themselves, for what no event tells.
const lookAgain = 100 * time.Millisecond

// wait returns when what has been seen is enough, or with the context's error.
func (p *progress) wait(ctx context.Context, enough func(seen versions) bool) error {
	var again *time.Ticker
	for {
		p.mu.Lock()
		seen, moved := slices.Clone(p.seen), p.moved
		p.mu.Unlock()
		if enough(seen) {
			return nil
		}
		if again == nil {
			again = time.NewTicker(lookAgain)
			defer again.Stop()
		}
		select {
		case <-moved:
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
