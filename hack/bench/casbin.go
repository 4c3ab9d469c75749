package main

import (
	"github.com/casbin/casbin/v3"
	casbinmodel "github.com/casbin/casbin/v3/model"
	defaultrolemanager "github.com/casbin/casbin/v3/rbac/default-role-manager"
)

// The models are casbin's own examples: roles, roles of resources too (a tree), and rules of attributes.
const (
	casbinRoles = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`
	casbinTree = `
[request_definition]
r = sub, obj, act, unit
[policy_definition]
p = sub, obj, act, unit
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act && g2(r.unit, p.unit)
`
	casbinOwner = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub.ID, p.sub) && r.obj.Type == p.obj && r.act == p.act && r.obj.Owner == r.sub.ID
`
	casbinRules = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, rule
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub.ID, p.sub) && r.obj.Type == p.obj && r.act == p.act && eval(p.rule)
`
)

var casbinConditions = map[condition]string{
	isOwner:     "r.obj.Owner == r.sub.ID",
	isColleague: "r.obj.Department == r.sub.Department && r.obj.Status != 'archived'",
	isCleared:   "r.obj.Level <= r.sub.Clearance",
}

// casbinSubject and casbinObject are what requests carry: casbin knows no attributes.
type casbinSubject struct {
	ID, Department string
	Clearance      int
}

type casbinObject struct {
	Type, Owner, Department, Status string
	Level                           int
}

func setUpCasbin(w *workload) (decide, error) {
	conditions := map[condition]bool{}
	for _, r := range w.roles {
		for _, rule := range r.rules {
			conditions[rule.when] = true
		}
	}
	definition := casbinRoles
	switch {
	case w.parents != nil:
		definition = casbinTree
	case len(conditions) > 1:
		definition = casbinRules
	case conditions[isOwner]:
		definition = casbinOwner
	}
	m, err := casbinmodel.NewModelFromString(definition)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	if w.groups != nil {
		e.SetRoleManager(defaultrolemanager.NewRoleManager(64)) // the usual one stops at 10 levels
	}
	var policies, memberships, units [][]string
	rules := map[string][]rule{}
	for _, r := range w.roles {
		rules[r.name] = r.rules
		for _, rule := range r.rules {
			policy := []string{r.name, rule.resourceType, rule.action}
			if len(conditions) > 1 {
				policy = append(policy, casbinConditions[rule.when])
			}
			if w.parents == nil {
				policies = append(policies, policy)
			}
		}
	}
	for _, g := range w.groups {
		for _, above := range append(append([]string{}, g.in...), g.roles...) {
			memberships = append(memberships, []string{g.name, above})
		}
	}
	for _, u := range w.users {
		if w.parents == nil {
			for _, above := range append(append([]string{}, u.roles...), u.groups...) {
				memberships = append(memberships, []string{u.id, above})
			}
			continue
		}
		for _, name := range u.roles { // a policy for each user and unit: roles alone cannot say which units
			for _, rule := range rules[name] {
				for _, unit := range u.units {
					policies = append(policies, []string{u.id, rule.resourceType, rule.action, unit})
				}
			}
		}
	}
	for unit, parent := range w.parents {
		if parent != "" {
			units = append(units, []string{unit, parent})
		}
	}
	if _, err := e.AddPolicies(policies); err != nil {
		return nil, err
	}
	if len(memberships) > 0 {
		if _, err := e.AddGroupingPolicies(memberships); err != nil {
			return nil, err
		}
	}
	if len(units) > 0 {
		if _, err := e.AddNamedGroupingPolicies("g2", units); err != nil {
			return nil, err
		}
	}

	users := make(map[string]*user, len(w.users))
	for i := range w.users {
		users[w.users[i].id] = &w.users[i]
	}
	requests := make([][]any, len(w.requests))
	for i, r := range w.requests {
		switch {
		case w.parents != nil:
			requests[i] = []any{r.user, r.resourceType, r.action, r.record.unit}
		case w.unconditional:
			requests[i] = []any{r.user, r.resourceType, r.action}
		default:
			u := users[r.user]
			requests[i] = []any{
				casbinSubject{u.id, u.department, u.clearance},
				casbinObject{r.resourceType, r.record.owner, r.record.department, r.record.status, r.record.level}, r.action,
			}
		}
	}
	return func(i int) (bool, error) { return e.Enforce(requests[i]...) }, nil
}
