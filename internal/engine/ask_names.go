package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// MissingRef is an object that another one names and that does not exist.
type MissingRef struct {
	Ref
	// Path of the first field that names it.
	Path string
	// Nearest is the existing name that is likely meant; empty if there is none.
	Nearest string
}

// String is Kind/name, with the nearest name where there is one.
func (m MissingRef) String() string { return m.Ref.String() + didYouMean(m.Nearest) }

func didYouMean(nearest string) string {
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", nearest)
}

// mostNear bounds how many names are compared with each name that matches nothing: in a large domain, its status must not
// wait for a spelling.
const mostNear = 10_000

// nearest is Nearest among a set that is not too large, sorted first.
func nearest(name string, candidates map[string]bool) string {
	if len(candidates) > mostNear {
		return ""
	}
	return Nearest(name, slices.Sorted(maps.Keys(candidates)))
}

// nameChecker finds names in an object that match nothing in the domain: of areas, actions, fields and users. Missing
// objects are for references.
type nameChecker struct {
	domain *Domain
	of     Ref // the object
	advice []Problem
}

func (c *nameChecker) tell(path, value, format string, args ...any) {
	c.advice = append(c.advice, Problem{Reason: v1alpha1.ReasonMatchesNothing, Path: path, Value: value, Message: fmt.Sprintf(format, args...)})
}

