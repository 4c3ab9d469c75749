package query

import (
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// ActionFound is what a user can do with an action.
type ActionFound struct {
	Action string
	// Extent is empty for a question about a record.
	Extent   engine.Extent
	Decision engine.Decision
}

// Can reports whether the user can take the action, on some record at least.
func (a *ActionFound) Can() bool {
	return a.Decision.Allow || a.Extent == engine.Some
}

// Message is a sentence about it.
func (a *ActionFound) Message() string { return Message(a.Extent, &a.Decision) }

// WhatCan answers for each action of a type what a user can do with a record, or with the type where the question names
// no record. The action's name does not count. It is an error if there is no such type.
func WhatCan(d *engine.Domain, asked *Asked) ([]ActionFound, error) {
	if _, err := Actions(d, asked.Resource.Type); err != nil {
		return nil, err
	}
	request := *asked.Request
	var actions []ActionFound
	for _, name := range ActionNames(d, asked.Resource.Type) {
		request.Action.Name = name
		found := ActionFound{Action: name}
		var err error
		if asked.IsAboutType() {
			found.Extent, found.Decision, err = d.ExtentOf(&request, asked.At)
		} else {
			found.Decision, err = d.Decide(&request, asked.At)
		}
		if err != nil {
			return nil, err
		}
		actions = append(actions, found)
	}
	return actions, nil
}

// TypeFound is what a user can do with a type.
type TypeFound struct {
	v1alpha1.EffectivePermission `json:",inline"`
	// Always and Some are actions, in the order in which the type declares them.
	Always []string `json:"always,omitempty"`
	Some   []string `json:"some,omitempty"`
}

// Extent is that of an action; empty where the type does not declare it.
func (t *TypeFound) Extent(d *engine.Domain, action string) engine.Extent {
	switch {
	case slices.Contains(t.Always, action):
		return engine.Always
	case slices.Contains(t.Some, action):
		return engine.Some
	case slices.Contains(ActionNames(d, t.Resource), action):
		return engine.Never
	}
	return ""
}

// Overview answers what a user can do with every type, without the circumstances of a request: what a second factor or
// another network would allow counts as some.
func Overview(d *engine.Domain, user string, now time.Time) []TypeFound {
	var types []TypeFound
	request := engine.Request{Subject: engine.Subject{Type: string(d.Policy().SubjectTypes[0]), ID: user}}
	for permission := range d.Matrix(user, now) {
		found := TypeFound{EffectivePermission: permission}
		request.Resource.Type = permission.Resource
		for _, name := range ActionNames(d, permission.Resource) {
			request.Action.Name = name
			extent, decision, err := d.ExtentOf(&request, now)
			switch {
			case err != nil: // nobody: there is no user to answer for
			case extent == engine.Always:
				found.Always = append(found.Always, name)
			case extent == engine.Some || len(decision.StepUp) > 0:
				found.Some = append(found.Some, name)
			}
		}
		types = append(types, found)
	}
	return types
}
