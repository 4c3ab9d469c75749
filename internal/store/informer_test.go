package store

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
