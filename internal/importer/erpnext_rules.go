package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

const (
	isOwner = "has(resource.properties.owner) && resource.properties.owner == subject.id"

	// Submitted documents are written by what may be written after submitting, and cancelled ones not at all.
	isDraft     = "resource.properties.docstatus == 0"
	isSubmitted = "resource.properties.docstatus == 1"
	isCancelled = "resource.properties.docstatus == 2"
	notFinal    = "resource.properties.docstatus != 1"
)

// What is created starts as the system says: nobody sets the fields that it sets.
var standardOnCreate = []v1alpha1.Validation{{
	Expression: `['name', 'creation', 'modified'].all(f, !(f in proposed) || proposed[f] == null)`,
	Message:    "name, creation and modified are set by the system",
}, {
	Expression: `['owner', 'modified_by'].all(f, !(f in proposed) || proposed[f] == null || proposed[f] == subject.id)`,
	Message:    "owner and modified_by are who creates it",
}, {
	Expression: `['docstatus', 'idx'].all(f, !(f in proposed) || proposed[f] == null || proposed[f] == 0)`,
	Message:    "what is created is a draft",
}}

// Nor does anybody change them. What a client sends along as it is, is no change; submit and cancel are.
var standardOnUpdate = []v1alpha1.Validation{{
	Expression: `['name', 'owner', 'creation', 'modified', 'modified_by', 'idx'].all(f, !(f in proposed) || ` +
		`f in resource.properties && proposed[f] == resource.properties[f])`,
	Message: "name, owner, creation, modified, modified_by and idx are set by the system",
}, {
	Expression: `!has(proposed.docstatus) || has(resource.properties.docstatus) && proposed.docstatus == resource.properties.docstatus || ` +
		`action.name == 'submit' && proposed.docstatus == 1 || action.name == 'cancel' && proposed.docstatus == 2`,
	Message: "docstatus is changed by submit and cancel alone",
}}

// typeRule is a rule on a document type, without its name.
type typeRule struct {
	docType string
	rule    v1alpha1.Rule
}

// docPerm is a permission of a role on a document type.
type docPerm struct {
	role, level string
	owner, mask bool
	rights      []v1alpha1.Token
	place       place
}

func (p *docPerm) has(right v1alpha1.Token) bool { return slices.Contains(p.rights, right) }

// docPerms are the permissions that count, by document type: of one that has custom ones, those alone.
func (e *erpnext) docPerms() map[string][]*docPerm {
	custom := map[string]bool{}
	for _, r := range e.documents["Custom DocPerm"] {
		custom[r.text("parent")] = true
	}
	perms := map[string][]*docPerm{}
	read := func(r *reading) {
		docType, role := r.text("parent"), r.text("role")
		if docType == "" || role == "" {
			e.leaveOut(r.place, "the permission names no document type (parent) or no role")
			return
		}
		p := &docPerm{role: role, owner: r.restricts("if_owner"), mask: r.grants("mask"), place: r.place}
		for _, right := range erpnextRights {
			if r.grants(string(right.Name)) {
				p.rights = append(p.rights, right.Name)
			}
		}
		level, leveled := permLevel(r)
		r.pass("match", "set_user_permissions", "apply_user_permissions", "user_permission_doctypes")
		for _, key := range r.rest() {
			if set, ok := yesNo(r.values[key]); set || !ok {
				e.leaveOut(r.place.at("%s", key), "%s: the right %q of %q on %s: it is not one that Frappe ships with", r.kind, key, role, docType)
			}
		}
		if p.level = level; leveled {
			perms[docType] = append(perms[docType], p)
		}
	}
	for _, r := range e.documents["Custom DocPerm"] {
		read(r)
	}
	for _, r := range e.documents["DocPerm"] {
		if !custom[r.text("parent")] {
			read(r)
		}
	}
	return perms
}

