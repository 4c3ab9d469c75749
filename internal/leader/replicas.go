package leader

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

	"github.com/remit-authz/remit/internal/store"
)

// ReplicaStatus is what a replica publishes.
type ReplicaStatus struct {
	Host   string
	Serves Generations
}

// Generation returns the generation of a policy that the replica serves, 0 if none. It is not known where the replica
// has more than MaxPolicies, and did not publish this one.
func (s ReplicaStatus) Generation(policy types.UID) (generation int64, known bool) {
	generation, known = s.Serves[policy]
	return generation, known || len(s.Serves) < MaxPolicies
}

// Replicas observes what all replicas publish. It is a source of requests for the policies whose status that may
// change, and starts once.
//
// A replica counts until its Lease is deleted, or has not been renewed for as long as it lasts. That is measured from
// when the leader observed the renewal: no two clocks are compared, and after an outage of the API server replicas
// have time to come back.
type Replicas struct {
	leases  coordinationv1client.LeaseInterface
	domains *store.Store
	every   time.Duration // between looks for expired leases

	informer toolscache.SharedIndexInformer
	mu       sync.Mutex
	observed map[string]*observed // by the name of the Lease
}

// observed is a replica, its Lease as last seen, and until when it counts. It does not change.
type observed struct {
	ReplicaStatus
	lease   *coordinationv1.Lease
	until   time.Time
	expired bool
}

// NewReplicas returns an observer for one term of the leader.
func NewReplicas(config *rest.Config, domains *store.Store, lease Lease) (*Replicas, error) {
	// A watch outlasts the timeout of other requests, so only deletions have one.
	leases, err := newLeases(config, lease.Namespace, 0)
	if err != nil {
		return nil, err
	}
	r := &Replicas{leases: leases, domains: domains, every: lease.duration() / 10, observed: map[string]*observed{}}
	r.informer = toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = ReplicaLabel + "=true"
			return leases.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = ReplicaLabel + "=true"
			return leases.Watch(ctx, options)
		},
	}, &coordinationv1.Lease{}, 0, nil)
	return r, nil
}

// String names the source in the controller's log.
func (r *Replicas) String() string { return "leases of replicas" }

// Start adds requests to the queue until ctx is done.
func (r *Replicas) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	enqueue := func(before, after *observed) {
		for _, request := range r.requests(before, after) {
			queue.Add(request)
		}
	}
	_, err := r.informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { enqueue(r.observe(object, time.Now())) },
		UpdateFunc: func(_, object any) { enqueue(r.observe(object, time.Now())) },
		DeleteFunc: func(object any) {
			if key, err := toolscache.DeletionHandlingObjectToName(object); err == nil {
				enqueue(r.forget(key.Name), nil)
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
			for _, o := range r.expire(time.Now()) {
				if !o.expired {
					enqueue(o, nil)
				}
				r.delete(ctx, o.lease)
			}
		}
	}()
	return nil
}

// WaitForSync waits until every Lease has been listed.
func (r *Replicas) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitFor(ctx, "", r.informer.HasSyncedChecker()) {
		return errors.New("timed out listing the leases of replicas")
	}
	return nil
}

// Status returns the replicas that count, in no particular order.
func (r *Replicas) Status() []ReplicaStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []ReplicaStatus
	for _, o := range r.observed {
		if !o.expired {
			all = append(all, o.ReplicaStatus)
		}
	}
	return all
}

// observe records a Lease that was written, and gives the replica as it was before and as it is now.
func (r *Replicas) observe(object any, now time.Time) (before, after *observed) {
	lease, ok := object.(*coordinationv1.Lease)
	if !ok {
		return nil, nil
	}
	o := &observed{ReplicaStatus: ReplicaStatus{Host: ptr.Deref(lease.Spec.HolderIdentity, lease.Name)}, lease: lease}
	// An annotation that a replica did not write publishes no policy.
	_ = json.Unmarshal([]byte(lease.Annotations[PoliciesAnnotation]), &o.Serves)
	duration := time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 0)) * time.Second
	o.until = now.Add(cmp.Or(duration, defaultDuration))
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.observed[lease.Name]
	if before != nil && before.lease.UID == lease.UID && before.lease.Spec.RenewTime.Equal(lease.Spec.RenewTime) {
		o.until, o.expired = before.until, before.expired // somebody else wrote it
	}
	r.observed[lease.Name] = o
	return before, o
}

// forget removes a replica, and gives it as it was.
func (r *Replicas) forget(name string) *observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.observed[name]
	delete(r.observed, name)
	return before
}

// expire returns the replicas whose Leases have run out, as they were. From now on they do not count.
func (r *Replicas) expire(now time.Time) []*observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var expired []*observed
	for name, o := range r.observed {
		if !now.Before(o.until) {
			expired = append(expired, o)
			r.observed[name] = &observed{ReplicaStatus: o.ReplicaStatus, lease: o.lease, until: o.until, expired: true}
		}
	}
	return expired
}

// delete deletes a Lease, unless it has been renewed by now. A failure is retried at the next look.
func (r *Replicas) delete(ctx context.Context, lease *coordinationv1.Lease) {
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	err := r.leases.Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}})
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		klog.FromContext(ctx).Error(err, "Failed to delete the expired lease of a replica", "lease", klog.KObj(lease))
	}
}

// requests returns a request for each policy of which a replica serves another generation than before; for every policy
// when a replica comes or goes.
func (r *Replicas) requests(before, after *observed) []reconcile.Request {
	if before == nil && after == nil {
		return nil
	}
	comesOrGoes := before == nil || after == nil || before.expired != after.expired
	var requests []reconcile.Request
	for _, namespace := range r.domains.Namespaces() {
		policy, ok := policyOf(r.domains, namespace)
		if ok && (comesOrGoes || before.Serves[policy.GetUID()] != after.Serves[policy.GetUID()]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: namespace, Name: policy.GetName()}})
		}
	}
	return requests
}
