package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	goruntime "runtime"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
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
	// thinking lets few workers compute at a time: decisions and watches come first.
	thinking thinking
	// replicas gives those that serve a namespace, and tell about its policy.
	replicas func(namespace string) []teller
}

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=resourcetypes/status;roles/status;groups/status;users/status;userpermissions/status;specialpermissions/status;recordsets/status;permissionpolicies/status,verbs=patch

// objectReconciler keeps the status of the objects of one kind.
type objectReconciler struct {
	*dependencies
	kind *kinds.Row
}

// changedObjects asks for the objects of a kind that changed.
func changedObjects(kind engine.Kind) func(update) []reconcile.Request {
	return func(u update) []reconcile.Request {
		var names []string
		for _, part := range u.changed {
			for _, ref := range part {
				if ref.Kind == kind {
					names = append(names, ref.Name)
				}
			}
		}
		slices.Sort(names)
		return requestsFor(u.snapshot.Namespace, slices.Compact(names))
	}
}

// concernedObjects asks for the objects of a kind whose references, counts or force an update may have altered.
func concernedObjects(kind engine.Kind) func(update) []reconcile.Request {
	return func(u update) []reconcile.Request { return requestsFor(u.snapshot.Namespace, concerned(kind, u)) }
}

func requestsFor(namespace string, names []string) []reconcile.Request {
	requests := make([]reconcile.Request, len(names))
	for i, name := range names {
		requests[i].NamespacedName = types.NamespacedName{Namespace: namespace, Name: name}
	}
	return requests
}

// concerned are the objects of a kind whose status a change may alter. Of the kinds of which there may be one or more
// for every user, they are those of the users who are affected; of the others they are all.
func concerned(kind engine.Kind, u update) []string {
	domain := u.snapshot.Domain
	affected := engine.Affected{All: true}
	if engine.AboutUsers(kind) {
		affected = u.affected()
	}
	if affected.All {
		return slices.Collect(unhurried(domain.EachName(kind)))
	}
	var names []string
	if kind == engine.KindUserPermission {
		names = domain.NamesOfGroupPermissions()
	}
	for user := range unhurried(slices.Values(affected.Users)) {
		names = append(names, domain.NamesAbout(user, kind)...)
	}
	return names
}

// statusRequests asks for an object that was written but for its spec. The store tells of the rest, when it is served.
func statusRequests(before, after client.Object) []reconcile.Request {
	if before == nil || after == nil || before.GetGeneration() != after.GetGeneration() || before.GetResourceVersion() == after.GetResourceVersion() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(after)}}
}

// thinking has an element for each worker that is computing.
type thinking chan struct{}

// newThinking leaves half of the processors to those who answer.
func newThinking() thinking { return make(thinking, max(1, goruntime.GOMAXPROCS(0)/2)) }

// compute waits for its turn and calls f.
func (t thinking) compute(f func()) {
	t <- struct{}{}
	defer func() { <-t }()
	f()
}

// Reconcile brings one object's status up to date.
func (r *objectReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	snapshot, ok := r.domains.Domain(request.Namespace)
	if !ok {
		r.tallies.forget(request.Namespace)
		return reconcile.Result{}, nil // the object was the last of its domain
	}
	var object client.Object = r.kind.New()
	// The object shares its parts with the cache. Its status is replaced below, never changed in place.
	if err := r.client.Get(ctx, request.NamespacedName, object, client.UnsafeDisableDeepCopy); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	now := r.clock.Now()
	status := r.kind.Parts(object).Status
	var v *statusInput
	var same bool
	r.thinking.compute(func() {
		tally := func() (*tally, time.Duration) { return r.tallies.of(snapshot, now) }
		v = newStatusInput(snapshot.Domain, tally, engine.Ref{Kind: r.kind.Kind, Name: request.Name}, now)
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
	}
	return after(v.again), nil
}

// longestWait is how late status may be after the clock was set forward, or the machine slept: waiting does not notice.
// Decisions are asked with the time and need no such thing.
const longestWait = 10 * time.Minute

// after asks for another look after a while, or earlier, and then soon; 0 is never.
func after(wait time.Duration) reconcile.Result {
	if wait == 0 {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: min(wait, longestWait), Priority: new(0)}
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
	gvk, err := d.client.GroupVersionKindFor(object)
	if err != nil {
		return err
	}
	// Of the answer nobody reads more than that it came.
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName()}}
	answer.SetGroupVersionKind(gvk)
	return client.IgnoreNotFound(d.client.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch), fieldOwner))
}