// readPermissions makes rules of the permissions.
func (e *erpnext) readPermissions() {
	perms := e.docPerms()
	for _, docType := range sorted(perms) {
		e.typeNamed(docType, perms[docType][0].place).named = true
	}
	if !e.sharing {
		e.noteSharing(perms)
	}
	var undefined []string
	for _, docType := range sorted(perms) {
		t := e.types[docType]
		if t.table {
			t.named = false
			e.note(perms[docType][0].place, "permissions of %s: its documents are rows of others, which alone decide", docType)
			continue
		}
		for _, p := range perms[docType] {
			e.role(p.role, p.place)
			if e.disabled[p.role] {
				e.note(p.place, "the role %q is disabled, so it gives nothing", p.role)
			}
		}
		alive := slices.DeleteFunc(perms[docType], func(p *docPerm) bool { return e.disabled[p.role] })
		e.tree(t)
		c := &typeCompiler{erpnext: e, t: t, perms: alive}
		c.compile()
		if len(alive) > 0 && !t.defined {
			undefined = append(undefined, docType)
		}
		if len(alive) > 0 && t.defined && t.unclear != "" && len(e.restricted) > 0 {
			e.leaveOut(t.place, "%s, for who has User Permissions: %s", docType, t.unclear)
		}
	}
	if len(undefined) > 0 {
		what := "which fields they have, at which levels, and which of them are links, is not in the export, so the rules cover what every document has, and nothing for who has User Permissions; add the DocTypes"
		e.leaveOut(perms[undefined[0]][0].place, "fields of %s: %s", strings.Join(undefined, ", "), what)
	}
}

// noteSharing tells that nobody shares.
func (e *erpnext) noteSharing(perms map[string][]*docPerm) {
	for _, docType := range sorted(perms) {
		for _, p := range perms[docType] {
			switch {
			case !p.has("share"):
				continue
			case len(e.documents["System Settings"]) == 0:
				e.leaveOut(place{file: p.place.file}, "the right to share: whether sharing is disabled is in the System Settings, which are not in the export")
			default:
				e.note(e.documents["System Settings"][0].place.at("disable_document_sharing"), "nobody shares documents")
			}
			return
		}
	}
}

func (e *erpnext) role(name string, p place) *v1alpha1.Role {
	role := e.roles[name]
	if role == nil {
		role = &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: e.stableName(engine.KindRole, name)}}
		role.Spec.DisplayName = short(name)
		e.roles[name] = role
		e.add(role, p)
	}
	return role
}

func (e *erpnext) typeName(docType string) string {
	e.typeNamed(docType, place{}).named = true
	return e.importer.typeName(docType)
}

// readRoles reads which roles there are, and which of them are disabled.
func (e *erpnext) readRoles() {
	for _, r := range e.documents["Role"] {
		name := cmp.Or(r.text("role_name"), r.text("name"))
		if name == "" {
			e.leaveOut(r.place, "a Role without a name")
			continue
		}
		e.disabled[name] = r.restricts("disabled") || e.disabled[name]
		e.role(name, r.place)
		if r.restricts("two_factor_auth") {
			e.note(r.place.at("two_factor_auth"), "asks for a second factor when %s signs in, which is no restriction of decisions", name)
		}
		r.pass(strings.Fields(`desk_access restrict_to_domain home_page search_bar list_sidebar bulk_actions form_sidebar
			timeline dashboard view_switcher notifications is_custom restrict_to_modules`)...)
		r.done()
	}
}

// typeCompiler makes the rules of one document type.
type typeCompiler struct {
	*erpnext
	t     *docType
	perms []*docPerm
}

// fieldSet are fields that take the same.
type fieldSet struct {
	needs  needs
	fields []string
}

func (c *typeCompiler) compile() {
	create, update := c.validations()
	for _, p := range c.perms {
		if p.level == "0" {
			c.rulesOf(p, create, update)
		}
	}
}

// sets puts what a walk says of each field into sets, the one that takes nothing first.
type sets struct {
	byKey map[string]*fieldSet
	order []*fieldSet
}

func newSets() *sets {
	s := &sets{byKey: map[string]*fieldSet{}}
	s.at(needs{})
	return s
}

func (s *sets) at(n needs) *fieldSet {
	set := s.byKey[n.key()]
	if set == nil {
		set = &fieldSet{needs: n}
		s.byKey[n.key()] = set
		s.order = append(s.order, set)
	}
	return set
}

// whole reports whether everything is in the set that takes nothing; its fields need not be listed.
func (s *sets) whole(closed bool) bool { return len(s.order) == 1 && !closed }

