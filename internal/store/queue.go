package store

import (
	"sync"

	toolscache "k8s.io/client-go/tools/cache"

	"github.com/remit-authz/remit/internal/engine"
)

// event is the latest event of an object.
type event struct {
	object engine.Object // nil: it was deleted
	// version is the resource version of the object, or of its deletion.
	version string
}

// batch is the events since the last batch; of each object, only the latest.
type batch struct {
	events map[string]map[engine.Ref]event // by namespace
	seen   versions
}

func newBatch() batch { return batch{map[string]map[engine.Ref]event{}, versions{}} }

// queue collects events until they are all taken.
type queue struct {
	mu      sync.Mutex
	pending batch
	// filled has an element when something is pending.
	filled chan struct{}
}

func newQueue() *queue { return &queue{pending: newBatch(), filled: make(chan struct{}, 1)} }

func (q *queue) add(namespace string, ref engine.Ref, e event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.pending.events[namespace]
	if events == nil {
		events = map[engine.Ref]event{}
		q.pending.events[namespace] = events
	}
	events[ref] = e
	q.pending.seen.see(ref.Kind, e.version)
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.pending
	q.pending = newBatch()
	return taken
}

// handler queues the events of one kind.
type handler struct {
	kind  engine.Kind
	queue *queue
	// listed returns the resource version of the last list or bookmark.
	listed func() string
}

var _ toolscache.ResourceEventHandler = &handler{}

// OnAdd is called for an object that is new to the informer.
func (h *handler) OnAdd(object any, _ bool) { h.put(object) }

// OnUpdate is called for an object that changed, and for every one of them after a watch was lost.
func (h *handler) OnUpdate(before, after any) {
	old, _ := before.(engine.Object)
	object, _ := after.(engine.Object)
	if old != nil && object != nil && old.GetUID() == object.GetUID() && old.GetResourceVersion() == object.GetResourceVersion() {
		return
	}
	h.put(after)
}

// OnDelete is called with the object as of its deletion, or with its last known state, wrapped, when the deletion was not
// seen.
func (h *handler) OnDelete(object any) {
	version := ""
	if unseen, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		// The list that no longer has it is newer than the deletion.
		object, version = unseen.Obj, h.listed()
	}
	if deleted, ok := object.(engine.Object); ok {
		if version == "" {
			version = deleted.GetResourceVersion()
		}
		h.queue.add(deleted.GetNamespace(), engine.Ref{Kind: h.kind, Name: deleted.GetName()}, event{version: version})
	}
}

func (h *handler) put(object any) {
	if o, ok := object.(engine.Object); ok {
		h.queue.add(o.GetNamespace(), engine.Ref{Kind: h.kind, Name: o.GetName()}, event{object: o, version: o.GetResourceVersion()})
	}
}
