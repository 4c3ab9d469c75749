package store

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// retryPeriod is how long to wait, up to twice as long, before an API server that is away is asked again.
const retryPeriod = time.Second

// informer is a shared informer that knows when the API server last told it anything: a list, an event, or the
// bookmark that it sends about every minute to say that there was none.
//
// It asks an API server that is away steadily. An informer by itself would ask ever more seldom, and serve the old
// state for up to a minute after an outage.
type informer struct {
	toolscache.SharedIndexInformer
	heardAt atomic.Pointer[time.Time]
	// away says that the last that was asked of the API server failed because it was away.
	away atomic.Bool
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

// listening is the source with the informer overhearing, and asking again.
func (i *informer) listening(source toolscache.ListerWatcher) toolscache.ListerWatcher {
	from := toolscache.ToListerWatcherWithContext(source)
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := steadily(ctx, i, func() (runtime.Object, error) { return from.ListWithContext(ctx, options) })
			if err == nil {
				i.hear()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := steadily(ctx, i, func() (watch.Interface, error) { return from.WatchWithContext(ctx, options) })
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

// steadily asks again until the API server is back. Only the first failure of an outage is returned, for it to be
// logged.
func steadily[T any](ctx context.Context, i *informer, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		away := err != nil && isAway(err)
		if before := i.away.Swap(away); !away || !before {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(wait.Jitter(retryPeriod, 1)):
		}
	}
}

// isAway tells an API server that does not answer, or not for itself, from one that refuses.
func isAway(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code >= http.StatusInternalServerError
	}
	return !errors.Is(err, context.Canceled)
}
