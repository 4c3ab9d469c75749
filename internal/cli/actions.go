package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// level is what a user may do with an action of a type.
type level string

// The levels.
const (
	allowed     level = "allowed"
	conditional level = "conditional"
	denied      level = "denied"
	undeclared  level = "" // the type does not have the action
)

// marks are how tables show the levels.
var marks = map[level]cell{allowed: {"yes", green}, conditional: {"if", yellow}, denied: {"-", faint}, undeclared: {}}

// actionTable has the actions of all types of a domain.
type actionTable struct {
	// names are in the order in which the types, sorted by name, declare them.
	names  []string
	byType map[string][]v1alpha1.Action
}

func newActionTable(d domain) *actionTable {
	t := &actionTable{byType: map[string][]v1alpha1.Action{}}
	for _, object := range d.Objects(engine.KindResourceType) {
		resourceType, ok := object.(*v1alpha1.ResourceType)
		if !ok {
			continue
		}
		actions := engine.ActionsOf(resourceType)
		for i := range actions {
			if name := string(actions[i].Name); !slices.Contains(t.names, name) {
				t.names = append(t.names, name)
			}
		}
		t.byType[resourceType.Name] = actions
	}
	return t
}

// of are the actions of a type, as it declares them; an error where there is no such type.
func (t *actionTable) of(resourceType string) ([]v1alpha1.Action, error) {
	actions, ok := t.byType[resourceType]
	if !ok {
		return nil, fmt.Errorf("the domain has no resource type %q; it has %s", resourceType, listed(sortedKeys(t.byType)))
	}
	return actions, nil
}

// has is an error where the type does not have the action.
func (t *actionTable) has(resourceType, action string) error {
	actions, err := t.of(resourceType)
	if err != nil || slices.ContainsFunc(actions, func(a v1alpha1.Action) bool { return string(a.Name) == action }) {
		return err
	}
	names := make([]string, len(actions))
	for i := range actions {
		names[i] = string(actions[i].Name)
	}
	return fmt.Errorf("the resource type %s has no action %q; it has %s", resourceType, action, strings.Join(names, ", "))
}

// reading is the action that reads the records of a type: the one that is asked for, else read, else the
// first of class Read.
func (t *actionTable) reading(resourceType, asked string) (string, error) {
	actions, err := t.of(resourceType)
	if err != nil {
		return "", err
	}
	var names []string
	found := ""
	for i := range actions {
		name := string(actions[i].Name)
		names = append(names, name)
		if actions[i].Class == v1alpha1.ClassRead && (found == "" || name == "read") {
			found = name
		}
	}
	switch {
	case asked != "" && slices.Contains(names, asked):
		return asked, nil
	case asked != "":
		return "", usagef("--action %s: the resource type %s has no such action; it has %s", asked, resourceType, strings.Join(names, ", "))
	case found == "":
		return "", usagef("the resource type %s has no action of class Read; choose one with --action: %s", resourceType, strings.Join(names, ", "))
	}
	return found, nil
}

// level is that of an action of the type.
func (t *actionTable) level(permission *v1alpha1.EffectivePermission, action string) level {
	switch {
	case slices.Contains(permission.Allowed, action):
		return allowed
	case slices.Contains(permission.Conditional, action):
		return conditional
	case slices.ContainsFunc(t.byType[permission.Resource], func(a v1alpha1.Action) bool { return string(a.Name) == action }):
		return denied
	}
	return undeclared
}

// listed is a list of names in a sentence; of many, the first.
func listed(names []string) string {
	const most = 10
	if len(names) == 0 {
		return "none"
	}
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
