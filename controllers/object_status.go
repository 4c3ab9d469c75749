package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/leader"
)

// statusInput is what an object's status is computed from.
type statusInput struct {
	domain *engine.Domain
	// censuses returns a census of the domain, or an earlier one and after how long there is a newer one.
	censuses func() (*cachedCensus, time.Duration)
	ref      engine.Ref
	// report is what the domain says of the object; empty if it does not have it.
	report engine.Report
	now    time.Time
	// again is after how long the status may differ although nothing changes; 0: never.
	again time.Duration
	// replicas are those that serve the domain. Only the status of a PermissionPolicy depends on them.
	replicas []leader.ReplicaStatus
}

func newStatusInput(domain *engine.Domain, censuses func() (*cachedCensus, time.Duration), ref engine.Ref, now time.Time) *statusInput {
	report, _ := domain.Report(ref)
	return &statusInput{domain: domain, censuses: censuses, ref: ref, report: report, now: now}
}

// census counts the domain's users.
func (v *statusInput) census() *engine.Census {
	census, newerAfter := v.censuses()
	if newerAfter > 0 {
		v.lookAfter(newerAfter)
	}
	v.lookAt(census.until)
	return census.Census
}

// lookAt schedules another reconciliation at a moment; the zero time is never.
func (v *statusInput) lookAt(moment time.Time) {
	if !moment.IsZero() {
		v.lookAfter(max(moment.Sub(v.now), time.Nanosecond))
	}
}

func (v *statusInput) lookAfter(wait time.Duration) {
	if v.again == 0 || wait < v.again {
		v.again = wait
	}
}

// describers compute what the status of each kind says besides the common conditions.
var describers = map[kinds.Kind]func(*statusInput, client.Object, *conditions){
	kinds.ResourceType:      describer((*statusInput).resourceType),
	kinds.Role:              describer((*statusInput).role),
	kinds.Group:             describer((*statusInput).group),
	kinds.User:              describer((*statusInput).user),
	kinds.UserSet:           describer((*statusInput).userSet),
	kinds.UserPermission:    describer((*statusInput).userPermission),
	kinds.UserPermissionSet: describer((*statusInput).userPermissionSet),
	kinds.SpecialPermission: describer((*statusInput).specialPermission),
	kinds.RecordSet:         describer((*statusInput).recordSet),
	kinds.PermissionPolicy:  describer((*statusInput).policy),
}

func describer[O client.Object](describe func(*statusInput, O, *conditions)) func(*statusInput, client.Object, *conditions) {
	return func(v *statusInput, object client.Object, c *conditions) {
		if typed, ok := object.(O); ok {
			describe(v, typed, c)
		}
	}
}

// describe replaces the status of an object of a domain's kind.
func (v *statusInput) describe(object client.Object) {
	kind, ok := kinds.Of(object)
	if !ok {
		return
	}
	common := kind.Parts(object).Common
	c := &conditions{before: common.Conditions, generation: object.GetGeneration(), now: metav1.NewTime(v.now.Truncate(time.Second))}
	if v.report.Generation != object.GetGeneration() {
		v.waiting(c)
		if _, ok := object.(*v1alpha1.PermissionPolicy); ok {
			serving(c, object, v.replicas)
		}
		common.Conditions = c.list
		return // the rest of the status describes the generation that it observed
	}
	if group, ok := object.(*v1alpha1.Group); ok {
		v.report.Problems = append(v.report.Problems, v.costlyCondition(group)...)
	}
	v.common(c)
	describers[kind.Kind](v, object, c)
	if advice := v.report.Advice; len(advice) > 0 {
		c.add(v1alpha1.ConditionAdvice, true, advice[0].Reason, problems(advice))
	}
	common.ObservedGeneration, common.Conditions = object.GetGeneration(), c.list
}

// waiting adds the conditions of an object whose generation the domain does not serve yet.
func (v *statusInput) waiting(c *conditions) {
	message := fmt.Sprintf("Decisions do not follow generation %d yet.", c.generation)
	c.add(v1alpha1.ConditionReady, false, v1alpha1.ReasonNotServed, message)
	c.add(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonWaitingForDomain, message)
	c.keep(v1alpha1.ConditionReferencesResolved)
	c.keep(v1alpha1.ConditionInForce)
	c.keep(v1alpha1.ConditionAdvice)
}

