package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

const (
	// promisesPrefix and the name of a domain are the name of the Lease with what writers have tried in dry runs.
	promisesPrefix = "dry-runs-"
	// PromisesAnnotation is the annotation of such a Lease that has them, as JSON.
	PromisesAnnotation = v1alpha1.GroupName + "/tried"
	// PromiseTTL is how long a dry run is counted on: as long as a tool takes to store a few thousand objects after it has
	// tried them.
	PromiseTTL = 2 * time.Minute
	// A Lease takes 256 KiB of annotations. What is larger, or more, is not promised.
	largestPromise, mostPromised = 16 << 10, 192 << 10
	// promiseTimeout is how long a dry run that only A2 is against waits for another that makes somebody admin. Tools try
	// their objects a few at a time.
	promiseTimeout = 2 * time.Second
	// promiseInterval is how often it looks.
	promiseInterval = 100 * time.Millisecond
)

// promises are changes that concern who is admin (admission.Promises) and that their writers tried in a dry run, by domain. A2
// counts on them for a while: tools like Flux try everything before they store the first object. docs/adr/0018 explains it.
type promises struct {
	leases coordinationv1client.LeaseInterface
	// live reads from the API server itself.
	live  client.Reader
	clock clock.PassiveClock
	mu    sync.Mutex
}

// promise is one such change, as the Lease of its domain has it.
type promise struct {
	engine.Ref `json:",inline"`
	Writer     string `json:"writer"`
	// UID and Generation are those of the object before the change; empty where it would be created.
	UID        types.UID `json:"uid,omitempty"`
	Generation int64     `json:"generation,omitempty"`
	// Object as it would be.
	Object json.RawMessage `json:"object"`
	Tried  time.Time       `json:"tried"`
}

// counts reports whether the change is still to come: it is not long ago, and nobody has changed the object since.
func (p *promise) counts(d *engine.Domain, now time.Time) bool {
	if waited := now.Sub(p.Tried); waited > PromiseTTL || waited < -PromiseTTL {
		return false
	}
	uid, generation, exists := d.Version(p.Ref)
	if p.UID == "" {
		return !exists
	}
	return exists && uid == p.UID && generation == p.Generation
}

// of returns what a writer has promised and not stored yet.
func (p *promises) of(ctx context.Context, namespace, writer string, d *engine.Domain) ([]engine.Object, error) {
	_, list, err := p.read(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var objects []engine.Object
	for _, promise := range list {
		kind, known := kinds.Find(promise.Kind)
		if !known || promise.Writer != writer || !promise.counts(d, p.clock.Now()) {
			continue
		}
		object := kind.New()
		if err := json.Unmarshal(promise.Object, object); err != nil {
			return nil, fmt.Errorf("read what was tried in a dry run of %s: %w", promise.Ref, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// add records a change that was tried.
func (p *promises) add(ctx context.Context, namespace string, change admission.Change) error {
	kind, ok := kinds.Of(change.Object)
	if !ok {
		return fmt.Errorf("a %T is of no kind", change.Object)
	}
	bare, ok := change.Object.DeepCopyObject().(engine.Object)
	if !ok {
		return fmt.Errorf("a %T is no copy of an object", bare)
	}
	bare.SetManagedFields(nil)
	bare.SetAnnotations(nil)
	object, err := json.Marshal(bare)
	if err != nil || len(object) > largestPromise {
		return err
	}
	added := promise{Ref: engine.Ref{Kind: kind.Kind, Name: change.Object.GetName()}, Writer: change.User.Name, Object: object, Tried: p.clock.Now()}
	if change.Operation == admission.Update {
		added.UID, added.Generation = change.Old.GetUID(), change.Old.GetGeneration()
	}
	return p.update(ctx, namespace, func(list []promise) []promise {
		list = slices.DeleteFunc(list, func(earlier promise) bool {
			return earlier.Ref == added.Ref && earlier.Writer == added.Writer || added.Tried.Sub(earlier.Tried) > PromiseTTL
		})
		size := len(object)
		for i := len(list) - 1; i >= 0; i-- { // the newest stay
			if size += len(list[i].Object); size > mostPromised {
				list = list[i+1:]
				break
			}
		}
		return append(list, added)
	})
}

// forget removes what was promised of an object, by whomever.
func (p *promises) forget(ctx context.Context, namespace string, ref engine.Ref) error {
	return p.update(ctx, namespace, func(list []promise) []promise {
		return slices.DeleteFunc(list, func(promise promise) bool { return promise.Ref == ref })
	})
}

// read returns the Lease of a domain, nil if there is none, and the promises in it.
func (p *promises) read(ctx context.Context, namespace string) (*coordinationv1.Lease, []promise, error) {
	lease, err := p.leases.Get(ctx, promisesPrefix+namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read what was tried in dry runs: %w", err)
	}
	var list []promise
	if text := lease.Annotations[PromisesAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, nil, fmt.Errorf("read what was tried in dry runs from Lease %s: %w; delete the Lease", lease.Name, err)
		}
	}
	return lease, list, nil
}

// update changes the promises of a domain, again if another replica was faster.
func (p *promises) update(ctx context.Context, namespace string, edit func([]promise) []promise) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	raced := func(err error) bool {
		return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
	}
	return retry.OnError(retry.DefaultBackoff, raced, func() error {
		lease, list, err := p.read(ctx, namespace)
		if err != nil {
			return err
		}
		before := len(list)
		if list = edit(list); len(list) == 0 && before == 0 {
			return nil
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return writeLease(ctx, p.leases, p.live, lease, promisesPrefix+namespace, namespace, PromisesAnnotation, text)
	})
}
