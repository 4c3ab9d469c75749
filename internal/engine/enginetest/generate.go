package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// The names that generated objects and requests use: few, so that they meet.
var (
	typeNames  = []string{"order", "company", "warehouse", "note", "ledger"}
	areaNames  = []string{"sales", "stock"}
	roleNames  = []string{"r1", "r2", "r3", "r4", "r5", "r6", "public", "admin"}
	groupNames = []string{"g1", "g2", "g3", "g4", "g5"}
	userNames  = []string{"ann", "bob", "cid", "dee", "eve"}
	claimNames = []string{"idp:one", "idp:two"}
	// Actions of types that declare their own, with what they do.
	ownActions = []v1alpha1.Action{
		{Name: "read", Class: v1alpha1.ClassRead}, {Name: "print", Class: v1alpha1.ClassRead},
		{Name: "create", Class: v1alpha1.ClassCreate}, {Name: "update", Class: v1alpha1.ClassUpdate},
		{Name: "submit", Class: v1alpha1.ClassUpdate}, {Name: "delete", Class: v1alpha1.ClassDelete},
		{Name: "read:cost", Class: v1alpha1.ClassRead}, {Name: "update:cost", Class: v1alpha1.ClassUpdate},
	}
	actionNames = []string{"read", "create", "update", "delete", "print", "submit", "read:cost", "update:cost"}
	recordIDs   = map[string][]string{
		"order":     {"o1", "o2", "o3"},
		"company":   {"c1", "c2", "c3", "c4", "12"},
		"warehouse": {"w1", "w2", "w3", "12"},
		"note":      {"n1", "n2"},
		"ledger":    {"l1", "l2"},
	}
	linkFields = []v1alpha1.Field{
		{Name: "company", LinksTo: "company"}, {Name: "warehouse", LinksTo: "warehouse"},
		{Name: "items.warehouse", LinksTo: "warehouse"}, {Name: "meta.company", LinksTo: "company"},
		{Name: "parent", LinksTo: "company"}, {Name: "other", LinksTo: "order"}, {Name: "company", LinksTo: "warehouse"},
		{Name: "items.lines.company", LinksTo: "company"}, {Name: "plain"},
		{Name: "other", LinksToField: "kind"}, {Name: "items.warehouse", LinksToField: "kind"}, {Name: "company", LinksToField: "kind"},
	}
	fieldNames = []string{"status", "owner", "amount", "company", "warehouse", "items", "meta", "parent", "note", "other", "kind"}
)

// Start is the first of the instants at which generated time windows start and end; they are an hour apart.
var Start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

const instants = 5

// Now chooses an instant: at, just before or just after the start or end of a window.
func Now(s Source) time.Time {
	return Start.Add(time.Duration(s.IntN(instants+1)) * time.Hour).Add(pick(s, 0, time.Second, -time.Second, -time.Nanosecond))
}