// common adds the conditions that every kind has.
func (v *statusInput) common(c *conditions) {
	if wrong := v.report.Problems; len(wrong) > 0 {
		message := problems(wrong)
		c.add(v1alpha1.ConditionReady, false, v1alpha1.ReasonNotServed, message)
		c.add(v1alpha1.ConditionStalled, true, wrong[0].Reason, message)
	} else {
		c.add(v1alpha1.ConditionReady, true, v1alpha1.ReasonServed, "Decisions follow this object.")
	}
	if missing := v.report.Missing; len(missing) > 0 {
		c.add(v1alpha1.ConditionReferencesResolved, false, v1alpha1.ReasonNotFound, "Does not exist (yet): "+listed(missing, ", ", engine.MissingRef.String)+".")
	} else {
		c.add(v1alpha1.ConditionReferencesResolved, true, v1alpha1.ReasonAllFound, "Every object that it names exists.")
	}
}

func (v *statusInput) resourceType(o *v1alpha1.ResourceType, _ *conditions) {
	actions, rules, records := v.domain.Usage(o.TypeName())
	o.Status.Actions, o.Status.Rules, o.Status.Records = int32(actions), int32(rules), int32(records)
}

func (v *statusInput) role(o *v1alpha1.Role, _ *conditions) {
	census := v.census()
	o.Status.Users, o.Status.Groups = int32(census.RoleUsers[o.Name]), int32(census.RoleGroups[o.Name])
}

func (v *statusInput) group(o *v1alpha1.Group, _ *conditions) {
	o.Status.Members = int32(v.census().GroupMembers[o.Name])
}

// costlyCondition is the problem of a group whose memberCondition costs more than there is for a user's status.
func (v *statusInput) costlyCondition(o *v1alpha1.Group) []engine.Problem {
	if o.Spec.MemberCondition == "" {
		return nil
	}
	user, costly := v.census().Costly[o.Name]
	if !costly {
		return nil
	}
	return []engine.Problem{{
		Reason: v1alpha1.ReasonExpressionBudget, Path: "spec.memberCondition", Value: string(o.Spec.MemberCondition),
		Message: fmt.Sprintf("Group/%s: costs more than %d for user %s, who has no effective permissions for it; loop over less, "+
			"or list the members", o.Name, expr.CostLimit, user),
	}}
}

func (v *statusInput) user(o *v1alpha1.User, _ *conditions) {
	o.Status.EffectivePermissions = v1alpha1.EffectivePermissionsName(o.UserID())
}

func (v *statusInput) userSet(o *v1alpha1.UserSet, _ *conditions) {
	o.Status.Users = int32(v.domain.ServedUsers(o.Name))
}

func (v *statusInput) userPermissionSet(o *v1alpha1.UserPermissionSet, _ *conditions) {
	permissions, next := v.domain.ServedPermissions(o.Name, v.now)
	o.Status.Permissions = int32(permissions)
	v.lookAt(next)
}

func (v *statusInput) userPermission(o *v1alpha1.UserPermission, c *conditions) {
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

func (v *statusInput) specialPermission(o *v1alpha1.SpecialPermission, c *conditions) {
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

// lookAtTransitionsOf schedules another reconciliation for when a time window next changes something for a user.
func (v *statusInput) lookAtTransitionsOf(user v1alpha1.UserID) {
	next, _ := v.domain.NextTransitionOf(string(user), v.now)
	v.lookAt(next)
}

func (v *statusInput) recordSet(o *v1alpha1.RecordSet, _ *conditions) {
	o.Status.Records = int32(v.domain.ServedRecords(o.Name))
}

func (v *statusInput) policy(o *v1alpha1.PermissionPolicy, c *conditions) {
	census := v.census()
	o.Status.Users, o.Status.Admins = int32(census.Users), int32(census.Admins)
	serving(c, o, v.replicas)
}

// inForce returns the message for a reason of the condition InForce.
func inForce(reason string, window v1alpha1.TimeWindow, user v1alpha1.UserID) string {
	switch {
	case reason == v1alpha1.ReasonNotStarted:
		return "Takes effect at " + moment(window.StartsAt) + "."
	case reason == v1alpha1.ReasonExpired:
		return "Ended at " + moment(window.ExpiresAt) + "."
	case reason == v1alpha1.ReasonNoEffect:
		return "It decides nothing: it names no resource type that exists, or says NotApplicable of those that do."
	case reason == v1alpha1.ReasonUserIsAdmin:
		return fmt.Sprintf("Nothing limits %s, who is a superuser or holds a role with adminAccess.", user)
	case window.ExpiresAt != nil:
		return "Decisions follow it until " + moment(window.ExpiresAt) + "."
	}
	return "Decisions follow it."
}

func moment(at *metav1.Time) string { return at.UTC().Format(time.RFC3339) }
