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

// retryPeriod is the interval, with jitter of up to as much again, at which an API server that is unavailable is retried.
const retryPeriod = time.Second

// informer is a shared informer that knows when the API server last sent it anything: a list, an event, or the bookmark
// that comes about every minute when there are no events.
//
// It retries at a fixed interval while the API server is unavailable. A plain informer would back off, and serve the old
// state for up to a minute after an outage.
type informer struct {
	toolscache.SharedIndexInformer
	contact atomic.Pointer[time.Time]
	// unavailable means that the last request failed because the API server was unavailable.
	unavailable atomic.Bool
}

func newInformer(source toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	i := &informer{}
	i.SharedIndexInformer = toolscache.NewSharedIndexInformer(i.observe(source), example, resync, indexers)
	return i
}

func (i *informer) recordContact() {
	now := time.Now()
	i.contact.Store(&now)
}

// lastContact returns the zero time before the first contact.
func (i *informer) lastContact() time.Time {
	if at := i.contact.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// observe wraps a source so that the informer notes every contact and retries.
func (i *informer) observe(source toolscache.ListerWatcher) toolscache.ListerWatcher {
	from := toolscache.ToListerWatcherWithContext(source)
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := retryUnavailable(ctx, i, func() (runtime.Object, error) { return from.ListWithContext(ctx, options) })
			if err == nil {
				i.recordContact()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := retryUnavailable(ctx, i, func() (watch.Interface, error) { return from.WatchWithContext(ctx, options) })
			if err != nil {
				return nil, err
			}
			return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
				if event.Type != watch.Error {
					i.recordContact()
				}
				return event, true
			}), nil
		},
	}, source)
}

// retryUnavailable retries at a fixed interval while the API server is unavailable. The first error of an outage is
// returned, so that it is logged once.
func retryUnavailable[T any](ctx context.Context, i *informer, request func() (T, error)) (T, error) {
	for {
		response, err := request()
		unavailable := err != nil && isUnavailable(err)
		if before := i.unavailable.Swap(unavailable); !unavailable || !before {
			return response, err
		}
		select {
		case <-ctx.Done():
			return response, err
		case <-time.After(wait.Jitter(retryPeriod, 1)):
		}
	}
}

// isUnavailable reports whether an error means that the API server did not answer, or failed itself, rather than that it
// refused the request.
func isUnavailable(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code >= http.StatusInternalServerError
	}
	return !errors.Is(err, context.Canceled)
}
