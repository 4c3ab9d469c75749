package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
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

// Report is what a domain has to say of one of its objects.
type Report struct {
	// Generation of the object that the domain serves.
	Generation int64
	// Problems keep the object, or the parts they name, from taking effect.
	Problems []Problem
	// Missing are objects that it names and that do not exist, sorted, each once.
	Missing []MissingRef
	// Advice is about parts that do nothing, or hurt clients.
	Advice []Problem
}

// Check returns what an object alone proves wrong (A6), in the order of its fields: expressions that do not compile or
// give no bool, rules with both or neither of access and actions, networks that do not parse, windows that end before they
// start, malformed paths, a policy of another name. An object of no kind is wrong as a whole.
func Check(object Object) []Problem {
	kind, ok := KindOf(object)
	if row, known := kindRows[kind]; ok && known {
		return row.check(object)
	}
	return notChecked(object)
}

func notChecked(object Object) []Problem {
	return []Problem{{Reason: v1alpha1.ReasonInvalid, Message: fmt.Sprintf("%T is not a kind that Remit can check", object)}}
}

// Report returns what the domain has to say of one of its objects; false if it does not have it.
func (d *Domain) Report(ref Ref) (Report, bool) {
	c, ok := d.objects(ref.Kind).find(ref.Name)
	if !ok {
		return Report{}, false
	}
	_, generation := c.version()
	r := Report{Generation: generation, Problems: slices.Clone(c.faults())}
	names := references{domain: d}
	c.report(d, &r, &names)
	r.Missing = names.sorted()
	return r, true
}

func (t *resourceType) report(d *Domain, r *Report, names *references) {
	for i, f := range t.object.Spec.Fields {
		names.resourceType(fmt.Sprintf("spec.fields[%d].linksTo", i), f.LinksTo)
	}
	if winner := d.typeIndex[t.name]; winner != t {
		r.Problems = append(r.Problems, Problem{
			Reason: v1alpha1.ReasonConflict, Path: "spec.type", Value: t.name,
			Message: "the older " + winner.ref.String() + " is called so already, and it counts; delete one of the two",
		})
	}
	c := nameChecker{domain: d, of: t.ref}
	c.ownFields(t)
	c.guards(t)
	r.Advice = append(r.Advice, c.advice...)
	for path, condition := range t.otherConditions {
		r.Advice = append(r.Advice, costAdvice(path, condition.program)...)
	}
}

func (r *role) report(d *Domain, report *Report, names *references) {
	spec := &r.object.Spec
	names.rules("spec.rules", spec.Rules)
	if spec.AdminAccess && (len(spec.Rules) > 0 || spec.AppAccess) {
		report.Advice = append(report.Advice, Problem{
			Reason: v1alpha1.ReasonPointlessRules, Path: "spec.rules",
			Message: "a role with adminAccess gives everything; its rules and appAccess do nothing",
		})
	}
	report.Advice = append(report.Advice, d.ruleAdvice(r.ref, "spec.rules", &r.rules)...)
}

func (g *group) report(d *Domain, r *Report, names *references) {
	spec := &g.object.Spec
	names.rules("spec.rules", spec.Rules)
	names.roles("spec.roles", g.roles)
	for i, name := range spec.Groups {
		names.group(fmt.Sprintf("spec.groups[%d]", i), string(name))
	}
	c := nameChecker{domain: d, of: g.ref}
	c.members(g)
	r.Advice = append(d.ruleAdvice(g.ref, "spec.rules", &g.rules), c.advice...)
	if g.condition != nil {
		r.Advice = append(r.Advice, costAdvice("spec.memberCondition", g.condition.program)...)
	}
}

func (u *userObject) report(d *Domain, r *Report, names *references) {
	u.account.report("spec", d, r, names)
}

func (s *userSet) report(d *Domain, r *Report, names *references) {
	for i, a := range s.entries {
		a.report(fmt.Sprintf("spec.users[%d]", i), d, r, names)
	}
}