// rules looks at what a list of rules names.
func (c *nameChecker) rules(path string, set *ruleSet) {
	for i, r := range set.rules {
		if r.source == nil {
			continue
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		c.areas(at+".areas", r.source.Areas)
		types := c.domain.typesNamed(set, r)
		if len(types) == 0 {
			continue // the areas and the missing types are told
		}
		c.actions(at+".actions", texts(r.source.Actions), types)
		for _, use := range fieldUses(at, r) {
			c.field(use, types)
		}
		for path, condition := range r.conditions(at) {
			c.links(path, condition, types)
		}
	}
}

// links tells of links that an expression follows and none of some types declares, and of types in whose trees it asks for
// places and that do not exist: neither leads anywhere.
func (c *nameChecker) links(path string, condition *condition, types []*resourceType) {
	if condition.program == nil {
		return
	}
	declared := map[string]bool{}
	for _, t := range types {
		for i := range t.links {
			if l := &t.links[i]; len(l.path) == 1 {
				declared[l.field] = true
			}
		}
	}
	for _, field := range condition.program.Links() {
		if !declared[field] {
			c.tell(path, field, "no resource type named here declares %q as a link: give the field linksTo or linksToField%s", field, didYouMean(nearest(field, declared)))
		}
	}
	for _, name := range condition.program.Trees() {
		if c.domain.typeIndex[name] == nil {
			c.tell(path, name, "under() asks about records of %q, and no resource type is called so%s", name, didYouMean(Nearest(name, c.domain.ResourceTypes())))
		}
	}
}

// typesNamed are the existing types that a rule of a set names.
func (d *Domain) typesNamed(set *ruleSet, r *rule) []*resourceType {
	var types []*resourceType
	for _, t := range d.typeList {
		if slices.Contains(set.naming(t), r) {
			types = append(types, t)
		}
	}
	return types
}

// areas tells of areas that no type lists.
func (c *nameChecker) areas(path string, areas []v1alpha1.Token) {
	if len(areas) == 0 {
		return
	}
	known := map[string]bool{}
	for _, t := range c.domain.typeList {
		for _, area := range t.object.Spec.Areas {
			known[string(area)] = true
		}
	}
	for i, area := range areas {
		if !known[string(area)] {
			c.tell(fmt.Sprintf("%s[%d]", path, i), string(area), "no resource type lists the area %q%s", area, didYouMean(nearest(string(area), known)))
		}
	}
}

// actions tells of actions that none of some types has.
func (c *nameChecker) actions(path string, actions []string, types []*resourceType) {
	for i, action := range actions {
		named := namesOfActions([]v1alpha1.Token{v1alpha1.Token(action)})
		if named.any || slices.ContainsFunc(types, func(t *resourceType) bool { return slices.ContainsFunc(t.names, named.name) }) {
			continue
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		if prefix, ok := strings.CutSuffix(action, ":"+v1alpha1.Any); ok {
			c.tell(at, action, "the pattern %q matches no action: no resource type named here has one that begins with %q", action, prefix+":")
			continue
		}
		if strings.Contains(action, v1alpha1.Any) {
			c.tell(at, action, `the action %q is no pattern: "*" alone stands for every action, and at the end after a colon for all that begin so; list the names`, action)
			continue
		}
		declared := map[string]bool{}
		for _, t := range types {
			for _, name := range t.names {
				declared[name] = true
			}
		}
		c.tell(at, action, "no resource type named here has the action %q%s", action, didYouMean(nearest(action, declared)))
	}
}

// fieldUse is a field that a rule names somewhere.
type fieldUse struct{ path, field string }

// fieldUses are the fields that a rule names: in fields, presets, and the properties that its expressions read.
func fieldUses(at string, r *rule) []fieldUse {
	var uses []fieldUse
	for i, field := range r.source.Fields {
		uses = append(uses, fieldUse{fmt.Sprintf("%s.fields[%d]", at, i), string(field)})
	}
	for i, field := range r.source.ExceptFields {
		uses = append(uses, fieldUse{fmt.Sprintf("%s.exceptFields[%d]", at, i), string(field)})
	}
	read := func(path string, c *condition) {
		if c == nil || c.program == nil {
			return
		}
		for _, field := range c.program.Properties() {
			uses = append(uses, fieldUse{path, field})
		}
	}
	read(at+".condition", r.condition)
	for i := range r.validations {
		read(fmt.Sprintf("%s.validations[%d].expression", at, i), &r.validations[i].condition)
	}
	for _, key := range slices.Sorted(maps.Keys(r.source.Presets)) {
		uses = append(uses, fieldUse{at + ".presets[" + key + "]", key})
	}
	for _, key := range slices.Sorted(maps.Keys(r.source.PresetExpressions)) {
		uses = append(uses, fieldUse{at + ".presetExpressions[" + key + "]", key})
	}
	return uses
}

// field tells of a field that none of some types declares, if it is nearly one that they do and nothing else mentions it.
// Types need not declare their fields, so that more is not known.
func (c *nameChecker) field(use fieldUse, types []*resourceType) {
	declared := map[string]bool{}
	for _, t := range types {
		t.declared(declared)
	}
	if isDeclared(use.field, declared) {
		return
	}
	if near := nearestField(use.field, declared); near != "" && !c.domain.mentions(use.field, c.of, types) {
		c.tell(use.path, use.field, "no resource type named here declares the field %q, and nothing else mentions it%s", use.field, didYouMean(near))
	}
}

// declared adds the fields that a type declares, and those above them in their paths.
func (t *resourceType) declared(to map[string]bool) {
	add := func(path string) {
		for i := range path {
			if path[i] == '.' {
				to[path[:i]] = true
			}
		}
		to[path] = true
	}
	for _, f := range t.object.Spec.Fields {
		add(string(f.Name))
	}
}

// isDeclared reports whether a field, or one above it, is among those declared.
func isDeclared(field string, declared map[string]bool) bool {
	if field == v1alpha1.Any || declared[field] {
		return true
	}
	// Of what a declared field holds, only those below it that are declared as well are known.
	for i := range field {
		if field[i] == '.' && declared[field[:i]] && !hasBelow(field[:i], declared) {
			return true
		}
	}
	return false
}

// hasBelow reports whether declared has a field below another one.
func hasBelow(field string, declared map[string]bool) bool {
	for name := range declared {
		if strings.HasPrefix(name, field) && len(name) > len(field) && name[len(field)] == '.' {
			return true
		}
	}
	return false
}

// nearestField is the nearest of the declared fields with as many names in its path. One that differs in digits alone is
// another field, not another spelling.
func nearestField(field string, declared map[string]bool) string {
	candidates := map[string]bool{}
	for name := range declared {
		if strings.Count(name, ".") == strings.Count(field, ".") && !differInDigits(name, field) {
			candidates[name] = true
		}
	}
	return nearest(field, candidates)
}

// differInDigits reports whether two names are the same but for their digits.
func differInDigits(a, b string) bool {
	letters := func(name string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return -1
			}
			return r
		}, name)
	}
	return letters(a) == letters(b)
}

