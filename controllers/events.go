package controllers

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// The recorder would patch an Event to count repetitions of it. There are none: no two Events have the same reason and
// action, and are about the same version of an object.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

const (
	// eventSource is the reportingController of Events.
	eventSource = "remit"
	// serveAction is the action of Events about what decisions follow.
	serveAction = "Serve"
	// longestNote bounds the note of an Event, in bytes; the API allows no more.
	longestNote = 1024
)

// transition is something about an object that a person should see: it becomes an Event, and a line of the log.
type transition struct {
	eventType, reason, note string
	// log is the message of the line.
	log string
}

// transitions returns those between the conditions that an object had and those that it has now: it is stalled, for
// another reason than before or by a new generation; it is no longer stalled; every replica serves a new generation.
func transitions(before, after []metav1.Condition) []transition {
	var list []transition
	stalled := meta.FindStatusCondition(after, v1alpha1.ConditionStalled)
	switch {
	case isNews(meta.FindStatusCondition(before, v1alpha1.ConditionStalled), stalled):
		list = append(list, transition{corev1.EventTypeWarning, stalled.Reason, "Stalled: " + stalled.Message, "Object stalled"})
	case meta.IsStatusConditionTrue(after, v1alpha1.ConditionReady) && wasStalled(before):
		list = append(list, transition{corev1.EventTypeNormal, v1alpha1.EventRecovered, "No longer stalled: decisions follow this object.", "Object recovered"})
	}
	if served := meta.FindStatusCondition(after, v1alpha1.ConditionServed); isNews(meta.FindStatusCondition(before, v1alpha1.ConditionServed), served) {
		list = append(list, transition{corev1.EventTypeNormal, v1alpha1.ReasonServed, served.Message, "All replicas serve the policy"})
	}
	return list
}

// isNews reports whether a condition is true in another way than before.
func isNews(before, after *metav1.Condition) bool {
	return after != nil && after.Status == metav1.ConditionTrue &&
		(before == nil || before.Status != after.Status || before.Reason != after.Reason || before.ObservedGeneration != after.ObservedGeneration)
}

// wasStalled reports whether an object was stalled, even if its status has since said that a new generation waits to be
// served. Then it was not ready already when the wait began.
func wasStalled(before []metav1.Condition) bool {
	if meta.IsStatusConditionTrue(before, v1alpha1.ConditionStalled) {
		return true
	}
	ready, waiting := meta.FindStatusCondition(before, v1alpha1.ConditionReady), meta.FindStatusCondition(before, v1alpha1.ConditionReconciling)
	return ready != nil && waiting != nil && ready.Status == metav1.ConditionFalse && ready.LastTransitionTime.Before(&waiting.LastTransitionTime)
}

// announcer announces transitions of the objects of a kind.
type announcer struct {
	recorder events.EventRecorder
	mu       sync.Mutex
	// last are those of objects whose new status the cache may not have yet: another reconcile until then would find
	// the same ones.
	last map[types.NamespacedName][]transition
}

func newAnnouncer(recorder events.EventRecorder) *announcer {
	return &announcer{recorder: recorder, last: map[types.NamespacedName][]transition{}}
}

// announce announces the transitions that a reconcile found, if any.
func (a *announcer) announce(ctx context.Context, object client.Object, list []transition) {
	if !a.isNew(client.ObjectKeyFromObject(object), list) {
		return
	}
	for _, t := range list {
		ctrl.LoggerFrom(ctx).Info(t.log, "reason", t.reason, "generation", object.GetGeneration())
		a.recorder.Eventf(object, nil, t.eventType, t.reason, serveAction, "%s", shorten(t.note, longestNote))
	}
}

func (a *announcer) isNew(key types.NamespacedName, list []transition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.last[key]
	if len(list) == 0 {
		delete(a.last, key)
	} else {
		a.last[key] = list
	}
	return len(list) > 0 && !slices.Equal(before, list)
}

// forget forgets an object that is gone.
func (a *announcer) forget(key types.NamespacedName) { a.isNew(key, nil) }

// edits tells statuses of EffectivePermissions that somebody edited from those that only are out of date.
type edits struct {
	mu sync.Mutex
	// writing are the statuses that were written, and that the cache may not have yet.
	writing map[types.UID][]statusDigest
	// edited are the statuses that somebody else wrote.
	edited map[types.UID]statusDigest
}

func newEdits() *edits {
	return &edits{writing: map[types.UID][]statusDigest{}, edited: map[types.UID]statusDigest{}}
}

// write records that one status is about to be replaced by another, and reports, once, whether somebody else wrote the
// former.
func (e *edits) write(uid types.UID, former, status statusDigest) (edited bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writing[uid] = append(e.writing[uid], status)
	other, ok := e.edited[uid]
	delete(e.edited, uid)
	return ok && other == former
}

// observe records what the cache was told of: a status that nobody here wrote is an edit.
func (e *edits) observe(before, after *cachedPermissions) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case after == nil:
		delete(e.writing, before.UID)
		delete(e.edited, before.UID)
	case before == nil || before.UID != after.UID || before.digest == after.digest:
	default:
		writing := e.writing[after.UID]
		i := slices.Index(writing, after.digest)
		if i < 0 {
			e.edited[after.UID] = after.digest
			return
		}
		delete(e.edited, after.UID)
		if writing = writing[i+1:]; len(writing) > 0 {
			e.writing[after.UID] = writing
		} else {
			delete(e.writing, after.UID)
		}
	}
}
