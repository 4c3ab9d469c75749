package enginetest

import (
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// dynamicLinks are the declared dynamic link fields that user permissions look at.
func dynamicLinks(t *v1alpha1.ResourceType) []v1alpha1.Field {
	return slices.DeleteFunc(slices.Clone(t.Spec.Fields), func(f v1alpha1.Field) bool {
		return f.LinksToField == "" || f.IgnoreUserPermissions || string(f.Name) == t.Spec.ParentField
	})
}

// restricts reports whether user permissions, or strictness, restrict links to a type.
func (e *evaluation) restricts(allow string) bool {
	return len(e.permissionsFor(allow)) > 0 || e.strict(allow) && e.only == nil
}

// dynamicViolations is every dynamic link field: each value against UP(T), where T stands beside it.
func (e *evaluation) dynamicViolations(properties map[string]any) []engine.Violation {
	var violations []engine.Violation
	for _, field := range dynamicLinks(e.target) {
		some := slices.ContainsFunc(e.resourceTypes(), func(t *v1alpha1.ResourceType) bool { return e.restricts(t.TypeName()) })
		if !some {
			continue
		}
		path := strings.Split(string(field.Name), ".")
		last := len(path) - 1
		for _, holder := range follow(properties, path[:last]) {
			object, isObject := holder.value.(map[string]any)
			switch {
			case holder.unknown:
				object = map[string]any{}
			case holder.odd || !isObject && !isEmpty(holder.value):
				violations = append(violations, engine.Violation{Field: string(field.Name), Value: holder.value, Allow: v1alpha1.Any, Cause: engine.CauseNotAllowed})
				continue
			case !isObject: // an empty one has neither
				object = map[string]any{path[last]: nil, field.LinksToField: nil}
			}
			violations = append(violations, e.besideViolations(&field, object, path)...)
		}
	}
	return violations
}

// besideViolations are those of one object that has a dynamic link and the name of its type.
func (e *evaluation) besideViolations(field *v1alpha1.Field, object map[string]any, path []string) []engine.Violation {
	var violations []engine.Violation
	fail := func(allow string, value any, cause engine.ViolationCause) {
		violations = append(violations, engine.Violation{Field: string(field.Name), Value: value, Allow: allow, Cause: cause})
	}
	creating := e.act.Class == v1alpha1.ClassCreate && !e.aboutType()
	by, typed := object[field.LinksToField]
	name, isText := by.(string)
	for _, at := range follow(object, path[len(path)-1:]) {
		if at.unknown && creating {
			at = found{}
		}
		id, isID := recordID(at.value)
		empty := !at.unknown && isEmpty(at.value)
		switch {
		case !typed && !creating:
			e.missedTypes = append(e.missedTypes, strings.Join(append(slices.Clone(path[:len(path)-1]), field.LinksToField), "."))
			fail(v1alpha1.Any, nil, engine.CauseMissing)
		case isEmpty(by) && empty:
		case isEmpty(by) && at.unknown:
			e.missedTypes = append(e.missedTypes, string(field.Name))
			fail(v1alpha1.Any, nil, engine.CauseMissing)
		case (isEmpty(by) || !isText) && empty:
			fail(v1alpha1.Any, nil, engine.CauseNotAllowed)
		case isEmpty(by) || !isText:
			fail(v1alpha1.Any, at.value, engine.CauseNotAllowed)
		default:
			if _, exists := e.resourceType(name); !exists || !e.restricts(name) {
				continue
			}
			permissions := e.permissionsFor(name)
			switch {
			case at.unknown:
				fail(name, nil, engine.CauseMissing)
			case empty:
				if e.deniesEmpty(name) {
					fail(name, nil, engine.CauseEmpty)
				}
			case len(permissions) == 0:
				fail(name, at.value, engine.CauseStrict)
			case at.odd || !isID || !e.allowedBy(permissions, name)[id]:
				fail(name, at.value, engine.CauseNotAllowed)
			}
		}
	}
	return violations
}

// naiveRecords are the records of the domain for expressions.
type naiveRecords struct{ *Naive }

// LinkField implements expr.Records.
func (n naiveRecords) LinkField(resourceType, field string) (target, by string, ok bool) {
	t, ok := n.resourceType(resourceType)
	if !ok || strings.Contains(field, ".") {
		return "", "", false
	}
	for _, f := range t.Spec.Fields {
		if string(f.Name) == field && (f.LinksTo != "" || f.LinksToField != "") {
			return f.LinksTo, f.LinksToField, true
		}
	}
	return "", "", false
}

// Stored implements expr.Records.
func (n naiveRecords) Stored(resourceType, id string) (map[string]any, bool) {
	record := n.record(resourceType, id)
	return jsonValues(record.Properties), record.ID != ""
}

// Depth implements expr.Records.
func (n naiveRecords) Depth(resourceType, id string) int { return len(n.above(resourceType, id)) }

// Under implements expr.Records.
func (n naiveRecords) Under(resourceType, id, ancestor string, _ int) (under, known bool) {
	return id == ancestor || slices.Contains(n.above(resourceType, id), ancestor), true
}

// above are the records above another one, each once.
func (n naiveRecords) above(resourceType, id string) []string {
	var above []string
	for {
		parent := string(n.record(resourceType, id).Parent)
		if parent == "" || slices.Contains(above, parent) {
			return above
		}
		above, id = append(above, parent), parent
	}
}

// IDs implements expr.Records.
func (n naiveRecords) IDs(resourceType string) []string {
	var ids []string
	for _, set := range objectsOf[*v1alpha1.RecordSet](n.Naive) {
		for _, record := range set.Spec.Records {
			if string(set.Spec.ResourceType) == resourceType {
				ids = append(ids, string(record.ID))
			}
		}
	}
	return sortedSet(ids)
}

// Types implements expr.Records.
func (n naiveRecords) Types() []string {
	var names []string
	for _, set := range objectsOf[*v1alpha1.RecordSet](n.Naive) {
		names = append(names, string(set.Spec.ResourceType))
	}
	return sortedSet(names)
}
