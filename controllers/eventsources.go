package controllers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// priorityQueue is the queue of a controller, which has priorities.
func priorityQueue[R comparable](queue workqueue.TypedRateLimitingInterface[R]) (priorityqueue.PriorityQueue[R], error) {
	q, ok := queue.(priorityqueue.PriorityQueue[R])
	if !ok {
		return nil, fmt.Errorf("%T has no priorities", queue)
	}
	return q, nil
}

func enqueue[R comparable](q priorityqueue.PriorityQueue[R], priority int, requests []R) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
}

// update is what happened to a domain since it was last looked at.
type update struct {
	snapshot store.Snapshot
	previous *engine.Domain
	// changed are the objects that each part of the update wrote or deleted. All controllers share them.
	changed [][]engine.Ref
	// affects finds the users that each part of the update affects.
	affects []func() engine.Affected
}

// users iterates over the users who are known, or were before.
func (u *update) users() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range u.snapshot.Domain.EachUser() {
			if !yield(user) {
				return
			}
		}
		for user := range u.previous.EachUser() {
			if !u.snapshot.Domain.Knows(user) && !yield(user) {
				return
			}
		}
	}
}

// affected returns the users whom any part of the update affects, sorted.
func (u *update) affected() engine.Affected {
	if len(u.affects) == 1 {
		return u.affects[0]()
	}
	users := map[string]bool{}
	for _, part := range u.affects {
		affected := part()
		if affected.All {
			return engine.Affected{All: true}
		}
		for _, user := range affected.Users {
			users[user] = true
		}
	}
	return engine.Affected{Users: slices.Sorted(maps.Keys(users))}
}

// merge adds a later update of the same domain.
func (u *update) merge(later update) {
	if u.snapshot.Domain == nil {
		*u = later
		return
	}
	u.snapshot = later.snapshot
	u.changed = append(u.changed, later.changed...)
	u.affects = append(u.affects, later.affects...)
}

// laterEvery is how often a domain that changes all the time has its later requests queued. Each change may call for
// thousands of them, mostly the same ones.
const laterEvery = time.Second

// domainUpdates is a source of requests: every update of the store, and at the start all that it holds.
type domainUpdates[R comparable] struct {
	domains *store.Store
	slots   computeSlots
	// soon and later give the requests that an update calls for; those of later have a low priority.
	soon, later func(update) []R

	mu      sync.Mutex
	pending map[string]*update // by namespace
	filled  chan struct{}
}

func newDomainUpdates[R comparable](d *dependencies, soon, later func(update) []R) *domainUpdates[R] {
	return &domainUpdates[R]{domains: d.domains, slots: d.slots, soon: soon, later: later, pending: map[string]*update{}, filled: make(chan struct{}, 1)}
}

// String names the source in the controller's log.
func (s *domainUpdates[R]) String() string { return "updates of domains" }

// Start queues requests until ctx is done. Working out the requests does not hold up the store.
func (s *domainUpdates[R]) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[R]) error {
	q, err := priorityQueue(queue)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, s.domains.Subscribe(s.record))
	everybody := func() engine.Affected { return engine.Affected{All: true} }
	for _, namespace := range s.domains.Namespaces() {
		if snapshot, ok := s.domains.Domain(namespace); ok {
			s.record(store.Update{Snapshot: snapshot, Previous: snapshot.Domain, Affected: everybody})
		}
	}
	go s.run(ctx, q)
	return nil
}

