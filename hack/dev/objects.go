package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// pathSecret is where the manager keeps the token in the path of its webhooks.
const pathSecret = "remit-webhook-path"

// rulesAmong are the namespaces, RBAC objects, admission policies and the Secret of the webhooks' path among the objects:
// what the manager needs to act as in a cluster while it runs outside of it, and what binds others there.
func rulesAmong(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(object *unstructured.Unstructured) bool {
		switch object.GetKind() {
		case "Namespace", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
			"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
			return false
		case "Secret":
			return object.GetName() != pathSecret
		}
		return true
	})
}

// webhooksAmong are the webhook configurations among the objects. Their path is one where the manager answers nothing: it
// replaces it, and envtest takes no configuration without one.
func webhooksAmong(objects []*unstructured.Unstructured) ([]*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	var configurations []*admissionregistrationv1.ValidatingWebhookConfiguration
	for _, object := range objects {
		if object.GetKind() != "ValidatingWebhookConfiguration" {
			continue
		}
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, configuration); err != nil {
			return nil, err
		}
		for i := range configuration.Webhooks {
			configuration.Webhooks[i].ClientConfig.Service.Path = ptr.To("/")
		}
		configurations = append(configurations, configuration)
	}
	return configurations, nil
}

// apply applies the objects as `kubectl apply --server-side` does, and under its name, so that the reader may
// go on with kubectl.
func apply(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		name := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
		var refused error
		err := waitFor(ctx, "the webhook to take "+name, func(ctx context.Context) error {
			err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership)
			if apierrors.IsInternalError(err) {
				return err // the API server could not ask the webhook
			}
			refused = err
			return nil
		})
		if err != nil {
			return err
		}
		if refused != nil {
			return fmt.Errorf("applying %s: %w", name, refused)
		}
	}
	return nil
}

// domains compiles the objects of each namespace.
func domains(objects []*unstructured.Unstructured) (map[string]*engine.Domain, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	typed := map[string][]engine.Object{}
	for _, object := range objects {
		if object.GroupVersionKind().Group != v1alpha1.GroupName {
			continue
		}
		into, err := scheme.New(object.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
			return nil, fmt.Errorf("%s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
		source, ok := into.(engine.Object)
		if !ok {
			return nil, fmt.Errorf("%s is no kind of a domain", object.GetKind())
		}
		typed[object.GetNamespace()] = append(typed[object.GetNamespace()], source)
	}
	compiled := make(map[string]*engine.Domain, len(typed))
	for namespace, sources := range typed {
		compiled[namespace] = engine.Compile(sources)
	}
	return compiled, nil
}

// waitForUsers waits until every user of the objects' domains has effective permissions that are ready.
func waitForUsers(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	compiled, err := domains(objects)
	if err != nil {
		return err
	}
	// The built-in roles that a policy brings may change what users hold, never who is known.
	for _, namespace := range slices.Sorted(maps.Keys(compiled)) {
		users := compiled[namespace].Users()
		err := waitFor(ctx, "effective permissions in "+namespace, func(ctx context.Context) error {
			var list v1alpha1.EffectivePermissionsList
			if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
				return err
			}
			ready := map[string]bool{}
			for _, item := range list.Items {
				ready[string(item.Spec.User)] = meta.IsStatusConditionTrue(item.Status.Conditions, v1alpha1.ConditionReady)
			}
			for _, user := range users {
				if !ready[user] {
					return fmt.Errorf("user %s has none, or they are not ready", user)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		say("%d users in %s", len(users), namespace)
	}
	return nil
}
