// Package webhook lets the API server ask internal/admission before it stores or deletes an object. One handler serves all
// kinds: it decodes the objects, finds the domain and the writer, and returns the verdict.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
)

// path is where the webhook of all kinds is served, below a token where PathOptions say so.
const path = "/validate-permissions-remit-dev-v1alpha1"

// The API server skips two kinds of requests by itself: updates that leave the spec as it is (labels, annotations, owners
// and finalizers give nobody anything), and deletions by the namespace controller, which only ever removes what is left in
// a namespace that is being deleted.
//
// +kubebuilder:webhook:path=/validate-permissions-remit-dev-v1alpha1,mutating=false,failurePolicy=fail,sideEffects=NoneOnDryRun,matchPolicy=Equivalent,timeoutSeconds=5,groups=permissions.remit.dev,resources=resourcetypes;roles;groups;users;usersets;userpermissions;userpermissionsets;specialpermissions;recordsets;permissionpolicies,verbs=create;update;delete,versions=v1alpha1,name=validate.permissions.remit.dev,admissionReviewVersions=v1,patch=`{"matchConditions":[{"name":"changes-the-spec","expression":"request.operation != 'UPDATE' || object.metadata.generation != oldObject.metadata.generation"},{"name":"is-no-deletion-of-a-namespace","expression":"request.operation != 'DELETE' || request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'"}]}`

// Options configure the webhook.
type Options struct {
	// Namespace is the operator's own, in which replicas record for each other what they admit.
	Namespace string
	// Path keeps the webhook's URL from everybody but the API server.
	Path PathOptions
	// MemoryLimit is how many bytes of memory a domain may take; 0: any number.
	MemoryLimit int64
	// Clock gives the time. Nil: the real one.
	Clock clock.PassiveClock
}

// SetupWithManager serves the webhook of all kinds that people write on the manager's webhook server. The store must
// be added to the same manager.
func SetupWithManager(mgr ctrl.Manager, domains *store.Store, opts Options) error {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	authentication, err := authenticationv1client.NewForConfig(mgr.GetConfig())
	if err != nil {
		return fmt.Errorf("serve the webhook: %w", err)
	}
	config := rest.CopyConfig(mgr.GetConfig())
	config.QPS = -1 // the API server limits the writers already
	authorization, err := authorizationv1client.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("serve the webhook: %w", err)
	}
	coordination, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("serve the webhook: %w", err)
	}
	escalation, err := newEscalation(authorization, opts.Clock)
	if err != nil {
		return fmt.Errorf("serve the webhook: %w", err)
	}
	leases := coordination.Leases(opts.Namespace)
	r := &reviewer{
		domains: domains, clock: opts.Clock, live: mgr.GetAPIReader(), decoder: ctrladmission.NewDecoder(mgr.GetScheme()),
		memoryLimit: opts.MemoryLimit,
		identity:    &identity{reviews: authentication.SelfSubjectReviews()},
		escalation:  escalation,
		promises:    &promises{leases: leases, live: mgr.GetAPIReader(), clock: opts.Clock},
		ledger: &ledger{
			domains: domains, leases: leases, live: mgr.GetAPIReader(), clock: opts.Clock, locks: map[string]*sync.Mutex{},
		},
	}
	answers := &ctrladmission.Webhook{Handler: r}
	if opts.Path.Secret != "" {
		return setupPath(mgr, answers, opts)
	}
	mgr.GetWebhookServer().Register(path, answers)
	return nil
}

// reviewer answers admission requests by internal/admission.
type reviewer struct {
	domains *store.Store
	clock   clock.PassiveClock
	// live reads from the API server itself.
	live     client.Reader
	decoder  ctrladmission.Decoder
	identity *identity
	ledger   *ledger
	// memoryLimit is that of Options.
	memoryLimit int64
	escalation  *escalation
	promises    *promises
}

var _ ctrladmission.Handler = &reviewer{}

