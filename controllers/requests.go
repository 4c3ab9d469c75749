package controllers

import (
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// changedObjects requests the objects of a kind that an update wrote or deleted.
func changedObjects(kind engine.Kind) func(update) []reconcile.Request {
	return func(u update) []reconcile.Request {
		var names []string
		for _, part := range u.changed {
			for _, ref := range part {
				if ref.Kind == kind {
					names = append(names, ref.Name)
				}
			}
		}
		slices.Sort(names)
		return requestsFor(u.snapshot.Namespace, slices.Compact(names))
	}
}

// concernedObjects requests the objects of a kind whose references, counts or force an update may have changed.
func concernedObjects(kind engine.Kind) func(update) []reconcile.Request {
	return func(u update) []reconcile.Request { return requestsFor(u.snapshot.Namespace, concerned(kind, u)) }
}

func requestsFor(namespace string, names []string) []reconcile.Request {
	requests := make([]reconcile.Request, len(names))
	for i, name := range names {
		requests[i].NamespacedName = types.NamespacedName{Namespace: namespace, Name: name}
	}
	return requests
}

// concerned returns the objects of a kind whose status an update may change. Of the kinds of which there may be one or
// more for every user, they are those of the users who are affected; of the others they are all.
func concerned(kind engine.Kind, u update) []string {
	domain := u.snapshot.Domain
	affected := engine.Affected{All: true}
	if engine.AboutUsers(kind) {
		affected = u.affected()
	}
	if affected.All {
		return slices.Collect(throttled(domain.EachName(kind)))
	}
	names := domain.NamesOfGroupPermissions(kind)
	for user := range throttled(slices.Values(affected.Users)) {
		names = append(names, domain.NamesAbout(user, kind)...)
	}
	slices.Sort(names) // many users are in one set
	return slices.Compact(names)
}

// statusRequests requests an object that was written but for its spec. Of other writes the store tells, once decisions
// follow them.
func statusRequests(before, after client.Object) []reconcile.Request {
	if before == nil || after == nil || before.GetGeneration() != after.GetGeneration() || before.GetResourceVersion() == after.GetResourceVersion() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(after)}}
}

// userRequest is for the EffectivePermissions of a user. Name is not always that of the user's object: somebody may
// have created another one by hand, which is to be deleted.
type userRequest struct{ Namespace, Name, User string }

func requestFor(namespace, user string) userRequest {
	return userRequest{Namespace: namespace, Name: v1alpha1.EffectivePermissionsName(user), User: user}
}

// writtenRequests requests an EffectivePermissions that anybody wrote.
func writtenRequests(before, after *cachedPermissions) []userRequest {
	if before != nil && after != nil && before.ResourceVersion == after.ResourceVersion {
		return nil
	}
	written := after
	if written == nil {
		written = before
	}
	return []userRequest{{Namespace: written.Namespace, Name: written.Name, User: string(written.Spec.User)}}
}

// fewUsers is up to how many users an update may affect to be written ahead of updates that affect more.
const fewUsers = 100

// fewAffected requests the users whose permissions an update may have changed, among them those who are no longer
// known, if they are few.
func fewAffected(u update) []userRequest {
	affected := u.affected()
	if affected.All || len(affected.Users) > fewUsers {
		return nil
	}
	return userRequests(u.snapshot.Namespace, slices.Values(affected.Users))
}

// manyAffected requests them if they are many.
func manyAffected(u update) []userRequest {
	affected := u.affected()
	switch {
	case affected.All:
		return userRequests(u.snapshot.Namespace, u.users())
	case len(affected.Users) > fewUsers:
		return userRequests(u.snapshot.Namespace, slices.Values(affected.Users))
	}
	return nil
}

func userRequests(namespace string, users iter.Seq[string]) []userRequest {
	var requests []userRequest
	for user := range throttled(users) {
		requests = append(requests, requestFor(namespace, user))
	}
	return requests
}
