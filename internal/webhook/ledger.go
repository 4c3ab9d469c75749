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
	"k8s.io/apimachinery/pkg/types"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// pagePrefix and the name of a domain are the name of the Lease with the domain's page.
	pagePrefix = "admission-"
	// PageAnnotation is what such a Lease is for: the page, as JSON.
	PageAnnotation = v1alpha1.GroupName + "/admitted"
	// pendingFor is how long a change that was admitted may be stored: a request to the API server lasts a minute
	// (--request-timeout), and the clocks of two replicas may differ by another.
	pendingFor = 2 * time.Minute
	// mostPending bounds a page.
	mostPending = 1000
	// ledgerPatience is how long a change waits for its turn. The API server waits 5 s for the webhook.
	ledgerPatience = 3 * time.Second
	// lookAgain is how often a change that waits looks whether it may go on.
	lookAgain = 20 * time.Millisecond
)

// ledger keeps, for every domain, which changes were admitted and may not be known to every replica. Each is entered
// before the API server is told that it may be stored, in a Lease in the operator's namespace that is only replaced by
// whoever has read its last version; so all replicas agree on an order. docs/adr/0010 tells why this is enough.
type ledger struct {
	domains *store.Store
	leases  coordinationv1client.LeaseInterface
	// live reads from the API server itself.
	live  client.Reader
	clock clock.PassiveClock

	mu sync.Mutex
	// turns let the changes of a domain wait here rather than for each other's Lease.
	turns map[string]*sync.Mutex
}

