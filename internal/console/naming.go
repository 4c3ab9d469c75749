package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// ruleLine is a rule that names a type, and where it stands.
type ruleLine struct {
	Object engine.Ref
	Field  string
	// Grants are the access or the actions, Fields those that it covers, as written.
	Grants, Fields string
	Condition      string
	// More says what else the rule has.
	More string
}

// rulesNaming returns the rules that decisions read and that name a type.
func rulesNaming(d *engine.Domain, t *v1alpha1.ResourceType) []ruleLine {
	var lines []ruleLine
	add := func(object engine.Ref, path string, rules []v1alpha1.Rule) {
		for i := range rules {
			if rule := &rules[i]; engine.Names(rule.Resources, rule.Areas, t) {
				lines = append(lines, ruleLine{
					Object: object, Field: fmt.Sprintf("%s[%d]", path, i),
					Grants: string(rule.Access) + joined(rule.Actions), Fields: fieldsOf(rule),
					Condition: string(rule.Condition), More: besides(rule),
				})
			}
		}
	}
	for _, kind := range kinds.Table {
		if !kind.HasRules() {
			continue // spares going through all users
		}
		for _, object := range d.Objects(kind.Kind) {
			for _, list := range kind.Parts(object).Rules {
				if !list.Inert {
					add(engine.Ref{Kind: kind.Kind, Name: object.GetName()}, list.Path, *list.Rules)
				}
			}
		}
	}
	return lines
}

// besides names what a rule has besides a condition.
func besides(rule *v1alpha1.Rule) string {
	var parts []string
	for _, part := range []struct {
		one   string
		count int
	}{{"validation", len(rule.Validations)}, {"preset", len(rule.Presets) + len(rule.PresetExpressions)}} {
		switch {
		case part.count == 1:
			parts = append(parts, "1 "+part.one)
		case part.count > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", part.count, part.one))
		}
	}
	return strings.Join(parts, ", ")
}

// specialLine is what a special permission says of a type.
type specialLine struct {
	Object       engine.Ref
	User, Access string
	// State is whether it is in force, and Why it was made.
	State, Why string
}

// specialsNaming are the special permissions that name a type.
func specialsNaming(d *engine.Domain, t *v1alpha1.ResourceType, now time.Time) []specialLine {
	var lines []specialLine
	for _, object := range d.Objects(engine.KindSpecialPermission) {
		special, ok := object.(*v1alpha1.SpecialPermission)
		if !ok {
			continue
		}
		state, _ := d.SpecialPermissionState(special.Name, now)
		for _, entry := range special.Spec.Permissions {
			if engine.Names(entry.Resources, entry.Areas, t) {
				lines = append(lines, specialLine{
					Object: engine.Ref{Kind: engine.KindSpecialPermission, Name: special.Name}, User: string(special.Spec.User),
					Access: string(entry.Access), State: state.Reason, Why: special.Spec.Reason,
				})
			}
		}
	}
	return lines
}

// userPermissionLine is a user permission on the records of a type.
type userPermissionLine struct {
	Object engine.Ref
	// User or Group that it restricts.
	User, Group string
	Values      string
	State       string
}

// mostValues are named of a user permission.
const mostValues = 10

// userPermissionsNaming are those that restrict to records of a type.
func userPermissionsNaming(d *engine.Domain, t *v1alpha1.ResourceType, now time.Time) []userPermissionLine {
	var lines []userPermissionLine
	for _, p := range d.UserPermissions() {
		if string(p.Spec.Allow) != t.TypeName() {
			continue
		}
		values := joined(p.Spec.ForValues[:min(len(p.Spec.ForValues), mostValues)])
		if more := len(p.Spec.ForValues) - mostValues; more > 0 {
			values += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, userPermissionLine{
			Object: engine.Ref{Kind: engine.KindUserPermission, Name: p.Name}, User: string(p.Spec.User), Group: string(p.Spec.Group),
			Values: values, State: engine.WindowReason(p.Spec.TimeWindow, now),
		})
	}
	return lines
}

func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = string(item)
	}
	return strings.Join(texts, ", ")
}

// fieldsOf are the fields that a rule covers, as written.
func fieldsOf(rule *v1alpha1.Rule) string {
	if len(rule.ExceptFields) > 0 {
		return "all but " + joined(rule.ExceptFields)
	}
	return joined(rule.Fields)
}
