package webhook

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// fixedReader answers every Get with one object, or none.
type fixedReader struct {
	client.Reader
	object *metav1.PartialObjectMetadata
}

func (r fixedReader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if r.object == nil {
		return apierrors.NewNotFound(resource(kinds.User), key.Name)
	}
	r.object.DeepCopyInto(into.(*metav1.PartialObjectMetadata))
	return nil
}

// TestExpire tells what stays in the ledger from what is waited for.
func TestExpire(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	entry := func(kind kinds.Kind, uid string, generation int64) pending {
		return pending{Ref: engine.Ref{Kind: kind, Name: "x"}, UID: types.UID(uid), Generation: generation, Admitted: at}
	}
	stored := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "x", UID: "1", Generation: 2}}
	for name, tc := range map[string]struct {
		change             pending
		after              time.Duration
		now                *metav1.PartialObjectMetadata // what the API server has
		wantStays, wantFor bool
	}{
		"may still be stored":                       {entry(kinds.User, "", 0), time.Second, nil, true, true},
		"was not created":                           {entry(kinds.User, "", 0), time.Hour, nil, false, false},
		"was created, and is not seen":              {entry(kinds.User, "", 0), time.Hour, stored, true, true},
		"was not changed":                           {entry(kinds.User, "1", 2), time.Hour, stored, false, false},
		"was changed, and is not seen":              {entry(kinds.User, "1", 1), time.Hour, stored, true, true},
		"was deleted, and is not seen":              {entry(kinds.User, "1", 1), time.Hour, nil, true, true},
		"of an unknown kind, may still be stored":   {entry("Ninth", "", 0), time.Minute, nil, true, false},
		"of an unknown kind, whatever became of it": {entry("Ninth", "", 0), time.Hour, nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{domains: store.New(nil, testr.New(t)), live: fixedReader{object: tc.now}}
			current := &domainLedger{Pending: []pending{tc.change}}
			unsettled, err := l.expire(t.Context(), "shop", current, at.Add(tc.after))
			if err != nil {
				t.Fatal(err)
			}
			if stays := len(current.Pending) == 1; stays != tc.wantStays {
				t.Errorf("stays in the ledger: %t, want %t", stays, tc.wantStays)
			}
			if waited := len(unsettled) == 1; waited != tc.wantFor {
				t.Errorf("is waited for: %t, want %t", waited, tc.wantFor)
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