// readable are the fields to read: a table as a whole where all of its rows' fields take what it takes itself, else
// the fields of its rows one by one. All says that they need not be listed.
func (c *typeCompiler) readable() (list []*fieldSet, all bool) {
	s, closed := newSets(), false
	c.standard(s)
	var walk func(nodes []*node, prefix string, above needs)
	walk = func(nodes []*node, prefix string, above needs) {
		for _, n := range nodes {
			path, takes := prefix+n.name, above.and(n.needs)
			switch {
			case slices.Contains(s.at(needs{}).fields, path): // a standard field that is declared, too
			case n.closed, len(path) > maxPath:
				closed = true
			case n.table && !even(n.rows):
				set := s.at(takes)
				set.fields = append(set.fields, path+".name", path+".idx")
				closed = true
				walk(n.rows, path+".", takes)
				if whole, possible := within(n.rows, takes); possible { // for who may read all of it
					set := s.at(whole)
					set.fields = append(set.fields, path)
				}
			default:
				set := s.at(takes)
				set.fields = append(set.fields, path)
			}
		}
	}
	walk(c.tree(c.t), "", needs{})
	return s.order, c.t.defined && s.whole(closed)
}

const maxPath = 250

// standard adds the fields that every document has, but for those that the DocType declares with needs of their own.
func (c *typeCompiler) standard(s *sets) {
	set := s.at(needs{})
	for _, name := range erpnextStandard {
		if !slices.ContainsFunc(c.tree(c.t), func(n *node) bool { return n.name == name && (n.closed || !n.needs.nothing()) }) {
			set.fields = append(set.fields, name)
		}
	}
}

// within is what all fields of rows take together, at any depth.
func within(rows []*node, above needs) (all needs, possible bool) {
	for _, n := range rows {
		if n.closed {
			return needs{}, false
		}
		if above, possible = within(n.rows, above.and(n.needs)); !possible {
			return needs{}, false
		}
	}
	return above, true
}

// even reports whether rows take nothing of their own, at any depth.
func even(rows []*node) bool {
	return !slices.ContainsFunc(rows, func(n *node) bool { return n.closed || !n.needs.nothing() || !even(n.rows) })
}

// writable are the fields to write, of the document itself: which fields of rows are written, a validation says.
// AfterSubmit are those alone that may be written when the document is submitted.
func (c *typeCompiler) writable(afterSubmit bool) (list []*fieldSet, all bool) {
	s, closed := newSets(), false
	if !afterSubmit {
		c.standard(s)
	}
	for _, n := range c.tree(c.t) {
		if n.closed || afterSubmit && !staysOpen(n) {
			closed = true
			continue
		}
		if set := s.at(n.needs); !slices.Contains(set.fields, n.name) {
			set.fields = append(set.fields, n.name)
		}
	}
	return s.order, c.t.defined && s.whole(closed)
}

// staysOpen reports whether a field may be written when the document is submitted, and all of its rows' fields too.
func staysOpen(n *node) bool {
	return n.afterSubmit && !slices.ContainsFunc(n.rows, func(row *node) bool { return !staysOpen(row) })
}

// selectable are the fields that a link shows: name, title and search fields.
func (c *typeCompiler) selectable() []*fieldSet {
	s := newSets()
	set := s.at(needs{})
	set.fields = []string{"name"}
	for _, n := range c.tree(c.t) {
		if !n.closed && !n.table && (n.name == c.t.titleField || slices.Contains(c.t.searchFields, n.name)) {
			set := s.at(n.needs)
			set.fields = append(set.fields, n.name)
		}
	}
	return s.order
}

