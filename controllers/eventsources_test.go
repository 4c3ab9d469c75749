package controllers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

// follow returns the updates of a domain that goes through some states.
func follow(states ...[]engine.Change) []store.Update {
	var updates []store.Update
	before := engine.Compile(nil)
	for _, changes := range states {
		after, delta := before.With(changes...)
		update := store.Update{Snapshot: store.Snapshot{Namespace: "a", Domain: after}, Previous: before, Affected: delta.Affected}
		for _, change := range changes {
			update.Changed = append(update.Changed, change.Ref)
		}
		updates = append(updates, update)
		before = after
	}
	return updates
}

// noted returns some updates as a source does that had no time for them before.
func noted(updates ...store.Update) update {
	u := newDomainUpdates[userRequest](&dependencies{domains: store.New(nil, logr.Discard()), slots: newComputeSlots()}, nil, nil)
	for _, update := range updates {
		u.record(update)
	}
	return *u.take()["a"]
}

func users(requests []userRequest) []string {
	var users []string
	for _, r := range requests {
		users = append(users, r.User)
	}
	return users
}

func objectNames(requests []reconcile.Request) []string {
	var names []string
	for _, r := range requests {
		names = append(names, r.String())
	}
	slices.Sort(names)
	return names
}

func TestObjectRequests(t *testing.T) {
	before := []engine.Change{
		engine.Put(testobjects.MakeRole("r").Obj()), engine.Put(testobjects.MakeUser("u").Obj()), engine.Put(testobjects.MakeUser("v").Roles("r").Obj()),
		engine.Put(testobjects.MakeUser("w").Obj()), engine.Put(testobjects.MakeGroup("g").Obj()),
		engine.Put(testobjects.MakeUserPermission("up-u", "company", "north").User("u").Obj()),
		engine.Put(testobjects.MakeUserPermission("up-v", "company", "north").User("v").Obj()),
		engine.Put(testobjects.MakeUserPermission("up-g", "company", "north").Group("g").Obj()),
		engine.Put(testobjects.MakeSpecialPermission("sp-u", "u").On(v1alpha1.AccessNone, "order").Obj()),
		engine.Put(testobjects.MakeSpecialPermission("sp-v", "v").On(v1alpha1.AccessNone, "order").Obj()),
	}
	for name, tc := range map[string]struct {
		change engine.Change
		want   map[engine.Kind][2][]string
	}{
		"a user": {engine.Put(testobjects.MakeUser("u").Disabled().Obj()), map[engine.Kind][2][]string{
			engine.KindUser:              {{"a/u"}, {"a/u"}},
			engine.KindUserPermission:    {nil, {"a/up-g", "a/up-u"}},
			engine.KindSpecialPermission: {nil, {"a/sp-u"}},
			engine.KindRole:              {nil, {"a/r"}},
			engine.KindGroup:             {nil, {"a/g"}},
		}},
		"a role that goes": {engine.Remove(engine.Ref{Kind: engine.KindRole, Name: "r"}), map[engine.Kind][2][]string{
			engine.KindUser:              {nil, {"a/v"}},
			engine.KindUserPermission:    {nil, {"a/up-g", "a/up-v"}},
			engine.KindSpecialPermission: {nil, {"a/sp-v"}},
			engine.KindRole:              {{"a/r"}, nil},
			engine.KindGroup:             {nil, {"a/g"}},
		}},
		"a type": {engine.Put(testobjects.MakeResourceType("order").Obj()), map[engine.Kind][2][]string{
			engine.KindUser:              {nil, {"a/u", "a/v", "a/w"}},
			engine.KindUserPermission:    {nil, {"a/up-g", "a/up-u", "a/up-v"}},
			engine.KindSpecialPermission: {nil, {"a/sp-u", "a/sp-v"}},
			engine.KindRole:              {nil, {"a/r"}},
			engine.KindGroup:             {nil, {"a/g"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			u := noted(follow(before, []engine.Change{tc.change})[1])
			for kind, want := range tc.want {
				got := [2][]string{objectNames(changedObjects(kind)(u)), objectNames(concernedObjects(kind)(u))}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: requests soon and later (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}

func TestUserRequests(t *testing.T) {
	crowd := testobjects.MakeGroup("crowd")
	for i := range fewUsers + 1 {
		crowd.Members(fmt.Sprintf("user-%03d", i))
	}
	updates := follow(
		[]engine.Change{engine.Put(testobjects.MakeUser("u").Obj()), engine.Put(testobjects.MakeUser("v").Obj())},
		[]engine.Change{engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "v"})},
		[]engine.Change{engine.Put(testobjects.MakeResourceType("t").Obj()), engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "u"})},
		[]engine.Change{engine.Put(crowd.Obj())},
	)
	for i, want := range [][2]int{{2, 0}, {1, 0}, {0, 1}, {0, fewUsers + 1}} {
		u := noted(updates[i])
		if got := [2]int{len(fewAffected(u)), len(manyAffected(u))}; got != want {
			t.Errorf("update %d: %d requests soon and %d later, want %v", i, got[0], got[1], want)
		}
	}
	if got := users(fewAffected(noted(updates[1])))[0]; got != "v" {
		t.Errorf("request for %s, want the user that went", got)
	}
	if got := users(manyAffected(noted(updates[2])))[0]; got != "u" {
		t.Errorf("request for %s, want the user that went while everybody was affected", got)
	}
}

func TestEverybodyIsAskedForOnce(t *testing.T) {
	updates := follow(
		[]engine.Change{engine.Put(testobjects.MakeUser("u").Obj()), engine.Put(testobjects.MakeUser("v").Obj()), engine.Put(testobjects.MakeUser("w").Obj())},
		[]engine.Change{engine.Put(testobjects.MakeResourceType("t").Obj()), engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "v"})},
	)
	got := users(manyAffected(noted(updates[1])))
	slices.Sort(got)
	if diff := cmp.Diff([]string{"u", "v", "w"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestThrottled(t *testing.T) {
	many := make([]int, 2*yieldEvery+1)
	for i := range many {
		many[i] = i
	}
	if got := slices.Collect(throttled(slices.Values(many))); !slices.Equal(got, many) {
		t.Errorf("throttled yields %d of %d, or in another order", len(got), len(many))
	}
	for one := range throttled(slices.Values(many)) {
		if one == yieldEvery {
			break
		}
		if one > yieldEvery {
			t.Fatal("throttled goes on after the loop has ended")
		}
	}
}

func TestUpdatesAreMerged(t *testing.T) {
	states := follow(
		[]engine.Change{engine.Put(testobjects.MakeUser("u").Obj())},
		[]engine.Change{engine.Put(testobjects.MakeUser("v").Obj())},
		[]engine.Change{engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "u"})},
	)
	u := noted(states...)
	if u.snapshot.Domain != states[2].Snapshot.Domain || u.previous != states[0].Previous {
		t.Fatalf("noted %+v, want one update from the first state to the last", u)
	}
	if diff := cmp.Diff([]string{"u", "v"}, users(fewAffected(u))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a/u", "a/v"}, objectNames(changedObjects(engine.KindUser)(u))); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestRequestsForWrites(t *testing.T) {
	at := func(version string, generation int64) *v1alpha1.User {
		user := testobjects.MakeUser("u").Obj()
		user.Namespace, user.ResourceVersion, user.Generation = "a", version, generation
		return user
	}
	for name, tc := range map[string]struct {
		before, after client.Object
		want          int
	}{
		"new":            {nil, at("1", 1), 0},
		"deleted":        {at("1", 1), nil, 0},
		"another spec":   {at("1", 1), at("2", 2), 0},
		"another status": {at("1", 1), at("2", 1), 1},
		"listed again":   {at("1", 1), at("1", 1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := statusRequests(tc.before, tc.after); len(got) != tc.want {
				t.Errorf("statusRequests = %v, want %d", got, tc.want)
			}
		})
	}

	object := func(version string) *cachedPermissions {
		return &cachedPermissions{EffectivePermissions: v1alpha1.EffectivePermissions{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "n", ResourceVersion: version},
			Spec:       v1alpha1.EffectivePermissionsSpec{User: "u"},
		}}
	}
	for name, tc := range map[string]struct {
		before, after *cachedPermissions
		want          []userRequest
	}{
		"new":          {nil, object("1"), []userRequest{{"a", "n", "u"}}},
		"deleted":      {object("1"), nil, []userRequest{{"a", "n", "u"}}},
		"changed":      {object("1"), object("2"), []userRequest{{"a", "n", "u"}}},
		"listed again": {object("1"), object("1"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, writtenRequests(tc.before, tc.after)); diff != "" {
				t.Errorf("writtenRequests (-want +got):\n%s", diff)
			}
		})
	}
}
