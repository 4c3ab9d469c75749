package cli

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestServedRevisions(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(now)
	s := newServed(clock)
	put := func(objects map[string][]engine.Object, wantChanged bool) {
		t.Helper()
		changed, err := s.put(objects)
		if err != nil || changed != wantChanged {
			t.Errorf("put: got %t and %v, want %t", changed, err, wantChanged)
		}
	}
	revision := func(namespace string) string {
		t.Helper()
		snapshot, ok := s.Domain(namespace)
		if !ok {
			t.Fatalf("no domain %s", namespace)
		}
		return snapshot.Revision
	}
	doc, dog := testobjects.MakeResourceType("doc").Obj(), testobjects.MakeResourceType("dog").Obj()
	put(map[string][]engine.Object{"a": {doc}, "b": {doc}}, true)
	a, b := revision("a"), revision("b")

	put(map[string][]engine.Object{"a": {doc}, "b": {doc}}, false)
	if revision("a") != a || revision("b") != b {
		t.Error("what did not change has another revision")
	}

	// Waiting ends with the change that it is for, even where no time passes between two.
	waited := make(chan error, 1)
	next := after(t, b)
	go func() { waited <- s.WaitFor(t.Context(), "b", next) }()
	put(map[string][]engine.Object{"a": {doc}, "b": {dog}}, true)
	if err := <-waited; err != nil {
		t.Errorf("WaitFor: %v", err)
	}
	if revision("a") != a || revision("b") != next {
		t.Errorf("revisions: got %s and %s, want %s and %s", revision("a"), revision("b"), a, next)
	}

	if err := s.WaitFor(t.Context(), "b", b); err != nil {
		t.Errorf("an earlier revision: %v", err)
	}
	if err := s.WaitFor(t.Context(), "b", "soon"); !errors.Is(err, store.ErrRevision) {
		t.Errorf("no revision: got %v", err)
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	for _, namespace := range []string{"b", "c"} {
		if err := s.WaitFor(done, namespace, after(t, next)); !errors.Is(err, context.Canceled) {
			t.Errorf("a revision of %s that does not come: got %v", namespace, err)
		}
	}

	put(map[string][]engine.Object{"b": {dog}}, true)
	if _, ok := s.Domain("a"); ok {
		t.Error("a domain whose manifests are gone is still there")
	}
}

func TestServedLastContact(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(now)
	s := newServed(clock)
	if _, err := s.put(map[string][]engine.Object{"a": {testobjects.MakeResourceType("doc").Obj()}}); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(now.Add(time.Minute))
	if got := s.LastContact(); !got.Equal(now.Add(time.Minute)) {
		t.Errorf("while nothing is wrong: got %s, want now", got)
	}
	s.stale()
	clock.SetTime(now.Add(time.Hour))
	if got := s.LastContact(); !got.Equal(now) {
		t.Errorf("while the manifests cannot be read: got %s, want when they last could", got)
	}
}

// after is the revision of the next change in the same moment.
func after(t *testing.T, revision string) string {
	t.Helper()
	number, err := strconv.ParseInt(revision, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(number+1, 10)
}
