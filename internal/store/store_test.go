package store

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// feed drives a store as informers do.
type feed struct {
	t        *testing.T
	store    *Store
	version  int
	handlers map[engine.Kind]*handler
	updates  []Update
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	f := &feed{t: t, store: New(nil, testr.New(t)), handlers: map[engine.Kind]*handler{}}
	for _, kind := range engine.Kinds {
		f.handlers[kind] = &handler{kind: kind, queue: f.store.queue, listed: func() string { return strconv.Itoa(f.version) }}
	}
	f.store.Subscribe(func(u Update) { f.updates = append(f.updates, u) })
	return f
}

// stamp returns an object a namespace, an identity and the next resource version.
func (f *feed) stamp(namespace string, object engine.Object) engine.Object {
	f.version++
	object.SetNamespace(namespace)
	object.SetUID(types.UID(namespace + "/" + object.GetName()))
	object.SetResourceVersion(strconv.Itoa(f.version))
	return object
}

func (f *feed) handler(object engine.Object) *handler {
	f.t.Helper()
	kind, ok := engine.KindOf(object)
	if !ok {
		f.t.Fatalf("%T is not a kind of a domain", object)
	}
	return f.handlers[kind]
}

func (f *feed) add(namespace string, object engine.Object) engine.Object {
	f.handler(object).OnAdd(f.stamp(namespace, object), false)
	return object
}

func (f *feed) delete(object engine.Object) {
	f.handler(object).OnDelete(f.stamp(object.GetNamespace(), object))
}

// drain serves what was fed, and gives the updates.
func (f *feed) drain() []Update {
	f.updates = nil
	f.store.drain()
	return f.updates
}

func (f *feed) domain(namespace string) Snapshot {
	f.t.Helper()
	snapshot, ok := f.store.Domain(namespace)
	if !ok {
		f.t.Fatalf("Domain(%q): no such domain", namespace)
	}
	return snapshot
}

func refs(updates []Update) map[string][]string {
	names := map[string][]string{}
	for _, u := range updates {
		for _, ref := range u.Changed {
			names[u.Snapshot.Namespace] = append(names[u.Snapshot.Namespace], ref.String())
		}
	}
	return names
}

func TestNothingIsServedBeforeTheFirstSync(t *testing.T) {
	f := newFeed(t)
	f.add("a", testobjects.MakeUser("alice").Obj())
	if _, ok := f.store.Domain("a"); ok || f.store.Ready() || f.store.Namespaces() != nil {
		t.Errorf("served before the sync: Domain %v, Ready %v, Namespaces %v", ok, f.store.Ready(), f.store.Namespaces())
	}
	if err := f.store.ReadyzCheck(nil); err == nil {
		t.Error("ReadyzCheck: got no error, want one before the sync")
	}

	updates := f.drain()
	if err := f.store.ReadyzCheck(nil); err != nil {
		t.Errorf("ReadyzCheck after the sync: %v", err)
	}
	if diff := cmp.Diff([]string{"a"}, f.store.Namespaces()); diff != "" {
		t.Errorf("Namespaces (-want +got):\n%s", diff)
	}
	if len(updates) != 1 || updates[0].Previous.Len() != 0 {
		t.Errorf("updates = %+v, want one, from an empty domain", updates)
	}
}

