package certificates

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// fieldOwner of what the rotator writes.
const fieldOwner = client.FieldOwner("remit-certificates")

// longestWait bounds how late a step may be after the clock was set forward.
const longestWait = time.Hour

// Options configure a rotator.
type Options struct {
	// Secret to keep the authority and the certificate in. It has to exist.
	Secret types.NamespacedName
	// Names that the certificate is for.
	Names []string
	// Configuration is the ValidatingWebhookConfiguration that the API server has the authorities from.
	Configuration string
	// Overlap is how long a new authority is published before the certificate is one of it.
	Overlap time.Duration
	// Clock gives the time. Nil: the real one.
	Clock clock.PassiveClock
}

// rotator keeps the Secret and the configuration. Each replica has one; whose write is late has a conflict, and takes what is
// there. It needs no leader: the first thing that an installation needs is a webhook that the API server trusts.
type rotator struct {
	client.Client
	Options
}

// SetupWithManager keeps the certificate in every replica. It watches the Secret and the configuration, and has no right to
// read others.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	named := func(name string) fields.Selector { return fields.OneTermEqualSelector("metadata.name", name) }
	watched, err := cluster.New(mgr.GetConfig(), func(c *cluster.Options) {
		c.Scheme = mgr.GetScheme()
		c.Cache.ByObject = map[client.Object]cache.ByObject{
			&corev1.Secret{}: {Namespaces: map[string]cache.Config{o.Secret.Namespace: {FieldSelector: named(o.Secret.Name)}}},
			&admissionregistrationv1.ValidatingWebhookConfiguration{}: {Field: named(o.Configuration)},
		}
	})
	if err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	r := &rotator{watched.GetClient(), o}
	needsLeader := false
	c, err := controller.New("certificates", mgr, controller.Options{Reconciler: r, NeedLeaderElection: &needsLeader})
	if err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	return errors.Join(
		mgr.Add(watched),
		c.Watch(source.Kind(watched.GetCache(), &corev1.Secret{}, &handler.TypedEnqueueRequestForObject[*corev1.Secret]{})),
		c.Watch(source.Kind(watched.GetCache(), &admissionregistrationv1.ValidatingWebhookConfiguration{}, handler.TypedEnqueueRequestsFromMapFunc(
			func(context.Context, *admissionregistrationv1.ValidatingWebhookConfiguration) []reconcile.Request {
				return []reconcile.Request{{NamespacedName: o.Secret}}
			}))),
	)
}

// Reconcile takes the next step.
func (r *rotator) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	if err := r.Get(ctx, r.Secret, secret); err != nil {
		if apierrors.IsNotFound(err) {
			ctrl.LoggerFrom(ctx).Info("The Secret with the certificate is gone; apply it again. Until then the certificate stays as it is")
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := r.Get(ctx, client.ObjectKey{Name: r.Configuration}, configuration); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	s := read(secret.Data, trusted(configuration))
	wait, err := s.next(r.Names, r.Overlap, r.Clock.Now())
	if err != nil {
		return reconcile.Result{}, err
	}
	data, err := s.write()
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("write the certificate: %w", err)
	}
	// Who calls the webhooks trusts an authority before anything is served by it.
	if err := r.tell(ctx, configuration, data[authoritiesKey]); err != nil {
		return retryOnConflict(err)
	}
	if !maps.EqualFunc(secret.Data, data, bytes.Equal) {
		ctrl.LoggerFrom(ctx).Info("Writing the certificate", "authorities", len(s.authorities), "until", s.server.cert.NotAfter)
		secret = secret.DeepCopy()
		secret.Data = data
		if err := r.Update(ctx, secret, fieldOwner); err != nil {
			return retryOnConflict(err)
		}
	}
	return reconcile.Result{RequeueAfter: min(max(wait, time.Second), longestWait)}, nil
}

// retryOnConflict waits for what another replica has just written.
func retryOnConflict(err error) (reconcile.Result, error) {
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	return reconcile.Result{}, err
}

// trusted are the authorities of a configuration.
func trusted(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) []byte {
	var all []byte
	for i := range configuration.Webhooks {
		all = configuration.Webhooks[i].ClientConfig.CABundle
	}
	return all
}

// tell puts the authorities into the configuration, where it has others, and leaves everything else as it is.
func (r *rotator) tell(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, bundle []byte) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var patch []operation
	for i := range configuration.Webhooks {
		webhook := &configuration.Webhooks[i]
		if !bytes.Equal(webhook.ClientConfig.CABundle, bundle) {
			patch = append(patch,
				operation{"test", fmt.Sprintf("/webhooks/%d/name", i), webhook.Name},
				operation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i), bundle})
		}
	}
	if len(patch) == 0 {
		return nil
	}
	content, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Giving the API server the webhook's authorities")
	return r.Patch(ctx, configuration.DeepCopy(), client.RawPatch(types.JSONPatchType, content), fieldOwner)
}