func (a *account) report(at string, d *Domain, r *Report, names *references) {
	names.roles(at+".roles", a.roles)
	c := nameChecker{domain: d, of: a.ref()}
	c.similar(at+".id", a.id)
	r.Advice = append(r.Advice, c.advice...)
	switch winner := d.accountOf(a.id); {
	case winner == nil || winner.ref() == a.ref():
	case a.inSet && !winner.inSet:
		r.Advice = append(r.Advice, Problem{
			Reason: v1alpha1.ReasonMatchesNothing, Path: at + ".id", Value: a.id,
			Message: winner.ref().String() + " has this id, and it counts; the entry does nothing",
		})
	default:
		r.Problems = append(r.Problems, Problem{
			Reason: v1alpha1.ReasonConflict, Path: at + ".id", Value: a.id,
			Message: "the older " + winner.ref().String() + " has this id already, and it counts; delete one of the two",
		})
	}
}

// ServedUsers returns how many users of a set decisions see: those that no User and no older set has.
func (d *Domain) ServedUsers(set string) int {
	served := 0
	if s, ok := d.userSets.get(set); ok {
		for _, a := range s.entries {
			if d.accountOf(a.id) == a {
				served++
			}
		}
	}
	return served
}

func (p *userPermissionObject) report(d *Domain, r *Report, names *references) {
	p.permission.report("spec", d, r, names)
}

func (s *userPermissionSet) report(d *Domain, r *Report, names *references) {
	for i, p := range s.entries {
		p.report(fmt.Sprintf("spec.permissions[%d]", i), d, r, names)
	}
}

func (p *userPermission) report(at string, d *Domain, r *Report, names *references) {
	names.group(at+".group", p.group())
	names.resourceType(at+".allow", p.allow)
	for i, name := range p.applicableFor {
		names.resourceType(fmt.Sprintf("%s.applicableFor[%d]", at, i), name)
	}
	c := nameChecker{domain: d, of: p.ref()}
	if p.rare != nil {
		for i, name := range p.rare.exceptFor {
			names.resourceType(fmt.Sprintf("%s.exceptFor[%d]", at, i), name)
		}
		c.actions(at+".actions", p.rare.actions, d.typesActedOn(p))
	}
	c.restricted(at+".user", p.user)
	c.similar(at+".user", p.user)
	c.values(at, p)
	r.Advice = append(r.Advice, c.advice...)
}

// ServedPermissions returns how many entries of a UserPermissionSet are in force as of now, and when that next changes; the
// zero time is never.
func (d *Domain) ServedPermissions(set string, now time.Time) (served int, until time.Time) {
	next := newTransition(now)
	if s, ok := d.userPermissionSets.get(set); ok {
		for _, p := range s.entries {
			if p.window.inForce(now.Unix()) {
				served++
			}
			next.see(p.window)
		}
	}
	until, _ = next.time()
	return served, until
}

func (p *specialPermission) report(d *Domain, r *Report, names *references) {
	c := nameChecker{domain: d, of: p.ref()}
	for i, entry := range p.spec.Permissions {
		at := fmt.Sprintf("spec.permissions[%d]", i)
		names.resources(at+".resources", entry.Resources)
		c.areas(at+".areas", entry.Areas)
	}
	c.restricted("spec.user", string(p.spec.User))
	c.similar("spec.user", string(p.spec.User))
	r.Advice = append(r.Advice, c.advice...)
	if !slices.ContainsFunc(p.spec.Permissions, func(entry v1alpha1.SpecialPermissionEntry) bool { return severity(entry.Access) >= 0 }) {
		r.Advice = append(r.Advice, Problem{
			Reason: v1alpha1.ReasonMatchesNothing, Path: "spec.permissions",
			Message: "decides nothing: every entry is NotApplicable, which leaves the roles to decide; set another access, or delete the special permission",
		})
	}
}

