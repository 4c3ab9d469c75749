package webhook

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
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

func TestAppend(t *testing.T) {
	ann, bob := engine.Ref{Kind: engine.KindUser, Name: "ann"}, engine.Ref{Kind: engine.KindUser, Name: "bob"}
	id, admins := admission.Claim{Key: "id ann"}, admission.Claim{Key: "admins", Shared: true}
	var ledger domainLedger
	for _, change := range []pending{
		{Ref: ann, Claims: []admission.Claim{admins, id}},
		{Ref: bob, Claims: []admission.Claim{admins}},
		// ann is there, so the creation is known; whoever conflicts with the id waits for this change instead.
		{Ref: ann, UID: "1", ResourceVersion: "7", Generation: 1, Claims: []admission.Claim{admins}},
		// Nothing can become of a change of an older version; it removes nothing.
		{Ref: ann, UID: "1", ResourceVersion: "6", Generation: 1, Claims: []admission.Claim{admins}},
	} {
		if err := ledger.append(change); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, change := range ledger.Pending {
		got = append(got, change.Name+"@"+change.ResourceVersion)
	}
	if diff := cmp.Diff([]string{"bob@", "ann@7", "ann@6"}, got); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]admission.Claim{admins, id}, ledger.Pending[1].Claims); diff != "" {
		t.Errorf("claims of ann's change (-want +got):\n%s", diff)
	}
	if want := store.RevisionOf(engine.KindUser, "7"); ledger.Revision != want {
		t.Errorf("the revision is %q, want %q, which covers what was judged", ledger.Revision, want)
	}
	for len(ledger.Pending) < maxPending {
		ledger.Pending = append(ledger.Pending, pending{Ref: bob})
	}
	var retry *retryError
	if err := ledger.append(pending{Ref: engine.Ref{Kind: engine.KindUser, Name: "cyd"}}); !errors.As(err, &retry) {
		t.Errorf("a full ledger took a change: error %v", err)
	}
}

// TestPrune removes changes of which the domain shows the outcome. Of a kind that this version does not serve, the domain
// has no objects: that is no outcome.
func TestPrune(t *testing.T) {
	ann := testobjects.MakeUser("ann").Obj()
	ann.UID, ann.Generation = "1", 2
	domain := engine.Compile([]engine.Object{ann})
	entry := func(kind kinds.Kind, name, uid string) pending {
		return pending{Ref: engine.Ref{Kind: kind, Name: name}, UID: types.UID(uid), Generation: 1}
	}
	all := []pending{
		entry(kinds.User, "ann", ""), entry(kinds.User, "bob", ""), entry(kinds.User, "cyd", "3"),
		entry(kinds.SpecialPermission, "x", ""), entry(kinds.SpecialPermission, "y", "4"), entry("Ninth", "x", ""), entry("Ninth", "y", "5"),
	}
	serving := func(not ...kinds.Kind) func(kinds.Kind) bool {
		return func(kind kinds.Kind) bool {
			_, known := kinds.Find(kind)
			return known && !slices.Contains(not, kind)
		}
	}
	for name, tc := range map[string]struct {
		serves       func(kinds.Kind) bool
		want         []string
		wantRevision string
	}{
		"every kind of this version": {serving(), []string{"User/bob", "SpecialPermission/x", "Ninth/x", "Ninth/y"}, "ni=2,us=9"},
		"one kind fewer": {
			serving(kinds.SpecialPermission), []string{"User/bob", "SpecialPermission/x", "SpecialPermission/y", "Ninth/x", "Ninth/y"}, "ni=2,us=9",
		},
		"nothing": {func(kinds.Kind) bool { return false }, []string{
			"User/ann", "User/bob", "User/cyd", "SpecialPermission/x", "SpecialPermission/y", "Ninth/x", "Ninth/y",
		}, "ni=2,us=1"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := domainLedger{Revision: "ni=2,us=1", Pending: slices.Clone(all)}
			if err := ledger.prune(domain, "us=9", tc.serves); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range ledger.Pending {
				got = append(got, change.Ref.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("pending (-want +got):\n%s", diff)
			}
			if ledger.Revision != tc.wantRevision {
				t.Errorf("the revision is %q, want %q", ledger.Revision, tc.wantRevision)
			}
		})
	}
}

func TestExpired(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		now  time.Time
		want bool
	}{
		"now":                       {at, false},
		"while it may be stored":    {at.Add(pendingTTL), false},
		"afterwards":                {at.Add(pendingTTL + time.Second), true},
		"by a clock that is behind": {at.Add(-time.Minute), false},
		"by a clock set back":       {at.Add(-time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&pending{Admitted: at}).expired(tc.now); got != tc.want {
				t.Errorf("expired = %t, want %t", got, tc.want)
			}
		})
	}
}
