package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

// userStatus is the status that a user's object should have as of now, and whether it differs from the one that it
// has. A newer revision alone is no difference.
func userStatus(snapshot store.Snapshot, object *v1alpha1.EffectivePermissions, now time.Time) (v1alpha1.EffectivePermissionsStatus, bool) {
	status := snapshot.Domain.Effective(string(object.Spec.User), now)
	c := &conditions{before: object.Status.Conditions, generation: object.Generation, now: metav1.NewTime(now.Truncate(time.Second))}
	c.add(v1alpha1.ConditionReady, true, v1alpha1.ReasonServed, "Decisions follow this.")
	status.ObservedGeneration, status.Conditions = object.Generation, c.list
	status.ObservedRevision = object.Status.ObservedRevision
	if equality.Semantic.DeepEqual(status, object.Status) {
		return status, false
	}
	status.ObservedRevision = snapshot.ResourceVersion
	return status, true
}
