package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// pageSize is how many objects one request to the API server asks for.
const pageSize = 500

// forbiddenError says that objects may not be read that an answer depends on.
type forbiddenError struct {
	resources []string
	namespace string
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("the right to list %s in the namespace %s is missing; it is needed, because an answer without them could be wrong",
		strings.Join(e.resources, ", "), e.namespace)
}

// clusterScheme knows the kinds of Remit.
func clusterScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, v1alpha1.AddToScheme(scheme)
}

// connect gives a client that acts with the rights of the user whom config stands for.
func connect(config *rest.Config) (client.Client, error) {
	scheme, err := clusterScheme()
	if err != nil {
		return nil, err
	}
	// What the resources are called is known: the API server need not be asked first.
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	add := func(gvk schema.GroupVersionKind, resource string) {
		plural := v1alpha1.GroupVersion.WithResource(resource)
		mapper.AddSpecific(gvk, plural, plural, meta.RESTScopeNamespace)
	}
	for _, kind := range kinds.Table {
		add(kind.GVK(), kind.Resource)
	}
	add(v1alpha1.GroupVersion.WithKind("EffectivePermissions"), "effectivepermissions")
	// Pages follow one another; the API server itself says when that is too fast.
	config = rest.CopyConfig(config)
	config.QPS = -1
	connected, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return connected, nil
}

// readCluster reads what the domain of a namespace is compiled from, with the rights of the user whom
// config stands for. All kinds must be readable, but for those that the answer does not depend on: without
// one of them it could be too wide.
func readCluster(ctx context.Context, config *rest.Config, namespace string, without ...engine.Kind) ([]engine.Object, error) {
	reader, err := connect(config)
	if err != nil {
		return nil, err
	}
	var objects []engine.Object
	var forbidden, absent []string
	for _, kind := range kinds.Table {
		if slices.Contains(without, kind.Kind) {
			continue
		}
		listed, err := list(ctx, reader, kind.GVK(), namespace)
		resource := kind.GroupResource().String()
		switch {
		case apierrors.IsForbidden(err):
			forbidden = append(forbidden, resource)
		case apierrors.IsNotFound(err):
			absent = append(absent, resource)
		case err != nil:
			return nil, clusterError(err, fmt.Sprintf("list %s in the namespace %s", resource, namespace))
		}
		objects = append(objects, listed...)
	}
	switch {
	case len(absent) > 0:
		return nil, fmt.Errorf("the cluster does not know %s: install Remit's CustomResourceDefinitions", strings.Join(absent, ", "))
	case len(forbidden) > 0:
		return nil, &forbiddenError{forbidden, namespace}
	}
	return objects, nil
}

// clusterError says what could not be done, or that nobody answered.
func clusterError(err error, doing string) error {
	if isUnreachable(err) {
		return fmt.Errorf("reach the cluster: %w; name manifests with -f to do without one", err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// computedPermissions reads the EffectivePermissions of a user, or where none is named of all.
func (s *source) computedPermissions(ctx context.Context, user string) ([]v1alpha1.EffectivePermissions, error) {
	config, namespace, err := s.config()
	if err != nil {
		return nil, err
	}
	reader, err := connect(config)
	if err != nil {
		return nil, err
	}
	if user != "" {
		var one v1alpha1.EffectivePermissions
		key := client.ObjectKey{Namespace: namespace, Name: v1alpha1.EffectivePermissionsName(user)}
		if err := reader.Get(ctx, key, &one); err != nil {
			return nil, err
		}
		if string(one.Spec.User) != user {
			return nil, fmt.Errorf("EffectivePermissions %s is of the user %q, not of %q", one.Name, one.Spec.User, user)
		}
		return []v1alpha1.EffectivePermissions{one}, nil
	}
	objects, err := list(ctx, reader, v1alpha1.GroupVersion.WithKind("EffectivePermissions"), namespace)
	if err != nil {
		return nil, err
	}
	all := make([]v1alpha1.EffectivePermissions, 0, len(objects))
	for _, object := range objects {
		if one, ok := object.(*v1alpha1.EffectivePermissions); ok {
			all = append(all, *one)
		}
	}
	return all, nil
}

// isUnreachable says whether there was no answer at all.
func isUnreachable(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// list reads all objects of a kind in a namespace, page by page.
func list(ctx context.Context, reader client.Client, gvk schema.GroupVersionKind, namespace string) ([]engine.Object, error) {
	var objects []engine.Object
	next := ""
	for {
		made, err := reader.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err != nil {
			return nil, err
		}
		page, ok := made.(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("%T is no list", made)
		}
		if err := reader.List(ctx, page, client.InNamespace(namespace), client.Limit(pageSize), client.Continue(next)); err != nil {
			return nil, err
		}
		err = meta.EachListItem(page, func(item runtime.Object) error {
			object, ok := item.(engine.Object)
			if !ok {
				return fmt.Errorf("%T is no object", item)
			}
			objects = append(objects, object)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if next = page.GetContinue(); next == "" {
			return objects, nil
		}
	}
}