// Handle admits a change, or refuses it with the rules that it breaks. It refuses what it cannot read.
func (r *reviewer) Handle(ctx context.Context, request ctrladmission.Request) ctrladmission.Response {
	change, err := r.decode(ctx, request)
	if err != nil {
		return ctrladmission.Errored(http.StatusBadRequest, err)
	}
	// A spec that stays as it is may say anything: labels and finalizers must not be stuck on what was stored before a rule
	// forbade it.
	if change.Operation == admission.Update && change.Object.GetGeneration() == change.Old.GetGeneration() {
		return ctrladmission.Allowed("")
	}
	result, err := r.review(ctx, request, change)
	if err == nil && len(result.Errors) > 0 {
		kind := v1alpha1.GroupVersion.WithKind(request.Kind.Kind).GroupKind()
		err = apierrors.NewInvalid(kind, request.Name, result.Errors) // kubectl shows the path, value and message of each
	}
	if err != nil {
		return refused(err).WithWarnings(someOf(result.Warnings)...)
	}
	return ctrladmission.Allowed("").WithWarnings(someOf(result.Warnings)...)
}

// someOf are as many warnings as a client shows. An object with a thousand entries may have as many.
func someOf(warnings []string) []string {
	const most = 20
	if len(warnings) <= most {
		return warnings
	}
	return append(slices.Clone(warnings[:most]), fmt.Sprintf("There are %d more warnings; `kubectl remit lint` tells all of them.", len(warnings)-most))
}

// refused is the answer to a change that an error keeps from being admitted.
func refused(err error) ctrladmission.Response {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		result := status.Status()
		return ctrladmission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &result}}
	}
	return ctrladmission.Denied(err.Error())
}

// decode reads the change that a request is about.
func (r *reviewer) decode(ctx context.Context, request ctrladmission.Request) (admission.Change, error) {
	gvk := schema.GroupVersionKind(request.Kind)
	kind, ok := kinds.Find(kinds.Kind(gvk.Kind))
	if !ok || kind.GVK() != gvk {
		return admission.Change{}, fmt.Errorf(
			"this version of Remit does not know the kind %s; finish the rollout of the version that does, or remove its resource from the webhook's rule", gvk)
	}
	change := admission.Change{
		Operation: admission.Operation(request.Operation), Now: r.clock.Now(), MemoryLimit: r.memoryLimit,
		User: admission.UserInfo{Name: request.UserInfo.Username, Groups: request.UserInfo.Groups},
	}
	change.User.MayEscalate = sync.OnceValue(func() bool { return r.escalation.may(ctx, request) })
	read := func(raw runtime.RawExtension) (kinds.Object, error) {
		object := kind.New()
		return object, r.decoder.DecodeRaw(raw, object)
	}
	var err error
	switch change.Operation {
	case admission.Create, admission.Update:
		if change.Object, err = read(request.Object); err != nil {
			return admission.Change{}, fmt.Errorf("read the new object: %w", err)
		}
	case admission.Delete:
	default:
		return admission.Change{}, fmt.Errorf("the operation %q is not one that Remit reviews", request.Operation)
	}
	if change.Operation != admission.Create {
		if change.Old, err = read(request.OldObject); err != nil {
			return admission.Change{}, fmt.Errorf("read the object before the change: %w", err)
		}
	}
	return change, nil
}

