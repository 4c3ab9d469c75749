package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Problem is something about one object that its author should know.
type Problem struct {
	// Reason is one of the reasons of the API's conditions, for example v1alpha1.ReasonInvalidExpression.
	Reason string
	// Path of the field, for example "spec.rules[0].condition"; empty for the object as a whole.
	Path string
	// Value of the field, where it helps.
	Value string
	// Message says what is wrong and what to do.
	Message string
}

// Report is what the domain has to say of one of its objects.
type Report struct {
	// Generation of the object that the domain serves.
	Generation int64
	// Problems keep the object, or the parts they name, from taking effect.
	Problems []Problem
	// Missing are objects that it names and that do not exist, sorted.
	Missing []Ref
	// Advice is about parts that do nothing, or hurt clients.
	Advice []Problem
}

// Check is what an object alone proves wrong (A6), in the order of its fields: expressions that do not
// compile or give no bool, rules with both or neither of access and actions, networks that do not parse,
// windows that end before they start, malformed paths, a policy of another name.
func Check(object Object) []Problem {
	switch object := object.(type) {
	case *v1alpha1.ResourceType:
		return compileResourceType(object).problems
	case *v1alpha1.Role:
		return compileRole(object).problems
	case *v1alpha1.Group:
		return compileGroup(object).problems
	case *v1alpha1.User:
		return compileAccount(object).faults()
	case *v1alpha1.UserPermission:
		return compileUserPermission(object).faults()
	case *v1alpha1.SpecialPermission:
		return compileSpecialPermission(object).faults()
	case *v1alpha1.RecordSet:
		return compileRecordSet(object).faults()
	case *v1alpha1.PermissionPolicy:
		return compilePolicy(object).problems
	}
	return nil
}

// Report tells of an object of the domain; false if the domain does not hold it.
func (d *Domain) Report(ref Ref) (Report, bool) {
	c, ok := d.of(ref.Kind).find(ref.Name)
	if !ok {
		return Report{}, false
	}
	_, generation := c.version()
	r := Report{Generation: generation, Problems: slices.Clone(c.faults())}
	names := references{domain: d}
	switch object := c.held().(type) {
	case *v1alpha1.ResourceType:
		for _, f := range object.Spec.Fields {
			names.resourceType(f.LinksTo)
		}
	case *v1alpha1.Role:
		names.rules(object.Spec.Rules)
		role, _ := d.roles.get(ref.Name)
		r.Advice = d.ruleAdvice("spec.rules", &role.rules)
		if object.Spec.AdminAccess && (len(object.Spec.Rules) > 0 || object.Spec.AppAccess) {
			r.Advice = append([]Problem{{
				Reason: v1alpha1.ReasonPointlessRules, Path: "spec.rules",
				Message: "a role with adminAccess gives everything; its rules and appAccess do nothing",
			}}, r.Advice...)
		}
	case *v1alpha1.Group:
		names.rules(object.Spec.Rules)
		names.roles(object.Spec.Roles)
		for _, name := range object.Spec.Groups {
			names.group(string(name))
		}
		group, _ := d.groups.get(ref.Name)
		r.Advice = d.ruleAdvice("spec.rules", &group.rules)
	case *v1alpha1.User:
		names.roles(object.Spec.Roles)
		if winner := d.accountOf(object.UserID()); winner != nil && winner.ref() != ref {
			r.Problems = append(r.Problems, Problem{
				Reason: v1alpha1.ReasonConflict, Path: "spec.id", Value: object.UserID(),
				Message: "the older " + winner.ref().String() + " has this id already, and it counts; delete one of the two",
			})
		}
	case *v1alpha1.UserPermission:
		names.group(string(object.Spec.Group))
		names.resourceType(string(object.Spec.Allow))
		for _, name := range object.Spec.ApplicableFor {
			names.resourceType(string(name))
		}
	case *v1alpha1.SpecialPermission:
		for _, entry := range object.Spec.Permissions {
			names.resources(entry.Resources)
		}
	case *v1alpha1.RecordSet:
		names.resourceType(string(object.Spec.ResourceType))
		set, _ := d.recordSets.get(ref.Name)
		of, _ := d.records.get(set.resourceType)
		r.Problems = append(r.Problems, of.conflicts(set)...)
		r.Problems = append(r.Problems, of.cycles(set)...)
	case *v1alpha1.PermissionPolicy:
		names.rules(object.Spec.AppAccessRules)
		names.rules(object.Spec.RecommendedRules)
		for _, name := range object.Spec.StrictFor {
			names.resourceType(string(name))
		}
		policy, _ := d.policies.get(ref.Name)
		r.Advice = append(d.ruleAdvice("spec.appAccessRules", &policy.app), d.ruleAdvice("spec.recommendedRules", &policy.recommended)...)
	}
	r.Missing = sortRefs(names.missing)
	return r, true
}

func (d *Domain) accountOf(id string) *account {
	u, _ := d.users.get(id)
	return u.account()
}

