package importer

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// erpnextRights are the rights of a DocPerm, as actions.
var erpnextRights = []v1alpha1.Action{
	{Name: "select", Class: v1alpha1.ClassRead},
	{Name: "read", Class: v1alpha1.ClassRead},
	{Name: "print", Class: v1alpha1.ClassRead},
	{Name: "email", Class: v1alpha1.ClassRead},
	{Name: "report", Class: v1alpha1.ClassRead},
	{Name: "export", Class: v1alpha1.ClassRead},
	{Name: "share", Class: v1alpha1.ClassRead},
	{Name: "write", Class: v1alpha1.ClassUpdate},
	{Name: "create", Class: v1alpha1.ClassCreate},
	{Name: "import", Class: v1alpha1.ClassCreate},
	{Name: "delete", Class: v1alpha1.ClassDelete},
	{Name: "submit", Class: v1alpha1.ClassUpdate},
	{Name: "cancel", Class: v1alpha1.ClassUpdate},
	{Name: "amend", Class: v1alpha1.ClassUpdate},
}

// erpnextSubmit are the rights that only submittable document types have.
var erpnextSubmit = []v1alpha1.Token{"submit", "cancel", "amend"}

// erpnextStandard are the fields that every document has, at level 0.
var erpnextStandard = []string{"name", "owner", "creation", "modified", "modified_by", "docstatus", "idx"}

// Roles that Frappe gives by itself: to everybody, to every user, and to who uses the desk.
const (
	roleGuest    = "Guest"
	roleAll      = "All"
	roleDeskUser = "Desk User"
)

const isOwner = "has(resource.properties.owner) && resource.properties.owner == subject.id"

// erpnext is an import from ERPNext, or another application on Frappe.
type erpnext struct {
	*importer
	// rows are the documents by their DocType.
	rows map[string][]row
	// docTypes are the definitions that are in the export, by name.
	docTypes map[string]row
	// types are all document types that something names.
	types map[string]place
	roles map[string]*v1alpha1.Role
	// disabled roles give nothing.
	disabled map[string]bool
	// named are the document types that rules and user permissions name.
	named map[string]bool
	// restricted are the document types that user permissions are about.
	restricted map[string]bool
}

// importERPNext reads documents as JSON (fixtures, or answers of the REST interface) or CSV: Role, DocPerm and
// Custom DocPerm, User Permission, and where given User, Has Role, DocType and System Settings. DocTypes become
// resource types, permissions rules, User Permissions user permissions.
func importERPNext(im *importer, files []File) error {
	e := &erpnext{
		importer: im, rows: map[string][]row{}, docTypes: map[string]row{}, types: map[string]place{},
		roles: map[string]*v1alpha1.Role{}, disabled: map[string]bool{}, named: map[string]bool{}, restricted: map[string]bool{},
	}
	for _, f := range files {
		if err := e.readFile(f); err != nil {
			return err
		}
	}
	for _, r := range e.rows["DocType"] {
		if name := cmp.Or(r.text("name"), r.text("doctype_name")); name != "" {
			e.docTypes[name] = r
			e.types[name] = r.place
		}
	}
	e.readRoles()
	if err := e.readUserPermissions(); err != nil {
		return err
	}
	e.readPermissions()
	e.noteMissing(files)
	e.writeUsers()
	e.writeTypes()
	e.writePolicy()
	return nil
}

// noteMissing tells of documents without which nobody knows of restrictions.
func (e *erpnext) noteMissing(files []File) {
	for _, missing := range []struct{ docType, what string }{
		{"User Permission", "nobody is restricted to records"},
		{"Role", "no role is disabled"},
		{"Custom DocPerm", "the standard permissions are taken to be those in force"},
	} {
		if len(e.rows[missing.docType]) == 0 && len(files) > 0 {
			e.note(place{file: files[0].Name}, "no %s is in the export: %s", missing.docType, missing.what)
		}
	}
}

