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

// TestInformerHearsListsEventsAndBookmarks drives what listens, as a reflector does.
func TestInformerHearsListsEventsAndBookmarks(t *testing.T) {
	events := watch.NewFake()
	i := &informer{}
	source := toolscache.ToListerWatcherWithContext(i.listening(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return &v1alpha1.RoleList{}, nil },
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			return events, nil
		},
	}))
	if at := i.heard(); !at.IsZero() {
		t.Errorf("at first, heard at %v", at)
	}
	if _, err := source.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatalf("list: %v", err)
	}
	heard := i.heard()
	if heard.IsZero() {
		t.Error("a list was not heard")
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
		if got := i.heard().After(heard); got != tc.want {
			t.Errorf("%s was heard: %t, want %t", tc.event.Type, got, tc.want)
		}
		heard = i.heard()
	}
}

// TestInformerAsksSteadily has the API server be away, in several ways.
func TestInformerAsksSteadily(t *testing.T) {
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
				source := toolscache.ToListerWatcherWithContext((&informer{}).listening(&toolscache.ListWatch{
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

// TestInformerStopsAsking ends while the API server is away.
func TestInformerStopsAsking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	source := toolscache.ToListerWatcherWithContext((&informer{}).listening(&toolscache.ListWatch{
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

// TestHeardIsTheOldestOfAllKinds has one kind of which nothing was heard for an hour.
func TestHeardIsTheOldestOfAllKinds(t *testing.T) {
	f := newFeed(t)
	old := time.Now().Add(-time.Hour)
	f.store.informers = []*informer{{}, {}, {}}
	for _, i := range f.store.informers {
		i.hear()
	}
	f.store.informers[1].heardAt.Store(&old)
	if at := f.store.Heard(); !at.IsZero() {
		t.Errorf("Heard() = %v before the sync", at)
	}
	f.drain()
	if at := f.store.Heard(); !at.Equal(old) {
		t.Errorf("Heard() = %v, want %v", at, old)
	}
}
