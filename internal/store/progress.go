package store

import (
	"context"
	"sync"
)

// progress is how far the store has come in all namespaces together, for those who wait for a revision.
type progress struct {
	mu   sync.Mutex
	seen versions
	// moved is closed, and replaced, by every advance.
	moved chan struct{}
}

func newProgress() *progress { return &progress{seen: newVersions(), moved: make(chan struct{})} }

func (p *progress) advance(seen versions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.seeAll(seen)
	close(p.moved)
	p.moved = make(chan struct{})
}

// wait returns when everything wanted has been seen, or with the context's error.
func (p *progress) wait(ctx context.Context, wanted versions) error {
	for {
		p.mu.Lock()
		covered, moved := p.seen.cover(wanted), p.moved
		p.mu.Unlock()
		if covered {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
