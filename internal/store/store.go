package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Snapshot is one state of one domain. It does not change.
type Snapshot struct {
	// Namespace is the domain's name.
	Namespace string
	Domain    *engine.Domain
	// Revision is an opaque token for this state: whoever has it can ask for a state that is at least as
	// new, on any replica. It stays the same while no decision can have changed.
	Revision string
	// ResourceVersion is the newest resource version that this state includes.
	ResourceVersion string
	// Made is when this state was compiled, and CompileTime how long that took.
	Made        time.Time
	CompileTime time.Duration
}

// Update tells a subscriber of a domain's next state.
type Update struct {
	// Snapshot is the state that decisions follow from now on. Its Domain is empty (Len is 0) when the
	// namespace lost its last object, and is no domain any more.
	Snapshot Snapshot
	// Previous is the domain before; empty for a namespace that had none.
	Previous *engine.Domain
	// Changed are the objects written or deleted, sorted.
	Changed []engine.Ref
	// Affected finds the users whose answers may differ. It may take a while in a large domain; who does not need it
	// does not call it.
	Affected func() engine.Affected
}

// Store holds the current state of every domain. It is a Runnable of controller-runtime's manager, on every
// replica.
type Store struct {
	cache       cache.Cache
	log         logr.Logger
	queue       *queue
	domains     sync.Map // namespace → *state
	progress    *progress
	informers   []*informer   // of all kinds; complete before synced is closed
	synced      chan struct{} // closed once every kind has been listed and is served
	mu          sync.Mutex    // guards subscribers
	subscribers []*func(Update)
}

// state is a snapshot, and the versions that its revision stands for.
type state struct {
	Snapshot
	versions versions
}

// New prepares a store over the objects of a cache, which must have been made with CacheOptions.
func New(objects cache.Cache, log logr.Logger) *Store {
	return &Store{cache: objects, log: log, queue: newQueue(), progress: newProgress(), synced: make(chan struct{})}
}

// CacheOptions are what the store asks of the cache that it reads from: objects without managed fields and, where they are
// of a domain, without kubectl's copy of what was last applied, each of which may be as large as the object itself and
// which nobody reads; and informers that know when they last heard anything.
func CacheOptions() cache.Options {
	return cache.Options{DefaultTransform: trim, NewInformer: newInformer}
}

// trim takes away what nobody reads. Of kinds that are not a domain's it leaves the annotations alone: whoever reads such
// an object through the cache may write it back.
func trim(object any) (any, error) {
	o, ok := object.(metav1.Object)
	if !ok {
		return object, nil // a deletion that was not seen
	}
	o.SetManagedFields(nil)
	if _, ok := engine.KindOf(o); ok {
		annotations := o.GetAnnotations()
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		if len(annotations) == 0 {
			o.SetAnnotations(nil)
		}
	}
	return object, nil
}

// Domain gives the current state of a namespace's domain. It is false for a namespace without any object of
// ours, and for every one of them until the store is ready.
func (s *Store) Domain(namespace string) (Snapshot, bool) {
	if !s.Ready() {
		return Snapshot{}, false
	}
	if current := s.state(namespace); current != nil {
		return current.Snapshot, true
	}
	return Snapshot{}, false
}

func (s *Store) state(namespace string) *state {
	current, _ := s.domains.Load(namespace)
	st, _ := current.(*state)
	return st
}

// Namespaces are those that have a domain, sorted; none until the store is ready.
func (s *Store) Namespaces() []string {
	if !s.Ready() {
		return nil
	}
	var names []string
	s.domains.Range(func(name, _ any) bool {
		namespace, _ := name.(string)
		names = append(names, namespace)
		return true
	})
	slices.Sort(names)
	return names
}

// Subscribe has fn called with every update after it has been swapped in, one after the other, until the
// function that it returns is called. The next change is not served before fn returns, so it should be quick.
func (s *Store) Subscribe(fn func(Update)) (unsubscribe func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers = append(s.subscribers, &fn)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.subscribers = slices.DeleteFunc(slices.Clone(s.subscribers), func(other *func(Update)) bool { return other == &fn })
	}
}

// Ready says whether every kind has been listed once and is served. It stays true when the API server is
// away: decisions then follow the last state that was seen.
func (s *Store) Ready() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// Synced is closed when the store gets ready.
func (s *Store) Synced() <-chan struct{} { return s.synced }

// ReadyzCheck is Ready, as a health check.
func (s *Store) ReadyzCheck(*http.Request) error {
	if !s.Ready() {
		return errors.New("not every kind has been listed yet")
	}
	return nil
}

// Heard is the last time at which the API server had told of every kind, so that every state served then was
// complete; the zero time until the store is ready. The API server tells something about every minute even when
// nothing changes, so an older time means that it is away, or cannot be reached.
func (s *Store) Heard() time.Time {
	if !s.Ready() {
		return time.Time{}
	}
	heard := time.Now()
	for _, informer := range s.informers {
		if at := informer.heard(); at.Before(heard) {
			heard = at
		}
	}
	return heard
}

// NeedLeaderElection says that every replica holds the domains.
func (s *Store) NeedLeaderElection() bool { return false }

// WaitFor returns nil as soon as a namespace's state is at least as new as a revision. It returns the
// context's error when that does not come in time, and ErrRevision for what is no revision.
func (s *Store) WaitFor(ctx context.Context, namespace, revision string) error {
	wanted, err := parseRevision(revision)
	if err != nil {
		return err
	}
	return s.progress.wait(ctx, func(seen versions) bool {
		current := s.state(namespace)
		return current != nil && current.versions.cover(wanted) || seen.cover(wanted) || s.complete(namespace, seen, wanted)
	})
}

