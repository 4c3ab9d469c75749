// Package webhookconfig keeps a Secret of the manager and the ValidatingWebhookConfiguration in step: what the API server has
// to know to call the webhooks, which the replicas share by the Secret.
package webhookconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Pair is the two objects by their names.
type Pair struct {
	// Secret has to exist.
	Secret types.NamespacedName
	// Configuration is the ValidatingWebhookConfiguration. While there is none, a Step sees an empty one.
	Configuration string
}

// A Step looks at the two objects, which it must not change, and writes what is next. If another replica wrote first, which a
// conflict tells, it is called again.
type Step func(context.Context, *corev1.Secret, *admissionregistrationv1.ValidatingWebhookConfiguration) (reconcile.Result, error)

// ByObject configures a cache for the pair: it watches the two by name, and needs no right to read others.
func (p Pair) ByObject() map[client.Object]cache.ByObject {
	named := func(name string) fields.Selector { return fields.OneTermEqualSelector("metadata.name", name) }
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Namespaces: map[string]cache.Config{p.Secret.Namespace: {FieldSelector: named(p.Secret.Name)}}},
		&admissionregistrationv1.ValidatingWebhookConfiguration{}: {Field: named(p.Configuration)},
	}
}

// Watch has a controller of the manager take a step whenever one of the two, which watched has in its cache, changes. It
// runs in every replica and needs no leader: the first thing that an installation needs is a webhook that answers.
func (p Pair) Watch(mgr ctrl.Manager, name string, watched cluster.Cluster, step Step) error {
	c, err := controller.New(name, mgr, controller.Options{
		Reconciler:         p.Reconciler(watched.GetClient(), step),
		NeedLeaderElection: ptr.To(false),
	})
	if err != nil {
		return err
	}
	return errors.Join(
		c.Watch(source.Kind(watched.GetCache(), &corev1.Secret{}, &handler.TypedEnqueueRequestForObject[*corev1.Secret]{})),
		c.Watch(source.Kind(watched.GetCache(), &admissionregistrationv1.ValidatingWebhookConfiguration{}, handler.TypedEnqueueRequestsFromMapFunc(
			func(context.Context, *admissionregistrationv1.ValidatingWebhookConfiguration) []reconcile.Request {
				return []reconcile.Request{{NamespacedName: p.Secret}}
			}))),
	)
}

// Reconciler reads the two, and takes a step.
func (p Pair) Reconciler(c client.Client, step Step) reconcile.Reconciler {
	return &reconciler{c, p, step}
}

type reconciler struct {
	client.Client
	Pair
	step Step
}

func (r *reconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	if err := r.Get(ctx, r.Secret, secret); err != nil {
		if apierrors.IsNotFound(err) {
			ctrl.LoggerFrom(ctx).Info("The Secret is gone; apply it again. Until then what it had stays in use", "secret", r.Secret)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := r.Get(ctx, client.ObjectKey{Name: r.Configuration}, configuration); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	result, err := r.step(ctx, secret, configuration)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: time.Second}, nil // another replica was first; what it wrote is on its way
	}
	return result, err
}

// Patch sets a field of each webhook of a configuration, and leaves everything else as it is: fields that this version of the
// API's types does not know, too. field returns the path below the webhook, such as "clientConfig/caBundle", and the value; no
// path leaves the webhook as it is.
func Patch(ctx context.Context, c client.Client, owner client.FieldOwner, configuration *admissionregistrationv1.ValidatingWebhookConfiguration,
	field func(*admissionregistrationv1.ValidatingWebhook) (path string, value any, err error),
) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var patch []operation
	for i := range configuration.Webhooks {
		webhook := &configuration.Webhooks[i]
		path, value, err := field(webhook)
		if err != nil {
			return fmt.Errorf("webhook %s: %w", webhook.Name, err)
		}
		if path != "" {
			patch = append(patch,
				operation{"test", fmt.Sprintf("/webhooks/%d/name", i), webhook.Name},
				operation{"add", fmt.Sprintf("/webhooks/%d/%s", i, path), value})
		}
	}
	if len(patch) == 0 {
		return nil
	}
	content, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	return c.Patch(ctx, configuration.DeepCopy(), client.RawPatch(types.JSONPatchType, content), owner)
}