// rulesOf are the rules of a permission at level 0: on what takes nothing more, and on what takes a level or the
// right to see masked fields, which another role of the user may give.
func (c *typeCompiler) rulesOf(p *docPerm, onCreate, onUpdate []v1alpha1.Validation) {
	var base []string
	if p.owner {
		base = append(base, isOwner)
		if _, told := c.ownerRights[c.t.name]; !told && len(p.rights) > 0 {
			c.ownerRights[c.t.name] = p.place
		}
	}
	if (c.t.unclear != "" || !c.t.defined) && len(c.restricted) > 0 {
		base = append(base, c.notRestricted())
	}
	var rules ruleSet
	on := func(lists []*fieldSet, all bool, right string, actions []v1alpha1.Token, conditions ...string) {
		if len(actions) == 0 {
			return
		}
		for i, set := range lists {
			needed, possible := c.takes(p.role, set.needs, right)
			if !possible {
				continue
			}
			fields := set.fields
			if all && i == 0 {
				fields = nil
			} else if len(fields) == 0 {
				continue
			}
			var validations []v1alpha1.Validation
			switch classOf(actions[0]) {
			case v1alpha1.ClassCreate:
				validations = onCreate
			case v1alpha1.ClassUpdate:
				validations = onUpdate
			case v1alpha1.ClassRead, v1alpha1.ClassDelete:
			}
			rules.add(actions, fields, validations, slices.Concat(base, conditions, needed)...)
		}
	}
	given := func(rights ...v1alpha1.Token) []v1alpha1.Token {
		return slices.DeleteFunc(rights, func(right v1alpha1.Token) bool {
			return !p.has(right) || !c.t.hasRight(right) || right == "share" && !c.sharing
		})
	}
	readable, all := c.readable()
	if _, restricted := c.listed[c.t.name]; !restricted {
		reads := given("read", "print", "email", "report", "export", "share")
		switch {
		case !p.has("select"):
		case slices.ContainsFunc(c.perms, func(q *docPerm) bool {
			return q.level == "0" && q.role == p.role && q.has("read") && (!q.owner || p.owner)
		}):
			reads = append([]v1alpha1.Token{"select"}, reads...)
		default:
			on(c.selectable(), false, "read", []v1alpha1.Token{"select"})
			if reader, possible := c.given(p.role, func(q *docPerm) bool { return q.level == "0" && !q.owner && q.has("read") }); possible {
				on(readable, all, "read", []v1alpha1.Token{"select"}, reader...)
			}
		}
		on(readable, all, "read", reads)
	}
	writable, all := c.writable(false)
	creates := given("create")
	if len(creates) > 0 { // nobody owns what is not there yet
		owner := base
		base = slices.DeleteFunc(slices.Clone(base), func(s string) bool { return s == isOwner })
		on(writable, all, "write", creates)
		base = owner
	}
	if !p.owner { // an import is no document that has an owner
		on(writable, all, "write", given("import"))
	}
	drafts := c.t.submittable || !c.t.defined
	condition := func(s string) []string {
		if drafts {
			return []string{s}
		}
		return nil
	}
	on(writable, all, "write", given("write"), condition(isDraft)...)
	if c.t.submittable && p.has("write") && p.has("submit") {
		after, all := c.writable(true)
		on(after, all, "write", []v1alpha1.Token{"write"}, isSubmitted)
	}
	status := []*fieldSet{{fields: []string{"docstatus"}}}
	for _, w := range c.workflows[c.t.name] {
		status[0].fields = append(status[0].fields, w.field)
	}
	submits := status
	if p.has("write") {
		submits = writable
	}
	on(submits, all && p.has("write"), "write", given("submit"), isDraft)
	on(status, false, "write", given("cancel"), isSubmitted)
	on([]*fieldSet{{fields: []string{"docstatus"}}}, false, "write", given("amend"), isCancelled)
	on([]*fieldSet{{}}, true, "write", given("delete"), condition(notFinal)...)
	for _, rule := range rules.rules {
		c.rules[p.role] = append(c.rules[p.role], typeRule{c.t.name, rule})
	}
}

// takes says what reading or writing of fields takes of the roles that a user has besides one: conditions, or that no
// role gives it.
func (c *typeCompiler) takes(role string, n needs, right string) (conditions []string, possible bool) {
	for _, level := range n.levels {
		condition, possible := c.given(role, func(p *docPerm) bool { return p.level == level && p.has(v1alpha1.Token(right)) })
		if !possible {
			return nil, false
		}
		conditions = append(conditions, condition...)
	}
	for _, level := range n.masked {
		condition, possible := c.given(role, func(p *docPerm) bool { return p.level == level && p.mask })
		if !possible {
			return nil, false
		}
		conditions = append(conditions, condition...)
	}
	return conditions, true
}

