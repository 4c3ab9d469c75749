// Package webhook lets the API server ask internal/admission before it stores an object. There is one handler for
// all kinds: it finds the domain, says who writes what, and passes the verdict on.
package webhook

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-resourcetype,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=resourcetypes,verbs=create;update,versions=v1alpha1,name=vresourcetype.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-role,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=roles,verbs=create;update,versions=v1alpha1,name=vrole.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-group,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=groups,verbs=create;update,versions=v1alpha1,name=vgroup.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-user,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=users,verbs=create;update,versions=v1alpha1,name=vuser.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-userpermission,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=userpermissions,verbs=create;update,versions=v1alpha1,name=vuserpermission.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-specialpermission,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=specialpermissions,verbs=create;update,versions=v1alpha1,name=vspecialpermission.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-recordset,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=recordsets,verbs=create;update,versions=v1alpha1,name=vrecordset.permissions.remit.dev,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-permissionpolicy,mutating=false,failurePolicy=fail,sideEffects=None,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=permissionpolicies,verbs=create;update,versions=v1alpha1,name=vpermissionpolicy.permissions.remit.dev,admissionReviewVersions=v1

// Domains are the domains that objects are written to.
type Domains interface {
	// Domain gives the current state of a namespace's domain; false when the namespace has none.
	Domain(namespace string) (store.Snapshot, bool)
}

// SetupWithManager serves the webhooks of all kinds that people write on the manager's webhook server.
func SetupWithManager(mgr ctrl.Manager, domains Domains) error {
	return errors.Join(
		register(mgr, domains, &v1alpha1.ResourceType{}),
		register(mgr, domains, &v1alpha1.Role{}),
		register(mgr, domains, &v1alpha1.Group{}),
		register(mgr, domains, &v1alpha1.User{}),
		register(mgr, domains, &v1alpha1.UserPermission{}),
		register(mgr, domains, &v1alpha1.SpecialPermission{}),
		register(mgr, domains, &v1alpha1.RecordSet{}),
		register(mgr, domains, &v1alpha1.PermissionPolicy{}),
	)
}

func register[T client.Object](mgr ctrl.Manager, domains Domains, object T) error {
	if err := ctrl.NewWebhookManagedBy(mgr, object).WithValidator(&validator[T]{domains, clock.RealClock{}}).Complete(); err != nil {
		return fmt.Errorf("serve the webhook of %T: %w", object, err)
	}
	return nil
}

// validator judges the objects of one kind. It changes nothing, so that a dry run is judged like any write.
type validator[T client.Object] struct {
	domains Domains
	clock   clock.PassiveClock
}

// ValidateCreate judges a new object.
func (v *validator[T]) ValidateCreate(ctx context.Context, object T) (ctrladmission.Warnings, error) {
	return v.judge(ctx, admission.Change{Operation: admission.Create, Object: object})
}

// ValidateUpdate judges a changed object. One whose spec stays as it is may be written whatever it says: labels and
// finalizers must not be stuck on what was stored before a rule forbade it.
func (v *validator[T]) ValidateUpdate(ctx context.Context, old, object T) (ctrladmission.Warnings, error) {
	if object.GetGeneration() == old.GetGeneration() {
		return nil, nil
	}
	return v.judge(ctx, admission.Change{Operation: admission.Update, Object: object, Old: old})
}

// ValidateDelete has nothing against a deletion; the API server does not ask.
func (v *validator[T]) ValidateDelete(context.Context, T) (ctrladmission.Warnings, error) {
	return nil, nil
}

// judge refuses what an object by itself proves wrong (A6). What other objects of the domain have against it is a
// warning.
func (v *validator[T]) judge(ctx context.Context, change admission.Change) (ctrladmission.Warnings, error) {
	request, err := ctrladmission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	change.User = admission.UserInfo{Name: request.UserInfo.Username, Groups: request.UserInfo.Groups}
	change.Now = v.clock.Now()
	if wrong := admission.CheckObject(change.Object); len(wrong.Errors) > 0 {
		return wrong.Warnings, invalid(change.Object, wrong.Errors)
	}
	var domain *engine.Domain
	if snapshot, ok := v.domains.Domain(request.Namespace); ok {
		domain = snapshot.Domain
	}
	result := admission.Review(domain, change)
	warnings := result.Warnings
	for _, err := range result.Errors {
		warnings = append(warnings, err.Error())
	}
	return warnings, nil
}

// invalid is the error that kubectl shows with the path, the value and the message of each field.
func invalid(object engine.Object, errs field.ErrorList) error {
	kind, _ := engine.KindOf(object)
	return apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind(string(kind)).GroupKind(), object.GetName(), errs)
}