func (e *erpnext) readFile(f File) error {
	trimmed := strings.TrimSpace(strings.TrimPrefix(string(f.Data), "\ufeff"))
	if !strings.HasPrefix(trimmed, "[") && !strings.HasPrefix(trimmed, "{") {
		return e.readTable(f)
	}
	v, err := value(File{f.Name, []byte(trimmed)})
	if err != nil {
		return err
	}
	p := place{file: f.Name}
	for _, wrapper := range []string{"data", "message", "docs"} {
		object, ok := v.(map[string]any)
		if inner, has := object[wrapper]; ok && has {
			v, p = inner, p.at("%s", wrapper)
		}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for i, element := range list {
		values, ok := element.(map[string]any)
		if !ok {
			return p.at("[%d]", i).errorf("not a document")
		}
		r := row{values, p.at("[%d]", i)}
		docType := cmp.Or(text(values["doctype"]), erpnextDocType(values, f.Name))
		if docType == "" {
			return r.place.errorf("what DocType it is cannot be told; give its doctype, or name the file after it")
		}
		e.addDocument(docType, r)
	}
	return nil
}

// addDocument takes a document with the lists of others in it.
func (e *erpnext) addDocument(docType string, r row) {
	e.rows[docType] = append(e.rows[docType], r)
	for _, part := range []struct{ of, field, docType string }{{"User", "roles", "Has Role"}, {"DocType", "permissions", "DocPerm"}} {
		children, _ := r.values[part.field].([]any)
		if docType != part.of {
			continue
		}
		for i, child := range children {
			if values, ok := child.(map[string]any); ok {
				if text(values["parent"]) == "" {
					values["parent"] = cmp.Or(r.text("name"), r.text("email"))
				}
				e.rows[part.docType] = append(e.rows[part.docType], row{values, r.place.at("%s[%d]", part.field, i)})
			}
		}
	}
}

// erpnextTitles are the titles of columns that are not called like their fields.
var erpnextTitles = map[string]string{
	"id": "name", "document_type": "parent", "level": "permlevel", "if_user_is_the_owner": "if_owner", "only_if_creator": "if_owner",
	"apply_to_all_document_types": "apply_to_all_doctypes", "full_name": "full_name", "role_name": "role_name",
}

func (e *erpnext) readTable(f File) error {
	head, lines, err := readCSV(f)
	if err != nil {
		return err
	}
	fields := make([]string, len(head))
	for i, title := range head {
		fields[i] = strings.ReplaceAll(slug(title), "-", "_")
		if field, ok := erpnextTitles[fields[i]]; ok {
			fields[i] = field
		}
	}
	for n, line := range lines {
		values := map[string]any{}
		for i, field := range fields {
			if written := cell(line, i); written != "" {
				values[field] = written
			}
		}
		if len(values) == 0 {
			continue
		}
		for _, field := range fields { // tells what it is, even where a cell is empty
			if _, ok := values[field]; !ok {
				values[field] = nil
			}
		}
		docType := erpnextDocType(values, f.Name)
		if docType == "" {
			return fmt.Errorf("%s: what DocType it is cannot be told; name the file after it, such as User Permission.csv", f.Name)
		}
		e.addDocument(docType, row{values, place{f.Name, fmt.Sprintf("line %d", n+2)}})
	}
	return nil
}

// erpnextDocType tells what a document is, by the name of its file or by what it has.
func erpnextDocType(values map[string]any, file string) string {
	base := slug(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	for _, docType := range []string{"Role", "DocPerm", "Custom DocPerm", "User Permission", "Has Role", "User", "DocType", "System Settings"} {
		if base == slug(docType) {
			return docType
		}
	}
	has := func(fields ...string) bool {
		for _, field := range fields {
			if _, ok := values[field]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("allow", "for_value"):
		return "User Permission"
	case has("role", "permlevel"):
		return "Custom DocPerm"
	case has("role", "parent"):
		return "Has Role"
	case has("role_name"):
		return "Role"
	case has("enabled", "email"), has("enabled", "user_type"):
		return "User"
	}
	return ""
}

func (e *erpnext) typeName(docType string) string {
	e.named[docType] = true
	return e.name(engine.KindResourceType, docType, docType)
}

// scrub is the usual name of a field that links to a document type.
func scrub(docType string) string { return strings.ReplaceAll(slug(docType), "-", "_") }

func (e *erpnext) readRoles() {
	for _, r := range e.rows["Role"] {
		name := cmp.Or(r.text("role_name"), r.text("name"))
		if name == "" {
			continue
		}
		e.disabled[name] = isSet(r.values["disabled"])
		e.role(name, r.place)
		if isSet(r.values["two_factor_auth"]) {
			e.note(r.place.at("two_factor_auth"), "asks for a second factor when %s signs in, which is no restriction of decisions", name)
		}
	}
}

func (e *erpnext) role(name string, p place) *v1alpha1.Role {
	role := e.roles[name]
	if role == nil {
		role = &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: e.name(engine.KindRole, name, name)}}
		role.Spec.DisplayName = short(name)
		e.roles[name] = role
		e.add(role, p)
	}
	return role
}

// docPerms are the permissions that count: of a document type that has custom ones, those alone.
func (e *erpnext) docPerms() []row {
	custom := map[string]bool{}
	for _, r := range e.rows["Custom DocPerm"] {
		custom[r.text("parent")] = true
	}
	perms := slices.Clone(e.rows["Custom DocPerm"])
	for _, r := range e.rows["DocPerm"] {
		if !custom[r.text("parent")] {
			perms = append(perms, r)
		}
	}
	return perms
}

// permLevel is the level of a permission or a field.
func permLevel(r row) string { return cmp.Or(idOf(r.values["permlevel"]), "0") }

// allowance is what a role may do at the levels of a document type.
type allowance struct {
	docType, role string
	// base has the permissions at level 0, higher those above.
	base, higher []row
}

func (e *erpnext) readPermissions() {
	var order []*allowance
	found := map[[2]string]*allowance{}
	leveled := map[string]bool{}
	for _, r := range e.docPerms() {
		docType, role := r.text("parent"), r.text("role")
		if docType == "" || role == "" {
			e.leaveOut(r.place, "the permission names no document type (parent) or no role")
			continue
		}
		if _, known := e.types[docType]; !known {
			e.types[docType] = r.place
		}
		key := [2]string{docType, role}
		if found[key] == nil {
			found[key] = &allowance{docType: docType, role: role}
			order = append(order, found[key])
		}
		if permLevel(r) == "0" {
			found[key].base = append(found[key].base, r)
			continue
		}
		leveled[docType] = true
		found[key].higher = append(found[key].higher, r)
	}
	for _, a := range order {
		p := e.allowancePlace(a)
		role := e.role(a.role, p)
		definition, defined := e.docTypes[a.docType]
		switch {
		case e.disabled[a.role]:
			e.note(p, "the role %q is disabled, so it gives nothing", a.role)
		case len(a.base) == 0:
			e.leaveOut(p, "%s: %q has rights at a level above 0 only, which count together with another role's", a.docType, a.role)
		case leveled[a.docType] && !defined:
			e.leaveOut(p, "%s has permission levels, and which of its fields are at which is not in the export; add its DocType", a.docType)
		default:
			role.Spec.Rules = append(role.Spec.Rules, e.rules(a, definition, defined)...)
		}
	}
}

func (e *erpnext) allowancePlace(a *allowance) place {
	if len(a.base) > 0 {
		return a.base[0].place
	}
	return a.higher[0].place
}

// rules are those of a role on a document type: of all documents, and of the user's own.
func (e *erpnext) rules(a *allowance, definition row, defined bool) []v1alpha1.Rule {
	levels := fieldsByLevel(definition)
	var rules []v1alpha1.Rule
	add := func(actions []v1alpha1.Token, owner bool, fields []string) {
		const perRule = 256
		for {
			rule := v1alpha1.Rule{Resources: names([]string{e.typeName(a.docType)}), Actions: actions}
			if owner {
				rule.Condition = isOwner
			}
			chunk := fields[:min(len(fields), perRule)]
			for _, field := range chunk {
				rule.Fields = append(rule.Fields, v1alpha1.FieldPath(field))
			}
			rules = append(rules, rule)
			if fields = fields[len(chunk):]; len(fields) == 0 {
				return
			}
		}
	}
	for _, r := range a.base {
		own := isSet(r.values["if_owner"])
		byField := map[bool][]v1alpha1.Token{} // those that are restricted to the owner, and not
		for _, right := range erpnextRights {
			if !isSet(r.values[string(right.Name)]) || defined && !hasRight(definition, right.Name) {
				continue
			}
			owner := own && right.Name != "create" // nobody owns what is not there yet
			byField[owner] = append(byField[owner], right.Name)
		}
		for _, owner := range []bool{false, true} {
			actions := byField[owner]
			if len(actions) == 0 {
				continue
			}
			if len(levels) <= 1 {
				add(actions, owner, nil)
				continue
			}
			add(actions, owner, levels["0"])
			for _, higher := range a.higher {
				at := levels[permLevel(higher)]
				above := levelActions(actions, higher)
				if len(at) > 0 && len(above) > 0 {
					add(above, owner || isSet(higher.values["if_owner"]), at)
				}
			}
		}
	}
	return rules
}

// levelActions are those of the actions that a permission at a higher level gives on its fields: it has read
// and write, which stand for what reads and what writes.
func levelActions(actions []v1alpha1.Token, higher row) []v1alpha1.Token {
	var above []v1alpha1.Token
	for _, right := range erpnextRights {
		by := "write"
		switch right.Class {
		case v1alpha1.ClassRead:
			by = "read"
		case v1alpha1.ClassDelete:
			continue
		case v1alpha1.ClassCreate, v1alpha1.ClassUpdate:
		}
		if slices.Contains(actions, right.Name) && isSet(higher.values[by]) {
			above = append(above, right.Name)
		}
	}
	return above
}

// hasRight says whether a document type has a right at all.
func hasRight(definition row, right v1alpha1.Token) bool {
	switch {
	case slices.Contains(erpnextSubmit, right):
		return isSet(definition.values["is_submittable"])
	case right == "import":
		return isSet(definition.values["allow_import"])
	}
	return true
}

// fieldsByLevel are the fields of a definition by their permission level; nil without a definition.
func fieldsByLevel(definition row) map[string][]string {
	if definition.values == nil {
		return nil
	}
	byLevel := map[string][]string{"0": slices.Clone(erpnextStandard)}
	for _, field := range docFields(definition) {
		if name := field.text("fieldname"); name != "" {
			level := permLevel(field)
			byLevel[level] = append(byLevel[level], name)
		}
	}
	return byLevel
}

func docFields(definition row) []row {
	list, _ := definition.values["fields"].([]any)
	var fields []row
	for i, element := range list {
		if values, ok := element.(map[string]any); ok {
			fields = append(fields, row{values, definition.place.at("fields[%d]", i)})
		}
	}
	return fields
}

// permitted is what a User Permission says, but for how.
type permitted struct{ user, allow, applicableFor, value string }

// permission is a User Permission.
type permission struct {
	permitted
	row             row
	hideDescendants bool
	isDefault       bool
}

// userPermissions are the User Permissions, those that say the same as one.
func (e *erpnext) userPermissions() ([]*permission, error) {
	var list []*permission
	found := map[permitted]*permission{}
	for _, r := range e.rows["User Permission"] {
		key := permitted{r.text("user"), r.text("allow"), r.text("applicable_for"), idOf(r.values["for_value"])}
		if key.user == "" || key.allow == "" || key.value == "" {
			return nil, r.place.errorf("a User Permission without user, allow or for_value")
		}
		if isSet(r.values["apply_to_all_doctypes"]) {
			key.applicableFor = ""
		}
		p := found[key]
		if p == nil {
			p = &permission{permitted: key, row: r, hideDescendants: true}
			found[key] = p
			list = append(list, p)
		}
		p.hideDescendants = p.hideDescendants && isSet(r.values["hide_descendants"])
		p.isDefault = p.isDefault || isSet(r.values["is_default"])
	}
	// What is permitted for all document types need not be for one.
	return slices.DeleteFunc(list, func(p *permission) bool {
		all := p.permitted
		all.applicableFor = ""
		whole := found[all]
		if p.applicableFor == "" || whole == nil {
			return false
		}
		if whole.hideDescendants && !p.hideDescendants {
			e.leaveOut(p.row.place, "what stands below %s %s: it is hidden for all document types, and cannot be shown for %s alone", p.allow, p.value, p.applicableFor)
		}
		return true
	}), nil
}

// readUserPermissions makes user permissions. They restrict, so one that is not understood is an error.
func (e *erpnext) readUserPermissions() error {
	list, err := e.userPermissions()
	if err != nil {
		return err
	}
	type shared struct {
		user, allow, applicableFor string
		hideDescendants            bool
	}
	const perObject = 1000
	objects := map[shared]*v1alpha1.UserPermission{}
	defaults := map[[2]string]string{}
	for i, p := range list {
		e.restricted[p.allow] = true
		for _, docType := range []string{p.allow, p.applicableFor} {
			if _, known := e.types[docType]; !known && docType != "" {
				e.types[docType] = p.row.place
			}
		}
		key := shared{p.user, p.allow, p.applicableFor, p.hideDescendants}
		object := objects[key]
		if object == nil || len(object.Spec.ForValues) == perObject {
			label := p.user + " " + p.allow
			if p.applicableFor != "" {
				label += " for " + p.applicableFor
			}
			object = &v1alpha1.UserPermission{TypeMeta: typeMeta(engine.KindUserPermission)}
			object.Name = e.name(engine.KindUserPermission, fmt.Sprint(i), label)
			object.Spec = v1alpha1.UserPermissionSpec{User: v1alpha1.UserID(p.user), Allow: v1alpha1.Name(e.typeName(p.allow)), HideDescendants: p.hideDescendants}
			if p.applicableFor != "" {
				object.Spec.ApplicableFor = []v1alpha1.Name{v1alpha1.Name(e.typeName(p.applicableFor))}
			}
			objects[key] = object
			e.add(object, p.row.place)
		}
		object.Spec.ForValues = append(object.Spec.ForValues, v1alpha1.RecordID(p.value))
		if !p.isDefault {
			continue
		}
		if first := defaults[[2]string{p.user, p.allow}]; first != "" {
			e.note(p.row.place.at("is_default"), "the default of %s for %s is %s already", p.user, p.allow, first)
			continue
		}
		defaults[[2]string{p.user, p.allow}] = p.value
		object.Spec.Default = v1alpha1.RecordID(p.value)
	}
	return nil
}

// writeUsers makes users with their roles, and those that Frappe gives by itself.
func (e *erpnext) writeUsers() {
	held := map[string][]string{}
	for _, r := range e.rows["Has Role"] {
		if parentType := r.text("parenttype"); parentType != "" && parentType != "User" {
			continue // of a report, a page, a role profile
		}
		held[r.text("parent")] = append(held[r.text("parent")], r.text("role"))
	}
	documents := map[string]row{}
	places := map[string]place{}
	for _, r := range e.rows["Has Role"] {
		if user := r.text("parent"); held[user] != nil && places[user].file == "" {
			places[user] = r.place
		}
	}
	for _, r := range e.rows["User"] {
		if id := cmp.Or(r.text("name"), r.text("email")); id != "" {
			documents[id], places[id] = r, r.place
		}
	}
	for _, id := range sorted(places) {
		if id == roleGuest || id == "" {
			continue // nobody in particular
		}
		document, exported := documents[id]
		user := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: e.name(engine.KindUser, id, id)}}
		user.Spec = v1alpha1.UserSpec{DisplayName: short(cmp.Or(document.text("full_name"), id)), Superuser: id == "Administrator"}
		if user.Name != id {
			user.Spec.ID = v1alpha1.UserID(id)
		}
		if exported {
			user.Spec.Disabled = !isSet(document.values["enabled"])
		} else {
			e.note(places[id], "%s is not among the exported Users, and taken to be enabled", id)
		}
		roles := append(slices.Clone(held[id]), roleAll, roleGuest)
		if document.text("user_type") == "System User" {
			roles = append(roles, roleDeskUser)
		}
		for _, name := range roles {
			role := e.roles[name]
			if role == nil {
				continue // nothing is given to it
			}
			if ref := (v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)}); !slices.Contains(user.Spec.Roles, ref) {
				user.Spec.Roles = append(user.Spec.Roles, ref)
			}
		}
		e.add(user, places[id])
	}
}

