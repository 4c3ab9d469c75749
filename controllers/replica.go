package controllers

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
	// ReplicaLabel is the label of the Leases that replicas keep.
	ReplicaLabel    = v1alpha1.GroupName + "/replica"
	replicaSelector = ReplicaLabel + "=true"
	// PoliciesAnnotation is what each replica tells in its Lease: the generation of each PermissionPolicy that its
	// decisions follow, by the policy's UID, in JSON.
	PoliciesAnnotation = v1alpha1.GroupName + "/policies"

	// mostPolicies is of how many policies a replica tells: an object's annotations end at 256 KiB.
	mostPolicies = 5000
	// renewals is how often a replica renews its lease while it lasts.
	renewals = 3
	// farewell is how long a replica that ends may take to remove its lease, which else runs out by itself.
	farewell = 5 * time.Second
)

// policies are the generations of PermissionPolicies.
type policies map[types.UID]int64

// generationsOf are the policies that a store serves; the first mostPolicies of them by UID.
func generationsOf(domains *store.Store) policies {
	all := policies{}
	for _, namespace := range domains.Namespaces() {
		maps.Copy(all, generationOf(domains, namespace))
	}
	return all.bounded()
}

// generationOf is the policy of one namespace.
func generationOf(domains *store.Store, namespace string) policies {
	policy, ok := policyOf(domains, namespace)
	if !ok {
		return nil
	}
	return policies{policy.GetUID(): policy.GetGeneration()}
}

func (p policies) bounded() policies {
	if len(p) <= mostPolicies {
		return p
	}
	for _, uid := range slices.Sorted(maps.Keys(p))[mostPolicies:] {
		delete(p, uid)
	}
	return p
}

func (p policies) annotation() (string, error) {
	text, err := json.Marshal(p)
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

// replica tells, in a Lease that it keeps in the operator's namespace, which policies this replica serves. The leader
// reads what all of them tell.
type replica struct {
	leases   coordinationv1client.LeaseInterface
	domains  *store.Store
	log      logr.Logger
	host     string
	lease    types.NamespacedName
	duration time.Duration
	changed  chan struct{} // has an element when there is something new to tell
}

func newReplica(mgr ctrl.Manager, domains *store.Store, lease Lease) (*replica, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("tell what is served: %w", err)
	}
	duration := lease.duration()
	leases, err := newLeases(mgr.GetConfig(), lease.Namespace, duration/renewals/2)
	if err != nil {
		return nil, fmt.Errorf("tell what is served: %w", err)
	}
	return &replica{
		leases:   leases,
		domains:  domains,
		log:      mgr.GetLogger().WithName("replica"),
		host:     host,
		lease:    types.NamespacedName{Namespace: lease.Namespace, Name: "replica-" + rand.String(10)}, // two may run on one host
		duration: duration,
		changed:  make(chan struct{}, 1),
	}, nil
}

// newLeases is a client for Leases of which no request takes longer than a while.
func newLeases(config *rest.Config, namespace string, timeout time.Duration) (coordinationv1client.LeaseInterface, error) {
	config = rest.CopyConfig(config)
	config.Timeout = timeout
	leases, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return leases.Leases(namespace), nil
}

// NeedLeaderElection says that every replica tells.
func (r *replica) NeedLeaderElection() bool { return false }

// Start keeps the Lease from when this replica serves decisions until ctx is done, and then removes it. Failures are
// tried again: a replica that cannot tell what it serves serves it all the same.
func (r *replica) Start(ctx context.Context) error {
	select {
	case <-r.domains.Synced():
	case <-ctx.Done():
		return nil
	}
	defer r.domains.Subscribe(r.note)()
	renewal := r.duration / renewals
	pause := renewal / 10 // between writes: changes that come together are told together
	reached := true
	for {
		err := r.tell(ctx)
		if ctx.Err() != nil {
			r.leave(context.WithoutCancel(ctx))
			return nil
		}
		if reached != (err == nil) {
			if reached = !reached; reached {
				r.log.Info("Telling what is served again")
			} else {
				r.log.Info("Cannot tell what is served; decisions are not affected", "error", err.Error())
			}
		}
		wait(ctx, pause, nil)
		if err == nil {
			wait(ctx, renewal-pause, r.changed)
		}
	}
}

// wait returns after a while, when there is something in a channel, or when ctx is done.
func wait(ctx context.Context, long time.Duration, until <-chan struct{}) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	case <-ctx.Done():
	}
}

// note is told of every update.
func (r *replica) note(update store.Update) {
	if !slices.ContainsFunc(update.Changed, func(ref engine.Ref) bool { return ref.Kind == engine.KindPermissionPolicy }) {
		return
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// tell writes the Lease, or writes it anew.
func (r *replica) tell(ctx context.Context) error {
	served, err := generationsOf(r.domains).annotation()
	if err != nil {
		return err
	}
	lease := coordinationv1apply.Lease(r.lease.Name, r.lease.Namespace).
		WithLabels(map[string]string{ReplicaLabel: "true", managedByLabel: managedByRemit}).
		WithAnnotations(map[string]string{PoliciesAnnotation: served}).
		WithSpec(coordinationv1apply.LeaseSpec().
			WithHolderIdentity(r.host).
			WithLeaseDurationSeconds(int32((r.duration + time.Second - 1) / time.Second)).
			WithRenewTime(metav1.NowMicro()))
	_, err = r.leases.Apply(ctx, lease, metav1.ApplyOptions{FieldManager: string(fieldOwner), Force: true})
	return err
}

// leave removes the Lease.
func (r *replica) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if err := r.leases.Delete(ctx, r.lease.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		r.log.Info("Cannot remove the lease, which runs out", "lease", r.lease, "error", err.Error())
	}
}
