package controllers

import (
	"testing"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestCensusesAreTakenAtMostSoOften(t *testing.T) {
	snapshot := func(objects ...engine.Object) store.Snapshot {
		return store.Snapshot{Namespace: "a", Domain: engine.Compile(objects)}
	}
	all := newCensusCache()
	users := func(s store.Snapshot, now time.Time) int {
		t.Helper()
		counted, newerAfter := all.get(s, now)
		if fresh := counted.domain == s.Domain; fresh != (newerAfter == 0) {
			t.Errorf("counted the latest state: %t, a newer census after %s", fresh, newerAfter)
		}
		return counted.Users
	}
	alice := testobjects.MakeUser("alice").Obj()
	first := snapshot(alice, testobjects.MakeGroup("g").Member("carol", "2026-06-01T11:00:00Z", "2026-06-01T13:00:00Z").Obj())
	second := snapshot(alice, testobjects.MakeUser("bob").Obj(), testobjects.MakeUser("dave").Obj())
	if got := users(first, noon); got != 2 {
		t.Fatalf("%d users, want 2", got)
	}

	all.last["a"].fresh = time.Now().Add(time.Hour)
	if got := users(second, noon); got != 2 {
		t.Errorf("%d users while the last census is fresh, want those counted then, 2", got)
	}
	if got := users(second, noon.Add(time.Hour)); got != 3 {
		t.Errorf("%d users after a time window ended, want 3", got)
	}
	all.last["a"].fresh = time.Time{}
	if got := users(first, noon); got != 2 {
		t.Errorf("%d users after that, want 2", got)
	}
	all.forget("a")
	if got := users(second, noon); got != 3 {
		t.Errorf("%d users of a domain that was forgotten, want 3", got)
	}
}