// writeTypes makes a resource type of each document type, with the links that user permissions look at. Where
// its DocType is not in the export, the usual names are taken: a link that is not there has to be sent as null,
// one of another name would not be seen.
func (e *erpnext) writeTypes() {
	var guessed []string
	for _, docType := range sorted(e.types) {
		definition, defined := e.docTypes[docType]
		if e.isPart(docType) {
			continue
		}
		t := &v1alpha1.ResourceType{TypeMeta: typeMeta(engine.KindResourceType), ObjectMeta: metav1.ObjectMeta{Name: e.typeName(docType)}}
		t.Spec.DisplayName = short(docType)
		for _, right := range erpnextRights {
			if !defined || hasRight(definition, right.Name) {
				t.Spec.Actions = append(t.Spec.Actions, right)
			}
		}
		if module := slug(definition.text("module")); module != "" {
			t.Spec.Areas = []v1alpha1.Token{v1alpha1.Token(module)}
		}
		if isSet(definition.values["is_tree"]) {
			t.Spec.ParentField = cmp.Or(definition.text("nsm_parent_field"), "parent_"+scrub(docType))
		}
		switch {
		case defined:
			t.Spec.Fields = e.linkFields(definition)
		case len(e.restricted) > 0:
			t.Spec.Fields = e.usualLinks("", docType)
			guessed = append(guessed, docType)
		}
		e.add(t, e.types[docType])
	}
	if len(guessed) > 0 {
		e.leaveOut(e.types[guessed[0]], "which fields of %s are links is not in the export; those that are usual are taken for it, and have to be sent, as null where there are none. Add the DocTypes for the real ones", strings.Join(guessed, ", "))
	}
}

