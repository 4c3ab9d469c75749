package cli

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// served are the domains of manifests as the decision server sees them. The revision of a domain is when its
// manifests were last found changed, so that a token of an earlier run is older.
type served struct {
	clock clock.PassiveClock

	mu      sync.RWMutex
	domains map[string]servedDomain
	// newest is the last revision that was given.
	newest int64
	// moved is closed, and replaced, when domains change.
	moved chan struct{}
	// good is when the manifests were last read; outdated says that they have changed since, and cannot be.
	good     time.Time
	outdated bool
}

type servedDomain struct {
	domain   *engine.Domain
	revision int64
	digest   [sha256.Size]byte
}

func newServed(clock clock.PassiveClock) *served {
	return &served{clock: clock, moved: make(chan struct{})}
}

// put serves these objects, by namespace, and says whether that is a change. Domains that are as before keep
// their revision. It is called by one goroutine at a time.
func (s *served) put(objects map[string][]engine.Object) (changed bool, err error) {
	s.mu.RLock()
	before, revision := s.domains, max(s.newest+1, s.clock.Now().UnixNano())
	s.mu.RUnlock()
	changed = len(objects) != len(before)
	next := make(map[string]servedDomain, len(objects))
	for namespace, objects := range objects {
		text, err := json.Marshal(objects)
		if err != nil {
			return false, err
		}
		d := servedDomain{revision: revision, digest: sha256.Sum256(text)}
		if known, ok := before[namespace]; ok && known.digest == d.digest {
			d = known
		} else {
			changed = true
			d.domain = engine.Compile(objects)
		}
		next[namespace] = d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good, s.outdated = s.clock.Now(), false
	if changed {
		s.domains, s.newest = next, revision
		close(s.moved)
		s.moved = make(chan struct{})
	}
	return changed, nil
}

// stale says that the manifests have changed and cannot be read.
func (s *served) stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outdated = true
}

// Domain gives the current state of a namespace's domain.
func (s *served) Domain(namespace string) (store.Snapshot, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := s.domains[namespace]
	return store.Snapshot{Namespace: namespace, Domain: d.domain, Revision: strconv.FormatInt(d.revision, 10)}, ok
}

// WaitFor returns nil as soon as a domain is at least as new as a revision. It returns the context's error when
// that does not come in time, and store.ErrRevision for what is no revision.
func (s *served) WaitFor(ctx context.Context, namespace, revision string) error {
	wanted, err := strconv.ParseInt(revision, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q: %w", revision, store.ErrRevision)
	}
	for {
		s.mu.RLock()
		d, ok := s.domains[namespace]
		moved := s.moved
		s.mu.RUnlock()
		if ok && d.revision >= wanted {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LastContact is when the domains were last known to be as the manifests are: now, unless those cannot be read.
func (s *served) LastContact() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.outdated {
		return s.good
	}
	return s.clock.Now()
}

// String names the domains and counts their objects.
func (s *served) String() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var parts []string
	for _, namespace := range sortedKeys(s.domains) {
		parts = append(parts, fmt.Sprintf("%s (%d objects)", namespace, s.domains[namespace].domain.Len()))
	}
	return strings.Join(parts, ", ")
}

// warn tells of what keeps objects from taking effect.
func (s *served) warn(w io.Writer) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, namespace := range sortedKeys(s.domains) {
		warn(w, s.domains[namespace].domain)
	}
}