// Expressions that a rule's condition may be; the last do not compile, or give no bool.
var conditions = []v1alpha1.Expression{
	"resource.properties.status == 'open'",
	"resource.properties.owner == subject.id",
	"has(resource.properties.status)",
	"!has(resource.properties.owner) || resource.properties.owner == subject.id",
	"resource.properties.?status.orValue('open') == 'open'",
	"'status' in resource.properties",
	"resource.properties.amount < 10",
	"resource.properties.amount == 12.0",
	"resource.properties['company'] in ['c1', 'c2', 12]",
	"resource.properties.status == 'open' || resource.properties.owner == 'bob'",
	"resource.properties.items.exists(i, i.warehouse == 'w1')",
	"resource.properties.exists(k, k == 'note')",
	"resource.properties.meta.company == 'c1'",
	"resource.properties.note == null",
	"resource.id != 'o1'",
	"resource.type == 'order'",
	"action.name != 'submit'",
	"action.properties.values.status != 'done'",
	"subject.staff",
	"'g1' in subject.groups",
	"'r1' in subject.roles",
	"'public' in subject.roles && subject.type == 'anonymous'",
	"subject.id != ''",
	"subject.attributes.company == 'c1'",
	"subject.attributes.company == resource.properties.company",
	"subject.properties.tier == 'gold'",
	"context.mfa == true",
	"!has(context.ip)",
	"now >= timestamp('2026-06-01T02:00:00Z')",
	"resource.properties.status != 'done'",
	"!(resource.properties.status == 'open')",
	"!(resource.properties.amount in [5, 12]) && resource.properties.amount <= 99.5",
	"resource.properties.owner.startsWith('a')",
	"!resource.properties.note.contains('x')",
	"resource.properties.owner == resource.properties.note || 'c1' in resource.properties.company",
	"subject.staff ? resource.properties.amount > 5 : subject.id == resource.properties.owner",
	"resource.properties.note",
	"size(resource.properties.items) > 0",
	"resource.id in ['o1', 'c1', 'c2', 'w1', 'n1', 'l1']",
	"true",
	"false",
	"resource.properties.status ==",
	"nobody.knows",
	"1 + 1",
	"proposed.status == 'open'",
}

// Conditions that follow links, and that ask for places in trees.
var (
	linkConditions = []v1alpha1.Expression{
		"resource.links.company.status == 'open'",
		"resource.links.company.links.company.id == 'c1'",
		"!has(resource.links.other) || resource.links.other.owner == subject.id",
		"has(resource.links.warehouse.note)",
		"resource.links.?other.owner.orValue('bob') != subject.id",
		"has(resource.links.company) && resource.links.company.id in ['c1', 'c2', '12']",
		"has(resource.links.other) ? resource.links.other.kind == 'company' : resource.properties.status == 'open'",
		"resource.links.parent.links.company.links.parent.id != 'c3' || has(resource.links.warehouse)",
		"linkID(resource.properties.company) == 'c1'",
		"linkID(resource.properties.other) == null || has(resource.links.other)",
		"linkID(resource.properties.warehouse) in ['w1', 12, null]",
	}
	treeConditions = []v1alpha1.Expression{
		"under('company', resource.properties.company, 'c1')",
		"!under('company', linkID(resource.properties.parent), 'c2') || under('order', resource.id, 'o3')",
		"['c1', 'c3'].exists(c, under('company', resource.properties.company, c)) || under('company', resource.id, 'c2')",
		"under(resource.type, resource.id, 'c1') || under('order', 'o3', resource.id)",
		"has(resource.links.company) && under('company', resource.links.company.id, 'c2')",
		"resource.properties.items.exists(i, under('warehouse', linkID(i.warehouse), 'w1'))",
		"under('company', subject.attributes.company, 'c1') || !under('warehouse', linkID(resource.properties.warehouse), 12)",
	}
)

// Conditions yields every expression that a generated rule's condition may be.
func Conditions(yield func(v1alpha1.Expression) bool) {
	slices.Values(slices.Concat(conditions, linkConditions, treeConditions))(yield)
}

func (g generator) condition() v1alpha1.Expression {
	switch {
	case chance(g, 25):
		return pick(g, linkConditions...)
	case chance(g, 75):
		return pick(g, treeConditions...)
	}
	return pick(g, conditions...)
}

var validations = []v1alpha1.Validation{
	{Expression: "has(proposed.owner)", Message: "an owner is needed"},
	{Expression: "proposed.status in ['draft', 'open']", Message: "drafts only"},
	{Expression: "proposed.status != 'done'"},
	{Expression: "proposed.owner == subject.id", Message: "owners only"},
	{Expression: "proposed.amount <= 10"},
	{Expression: "!has(proposed.amount) || proposed.amount < 100", Message: "too much"},
	{Expression: "proposed.company == resource.properties.company", Message: "the company stays"},
	{Expression: "!has(proposed.note) || proposed.note != 'x'", Message: "no x"},
	{Expression: "has(resource.properties.status)", Message: "an owner is needed"},
	{Expression: "true"},
	{Expression: "proposed.status ==", Message: "broken"},
}