// isPart says that documents of a type are part of others, and that nothing is said of them by themselves.
func (e *erpnext) isPart(docType string) bool {
	return isSet(e.docTypes[docType].values["istable"]) && !e.named[docType]
}

// usualLinks are fields as they are usually called, for every document type that somebody is restricted to.
func (e *erpnext) usualLinks(prefix, but string) []v1alpha1.Field {
	var fields []v1alpha1.Field
	for _, linked := range sorted(e.restricted) {
		if linked != but {
			fields = append(fields, v1alpha1.Field{Name: v1alpha1.FieldPath(prefix + scrub(linked)), LinksTo: e.typeName(linked)})
		}
	}
	return fields
}

// linkFields are the links of a document type, those in the tables that it holds too.
func (e *erpnext) linkFields(definition row) []v1alpha1.Field {
	var fields []v1alpha1.Field
	for _, field := range docFields(definition) {
		prefix, links := "", []row{field}
		if kind := field.text("fieldtype"); kind == "Table" || kind == "Table MultiSelect" {
			table, defined := e.docTypes[field.text("options")]
			if !defined {
				if len(e.restricted) > 0 {
					e.leaveOut(field.place, "the links in the table %s are not in the export; the usual ones are taken for it, and have to be sent. Add its DocType, %s", field.text("fieldname"), field.text("options"))
				}
				fields = append(fields, e.usualLinks(field.text("fieldname")+".", "")...)
				continue
			}
			prefix, links = field.text("fieldname")+".", docFields(table)
		}
		for _, link := range links {
			to := link.text("options")
			if _, known := e.types[to]; !known || link.text("fieldtype") != "Link" || e.isPart(to) {
				continue // nobody can be restricted by it
			}
			fields = append(fields, v1alpha1.Field{
				Name: v1alpha1.FieldPath(prefix + link.text("fieldname")), LinksTo: e.typeName(to),
				IgnoreUserPermissions: isSet(link.values["ignore_user_permissions"]),
			})
		}
	}
	return fields
}

// writePolicy makes the policy: what a visitor has, and whether a restricted user may leave a link empty.
func (e *erpnext) writePolicy() {
	var policy v1alpha1.PermissionPolicySpec
	var p place
	if guest := e.roles[roleGuest]; guest != nil {
		policy.PublicRole, p = guest.Name, e.importer.places[engine.Ref{Kind: engine.KindRole, Name: guest.Name}]
	}
	settings := e.rows["System Settings"]
	switch {
	case len(settings) > 0:
		if isSet(settings[0].values["apply_strict_user_permissions"]) {
			policy.EmptyLinks, p = v1alpha1.EmptyLinksDeny, settings[0].place
		}
	case len(e.restricted) > 0:
		policy.EmptyLinks, p = v1alpha1.EmptyLinksDeny, e.rows["User Permission"][0].place
		e.note(place{file: p.file}, "whether user permissions are strict is in the System Settings, which are not in the export; they are taken to be: restricted users may not leave links empty (emptyLinks)")
	}
	if policy.PublicRole != "" || policy.EmptyLinks != "" {
		e.add(&v1alpha1.PermissionPolicy{TypeMeta: typeMeta(engine.KindPermissionPolicy), ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}, Spec: policy}, p)
	}
}
