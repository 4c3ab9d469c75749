package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Actions are the actions of a type in the order in which it declares them. It is an error if there is no such type.
func Actions(d *engine.Domain, resourceType string) ([]v1alpha1.Action, error) {
	known, ok := d.ResourceType(resourceType)
	if !ok {
		return nil, fmt.Errorf("%s; it has %s", noType(d, resourceType), Listed(d.ResourceTypes()))
	}
	return engine.ActionsOf(known), nil
}

// ActionNames are the names of Actions; none if there is no such type.
func ActionNames(d *engine.Domain, resourceType string) []string {
	actions, _ := Actions(d, resourceType)
	names := make([]string, len(actions))
	for i := range actions {
		names[i] = string(actions[i].Name)
	}
	return names
}

// RequireAction is an error if there is no such type, or the type does not declare the action.
func RequireAction(d *engine.Domain, resourceType, action string) error {
	if _, err := Actions(d, resourceType); err != nil {
		return err
	}
	if names := ActionNames(d, resourceType); !slices.Contains(names, action) {
		return fmt.Errorf("%s; it has %s", noAction(d, resourceType, action), strings.Join(names, ", "))
	}
	return nil
}

// ReadAction is the action that reads the records of a type: the one that is asked for, else read, else the first of
// class Read.
func ReadAction(d *engine.Domain, resourceType, asked string) (string, error) {
	actions, err := Actions(d, resourceType)
	if err != nil {
		return "", err
	}
	names, found := ActionNames(d, resourceType), ""
	for i, name := range names {
		if actions[i].Class == v1alpha1.ClassRead && (found == "" || name == "read") {
			found = name
		}
	}
	switch {
	case asked != "" && slices.Contains(names, asked):
		return asked, nil
	case asked != "":
		return "", mistake("--action %s: the resource type %s has no such action%s; it has %s",
			asked, resourceType, didYouMean(asked, names), strings.Join(names, ", "))
	case found == "":
		return "", mistake("the resource type %s has no action of class Read; choose one with --action: %s", resourceType, strings.Join(names, ", "))
	}
	return found, nil
}

// Unknown tells which names of a question the domain does not know, with the nearest that it does: the type, or else
// the action. It tells of a user only if another one has nearly that name: users whom no object names are nothing
// unusual. Empty parts are not looked at.
func Unknown(d *engine.Domain, user, action, resourceType string) []string {
	var told []string
	switch known := slices.Contains(d.ResourceTypes(), resourceType); {
	case resourceType == "":
	case !known:
		told = append(told, fmt.Sprintf("%s; it has %s", noType(d, resourceType), Listed(d.ResourceTypes())))
	case action != "" && !slices.Contains(ActionNames(d, resourceType), action):
		told = append(told, fmt.Sprintf("%s; it has %s", noAction(d, resourceType, action), strings.Join(ActionNames(d, resourceType), ", ")))
	}
	if near := NearUser(d, user); near != "" {
		told = append(told, fmt.Sprintf("no object names the user %q; did you mean %s?", user, near))
	}
	return told
}

// NearUser is the known user whose id is nearly that of one whom no object names; empty if there is none.
func NearUser(d *engine.Domain, user string) string {
	if user == "" || d.Knows(user) {
		return ""
	}
	return engine.Nearest(user, d.Users())
}

func noType(d *engine.Domain, name string) string {
	return fmt.Sprintf("the domain has no resource type %q%s", name, didYouMean(name, d.ResourceTypes()))
}

func noAction(d *engine.Domain, resourceType, name string) string {
	return fmt.Sprintf("the resource type %s has no action %q%s", resourceType, name, didYouMean(name, ActionNames(d, resourceType)))
}

func didYouMean(name string, candidates []string) string {
	if near := engine.Nearest(name, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// Listed is a list of names in a sentence; of many, the first.
func Listed(names []string) string {
	const most = 10
	if len(names) == 0 {
		return "none"
	}
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
