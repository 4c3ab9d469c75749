package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

// CacheOptions are what the controllers, and the store, ask of the manager's cache. Of EffectivePermissions, which say
// as much as all other objects together and exist for every user, it keeps a digest of the status in the status' place.
func CacheOptions() cache.Options {
	options := store.CacheOptions()
	options.ByObject = map[client.Object]cache.ByObject{&v1alpha1.EffectivePermissions{}: {Transform: digestStatus}}
	return options
}

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
			Namespace: full.Namespace, Name: full.Name, UID: full.UID, ResourceVersion: full.ResourceVersion,
			Generation: full.Generation, DeletionTimestamp: full.DeletionTimestamp,
		},
		Spec: full.Spec,
	}
	if full.Labels[managedByLabel] == managedByRemit {
		trimmed.Labels = managedLabels
	}
	trimmed.Status.Conditions = full.Status.Conditions
	for i := range trimmed.Status.Conditions {
		usual(&trimmed.Status.Conditions[i])
	}
	trimmed.Status.ObservedRevision = digest
	return trimmed, nil
}

// usual lets a condition that says what most do share its texts with them.
func usual(c *metav1.Condition) {
	if c.Type == v1alpha1.ConditionReady && c.Reason == v1alpha1.ReasonServed && c.Message == effectiveMessage {
		c.Type, c.Reason, c.Message = v1alpha1.ConditionReady, v1alpha1.ReasonServed, effectiveMessage
	}
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