// ServedRecords is how many records of a set decisions see: those that no older set has.
func (d *Domain) ServedRecords(set string) int {
	s, ok := d.recordSets.get(set)
	if !ok {
		return 0
	}
	of, _ := d.records.get(s.resourceType)
	served := 0
	for i := range s.records {
		if winner := of.get(s.records[i].id); winner != nil && winner.set == s {
			served++
		}
	}
	return served
}

// Usage counts what refers to a resource type: its actions, the rules of roles, groups and the policy that
// name it, and its records.
func (d *Domain) Usage(resourceType string) (actions, rules, records int) {
	t, ok := d.types.get(resourceType)
	if !ok {
		return 0, 0, 0
	}
	for _, r := range d.roles.all() {
		rules += len(r.rules.naming(t))
	}
	for _, g := range d.groups.all() {
		rules += len(g.rules.naming(t))
	}
	rules += len(d.policy.app.naming(t))
	if of, ok := d.records.get(resourceType); ok {
		records = of.byID.size
	}
	return len(t.names), rules, records
}

// WindowReason says whether a time window is in force as of now, as a reason of the condition InForce.
func WindowReason(w v1alpha1.TimeWindow, now time.Time) string {
	return windowReason(compileWindow(w), now.Unix())
}

// NotFilterable are the conditions of rules for reading or deleting that no query language can say, by their
// paths in the object; it is about Roles, Groups and the PermissionPolicy.
func (d *Domain) NotFilterable(ref Ref) []string {
	var sets []*ruleSet
	path := "spec.rules"
	switch ref.Kind {
	case KindRole:
		if r, ok := d.roles.get(ref.Name); ok {
			sets = append(sets, &r.rules)
		}
	case KindGroup:
		if g, ok := d.groups.get(ref.Name); ok {
			sets = append(sets, &g.rules)
		}
	case KindPermissionPolicy:
		if p, ok := d.policies.get(ref.Name); ok {
			path = "spec.appAccessRules"
			sets = append(sets, &p.app)
		}
	}
	var paths []string
	for _, set := range sets {
		for _, r := range set.rules {
			if r.condition == nil || r.condition.program == nil || r.condition.program.Filterable() {
				continue
			}
			if d.givesListable(set, r) {
				paths = append(paths, fmt.Sprintf("%s[%d].condition", path, r.index))
			}
		}
	}
	return paths
}

// givesListable says whether a rule gives an action that filters are for, of a type that exists.
func (d *Domain) givesListable(set *ruleSet, r *rule) bool {
	for _, t := range d.types.all() {
		if !slices.Contains(set.naming(t), r) {
			continue
		}
		for _, a := range t.actions {
			if !a.writes() && r.grants(a) {
				return true
			}
		}
	}
	return false
}

// references collects names of objects that do not exist.
type references struct {
	domain  *Domain
	missing []Ref
}

func (r *references) resourceType(name string) {
	if _, ok := r.domain.types.get(name); !ok && name != "" {
		r.missing = append(r.missing, Ref{KindResourceType, name})
	}
}

func (r *references) group(name string) {
	if _, ok := r.domain.groups.get(name); !ok && name != "" {
		r.missing = append(r.missing, Ref{KindGroup, name})
	}
}

func (r *references) roles(refs []v1alpha1.RoleRef) {
	for _, ref := range refs {
		if r.domain.role(string(ref.Name)) == nil {
			r.missing = append(r.missing, Ref{KindRole, string(ref.Name)})
		}
	}
}

func (r *references) resources(names []v1alpha1.NameOrAny) {
	for _, name := range names {
		if name != v1alpha1.Any {
			r.resourceType(string(name))
		}
	}
}

func (r *references) rules(rules []v1alpha1.Rule) {
	for i := range rules {
		r.resources(rules[i].Resources)
	}
}

// ruleAdvice is about rules that give nothing, and read rules that leave out fields which clients need.
func (d *Domain) ruleAdvice(path string, set *ruleSet) []Problem {
	var advice []Problem
	for i, r := range set.rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		if r.access == v1alpha1.AccessNone {
			advice = append(advice, Problem{
				Reason: v1alpha1.ReasonPointlessRules, Path: at + ".access", Value: string(r.access),
				Message: "a rule with access None gives nothing and takes nothing away; use a SpecialPermission to take away, or delete the rule",
			})
		}
		for _, t := range d.typeList {
			if !slices.Contains(set.naming(t), r) || !slices.ContainsFunc(t.names, func(name string) bool {
				return t.actions[name].class == v1alpha1.ClassRead && r.grants(t.actions[name])
			}) {
				continue
			}
			var left []string
			for _, field := range t.required {
				if !r.fields.covers(field) {
					left = append(left, field)
				}
			}
			if len(left) > 0 {
				advice = append(advice, Problem{
					Reason: v1alpha1.ReasonMissingReadFields, Path: at + ".fields", Value: strings.Join(r.fields.names, ", "),
					Message: fmt.Sprintf("leaves out %s, which clients of %s always need; add it", strings.Join(left, ", "), t.name),
				})
			}
		}
	}
	return advice
}