func TestOneUpdateForEachNamespaceAndDrain(t *testing.T) {
	f := newFeed(t)
	f.drain()
	f.add("b", testobjects.MakeUser("bob").Obj())
	f.add("a", testobjects.MakeUser("alice").Obj())
	f.add("a", testobjects.MakeRole("clerk").Obj())

	updates := f.drain()
	if len(updates) != 2 || updates[0].Snapshot.Namespace != "a" || updates[1].Snapshot.Namespace != "b" {
		t.Fatalf("updates = %+v, want one of a, then one of b", updates)
	}
	if diff := cmp.Diff(map[string][]string{"a": {"Role/clerk", "User/alice"}, "b": {"User/bob"}}, refs(updates)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if !f.domain("a").Domain.Knows("alice") || f.domain("a").Domain.Knows("bob") {
		t.Error("users are not in the domain of their own namespace alone")
	}
}

func TestTheLastEventOfAnObjectCounts(t *testing.T) {
	f := newFeed(t)
	f.drain()
	alice := f.add("a", testobjects.MakeUser("alice").Obj())
	f.delete(alice)
	bob := f.add("a", testobjects.MakeUser("bob").Obj())
	f.delete(bob)
	f.add("a", testobjects.MakeUser("bob").Obj())
	f.drain()

	if diff := cmp.Diff([]string{"bob"}, f.domain("a").Domain.Users()); diff != "" {
		t.Errorf("Users (-want +got):\n%s", diff)
	}
}

func TestADomainGoesWithItsLastObject(t *testing.T) {
	f := newFeed(t)
	alice := f.add("a", testobjects.MakeUser("alice").Obj())
	f.drain()
	f.delete(alice)

	updates := f.drain()
	if len(updates) != 1 || updates[0].Snapshot.Domain.Len() != 0 || !updates[0].Previous.Knows("alice") {
		t.Errorf("updates = %+v, want one that leaves an empty domain", updates)
	}
	if _, ok := f.store.Domain("a"); ok || len(f.store.Namespaces()) != 0 {
		t.Error("the domain is still there")
	}
}

func TestStatusWritesChangeNoRevision(t *testing.T) {
	f := newFeed(t)
	alice := testobjects.MakeUser("alice").Obj()
	f.add("a", alice)
	f.drain()
	before := f.domain("a")

	written := alice.DeepCopy()
	f.stamp("a", written)
	f.handlers[engine.KindUser].OnUpdate(alice, written)
	if updates := f.drain(); len(updates) != 0 {
		t.Errorf("updates = %+v, want none", updates)
	}
	if after := f.domain("a"); after != before {
		t.Errorf("the snapshot went from %+v to %+v", before, after)
	}

	changed := written.DeepCopy()
	changed.Generation++
	f.stamp("a", changed)
	f.handlers[engine.KindUser].OnUpdate(written, changed)
	if updates := f.drain(); len(updates) != 1 {
		t.Errorf("updates = %+v, want one", updates)
	}
	if after := f.domain("a"); after.Revision == before.Revision || after.ResourceVersion != changed.ResourceVersion {
		t.Errorf("revision %q → %q, resource version %q, want another revision and %q",
			before.Revision, after.Revision, after.ResourceVersion, changed.ResourceVersion)
	}
}

func TestAnObjectMadeAnewIsAnotherOne(t *testing.T) {
	f := newFeed(t)
	f.add("a", testobjects.MakeUser("alice").Obj())
	f.drain()
	again := testobjects.MakeUser("alice").Superuser().Obj()
	f.stamp("a", again)
	again.SetUID("another")
	f.handlers[engine.KindUser].OnAdd(again, false)
	f.drain()

	held, _ := f.domain("a").Domain.Lookup(engine.Ref{Kind: engine.KindUser, Name: "alice"})
	if user, ok := held.(*v1alpha1.User); !ok || user.UID != "another" || !user.Spec.Superuser {
		t.Errorf("the domain holds %v, want the new object", held)
	}
}

func TestDeletionsCount(t *testing.T) {
	for name, seen := range map[string]bool{"seen": true, "missed": false} {
		t.Run(name, func(t *testing.T) {
			f := newFeed(t)
			f.add("a", testobjects.MakeUser("alice").Obj())
			bob := f.add("a", testobjects.MakeUser("bob").Obj())
			f.drain()
			before := f.domain("a")
			if seen {
				f.delete(bob)
			} else {
				f.version += 10 // a list that no longer has it
				f.handlers[engine.KindUser].OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a/bob", Obj: bob})
			}
			f.drain()

			after := f.domain("a")
			if after.Domain.Knows("bob") {
				t.Error("bob is still known")
			}
			if joined, err := Join(after.Revision, before.Revision); err != nil || joined != after.Revision || after.Revision == before.Revision {
				t.Errorf("revision %q → %q, want a newer one", before.Revision, after.Revision)
			}
			if after.ResourceVersion != strconv.Itoa(f.version) {
				t.Errorf("resource version = %s, want %d", after.ResourceVersion, f.version)
			}
		})
	}
}

func TestWaitFor(t *testing.T) {
	f := newFeed(t)
	alice := f.add("a", testobjects.MakeUser("alice").Obj())
	f.drain()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	if err := f.store.WaitFor(ctx, "a", f.domain("a").Revision); err != nil {
		t.Errorf("WaitFor what is served: %v", err)
	}
	if err := f.store.WaitFor(ctx, "a", "soon"); !errors.Is(err, ErrRevision) {
		t.Errorf("WaitFor what is no revision: got error %v, want ErrRevision", err)
	}

	wanted := RevisionOf(engine.KindUser, strconv.Itoa(f.version+1))
	gone, giveUp := context.WithCancel(ctx)
	giveUp()
	if err := f.store.WaitFor(gone, "a", wanted); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitFor what does not come: got error %v, want context.Canceled", err)
	}
	waited := make(chan error)
	go func() { waited <- f.store.WaitFor(ctx, "a", wanted) }()
	f.delete(alice) // with it goes the whole domain
	f.drain()
	if err := <-waited; err != nil {
		t.Errorf("WaitFor what comes: %v", err)
	}
}
