package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=roles,verbs=create

// policyReconciler keeps the status of PermissionPolicies, and creates the built-in roles of their domains where they
// are missing. It never changes them: they belong to the domain's people, who keep them when the policy is deleted.
type policyReconciler struct{ *objectReconciler }

// Reconcile creates the built-in roles and updates the status of the policy.
func (r *policyReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	rolesErr := r.createRoles(ctx, request.Namespace)
	result, err := r.objectReconciler.Reconcile(ctx, request)
	return result, errors.Join(rolesErr, err)
}

func (r *policyReconciler) createRoles(ctx context.Context, namespace string) error {
	snapshot, ok := r.domains.Domain(namespace)
	if !ok || !snapshot.Domain.HasPolicy() {
		return nil
	}
	var errs []error
	for _, role := range builtInRoles(snapshot.Domain) {
		role.Namespace = namespace
		err := r.client.Create(ctx, role, fieldOwner)
		switch {
		case err == nil:
			ctrl.LoggerFrom(ctx).Info("Created built-in role", "role", role.Name)
		case !apierrors.IsAlreadyExists(err) && !namespaceTerminates(err):
			errs = append(errs, fmt.Errorf("create the built-in role %s: %w", role.Name, err))
		}
	}
	return errors.Join(errs...)
}

// builtInRoles returns the built-in roles for which a domain has no object. Where both have the same name, there is only
// the public one: everybody would be admin otherwise. A name that no object can have needs none: decisions know the role
// anyway.
func builtInRoles(domain *engine.Domain) []*v1alpha1.Role {
	policy := domain.Policy()
	specs := map[string]v1alpha1.RoleSpec{policy.AdminRole: {AdminAccess: true}}
	specs[policy.PublicRole] = v1alpha1.RoleSpec{}
	var missing []*v1alpha1.Role
	for name, spec := range specs {
		_, exists := domain.Lookup(engine.Ref{Kind: engine.KindRole, Name: name})
		if !exists && len(validation.IsDNS1123Subdomain(name)) == 0 {
			missing = append(missing, &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: managedLabels}, Spec: spec})
		}
	}
	return missing
}

// namespaceTerminates reports whether a creation failed because the namespace is being, or has been, deleted.
func namespaceTerminates(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err)
}