// Guards, which see what validations do.
var guardConditions = []v1alpha1.Expression{
	"resource.properties.owner != subject.id",
	"resource.properties.status != 'done'",
	"!has(resource.properties.status) || resource.properties.status in ['open', 'draft']",
	"has(proposed.owner)",
	"!has(proposed.amount) || proposed.amount < 100",
	"proposed.status == resource.properties.status",
	"context.mfa == true",
	"!has(context.note) || resource.properties.note != context.note",
	"subject.id != 'ann' || 'g1' in subject.groups",
	"resource.id != 'o1'",
	"now < timestamp('2026-06-01T03:00:00Z')",
	"true",
	"false",
	"proposed.status ==",
}

var memberConditions = []v1alpha1.Expression{
	"subject.attributes.company == 'c1'",
	"subject.staff",
	"subject.properties.tier == 'gold'",
	"subject.id in ['ann', 'zoe']",
	"!has(subject.attributes.company)",
	"has(context.ip)",
	"now < timestamp('2026-06-01T03:00:00Z') && subject.id != 'bob'",
	"subject.type == 'user'",
	"subject.groups.size() > 0",
	"subject.id",
}

var presetExpressions = []v1alpha1.Expression{
	"subject.id", "context.note", "1 / 0", "now", "action.properties.values.status", "b'x'", "subject.attributes.company",
	"now - now", "optional.none()", "['draft', action.name]", "'o' + 'pen'", "subject.roles", "subject.groups", "2.0 * 6.0", "10u",
	"resource.id", "{'warehouse': 'w1'}", "null",
}

const namespace = "generated"

func jsonOf(value any) v1alpha1.JSON { return v1alpha1.JSON{Raw: []byte(jsonText(value))} }

// generator makes the objects of one domain.
type generator struct{ Source }

// Objects makes the objects of a domain: any of the eight kinds, in any order, contradicting each other at
// times, with expressions that are broken at times.
func Objects(s Source) []engine.Object {
	g := generator{s}
	var objects []engine.Object
	add := func(percent int, names []string, object func(string) engine.Object) {
		for _, name := range names {
			if chance(s, percent) {
				objects = append(objects, object(name))
			}
		}
	}
	add(65, []string{v1alpha1.PolicyName}, g.policy)
	add(92, typeNames, g.resourceType)
	add(85, roleNames[:6], g.role)
	add(45, roleNames[6:], g.role)
	add(65, groupNames, g.group)
	add(65, []string{"ann", "bob", "cid", "dee", "eve", "eve-2"}, func(name string) engine.Object { return g.user(name) })
	add(70, []string{"up1", "up2", "up3", "up4", "up5", "up6"}, func(name string) engine.Object { return g.userPermission(name) })
	add(35, []string{"users1", "users2"}, g.userSet)
	add(35, []string{"ups1", "ups2"}, g.userPermissionSet)
	add(25, []string{"sp1", "sp2", "sp3", "sp4"}, g.specialPermission)
	add(60, []string{"set1", "set2", "set3", "set4", "set5"}, g.recordSet)
	add(3, []string{"another"}, g.policy)
	return objects
}