// mentions reports whether a rule of another object, a record, or what a type says of its records names a field.
func (d *Domain) mentions(field string, except Ref, types []*resourceType) bool {
	inRules := func(of Ref, lists []ruleList) bool {
		return of != except && slices.ContainsFunc(lists, func(list ruleList) bool {
			return slices.ContainsFunc(list.rules, func(r *rule) bool {
				return r.source != nil && slices.ContainsFunc(fieldUses("", r), func(use fieldUse) bool { return use.field == field })
			})
		})
	}
	for _, r := range d.roles.all() {
		if inRules(r.ref, r.ruleLists()) {
			return true
		}
	}
	for _, g := range d.groups.all() {
		if inRules(g.ref, g.ruleLists()) {
			return true
		}
	}
	if inRules(PolicyRef, d.policy.ruleLists()) {
		return true
	}
	top, _, _ := strings.Cut(field, ".")
	return slices.ContainsFunc(types, func(t *resourceType) bool {
		return t.parent == field || slices.Contains(t.required, field) || d.recordProperties(t)[top]
	})
}

// recordProperties are the top-level names of what RecordSets say of the records of a type; of very many, only of some.
func (d *Domain) recordProperties(t *resourceType) map[string]bool {
	found := map[string]bool{}
	of, ok := d.records.get(t.name)
	if !ok {
		return found
	}
	looked := 0
	for _, r := range of.byID.all() {
		r.properties.each(func(name, _ string) { found[name] = true })
		if looked++; looked == mostNear {
			break
		}
	}
	return found
}

// ownFields tells of fields that a type names besides those it declares, and nearly declares.
func (c *nameChecker) ownFields(t *resourceType) {
	declared := map[string]bool{}
	t.declared(declared)
	check := func(path, field string) {
		if field == "" || isDeclared(field, declared) {
			return
		}
		if near := nearestField(field, declared); near != "" {
			c.tell(path, field, "the resource type does not declare the field %q%s", field, didYouMean(near))
		}
	}
	check("spec.parentField", t.parent)
	for i, f := range t.object.Spec.Fields {
		above := strings.LastIndexByte(string(f.Name), '.') + 1
		if f.LinksToField != "" && f.LinksToField == string(f.Name)[above:] {
			c.tell(fmt.Sprintf("spec.fields[%d].linksToField", i), f.LinksToField, "names the field itself; name the field beside it that holds the name of the resource type")
			continue
		}
		if f.LinksToField != "" {
			check(fmt.Sprintf("spec.fields[%d].linksToField", i), string(f.Name)[:above]+f.LinksToField)
		}
	}
	for i, field := range t.required {
		check(fmt.Sprintf("spec.requiredReadFields[%d]", i), field)
	}
	c.linkFields(t)
	for i, a := range t.object.Spec.Actions {
		for j, implied := range a.Implies {
			c.actions(fmt.Sprintf("spec.actions[%d].implies[%d]", i, j), []string{string(implied)}, []*resourceType{t})
		}
	}
}

// linkFields tells of link fields that no record has, where the records have an undeclared one of nearly that name.
func (c *nameChecker) linkFields(t *resourceType) {
	if len(t.links) == 0 {
		return
	}
	held := c.domain.recordProperties(t)
	others := maps.Clone(held)
	for _, f := range t.object.Spec.Fields {
		delete(others, string(f.Name))
	}
	for i, f := range t.object.Spec.Fields {
		top, _, _ := strings.Cut(string(f.Name), ".")
		if f.LinksTo == "" || held[top] {
			continue
		}
		if near := nearestField(top, others); near != "" {
			c.tell(fmt.Sprintf("spec.fields[%d].name", i), string(f.Name), "no record of the resource type has the link field %q%s", top, didYouMean(near))
		}
	}
}

