package webhook

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestSettled(t *testing.T) {
	user := func(uid string, generation int64) engine.Object {
		u := testobjects.MakeUser("ann").Obj()
		u.UID, u.Generation = types.UID(uid), generation
		return u
	}
	ann := engine.Ref{Kind: engine.KindUser, Name: "ann"}
	created, changed := pending{Ref: ann}, pending{Ref: ann, UID: "1", ResourceVersion: "5", Generation: 2}
	for name, tc := range map[string]struct {
		change  pending
		objects []engine.Object
		want    bool
	}{
		"created, not seen":       {created, nil, false},
		"created, seen":           {created, []engine.Object{user("1", 1)}, true},
		"changed, not seen":       {changed, []engine.Object{user("1", 2)}, false},
		"changed, seen":           {changed, []engine.Object{user("1", 3)}, true},
		"deleted, seen":           {changed, nil, true},
		"deleted, and made again": {changed, []engine.Object{user("2", 1)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.change.settled(engine.Compile(tc.objects)); got != tc.want {
				t.Errorf("settled = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestEnter(t *testing.T) {
	ann, bob := engine.Ref{Kind: engine.KindUser, Name: "ann"}, engine.Ref{Kind: engine.KindUser, Name: "bob"}
	id, admins := admission.Claim{Key: "id ann"}, admission.Claim{Key: "admins", Shared: true}
	page := page{}
	for _, change := range []pending{
		{Ref: ann, Claims: []admission.Claim{admins, id}},
		{Ref: bob, Claims: []admission.Claim{admins}},
		// ann is there, so the creation is known; whoever meets the id waits for this change instead.
		{Ref: ann, UID: "1", ResourceVersion: "7", Generation: 1, Claims: []admission.Claim{admins}},
		// Nothing can become of a change of an older version; it removes nothing.
		{Ref: ann, UID: "1", ResourceVersion: "6", Generation: 1, Claims: []admission.Claim{admins}},
	} {
		if err := page.enter(change); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, change := range page.Pending {
		got = append(got, change.Name+"@"+change.ResourceVersion)
	}
	if diff := cmp.Diff([]string{"bob@", "ann@7", "ann@6"}, got); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]admission.Claim{admins, id}, page.Pending[1].Claims); diff != "" {
		t.Errorf("claims of ann's change (-want +got):\n%s", diff)
	}
	if covers, err := store.AtLeast(page.Revision, store.RevisionOf(engine.KindUser, "7")); err != nil || !covers {
		t.Errorf("the revision %q does not cover what was judged: %v", page.Revision, err)
	}
	for len(page.Pending) < mostPending {
		page.Pending = append(page.Pending, pending{Ref: bob})
	}
	var wait *turn
	if err := page.enter(pending{Ref: engine.Ref{Kind: engine.KindUser, Name: "cyd"}}); !errors.As(err, &wait) {
		t.Errorf("a full page took a change: error %v", err)
	}
}

func TestOver(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		now  time.Time
		want bool
	}{
		"now":                       {at, false},
		"while it may be stored":    {at.Add(pendingFor), false},
		"afterwards":                {at.Add(pendingFor + time.Second), true},
		"by a clock that is behind": {at.Add(-time.Minute), false},
		"by a clock set back":       {at.Add(-time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&pending{Admitted: at}).over(tc.now); got != tc.want {
				t.Errorf("over = %t, want %t", got, tc.want)
			}
		})
	}
}
