package leader

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	coordinationv1apply "k8s.io/client-go/applyconfigurations/coordination/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// ReplicaLabel is the label of the Leases in which replicas publish.
	ReplicaLabel = v1alpha1.GroupName + "/replica"
	// PoliciesAnnotation of such a Lease holds the replica's Generations, in JSON.
	PoliciesAnnotation = v1alpha1.GroupName + "/policies"

	// MaxPolicies is how many policies a replica publishes: an object's annotations end at 256 KiB.
	MaxPolicies = 5000
	// renewals is how often a replica renews its Lease while it lasts.
	renewals = 3
	// deleteTimeout bounds the deletion of a Lease. One that stays expires.
	deleteTimeout = 5 * time.Second
)

// Generations are the generations of the PermissionPolicies that decisions follow, by the policy's UID.
type Generations map[types.UID]int64

// served returns what a store serves of all namespaces, up to MaxPolicies by the order of their UIDs.
func served(domains *store.Store) Generations {
	all := Generations{}
	for _, namespace := range domains.Namespaces() {
		maps.Copy(all, Served(domains, namespace))
	}
	return all.bounded()
}

// Served returns the generation of the policy that a store serves in one namespace.
func Served(domains *store.Store, namespace string) Generations {
	policy, ok := policyOf(domains, namespace)
	if !ok {
		return nil
	}
	return Generations{policy.GetUID(): policy.GetGeneration()}
}

func (g Generations) bounded() Generations {
	if len(g) <= MaxPolicies {
		return g
	}
	for _, uid := range slices.Sorted(maps.Keys(g))[MaxPolicies:] {
		delete(g, uid)
	}
	return g
}

func (g Generations) annotation() (string, error) {
	text, err := json.Marshal(g)
	return string(text), err
}

// policyOf is the PermissionPolicy that a namespace's decisions follow.
func policyOf(domains *store.Store, namespace string) (engine.Object, bool) {
	snapshot, ok := domains.Domain(namespace)
	if !ok {
		return nil, false
	}
	return snapshot.Domain.Lookup(engine.Ref{Kind: engine.KindPermissionPolicy, Name: v1alpha1.PolicyName})
}

// Publisher publishes which policies this replica serves, in a Lease that it keeps in the operator's namespace. It is
// a Runnable.
type Publisher struct {
	leases   coordinationv1client.LeaseInterface
	domains  *store.Store
	log      logr.Logger
	host     string
	lease    types.NamespacedName
	duration time.Duration
	changed  chan struct{} // has an element when there is something new to publish
}

// NewPublisher returns a Publisher of what a store serves.
func NewPublisher(mgr ctrl.Manager, domains *store.Store, lease Lease) (*Publisher, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("publish served generations: %w", err)
	}
	duration := lease.duration()
	leases, err := newLeases(mgr.GetConfig(), lease.Namespace, duration/renewals/2)
	if err != nil {
		return nil, fmt.Errorf("publish served generations: %w", err)
	}
	return &Publisher{
		leases:   leases,
		domains:  domains,
		log:      mgr.GetLogger().WithName("replica"),
		host:     host,
		lease:    types.NamespacedName{Namespace: lease.Namespace, Name: "replica-" + rand.String(10)}, // two may run on one host
		duration: duration,
		changed:  make(chan struct{}, 1),
	}, nil
}

// newLeases returns a client for Leases with a timeout for each request; 0: none.
func newLeases(config *rest.Config, namespace string, timeout time.Duration) (coordinationv1client.LeaseInterface, error) {
	config = rest.CopyConfig(config)
	config.Timeout = timeout
	leases, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return leases.Leases(namespace), nil
}

// NeedLeaderElection reports that every replica publishes.
func (p *Publisher) NeedLeaderElection() bool { return false }

// Start keeps the Lease from when this replica serves decisions until ctx is done, and then deletes it. Failures are
// retried: a replica that cannot publish what it serves serves it all the same.
func (p *Publisher) Start(ctx context.Context) error {
	select {
	case <-p.domains.Synced():
	case <-ctx.Done():
		return nil
	}
	defer p.domains.Subscribe(p.note)()
	renewal := p.duration / renewals
	pause := renewal / 10 // between writes: changes that come together are published together
	published := true
	for {
		err := p.publish(ctx)
		if ctx.Err() != nil {
			p.deregister(context.WithoutCancel(ctx))
			return nil
		}
		if published != (err == nil) {
			if published = !published; published {
				p.log.Info("Resumed publishing served generations")
			} else {
				p.log.Error(err, "Failed to publish served generations; decisions are unaffected")
			}
		}
		wait(ctx, pause, nil)
		if err == nil {
			wait(ctx, renewal-pause, p.changed)
		}
	}
}

// wait returns after a while, when a channel has an element, or when ctx is done.
func wait(ctx context.Context, long time.Duration, until <-chan struct{}) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	case <-ctx.Done():
	}
}

// note is called with every update of the store.
func (p *Publisher) note(update store.Update) {
	if !slices.ContainsFunc(update.Changed, func(ref engine.Ref) bool { return ref.Kind == engine.KindPermissionPolicy }) {
		return
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// publish creates or renews the Lease.
func (p *Publisher) publish(ctx context.Context) error {
	generations, err := served(p.domains).annotation()
	if err != nil {
		return err
	}
	lease := coordinationv1apply.Lease(p.lease.Name, p.lease.Namespace).
		WithLabels(map[string]string{ReplicaLabel: "true", v1alpha1.ManagedByLabel: v1alpha1.ManagedBy}).
		WithAnnotations(map[string]string{PoliciesAnnotation: generations}).
		WithSpec(coordinationv1apply.LeaseSpec().
			WithHolderIdentity(p.host).
			WithLeaseDurationSeconds(int32((p.duration + time.Second - 1) / time.Second)).
			WithRenewTime(metav1.NowMicro()))
	_, err = p.leases.Apply(ctx, lease, metav1.ApplyOptions{FieldManager: v1alpha1.FieldManager, Force: true})
	return err
}

// deregister deletes the Lease.
func (p *Publisher) deregister(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	if err := p.leases.Delete(ctx, p.lease.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		p.log.Error(err, "Failed to delete the replica's lease; it will expire", "lease", p.lease)
	}
}
