package store

import (
	"context"
	"maps"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// terminating are the namespaces that are being deleted (S0).
type terminating struct {
	names atomic.Pointer[map[string]bool]
}

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

// watch follows the namespaces, of which it needs the metadata.
func (t *terminating) watch(ctx context.Context, objects cache.Cache) (listed toolscache.DoneChecker, err error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	informer, err := objects.GetInformer(ctx, namespace, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { t.see(object, false) },
		UpdateFunc: func(_, object any) { t.see(object, false) },
		DeleteFunc: func(object any) { t.see(object, true) },
	})
	if err != nil {
		return nil, err
	}
	return registration.HasSyncedChecker(), nil
}

func (t *terminating) see(object any, gone bool) {
	if unseen, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unseen.Obj
	}
	namespace, ok := object.(metav1.Object)
	if !ok {
		return
	}
	name, is := namespace.GetName(), !gone && namespace.GetDeletionTimestamp() != nil
	if t.has(name) == is {
		return
	}
	// One goroutine calls the handler.
	next := map[string]bool{}
	if names := t.names.Load(); names != nil {
		maps.Copy(next, *names)
	}
	if delete(next, name); is {
		next[name] = true
	}
	t.names.Store(&next)
}

func (t *terminating) has(namespace string) bool {
	names := t.names.Load()
	return names != nil && (*names)[namespace]
}
