package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// objectWorkers write the status of one kind; userWorkers write EffectivePermissions, of which there are
	// more than of anything else.
	objectWorkers = 2
	userWorkers   = 8
	// reconciliationTimeout ends a reconcile that hangs; it is tried again.
	reconciliationTimeout = time.Minute
	// A reconcile that fails is tried again, at first after firstRetry, then ever later, up to lastRetry.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Options configure the controllers.
type Options struct {
	// Lease is what replicas compete for, so that one of them writes at a time. Nil: this one always does, and is the
	// only one.
	Lease *Lease
	// Clock gives the time that status is about. Nil: the real one.
	Clock clock.PassiveClock
}

// SetupWithManager adds the controllers to a manager: one for each kind that people write, and one for
// EffectivePermissions. The store must be added to the same manager.
func SetupWithManager(mgr ctrl.Manager, domains *store.Store, opts Options) error {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	run := func(ctx context.Context) error { return runAll(ctx, mgr, domains, opts) }
	if opts.Lease == nil {
		return mgr.Add(everyReplica(run))
	}
	leader, err := newLeader(mgr, *opts.Lease, run)
	if err != nil {
		return err
	}
	replica, err := newReplica(mgr, domains, *opts.Lease)
	if err != nil {
		return err
	}
	return errors.Join(mgr.Add(leader), mgr.Add(replica))
}

// everyReplica is a Runnable that waits for no lease.
type everyReplica func(context.Context) error

// NeedLeaderElection says that the manager need not be the leader.
func (everyReplica) NeedLeaderElection() bool { return false }

// Start runs until ctx is done.
func (r everyReplica) Start(ctx context.Context) error { return r(ctx) }

// runAll makes the controllers and runs them until ctx is done. They are made anew each time, as none starts
// twice.
func runAll(ctx context.Context, mgr ctrl.Manager, domains *store.Store, opts Options) error {
	d := &dependencies{client: mgr.GetClient(), domains: domains, clock: opts.Clock, tallies: newTallies(), thinking: newThinking()}
	var others *replicas
	d.replicas = func(namespace string) []teller {
		return []teller{{host: "this replica", serves: generationOf(domains, namespace)}}
	}
	if opts.Lease != nil {
		var err error
		if others, err = newReplicas(mgr.GetConfig(), domains, *opts.Lease); err != nil {
			return fmt.Errorf("watch the replicas: %w", err)
		}
		d.replicas = func(string) []teller { return others.tellers() }
	}
	running, ctx := errgroup.WithContext(ctx)
	for _, kind := range kinds.Table {
		objects := &objectReconciler{d, kind}
		var r reconcile.Reconciler = objects
		if kind.Kind == kinds.PermissionPolicy {
			r = &policyReconciler{objects}
		}
		c, err := newObjectController(mgr, d, kind, r)
		if err != nil {
			return fmt.Errorf("set up the controller of %s: %w", kind.Kind, err)
		}
		if kind.Kind == kinds.PermissionPolicy && others != nil {
			if err := c.Watch(others); err != nil {
				return fmt.Errorf("watch the replicas: %w", err)
			}
		}
		running.Go(func() error { return c.Start(ctx) })
	}
	c, err := newUserController(mgr, d)
	if err != nil {
		return fmt.Errorf("set up the controller of EffectivePermissions: %w", err)
	}
	running.Go(func() error { return c.Start(ctx) })
	return running.Wait()
}

// newObjectController makes the controller of a kind that people write. The store tells it what may change status;
// the API server of writes of status: what was written may have been decided by a status that was not yet in the
// cache.
func newObjectController(mgr ctrl.Manager, d *dependencies, kind *kinds.Row, r reconcile.Reconciler) (controller.Controller, error) {
	c, err := newController(mgr, strings.ToLower(string(kind.Kind)), objectWorkers, r,
		func(r reconcile.Request) klog.ObjectRef { return klog.KRef(r.Namespace, r.Name) })
	if err != nil {
		return nil, err
	}
	return c, errors.Join(
		c.Watch(newUpdates(d, changedObjects(kind.Kind), concernedObjects(kind.Kind))),
		c.Watch(&writes[reconcile.Request]{cache: mgr.GetCache(), object: kind.New(), requests: statusRequests}),
	)
}

// newUserController makes the controller of EffectivePermissions. The store tells it whose may change; the API server
// what others do to them.
func newUserController(mgr ctrl.Manager, d *dependencies) (controller.TypedController[userRequest], error) {
	c, err := newController(mgr, "effectivepermissions", userWorkers, &userReconciler{d},
		func(r userRequest) klog.ObjectRef { return klog.KRef(r.Namespace, r.Name) })
	if err != nil {
		return nil, err
	}
	return c, errors.Join(
		c.Watch(newUpdates(d, fewAffected, manyAffected)),
		c.Watch(&writes[userRequest]{cache: mgr.GetCache(), object: &v1alpha1.EffectivePermissions{}, requests: writtenRequests}),
	)
}

func newController[R comparable](mgr ctrl.Manager, name string, workers int, r reconcile.TypedReconciler[R], ref func(R) klog.ObjectRef) (controller.TypedController[R], error) {
	log := mgr.GetLogger().WithValues("controller", name)
	return controller.NewTypedUnmanaged(name, controller.TypedOptions[R]{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		ReconciliationTimeout:   reconciliationTimeout,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[R](firstRetry, lastRetry),
		SkipNameValidation:      new(true), // the same names come back with every term as the leader
		Logger:                  log,
		LogConstructor: func(request *R) logr.Logger {
			if request == nil {
				return log
			}
			return log.WithValues("object", ref(*request))
		},
	})
}