// review judges a change by the rules.
func (r *reviewer) review(ctx context.Context, request ctrladmission.Request, change admission.Change) (admission.Result, error) {
	if !r.domains.Ready() {
		return admission.Result{}, apierrors.NewServiceUnavailable("this replica of Remit has not listed every kind yet, and cannot review changes; try again")
	}
	if r.identity.is(ctx, change.User.Name) {
		// What the operator writes – built-in roles that are missing – nobody has to hold: A7 does not bind it.
		change.User.Groups = append(slices.Clip(change.User.Groups), mastersGroup)
		change.MemoryLimit = 0
	}
	rules := func(domain *engine.Domain) admission.Result { return r.judge(ctx, domain, change, request.Namespace) }
	// What goes with its namespace, or is collected, waits for nothing, whatever has become of the ledger.
	if change.NamespaceTerminating = r.domain(request.Namespace).IsClosed(); change.Exempt() {
		return rules(r.domain(request.Namespace)), nil
	}
	result, err := r.inOrder(ctx, request, change, rules)
	switch {
	case change.Operation != admission.Delete:
		return result, err
	case err == nil && len(result.Errors) == 0:
		if !isDry(request) && slices.ContainsFunc(result.Claims, admission.Claim.IsAdmins) {
			// What is made anew under this name is not what was tried.
			err = r.promises.forget(ctx, request.Namespace, engine.Ref{Kind: kinds.Kind(request.Kind.Kind), Name: change.Old.GetName()})
		}
		return result, err
	}
	// A deletion cannot be undone, so the API server's current word counts: a namespace that lives keeps its last admin.
	namespace, asked := getNamespace(ctx, r.live, request.Namespace)
	if asked != nil {
		return result, cmp.Or(err, asked)
	}
	if change.NamespaceTerminating = namespace.DeletionTimestamp != nil; change.NamespaceTerminating {
		return rules(r.domain(request.Namespace)), nil
	}
	return result, err
}

func isDry(request ctrladmission.Request) bool { return request.DryRun != nil && *request.DryRun }

// judge applies the rules. Where only A2 is against the change, what its writer has tried in dry runs counts.
func (r *reviewer) judge(ctx context.Context, domain *engine.Domain, change admission.Change, namespace string) admission.Result {
	result := admission.Review(domain, change)
	if !lacksAdminOnly(result) {
		return result
	}
	promised, err := r.promises.of(ctx, namespace, change.User.Name, domain)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to read what the writer has tried; it does not count")
	}
	if len(promised) == 0 {
		return result
	}
	change.Promised = promised
	return admission.Review(domain, change)
}

// lacksAdminOnly reports whether A2 is all that is against a change.
func lacksAdminOnly(result admission.Result) bool { return slices.Equal(result.Codes, []string{"A2"}) }

// try judges a change that is not going to be stored, and records it where A2 may count on it. A change that only A2 is
// against waits for the one that makes somebody admin: tools try several at a time.
func (r *reviewer) try(ctx context.Context, request ctrladmission.Request, change admission.Change, rules func(*engine.Domain) admission.Result) admission.Result {
	domain := r.domain(request.Namespace)
	result := rules(domain)
	if len(result.Errors) > 0 && !lacksAdminOnly(result) || !admission.Promises(domain, change) {
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, promiseTimeout)
	defer cancel()
	if err := r.promises.add(ctx, request.Namespace, change); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to record what was tried; A2 does not count on it")
	}
	for len(result.Errors) > 0 {
		select {
		case <-time.After(promiseInterval):
		case <-ctx.Done():
			return result
		}
		if next := rules(r.domain(request.Namespace)); ctx.Err() == nil {
			result = next
		}
	}
	return result
}

// inOrder applies the rules by what this replica knows if nothing is going to be stored or no other change can matter, else
// in the order of the ledger.
func (r *reviewer) inOrder(ctx context.Context, request ctrladmission.Request, change admission.Change, rules func(*engine.Domain) admission.Result) (admission.Result, error) {
	kind := kinds.Kind(request.Kind.Kind)
	switch {
	case admission.Independent(kind):
		return rules(r.domain(request.Namespace)), nil
	case isDry(request):
		return r.try(ctx, request, change, rules), nil
	}
	entry := pending{Ref: engine.Ref{Kind: kind}}
	if change.Object != nil {
		entry.Name = change.Object.GetName() // which the API server may have generated
	}
	if change.Old != nil {
		entry.Name = change.Old.GetName()
		entry.UID, entry.Generation = change.Old.GetUID(), change.Old.GetGeneration()
		entry.ResourceVersion = change.Old.GetResourceVersion()
	}
	return r.ledger.admit(ctx, request.Namespace, entry, rules)
}

func (r *reviewer) domain(namespace string) *engine.Domain {
	if snapshot, ok := r.domains.Domain(namespace); ok {
		return snapshot.Domain
	}
	return engine.Compile(nil)
}

func getNamespace(ctx context.Context, live client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("read the namespace: %w", err)
	}
	return namespace, nil
}
