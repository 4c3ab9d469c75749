package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// fieldOwner is under which name the operator writes.
const fieldOwner = client.FieldOwner("remit")

// dependencies are what all reconcilers work with.
type dependencies struct {
	client  client.Client
	domains *store.Store
	clock   clock.PassiveClock
	tallies *tallies
}

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=resourcetypes/status;roles/status;groups/status;users/status;userpermissions/status;specialpermissions/status;recordsets/status;permissionpolicies/status,verbs=patch

// objectReconciler keeps the status of the objects of one kind.
type objectReconciler struct {
	*dependencies
	kind engine.Kind
}

// objectRequests asks for the objects of one kind: those that changed soon, and all others of the domain
// later, as any change may resolve a reference or alter a count.
func objectRequests(kind engine.Kind) func(store.Update) (soon, later []reconcile.Request) {
	return func(update store.Update) (soon, later []reconcile.Request) {
		request := func(name string) reconcile.Request {
			return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: update.Snapshot.Namespace, Name: name}}
		}
		for _, ref := range update.Changed {
			if ref.Kind == kind {
				soon = append(soon, request(ref.Name))
			}
		}
		for _, object := range update.Snapshot.Domain.Objects(kind) {
			later = append(later, request(object.GetName()))
		}
		return soon, later
	}
}

// statusRequests asks for an object that was written but for its spec. The store tells of the rest, when it is served.
func statusRequests(before, after client.Object) []reconcile.Request {
	if before == nil || after == nil || before.GetGeneration() != after.GetGeneration() || before.GetResourceVersion() == after.GetResourceVersion() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(after)}}
}

// Reconcile brings one object's status up to date.
func (r *objectReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	snapshot, ok := r.domains.Domain(request.Namespace)
	if !ok {
		r.tallies.forget(request.Namespace)
		return reconcile.Result{}, nil // the object was the last of its domain
	}
	object, err := newObject(r.client.Scheme(), r.kind)
	if err != nil {
		return reconcile.Result{}, err
	}
	// The object shares its parts with the cache. Its status is replaced below, never changed in place.
	if err := r.client.Get(ctx, request.NamespacedName, object, client.UnsafeDisableDeepCopy); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	now := r.clock.Now()
	v := newView(snapshot.Domain, r.tallies.of(snapshot, now), engine.Ref{Kind: r.kind, Name: request.Name}, now)

	status, _ := statusOf(object)
	before := reflect.ValueOf(status).Elem().Interface()
	v.describe(object)
	if !equality.Semantic.DeepEqual(before, reflect.ValueOf(status).Elem().Interface()) {
		if err := r.writeStatus(ctx, object, status); err != nil {
			return reconcile.Result{}, fmt.Errorf("write status: %w", err)
		}
	}
	return r.again(v), nil
}

// again asks for another look when a time window opens or closes, if that may change the status.
func (r *objectReconciler) again(v *view) reconcile.Result {
	switch r.kind {
	case engine.KindRole, engine.KindGroup, engine.KindUserPermission, engine.KindSpecialPermission, engine.KindPermissionPolicy:
		return at(v.tally.until, v.now)
	default:
		return reconcile.Result{}
	}
}

// at asks for another look at a moment, and then soon; the zero time is never.
func at(moment, now time.Time) reconcile.Result {
	if moment.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(moment.Sub(now), time.Nanosecond), Priority: new(0)}
}

// writeStatus replaces the status of an object. Nothing that others wrote into it stays, and as nothing is
// read first, there are no conflicts. It does nothing to an object that is gone, and fails on one that has been
// made anew under the same name.
func (d *dependencies) writeStatus(ctx context.Context, object client.Object, status any) error {
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": object.GetUID()},
		{"op": "add", "path": "/status", "value": status},
	})
	if err != nil {
		return err
	}
	// The answer goes into an object of its own: this one's parts belong to the cache.
	answer, ok := reflect.New(reflect.TypeOf(object).Elem()).Interface().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", object)
	}
	answer.SetNamespace(object.GetNamespace())
	answer.SetName(object.GetName())
	return client.IgnoreNotFound(d.client.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch), fieldOwner))
}

// newObject makes an empty object of a kind.
func newObject(scheme *runtime.Scheme, kind engine.Kind) (client.Object, error) {
	made, err := scheme.New(v1alpha1.GroupVersion.WithKind(string(kind)))
	if err != nil {
		return nil, err
	}
	object, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object", made)
	}
	return object, nil
}
