package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

const effectiveMessage = "Decisions follow this."

// userStatus computes the status that a user's object should have as of now, and its digest.
func userStatus(snapshot store.Snapshot, object *cachedPermissions, now time.Time) (v1alpha1.EffectivePermissionsStatus, statusDigest, error) {
	status, err := snapshot.Domain.Effective(string(object.Spec.User), now)
	c := &conditions{before: object.Status.Conditions, generation: object.Generation, now: metav1.NewTime(now.Truncate(time.Second))}
	if err != nil {
		c.add(v1alpha1.ConditionReady, false, v1alpha1.ReasonExpressionBudget, err.Error())
		c.add(v1alpha1.ConditionStalled, true, v1alpha1.ReasonExpressionBudget, err.Error())
	} else {
		c.add(v1alpha1.ConditionReady, true, v1alpha1.ReasonServed, effectiveMessage)
	}
	status.ObservedGeneration, status.Conditions, status.ObservedRevision = object.Generation, c.list, snapshot.ResourceVersion
	digest, err := digestOf(status)
	return status, digest, err
}