// Change makes one change to a domain: an object written anew, changed, or deleted.
func Change(s Source, objects []engine.Object) engine.Change {
	if len(objects) > 0 && chance(s, 30) {
		return engine.Remove(refOf(pick(s, objects...)))
	}
	g := generator{s}
	switch s.IntN(12) {
	case 0:
		return engine.Put(g.resourceType(pick(s, typeNames...)))
	case 1:
		return engine.Put(g.role(pick(s, roleNames...)))
	case 2, 3:
		return engine.Put(g.group(pick(s, groupNames...)))
	case 4:
		return engine.Put(g.user(pick(s, "ann", "bob", "cid", "dee", "eve", "eve-2")))
	case 5:
		return engine.Put(g.userPermission(pick(s, "up1", "up2", "up3", "up4", "up5", "up6")))
	case 6:
		return engine.Put(g.specialPermission(pick(s, "sp1", "sp2", "sp3", "sp4")))
	case 7:
		return engine.Put(g.recordSet(pick(s, "set1", "set2", "set3", "set4", "set5")))
	case 8:
		return engine.Put(g.policy(v1alpha1.PolicyName))
	case 9:
		return engine.Put(g.userSet(pick(s, "users1", "users2")))
	case 10:
		return engine.Put(g.userPermissionSet(pick(s, "ups1", "ups2")))
	}
	// An object that changes its name's kind of contents little: deleted and made again by another kind.
	return engine.Remove(engine.Ref{Kind: pick(s, engine.Kinds...), Name: pick(s, "r1", "g1", "ann", "up1", "users1", "ups1", "sp1", "set1", "order", "default", "nothing")})
}

// Apply makes the objects after some changes.
func Apply(objects []engine.Object, changes ...engine.Change) []engine.Object {
	next := slices.Clone(objects)
	for _, change := range changes {
		next = slices.DeleteFunc(next, func(o engine.Object) bool { return refOf(o) == change.Ref })
		if change.Object != nil {
			next = append(next, change.Object)
		}
	}
	return next
}

func (g generator) meta(name string) metav1.ObjectMeta {
	// Ages collide, so that names decide too.
	return metav1.ObjectMeta{
		Name: name, Namespace: namespace, Generation: 1,
		CreationTimestamp: metav1.Time{Time: Start.Add(-time.Duration(g.IntN(3)) * 24 * time.Hour)},
	}
}

func (g generator) window() v1alpha1.TimeWindow {
	var w v1alpha1.TimeWindow
	if chance(g, 75) {
		return w
	}
	from := g.IntN(instants)
	if chance(g, 60) {
		w.StartsAt = at(from)
	}
	if chance(g, 60) {
		w.ExpiresAt = at(from + 1 + g.IntN(instants-from))
	}
	return w
}

func at(instant int) *metav1.Time {
	return &metav1.Time{Time: Start.Add(time.Duration(instant) * time.Hour)}
}

func (g generator) resourceType(name string) engine.Object {
	t := &v1alpha1.ResourceType{ObjectMeta: g.meta(name)}
	spec := &t.Spec
	if chance(g, 20) { // the object is not called what the type is
		t.Name, spec.Type = "the-"+name, v1alpha1.TypeName(name)
	}
	if chance(g, 50) {
		spec.Guards = upTo(g, 2, g.guard)
	}
	spec.Areas = typed[v1alpha1.Token](some(g, 40, areaNames...))
	spec.StaffOnly = name == "ledger" && chance(g, 40) || chance(g, 2)
	spec.Unrestricted = name == "note" && chance(g, 60) || chance(g, 3)
	if chance(g, 45) {
		for _, a := range ownActions {
			if chance(g, 85) {
				a.Implies = typed[v1alpha1.Token](some(g, 20, actionNames...))
				spec.Actions = append(spec.Actions, a)
			}
		}
	}
	taken := map[v1alpha1.FieldPath]bool{}
	for _, field := range some(g, 35, linkFields...) {
		if !taken[field.Name] { // names are keys
			field.IgnoreUserPermissions = chance(g, 15)
			spec.Fields = append(spec.Fields, field)
			taken[field.Name] = true
		}
	}
	if name == "company" || chance(g, 25) {
		spec.ParentField = pick(g, "parent", "company")
	}
	spec.RequiredReadFields = typed[v1alpha1.FieldPath](some(g, 10, "status", "meta.company"))
	return t
}

