package store

import (
	"context"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// informer is a shared informer that knows when the API server last told it anything: a list, an event, or the
// bookmark that it sends about every minute to say that there was none.
type informer struct {
	toolscache.SharedIndexInformer
	heardAt atomic.Pointer[time.Time]
}

func newInformer(source toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	i := &informer{}
	i.SharedIndexInformer = toolscache.NewSharedIndexInformer(i.listening(source), example, resync, indexers)
	return i
}

func (i *informer) hear() {
	now := time.Now()
	i.heardAt.Store(&now)
}

// heard is the zero time before anything was heard.
func (i *informer) heard() time.Time {
	if at := i.heardAt.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// listening is the source with the informer overhearing.
func (i *informer) listening(source toolscache.ListerWatcher) toolscache.ListerWatcher {
	from := toolscache.ToListerWatcherWithContext(source)
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := from.ListWithContext(ctx, options)
			if err == nil {
				i.hear()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := from.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
				if event.Type != watch.Error {
					i.hear()
				}
				return event, true
			}), nil
		},
	}, source)
}
