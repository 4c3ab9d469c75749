package permissiontest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
)

// unknownNames tells of names in a test that its domain does not know, with the nearest that it does: a test that asks
// about a misspelt name passes for the wrong reason. Of users, and of fields, only those are told that are nearly known
// ones; who expects a reason that says so means the name.
func (t *test) unknownNames(d *engine.Domain) []string {
	asked := t.asked()
	if asked == nil {
		return nil // what is admitted, admission warns of
	}
	searched := ""
	if t.Search != nil {
		searched = t.Search.Kind
	}
	user, action, resource := asked.Subject.ID, asked.Action.Name, asked.Resource.Type
	if searched == searchSubject || asked.Subject.Type != "" && asked.Subject.Type != "user" {
		user = ""
	}
	if searched == searchAction || t.Expect.Reason == string(engine.ReasonUnknownAction) {
		action = ""
	}
	if t.Expect.Reason == string(engine.ReasonUnknownResourceType) {
		resource = ""
	}
	told := query.Unknown(d, user, action, resource)
	if _, known := d.ResourceType(resource); !known && action != "" && resource != "" {
		told = append(told, unknownAnywhere(d, action)...)
	}
	if resource != "" {
		told = append(told, t.unknownFields(d, asked, resource)...)
	}
	return append(told, t.unknownResults(d)...)
}

// unknownAnywhere tells of an action that no type has.
func unknownAnywhere(d *engine.Domain, action string) []string {
	known := map[string]bool{}
	for _, name := range d.ResourceTypes() {
		for _, have := range query.ActionNames(d, name) {
			known[have] = true
		}
	}
	if known[action] {
		return nil
	}
	return []string{fmt.Sprintf("no resource type has the action %q%s", action, meant(action, slices.Sorted(maps.Keys(known))))}
}

// unknownFields tells of fields that are nearly those that the type declares.
func (t *test) unknownFields(d *engine.Domain, asked *request, resource string) []string {
	object, ok := d.ResourceType(resource)
	if !ok {
		return nil
	}
	declared := map[string]bool{}
	for _, f := range object.Spec.Fields {
		declared[string(f.Name)] = true
		top, _, _ := strings.Cut(string(f.Name), ".")
		declared[top] = true
	}
	candidates := slices.Sorted(maps.Keys(declared))
	var used []string
	for _, fields := range [][]string{t.Expect.Fields, t.Expect.ExceptFields, t.Expect.MissingProperties, t.Expect.Violations, slices.Sorted(maps.Keys(t.Expect.Presets))} {
		used = append(used, fields...)
	}
	used = append(used, slices.Sorted(maps.Keys(asked.Resource.Properties))...)
	submitted, _ := asked.Action.Properties["values"].(map[string]any)
	used = append(used, slices.Sorted(maps.Keys(submitted))...)
	if read, ok := asked.Action.Properties["fields"].([]any); ok {
		for _, field := range read {
			if name, ok := field.(string); ok {
				used = append(used, name)
			}
		}
	}
	slices.Sort(used)
	var told []string
	for _, name := range slices.Compact(used) {
		if near := engine.Nearest(name, candidates); !declared[name] && near != "" {
			told = append(told, fmt.Sprintf("the resource type %s declares no field %q; did you mean %s?", resource, name, near))
		}
	}
	return told
}

// unknownResults tells of names that an expectation lists and that nothing can result in.
func (t *test) unknownResults(d *engine.Domain) []string {
	var told []string
	tell := func(what, name string, candidates []string) {
		if !slices.Contains(candidates, name) {
			told = append(told, fmt.Sprintf("the manifests have no %s %q%s", what, name, meant(name, candidates)))
		}
	}
	if t.Search != nil {
		for _, name := range t.Expect.Results {
			switch t.Search.Kind {
			case searchSubject:
				tell("user", name, d.Users())
			case searchAction:
				tell("action", name, query.ActionNames(d, t.Search.Request.Resource.Type))
			}
		}
	}
	if t.Effective == nil {
		return told
	}
	actions := query.ActionNames(d, t.Effective.Resource)
	for _, name := range slices.Concat(t.Expect.Allowed, t.Expect.Conditional) {
		if t.Effective.Resource != "" {
			tell("action", name, actions)
		}
	}
	for _, name := range t.Expect.Groups {
		tell("group", name, d.Names(engine.KindGroup))
	}
	for _, refs := range [][]string{t.Expect.DecidedBy, t.Expect.Overridden} {
		for _, ref := range refs {
			kind, name, _ := strings.Cut(ref, "/")
			if names := d.Names(engine.Kind(kind)); len(names) > 0 {
				tell(kind, name, names)
			}
		}
	}
	return told
}

func meant(name string, candidates []string) string {
	if near := engine.Nearest(name, candidates); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