func (g generator) guard() v1alpha1.Guard {
	guard := v1alpha1.Guard{Condition: pick(g, guardConditions...), Message: pick(g, "", "not this one", "closed")}
	if chance(g, 85) {
		guard.Actions = typed[v1alpha1.Token](atLeastOne(g, 25, append(actionNames[:len(actionNames):len(actionNames)], "read:*", "update:*")...))
	}
	return guard
}

func (g generator) rule() v1alpha1.Rule {
	var r v1alpha1.Rule
	switch g.IntN(6) {
	case 0, 1:
		r.Resources = []v1alpha1.NameOrAny{v1alpha1.Any}
	case 2:
		r.Areas = typed[v1alpha1.Token](atLeastOne(g, 40, areaNames...))
	case 3:
		r.Areas = typed[v1alpha1.Token](atLeastOne(g, 40, areaNames...))
		r.Resources = typed[v1alpha1.NameOrAny](atLeastOne(g, 30, typeNames...))
	default:
		r.Resources = typed[v1alpha1.NameOrAny](atLeastOne(g, 30, typeNames...))
	}
	switch g.IntN(10) {
	case 0, 1:
		r.Access = v1alpha1.AccessFull
	case 2:
		r.Access = v1alpha1.AccessReadOnly
	case 3:
		r.Access = v1alpha1.AccessNone
	case 4:
		r.Actions = []v1alpha1.Token{v1alpha1.Any}
	default:
		r.Actions = typed[v1alpha1.Token](atLeastOne(g, 50, actionNames...))
		if chance(g, 15) {
			r.Actions = append(r.Actions, pick[v1alpha1.Token](g, "read:*", "update:*", "other:*"))
		}
	}
	if chance(g, 4) { // against A6: access decides
		r.Access = pick(g, v1alpha1.AccessFull, v1alpha1.AccessReadOnly, v1alpha1.AccessNone)
		r.Actions = typed[v1alpha1.Token](atLeastOne(g, 50, actionNames...))
	}
	if chance(g, 65) {
		r.Condition = g.condition()
	}
	if chance(g, 20) {
		r.Fields = typed[v1alpha1.FieldPath](atLeastOne(g, 45, "status", "owner", "amount", "company", "warehouse", "items.warehouse", "meta", "note"))
		if chance(g, 8) {
			r.Fields = append(r.Fields, v1alpha1.Any)
		}
	} else if chance(g, 90) {
		r.ExceptFields = typed[v1alpha1.FieldPath](atLeastOne(g, 25, "status", "amount", "items", "items.warehouse", "meta", "meta.company", "note"))
	}
	if chance(g, 30) {
		r.Validations = upTo(g, 2, func() v1alpha1.Validation { return pick(g, validations...) })
	}
	if chance(g, 35) {
		r.Presets = map[string]v1alpha1.JSON{}
		for _, field := range atLeastOne(g, 15, fieldNames...) {
			r.Presets[field] = jsonOf(g.fieldValue(field))
		}
	}
	if chance(g, 25) {
		r.PresetExpressions = map[string]v1alpha1.Expression{}
		for _, field := range atLeastOne(g, 12, fieldNames...) {
			r.PresetExpressions[field] = pick(g, presetExpressions...)
		}
		if chance(g, 3) {
			r.PresetExpressions["status"] = "subject."
		}
	}
	return r
}

func (g generator) rules(most int) []v1alpha1.Rule { return upTo(g, most, g.rule) }

func (g generator) role(name string) engine.Object {
	r := &v1alpha1.Role{ObjectMeta: g.meta(name)}
	r.Spec.AdminAccess = name == "admin" && chance(g, 80) || chance(g, 4)
	r.Spec.AppAccess = chance(g, 30)
	if chance(g, 35) {
		r.Spec.Restrictions = &v1alpha1.Restrictions{
			RequireMFA: chance(g, 50),
			AllowedCIDRs: typed[v1alpha1.CIDR](some(g, 15,
				"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120", "0.0.0.0/0", "::/0", "10.1.2.3/16", "::ffff:203.0.113.9", "10.0.0.300/8")),
		}
	}
	r.Spec.Rules = append(g.rules(4), g.rule())
	return r
}

