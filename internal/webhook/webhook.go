// Package webhook lets the API server ask internal/admission before it stores or deletes an object. There is one
// handler for all kinds: it finds the domain, says who writes what, and passes the verdict on.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
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
	// Namespace is the operator's own, in which replicas tell each other what they admit.
	Namespace string
	// Clock gives the time. Nil: the real one.
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
	config := rest.CopyConfig(mgr.GetConfig())
	config.QPS = -1 // who writes is limited by the API server already
	coordination, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("serve webhooks: %w", err)
	}
	r := &reviewer{
		domains: domains, clock: opts.Clock, live: mgr.GetAPIReader(), self: &self{reviews: authentication.SelfSubjectReviews()},
		ledger: &ledger{
			domains: domains, leases: coordination.Leases(opts.Namespace), live: mgr.GetAPIReader(), clock: opts.Clock, turns: map[string]*sync.Mutex{},
		},
	}
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
	live   client.Reader
	self   *self
	ledger *ledger
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
	judge := func(domain *engine.Domain) admission.Result { return admission.Review(domain, change) }
	result, err := r.decide(ctx, request, change, judge)
	if err != nil {
		return nil, err
	}
	if change.Operation == admission.Delete && len(result.Errors) > 0 {
		namespace, err := getNamespace(ctx, r.live, request.Namespace)
		if err != nil {
			return nil, err
		}
		// This cannot be taken back, and what the API server says now decides: a namespace that lives keeps its last admin.
		if change.NamespaceTerminating = namespace.DeletionTimestamp != nil; change.NamespaceTerminating {
			result = judge(r.domain(request.Namespace))
		}
	}
	if len(result.Errors) > 0 {
		return result.Warnings, invalid(request, result.Errors)
	}
	return result.Warnings, nil
}

// decide judges a change by what this replica knows, if nothing is going to be stored or no other change can matter,
// else in its turn.
func (r *reviewer) decide(ctx context.Context, request ctrladmission.Request, change admission.Change, judge func(*engine.Domain) admission.Result) (admission.Result, error) {
	dry := request.DryRun != nil && *request.DryRun
	kind := engine.Kind(request.Kind.Kind)
	if dry || kind == engine.KindResourceType || kind == engine.KindRecordSet {
		return judge(r.domain(request.Namespace)), nil
	}
	entry := pending{Ref: engine.Ref{Kind: kind}}
	if change.Object != nil {
		entry.Name = change.Object.GetName() // which the API server may have made
	}
	if change.Old != nil {
		entry.Name = change.Old.GetName()
		entry.UID, entry.Generation = change.Old.GetUID(), change.Old.GetGeneration()
		entry.ResourceVersion = change.Old.GetResourceVersion()
	}
	return r.ledger.admit(ctx, request.Namespace, entry, judge)
}

func (r *reviewer) domain(namespace string) *engine.Domain {
	if snapshot, ok := r.domains.Domain(namespace); ok {
		return snapshot.Domain
	}
	return engine.Compile(nil)
}

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get

func getNamespace(ctx context.Context, live client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("read the namespace: %w", err)
	}
	return namespace, nil
}

// invalid is the error that kubectl shows with the path, the value and the message of each field.
func invalid(request ctrladmission.Request, errs field.ErrorList) error {
	kind := v1alpha1.GroupVersion.WithKind(request.Kind.Kind).GroupKind()
	return apierrors.NewInvalid(kind, request.Name, errs)
}

// resource names a kind in errors that are about no field.
func resource(kind engine.Kind) schema.GroupResource {
	plural, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(string(kind)))
	return plural.GroupResource()
}
