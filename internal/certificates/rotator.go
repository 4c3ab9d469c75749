package certificates

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/internal/webhookconfig"
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
// there.
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
	pair := webhookconfig.Pair{Secret: o.Secret, Configuration: o.Configuration}
	watched, err := cluster.New(mgr.GetConfig(), func(c *cluster.Options) {
		c.Scheme = mgr.GetScheme()
		c.Cache.ByObject = pair.ByObject()
	})
	if err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	r := &rotator{watched.GetClient(), o}
	if err := pair.Watch(mgr, "certificates", watched, r.step); err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	return mgr.Add(watched)
}

// step takes the next step.
func (r *rotator) step(ctx context.Context, secret *corev1.Secret, configuration *admissionregistrationv1.ValidatingWebhookConfiguration) (reconcile.Result, error) {
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
		return reconcile.Result{}, err
	}
	if !maps.EqualFunc(secret.Data, data, bytes.Equal) {
		ctrl.LoggerFrom(ctx).Info("Writing the certificate", "authorities", len(s.authorities), "until", s.server.cert.NotAfter)
		secret = secret.DeepCopy()
		secret.Data = data
		if err := r.Update(ctx, secret, fieldOwner); err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{RequeueAfter: min(max(wait, time.Second), longestWait)}, nil
}

// trusted are the authorities of a configuration.
func trusted(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) []byte {
	var all []byte
	for i := range configuration.Webhooks {
		all = configuration.Webhooks[i].ClientConfig.CABundle
	}
	return all
}

// tell puts the authorities into the configuration, where it has others.
func (r *rotator) tell(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, bundle []byte) error {
	if !slices.ContainsFunc(configuration.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool {
		return !bytes.Equal(w.ClientConfig.CABundle, bundle)
	}) {
		return nil
	}
	ctrl.LoggerFrom(ctx).Info("Giving the API server the webhook's authorities")
	return webhookconfig.Patch(ctx, r.Client, fieldOwner, configuration, func(*admissionregistrationv1.ValidatingWebhook) (string, any, error) {
		return "clientConfig/caBundle", bundle, nil
	})
}
