package enginetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// plainConditions are those that TryBool evaluates; each is about values that are there, or another, at times.
var plainConditions = []v1alpha1.Expression{
	"resource.properties.owner == subject.id",
	"resource.properties.status in ['open', 'draft', 5]",
	"resource.properties.status != 'done' && resource.properties.owner != 'bob'",
	"resource.properties.amount <= subject.attributes.level || resource.properties.status == 'open'",
	"resource.properties.company == subject.attributes.company",
	"!(resource.properties.amount > 11) && resource.properties.amount >= 5",
	"resource.properties.amount < 12.5",
	"'c1' in resource.properties.company",
	"context.mfa || resource.properties.owner < 'bob'",
	"subject.properties.tier == 'gold'",
	"action.properties.mode == 'all'",
	"resource.type == 'order' || action.name == 'update'",
	"subject.type == 'user' && resource.id != 'o1'",
	"!has(resource.properties.status) || resource.properties.status != 'done'",
	"has(resource.properties.owner) && resource.properties.owner == subject.id",
	"resource.properties.?amount.orValue(0) < 12",
	"subject.staff || resource.properties.status == 'open'",
	"'r1' in subject.roles || 'r2' in subject.roles",
	"'g1' in subject.groups && resource.properties.status in [resource.id, 'open']",
	"now < timestamp('2026-06-01T03:00:00Z') ? resource.properties.owner.startsWith('b') : context.ip != ''",
	"resource.links.company.status == 'open'",
	"has(resource.links.other) && resource.links.other.links.company.id == 'c1' || resource.links.?warehouse.owner.orValue('') == subject.id",
	"under('company', resource.properties.company, 'c1')",
	"!under('warehouse', linkID(resource.properties.warehouse), 'w1') && linkID(resource.properties.company) != 'c2'",
	"true",
}

// PlainObjects are Objects with little that takes a decision out of the ordinary: domains in which most have to do
// with rules, their conditions, and user permissions.
func PlainObjects(s Source) []engine.Object {
	g := generator{s}
	objects := Objects(s)
	for i := range s.IntN(8) { // several for one type, often
		objects = append(objects, g.userPermission(fmt.Sprint("more-", i)))
	}
	return slices.DeleteFunc(objects, func(object engine.Object) bool { return !g.plain(object) })
}

// PlainChange is a Change for them.
func PlainChange(s Source, objects []engine.Object) engine.Change {
	change := Change(s, objects)
	if change.Object != nil && !(generator{s}).plain(change.Object) {
		change.Object = nil
	}
	return change
}

// plain takes out of an object, nearly always, what is out of the ordinary; false where nothing would be left.
func (g generator) plain(object engine.Object) bool {
	const most = 98
	switch o := object.(type) {
	case *v1alpha1.Group:
		if chance(g, most) {
			o.Spec.ExternalGroups = nil
		}
		if chance(g, most) {
			o.Spec.MemberCondition = ""
		}
		g.plainRules(o.Spec.Rules)
	case *v1alpha1.Role:
		o.Spec.AdminAccess = o.Spec.AdminAccess && !chance(g, most)
		if chance(g, most) {
			o.Spec.Restrictions = nil
		}
		if chance(g, 60) { // a user often has the cases of one role, or none
			o.Spec.AppAccess = false
			o.Spec.Rules = o.Spec.Rules[:min(len(o.Spec.Rules), 2)]
		}
		g.plainRules(o.Spec.Rules)
	case *v1alpha1.User:
		o.Spec.Disabled = o.Spec.Disabled && !chance(g, 80)
		o.Spec.Superuser = o.Spec.Superuser && !chance(g, 80)
		if o.Spec.Attributes != nil && chance(g, 70) {
			o.Spec.Attributes["level"] = jsonOf(pick[any](g, 5, 12, 200))
		}
		if len(o.Spec.Roles) == 0 {
			o.Spec.Roles = append(o.Spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(pick(g, roleNames[:6]...))})
		}
	case *v1alpha1.ResourceType:
		o.Spec.StaffOnly = o.Spec.StaffOnly && !chance(g, 80)
		o.Spec.Unrestricted = o.Spec.Unrestricted && !chance(g, 80)
		if chance(g, 85) {
			o.Spec.Guards = nil
		}
		o.Spec.Fields = slices.DeleteFunc(o.Spec.Fields, func(f v1alpha1.Field) bool {
			return strings.Contains(string(f.Name), ".") && chance(g, 75)
		})
	case *v1alpha1.UserPermission:
		if chance(g, 60) {
			o.Spec.TimeWindow = v1alpha1.TimeWindow{}
		}
		if chance(g, 60) {
			o.Spec.ApplicableFor = nil
		}
		if chance(g, 20) { // more than are compared one by one
			for i := range 9 {
				o.Spec.ForValues = append(o.Spec.ForValues, v1alpha1.RecordID(fmt.Sprint("more-", i)))
			}
		}
	case *v1alpha1.SpecialPermission:
		return !chance(g, most)
	case *v1alpha1.PermissionPolicy:
		o.Spec.StrictUserPermissions = o.Spec.StrictUserPermissions && !chance(g, 60)
		if chance(g, 25) {
			o.Spec.SubjectProperties = v1alpha1.SubjectPropertiesIgnore
		}
		g.plainRules(o.Spec.AppAccessRules)
	}
	return true
}

func (g generator) plainRules(rules []v1alpha1.Rule) {
	for i := range rules {
		r := &rules[i]
		if chance(g, 85) {
			r.Validations = nil
		}
		if chance(g, 85) {
			r.Presets, r.PresetExpressions = nil, nil
		}
		if chance(g, 50) {
			r.Fields, r.ExceptFields = nil, nil
		}
		if chance(g, 35) {
			r.Resources = append(r.Resources, v1alpha1.Any)
		}
		if chance(g, 35) && r.Access == "" {
			r.Actions = append(r.Actions, v1alpha1.Any)
		}
		if r.Condition != "" && chance(g, 92) {
			r.Condition = pick(g, plainConditions...)
		}
	}
}

// PlainRequest is a Request that says most about its record, and seldom anything that nobody expects.
func PlainRequest(s Source, objects []engine.Object) *engine.Request {
	g := generator{s}
	req := Request(s, objects)
	if req.Action.Name == "create" && chance(s, 70) {
		req.Action.Name = "read"
	}
	if chance(s, 85) {
		req.Resource.Properties = g.properties(95)
		for _, field := range linkFields {
			if chance(s, 80) {
				name, _, isPath := strings.Cut(string(field.Name), ".")
				if !isPath || chance(s, 15) { // a text where a path should go on is no value of it
					req.Resource.Properties[name] = pick(s, idsOf(field.LinksTo)...)
				}
			}
		}
	}
	if chance(s, 30) {
		req.Subject.Properties = with(req.Subject.Properties, "tier", "gold")
	}
	if chance(s, 70) {
		req.Action.Properties = nil
	}
	if chance(s, 15) {
		req.Action.Properties = with(req.Action.Properties, "mode", pick[any](s, "all", "one", nil))
	}
	return req
}