// page is what a domain's Lease says.
type page struct {
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

// version is the resource version as a number, 0 for an object that is created.
func (p *pending) version() uint64 {
	version, _ := strconv.ParseUint(p.ResourceVersion, 10, 64) // of a conformant API server it is one
	return version
}

// settled says whether a domain shows what became of the change. The domain is at least as new as what was changed.
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

// over says whether the change can no longer be stored.
func (p *pending) over(now time.Time) bool { return now.Sub(p.Admitted).Abs() > pendingFor }

func (p *pending) meets(claims []admission.Claim) bool {
	return slices.ContainsFunc(p.Claims, func(mine admission.Claim) bool { return slices.ContainsFunc(claims, mine.ConflictsWith) })
}

// settle removes what the domain shows. seen covers everything that the domain shows.
func (p *page) settle(domain *engine.Domain, seen string) error {
	before := len(p.Pending)
	p.Pending = slices.DeleteFunc(p.Pending, func(change pending) bool { return change.settled(domain) })
	if len(p.Pending) == before {
		return nil
	}
	var err error
	p.Revision, err = store.Join(p.Revision, seen)
	return err
}

// enter adds a change. What is known to have been decided about the same object before goes into it: whoever waits for
// this change waits for that too.
func (p *page) enter(change pending) error {
	p.Pending = slices.DeleteFunc(p.Pending, func(earlier pending) bool {
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
	if len(p.Pending) >= mostPending {
		return &turn{errBusy}
	}
	p.Pending = append(p.Pending, change)
	if change.ResourceVersion == "" {
		return nil
	}
	var err error
	p.Revision, err = store.Join(p.Revision, store.RevisionOf(change.Kind, change.ResourceVersion))
	return err
}

// errBusy is what the writer is told when others were always faster.
var errBusy = apierrors.NewTooManyRequests("too many changes of the domain are being written; try again", 1)

// admit judges a change by a state that has every change which could break a rule together with it, and enters it if it
// is admitted. It waits where it has to, for a while.
func (l *ledger) admit(ctx context.Context, namespace string, change pending, judge func(*engine.Domain) admission.Result) (admission.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerPatience)
	defer cancel()
	var result admission.Result
	var wait *turn
	for {
		judged, err := l.attempt(ctx, namespace, change, judge)
		switch {
		case err == nil:
			return judged, nil
		case errors.As(err, &wait):
			result = judged
		case ctx.Err() == nil || wait == nil:
			return judged, err
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			if len(result.Errors) > 0 {
				return result, nil
			}
			return result, wait.why
		}
	}
}

// turn is the error of a change that has to wait for others.
type turn struct {
	// why is what its writer is told when there is no time left.
	why error
}

// Error tells it.
func (t *turn) Error() string { return t.why.Error() }

// attempt is one try. Its error is a turn if there should be another one; with it comes a refusal that stands if there is
// no time left for one.
func (l *ledger) attempt(ctx context.Context, namespace string, change pending, judge func(*engine.Domain) admission.Result) (result admission.Result, err error) {
	mine := l.turn(namespace)
	mine.Lock()
	defer mine.Unlock()

	lease, err := l.leases.Get(ctx, pagePrefix+namespace, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return result, fmt.Errorf("read which changes were admitted: %w", err)
	}
	var current page
	if err == nil {
		if text := lease.Annotations[PageAnnotation]; text != "" {
			if err := json.Unmarshal([]byte(text), &current); err != nil {
				return result, fmt.Errorf("read which changes were admitted from Lease %s: %w; delete the Lease", lease.Name, err)
			}
		}
	} else {
		lease = nil
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
	if err := current.settle(domain, l.domains.Seen()); err != nil {
		return result, err
	}
	if err := l.forget(ctx, namespace, &current, now); err != nil {
		return result, err
	}

	result = judge(domain)
	for i := range current.Pending {
		if p := &current.Pending[i]; p.meets(result.Claims) && p.Ref != change.Ref {
			return result, &turn{apierrors.NewConflict(resource(change.Kind), change.Name, fmt.Errorf(
				"%s was changed %s ago, which is not known to be stored yet and could break a rule together with this change; try again in a moment",
				p.Ref, now.Sub(p.Admitted).Round(time.Second)))}
		}
	}
	if len(result.Errors) > 0 {
		if len(current.Pending) > 0 {
			return result, &turn{errBusy} // what is not seen yet may be just what the change needs
		}
		return result, nil
	}
	if len(result.Claims) == 0 {
		return result, nil
	}
	change.Claims, change.Admitted = result.Claims, now
	if err := current.enter(change); err != nil {
		return result, err
	}
	return result, l.write(ctx, namespace, lease, &current)
}

// forget removes changes that were not stored and no longer can be: another webhook refused them, or the request ended.
// What was stored and this replica has not seen stays.
func (l *ledger) forget(ctx context.Context, namespace string, current *page, now time.Time) error {
	kept := current.Pending[:0]
	for _, change := range current.Pending {
		if change.over(now) {
			object := &metav1.PartialObjectMetadata{}
			object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(change.Kind)))
			err := l.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: change.Name}, object)
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("find out what became of %s: %w", change.Ref, err)
			}
			if object.UID == change.UID && object.Generation == change.Generation {
				continue
			}
		}
		kept = append(kept, change)
	}
	current.Pending = kept
	return nil
}

func (l *ledger) turn(namespace string) *sync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	turn := l.turns[namespace]
	if turn == nil {
		turn = &sync.Mutex{}
		l.turns[namespace] = turn
	}
	return turn
}

// write replaces the page that was read; lease is nil where there was none. The error is a turn if another replica was
// faster.
//
// The right to write Leases in the operator's namespace is that of leader election.
func (l *ledger) write(ctx context.Context, namespace string, lease *coordinationv1.Lease, next *page) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if lease == nil {
		owner, err := getNamespace(ctx, l.live, namespace)
		if err != nil {
			return err
		}
		_, err = l.leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Name:        pagePrefix + namespace,
			Annotations: map[string]string{PageAnnotation: string(text)},
			// The page goes with its domain.
			OwnerReferences: []metav1.OwnerReference{{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Namespace", Name: namespace, UID: owner.UID}},
		}}, metav1.CreateOptions{})
		return turnIf(apierrors.IsAlreadyExists(err), err)
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[PageAnnotation] = string(text)
	_, err = l.leases.Update(ctx, lease, metav1.UpdateOptions{})
	return turnIf(apierrors.IsConflict(err) || apierrors.IsNotFound(err), err)
}

func turnIf(late bool, err error) error {
	switch {
	case err == nil:
		return nil
	case late:
		return &turn{errBusy}
	}
	return fmt.Errorf("write which changes were admitted: %w", err)
}