func (s *recordSet) report(d *Domain, r *Report, names *references) {
	names.resourceType("spec.resourceType", s.resourceType)
	of, _ := d.records.get(s.resourceType)
	r.Problems = append(r.Problems, of.conflicts(s)...)
	r.Problems = append(r.Problems, of.cycles(s)...)
}

func (p *policy) report(d *Domain, r *Report, names *references) {
	spec := &p.object.Spec
	names.rules("spec.appAccessRules", spec.AppAccessRules)
	names.rules("spec.recommendedRules", spec.RecommendedRules)
	for i, name := range spec.StrictFor {
		names.resourceType(fmt.Sprintf("spec.strictFor[%d]", i), string(name))
	}
	r.Advice = append(d.ruleAdvice(PolicyRef, "spec.appAccessRules", &p.app), d.ruleAdvice(PolicyRef, "spec.recommendedRules", &p.recommended)...)
}

func (d *Domain) accountOf(id string) *account {
	u, _ := d.users.get(id)
	return u.account()
}

// ServedRecords returns how many records of a set decisions see: those that no older set has.
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

// Usage counts what refers to a resource type, by the name that the domain calls it: its actions, the rules of roles, groups and the policy that
// name it, and its records.
func (d *Domain) Usage(resourceType string) (actions, rules, records int) {
	t, ok := d.typeIndex[resourceType]
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

// WindowReason returns whether a time window is in force as of now, as a reason of the condition InForce.
func WindowReason(w v1alpha1.TimeWindow, now time.Time) string {
	return windowReason(compileWindow(w), now.Unix())
}

// ruled is implemented by the compiled form of kinds with rules.
type ruled interface {
	// ruleLists are the lists of rules that decisions read.
	ruleLists() []ruleList
}

// ruleList is a list of rules in an object.
type ruleList struct {
	path string
	*ruleSet
}

func (r *role) ruleLists() []ruleList   { return []ruleList{{"spec.rules", &r.rules}} }
func (g *group) ruleLists() []ruleList  { return []ruleList{{"spec.rules", &g.rules}} }
func (p *policy) ruleLists() []ruleList { return []ruleList{{"spec.appAccessRules", &p.app}} }

// conditional is implemented by the compiled form of kinds with conditions besides those of rules.
type conditional interface {
	// otherConditions yields them by their paths.
	otherConditions(yield func(path string, c *condition) bool)
}

// otherConditions are the guards.
func (t *resourceType) otherConditions(yield func(path string, c *condition) bool) {
	for i := range t.guards {
		if !yield(fmt.Sprintf("spec.guards[%d].condition", i), &t.guards[i].condition) {
			return
		}
	}
}

// NotFilterable returns the paths of conditions in an object that no query language can express, of rules that give reading
// or deleting and of guards of them.
func (d *Domain) NotFilterable(ref Ref) []string {
	c, found := d.objects(ref.Kind).find(ref.Name)
	if t, ok := c.(*resourceType); ok {
		return t.guardsNotFilterable()
	}
	object, hasRules := c.(ruled)
	if !found || !hasRules {
		return nil
	}
	var paths []string
	for _, list := range object.ruleLists() {
		for _, r := range list.rules {
			if r.condition == nil || r.condition.program == nil || r.condition.program.Filterable() {
				continue
			}
			if d.givesListable(list.ruleSet, r) {
				paths = append(paths, fmt.Sprintf("%s[%d].condition", list.path, r.index))
			}
		}
	}
	return paths
}

func (t *resourceType) guardsNotFilterable() []string {
	var paths []string
	for i := range t.guards {
		g := &t.guards[i]
		listable := slices.ContainsFunc(t.names, func(name string) bool { return !t.actions[name].writes() && g.actions.name(name) })
		if listable && g.program != nil && !g.program.Filterable() {
			paths = append(paths, fmt.Sprintf("spec.guards[%d].condition", i))
		}
	}
	return paths
}

// givesListable reports whether a rule gives an action that filters are for, of a type that exists.
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

// references collects the names of objects that do not exist.
type references struct {
	domain  *Domain
	missing []MissingRef
}

func (r *references) miss(kind Kind, path, name string) {
	r.missing = append(r.missing, MissingRef{Ref: Ref{kind, name}, Path: path})
}

// sorted are those that are missing, each once.
func (r *references) sorted() []MissingRef {
	slices.SortStableFunc(r.missing, func(a, b MissingRef) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	missing := slices.CompactFunc(r.missing, func(a, b MissingRef) bool { return a.Ref == b.Ref })
	for i := range missing {
		missing[i].Nearest = r.domain.nearest(missing[i].Ref)
	}
	return missing
}

// nearest is the existing name that is likely meant where an object names one that does not exist: of a resource type, what
// the domain calls it.
func (d *Domain) nearest(missing Ref) string {
	names := d.objects(missing.Kind)
	switch {
	case missing.Kind == KindResourceType:
		if t, ok := d.types.get(missing.Name); ok {
			return t.name // the reference has the name of the object
		}
		return Nearest(missing.Name, d.ResourceTypes())
	case names.len() > mostNear:
		return ""
	}
	return Nearest(missing.Name, names.keys())
}

func (r *references) resourceType(path, name string) {
	if _, ok := r.domain.typeIndex[name]; !ok && name != "" {
		r.miss(KindResourceType, path, name)
	}
}

func (r *references) group(path, name string) {
	if _, ok := r.domain.groups.get(name); !ok && name != "" {
		r.miss(KindGroup, path, name)
	}
}

func (r *references) roles(path string, refs []roleRef) {
	for i, ref := range refs {
		if r.domain.role(ref.name) == nil {
			r.miss(KindRole, fmt.Sprintf("%s[%d].name", path, i), ref.name)
		}
	}
}

func (r *references) resources(path string, names []v1alpha1.NameOrAny) {
	for i, name := range names {
		if name != v1alpha1.Any {
			r.resourceType(fmt.Sprintf("%s[%d]", path, i), string(name))
		}
	}
}

func (r *references) rules(path string, rules []v1alpha1.Rule) {
	for i := range rules {
		r.resources(fmt.Sprintf("%s[%d].resources", path, i), rules[i].Resources)
	}
}

// costAdvice returns advice about an expression that can become costly. program is nil for one that does not compile.
func costAdvice(path string, program *expr.Program) []Problem {
	if program == nil {
		return nil
	}
	var advice []Problem
	for _, over := range program.NestedLoops() {
		advice = append(advice, Problem{
			Reason: v1alpha1.ReasonCostlyExpression, Path: path, Value: program.Source(),
			Message: fmt.Sprintf("loops over %s inside of another loop, which takes as many steps as the product of both lengths and is an error beyond %d; "+
				"ask with `in` instead of the inner loop, or bound it first: %s.size() <= 100 && …", over, expr.CostLimit, over),
		})
	}
	return advice
}

// ruleAdvice returns advice about expressions that can become costly, about rules that give nothing, that name what nothing matches, and about read rules that leave
// out fields which clients need.
func (d *Domain) ruleAdvice(of Ref, path string, set *ruleSet) []Problem {
	c := nameChecker{domain: d, of: of}
	c.rules(path, set)
	advice := c.advice
	for i, r := range set.rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		for expression, program := range r.expressions() {
			advice = append(advice, costAdvice(at+expression, program)...)
		}
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
					Reason: v1alpha1.ReasonMissingReadFields, Path: at + "." + r.fields.member(), Value: strings.Join(r.fields.listed(), ", "),
					Message: fmt.Sprintf("leaves out %s, which clients of %s always need; add it", strings.Join(left, ", "), t.name),
				})
			}
		}
	}
	return advice
}
