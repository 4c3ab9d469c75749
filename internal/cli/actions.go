package cli

import (
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// level is what a user can do with an action of a type, by its effective permissions.
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
	for _, name := range d.ResourceTypes() {
		resourceType, _ := d.ResourceType(name)
		actions := engine.ActionsOf(resourceType)
		for i := range actions {
			if name := string(actions[i].Name); !slices.Contains(t.names, name) {
				t.names = append(t.names, name)
			}
		}
		t.byType[name] = actions
	}
	return t
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
