package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/leader"
)

// view is what an object's status is computed from.
type view struct {
	domain *engine.Domain
	// censuses gives a census of the domain, or an earlier one and after how long there is a newer one.
	censuses func() (*cachedCensus, time.Duration)
	ref      engine.Ref
	// report is what the domain says of the object; empty if it does not hold it.
	report engine.Report
	now    time.Time
	// again is after how long the status may be another one although nothing changes; 0: never.
	again time.Duration
	// replicas are those that serve the domain; of a PermissionPolicy only.
	replicas []leader.ReplicaStatus
}

func newView(domain *engine.Domain, censuses func() (*cachedCensus, time.Duration), ref engine.Ref, now time.Time) *view {
	report, _ := domain.Report(ref)
	return &view{domain: domain, censuses: censuses, ref: ref, report: report, now: now}
}

// census counts the domain's users.
func (v *view) census() *engine.Census {
	census, newerAfter := v.censuses()
	if newerAfter > 0 {
		v.lookAfter(newerAfter)
	}
	v.lookAt(census.until)
	return census.Census
}

// lookAt asks for another look at a moment; the zero time is never.
func (v *view) lookAt(moment time.Time) {
	if !moment.IsZero() {
		v.lookAfter(max(moment.Sub(v.now), time.Nanosecond))
	}
}

func (v *view) lookAfter(wait time.Duration) {
	if v.again == 0 || wait < v.again {
		v.again = wait
	}
}

// statusOf points at an object's status, and at the part of it that every kind has.
func statusOf(object client.Object) (status any, common *v1alpha1.CommonStatus) {
	switch o := object.(type) {
	case *v1alpha1.ResourceType:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.Role:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.Group:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.User:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.UserPermission:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.SpecialPermission:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.RecordSet:
		return &o.Status, &o.Status.CommonStatus
	case *v1alpha1.PermissionPolicy:
		return &o.Status, &o.Status.CommonStatus
	}
	panic(fmt.Sprintf("controllers: %T has no status", object)) // a new kind that was forgotten here
}

// describe replaces an object's status by what the view has to say of it.
func (v *view) describe(object client.Object) {
	_, common := statusOf(object)
	c := &conditions{before: common.Conditions, generation: object.GetGeneration(), now: metav1.NewTime(v.now.Truncate(time.Second))}
	if v.report.Generation != object.GetGeneration() {
		v.waiting(c)
		if _, ok := object.(*v1alpha1.PermissionPolicy); ok {
			serving(c, object, v.replicas)
		}
		common.Conditions = c.list
		return // what else the status says is of the generation that it observed
	}
	v.common(c)
	switch o := object.(type) {
	case *v1alpha1.ResourceType:
		v.resourceType(o)
	case *v1alpha1.Role:
		v.role(o)
	case *v1alpha1.Group:
		v.group(o)
	case *v1alpha1.User:
		v.user(o)
	case *v1alpha1.UserPermission:
		v.userPermission(o, c)
	case *v1alpha1.SpecialPermission:
		v.specialPermission(o, c)
	case *v1alpha1.RecordSet:
		v.recordSet(o)
	case *v1alpha1.PermissionPolicy:
		v.policy(o, c)
	}
	if advice := v.report.Advice; len(advice) > 0 {
		c.add(v1alpha1.ConditionAdvice, true, advice[0].Reason, problems(advice))
	}
	common.ObservedGeneration, common.Conditions = object.GetGeneration(), c.list
}

// waiting are the conditions of an object whose generation the domain does not serve yet.
func (v *view) waiting(c *conditions) {
	message := fmt.Sprintf("Decisions do not follow generation %d yet.", c.generation)
	c.add(v1alpha1.ConditionReady, false, v1alpha1.ReasonNotServed, message)
	c.add(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonWaitingForDomain, message)
	c.keep(v1alpha1.ConditionReferencesResolved)
	c.keep(v1alpha1.ConditionInForce)
	c.keep(v1alpha1.ConditionAdvice)
}

