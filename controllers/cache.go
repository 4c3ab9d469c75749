package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
)

// CacheOptions configure the manager's cache for the controllers and the store. It keeps EffectivePermissions, which say
// as much as all other objects together and exist for every user, as cachedPermissions, and of all others what the store
// keeps. Strings that most objects have are shared.
func CacheOptions() cache.Options {
	options := store.CacheOptions()
	trim := options.DefaultTransform
	options.DefaultTransform = func(object any) (any, error) {
		shareStrings(object)
		return trim(object)
	}
	options.ByObject = map[client.Object]cache.ByObject{&v1alpha1.EffectivePermissions{}: {Transform: trimPermissions}}
	return options
}

// shareStrings lets an object, which nobody else has yet, share with others what is the same in most.
func shareStrings(object any) {
	o, ok := object.(kinds.Object)
	if !ok {
		return // a tombstone
	}
	kind, ok := kinds.Of(o)
	if !ok {
		return
	}
	o.SetNamespace(shared(o.GetNamespace()))
	common := kind.Parts(o).Common
	common.Conditions = sharedConditions(common.Conditions)
}

// sharedConditions are the conditions with shared strings, and without the spare capacity that decoding JSON leaves.
func sharedConditions(conditions []metav1.Condition) []metav1.Condition {
	if len(conditions) == 0 {
		return nil
	}
	exact := make([]metav1.Condition, len(conditions))
	for i, c := range conditions {
		c.Type, c.Status, c.Reason, c.Message = shared(c.Type), shared(c.Status), shared(c.Reason), shared(c.Message)
		exact[i] = c
	}
	return exact
}

func shared[T ~string](text T) T { return unique.Make(text).Value() }

// managedLabels are those of every EffectivePermissions; many objects share them.
var managedLabels = map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedBy}

// cachedPermissions is an EffectivePermissions as the cache keeps it: of the status it has the conditions alone, and a
// digest of all of it, by which to tell whether it is what it should be. The manager's client cannot read it.
type cachedPermissions struct {
	v1alpha1.EffectivePermissions
	digest statusDigest
}

// statusDigest tells statuses apart that say different things. A newer revision alone says nothing different.
type statusDigest [16]byte

func digestOf(status v1alpha1.EffectivePermissionsStatus) (statusDigest, error) {
	status.ObservedRevision = ""
	text, err := json.Marshal(status)
	if err != nil {
		return statusDigest{}, err
	}
	sum := sha256.Sum256(text)
	return statusDigest(sum[:16]), nil
}

// trimPermissions makes cachedPermissions of EffectivePermissions.
func trimPermissions(object any) (any, error) {
	full, ok := object.(*v1alpha1.EffectivePermissions)
	if !ok {
		return object, nil // a tombstone, or trimmed already
	}
	digest, err := digestOf(full.Status)
	if err != nil {
		return nil, err
	}
	trimmed := &cachedPermissions{digest: digest}
	trimmed.ObjectMeta = metav1.ObjectMeta{
		Namespace: shared(full.Namespace), Name: full.Name, UID: full.UID, ResourceVersion: full.ResourceVersion,
		Generation: full.Generation, DeletionTimestamp: full.DeletionTimestamp,
	}
	if full.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy {
		trimmed.Labels = managedLabels
	}
	trimmed.Spec = full.Spec
	trimmed.Status.Conditions = sharedConditions(full.Status.Conditions)
	return trimmed, nil
}

// permissionsReader reads cachedPermissions.
type permissionsReader struct{ indexer toolscache.Indexer }

// newPermissionsReader reads from the manager's cache, which watches EffectivePermissions from then on.
func newPermissionsReader(ctx context.Context, from cache.Cache) (permissionsReader, error) {
	informer, err := from.GetInformer(ctx, &v1alpha1.EffectivePermissions{}, cache.BlockUntilSynced(false))
	if err != nil {
		return permissionsReader{}, fmt.Errorf("watch EffectivePermissions: %w", err)
	}
	indexed, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		return permissionsReader{}, fmt.Errorf("a %T has no index", informer)
	}
	return permissionsReader{indexed.GetIndexer()}, nil
}

// get returns an object, which must not be changed; nil if there is none.
func (r permissionsReader) get(namespace, name string) (*cachedPermissions, error) {
	object, exists, err := r.indexer.GetByKey(namespace + "/" + name)
	if err != nil || !exists {
		return nil, err
	}
	cached, ok := object.(*cachedPermissions)
	if !ok {
		return nil, fmt.Errorf("the cache holds a %T; see CacheOptions", object)
	}
	return cached, nil
}
