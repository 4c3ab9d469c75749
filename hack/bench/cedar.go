package main

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// cedarConditions are in Cedar's language.
var cedarConditions = map[condition]string{
	always:      "",
	isOwner:     " when { resource.owner == principal.name }",
	isColleague: ` when { resource.department == principal.department && resource.status != "archived" }`,
	isCleared:   " when { resource.level <= principal.clearance }",
}

// setUpCedar makes a policy of each rule, as Cedar's own examples do: users are entities in roles, in groups
// and, as restricted by a tree, have units.
func setUpCedar(w *workload) (decide, error) {
	var text strings.Builder
	for _, r := range w.roles {
		for _, rule := range r.rules {
			when := cedarConditions[rule.when]
			if w.parents != nil {
				when = " when { resource.unit in principal.units }"
			}
			fmt.Fprintf(&text, "permit(principal in Role::%q, action == Action::%q, resource is Record in Type::%q)%s;\n", r.name, rule.action, rule.resourceType, when)
		}
	}
	return cedarDecide(w, text.String(), nil)
}

// setUpCedarData has one policy for all roles, and in the entity of a type the roles that may read it.
func setUpCedarData(w *workload) (decide, error) {
	readers := map[string][]cedar.Value{}
	for _, r := range w.roles {
		for _, rule := range r.rules {
			readers[rule.resourceType] = append(readers[rule.resourceType], cedar.NewEntityUID("Role", cedar.String(r.name)))
		}
	}
	return cedarDecide(w, "permit(principal, action == Action::\"read\", resource) when { principal in resource.readers };\n", readers)
}

func cedarDecide(w *workload, text string, readers map[string][]cedar.Value) (decide, error) {
	policies, err := cedar.NewPolicySetFromBytes(w.name+".cedar", []byte(text))
	if err != nil {
		return nil, err
	}
	entities := cedar.EntityMap{}
	add := func(uid cedar.EntityUID, parents []cedar.EntityUID, attributes cedar.RecordMap) {
		entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(parents...), Attributes: cedar.NewRecord(attributes)}
	}
	uids := func(entityType cedar.EntityType, names []string) []cedar.EntityUID {
		var list []cedar.EntityUID
		for _, name := range names {
			list = append(list, cedar.NewEntityUID(entityType, cedar.String(name)))
		}
		return list
	}
	for _, t := range w.types {
		add(cedar.NewEntityUID("Type", cedar.String(t)), nil, nil)
	}
	for _, r := range w.roles {
		add(cedar.NewEntityUID("Role", cedar.String(r.name)), nil, nil)
	}
	for _, g := range w.groups {
		add(cedar.NewEntityUID("Group", cedar.String(g.name)), append(uids("Group", g.in), uids("Role", g.roles)...), nil)
	}
	for unit, parent := range w.parents {
		var above []string
		if parent != "" {
			above = []string{parent}
		}
		add(cedar.NewEntityUID("Unit", cedar.String(unit)), uids("Unit", above), nil)
	}
	for _, u := range w.users {
		attributes := cedar.RecordMap{
			"name": cedar.String(u.id), "department": cedar.String(u.department), "clearance": cedar.Long(u.clearance),
		}
		if w.parents != nil {
			var units []cedar.Value
			for _, uid := range uids("Unit", u.units) {
				units = append(units, uid)
			}
			attributes["units"] = cedar.NewSet(units...)
		}
		add(cedar.NewEntityUID("User", cedar.String(u.id)), append(uids("Role", u.roles), uids("Group", u.groups)...), attributes)
	}

	type question struct {
		request  cedar.Request
		entities cedar.EntityGetter
	}
	questions := make([]question, len(w.requests))
	for i, r := range w.requests {
		resource := cedar.NewEntityUID("Record", cedar.String(r.resourceType+"/"+r.id))
		attributes := cedar.RecordMap{
			"owner": cedar.String(r.record.owner), "department": cedar.String(r.record.department),
			"status": cedar.String(r.record.status), "level": cedar.Long(r.record.level),
		}
		if w.parents != nil {
			attributes = cedar.RecordMap{"unit": cedar.NewEntityUID("Unit", cedar.String(r.record.unit))}
		}
		if readers != nil {
			attributes = cedar.RecordMap{"readers": cedar.NewSet(readers[r.resourceType]...)}
		}
		questions[i] = question{
			cedar.Request{
				Principal: cedar.NewEntityUID("User", cedar.String(r.user)), Action: cedar.NewEntityUID("Action", cedar.String(r.action)), Resource: resource,
			},
			withRecord{entities, cedar.Entity{
				UID: resource, Attributes: cedar.NewRecord(attributes),
				Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Type", cedar.String(r.resourceType))),
			}},
		}
	}
	return func(i int) (bool, error) {
		decision, diagnostic := cedar.Authorize(policies, questions[i].entities, questions[i].request)
		if len(diagnostic.Errors) > 0 {
			return false, fmt.Errorf("%v", diagnostic.Errors[0])
		}
		return bool(decision), nil
	}, nil
}

// withRecord are the entities with the record that a request is about: what the caller knows of it.
type withRecord struct {
	entities cedar.EntityMap
	record   cedar.Entity
}

// Get implements cedar.EntityGetter.
func (w withRecord) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	if uid == w.record.UID {
		return w.record, true
	}
	entity, ok := w.entities[uid]
	return entity, ok
}
