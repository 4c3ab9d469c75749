package controllers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

// teller is a replica as the leader knows it from its Lease.
type teller struct {
	host   string
	serves policies
}

// knows says which generation of a policy the replica serves, 0 if none; false if it does not tell, for it has
// more policies than it tells of.
func (t teller) knows(policy types.UID) (generation int64, told bool) {
	generation, told = t.serves[policy]
	return generation, told || len(t.serves) < mostPolicies
}

// serving is the condition about which replicas serve a policy.
func serving(c *conditions, policy client.Object, replicas []teller) {
	generation := policy.GetGeneration()
	var behind []string
	silent := 0
	for _, replica := range replicas {
		serves, told := replica.knows(policy.GetUID())
		switch {
		case !told:
			silent++
		case serves == 0:
			behind = append(behind, replica.host+" serves none")
		case serves != generation:
			behind = append(behind, fmt.Sprintf("%s serves generation %d", replica.host, serves))
		}
	}
	slices.Sort(behind)
	all := len(replicas)
	count := fmt.Sprintf("%d of %d replicas serve generation %d", all-silent-len(behind), all, generation)
	switch {
	case all == 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonWaitingForReplicas, "No replica has told yet what it serves.")
	case len(behind) > 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonWaitingForReplicas, count+"; "+listed(behind, ", ", strings.Clone)+".")
	case silent > 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonTooManyPolicies, fmt.Sprintf(
			"%s; %d serve more than %d policies, and do not tell about this one.", count, silent, mostPolicies))
	default:
		c.add(v1alpha1.ConditionServed, true, v1alpha1.ReasonAllReplicas, count+".")
	}
}

// replicas is what the leader knows of all replicas, and a source of requests for the policies that they tell of.
// It ends with the term.
//
// A replica counts until its Lease is removed, or has not been renewed for as long as it lasts. That is measured
// from when the leader saw the renewal: no two clocks are compared, and after an outage of the API server replicas
// have time to come back.
type replicas struct {
	leases  coordinationv1client.LeaseInterface
	domains *store.Store
	every   time.Duration // between looks for leases that have run out

	informer toolscache.SharedIndexInformer
	mu       sync.Mutex
	known    map[string]*known // by the name of the Lease
}

// known is a replica, its Lease as it last was, and until when it counts. It does not change.
type known struct {
	teller
	lease   *coordinationv1.Lease
	until   time.Time
	expired bool
}

func newReplicas(config *rest.Config, domains *store.Store, lease Lease) (*replicas, error) {
	// Watches last longer than other requests may, so only those that remove leases have a timeout.
	leases, err := newLeases(config, lease.Namespace, 0)
	if err != nil {
		return nil, err
	}
	r := &replicas{leases: leases, domains: domains, every: lease.duration() / 10, known: map[string]*known{}}
	r.informer = toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = replicaSelector
			return leases.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = replicaSelector
			return leases.Watch(ctx, options)
		},
	}, &coordinationv1.Lease{}, 0, nil)
	return r, nil
}

func (r *replicas) String() string { return "leases of replicas" }

// Start queues requests until ctx is done.
func (r *replicas) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	q, err := queueOf(queue)
	if err != nil {
		return err
	}
	put := func(before, after *known) { add(q, 0, r.requests(before, after)) }
	_, err = r.informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { put(r.hear(object, time.Now())) },
		UpdateFunc: func(_, object any) { put(r.hear(object, time.Now())) },
		DeleteFunc: func(object any) {
			if key, err := toolscache.DeletionHandlingObjectToName(object); err == nil {
				put(r.forget(key.Name), nil)
			}
		},
	})
	if err != nil {
		return err
	}
	go r.informer.RunWithContext(ctx)
	go func() {
		for ctx.Err() == nil {
			wait(ctx, r.every, nil)
			for _, k := range r.expire(time.Now()) {
				if !k.expired {
					put(k, nil)
				}
				r.remove(ctx, k.lease)
			}
		}
	}()
	return nil
}

// WaitForSync waits until every Lease has been listed.
func (r *replicas) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitFor(ctx, "", r.informer.HasSyncedChecker()) {
		return errors.New("the leases of replicas have not been listed in time")
	}
	return nil
}

// tellers are the replicas that count.
func (r *replicas) tellers() []teller {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []teller
	for _, k := range r.known {
		if !k.expired {
			all = append(all, k.teller)
		}
	}
	return all
}

// hear takes note of a Lease that was written, and gives the replica as it was known before, and as it is now.
func (r *replicas) hear(object any, now time.Time) (before, after *known) {
	lease, ok := object.(*coordinationv1.Lease)
	if !ok {
		return nil, nil
	}
	k := &known{teller: teller{host: ptr.Deref(lease.Spec.HolderIdentity, lease.Name)}, lease: lease}
	// A text that is none of ours tells of no policy.
	_ = json.Unmarshal([]byte(lease.Annotations[PoliciesAnnotation]), &k.serves)
	lasts := time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 0)) * time.Second
	k.until = now.Add(cmp.Or(lasts, defaultLeaseDuration))
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.known[lease.Name]
	if before != nil && before.lease.UID == lease.UID && before.lease.Spec.RenewTime.Equal(lease.Spec.RenewTime) {
		k.until, k.expired = before.until, before.expired // somebody else wrote it
	}
	r.known[lease.Name] = k
	return before, k
}

// forget lets go of a replica, and gives it as it was known.
func (r *replicas) forget(name string) *known {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.known[name]
	delete(r.known, name)
	return before
}

// expire gives the replicas of which the Leases have run out, as they were known. They do not count any more.
func (r *replicas) expire(now time.Time) []*known {
	r.mu.Lock()
	defer r.mu.Unlock()
	var gone []*known
	for name, k := range r.known {
		if !now.Before(k.until) {
			gone = append(gone, k)
			r.known[name] = &known{teller: k.teller, lease: k.lease, until: k.until, expired: true}
		}
	}
	return gone
}

// remove removes a Lease, unless it has been renewed by now. What fails is tried again.
func (r *replicas) remove(ctx context.Context, lease *coordinationv1.Lease) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	err := r.leases.Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}})
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		klog.FromContext(ctx).Error(err, "Cannot remove the lease of a replica that is gone", "lease", klog.KObj(lease))
	}
}

// requests asks for the policies of which a replica tells something else than before; for all of them when it
// comes or goes.
func (r *replicas) requests(before, after *known) []reconcile.Request {
	if before == nil && after == nil {
		return nil
	}
	comesOrGoes := before == nil || after == nil || before.expired != after.expired
	var requests []reconcile.Request
	for _, namespace := range r.domains.Namespaces() {
		policy, ok := policyOf(r.domains, namespace)
		if ok && (comesOrGoes || before.serves[policy.GetUID()] != after.serves[policy.GetUID()]) {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: policy.GetName()}})
		}
	}
	return requests
}