// common are the conditions that every kind has.
func (v *view) common(c *conditions) {
	if wrong := v.report.Problems; len(wrong) > 0 {
		message := problems(wrong)
		c.add(v1alpha1.ConditionReady, false, v1alpha1.ReasonNotServed, message)
		c.add(v1alpha1.ConditionStalled, true, wrong[0].Reason, message)
	} else {
		c.add(v1alpha1.ConditionReady, true, v1alpha1.ReasonServed, "Decisions follow this object.")
	}
	if missing := v.report.Missing; len(missing) > 0 {
		c.add(v1alpha1.ConditionReferencesResolved, false, v1alpha1.ReasonNotFound, "Does not exist (yet): "+names(missing)+".")
	} else {
		c.add(v1alpha1.ConditionReferencesResolved, true, v1alpha1.ReasonAllFound, "Every object that it names exists.")
	}
}

func (v *view) resourceType(o *v1alpha1.ResourceType) {
	actions, rules, records := v.domain.Usage(o.Name)
	o.Status.Actions, o.Status.Rules, o.Status.Records = int32(actions), int32(rules), int32(records)
}

func (v *view) role(o *v1alpha1.Role) {
	census := v.census()
	o.Status.Users, o.Status.Groups = int32(census.RoleUsers[o.Name]), int32(census.RoleGroups[o.Name])
}

func (v *view) group(o *v1alpha1.Group) {
	o.Status.Members = int32(v.census().GroupMembers[o.Name])
}

func (v *view) user(o *v1alpha1.User) {
	o.Status.EffectivePermissions = v1alpha1.EffectivePermissionsName(o.UserID())
}

func (v *view) userPermission(o *v1alpha1.UserPermission, c *conditions) {
	reason := engine.WindowReason(o.Spec.TimeWindow, v.now)
	census := &engine.Census{}
	if o.Spec.Group != "" {
		census = v.census()
	} else {
		v.lookAtTransitionsOf(o.Spec.User)
		if reason == v1alpha1.ReasonActive && v.domain.IsUnlimited(string(o.Spec.User), v.now) {
			reason = v1alpha1.ReasonUserIsAdmin
		}
	}
	o.Status.Users = int32(census.RestrictedUsers(o, v.now))
	c.add(v1alpha1.ConditionInForce, reason == v1alpha1.ReasonActive, reason, inForce(reason, o.Spec.TimeWindow, o.Spec.User))
}

func (v *view) specialPermission(o *v1alpha1.SpecialPermission, c *conditions) {
	v.lookAtTransitionsOf(o.Spec.User)
	state, _ := v.domain.SpecialPermissionState(o.Name, v.now)
	o.Status.ResourceTypes = int32(len(state.ResourceTypes))
	message := inForce(state.Reason, o.Spec.TimeWindow, o.Spec.User)
	switch {
	case state.Reason == v1alpha1.ReasonOverruled:
		message = "More restrictive ones decide wherever it would: " + names(state.OverruledBy) + "."
	case len(state.OverruledBy) > 0:
		message += " On some resource types, more restrictive ones decide: " + names(state.OverruledBy) + "."
	}
	c.add(v1alpha1.ConditionInForce, state.Reason == v1alpha1.ReasonActive, state.Reason, message)
}

// lookAtTransitionsOf asks for another look when a time window changes something for a user.
func (v *view) lookAtTransitionsOf(user v1alpha1.UserID) {
	next, _ := v.domain.NextTransitionOf(string(user), v.now)
	v.lookAt(next)
}

func (v *view) recordSet(o *v1alpha1.RecordSet) {
	o.Status.Records = int32(v.domain.ServedRecords(o.Name))
}

func (v *view) policy(o *v1alpha1.PermissionPolicy, c *conditions) {
	census := v.census()
	o.Status.Users, o.Status.Admins = int32(census.Users), int32(census.Admins)
	serving(c, o, v.replicas)
}

// inForce is the message that goes with a reason of the condition InForce.
func inForce(reason string, window v1alpha1.TimeWindow, user v1alpha1.UserID) string {
	switch {
	case reason == v1alpha1.ReasonNotStarted:
		return "Takes effect at " + moment(window.StartsAt) + "."
	case reason == v1alpha1.ReasonExpired:
		return "Ended at " + moment(window.ExpiresAt) + "."
	case reason == v1alpha1.ReasonUserIsAdmin:
		return fmt.Sprintf("Nothing limits %s, who is a superuser or holds a role with adminAccess.", user)
	case window.ExpiresAt != nil:
		return "Decisions follow it until " + moment(window.ExpiresAt) + "."
	}
	return "Decisions follow it."
}

func moment(at *metav1.Time) string { return at.UTC().Format(time.RFC3339) }
