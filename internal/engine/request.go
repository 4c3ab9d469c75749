package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/expr"
)

// Request asks whether a subject may take an action on a record. JSON values in it have the Go types of
// expr.ParseJSON. A nil map is {}. The engine does not change a request, and keeps nothing of it.
type Request struct {
	Subject  Subject
	Action   Action
	Resource Resource
	// Context describes the circumstances; the engine itself reads ip (a string) and mfa (a boolean).
	Context map[string]any
	// Interrupt is asked between expressions, and between the candidates of a search, whether to go on: an error ends the
	// work with that error. Nil never ends it.
	Interrupt func() error `json:"-"`
}

// Subject is who asks to act. The type "anonymous" stands for nobody in particular (S2).
type Subject struct {
	Type, ID   string
	Properties map[string]any
}

// Action is what the subject wants to do. The properties that the engine reads are values (an object: what
// a Create or Update submits) and fields (a list of strings: what a Read asks for).
type Action struct {
	Name       string
	Properties map[string]any
}

// Resource is the record that the action is about. Without an ID it is every record of the type that has the
// properties, see Domain.AskType.
type Resource struct {
	Type, ID   string
	Properties map[string]any
}

// AnonymousType is the type of subjects that are not signed in.
const AnonymousType = "anonymous"

// RequestError is a malformed request: an error before any stage, never a decision.
type RequestError struct {
	// Field is the path of the field in the request, for example "subject.id".
	Field string
	// Message says what is wrong with it.
	Message string
}

func (e *RequestError) Error() string { return e.Field + ": " + e.Message }

// BudgetError means that the expressions that a request needs cost too much together (see "Bounds" in the semantics):
// there is no decision.
type BudgetError = expr.BudgetError

// requirements are the parts that a request must have; a search leaves out what it searches for.
type requirements struct{ subject, action bool }

var everythingNamed = requirements{subject: true, action: true}

// validate carries out the section "Malformed requests". resource.id is not required: only HTTP asks for it.
func (r *Request) validate(needs requirements) error {
	switch {
	case r.Subject.Type == "":
		return &RequestError{"subject.type", "is required"}
	case needs.subject && r.Subject.ID == "" && r.Subject.Type != AnonymousType:
		return &RequestError{"subject.id", "is required"}
	case needs.action && r.Action.Name == "":
		return &RequestError{"action.name", "is required"}
	case r.Resource.Type == "":
		return &RequestError{"resource.type", "is required"}
	}
	switch {
	case strings.ContainsRune(r.Subject.ID, 0):
		return &RequestError{"subject.id", "must not contain NUL"}
	case strings.ContainsRune(r.Resource.ID, 0):
		return &RequestError{"resource.id", "must not contain NUL"}
	}
	if len(r.Action.Properties) == 0 {
		return nil
	}
	if wrong := misspelled(r.Action.Properties); wrong != "" {
		return &RequestError{"action.properties." + wrong, "must be written " + strings.ToLower(wrong)}
	}
	if values, ok := r.Action.Properties["values"]; ok && values != nil {
		object, ok := values.(map[string]any)
		if !ok {
			return &RequestError{"action.properties.values", "must be an object: what the action submits, by field"}
		}
		if err := dotless("action.properties.values", object); err != nil {
			return err
		}
	}
	if fields, ok := r.Action.Properties["fields"]; ok && fields != nil {
		list, ok := fields.([]any)
		if !ok || slices.ContainsFunc(list, func(f any) bool { _, isString := f.(string); return !isString }) {
			return &RequestError{"action.properties.fields", "must be a list of strings"}
		}
	}
	return nil
}

// misspelled is the first name of a member that differs in case alone from one that the engine reads; "" if there is none.
func misspelled(properties map[string]any) string {
	wrong := ""
	for name := range properties {
		for _, known := range [...]string{"values", "fields"} {
			if name != known && strings.EqualFold(name, known) && (wrong == "" || name < wrong) {
				wrong = name
			}
		}
	}
	return wrong
}

func dotless(field string, values map[string]any) error {
	for name := range values {
		if strings.Contains(name, ".") {
			return &RequestError{field, fmt.Sprintf("the key %q has a dot; submitted values are named by their top-level names", name)}
		}
	}
	return nil
}

// submitted are the values that a Create or Update submits: action.properties.values, or for a Create
// without it resource.properties.
func (r *Request) submitted(create bool) (map[string]any, error) {
	if values, ok := r.Action.Properties["values"].(map[string]any); ok {
		return values, nil
	}
	if !create {
		return nil, nil
	}
	return r.Resource.Properties, dotless("resource.properties", r.Resource.Properties)
}

// askedFields are the fields that a Read asks for, if any.
func (r *Request) askedFields() []string {
	list, _ := r.Action.Properties["fields"].([]any)
	if len(list) == 0 {
		return nil
	}
	fields := make([]string, 0, len(list))
	for _, field := range list {
		name, _ := field.(string) // validate has seen to it
		fields = append(fields, name)
	}
	return fields
}
