package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/store"
)

const fieldOwner = client.FieldOwner(v1alpha1.FieldManager)

// dependencies are what all reconcilers work with.
type dependencies struct {
	client   client.Client
	domains  *store.Store
	clock    clock.PassiveClock
	censuses *censusCache
	slots    computeSlots
	// replicas returns the replicas that serve a namespace.
	replicas func(namespace string) []leader.ReplicaStatus
	recorder events.EventRecorder
}

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=resourcetypes/status;roles/status;groups/status;users/status;userpermissions/status;specialpermissions/status;recordsets/status;permissionpolicies/status,verbs=patch

// objectReconciler keeps the status of the objects of one kind.
type objectReconciler struct {
	*dependencies
	kind      *kinds.Row
	announcer *announcer
}

// Reconcile updates the status of one object.
func (r *objectReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	snapshot, ok := r.domains.Domain(request.Namespace)
	if !ok {
		r.censuses.forget(request.Namespace)
		r.announcer.forget(request.NamespacedName)
		return reconcile.Result{}, nil // the object was the last of its domain
	}
	var object client.Object = r.kind.New()
	// The object shares its parts with the cache. Its status is replaced below, never changed in place.
	if err := r.client.Get(ctx, request.NamespacedName, object, client.UnsafeDisableDeepCopy); err != nil {
		r.announcer.forget(request.NamespacedName)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	now := r.clock.Now()
	parts := r.kind.Parts(object)
	status, conditions := parts.Status, parts.Common.Conditions
	var v *statusInput
	var same bool
	r.slots.compute(func() {
		censuses := func() (*cachedCensus, time.Duration) { return r.censuses.get(snapshot, now) }
		v = newStatusInput(snapshot.Domain, censuses, engine.Ref{Kind: r.kind.Kind, Name: request.Name}, now)
		if r.kind.Kind == kinds.PermissionPolicy {
			v.replicas = r.replicas(request.Namespace)
		}
		before := reflect.ValueOf(status).Elem().Interface()
		v.describe(object)
		same = equality.Semantic.DeepEqual(before, reflect.ValueOf(status).Elem().Interface())
	})
	if !same {
		if err := r.writeStatus(ctx, object, status); err != nil {
			return reconcile.Result{}, fmt.Errorf("write status: %w", err)
		}
		ctrl.LoggerFrom(ctx).V(1).Info("Updated status", "generation", object.GetGeneration())
	}
	r.announcer.announce(ctx, object, transitions(conditions, parts.Common.Conditions))
	return after(v.again), nil
}

// longestWait is how late status may be after the clock was set forward, or the machine slept, which timers do not notice.
// Decisions are given the time and need no such bound.
const longestWait = 10 * time.Minute

// after requeues after a while, or earlier, with the usual priority; 0: never.
func after(wait time.Duration) reconcile.Result {
	if wait == 0 {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: min(wait, longestWait), Priority: new(0)}
}

// writeStatus replaces the status of an object as a whole. As nothing is read first, there are no conflicts. It does
// nothing to an object that is gone, and fails on one that was created anew under the same name.
func (d *dependencies) writeStatus(ctx context.Context, object client.Object, status any) error {
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": object.GetUID()},
		{"op": "add", "path": "/status", "value": status},
	})
	if err != nil {
		return err
	}
	gvk, err := d.client.GroupVersionKindFor(object)
	if err != nil {
		return err
	}
	// Decoding the whole answer would be a waste: nobody reads it.
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName()}}
	answer.SetGroupVersionKind(gvk)
	return client.IgnoreNotFound(d.client.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch), fieldOwner))
}
