// Package webhook lets the API server ask internal/admission before it stores or deletes an object. There is one
// handler for all kinds: it finds the domain, says who writes what, and passes the verdict on.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// The API server asks about everything but two things, which it can tell by itself: an update that leaves the spec as it
// is (labels, annotations, owners and finalizers give nobody anything), and what the namespace controller deletes, which is
// never anything but the rest of a namespace that is being deleted.
//
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-resourcetype,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=resourcetypes,verbs=create;update;delete,versions=v1alpha1,name=vresourcetype.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-role,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=roles,verbs=create;update;delete,versions=v1alpha1,name=vrole.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-group,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=groups,verbs=create;update;delete,versions=v1alpha1,name=vgroup.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-user,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=users,verbs=create;update;delete,versions=v1alpha1,name=vuser.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-userpermission,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=userpermissions,verbs=create;update;delete,versions=v1alpha1,name=vuserpermission.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-specialpermission,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=specialpermissions,verbs=create;update;delete,versions=v1alpha1,name=vspecialpermission.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-recordset,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=recordsets,verbs=create;update;delete,versions=v1alpha1,name=vrecordset.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1-permissionpolicy,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=permissionpolicies,verbs=create;update;delete,versions=v1alpha1,name=vpermissionpolicy.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`

// Options configure the webhooks.
type Options struct {
	// Clock gives the time at which time windows are read. Nil: the real one.
	Clock clock.PassiveClock
}

// SetupWithManager serves the webhooks of all kinds that people write on the manager's webhook server. The store must
// be added to the same manager.
func SetupWithManager(mgr ctrl.Manager, domains *store.Store, opts Options) error {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	authentication, err := authenticationv1client.NewForConfig(mgr.GetConfig())
	if err != nil {
		return fmt.Errorf("serve webhooks: %w", err)
	}
	r := &reviewer{domains: domains, clock: opts.Clock, live: mgr.GetAPIReader(), self: &self{reviews: authentication.SelfSubjectReviews()}}
	return errors.Join(
		register(mgr, r, &v1alpha1.ResourceType{}),
		register(mgr, r, &v1alpha1.Role{}),
		register(mgr, r, &v1alpha1.Group{}),
		register(mgr, r, &v1alpha1.User{}),
		register(mgr, r, &v1alpha1.UserPermission{}),
		register(mgr, r, &v1alpha1.SpecialPermission{}),
		register(mgr, r, &v1alpha1.RecordSet{}),
		register(mgr, r, &v1alpha1.PermissionPolicy{}),
	)
}

func register[T engineObject](mgr ctrl.Manager, r *reviewer, object T) error {
	if err := ctrl.NewWebhookManagedBy(mgr, object).WithValidator(&validator[T]{r}).Complete(); err != nil {
		return fmt.Errorf("serve the webhook of %T: %w", object, err)
	}
	return nil
}

// engineObject is an object of a kind that domains are made of.
type engineObject interface {
	client.Object
	engine.Object
}

// validator tells the reviewer of changes to objects of one kind.
type validator[T engineObject] struct{ *reviewer }

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

// ValidateDelete judges the deletion of an object.
func (v *validator[T]) ValidateDelete(ctx context.Context, object T) (ctrladmission.Warnings, error) {
	return v.judge(ctx, admission.Change{Operation: admission.Delete, Old: object})
}

// reviewer judges changes by internal/admission.
type reviewer struct {
	domains *store.Store
	clock   clock.PassiveClock
	// live reads from the API server itself.
	live client.Reader
	self *self
}

// judge refuses a change that breaks a rule.
func (r *reviewer) judge(ctx context.Context, change admission.Change) (ctrladmission.Warnings, error) {
	request, err := ctrladmission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	if !r.domains.Ready() {
		return nil, apierrors.NewServiceUnavailable("this replica of Remit has not read every object yet, and cannot judge changes; try again")
	}
	change.Now = r.clock.Now()
	change.User = admission.UserInfo{Name: request.UserInfo.Username, Groups: request.UserInfo.Groups}
	if r.self.is(ctx, change.User.Name) {
		// What the operator writes – built-in roles that are missing – nobody has to hold: A7 does not bind it.
		change.User.Groups = append(slices.Clip(change.User.Groups), mastersGroup)
	}
	result := r.review(request.Namespace, change)
	if change.Operation == admission.Delete && len(result.Errors) > 0 {
		if change.NamespaceTerminating, err = r.terminating(ctx, request.Namespace); err != nil {
			return nil, err
		}
		if change.NamespaceTerminating {
			result = r.review(request.Namespace, change)
		}
	}
	if len(result.Errors) > 0 {
		return result.Warnings, invalid(request, result.Errors)
	}
	return result.Warnings, nil
}

func (r *reviewer) review(namespace string, change admission.Change) admission.Result {
	var domain *engine.Domain
	if snapshot, ok := r.domains.Domain(namespace); ok {
		domain = snapshot.Domain
	}
	return admission.Review(domain, change)
}

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get

// terminating says whether a namespace is itself being deleted, which cannot be taken back. What the API server says
// now decides: a namespace that lives must not lose its last admin.
func (r *reviewer) terminating(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return false, fmt.Errorf("find out whether the namespace is being deleted: %w", err)
	}
	return namespace.DeletionTimestamp != nil, nil
}

// invalid is the error that kubectl shows with the path, the value and the message of each field.
func invalid(request ctrladmission.Request, errs field.ErrorList) error {
	kind := v1alpha1.GroupVersion.WithKind(request.Kind.Kind).GroupKind()
	return apierrors.NewInvalid(kind, request.Name, errs)
}
