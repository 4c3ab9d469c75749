package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// leasePrefix and the name of a domain are the name of the Lease with the domain's ledger.
	leasePrefix = "admission-"
	// LedgerAnnotation is the annotation of such a Lease that has the ledger, as JSON.
	LedgerAnnotation = v1alpha1.GroupName + "/admitted"
	// pendingTTL is how long a change that was admitted is waited for although it is not stored. The API server stores what
	// it has been told may be stored at once, unless another webhook lets it wait; what no API server has asked for, or
	// another webhook refuses, must not hold up others for longer.
	pendingTTL = 2 * time.Second
	// maxPending bounds a ledger.
	maxPending = 1000
	// admitTimeout is how long a change waits for others. The API server waits 5 s for the webhook.
	admitTimeout = 3 * time.Second
	// retryInterval is how often a change that waits is tried again.
	retryInterval = 20 * time.Millisecond
)

// ledger records, for every domain, which changes were admitted and may not be known to every replica. Each is appended
// before the API server is told that it may be stored, to a Lease in the operator's namespace that a replica only replaces
// if it has read the latest version; so all replicas agree on an order. docs/adr/0010 explains why this is enough.
type ledger struct {
	domains *store.Store
	leases  coordinationv1client.LeaseInterface
	// live reads from the API server itself.
	live  client.Reader
	clock clock.PassiveClock

	mu sync.Mutex
	// locks, by domain, make the changes of a replica wait for each other here rather than compete for the Lease.
	locks map[string]*sync.Mutex
}

// domainLedger is the ledger of one domain, as its Lease has it. Replicas of two versions of Remit may take turns in writing
// it (docs/adr/0013).
type domainLedger struct {
	// Revision is what a replica must have seen to judge a change; what it covers is not pending any more.
	Revision string `json:"revision,omitempty"`
	// Pending are changes that were admitted and are not known to be stored.
	Pending []pending `json:"pending,omitempty"`
}

