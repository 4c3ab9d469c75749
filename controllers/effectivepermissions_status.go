package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

const effectiveMessage = "Decisions follow this."

// userStatus is the status that a user's object should have as of now, and whether it differs from the one that it
// has. A newer revision alone is no difference. The object is one of the cache (see CacheOptions).
func userStatus(snapshot store.Snapshot, object *v1alpha1.EffectivePermissions, now time.Time) (_ v1alpha1.EffectivePermissionsStatus, changed bool, _ error) {
	status := snapshot.Domain.Effective(string(object.Spec.User), now)
	c := &conditions{before: object.Status.Conditions, generation: object.Generation, now: metav1.NewTime(now.Truncate(time.Second))}
	c.add(v1alpha1.ConditionReady, true, v1alpha1.ReasonServed, effectiveMessage)
	status.ObservedGeneration, status.Conditions = object.Generation, c.list
	digest, err := digestOf(status)
	status.ObservedRevision = snapshot.ResourceVersion
	return status, digest != object.Status.ObservedRevision, err
}
