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

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// Snapshot is one state of one domain. It does not change.
type Snapshot struct {
	// Namespace is the domain's name.
	Namespace string
	Domain    *engine.Domain
	// Revision is an opaque token for this state: a caller that has it can ask any replica for a state that is at least as
	// new. It stays the same while no decision can have changed.
	Revision string
	// ResourceVersion is the newest resource version that this state includes.
	ResourceVersion string
	// Made is when this state was compiled, and CompileTime how long that took.
	Made        time.Time
	CompileTime time.Duration
}

// Update is a domain's next state, as subscribers get it.
type Update struct {
	// Snapshot is the state that decisions follow from now on. Its Domain is empty (Len is 0) when the
	// namespace lost its last object, and is no domain any more.
	Snapshot Snapshot
	// Previous is the domain before; empty for a namespace that had none.
	Previous *engine.Domain
	// Changed are the objects written or deleted, sorted.
	Changed []engine.Ref
	// Affected returns the users whose answers may differ. In a large domain it takes a while when it is first called.
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
	kinds       []*kinds.Row
	informers   []*informer   // one for each kind; complete before synced is closed
	synced      chan struct{} // closed once every kind has been listed and is served
	terminating terminating
	mu          sync.Mutex // guards subscribers
	subscribers []*func(Update)
}

// state is a snapshot, and the versions that its revision stands for.
type state struct {
	Snapshot
	versions versions
}

// New prepares a store over the objects of a cache, which must have been made with CacheOptions. It watches the kinds that
// are given, or all of kinds.Table.
func New(objects cache.Cache, log logr.Logger, of ...*kinds.Row) *Store {
	if len(of) == 0 {
		of = kinds.Table
	}
	return &Store{cache: objects, log: log, kinds: of, queue: newQueue(), progress: newProgress(), synced: make(chan struct{})}
}

// Serves reports whether the store watches a kind. Another version of Remit may know kinds that this one does not.
func (s *Store) Serves(kind kinds.Kind) bool {
	return slices.ContainsFunc(s.kinds, func(row *kinds.Row) bool { return row.Kind == kind })
}

// CacheOptions returns the options of the cache that the store reads from. Objects have no managed fields and, where they
// are of a domain, no copy of what kubectl last applied: nobody reads these, and each may be as large as the object itself.
// Informers know when the API server last answered.
func CacheOptions() cache.Options {
	return cache.Options{DefaultTransform: trim, NewInformer: newInformer}
}

// trim drops what nobody reads. Of kinds that are not a domain's it leaves the annotations alone: whoever reads such an
// object through the cache may write it back.
func trim(object any) (any, error) {
	o, ok := object.(metav1.Object)
	if !ok {
		return object, nil // a deletion that was not seen
	}
	o.SetManagedFields(nil)
	if _, ok := kinds.Of(o); ok {
		annotations := o.GetAnnotations()
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		if len(annotations) == 0 {
			o.SetAnnotations(nil)
		}
	}
	return object, nil
}

// Domain returns the current state of a namespace's domain. It is false for a namespace without any object of
// Remit, and for every namespace until the store is ready.
func (s *Store) Domain(namespace string) (Snapshot, bool) {
	if !s.Ready() {
		return Snapshot{}, false
	}
	current := s.state(namespace)
	if current == nil {
		return Snapshot{}, false
	}
	if !s.terminating.has(namespace) {
		return current.Snapshot, true
	}
	closed := current.Snapshot
	closed.Domain = closed.Domain.Closed()
	return closed, true
}

func (s *Store) state(namespace string) *state {
	current, _ := s.domains.Load(namespace)
	st, _ := current.(*state)
	return st
}

// Namespaces returns those that have a domain, sorted; none until the store is ready.
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

// Subscribe calls fn with every update after it has been swapped in, one at a time, until unsubscribe is called. The next
// change is not served before fn returns, so it should be quick.
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

// Ready reports whether every kind has been listed once and is served. It stays true when the API server is
// unavailable: decisions then follow the last state that was seen.
func (s *Store) Ready() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// Synced returns a channel that is closed when the store becomes ready.
func (s *Store) Synced() <-chan struct{} { return s.synced }

// ReadyzCheck is Ready, as a health check.
func (s *Store) ReadyzCheck(*http.Request) error {
	if !s.Ready() {
		return errors.New("not every kind has been listed yet")
	}
	return nil
}