// pending is a change that was admitted. The API server stores it only if the object is then still as it was when the
// change was judged.
type pending struct {
	engine.Ref `json:",inline"`
	// UID, ResourceVersion and Generation are those of the object before the change; empty where it is created.
	UID             types.UID         `json:"uid,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Generation      int64             `json:"generation,omitempty"`
	Claims          []admission.Claim `json:"claims"`
	Admitted        time.Time         `json:"admitted"`
}

// version returns the resource version as a number, 0 for an object that is created.
func (p *pending) version() uint64 {
	version, _ := strconv.ParseUint(p.ResourceVersion, 10, 64) // a conformant API server gives numbers
	return version
}

// settled reports whether a domain shows the outcome of the change. The domain is at least as new as what was changed, and
// has objects of the kind.
func (p *pending) settled(domain *engine.Domain) bool {
	uid, generation, exists := domain.Version(p.Ref)
	switch {
	case p.UID == "":
		return exists
	case !exists:
		return true
	}
	return uid != p.UID || generation > p.Generation
}

// expired reports whether the change can no longer be stored.
func (p *pending) expired(now time.Time) bool {
	const behind = 2 * time.Minute // a clock that is further behind has been set back
	waited := now.Sub(p.Admitted)
	return waited > pendingTTL || waited < -behind
}

func (p *pending) conflictsWith(claims []admission.Claim) bool {
	return slices.ContainsFunc(p.Claims, func(mine admission.Claim) bool { return slices.ContainsFunc(claims, mine.ConflictsWith) })
}

// prune removes the changes whose outcome the domain of a store shows. seen covers everything that the domain shows. Changes
// of a kind that the store does not serve stay: only a version of Remit that knows the kind sees their outcome.
func (d *domainLedger) prune(domain *engine.Domain, seen string, serves func(kinds.Kind) bool) error {
	before := len(d.Pending)
	d.Pending = slices.DeleteFunc(d.Pending, func(change pending) bool { return serves(change.Kind) && change.settled(domain) })
	if len(d.Pending) == before {
		return nil
	}
	var err error
	d.Revision, err = store.Join(d.Revision, seen)
	return err
}

// append adds a change. Earlier decisions about the same object, whose outcome it proves, are merged into it: whoever waits
// for this change waits for those too.
func (d *domainLedger) append(change pending) error {
	d.Pending = slices.DeleteFunc(d.Pending, func(earlier pending) bool {
		if earlier.Ref != change.Ref || earlier.version() >= change.version() {
			return false
		}
		for _, claim := range earlier.Claims {
			if !slices.Contains(change.Claims, claim) {
				change.Claims = append(slices.Clip(change.Claims), claim)
			}
		}
		return true
	})
	if len(d.Pending) >= maxPending {
		return &retryError{errBusy}
	}
	d.Pending = append(d.Pending, change)
	if change.ResourceVersion == "" {
		return nil
	}
	var err error
	d.Revision, err = store.Join(d.Revision, store.RevisionOf(change.Kind, change.ResourceVersion))
	return err
}

// errBusy is what the writer is told if other changes kept coming first.
var errBusy = apierrors.NewTooManyRequests("too many changes of the domain are being written; try again", 1)

// admit applies the rules to a state that has every change which could break a rule together with this one, and records the
// change if it is admitted. It waits for other changes where it has to, up to admitTimeout.
func (l *ledger) admit(ctx context.Context, namespace string, change pending, rules func(*engine.Domain) admission.Result) (admission.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	var result admission.Result
	var retry *retryError
	for {
		reviewed, err := l.attempt(ctx, namespace, change, rules)
		switch {
		case err == nil:
			return reviewed, nil
		case errors.As(err, &retry):
			result = reviewed
		case ctx.Err() == nil || retry == nil:
			return reviewed, err
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			if len(result.Errors) > 0 {
				return result, nil
			}
			return result, retry.cause
		}
	}
}

// retryError is the error of a change that has to wait for others.
type retryError struct {
	// cause is what the writer is told when there is no time left.
	cause error
}

// Error returns the cause's text.
func (e *retryError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *retryError) Unwrap() error { return e.cause }

// attempt is one try. A retryError asks for another; with it comes a refusal that stands if there is no time left.
func (l *ledger) attempt(ctx context.Context, namespace string, change pending, rules func(*engine.Domain) admission.Result) (result admission.Result, err error) {
	lock := l.lock(namespace)
	lock.Lock()
	defer lock.Unlock()

	lease, current, err := l.read(ctx, namespace)
	if err != nil {
		return result, err
	}
	if current.Revision != "" {
		if err := l.domains.WaitFor(ctx, namespace, current.Revision); err != nil {
			return result, apierrors.NewServiceUnavailable(fmt.Sprintf(
				"this replica of Remit has not seen what was written before (%v), and cannot judge the change; try again", err))
		}
	}
	domain := engine.Compile(nil)
	if snapshot, ok := l.domains.Domain(namespace); ok {
		domain = snapshot.Domain
	}
	now := l.clock.Now()
	if err := current.prune(domain, l.domains.Seen(), l.domains.Serves); err != nil {
		return result, err
	}
	unsettled, err := l.expire(ctx, namespace, current, now)
	if err != nil {
		return result, err
	}

	result = rules(domain)
	for i := range unsettled {
		if p := &unsettled[i]; p.conflictsWith(result.Claims) && p.Ref != change.Ref {
			return result, &retryError{apierrors.NewConflict(resource(change.Kind), change.Name, fmt.Errorf(
				"%s was changed %s ago, which is not known to be stored yet and could break a rule together with this change; try again in a moment",
				p.Ref, now.Sub(p.Admitted).Round(time.Second)))}
		}
	}
	if len(result.Errors) > 0 {
		if len(unsettled) > 0 {
			return result, &retryError{errBusy} // what is not seen yet may be just what the change needs
		}
		return result, nil
	}
	if len(result.Claims) == 0 {
		return result, nil
	}
	change.Claims, change.Admitted = result.Claims, now
	if err := current.append(change); err != nil {
		return result, err
	}
	return result, l.write(ctx, namespace, lease, current)
}

// read returns the Lease of a domain, nil if there is none yet, and the ledger in it.
func (l *ledger) read(ctx context.Context, namespace string) (*coordinationv1.Lease, *domainLedger, error) {
	current := &domainLedger{}
	lease, err := l.leases.Get(ctx, leasePrefix+namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, current, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read which changes were admitted: %w", err)
	}
	if text := lease.Annotations[LedgerAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), current); err != nil {
			return nil, nil, fmt.Errorf("read which changes were admitted from Lease %s: %w; delete the Lease", lease.Name, err)
		}
	}
	return lease, current, nil
}

// expire removes changes that were not stored and no longer can be: another webhook refused them, or the request was cut
// off. What was stored and this replica has not seen stays. It returns the changes that others have to wait for.
//
// Changes of a kind that this version does not know stay, for replicas of the version that does. Here nothing waits for
// them: what this version judges by is the same with and without them.
func (l *ledger) expire(ctx context.Context, namespace string, current *domainLedger, now time.Time) ([]pending, error) {
	var kept, unsettled []pending
	for _, change := range current.Pending {
		known := l.domains.Serves(change.Kind)
		if known && change.expired(now) {
			object := &metav1.PartialObjectMetadata{}
			object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(change.Kind)))
			err := l.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: change.Name}, object)
			if client.IgnoreNotFound(err) != nil {
				return nil, fmt.Errorf("read what became of %s: %w", change.Ref, err)
			}
			if object.UID == change.UID && object.Generation == change.Generation {
				continue
			}
		}
		kept = append(kept, change)
		if known {
			unsettled = append(unsettled, change)
		}
	}
	current.Pending = kept
	return unsettled, nil
}

func (l *ledger) lock(namespace string) *sync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock := l.locks[namespace]
	if lock == nil {
		lock = &sync.Mutex{}
		l.locks[namespace] = lock
	}
	return lock
}

// write replaces the ledger that was read; lease is nil if there was none. The error is a retryError if another replica was
// faster.
//
// The right to write Leases in the operator's namespace is that of leader election.
func (l *ledger) write(ctx context.Context, namespace string, lease *coordinationv1.Lease, next *domainLedger) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	err = writeLease(ctx, l.leases, l.live, lease, leasePrefix+namespace, namespace, LedgerAnnotation, text)
	return retryIf(apierrors.IsConflict(err) || apierrors.IsNotFound(err) && lease != nil || apierrors.IsAlreadyExists(err), err)
}

// writeLease stores a text in an annotation of a Lease that belongs to a domain; lease is the one that was read, nil if there was none.
func writeLease(ctx context.Context, leases coordinationv1client.LeaseInterface, live client.Reader, lease *coordinationv1.Lease, name, namespace, annotation string, text []byte) error {
	if lease == nil {
		owner, err := getNamespace(ctx, live, namespace)
		if err != nil {
			return err
		}
		_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{annotation: string(text)},
			// It is deleted with its domain.
			OwnerReferences: []metav1.OwnerReference{{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Namespace", Name: namespace, UID: owner.UID}},
		}}, metav1.CreateOptions{})
		return err
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[annotation] = string(text)
	_, err := leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

func retryIf(lost bool, err error) error {
	switch {
	case err == nil:
		return nil
	case lost:
		return &retryError{errBusy}
	}
	return fmt.Errorf("write which changes were admitted: %w", err)
}

// resource names a kind in errors that are about no field.
func resource(kind kinds.Kind) schema.GroupResource {
	if row, ok := kinds.Find(kind); ok {
		return row.GroupResource()
	}
	return v1alpha1.GroupVersion.WithResource(string(kind)).GroupResource()
}
