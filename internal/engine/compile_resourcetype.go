package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// resourceType is a compiled ResourceType.
type resourceType struct {
	whole[*v1alpha1.ResourceType]
	ref       Ref
	name      string     // what requests and other objects call it
	selectors []selector // what names the type in rules and special permissions
	actions   map[string]*action
	names     []string // of the actions, sorted
	links     []link
	dynamic   []int // which of them are dynamic, and looked at by user permissions
	guards    []guard
	parent    string // parentField, or empty
	required  []string
	open      ruleSet // the source of the case that an unrestricted type gives

	staffOnly, unrestricted bool
}

type action struct {
	name  string
	class v1alpha1.ActionClass
	// givenBy are the actions whose name in a rule gives this one: itself, and all that imply it.
	givenBy []string
}

func (a *action) writes() bool {
	return a.class == v1alpha1.ClassCreate || a.class == v1alpha1.ClassUpdate
}

// link is a declared field that holds ids of records of another type.
type link struct {
	field   string
	path    []string
	target  string // empty for a dynamic link
	by      string // of a dynamic link: the field beside it that holds the name of the type
	ignored bool   // by user permissions
	parent  bool   // it is the type's parentField
}

// usualActions are those of a type that declares none.
var usualActions = []v1alpha1.Action{
	{Name: "read", Class: v1alpha1.ClassRead},
	{Name: "create", Class: v1alpha1.ClassCreate},
	{Name: "update", Class: v1alpha1.ClassUpdate},
	{Name: "delete", Class: v1alpha1.ClassDelete},
}

// ActionsOf are the actions of a type in the order in which it declares them, or the usual ones.
func ActionsOf(object *v1alpha1.ResourceType) []v1alpha1.Action {
	if len(object.Spec.Actions) == 0 {
		return usualActions
	}
	return object.Spec.Actions
}

func compileResourceType(object *v1alpha1.ResourceType) *resourceType {
	t := &resourceType{
		whole:        whole[*v1alpha1.ResourceType]{object: object},
		ref:          Ref{KindResourceType, object.Name},
		name:         object.TypeName(),
		actions:      map[string]*action{},
		required:     texts(object.Spec.RequiredReadFields),
		open:         ruleSet{source: []Ref{{KindResourceType, object.Name}}},
		staffOnly:    object.Spec.StaffOnly,
		unrestricted: object.Spec.Unrestricted,
	}
	t.selectors = selectorsOf(t.name, object.Spec.Areas)
	declared := ActionsOf(object)
	for _, a := range declared {
		t.actions[string(a.Name)] = &action{name: string(a.Name), class: a.Class}
		t.names = append(t.names, string(a.Name))
	}
	slices.Sort(t.names)
	t.names = slices.Compact(t.names)
	for _, a := range declared {
		for name := range implied(declared, a.Name) {
			if given, ok := t.actions[string(name)]; ok {
				given.givenBy = append(given.givenBy, string(a.Name))
			}
		}
	}
	for i, f := range object.Spec.Fields {
		if !validPath(string(f.Name)) {
			t.problems = append(t.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.fields[%d].name", i), Value: string(f.Name),
				Message: "must be a property's name, or names joined by dots, such as items.warehouse",
			})
		}
		if f.LinksTo == "" && f.LinksToField == "" {
			continue
		}
		by := f.LinksToField
		switch {
		case f.LinksTo != "" && by != "":
			t.problems = append(t.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.fields[%d].linksToField", i), Value: by,
				Message: "give linksTo or linksToField, not both; linksToField counts",
			})
		case by != "" && (!validPath(by) || strings.Contains(by, ".")):
			t.problems = append(t.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.fields[%d].linksToField", i), Value: by,
				Message: "must be the name of one property, without dots or spaces: it stands beside the field, in the same object",
			})
		}
		// A malformed path stays: nothing is found at it, so who is restricted gets nothing by it.
		t.links = append(t.links, link{
			field:   string(f.Name),
			path:    strings.Split(string(f.Name), "."),
			target:  f.LinksTo,
			by:      by,
			ignored: f.IgnoreUserPermissions,
			parent:  string(f.Name) == object.Spec.ParentField,
		})
		if by != "" {
			last := len(t.links) - 1
			t.links[last].target = ""
			if l := &t.links[last]; !l.ignored && !l.parent {
				t.dynamic = append(t.dynamic, last)
			}
		}
	}
	for i := range object.Spec.Guards {
		t.guards = append(t.guards, compileGuard(i, &object.Spec.Guards[i], &t.problems))
	}
	if parent := object.Spec.ParentField; parent != "" {
		t.parent = parent
		if strings.Contains(parent, ".") || !validPath(parent) {
			t.problems = append(t.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: "spec.parentField", Value: parent,
				Message: "must be the name of one top-level property, without dots or spaces",
			})
		}
	}
	for i, f := range t.required {
		if !validPath(f) {
			t.problems = append(t.problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.requiredReadFields[%d]", i), Value: f,
				Message: "must be a property's name, or names joined by dots",
			})
		}
	}
	return t
}

func compileGuard(index int, source *v1alpha1.Guard, problems *[]Problem) guard {
	g := guard{index: index, actions: namesOfActions(source.Actions)}
	g.message = cmp.Or(source.Message, string(source.Condition))
	if len(source.Actions) == 0 {
		g.actions.any = true
	}
	if c := compileCondition(expr.Validation, fmt.Sprintf("spec.guards[%d].condition", index), source.Condition, problems); c != nil {
		g.condition = *c
	} // an empty expression does not compile: it is false
	return g
}

// implied are an action and all that it implies, transitively.
func implied(actions []v1alpha1.Action, from v1alpha1.Token) map[v1alpha1.Token]bool {
	reached := map[v1alpha1.Token]bool{}
	var reach func(name v1alpha1.Token)
	reach = func(name v1alpha1.Token) {
		if reached[name] {
			return
		}
		reached[name] = true
		for _, a := range actions {
			if a.Name == name {
				for _, next := range a.Implies {
					reach(next)
				}
			}
		}
	}
	reach(from)
	return reached
}

// validPath reports whether a field path has names between its dots, and no white space.
func validPath(path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		if name == "" || strings.ContainsAny(name, " \t\r\n") {
			return false
		}
	}
	return true
}

func texts[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	converted := make([]string, len(list))
	for i, element := range list {
		converted[i] = string(element)
	}
	return converted
}

// named is the reverse of texts.
func named[T ~string](list []string) []T {
	var converted []T
	for _, element := range list {
		converted = append(converted, T(element))
	}
	return converted
}

// ActionClass returns the class of an action of a type; empty if the type does not declare it.
func ActionClass(t *v1alpha1.ResourceType, action string) v1alpha1.ActionClass {
	if a := compileResourceType(t).actions[action]; a != nil {
		return a.class
	}
	return ""
}
