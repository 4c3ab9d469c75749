package controllers

import (
	"fmt"
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

// follow gives the updates of a domain that goes through some states.
func follow(states ...[]engine.Change) []store.Update {
	var updates []store.Update
	before := engine.Compile(nil)
	for _, changes := range states {
		after, affected := before.With(changes...)
		update := store.Update{Snapshot: store.Snapshot{Namespace: "a", Domain: after}, Previous: before, Affected: affected}
		for _, change := range changes {
			update.Changed = append(update.Changed, change.Ref)
		}
		updates = append(updates, update)
		before = after
	}
	return updates
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
	return names
}

func TestObjectRequests(t *testing.T) {
	update := follow(
		[]engine.Change{engine.Put(testobjects.MakeRole("r").Obj()), engine.Put(testobjects.MakeUser("u").Obj()), engine.Put(testobjects.MakeUser("v").Obj())},
		[]engine.Change{engine.Put(testobjects.MakeUser("v").Disabled().Obj()), engine.Remove(engine.Ref{Kind: engine.KindRole, Name: "r"})},
	)[1]
	for kind, want := range map[engine.Kind][2][]string{
		engine.KindUser:  {{"a/v"}, {"a/u", "a/v"}},
		engine.KindRole:  {{"a/r"}, nil},
		engine.KindGroup: {nil, nil},
	} {
		soon, later := objectRequests(kind)(update)
		if diff := cmp.Diff(want, [2][]string{objectNames(soon), objectNames(later)}); diff != "" {
			t.Errorf("%s: requests soon and later (-want +got):\n%s", kind, diff)
		}
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
		soon, later := userRequests(updates[i])
		if got := [2]int{len(soon), len(later)}; got != want {
			t.Errorf("update %d: %d requests soon and %d later, want %v", i, got[0], got[1], want)
		}
	}
	if soon, _ := userRequests(updates[1]); users(soon)[0] != "v" {
		t.Errorf("requests = %v, want the user that went", soon)
	}
	if _, later := userRequests(updates[2]); users(later)[0] != "u" {
		t.Errorf("requests = %v, want the user that went while everybody was affected", later)
	}
}

func TestUpdatesAreMerged(t *testing.T) {
	u := newUpdates(store.New(nil, logr.Discard()), userRequests)
	states := follow(
		[]engine.Change{engine.Put(testobjects.MakeUser("u").Obj())},
		[]engine.Change{engine.Put(testobjects.MakeUser("v").Obj())},
		[]engine.Change{engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "u"})},
	)
	for _, update := range states {
		u.note(update)
	}
	taken := u.take()
	if len(taken) != 1 || taken["a"].Snapshot.Domain != states[2].Snapshot.Domain || taken["a"].Previous != states[0].Previous {
		t.Fatalf("take() = %+v, want one update from the first state to the last", taken)
	}
	soon, _ := userRequests(taken["a"])
	if diff := cmp.Diff([]string{"u", "v", "u"}, users(soon)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if again := u.take(); len(again) != 0 {
		t.Errorf("take() again = %+v, want nothing", again)
	}
	if diff := cmp.Diff([]string{"u"}, states[0].Affected.Users); diff != "" {
		t.Errorf("merging changed the first update (-want +got):\n%s", diff)
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

	object := func(version string) *v1alpha1.EffectivePermissions {
		return &v1alpha1.EffectivePermissions{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "n", ResourceVersion: version},
			Spec:       v1alpha1.EffectivePermissionsSpec{User: "u"},
		}
	}
	for name, tc := range map[string]struct {
		before, after client.Object
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