// LastContact returns the last time at which every kind was known to be up to date; the zero time until the store is ready.
// The API server sends something about every minute even when nothing changes, so an older time means that it is
// unavailable or cannot be reached.
func (s *Store) LastContact() time.Time {
	if !s.Ready() {
		return time.Time{}
	}
	oldest := time.Now()
	for _, informer := range s.informers {
		if at := informer.lastContact(); at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}

// NeedLeaderElection is false: every replica serves all domains.
func (s *Store) NeedLeaderElection() bool { return false }

// WaitFor returns nil as soon as a namespace's state is at least as new as a revision, as far as that is about kinds that
// the store serves. The error is the context's if that takes too long, and ErrRevision for a text that is not a revision.
func (s *Store) WaitFor(ctx context.Context, namespace, revision string) error {
	wanted, err := parseRevision(revision)
	if err != nil {
		return err
	}
	return s.progress.wait(ctx, func(seen versions) bool {
		current := s.state(namespace)
		return current != nil && current.versions.cover(wanted, s.kinds) || seen.cover(wanted, s.kinds) || s.complete(namespace, seen, wanted)
	})
}

// complete reports whether a namespace's state has all that a revision covers although no event showed it: a replica gets
// no event of an object that was deleted before it started, or while it could not watch. But its lists have a resource
// version, too.
func (s *Store) complete(namespace string, seen, wanted versions) bool {
	if !s.Ready() || len(s.informers) < len(s.kinds) {
		return false
	}
	for i, kind := range s.kinds {
		if seen[kind.Key] >= wanted[kind.Key] {
			continue
		}
		listed := s.informers[i].GetIndexer()
		version, err := strconv.ParseUint(listed.LastStoreSyncResourceVersion(), 10, 64)
		if err != nil || version < wanted[kind.Key] {
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
		if len(objects) != len(domain.Names(kind.Kind)) {
			return false
		}
		for _, object := range objects {
			o, ok := object.(engine.Object)
			if !ok {
				return false
			}
			if !shows(domain, engine.Ref{Kind: kind.Kind, Name: o.GetName()}, o) {
				return false
			}
		}
	}
	return true
}

// Seen returns a revision that covers everything that any domain shows.
func (s *Store) Seen() string { return s.progress.shown().revision() }

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=resourcetypes;roles;groups;users;usersets;userpermissions;userpermissionsets;specialpermissions;recordsets;permissionpolicies,verbs=get;list;watch

// Start watches until ctx is done. It fails when the cache cannot watch a kind at all.
func (s *Store) Start(ctx context.Context) error {
	var listed []toolscache.DoneChecker
	for _, kind := range s.kinds {
		objects, err := s.cache.GetInformerForKind(ctx, kind.GVK(), cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		informer, ok := objects.(*informer)
		if !ok {
			return fmt.Errorf("watch %s: the cache was not made with CacheOptions", kind.Kind)
		}
		s.informers = append(s.informers, informer)
		h := &handler{kind: kind.Kind, queue: s.queue, listed: informer.LastSyncResourceVersion}
		registration, err := informer.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{ResyncPeriod: new(time.Duration)})
		if err != nil {
			return fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		listed = append(listed, registration.HasSyncedChecker())
	}
	namespaces, err := s.terminating.watch(ctx, s.cache)
	if err != nil {
		return fmt.Errorf("watch namespaces: %w", err)
	}
	if !toolscache.WaitFor(ctx, "", append(listed, namespaces)...) {
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
	taken := s.queue.take()
	s.progress.show(taken.seen)
	var updates []Update
	for _, namespace := range slices.Sorted(maps.Keys(taken.events)) {
		if update, changed := s.apply(namespace, taken.events[namespace]); changed {
			updates = append(updates, update)
		}
	}
	s.progress.advance(taken.seen)
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

// apply swaps in a namespace's next state. It is false when the events change no decision, as those of status do not.
func (s *Store) apply(namespace string, events map[engine.Ref]event) (Update, bool) {
	current := s.state(namespace)
	if current == nil {
		current = &state{Snapshot{Namespace: namespace, Domain: engine.Compile(nil)}, versions{}}
	}
	next := &state{Snapshot{Namespace: namespace}, maps.Clone(current.versions)}
	var changes []engine.Change
	for ref, e := range events {
		if shows(current.Domain, ref, e.object) {
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

// shows reports whether a domain has an object in its latest version; for a nil object, whether it has none.
func shows(domain *engine.Domain, ref engine.Ref, latest engine.Object) bool {
	uid, generation, ok := domain.Version(ref)
	if !ok || latest == nil {
		return !ok && latest == nil
	}
	return uid == latest.GetUID() && generation == latest.GetGeneration()
}
