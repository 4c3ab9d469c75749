package controllers

import (
	"context"
	"errors"
	"fmt"
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

// updates is a source of requests: what the store tells of, and at the start everything that it holds.
type updates[R comparable] struct {
	domains *store.Store
	// requests asks for what an update may have changed: soon, and in time.
	requests func(store.Update) (soon, later []R)

	mu      sync.Mutex
	pending map[string]store.Update // by namespace
	filled  chan struct{}
}

func newUpdates[R comparable](domains *store.Store, requests func(store.Update) (soon, later []R)) *updates[R] {
	return &updates[R]{domains: domains, requests: requests, pending: map[string]store.Update{}, filled: make(chan struct{}, 1)}
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
	for _, namespace := range u.domains.Namespaces() {
		if snapshot, ok := u.domains.Domain(namespace); ok {
			u.note(store.Update{Snapshot: snapshot, Previous: snapshot.Domain, Affected: engine.Affected{All: true}})
		}
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-u.filled:
			}
			for _, update := range u.take() {
				soon, later := u.requests(update)
				add(q, 0, soon)
				add(q, handler.LowPriority, later)
			}
		}
	}()
	return nil
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
func (u *updates[R]) note(update store.Update) {
	u.mu.Lock()
	defer u.mu.Unlock()
	namespace := update.Snapshot.Namespace
	if earlier, ok := u.pending[namespace]; ok {
		update = merge(earlier, update)
	}
	u.pending[namespace] = update
	select {
	case u.filled <- struct{}{}:
	default:
	}
}

func (u *updates[R]) take() map[string]store.Update {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = map[string]store.Update{}
	return taken
}

// merge makes one update of two that follow each other. Both may be of one state: then the one that tells more comes
// out.
func merge(earlier, later store.Update) store.Update {
	later.Previous = earlier.Previous
	later.Changed = append(slices.Clone(earlier.Changed), later.Changed...)
	later.Affected = engine.Affected{
		All:   earlier.Affected.All || later.Affected.All,
		Users: append(slices.Clone(earlier.Affected.Users), later.Affected.Users...),
	}
	return later
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
