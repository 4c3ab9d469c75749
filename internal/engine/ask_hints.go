package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Hints are about parts of an object that work as they are written, and may let through more than their author thinks of:
// negations that hold for null, and links that may be empty. They are for who checks manifests, and in no status.
func (d *Domain) Hints(ref Ref) []Problem {
	c, ok := d.objects(ref.Kind).find(ref.Name)
	if !ok {
		return nil
	}
	var hints []Problem
	if object, ok := c.(conditional); ok {
		for path, condition := range object.otherConditions {
			hints = append(hints, negationHint(path, condition)...)
			if t, ok := c.(*resourceType); ok {
				hints = append(hints, linkHints(path, condition, []*resourceType{t})...)
			}
		}
	}
	if object, hasRules := c.(ruled); hasRules {
		for _, list := range object.ruleLists() {
			for _, r := range list.rules {
				at := fmt.Sprintf("%s[%d]", list.path, r.index)
				hints = append(hints, negationHints(at, r)...)
				types := d.typesNamed(list.ruleSet, r)
				for path, condition := range r.conditions(at) {
					hints = append(hints, linkHints(path, condition, types)...)
				}
			}
		}
	}
	return hints
}

func negationHints(at string, r *rule) []Problem {
	var hints []Problem
	for path, condition := range r.conditions(at) {
		hints = append(hints, negationHint(path, condition)...)
	}
	return hints
}

// conditions yields the condition and the validations of a rule by their paths.
func (r *rule) conditions(at string) func(yield func(path string, c *condition) bool) {
	return func(yield func(path string, c *condition) bool) {
		if r.condition != nil && !yield(at+".condition", r.condition) {
			return
		}
		for i := range r.validations {
			if !yield(fmt.Sprintf("%s.validations[%d].expression", at, i), &r.validations[i].condition) {
				return
			}
		}
	}
}

// linkHints are about declared links that a condition compares with something else than a record, which is never equal where
// the link comes as the record.
func linkHints(path string, c *condition, types []*resourceType) []Problem {
	if c == nil || c.program == nil {
		return nil
	}
	var hints []Problem
	for _, property := range c.program.Compared() {
		if !slices.ContainsFunc(types, func(t *resourceType) bool { return t.linkField(property) != nil }) {
			continue
		}
		hints = append(hints, Problem{Path: path, Value: c.text, Message: fmt.Sprintf(
			`%s is a link, which may come as a record ({"id": …}) and then equals no id; compare linkID(%s) instead`,
			property, selected(c.text, property))})
	}
	return hints
}

func negationHint(path string, c *condition) []Problem {
	if c == nil || c.program == nil {
		return nil
	}
	var hints []Problem
	for _, property := range c.program.Negations() {
		hints = append(hints, Problem{Path: path, Value: c.text, Message: fmt.Sprintf(
			`holds, too, where %s is null or ""; if it must not, add %s != null (and != '')`, property, selected(c.text, property))})
	}
	return hints
}

// selected is a property as an expression selects it.
func selected(text, property string) string {
	if strings.Contains(text, "proposed."+property) {
		return "proposed." + property
	}
	return "resource.properties." + property
}

// EmptyLinksHint is the hint at a domain that restricts records by links and leaves open what an empty link means, which is
// to pass; false where there is nothing to hint at. It belongs to the policy, or without one to the object
// of the first user permission.
func (d *Domain) EmptyLinksHint() (Ref, Problem, bool) {
	if d.policy.spec.EmptyLinks != "" {
		return Ref{}, Problem{}, false
	}
	restricted := map[string]bool{}
	first := ""
	for p := range d.eachUserPermission {
		restricted[p.allow] = true
		if first == "" || p.name < first {
			first = p.name
		}
	}
	for _, t := range d.typeList {
		for i := range t.links {
			l := &t.links[i]
			if l.by != "" || !restricted[l.target] || l.ignored || l.parent || d.policy.strict(l.target) {
				continue
			}
			hint := Problem{Message: fmt.Sprintf("emptyLinks is left open, so user permissions let through records of %s whose %s is empty; "+
				"set emptyLinks in the PermissionPolicy to Deny, or to Allow if that is meant", t.name, l.field)}
			if d.policy.object != nil {
				hint.Path = "spec"
				return PolicyRef, hint, true
			}
			return permissionObject(first), hint, true
		}
	}
	return Ref{}, Problem{}, false
}
