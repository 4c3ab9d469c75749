package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// What the operator makes has this label.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedByRemit = "remit"
)

// +kubebuilder:rbac:groups=permissions.remit.dev,resources=roles,verbs=create

// policyReconciler keeps the status of PermissionPolicies, and makes the built-in roles of their domains where
// they are missing. It never changes them: they belong to the domain's people, who keep them when the policy
// goes.
type policyReconciler struct{ *objectReconciler }

// Reconcile makes the built-in roles and brings the policy's status up to date.
func (r *policyReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	rolesErr := r.makeRoles(ctx, request.Namespace)
	result, err := r.objectReconciler.Reconcile(ctx, request)
	return result, errors.Join(rolesErr, err)
}

func (r *policyReconciler) makeRoles(ctx context.Context, namespace string) error {
	snapshot, ok := r.domains.Domain(namespace)
	if !ok || !snapshot.Domain.HasPolicy() {
		return nil
	}
	var errs []error
	for _, role := range builtInRoles(snapshot.Domain) {
		role.Namespace = namespace
		err := r.client.Create(ctx, role, fieldOwner)
		if err != nil && !apierrors.IsAlreadyExists(err) && !namespaceGoes(err) {
			errs = append(errs, fmt.Errorf("make the built-in role %s: %w", role.Name, err))
		}
	}
	return errors.Join(errs...)
}

// builtInRoles are those that a domain lacks objects of. Where both have one name, there is only the public one:
// everybody would be admin otherwise. A name that no object can have needs none: decisions know the role anyway.
func builtInRoles(domain *engine.Domain) []*v1alpha1.Role {
	policy := domain.Policy()
	specs := map[string]v1alpha1.RoleSpec{policy.AdminRole: {AdminAccess: true}}
	specs[policy.PublicRole] = v1alpha1.RoleSpec{}
	var missing []*v1alpha1.Role
	for name, spec := range specs {
		_, exists := domain.Lookup(engine.Ref{Kind: engine.KindRole, Name: name})
		if !exists && len(validation.IsDNS1123Subdomain(name)) == 0 {
			missing = append(missing, &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{managedByLabel: managedByRemit}}, Spec: spec})
		}
	}
	return missing
}

// namespaceGoes says whether a creation failed because the namespace is being, or has been, deleted.
func namespaceGoes(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err)
}
