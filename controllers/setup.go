package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// objectWorkers write the status of one kind; userWorkers write EffectivePermissions, of which there are
	// more than of anything else.
	objectWorkers = 2
	userWorkers   = 8
	// reconciliationTimeout ends a reconcile that hangs; it is retried.
	reconciliationTimeout = time.Minute
	// A reconcile that fails is retried with exponential backoff from firstRetry up to lastRetry.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Options configure the controllers.
type Options struct {
	// Lease configures leader election, so that one replica writes at a time. Nil: this replica always writes, and is
	// the only one.
	Lease *leader.Lease
	// Registerer registers metrics of what statuses say, whichever replica writes them. Nil: there are none.
	Registerer prometheus.Registerer
	// Clock returns the time for which status is computed. Nil: the real one.
	Clock clock.PassiveClock
}

// SetupWithManager adds the controllers to a manager: one for each kind that people write, and one for
// EffectivePermissions. The store must be added to the same manager.
func SetupWithManager(mgr ctrl.Manager, domains *store.Store, opts Options) error {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	if opts.Registerer != nil {
		statuses := newStatusMetrics(mgr.GetCache())
		count := func(ctx context.Context) error {
			if err := opts.Registerer.Register(statuses); err != nil {
				return fmt.Errorf("register the metrics of statuses: %w", err)
			}
			defer opts.Registerer.Unregister(statuses)
			return statuses.run(ctx)
		}
		if err := mgr.Add(everyReplica(count)); err != nil {
			return err
		}
	}
	run := func(ctx context.Context) error { return runAll(ctx, mgr, domains, opts) }
	if opts.Lease == nil {
		return mgr.Add(everyReplica(run))
	}
	elector, err := leader.NewElector(mgr.GetConfig(), *opts.Lease, run)
	if err != nil {
		return err
	}
	publisher, err := leader.NewPublisher(mgr, domains, *opts.Lease)
	if err != nil {
		return err
	}
	// A replica that waits for the lease caches what the controllers read, so that it can take over at once.
	warm := func(ctx context.Context) error {
		_, err := newPermissionsReader(ctx, mgr.GetCache())
		return err
	}
	return errors.Join(mgr.Add(everyReplica(warm)), mgr.Add(elector), mgr.Add(publisher))
}

// everyReplica is a Runnable of every replica.
type everyReplica func(context.Context) error

// NeedLeaderElection reports that every replica runs it.
func (everyReplica) NeedLeaderElection() bool { return false }

// Start runs until ctx is done.
func (r everyReplica) Start(ctx context.Context) error { return r(ctx) }

// runAll runs the controllers until ctx is done. They are new each time, as none starts twice.
func runAll(ctx context.Context, mgr ctrl.Manager, domains *store.Store, opts Options) error {
	d := &dependencies{
		client: mgr.GetClient(), domains: domains, clock: opts.Clock, censuses: newCensusCache(), slots: newComputeSlots(),
		recorder: mgr.GetEventRecorder(eventSource),
	}
	var replicas *leader.Replicas
	d.replicas = func(namespace string) []leader.ReplicaStatus {
		return []leader.ReplicaStatus{{Host: "this replica", Serves: leader.Served(domains, namespace)}}
	}
	if opts.Lease != nil {
		var err error
		if replicas, err = leader.NewReplicas(mgr.GetConfig(), domains, *opts.Lease); err != nil {
			return fmt.Errorf("watch the replicas: %w", err)
		}
		d.replicas = func(string) []leader.ReplicaStatus { return replicas.Status() }
	}
	running, ctx := errgroup.WithContext(ctx)
	for _, kind := range kinds.Table {
		objects := &objectReconciler{d, kind, newAnnouncer(d.recorder)}
		var r reconcile.Reconciler = objects
		if kind.Kind == kinds.PermissionPolicy {
			r = &policyReconciler{objects}
		}
		c, err := newObjectController(mgr, d, kind, r)
		if err != nil {
			return fmt.Errorf("set up the controller of %s: %w", kind.Kind, err)
		}
		if kind.Kind == kinds.PermissionPolicy && replicas != nil {
			if err := c.Watch(replicas); err != nil {
				return fmt.Errorf("watch the replicas: %w", err)
			}
		}
		running.Go(func() error { return c.Start(ctx) })
	}
	c, err := newUserController(ctx, mgr, d)
	if err != nil {
		return fmt.Errorf("set up the controller of EffectivePermissions: %w", err)
	}
	running.Go(func() error { return c.Start(ctx) })
	return running.Wait()
}

// newObjectController returns the controller of a kind that people write. The store notifies it of what may change
// status, the API server of writes to status: what was written may have been computed from a status that the cache did
// not have yet.
func newObjectController(mgr ctrl.Manager, d *dependencies, kind *kinds.Row, r reconcile.Reconciler) (controller.Controller, error) {
	c, err := newController(mgr, strings.ToLower(string(kind.Kind)), objectWorkers, r,
		func(r reconcile.Request) klog.ObjectRef { return klog.KRef(r.Namespace, r.Name) })
	if err != nil {
		return nil, err
	}
	return c, errors.Join(
		c.Watch(newDomainUpdates(d, changedObjects(kind.Kind), concernedObjects(kind.Kind))),
		c.Watch(&objectWrites[reconcile.Request]{cache: mgr.GetCache(), object: kind.New(), requests: statusRequests}),
	)
}

// newUserController returns the controller of EffectivePermissions. The store notifies it of the users whose permissions
// may change, the API server of what others write.
func newUserController(ctx context.Context, mgr ctrl.Manager, d *dependencies) (controller.TypedController[userRequest], error) {
	permissions, err := newPermissionsReader(ctx, mgr.GetCache())
	if err != nil {
		return nil, err
	}
	r := &userReconciler{d, permissions, newEdits(), newFairness[userRequest](clock.RealClock{})}
	c, err := newController(mgr, "effectivepermissions", userWorkers, r,
		func(r userRequest) klog.ObjectRef { return klog.KRef(r.Namespace, r.Name) })
	if err != nil {
		return nil, err
	}
	return c, errors.Join(
		c.Watch(newDomainUpdates(d, fewAffected, manyAffected)),
		c.Watch(&objectWrites[userRequest]{cache: mgr.GetCache(), object: &v1alpha1.EffectivePermissions{}, requests: r.observe}),
	)
}

func newController[R comparable](mgr ctrl.Manager, name string, workers int, r reconcile.TypedReconciler[R], ref func(R) klog.ObjectRef) (controller.TypedController[R], error) {
	log := mgr.GetLogger().WithValues("controller", name)
	return controller.NewTypedUnmanaged(name, controller.TypedOptions[R]{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		ReconciliationTimeout:   reconciliationTimeout,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[R](firstRetry, lastRetry),
		SkipNameValidation:      new(true), // each term as the leader uses the same names
		Logger:                  log,
		LogConstructor: func(request *R) logr.Logger {
			if request == nil {
				return log
			}
			return log.WithValues("object", ref(*request))
		},
	})
}
