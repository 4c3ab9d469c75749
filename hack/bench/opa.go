package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// opaPolicy is one policy for all workloads of a shape; who may do what is data in the store. Its parts are
// left out where the workload has nothing of the kind.
const (
	opaHead = `package authz

default allow := false

`
	opaRoles = `allow if {
	some role in data.users[input.user].roles
	input.action in data.roles[role][input.type]
}
`
	opaConditions = `allow if {
	some role in data.users[input.user].roles
	some rule in data.roles[role][input.type]
	rule.action == input.action
	holds(rule.when)
}

holds("owner") if input.record.owner == input.user

holds("colleague") if {
	input.record.department == data.users[input.user].department
	input.record.status != "archived"
}

holds("cleared") if input.record.level <= data.users[input.user].clearance
`
	opaTree = `allow if {
	some role in data.users[input.user].roles
	input.action in data.roles[role][input.type]
	units := graph.reachable(data.above, {input.record.unit})
	some unit in data.users[input.user].units
	unit in units
}
`
	opaGroups = `allow if {
	some group in graph.reachable(data.around, data.users[input.user].groups)
	some role in data.groups[group]
	input.action in data.roles[role][input.type]
}
`
)

func setUpOPA(w *workload) (decide, error) {
	policy := opaHead + opaRoles
	conditional := !w.unconditional && w.parents == nil
	switch {
	case conditional:
		policy = opaHead + opaConditions
	case w.parents != nil:
		policy = opaHead + opaTree
	case w.groups != nil:
		policy = opaHead + opaGroups
	}
	roles, users, above, around, groups := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range w.roles {
		gives := map[string]any{}
		for _, rule := range r.rules {
			var entry any = rule.action
			if conditional {
				entry = map[string]any{"action": rule.action, "when": string(rule.when)}
			}
			list, _ := gives[rule.resourceType].([]any)
			gives[rule.resourceType] = append(list, entry)
		}
		roles[r.name] = gives
	}
	for _, u := range w.users {
		users[u.id] = map[string]any{
			"roles": list(u.roles), "groups": list(u.groups), "units": list(u.units), "department": u.department, "clearance": u.clearance,
		}
	}
	for unit, parent := range w.parents {
		above[unit] = []any{}
		if parent != "" {
			above[unit] = []any{parent}
		}
	}
	for _, g := range w.groups {
		around[g.name], groups[g.name] = list(g.in), list(g.roles)
	}
	data := map[string]any{"roles": roles, "users": users, "above": above, "around": around, "groups": groups}

	ctx := context.Background()
	// Values as the evaluation needs them: otherwise each request would convert what it reads.
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	query, err := rego.New(rego.Query("data.authz.allow"), rego.Module("authz.rego", policy), rego.Store(store)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	inputs := make([]ast.Value, len(w.requests))
	for i, r := range w.requests {
		inputs[i], err = ast.InterfaceToValue(map[string]any{
			"user": r.user, "action": r.action, "type": r.resourceType, "id": r.id,
			"record": map[string]any{"owner": r.record.owner, "department": r.record.department, "status": r.record.status, "level": r.record.level, "unit": r.record.unit},
		})
		if err != nil {
			return nil, err
		}
	}
	return func(i int) (bool, error) {
		results, err := query.Eval(ctx, rego.EvalParsedInput(inputs[i]))
		return results.Allowed(), err
	}, nil
}

func list(names []string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = name
	}
	return values
}
