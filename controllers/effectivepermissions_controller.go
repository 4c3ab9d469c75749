package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=effectivepermissions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=permissions.remit.dev,resources=effectivepermissions/status,verbs=patch

// userReconciler keeps one EffectivePermissions object for each known user, and no other.
type userReconciler struct {
	*dependencies
	permissions permissionsReader
	edits       *edits
	fairness    *fairness[userRequest]
}

// observe requests an object that anybody wrote, and records who did.
func (r *userReconciler) observe(before, after client.Object) []userRequest {
	b, _ := before.(*cachedPermissions)
	a, _ := after.(*cachedPermissions)
	if b == nil && a == nil {
		return nil
	}
	r.edits.observe(b, a)
	return writtenRequests(b, a)
}

// Reconcile creates, updates or deletes one object.
func (r *userReconciler) Reconcile(ctx context.Context, request userRequest) (reconcile.Result, error) {
	object, err := r.permissions.get(request.Namespace, request.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	snapshot, ok := r.domains.Domain(request.Namespace)
	wanted := ok && snapshot.Domain.Knows(request.User) && request == requestFor(request.Namespace, request.User)
	if object != nil && string(object.Spec.User) != request.User {
		if !wanted {
			return reconcile.Result{}, nil // the object of another user, who has a request of its own
		}
		if err := r.delete(ctx, object); err != nil {
			return reconcile.Result{}, err
		}
		object = nil
	}
	switch {
	case !wanted && object == nil:
		return reconcile.Result{}, nil
	case !wanted:
		return reconcile.Result{}, r.delete(ctx, object)
	case object == nil:
		// The status follows once the cache has the object; writing it now would mean writing it twice.
		return r.create(ctx, request)
	case object.DeletionTimestamp != nil:
		return reconcile.Result{}, nil // it is created anew once it is gone
	}

	if r.fairness.waits(request.Namespace, request) {
		return reconcile.Result{RequeueAfter: fairRetry, Priority: new(lowestTurn)}, nil
	}
	now := r.clock.Now()
	var status v1alpha1.EffectivePermissionsStatus
	var digest statusDigest
	r.slots.compute(func() {
		began := time.Now()
		status, digest, err = userStatus(snapshot, object, now)
		r.fairness.spent(request.Namespace, time.Since(began))
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("digest the status: %w", err)
	}
	if digest != object.digest {
		edited := r.edits.write(object.UID, object.digest, digest)
		if err := r.writeStatus(ctx, &object.EffectivePermissions, status); err != nil {
			return reconcile.Result{}, fmt.Errorf("write status: %w", err)
		}
		ctrl.LoggerFrom(ctx).V(1).Info("Updated status", "revision", status.ObservedRevision)
		if edited {
			r.repaired(ctx, object, "ReplaceStatus", "Replaced a status that somebody else wrote.")
		}
	}
	if object.Labels[v1alpha1.ManagedByLabel] != v1alpha1.ManagedBy {
		if err := r.label(ctx, object); err != nil {
			return reconcile.Result{}, err
		}
		r.repaired(ctx, object, "RestoreLabel", "Restored the label "+v1alpha1.ManagedByLabel+".")
	}
	if status.NextTransition == nil {
		return reconcile.Result{}, nil
	}
	return after(max(status.NextTransition.Sub(now), time.Nanosecond)), nil
}

// create creates a user's object. In a namespace that is being deleted there is nothing to create.
func (r *userReconciler) create(ctx context.Context, request userRequest) (reconcile.Result, error) {
	err := r.client.Create(ctx, &v1alpha1.EffectivePermissions{
		ObjectMeta: metav1.ObjectMeta{Namespace: request.Namespace, Name: request.Name, Labels: managedLabels},
		Spec:       v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(request.User)},
	}, fieldOwner)
	switch {
	case apierrors.IsAlreadyExists(err):
		return reconcile.Result{RequeueAfter: time.Second}, nil // the cache does not have it yet
	case err != nil && !namespaceTerminates(err):
		return reconcile.Result{}, fmt.Errorf("create: %w", err)
	}
	ctrl.LoggerFrom(ctx).V(1).Info("Created object")
	return reconcile.Result{}, nil
}

func (r *userReconciler) delete(ctx context.Context, object *cachedPermissions) error {
	gone := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	if err := client.IgnoreNotFound(r.client.Delete(ctx, gone, client.Preconditions{UID: &object.UID})); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	ctrl.LoggerFrom(ctx).V(1).Info("Deleted object")
	return nil
}

func (r *userReconciler) label(ctx context.Context, object *cachedPermissions) error {
	labelled := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, v1alpha1.ManagedByLabel, v1alpha1.ManagedBy)
	if err := client.IgnoreNotFound(r.client.Patch(ctx, labelled, client.RawPatch(types.MergePatchType, patch), fieldOwner)); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	return nil
}

// repaired announces what was repaired.
func (r *userReconciler) repaired(ctx context.Context, object *cachedPermissions, action, note string) {
	ctrl.LoggerFrom(ctx).Info("Repaired object", "action", action)
	r.recorder.Eventf(&object.EffectivePermissions, nil, corev1.EventTypeNormal, v1alpha1.EventRepaired, action, "%s", note)
}
