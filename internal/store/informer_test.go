package store

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TestInformerNotesListsEventsAndBookmarks drives the observed source, as a reflector does.
func TestInformerNotesListsEventsAndBookmarks(t *testing.T) {
	events := watch.NewFake()
	i := &informer{}
	source := toolscache.ToListerWatcherWithContext(i.observe(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return &v1alpha1.RoleList{}, nil },
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			return events, nil
		},
	}))
	if at := i.lastContact(); !at.IsZero() {
		t.Errorf("contact at %v before the first request", at)
	}
	if _, err := source.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatalf("list: %v", err)
	}
	contact := i.lastContact()
	if contact.IsZero() {
		t.Error("a list was not noted")
	}
	watching, err := source.WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	defer watching.Stop()
	for _, tc := range []struct {
		event watch.Event
		want  bool
	}{
		{watch.Event{Type: watch.Added, Object: &v1alpha1.Role{}}, true},
		{watch.Event{Type: watch.Bookmark, Object: &v1alpha1.Role{}}, true},
		{watch.Event{Type: watch.Error, Object: &metav1.Status{}}, false},
		{watch.Event{Type: watch.Deleted, Object: &v1alpha1.Role{}}, true},
	} {
		go events.Action(tc.event.Type, tc.event.Object)
		if got := <-watching.ResultChan(); got != tc.event {
			t.Errorf("event %v, want %v", got, tc.event)
		}
		if got := i.lastContact().After(contact); got != tc.want {
			t.Errorf("%s was noted: %t, want %t", tc.event.Type, got, tc.want)
		}
		contact = i.lastContact()
	}
}

// TestInformerRetries makes the API server unavailable in several ways.
func TestInformerRetries(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, tc := range map[string]struct {
		answers []error // one after the other; nil is a list
		want    []error // what the informer gets
	}{
		"there":                    {[]error{nil, nil}, []error{nil, nil}},
		"away":                     {[]error{refused, refused, refused, nil, nil}, []error{refused, nil, nil}},
		"away twice":               {[]error{refused, nil, refused, nil}, []error{refused, nil, refused, nil}},
		"not working":              {[]error{refused, unavailable, internal, nil}, []error{refused, nil}},
		"refusing":                 {[]error{forbidden, forbidden, gone}, []error{forbidden, forbidden, gone}},
		"refusing when it is back": {[]error{refused, refused, forbidden, nil}, []error{refused, forbidden, nil}},
		"busy":                     {[]error{busy, busy, nil}, []error{busy, busy, nil}},
		"not asked any more":       {[]error{refused, context.Canceled}, []error{refused, context.Canceled}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := tc.answers
				source := toolscache.ToListerWatcherWithContext((&informer{}).observe(&toolscache.ListWatch{
					ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
						err := answers[0]
						answers = answers[1:]
						return &v1alpha1.RoleList{}, err
					},
					WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
				}))
				for i, want := range tc.want {
					began := time.Now()
					if _, err := source.ListWithContext(t.Context(), metav1.ListOptions{}); !errors.Is(err, want) || (err == nil) != (want == nil) {
						t.Errorf("list %d: %v, want %v", i, err, want)
					}
					if took := time.Since(began); took > 10*retryPeriod {
						t.Errorf("list %d took %s", i, took)
					}
				}
				if len(answers) > 0 {
					t.Errorf("%d answers were not asked for", len(answers))
				}
			})
		})
	}
}

// TestInformerStopsRetrying ends the context while the API server is unavailable.
func TestInformerStopsRetrying(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	source := toolscache.ToListerWatcherWithContext((&informer{}).observe(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			if asked++; asked == 2 {
				cancel()
			}
			return nil, unavailable
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
	}))
	for range 2 {
		if _, err := source.ListWithContext(ctx, metav1.ListOptions{}); !errors.Is(err, unavailable) {
			t.Errorf("list: %v, want %v", err, unavailable)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

var (
	unavailable = apierrors.NewServiceUnavailable("etcd is away")
	internal    = apierrors.NewInternalError(errors.New("etcd is away"))
	forbidden   = apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no rights"))
	gone        = apierrors.NewResourceExpired("too old")
	busy        = apierrors.NewTooManyRequests("later", 1)
)

// TestLastContactIsTheOldestOfAllKinds has one kind without an event for an hour.
func TestLastContactIsTheOldestOfAllKinds(t *testing.T) {
	f := newFeed(t)
	old := time.Now().Add(-time.Hour)
	f.store.informers = []*informer{{}, {}, {}}
	for _, i := range f.store.informers {
		i.recordContact()
	}
	f.store.informers[1].contact.Store(&old)
	if at := f.store.LastContact(); !at.IsZero() {
		t.Errorf("LastContact() = %v before the sync", at)
	}
	f.drain()
	if at := f.store.LastContact(); !at.Equal(old) {
		t.Errorf("LastContact() = %v, want %v", at, old)
	}
}
