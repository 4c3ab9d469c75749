package controllers

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// fewUsers is up to how many users a change may concern to be written before what concerns more.
const fewUsers = 100

// userRequest asks for the EffectivePermissions object of a user. Name is not always the one that the user's object
// has: somebody may have made another by hand, for it to be removed.
type userRequest struct{ Namespace, Name, User string }

func requestFor(namespace, user string) userRequest {
	return userRequest{Namespace: namespace, Name: v1alpha1.EffectivePermissionsName(user), User: user}
}

// writtenRequests asks for an object that somebody wrote.
func writtenRequests(before, after client.Object) []userRequest {
	if before != nil && after != nil && before.GetResourceVersion() == after.GetResourceVersion() {
		return nil
	}
	written := after
	if written == nil {
		written = before
	}
	object, ok := written.(*v1alpha1.EffectivePermissions)
	if !ok {
		return nil
	}
	return []userRequest{{Namespace: object.Namespace, Name: object.Name, User: string(object.Spec.User)}}
}

// fewAffected asks for the users whose permissions an update may have changed, among them those that are not known any
// more, if they are few.
func fewAffected(u update) []userRequest {
	affected := u.affected()
	if affected.All || len(affected.Users) > fewUsers {
		return nil
	}
	return userRequests(u.snapshot.Namespace, slices.Values(affected.Users))
}

// manyAffected asks for them if they are many.
func manyAffected(u update) []userRequest {
	affected := u.affected()
	switch {
	case affected.All:
		return userRequests(u.snapshot.Namespace, u.users())
	case len(affected.Users) > fewUsers:
		return userRequests(u.snapshot.Namespace, slices.Values(affected.Users))
	}
	return nil
}

func userRequests(namespace string, users iter.Seq[string]) []userRequest {
	var requests []userRequest
	for user := range unhurried(users) {
		requests = append(requests, requestFor(namespace, user))
	}
	return requests
}

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=effectivepermissions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=permissions.remit.dev,resources=effectivepermissions/status,verbs=patch

// userReconciler keeps one EffectivePermissions object for each known user, and no other.
type userReconciler struct{ *dependencies }

// Reconcile makes, updates or removes one object.
func (r *userReconciler) Reconcile(ctx context.Context, request userRequest) (reconcile.Result, error) {
	object, err := r.get(ctx, request)
	if err != nil {
		return reconcile.Result{}, err
	}
	snapshot, ok := r.domains.Domain(request.Namespace)
	wanted := ok && snapshot.Domain.Knows(request.User) && request == requestFor(request.Namespace, request.User)
	if object != nil && string(object.Spec.User) != request.User {
		if !wanted {
			return reconcile.Result{}, nil // the object of another user, who has a request of its own
		}
		if err := r.remove(ctx, object); err != nil {
			return reconcile.Result{}, err
		}
		object = nil
	}
	switch {
	case !wanted && object == nil:
		return reconcile.Result{}, nil
	case !wanted:
		return reconcile.Result{}, r.remove(ctx, object)
	case object == nil:
		// The status follows when the cache has the object; to write it now would mean to write it twice.
		return r.create(ctx, request)
	case object.DeletionTimestamp != nil:
		return reconcile.Result{}, nil // it is made anew when it is gone
	}

	now := r.clock.Now()
	var status v1alpha1.EffectivePermissionsStatus
	var changed bool
	r.thinking.compute(func() { status, changed, err = userStatus(snapshot, object, now) })
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("digest the status: %w", err)
	}
	if changed {
		if err := r.writeStatus(ctx, object, status); err != nil {
			return reconcile.Result{}, fmt.Errorf("write status: %w", err)
		}
	}
	if object.Labels[managedByLabel] != managedByRemit {
		if err := r.label(ctx, object); err != nil {
			return reconcile.Result{}, err
		}
	}
	if status.NextTransition == nil {
		return reconcile.Result{}, nil
	}
	return after(max(status.NextTransition.Sub(now), time.Nanosecond)), nil
}

// get reads an object; nil if there is none. It shares its parts with the cache.
func (r *userReconciler) get(ctx context.Context, request userRequest) (*v1alpha1.EffectivePermissions, error) {
	object := &v1alpha1.EffectivePermissions{}
	err := r.client.Get(ctx, types.NamespacedName{Namespace: request.Namespace, Name: request.Name}, object, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}

// create makes a user's object. In a namespace that goes there is nothing to make.
func (r *userReconciler) create(ctx context.Context, request userRequest) (reconcile.Result, error) {
	err := r.client.Create(ctx, &v1alpha1.EffectivePermissions{
		ObjectMeta: metav1.ObjectMeta{Namespace: request.Namespace, Name: request.Name, Labels: map[string]string{managedByLabel: managedByRemit}},
		Spec:       v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(request.User)},
	}, fieldOwner)
	switch {
	case apierrors.IsAlreadyExists(err):
		return reconcile.Result{RequeueAfter: time.Second}, nil // the cache does not have it yet
	case err != nil && !namespaceGoes(err):
		return reconcile.Result{}, fmt.Errorf("create: %w", err)
	}
	return reconcile.Result{}, nil
}

func (r *userReconciler) remove(ctx context.Context, object *v1alpha1.EffectivePermissions) error {
	gone := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	if err := client.IgnoreNotFound(r.client.Delete(ctx, gone, client.Preconditions{UID: &object.UID})); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func (r *userReconciler) label(ctx context.Context, object *v1alpha1.EffectivePermissions) error {
	labelled := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, managedByLabel, managedByRemit)
	if err := client.IgnoreNotFound(r.client.Patch(ctx, labelled, client.RawPatch(types.MergePatchType, patch), fieldOwner)); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	return nil
}
