package enginetest

import (
	"maps"

	"github.com/remit-authz/remit/internal/engine"
)

// Request makes a request that fits the domain of the objects more often than not.
func Request(s Source, objects []engine.Object) *engine.Request {
	g := generator{s}
	req := &engine.Request{
		Subject:  engine.Subject{Type: "user", ID: pick(s, userNames...)},
		Action:   engine.Action{Name: pick(s, actionNames...)},
		Resource: engine.Resource{Type: pick(s, typeNames...)},
	}
	if types := (&Naive{objects: objects}).resourceTypes(); len(types) > 0 && chance(s, 97) {
		t := pick(s, types...)
		req.Resource.Type = t.TypeName()
		if chance(s, 97) {
			req.Action.Name = string(pick(s, actions(t)...).Name)
		}
	}
	req.Resource.ID = pick(s, idsOf(req.Resource.Type)...)
	g.subject(&req.Subject)
	if chance(s, 50) {
		req.Resource.Properties = g.properties(pick(s, 45, 80, 15))
	}
	if req.Action.Name != "read" || chance(s, 20) {
		if chance(s, 75) {
			values := g.properties(pick(s, 15, 35))
			g.values(&req.Action, values)
		}
	}
	if chance(s, 45) {
		fields := []any{}
		for _, field := range some(s, 18, "status", "owner", "amount", "company", "warehouse", "items", "items.warehouse", "meta.company", "note") {
			fields = append(fields, field)
		}
		if chance(s, 10) {
			fields = append(fields, "*")
		}
		req.Action.Properties = with(req.Action.Properties, "fields", fields)
	}
	if chance(s, 60) {
		req.Context = g.context()
	}
	g.oddities(req)
	return req
}

func (g generator) values(action *engine.Action, values map[string]any) {
	action.Properties = with(action.Properties, "values", values)
}

func with(object map[string]any, key string, value any) map[string]any {
	changed := maps.Clone(object)
	if changed == nil {
		changed = map[string]any{}
	}
	changed[key] = value
	return changed
}

func (g generator) subject(subject *engine.Subject) {
	switch g.IntN(20) {
	case 0:
		subject.ID = pick(g, "zoe", "fay", "gil", "hal", "ivy")
	case 1:
		subject.Type = engine.AnonymousType
		subject.ID = pick(g, "", "ann")
	case 2:
		subject.Type = pick(g, "employee", "robot")
	case 3:
		subject.ID = "dee@example.com"
	}
	if chance(g, 55) {
		return
	}
	claims := map[string]any{}
	if chance(g, 40) {
		claims[pick(g, "groups", "memberOf")] = pick[any](g, []any{"idp:one"}, []any{"idp:one", "idp:two"}, []any{"other", int64(1), "idp:two"}, "idp:one", nil, []any{})
	}
	if chance(g, 40) {
		claims[pick(g, "mfa", "second")] = pick[any](g, true, false, "true", nil, int64(1))
	}
	if chance(g, 25) {
		claims["amr"] = pick[any](g, []any{"pwd", "mfa"}, []any{"pwd"}, "mfa", nil)
	}
	if chance(g, 40) {
		claims[pick(g, "scopes", "scp")] = pick[any](g, []any{"a:staff"}, "openid a:staff", "team", "a:staffing", []any{"x", int64(2)}, nil, true)
	}
	if chance(g, 30) {
		claims["tier"] = pick[any](g, "gold", "tin", nil)
	}
	subject.Properties = claims
}

func (g generator) context() map[string]any {
	context := map[string]any{}
	if chance(g, 70) {
		context["ip"] = pick[any](g, "10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.9.9.9", "198.51.100.4", "203.0.113.9", "2001:db8::1%eth0", "10.1.2", "", nil, int64(10))
	}
	if chance(g, 45) {
		context["mfa"] = pick[any](g, true, false, "true", nil)
	}
	if chance(g, 30) {
		context["note"] = pick[any](g, "b", "x", nil)
	}
	return context
}

// oddities make a request malformed, or name what does not exist.
func (g generator) oddities(req *engine.Request) {
	switch g.IntN(200) {
	case 1:
		req.Resource.Type = pick(g, "gone", "")
	case 2:
		req.Action.Name = pick(g, "fly", "", "*")
	case 3:
		req.Subject.Type = pick(g, "", "thing")
	case 4:
		req.Subject.ID = ""
	case 5:
		g.values(&req.Action, map[string]any{"a.b": int64(1)})
	case 6:
		req.Resource.Properties = with(req.Resource.Properties, "items.warehouse", "w1")
	case 7:
		req.Action.Properties = with(req.Action.Properties, "values", pick[any](g, nil, "x", []any{}))
	case 8:
		req.Action.Properties = with(req.Action.Properties, "fields", pick[any](g, nil, "x", []any{int64(1)}, []any{nil}))
	case 9:
		req.Resource.ID = "elsewhere"
	case 10, 11, 12, 13, 14, 15:
		req.Resource.ID = "" // about every record
	}
}

// Record makes a record as a table has it: an id, and every property that generated expressions and links
// name, null where there is nothing.
func Record(s Source, resourceType string) (id string, properties map[string]any) {
	g := generator{s}
	properties = g.properties(70)
	for _, field := range fieldNames {
		if _, ok := properties[field]; !ok {
			properties[field] = nil
		}
	}
	return pick(s, append(idsOf(resourceType), "elsewhere")...), properties
}