func (s *domainUpdates[R]) run(ctx context.Context, q priorityqueue.PriorityQueue[R]) {
	waiting := map[string]*update{} // whose later requests are not queued yet
	last := map[string]time.Time{}  // when they were last queued
	for {
		var due <-chan time.Time
		for namespace, update := range waiting {
			if wait := laterEvery - time.Since(last[namespace]); wait > 0 {
				due = time.After(wait) // for one of the namespaces; the others are looked at then, too
				continue
			}
			s.enqueue(q, handler.LowPriority, s.later, *update)
			delete(waiting, namespace)
			last[namespace] = time.Now()
			if update.snapshot.Domain.Len() == 0 {
				delete(last, namespace)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-due:
		case <-s.filled:
		}
		for namespace, update := range s.take() {
			s.enqueue(q, 0, s.soon, *update)
			if waiting[namespace] == nil {
				waiting[namespace] = update
			} else {
				waiting[namespace].merge(*update)
			}
		}
	}
}

// enqueue works out the requests that an update calls for, and queues them. In a large domain both take a while.
func (s *domainUpdates[R]) enqueue(q priorityqueue.PriorityQueue[R], priority int, requests func(update) []R, about update) {
	var all []R
	s.slots.compute(func() { all = requests(about) })
	for chunk := range slices.Chunk(all, yieldEvery) {
		s.slots.compute(func() { enqueue(q, priority, chunk) })
		if len(chunk) == yieldEvery {
			time.Sleep(yieldPause)
		}
	}
}

// WaitForSync waits until the store has read every object.
func (s *domainUpdates[R]) WaitForSync(ctx context.Context) error {
	select {
	case <-s.domains.Synced():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// record keeps an update until it is taken, together with others of its namespace.
func (s *domainUpdates[R]) record(news store.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	namespace := news.Snapshot.Namespace
	if s.pending[namespace] == nil {
		s.pending[namespace] = &update{}
	}
	s.pending[namespace].merge(update{
		snapshot: news.Snapshot, previous: news.Previous, changed: [][]engine.Ref{news.Changed}, affects: []func() engine.Affected{news.Affected},
	})
	select {
	case s.filled <- struct{}{}:
	default:
	}
}

func (s *domainUpdates[R]) take() map[string]*update {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.pending
	s.pending = map[string]*update{}
	return taken
}

// objectWrites is a source of requests: what anybody writes to the objects of a kind, the controllers included. It
// ends with its controller, of which there is one for each term as the leader.
type objectWrites[R comparable] struct {
	cache  cache.Cache
	object client.Object
	// requests returns the requests that a write calls for: before is nil for a new object, after for a deleted one.
	requests func(before, after client.Object) []R

	registration toolscache.ResourceEventHandlerRegistration
}

// String names the source in the controller's log.
func (s *objectWrites[R]) String() string { return fmt.Sprintf("writes of %T", s.object) }

// Start queues requests until ctx is done.
func (s *objectWrites[R]) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[R]) error {
	q, err := priorityQueue(queue)
	if err != nil {
		return err
	}
	informer, err := s.cache.GetInformer(ctx, s.object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	handle := func(priority int, before, after any) {
		if unseen, ok := before.(toolscache.DeletedFinalStateUnknown); ok {
			before = unseen.Obj
		}
		b, _ := before.(client.Object)
		a, _ := after.(client.Object)
		if a != nil || b != nil {
			enqueue(q, priority, s.requests(b, a))
		}
	}
	s.registration, err = informer.AddEventHandlerWithOptions(toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, isInInitialList bool) {
			priority := 0
			if isInInitialList {
				priority = handler.LowPriority
			}
			handle(priority, nil, object)
		},
		UpdateFunc: func(before, after any) { handle(0, before, after) },
		DeleteFunc: func(object any) { handle(0, object, nil) },
	}, toolscache.HandlerOptions{ResyncPeriod: new(time.Duration)})
	if err != nil {
		return err
	}
	registration := s.registration
	context.AfterFunc(ctx, func() {
		_ = informer.RemoveEventHandler(registration) // fails when the informer has ended too
	})
	return nil
}

// WaitForSync waits until every object that exists has been queued.
func (s *objectWrites[R]) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitFor(ctx, "", s.registration.HasSyncedChecker()) {
		return errors.New("timed out listing the objects")
	}
	return nil
}
