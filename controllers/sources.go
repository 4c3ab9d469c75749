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

// queueOf is the queue of a controller, for requests with priorities.
func queueOf[R comparable](queue workqueue.TypedRateLimitingInterface[R]) (priorityqueue.PriorityQueue[R], error) {
	q, ok := queue.(priorityqueue.PriorityQueue[R])
	if !ok {
		return nil, fmt.Errorf("%T has no priorities", queue)
	}
	return q, nil
}

func add[R comparable](q priorityqueue.PriorityQueue[R], priority int, requests []R) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
}

// laterEvery is how often a domain that changes all the time has requests that can wait. Each change may call for
// thousands of them, mostly the same ones.
const laterEvery = time.Second

// What there is to do for very many is done for so many at once, in about a millisecond. Then the processor has a moment for
// who waits for a decision.
const (
	atOnce = 500
	breath = 100 * time.Microsecond
)

// unhurried gives the same, with these moments.
func unhurried[T any](all iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		given := 0
		for one := range all {
			if given++; given%atOnce == 0 {
				time.Sleep(breath)
			}
			if !yield(one) {
				return
			}
		}
	}
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

// users are all who are known, or were before.
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

// affected are the users who are affected by any part of the update, sorted.
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

// follow adds a later update of the same domain.
func (u *update) follow(later update) {
	if u.snapshot.Domain == nil {
		*u = later
		return
	}
	u.snapshot = later.snapshot
	u.changed = append(u.changed, later.changed...)
	u.affects = append(u.affects, later.affects...)
}

// updates is a source of requests: what the store tells of, and at the start everything that it holds.
type updates[R comparable] struct {
	domains  *store.Store
	thinking thinking
	// soon and later ask for what an update may have changed.
	soon, later func(update) []R

	mu      sync.Mutex
	pending map[string]*update // by namespace
	filled  chan struct{}
}

func newUpdates[R comparable](d *dependencies, soon, later func(update) []R) *updates[R] {
	return &updates[R]{domains: d.domains, thinking: d.thinking, soon: soon, later: later, pending: map[string]*update{}, filled: make(chan struct{}, 1)}
}

func (u *updates[R]) String() string { return "updates of domains" }

// Start queues requests until ctx is done. What the requests are is found out apart from the store, which does not
// wait for it.
func (u *updates[R]) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[R]) error {
	q, err := queueOf(queue)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, u.domains.Subscribe(u.note))
	everybody := func() engine.Affected { return engine.Affected{All: true} }
	for _, namespace := range u.domains.Namespaces() {
		if snapshot, ok := u.domains.Domain(namespace); ok {
			u.note(store.Update{Snapshot: snapshot, Previous: snapshot.Domain, Affected: everybody})
		}
	}
	go u.run(ctx, q)
	return nil
}

func (u *updates[R]) run(ctx context.Context, q priorityqueue.PriorityQueue[R]) {
	waiting := map[string]*update{} // for their later requests
	last := map[string]time.Time{}
	for {
		var due <-chan time.Time
		for namespace, update := range waiting {
			if wait := laterEvery - time.Since(last[namespace]); wait > 0 {
				due = time.After(wait) // one namespace's turn; the others are looked at then, too
				continue
			}
			u.ask(q, handler.LowPriority, u.later, *update)
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
		case <-u.filled:
		}
		for namespace, taken := range u.take() {
			u.ask(q, 0, u.soon, *taken)
			if waiting[namespace] == nil {
				waiting[namespace] = &update{}
			}
			waiting[namespace].follow(*taken)
		}
	}
}

// ask finds out what an update calls for, and queues it. Both take their time in a large domain.
func (u *updates[R]) ask(q priorityqueue.PriorityQueue[R], priority int, requests func(update) []R, about update) {
	var all []R
	u.thinking.compute(func() { all = requests(about) })
	for some := range slices.Chunk(all, atOnce) {
		u.thinking.compute(func() { add(q, priority, some) })
		if len(some) == atOnce {
			time.Sleep(breath)
		}
	}
}

// WaitForSync waits until the store is ready: before, nothing exists.
func (u *updates[R]) WaitForSync(ctx context.Context) error {
	select {
	case <-u.domains.Synced():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note keeps an update until it is taken, together with others of its namespace.
func (u *updates[R]) note(news store.Update) {
	u.mu.Lock()
	defer u.mu.Unlock()
	namespace := news.Snapshot.Namespace
	if u.pending[namespace] == nil {
		u.pending[namespace] = &update{}
	}
	u.pending[namespace].follow(update{
		snapshot: news.Snapshot, previous: news.Previous, changed: [][]engine.Ref{news.Changed}, affects: []func() engine.Affected{news.Affected},
	})
	select {
	case u.filled <- struct{}{}:
	default:
	}
}

func (u *updates[R]) take() map[string]*update {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = map[string]*update{}
	return taken
}

// writes is a source of requests: what others, and the controllers themselves, write. It ends with its controller, of
// which there is one for each term as the leader.
type writes[R comparable] struct {
	cache  cache.Cache
	object client.Object
	// requests asks for what a write calls for: before is nil for a new object, after for one that was deleted.
	requests func(before, after client.Object) []R

	registration toolscache.ResourceEventHandlerRegistration
}

func (w *writes[R]) String() string { return fmt.Sprintf("writes of %T", w.object) }

// Start queues requests until ctx is done.
func (w *writes[R]) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[R]) error {
	q, err := queueOf(queue)
	if err != nil {
		return err
	}
	informer, err := w.cache.GetInformer(ctx, w.object, cache.BlockUntilSynced(false))
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
			add(q, priority, w.requests(b, a))
		}
	}
	w.registration, err = informer.AddEventHandlerWithOptions(toolscache.ResourceEventHandlerDetailedFuncs{
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
	registration := w.registration
	context.AfterFunc(ctx, func() {
		_ = informer.RemoveEventHandler(registration) // fails when the informer has ended too
	})
	return nil
}

// WaitForSync waits until everything that exists has been queued.
func (w *writes[R]) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitFor(ctx, "", w.registration.HasSyncedChecker()) {
		return errors.New("not every object has been listed in time")
	}
	return nil
}
