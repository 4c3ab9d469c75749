package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
)

// CacheOptions are what the controllers, and the store, ask of the manager's cache. Of EffectivePermissions, which say
// as much as all other objects together and exist for every user, it keeps a digest of the status in the status' place;
// of all others what the store keeps, with texts shared that most conditions have.
func CacheOptions() cache.Options {
	options := store.CacheOptions()
	trim := options.DefaultTransform
	options.DefaultTransform = func(object any) (any, error) {
		shareTexts(object)
		return trim(object)
	}
	options.ByObject = map[client.Object]cache.ByObject{&v1alpha1.EffectivePermissions{}: {Transform: digestStatus}}
	return options
}

// shareTexts lets an object, which nobody else has yet, share with others what is the same in most.
func shareTexts(object any) {
	o, ok := object.(kinds.Object)
	if !ok {
		return // a deletion that was not seen
	}
	kind, ok := kinds.Of(o)
	if !ok {
		return
	}
	o.SetNamespace(shared(o.GetNamespace()))
	common := kind.Parts(o).Common
	common.Conditions = sharedConditions(common.Conditions)
}

// sharedConditions are the conditions with their texts shared, and no room for more, of which decoding JSON leaves much.
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
var managedLabels = map[string]string{managedByLabel: managedByRemit}

// digestStatus replaces what an EffectivePermissions says by what it takes to know whether it should say something else.
func digestStatus(object any) (any, error) {
	full, ok := object.(*v1alpha1.EffectivePermissions)
	if !ok {
		return object, nil // a deletion that was not seen
	}
	digest, err := digestOf(full.Status)
	if err != nil {
		return nil, err
	}
	trimmed := &v1alpha1.EffectivePermissions{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: shared(full.Namespace), Name: full.Name, UID: full.UID, ResourceVersion: full.ResourceVersion,
			Generation: full.Generation, DeletionTimestamp: full.DeletionTimestamp,
		},
		Spec: full.Spec,
	}
	if full.Labels[managedByLabel] == managedByRemit {
		trimmed.Labels = managedLabels
	}
	trimmed.Status.Conditions = sharedConditions(full.Status.Conditions)
	trimmed.Status.ObservedRevision = digest
	return trimmed, nil
}

// digestOf tells statuses apart that say different things. A newer revision alone says nothing different.
func digestOf(status v1alpha1.EffectivePermissionsStatus) (string, error) {
	status.ObservedRevision = ""
	text, err := json.Marshal(status)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