// guards tells of actions and fields that guards name and the type does not have.
func (c *nameChecker) guards(t *resourceType) {
	types := []*resourceType{t}
	for i := range t.guards {
		at := fmt.Sprintf("spec.guards[%d]", i)
		c.actions(at+".actions", texts(t.object.Spec.Guards[i].Actions), types)
		if program := t.guards[i].program; program != nil {
			for _, field := range program.Properties() {
				c.field(fieldUse{at + ".condition", field}, types)
			}
			c.links(at+".condition", &t.guards[i].condition, types)
		}
	}
}

// typesActedOn are the types on which a user permission may act.
func (d *Domain) typesActedOn(p *userPermission) []*resourceType {
	return slices.DeleteFunc(slices.Clone(d.typeList), func(t *resourceType) bool { return !p.actsOn(t.name, nil) })
}

// restricted tells of a user whom no other kind of object names, if one whom they name has nearly that id: the restriction
// may bind nobody. Users whom nothing else names are nothing unusual otherwise.
func (c *nameChecker) restricted(path, id string) {
	if id == "" {
		return
	}
	u, _ := c.domain.users.get(id)
	if u == nil || u.account() != nil || len(u.memberships) > 0 {
		return
	}
	for _, ref := range u.restrictions() {
		if ref.Kind != c.of.Kind {
			return
		}
	}
	if near := c.nearestUser(id); near != "" {
		c.tell(path, id, "no User and no Group names the user %q%s", id, didYouMean(near))
	}
}

// members tells of members of a group whom nothing else names, if a User has nearly that id.
func (c *nameChecker) members(g *group) {
	for i, m := range g.members {
		c.similar(fmt.Sprintf("spec.members[%d].user", i), string(m.User))
	}
	if len(g.members)*c.domain.countAccounts() > mostNear*10 {
		return
	}
	for i, m := range g.members {
		u, _ := c.domain.users.get(string(m.User))
		if u == nil || u.account() != nil || len(u.memberships) > 1 || len(u.restrictions()) > 0 {
			continue
		}
		if near := c.nearestUser(string(m.User)); near != "" {
			c.tell(fmt.Sprintf("spec.members[%d].user", i), string(m.User), "no other object names the user %q%s", m.User, didYouMean(near))
		}
	}
}

// nearestUser is the nearest id of a User, or of an entry of a UserSet.
func (c *nameChecker) nearestUser(id string) string {
	if c.domain.countAccounts() > mostNear {
		return ""
	}
	candidates := map[string]bool{}
	for a := range c.domain.eachAccount {
		if !differInDigits(a.id, id) {
			candidates[a.id] = true
		}
	}
	for _, g := range c.domain.groups.all() {
		for _, m := range g.members {
			if other := string(m.User); other != id && c.of.Kind != KindGroup && len(candidates) <= mostNear && !differInDigits(other, id) {
				candidates[other] = true
			}
		}
	}
	return nearest(id, candidates)
}

// restrictions are the objects that restrict the user by name.
func (u *user) restrictions() []Ref {
	var refs []Ref
	for _, p := range u.permissions {
		refs = append(refs, p.ref())
	}
	for _, p := range u.specialPermissions() {
		refs = append(refs, p.ref())
	}
	return refs
}

// values tells of values of a user permission that are no records, where RecordSets have records of the type.
func (c *nameChecker) values(at string, p *userPermission) {
	of, _ := c.domain.records.get(p.allow)
	if of == nil || of.byID.size == 0 {
		return
	}
	for i, value := range p.spec().ForValues {
		if of.get(string(value)) != nil {
			continue
		}
		near := ""
		if of.byID.size <= mostNear {
			near = Nearest(string(value), of.byID.keys())
		}
		c.tell(fmt.Sprintf("%s.forValues[%d]", at, i), string(value), "no RecordSet has the %s %q%s", p.allow, value, didYouMean(near))
	}
}