// given says who of a role's users has one of some permissions by any of their roles: all of them, those for whom a
// condition holds, or nobody.
func (c *typeCompiler) given(role string, which func(*docPerm) bool) (condition []string, possible bool) {
	var plain, owned []string
	for _, p := range c.perms {
		if !which(p) {
			continue
		}
		always := p.role == role || p.role == roleGuest || p.role == roleAll && role != roleGuest
		name := c.role(p.role, p.place).Name
		switch {
		case always && !p.owner:
			return nil, true
		case always:
			owned = append(owned, "")
		case p.owner:
			owned = append(owned, name)
		default:
			plain = append(plain, name)
		}
	}
	var either []string
	if len(plain) > 0 {
		either = append(either, holds(plain))
	}
	switch {
	case slices.Contains(owned, ""):
		either = append(either, isOwner)
	case len(owned) > 0:
		either = append(either, holds(owned)+" && "+isOwner)
	}
	switch len(either) {
	case 0:
		return nil, false
	case 1:
		return either, true
	}
	return []string{strings.Join(either, " || ")}, true
}

// holds is true for who has one of the roles.
func holds(roles []string) string {
	slices.Sort(roles)
	roles = slices.Compact(roles)
	if len(roles) == 1 {
		return literal(roles[0]) + " in subject.roles"
	}
	return "subject.roles.exists(r, r in " + literals(roles) + ")"
}

