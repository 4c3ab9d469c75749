package main

import (
	"fmt"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// remitNow is when decisions are made.
var remitNow = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// remitConditions are in CEL.
var remitConditions = map[condition]v1alpha1.Expression{
	always:      "",
	isOwner:     "resource.properties.owner == subject.id",
	isColleague: "resource.properties.department == subject.attributes.department && resource.properties.status != 'archived'",
	isCleared:   "resource.properties.level <= subject.attributes.clearance",
}

func setUpRemit(w *workload) (decide, error) {
	return remitDecide(engine.Compile(remitObjects(w)), w.requests, func(r *request) *engine.Request { return remitRequest(w, r) })
}

// remitDecide answers with requests made ahead, as other engines do.
func remitDecide[R any](domain *engine.Domain, requests []R, translate func(*R) *engine.Request) (decide, error) {
	asked := make([]*engine.Request, len(requests))
	for i := range requests {
		asked[i] = translate(&requests[i])
	}
	return func(i int) (bool, error) {
		decision, err := domain.Decide(asked[i], remitNow)
		return decision.Allow, err
	}, nil
}

func remitRequest(w *workload, r *request) *engine.Request {
	asked := &engine.Request{
		Subject:  engine.Subject{Type: "user", ID: r.user},
		Action:   engine.Action{Name: r.action},
		Resource: engine.Resource{Type: r.resourceType, ID: r.id},
	}
	switch {
	case w.parents != nil:
		asked.Resource.Properties = map[string]any{"unit": r.record.unit}
	case !w.unconditional:
		asked.Resource.Properties = map[string]any{
			"owner": r.record.owner, "department": r.record.department, "status": r.record.status, "level": int64(r.record.level),
		}
	}
	return asked
}

func remitObjects(w *workload) []engine.Object {
	var objects []engine.Object
	for _, name := range w.types {
		t := &v1alpha1.ResourceType{ObjectMeta: meta(name)}
		if w.parents != nil {
			t.Spec.Fields = []v1alpha1.Field{{Name: "unit", LinksTo: "unit"}}
		}
		objects = append(objects, t)
	}
	for _, r := range w.roles {
		role := &v1alpha1.Role{ObjectMeta: meta(r.name)}
		for _, rule := range r.rules {
			role.Spec.Rules = append(role.Spec.Rules, v1alpha1.Rule{
				Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(rule.resourceType)}, Actions: []v1alpha1.Token{v1alpha1.Token(rule.action)},
				Condition: remitConditions[rule.when],
			})
		}
		objects = append(objects, role)
	}
	groups := map[string]*v1alpha1.Group{}
	for _, g := range w.groups {
		groups[g.name] = &v1alpha1.Group{ObjectMeta: meta(g.name), Spec: v1alpha1.GroupSpec{Roles: remitRoles(g.roles)}}
		objects = append(objects, groups[g.name])
	}
	for _, g := range w.groups {
		for _, outer := range g.in { // whose members those of g are too
			groups[outer].Spec.Groups = append(groups[outer].Spec.Groups, v1alpha1.Name(g.name))
		}
	}
	for _, u := range w.users {
		object := &v1alpha1.User{ObjectMeta: meta(u.id), Spec: v1alpha1.UserSpec{Account: v1alpha1.Account{Roles: remitRoles(u.roles)}}}
		if u.department != "" {
			object.Spec.Attributes = map[string]v1alpha1.JSON{"department": text(u.department), "clearance": {Raw: fmt.Append(nil, u.clearance)}}
		}
		objects = append(objects, object)
		for _, g := range u.groups {
			groups[g].Spec.Members = append(groups[g].Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(u.id)})
		}
		if len(u.units) > 0 {
			restriction := &v1alpha1.UserPermission{ObjectMeta: meta(u.id), Spec: v1alpha1.UserPermissionSpec{User: v1alpha1.UserID(u.id), Allow: "unit"}}
			for _, unit := range u.units {
				restriction.Spec.ForValues = append(restriction.Spec.ForValues, v1alpha1.RecordID(unit))
			}
			objects = append(objects, restriction)
		}
	}
	if w.parents != nil {
		objects = append(objects, &v1alpha1.ResourceType{ObjectMeta: meta("unit"), Spec: v1alpha1.ResourceTypeSpec{ParentField: "parent"}})
		set := &v1alpha1.RecordSet{ObjectMeta: meta("units"), Spec: v1alpha1.RecordSetSpec{ResourceType: "unit"}}
		for unit, parent := range w.parents {
			set.Spec.Records = append(set.Spec.Records, v1alpha1.Record{ID: v1alpha1.RecordID(unit), Parent: v1alpha1.RecordID(parent)})
		}
		objects = append(objects, set)
	}
	return objects
}

func remitRoles(names []string) []v1alpha1.RoleRef {
	var refs []v1alpha1.RoleRef
	for _, name := range names {
		refs = append(refs, v1alpha1.RoleRef{Name: v1alpha1.Name(name)})
	}
	return refs
}
