package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// condition makes a condition of a generation that has last changed some minutes after noon.
func condition(conditionType string, status metav1.ConditionStatus, reason string, generation int64, minutes int) metav1.Condition {
	return metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, ObservedGeneration: generation, Message: "details",
		LastTransitionTime: metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute)),
	}
}

func TestTransitions(t *testing.T) {
	ready := func(generation int64, minutes int) metav1.Condition {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServed, generation, minutes)
	}
	stalled := func(reason string, generation int64) []metav1.Condition {
		return []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotServed, generation, 1),
			condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, generation, 1),
		}
	}
	waiting := func(notReadySince, waitingSince int) []metav1.Condition {
		return []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotServed, 2, notReadySince),
			condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWaitingForDomain, 2, waitingSince),
		}
	}
	serving := func(status metav1.ConditionStatus, reason string, generation int64) []metav1.Condition {
		return []metav1.Condition{ready(generation, 0), condition(v1alpha1.ConditionServed, status, reason, generation, 0)}
	}
	const invalid, conflict = v1alpha1.ReasonInvalidExpression, v1alpha1.ReasonConflict
	for name, tc := range map[string]struct {
		before, after []metav1.Condition
		want          string
	}{
		"a new object":                           {nil, []metav1.Condition{ready(1, 0)}, ""},
		"a new generation":                       {[]metav1.Condition{ready(1, 0)}, []metav1.Condition{ready(2, 0)}, ""},
		"a new generation that waits":            {[]metav1.Condition{ready(1, 0)}, waiting(5, 5), ""},
		"a new generation that has waited":       {waiting(5, 5), []metav1.Condition{ready(2, 6)}, ""},
		"stalled at once":                        {nil, stalled(invalid, 1), "Warning InvalidExpression Stalled: details"},
		"stalled by a new generation":            {[]metav1.Condition{ready(1, 0)}, stalled(invalid, 2), "Warning InvalidExpression Stalled: details"},
		"stalled by another object":              {[]metav1.Condition{ready(1, 0)}, stalled(conflict, 1), "Warning Conflict Stalled: details"},
		"stalled still":                          {stalled(invalid, 1), stalled(invalid, 1), ""},
		"stalled again, by a new generation":     {stalled(invalid, 1), stalled(invalid, 2), "Warning InvalidExpression Stalled: details"},
		"stalled for another reason":             {stalled(invalid, 1), stalled(conflict, 1), "Warning Conflict Stalled: details"},
		"stalled, and a new generation waits":    {stalled(invalid, 1), waiting(1, 5), ""},
		"stalled before a new generation waited": {waiting(1, 5), []metav1.Condition{ready(2, 6)}, "Normal Recovered No longer stalled: decisions follow this object."},
		"recovered":                              {stalled(invalid, 1), []metav1.Condition{ready(2, 6)}, "Normal Recovered No longer stalled: decisions follow this object."},
		"served at once":                         {nil, serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 1), "Normal Served details"},
		"served by some":                         {serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 1), serving(metav1.ConditionFalse, v1alpha1.ReasonWaitingForReplicas, 2), ""},
		"served by all":                          {serving(metav1.ConditionFalse, v1alpha1.ReasonWaitingForReplicas, 2), serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 2), "Normal Served details"},
		"a new generation that all serve":        {serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 1), serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 2), "Normal Served details"},
		"served still":                           {serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 2), serving(metav1.ConditionTrue, v1alpha1.ReasonAllReplicas, 2), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, transition := range transitions(tc.before, tc.after) {
				got.WriteString(transition.eventType + " " + transition.reason + " " + transition.note)
			}
			if got.String() != tc.want {
				t.Errorf("transitions = %q, want %q", got.String(), tc.want)
			}
		})
	}
}

// TestTransitionsAreAnnouncedOnce has the same transition found again before the cache knows of the first time.
func TestTransitionsAreAnnouncedOnce(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	a := newAnnouncer(recorder)
	role := testobjects.MakeRole("r").Obj()
	stalled := []transition{{"Warning", "Invalid", "Stalled: details", "Object stalled"}}
	a.announce(t.Context(), role, stalled)
	a.announce(t.Context(), role, stalled)
	if got := len(recorder.Events); got != 1 {
		t.Fatalf("%d events, want 1", got)
	}
	a.announce(t.Context(), role, nil) // the cache has the status
	a.announce(t.Context(), role, stalled)
	if got := len(recorder.Events); got != 2 {
		t.Errorf("%d events when it stalls another time, want 2", got)
	}
	a.forget(client.ObjectKeyFromObject(role))
	if len(a.last) != 0 {
		t.Errorf("%v is kept of an object that is gone", a.last)
	}
}

func TestEdits(t *testing.T) {
	e := newEdits()
	object := func(digest byte) *cachedPermissions {
		o := &cachedPermissions{digest: statusDigest{digest}}
		o.UID = "u"
		return o
	}
	write := func(former, status byte) bool { return e.write("u", statusDigest{former}, statusDigest{status}) }
	wantNothingKept := func(when string) {
		t.Helper()
		if len(e.writing)+len(e.edited) > 0 {
			t.Errorf("%s: writing %v, edited %v, want nothing", when, e.writing, e.edited)
		}
	}
	e.observe(nil, object(0))
	first, second := write(0, 1), write(0, 2)
	e.observe(object(0), object(1))
	e.observe(object(1), object(2))
	if first || second {
		t.Error("what was written is taken for an edit")
	}
	wantNothingKept("after two writes")

	e.observe(object(2), object(2)) // a label
	e.observe(object(2), object(9))
	if !write(9, 2) || write(9, 3) {
		t.Error("an edit is not reported, or more than once")
	}
	e.observe(object(9), object(3)) // the cache may miss one of two writes
	wantNothingKept("after a repair")

	e.observe(object(3), object(9))
	e.observe(object(9), object(8))
	if write(9, 3) {
		t.Error("an edit is reported of a status that is not the one edited")
	}
	e.observe(object(8), nil)
	wantNothingKept("of an object that is gone")
}