func literals(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = literal(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// validations hold for whatever is created or changed: what only the system sets, what is set once, what of rows takes
// a level, and workflows.
func (c *typeCompiler) validations() (create, update []v1alpha1.Validation) {
	create, update = slices.Clone(standardOnCreate), slices.Clone(standardOnUpdate)
	for _, n := range c.tree(c.t) {
		name := literal(n.name)
		if n.once && !n.closed {
			update = append(update, v1alpha1.Validation{
				Expression: v1alpha1.Expression(fmt.Sprintf("!(%[1]s in proposed) || %[1]s in resource.properties && proposed[%[1]s] == resource.properties[%[1]s]", name)),
				Message:    n.name + " is set once",
			})
		}
		if n.table && !n.closed && !even(n.rows) {
			message := "fields of " + n.name + " that take a permission level"
			if rows := c.rowsOf(n, "proposed", 0); rows != always {
				create = append(create, v1alpha1.Validation{Expression: v1alpha1.Expression(rows.text), Message: message})
			}
			if rows := or(not(has("action.properties", "values")), c.rowsOf(n, "action.properties.values", 0)); rows != always {
				update = append(update, v1alpha1.Validation{Expression: v1alpha1.Expression(rows.text), Message: message})
			}
		}
	}
	for _, w := range c.workflows[c.t.name] {
		create, update = append(create, w.create), append(update, w.update)
	}
	return create, update
}

// rowsOf holds for the rows of a table in an object where no row has a field that takes more than the user has.
func (c *typeCompiler) rowsOf(table *node, object string, depth int) clause {
	row := "r" + strconv.Itoa(depth)
	all := always
	for _, n := range table.rows {
		absent := atom("!(%s in %s)", literal(n.name), row)
		switch {
		case n.closed:
			all = and(all, absent)
		case !n.needs.nothing():
			taken := never
			if conditions, possible := c.takes(roleGuest, n.needs, "write"); possible {
				taken = allOf(conditions)
			}
			all = and(all, or(absent, taken))
		}
		if n.table && !n.closed && !even(n.rows) {
			all = and(all, c.rowsOf(n, row, depth+1))
		}
	}
	if all == always {
		return always
	}
	name := literal(table.name)
	field := fmt.Sprintf("%s[%s]", object, name)
	return or(atom("!(%s in %s)", name, object), atom("%s == null", field), atom("%s.all(%s, %s)", field, row, all.text))
}

// ruleSet are rules, of which those that differ in their actions alone are one.
type ruleSet struct{ rules []v1alpha1.Rule }

func (s *ruleSet) add(actions []v1alpha1.Token, fields []string, validations []v1alpha1.Validation, conditions ...string) {
	rule := v1alpha1.Rule{Actions: slices.Clone(actions), Validations: validations}
	if condition := allOf(conditions); condition != always {
		rule.Condition = v1alpha1.Expression(condition.text)
	}
	for _, field := range fields {
		rule.Fields = append(rule.Fields, v1alpha1.FieldPath(field))
	}
	for i := range s.rules {
		had := &s.rules[i]
		if had.Condition == rule.Condition && slices.Equal(had.Fields, rule.Fields) && slices.Equal(had.Validations, rule.Validations) {
			had.Actions = inOrder(append(had.Actions, rule.Actions...))
			return
		}
	}
	rule.Actions = inOrder(rule.Actions)
	s.rules = append(s.rules, rule)
}

// classOf is what an action does to a document.
func classOf(action v1alpha1.Token) v1alpha1.ActionClass {
	return erpnextRights[slices.IndexFunc(erpnextRights, func(right v1alpha1.Action) bool { return right.Name == action })].Class
}

// inOrder sorts actions as Frappe does, each once.
func inOrder(actions []v1alpha1.Token) []v1alpha1.Token {
	var list []v1alpha1.Token
	for _, right := range erpnextRights {
		if slices.Contains(actions, right.Name) {
			list = append(list, right.Name)
		}
	}
	return list
}

// allOf joins conditions, each once; it is always true where there are none.
func allOf(conditions []string) clause {
	all := always
	for i, condition := range conditions {
		if slices.Contains(conditions[:i], condition) {
			continue
		}
		c := atom("%s", condition)
		if strings.Contains(condition, "||") {
			c.joint = "||"
		}
		all = and(all, c)
	}
	return all
}

// Limits of a rule and of a role.
const (
	perRule = 256
	perRole = 512
)

// writeRules puts the rules of each role that are equal but for their document types together, and those that a role
// has no room for into further roles, which who has the first one has too.
func (e *erpnext) writeRules() {
	for _, name := range sorted(e.rules) {
		role := e.roles[name]
		type group struct {
			rule  v1alpha1.Rule
			types []string
		}
		groups := map[string]*group{}
		var order []*group
		for _, r := range e.rules[name] {
			key := string(jsonText(r.rule))
			g := groups[key]
			if g == nil {
				g = &group{rule: r.rule}
				groups[key] = g
				order = append(order, g)
			}
			if !slices.Contains(g.types, r.docType) {
				g.types = append(g.types, r.docType)
			}
		}
		var rules []v1alpha1.Rule
		for _, g := range order {
			slices.Sort(g.types)
			for types := range slices.Chunk(g.types, perRule) {
				for _, fields := range chunks(g.rule.Fields) {
					rule := g.rule
					rule.Fields = fields
					for _, docType := range types {
						rule.Resources = append(rule.Resources, v1alpha1.NameOrAny(e.typeName(docType)))
					}
					rules = append(rules, rule)
				}
			}
		}
		e.fillRoles(name, role, rules)
	}
}

// chunks are lists of fields that a rule has room for; one empty list where all fields are meant.
func chunks(fields []v1alpha1.FieldPath) [][]v1alpha1.FieldPath {
	if len(fields) == 0 {
		return [][]v1alpha1.FieldPath{nil}
	}
	return slices.Collect(slices.Chunk(fields, perRule))
}

func (e *erpnext) fillRoles(name string, role *v1alpha1.Role, rules []v1alpha1.Rule) {
	p := e.places[engine.Ref{Kind: engine.KindRole, Name: role.Name}]
	for i := 2; ; i++ {
		role.Spec.Rules = rules[:min(len(rules), perRole)]
		if rules = rules[len(role.Spec.Rules):]; len(rules) == 0 {
			return
		}
		if name == roleGuest {
			e.leaveOut(p, "for visitors, %d rules of %q: a role has %d at most, and visitors have one role", len(rules), name, perRole)
		}
		label := fmt.Sprintf("%s, part %d", name, i)
		role = &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: e.stableName(engine.KindRole, label)}}
		role.Spec.DisplayName = short(label)
		e.more[name] = append(e.more[name], role)
		e.add(role, p)
	}
}

// notRestricted is true for who has no User Permissions.
func (e *erpnext) notRestricted() string {
	const perGroup = 20000
	if e.marker == nil {
		users := sorted(e.restricted)
		for chunk := range slices.Chunk(users, perGroup) {
			label := "Users with User Permissions"
			if len(e.marker) > 0 {
				label = fmt.Sprintf("%s, part %d", label, len(e.marker)+1)
			}
			group := &v1alpha1.Group{TypeMeta: typeMeta(engine.KindGroup), ObjectMeta: metav1.ObjectMeta{Name: e.stableName(engine.KindGroup, label)}}
			group.Spec.DisplayName = label
			for _, user := range chunk {
				group.Spec.Members = append(group.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(user)})
			}
			e.marker = append(e.marker, group.Name)
			e.add(group, e.restricted[chunk[0]])
		}
	}
	return "!subject.groups.exists(g, g in " + literals(e.marker) + ")"
}