func (g generator) roleRefs() []v1alpha1.RoleRef {
	var refs []v1alpha1.RoleRef
	percent := pick(g, 12, 30, 50)
	for _, name := range append(roleNames[:len(roleNames):len(roleNames)], "boss", "gone") {
		if (name != "admin" && name != "boss" || chance(g, 20)) && chance(g, percent) {
			refs = append(refs, v1alpha1.RoleRef{Name: v1alpha1.Name(name), TimeWindow: g.window()})
		}
	}
	return refs
}

func (g generator) group(name string) engine.Object {
	o := &v1alpha1.Group{ObjectMeta: g.meta(name)}
	for _, user := range some(g, 25, append(userNames[:len(userNames):len(userNames)], "fay")...) {
		o.Spec.Members = append(o.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(user), TimeWindow: g.window()})
	}
	o.Spec.Groups = typed[v1alpha1.Name](some(g, 15, append(groupNames[:len(groupNames):len(groupNames)], "gone")...))
	o.Spec.ExternalGroups = typed[v1alpha1.ExternalGroup](some(g, 25, claimNames...))
	if chance(g, 25) {
		o.Spec.MemberCondition = pick(g, memberConditions...)
	}
	o.Spec.Roles = g.roleRefs()
	if chance(g, 50) {
		o.Spec.Rules = g.rules(2)
	}
	return o
}

// userSet has some of the ids that Users and other sets have.
func (g generator) userSet(name string) engine.Object {
	set := &v1alpha1.UserSet{ObjectMeta: g.meta(name)}
	for _, id := range some(g, 40, append(userNames[:len(userNames):len(userNames)], "jim", "kim")...) {
		set.Spec.Users = append(set.Spec.Users, v1alpha1.UserEntry{ID: v1alpha1.UserID(id), Account: g.user(id).Spec.Account})
	}
	return set
}

func (g generator) userPermissionSet(name string) engine.Object {
	set := &v1alpha1.UserPermissionSet{ObjectMeta: g.meta(name)}
	for _, entry := range some(g, 50, "a", "b", "c") {
		set.Spec.Permissions = append(set.Spec.Permissions, v1alpha1.UserPermissionEntry{Name: v1alpha1.Name(entry), UserPermissionSpec: g.userPermission(entry).Spec})
	}
	return set
}

func (g generator) user(name string) *v1alpha1.User {
	u := &v1alpha1.User{ObjectMeta: g.meta(name)}
	switch name {
	case "eve-2":
		u.Spec.ID = pick[v1alpha1.UserID](g, "eve", "ann", "gil")
	case "dee":
		u.Spec.ID = pick[v1alpha1.UserID](g, "", "dee@example.com")
	}
	u.Spec.Disabled = chance(g, 7)
	u.Spec.Superuser = chance(g, 5)
	u.Spec.Staff = chance(g, 25)
	u.Spec.Roles = g.roleRefs()
	if chance(g, 60) {
		u.Spec.Attributes = map[string]v1alpha1.JSON{
			"company": jsonOf(pick[any](g, "c1", "c2", 12, nil)),
			"level":   jsonOf(pick[any](g, 1, 2.5, []string{"a"})),
		}
	}
	return u
}

