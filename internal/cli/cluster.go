package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// pageSize is how many objects one request to the API server asks for.
const pageSize = 500

// readCluster reads what the domain of a namespace is compiled from, with the rights of the user whom
// config stands for. All kinds must be readable: without one of them the answer could be too wide.
func readCluster(ctx context.Context, config *rest.Config, namespace string) ([]engine.Object, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	// What the resources are called is known: the API server need not be asked first.
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	for _, kind := range engine.Kinds {
		mapper.Add(v1alpha1.GroupVersion.WithKind(string(kind)), meta.RESTScopeNamespace)
	}
	// Pages follow one another; the API server itself says when that is too fast.
	config = rest.CopyConfig(config)
	config.QPS = -1
	reader, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	var objects []engine.Object
	var forbidden, absent []string
	for _, kind := range engine.Kinds {
		gvk := v1alpha1.GroupVersion.WithKind(string(kind))
		listed, err := list(ctx, reader, scheme, gvk, namespace)
		resource := func() string {
			plural, _ := meta.UnsafeGuessKindToResource(gvk)
			return plural.GroupResource().String()
		}
		switch {
		case apierrors.IsForbidden(err):
			forbidden = append(forbidden, resource())
		case apierrors.IsNotFound(err):
			absent = append(absent, resource())
		case isUnreachable(err):
			return nil, fmt.Errorf("reach the cluster: %w; name manifests with -f to do without one", err)
		case err != nil:
			return nil, fmt.Errorf("list %s in the namespace %s: %w", resource(), namespace, err)
		}
		objects = append(objects, listed...)
	}
	switch {
	case len(absent) > 0:
		return nil, fmt.Errorf("the cluster does not know %s: install Remit's CustomResourceDefinitions", strings.Join(absent, ", "))
	case len(forbidden) > 0:
		return nil, fmt.Errorf("the right to list %s in the namespace %s is missing; it is needed, because an answer without them could be wrong",
			strings.Join(forbidden, ", "), namespace)
	}
	return objects, nil
}

// isUnreachable says whether there was no answer at all.
func isUnreachable(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// list reads all objects of a kind in a namespace, page by page.
func list(ctx context.Context, reader client.Reader, scheme *runtime.Scheme, gvk schema.GroupVersionKind, namespace string) ([]engine.Object, error) {
	var objects []engine.Object
	next := ""
	for {
		made, err := scheme.New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
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