// complete says whether a namespace's state has all that a revision covers although no event told so: a replica never
// hears of an object that was deleted before it started, or while it could not watch. But what it lists tells how new
// the list is.
func (s *Store) complete(namespace string, seen, wanted versions) bool {
	if !s.Ready() || len(s.informers) < len(engine.Kinds) {
		return false
	}
	for i, kind := range engine.Kinds {
		if seen[i] >= wanted[i] {
			continue
		}
		listed := s.informers[i].GetIndexer()
		version, err := strconv.ParseUint(listed.LastStoreSyncResourceVersion(), 10, 64)
		if err != nil || version < wanted[i] {
			return false
		}
		objects, err := listed.ByIndex(toolscache.NamespaceIndex, namespace)
		if err != nil {
			return false
		}
		domain := engine.Compile(nil)
		if current := s.state(namespace); current != nil {
			domain = current.Domain
		}
		if len(objects) != len(domain.Names(kind)) {
			return false
		}
		for _, object := range objects {
			o, ok := object.(engine.Object)
			if !ok {
				return false
			}
			if !holds(domain, engine.Ref{Kind: kind, Name: o.GetName()}, o) {
				return false
			}
		}
	}
	return true
}

// Seen is a revision that covers everything that any domain shows.
func (s *Store) Seen() string { return s.progress.shown().revision() }

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=resourcetypes;roles;groups;users;userpermissions;specialpermissions;recordsets;permissionpolicies,verbs=get;list;watch

// Start watches until ctx is done. It fails when the cache cannot watch a kind at all.
func (s *Store) Start(ctx context.Context) error {
	var listed []toolscache.DoneChecker
	for _, kind := range engine.Kinds {
		objects, err := s.cache.GetInformerForKind(ctx, v1alpha1.GroupVersion.WithKind(string(kind)), cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s: %w", kind, err)
		}
		informer, ok := objects.(*informer)
		if !ok {
			return fmt.Errorf("watch %s: the cache was not made with CacheOptions", kind)
		}
		s.informers = append(s.informers, informer)
		h := &handler{kind: kind, queue: s.queue, listed: informer.LastSyncResourceVersion}
		registration, err := informer.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{ResyncPeriod: new(time.Duration)})
		if err != nil {
			return fmt.Errorf("watch %s: %w", kind, err)
		}
		listed = append(listed, registration.HasSyncedChecker())
	}
	if !toolscache.WaitFor(ctx, "", listed...) {
		return nil // ctx is done
	}
	s.drain()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.queue.filled:
			s.drain()
		}
	}
}

// drain serves everything that is queued.
func (s *Store) drain() {
	heard := s.queue.take()
	s.progress.show(heard.seen)
	var updates []Update
	for _, namespace := range slices.Sorted(maps.Keys(heard.events)) {
		if update, changed := s.apply(namespace, heard.events[namespace]); changed {
			updates = append(updates, update)
		}
	}
	s.progress.advance(heard.seen)
	if !s.Ready() {
		close(s.synced)
		s.log.Info("Serving decisions", "domains", len(updates))
	}
	s.mu.Lock()
	subscribers := s.subscribers
	s.mu.Unlock()
	for _, update := range updates {
		for _, notify := range subscribers {
			(*notify)(update)
		}
	}
}

// apply swaps in a namespace's next state. It is false when the events change no decision, such as those
// of status.
func (s *Store) apply(namespace string, events map[engine.Ref]event) (Update, bool) {
	current := s.state(namespace)
	if current == nil {
		current = &state{Snapshot{Namespace: namespace, Domain: engine.Compile(nil)}, newVersions()}
	}
	next := &state{Snapshot{Namespace: namespace}, slices.Clone(current.versions)}
	var changes []engine.Change
	for ref, e := range events {
		if holds(current.Domain, ref, e.object) {
			continue
		}
		changes = append(changes, engine.Change{Ref: ref, Object: e.object})
		next.versions.see(ref.Kind, e.version)
	}
	if len(changes) == 0 {
		return Update{}, false
	}
	slices.SortFunc(changes, func(a, b engine.Change) int {
		return cmp.Or(cmp.Compare(a.Ref.Kind, b.Ref.Kind), cmp.Compare(a.Ref.Name, b.Ref.Name))
	})
	began := time.Now()
	var delta *engine.Delta
	next.Domain, delta = current.Domain.With(changes...)
	next.Made = time.Now()
	next.CompileTime = next.Made.Sub(began)
	next.Revision, next.ResourceVersion = next.versions.revision(), next.versions.newest()
	if next.Domain.Len() == 0 {
		s.domains.Delete(namespace)
	} else {
		s.domains.Store(namespace, next)
	}
	changed := make([]engine.Ref, len(changes))
	for i, change := range changes {
		changed[i] = change.Ref
	}
	return Update{Snapshot: next.Snapshot, Previous: current.Domain, Changed: changed, Affected: delta.Affected}, true
}

// holds says whether a domain has an object as it was heard of last: not at all where that is nil.
func holds(domain *engine.Domain, ref engine.Ref, heard engine.Object) bool {
	uid, generation, ok := domain.Version(ref)
	if !ok || heard == nil {
		return !ok && heard == nil
	}
	return uid == heard.GetUID() && generation == heard.GetGeneration()
}