func (g generator) userPermission(name string) *v1alpha1.UserPermission {
	p := &v1alpha1.UserPermission{ObjectMeta: g.meta(name)}
	if chance(g, 35) {
		p.Spec.Group = v1alpha1.Name(pick(g, append(groupNames[:len(groupNames):len(groupNames)], "gone")...))
	} else {
		p.Spec.User = v1alpha1.UserID(pick(g, append(userNames[:len(userNames):len(userNames)], "hal")...))
	}
	allow := pick(g, "company", "warehouse", "company", "warehouse", "order", "note", "gone")
	p.Spec.Allow = v1alpha1.Name(allow)
	ids := idsOf(allow)
	p.Spec.ForValues = typed[v1alpha1.RecordID](atLeastOne(g, 35, ids...))
	if chance(g, 50) {
		p.Spec.Default = pick(g, p.Spec.ForValues...)
	}
	if chance(g, 35) {
		p.Spec.ApplicableFor = typed[v1alpha1.Name](atLeastOne(g, 40, typeNames...))
	} else if chance(g, 80) {
		p.Spec.ExceptFor = typed[v1alpha1.Name](atLeastOne(g, 25, typeNames...))
	}
	if chance(g, 60) {
		p.Spec.Actions = typed[v1alpha1.Token](atLeastOne(g, 40, append(actionNames[:len(actionNames):len(actionNames)], "read:*")...))
	}
	p.Spec.HideDescendants = chance(g, 25)
	p.Spec.TimeWindow = g.window()
	return p
}

func (g generator) specialPermission(name string) engine.Object {
	p := &v1alpha1.SpecialPermission{ObjectMeta: g.meta(name)}
	p.Spec.User = v1alpha1.UserID(pick(g, append(userNames[:len(userNames):len(userNames)], "ivy")...))
	for range 1 + g.IntN(2) {
		entry := v1alpha1.SpecialPermissionEntry{
			Access: pick(g, v1alpha1.AccessFull, v1alpha1.AccessReadOnly, v1alpha1.AccessNone, v1alpha1.AccessNotApplicable),
		}
		switch g.IntN(6) {
		case 0:
			entry.Resources = []v1alpha1.NameOrAny{v1alpha1.Any}
		case 1:
			entry.Areas = typed[v1alpha1.Token](atLeastOne(g, 50, areaNames...))
		default:
			entry.Resources = typed[v1alpha1.NameOrAny](atLeastOne(g, 25, append(typeNames[:len(typeNames):len(typeNames)], "gone")...))
		}
		p.Spec.Permissions = append(p.Spec.Permissions, entry)
	}
	p.Spec.TimeWindow = g.window()
	return p
}

func (g generator) recordSet(name string) engine.Object {
	set := &v1alpha1.RecordSet{ObjectMeta: g.meta(name)}
	resourceType := pick(g, "company", "warehouse", "order", "company", "note", "ledger")
	set.Spec.ResourceType = v1alpha1.Name(resourceType)
	ids := recordIDs[resourceType]
	for _, id := range some(g, 65, ids...) {
		record := v1alpha1.Record{ID: v1alpha1.RecordID(id)}
		if chance(g, 55) {
			record.Parent = v1alpha1.RecordID(pick(g, ids...)) // itself, or in a circle, at times
		}
		if chance(g, 75) {
			record.Properties = map[string]v1alpha1.JSON{}
			for key, value := range g.properties(40) {
				record.Properties[key] = jsonOf(value)
			}
		}
		set.Spec.Records = append(set.Spec.Records, record)
	}
	return set
}

