package controllers

import (
	"context"
	"fmt"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// updates is a source of requests: what the store tells of, and at the start everything that it holds.
type updates[R comparable] struct {
	domains *store.Store
	// requests asks for what an update may have changed: soon, and in time.
	requests func(store.Update) (soon, later []R)
}

func newUpdates[R comparable](domains *store.Store, requests func(store.Update) (soon, later []R)) source.TypedSyncingSource[R] {
	return &updates[R]{domains, requests}
}

func (u *updates[R]) String() string { return "updates of domains" }

// Start queues requests until ctx is done.
func (u *updates[R]) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[R]) error {
	q, ok := queue.(priorityqueue.PriorityQueue[R])
	if !ok {
		return fmt.Errorf("%T has no priorities", queue)
	}
	low := handler.LowPriority
	unsubscribe := u.domains.Subscribe(func(update store.Update) {
		soon, later := u.requests(update)
		q.AddWithOpts(priorityqueue.AddOpts{}, soon...)
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, later...)
	})
	context.AfterFunc(ctx, unsubscribe)
	for _, namespace := range u.domains.Namespaces() {
		if snapshot, ok := u.domains.Domain(namespace); ok {
			_, all := u.requests(store.Update{Snapshot: snapshot, Previous: snapshot.Domain, Affected: engine.Affected{All: true}})
			q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, all...)
		}
	}
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