func (g generator) policy(name string) engine.Object {
	p := &v1alpha1.PermissionPolicy{ObjectMeta: g.meta(name)}
	spec := &p.Spec
	spec.StrictUserPermissions = chance(g, 35)
	spec.StrictFor = typed[v1alpha1.Name](some(g, 25, "company", "warehouse"))
	spec.EmptyLinks = pick(g, "", "", v1alpha1.EmptyLinksAllow, v1alpha1.EmptyLinksDeny)
	if chance(g, 15) {
		spec.AdminRole = pick(g, "boss", "r6")
	}
	if chance(g, 15) {
		spec.PublicRole = pick(g, "everyone", "r5")
	}
	if chance(g, 60) {
		spec.AppAccessRules = g.rules(2)
	}
	if chance(g, 20) {
		spec.SubjectTypes = pick(g, []v1alpha1.Token{"user", "employee"}, []v1alpha1.Token{"employee", "user"}, []v1alpha1.Token{"user", "robot"})
	}
	if chance(g, 15) {
		spec.SubjectProperties = pick(g, v1alpha1.SubjectPropertiesIgnore, v1alpha1.SubjectPropertiesTrust)
	}
	if chance(g, 25) {
		spec.Claims = &v1alpha1.Claims{
			Groups: pick(g, "", "memberOf"), MFA: pick(g, "", "second"), Scopes: pick(g, "", "scp"),
		}
	}
	if chance(g, 50) {
		spec.StaffScopes = typed[v1alpha1.Token](atLeastOne(g, 50, "a:staff", "team"))
	}
	return p
}

// idsOf are the ids of records of a type, at least one.
func idsOf(resourceType string) []string {
	if ids := recordIDs[resourceType]; len(ids) > 0 {
		return slices.Clone(ids)
	}
	return []string{"x"}
}

// properties are those of a record, each there with a chance.
func (g generator) properties(percent int) map[string]any {
	values := map[string]any{}
	for _, field := range fieldNames {
		if chance(g, percent) {
			values[field] = g.fieldValue(field)
		}
	}
	return values
}

// fieldValue is a value that a field may have: of its kind, empty, or odd. JSON values in it have the Go
// types of expr.ParseJSON.
func (g generator) fieldValue(field string) any {
	if chance(g, 12) {
		return pick[any](g, nil, "", int64(7), true, []any{}, map[string]any{}, "x")
	}
	switch field {
	case "status":
		return pick[any](g, "open", "draft", "done")
	case "owner":
		return pick[any](g, "ann", "bob", "cid")
	case "amount":
		return pick[any](g, int64(5), int64(12), 12.0, 99.5, int64(200))
	case "company", "parent":
		return pick[any](g, "c1", "c2", "c3", "c4", "12", int64(12), 12.0, []any{"c1", "c2"}, map[string]any{"id": "c2"})
	case "warehouse":
		return pick[any](g, "w1", "w2", "w3", "12", int64(12), 12.0, []any{[]any{"w1"}, "w2"})
	case "other":
		return pick[any](g, "o1", "o2", "o3")
	case "kind":
		return pick[any](g, "order", "company", "warehouse", "gone")
	case "items":
		if chance(g, 12) {
			return map[string]any{"warehouse": g.fieldValue("warehouse")}
		}
		list := []any{}
		for range g.IntN(3) {
			list = append(list, g.item())
		}
		return list
	case "meta":
		return pick[any](g, map[string]any{"company": g.fieldValue("company")}, map[string]any{"tag": "t"})
	}
	return pick[any](g, "a", "b", "x")
}

func (g generator) item() any {
	if chance(g, 10) {
		return pick[any](g, nil, "", "odd", int64(3), []any{map[string]any{"warehouse": "w1"}})
	}
	item := map[string]any{}
	if chance(g, 80) {
		item["warehouse"] = g.fieldValue("warehouse")
	}
	if chance(g, 60) {
		item["kind"] = g.fieldValue("kind")
	}
	if chance(g, 50) {
		item["lines"] = pick[any](g, []any{map[string]any{"company": g.fieldValue("company")}}, []any{}, nil, map[string]any{})
	}
	return item
}

func typed[T ~string](names []string) []T {
	if len(names) == 0 {
		return nil
	}
	made := make([]T, len(names))
	for i, name := range names {
		made[i] = T(name)
	}
	return made
}

// Describe names the objects of a domain, for messages of tests.
func Describe(objects []engine.Object) string {
	var text strings.Builder
	for _, object := range objects {
		fmt.Fprintf(&text, "%s: %s\n", refOf(object), jsonText(object))
	}
	return text.String()
}
