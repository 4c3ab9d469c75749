package importer

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// row is one entry of an export.
type row struct {
	values map[string]any
	place  place
}

func (r row) text(key string) string { return text(r.values[key]) }

// reference is the id that a member holds: a value, or an object with an id.
func (r row) reference(key string) string { return idOf(r.values[key]) }

func idOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return fmt.Sprint(v)
	case map[string]any:
		return idOf(v["id"])
	}
	return ""
}

// directusTables are the parts of an export, by the name of their endpoint.
type directusTables map[string][]row

// importDirectus reads /roles, /policies, /permissions, /access and /users of Directus 11 and later, and schema
// snapshots. Collections become resource types; policies roles; roles groups that have their policies as roles
// and the roles below them as groups; the public policy the public role.
func importDirectus(im *importer, files []File) error {
	tables := directusTables{}
	for _, f := range files {
		v, err := directusValue(f)
		if err != nil {
			return err
		}
		if !tables.read(v, place{file: f.Name}, true) {
			return fmt.Errorf("%s: neither a list of roles, policies, permissions, access or users nor a schema snapshot", f.Name)
		}
	}
	d := &directus{importer: im, tables: tables, attributes: map[string]bool{}, policies: map[string]*directusPolicy{}}
	d.readSchema()
	d.readPolicies()
	if err := d.readAccess(); err != nil {
		return err
	}
	if err := d.readPermissions(); err != nil {
		return err
	}
	d.writePolicies()
	d.writeRoles()
	d.writeUsers()
	d.writeTypes()
	return nil
}

// directusValue reads JSON, or the YAML of a snapshot.
func directusValue(f File) (any, error) {
	v, err := expr.ParseJSON(f.Data)
	if err == nil {
		return v, nil
	}
	text, yamlErr := yaml.YAMLToJSON(f.Data)
	if yamlErr != nil {
		return nil, fmt.Errorf("%s: neither JSON (%w) nor YAML (%w)", f.Name, err, yamlErr)
	}
	return expr.ParseJSON(text)
}

var directusParts = []string{"roles", "policies", "permissions", "access", "users", "collections", "fields", "relations"}

// read takes what is in a value, and says whether it knows any of it.
func (t directusTables) read(v any, p place, top bool) bool {
	switch v := v.(type) {
	case map[string]any:
		if data, ok := v["data"]; ok && top {
			return t.read(data, p.at("data"), false)
		}
		known := false
		for _, part := range directusParts {
			if list, ok := v[part].([]any); ok {
				t.add(part, list, p.at("%s", part))
				known = true
			}
		}
		for _, wrapper := range []string{"snapshot", "schema"} {
			if inner, ok := v[wrapper].(map[string]any); ok {
				known = t.read(inner, p.at("%s", wrapper), false) || known
			}
		}
		return known
	case []any:
		part := directusPart(v, p.file)
		if part == "" {
			return false
		}
		t.add(part, v, p)
		return true
	}
	return false
}

func (t directusTables) add(part string, list []any, p place) {
	for i, element := range list {
		if values, ok := element.(map[string]any); ok {
			t[part] = append(t[part], row{values, p.at("[%d]", i)})
		}
	}
}

// directusPart tells what a list is, by the name of its file or by what its entries have.
func directusPart(list []any, file string) string {
	base := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), "directus_")
	if slices.Contains(directusParts, base) {
		return base
	}
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	with := func(keys ...string) bool {
		for _, key := range keys {
			if _, ok := first[key]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case with("collection", "action", "policy"):
		return "permissions"
	case with("admin_access"):
		return "policies"
	case with("policy", "role", "user"):
		return "access"
	case with("email"):
		return "users"
	case with("name", "parent"), with("name", "children"):
		return "roles"
	}
	return ""
}

// directus is an import from Directus.
type directus struct {
	*importer
	tables   directusTables
	policies map[string]*directusPolicy
	// order has the ids of the policies, and public the one of who has no role.
	order  []string
	public string
	// types are the Directus types of fields by collection, links the relations to one, required what clients
	// always need, keys the primary keys; shared tells where somebody may share items.
	types       map[string]map[string]string
	links       map[string]map[string]string
	required    map[string][]string
	keys        map[string]string
	collections map[string]place
	shared      map[string]bool
	// byRole and byUser are the policies that a role or a user has by itself.
	byRole, byUser map[string][]string
	// attributes are the fields of users that expressions read.
	attributes map[string]bool
}

type directusPolicy struct {
	row   row
	name  string
	label string
	// broken policies are left out, with all that they give.
	broken       bool
	restrictions *v1alpha1.Restrictions
	permissions  []*directusPermission
}

// directusPermission is one permission, as far as it could be translated.
type directusPermission struct {
	row        row
	policy     *directusPolicy
	collection string
	action     string
	rule       *v1alpha1.Rule // nil: left out
	// validation is what the permission asks of everybody who holds its policy, whichever permission lets them;
	// unsaid is true where that cannot be translated.
	validation clause
	unsaid     bool
}

func (d *directus) readSchema() {
	d.types, d.links = map[string]map[string]string{}, map[string]map[string]string{}
	d.required, d.collections, d.shared = map[string][]string{}, map[string]place{}, map[string]bool{}
	d.keys = map[string]string{}
	for _, r := range d.tables["collections"] {
		name := r.text("collection")
		if _, folder := r.values["schema"]; name == "" || folder && r.values["schema"] == nil {
			continue
		}
		d.collections[name] = r.place
		meta, _ := r.values["meta"].(map[string]any)
		for _, key := range []string{"archive_field", "sort_field"} {
			if field := text(meta[key]); field != "" {
				d.required[name] = append(d.required[name], field)
			}
		}
	}
	for _, r := range d.tables["fields"] {
		collection, field := r.text("collection"), r.text("field")
		if d.types[collection] == nil {
			d.types[collection] = map[string]string{}
		}
		d.types[collection][field] = r.text("type")
		if schema, ok := r.values["schema"].(map[string]any); ok && isSet(schema["is_primary_key"]) {
			d.required[collection] = append([]string{field}, d.required[collection]...)
			d.keys[collection] = field
		}
	}
	for _, r := range d.tables["relations"] {
		collection, field, to := r.text("collection"), r.text("field"), r.text("related_collection")
		if to == "" {
			continue
		}
		if d.links[collection] == nil {
			d.links[collection] = map[string]string{}
		}
		d.links[collection][field] = to
	}
}

func (d *directus) readPolicies() {
	for _, r := range d.tables["policies"] {
		id := r.reference("id")
		if id == "" || d.policies[id] != nil {
			continue
		}
		label := r.text("name")
		if builtIn, ok := strings.CutPrefix(label, "$t:"); ok {
			label = strings.TrimSuffix(builtIn, "_label")
		}
		p := &directusPolicy{row: r, label: label, name: d.name(engine.KindRole, id, label)}
		d.policies[id] = p
		d.order = append(d.order, id)
		cidrs, problem := directusNetworks(r.values["ip_access"])
		if problem != "" {
			d.leaveOut(r.place.at("ip_access"), "%s; everything that the policy %q gives is missing", problem, label)
			p.broken = true
		}
		if mfa := isSet(r.values["enforce_tfa"]); mfa || len(cidrs) > 0 {
			p.restrictions = &v1alpha1.Restrictions{AllowedCIDRs: cidrs, RequireMFA: mfa}
		}
	}
}

// directusNetworks reads ip_access: a list, or a text with commas.
func directusNetworks(v any) (cidrs []v1alpha1.CIDR, problem string) {
	var written []string
	switch v := v.(type) {
	case nil:
	case string:
		written = strings.Split(v, ",")
	case []any:
		for _, element := range v {
			written = append(written, text(element))
		}
	default:
		return nil, "ip_access is neither a list nor a text"
	}
	for _, w := range written {
		w = strings.TrimSpace(w)
		if w == "" && len(written) == 1 {
			return nil, ""
		}
		_, prefixErr := netip.ParsePrefix(w)
		_, addrErr := netip.ParseAddr(w)
		if prefixErr != nil && addrErr != nil {
			return nil, fmt.Sprintf("%q is neither an address nor a network", w)
		}
		if !slices.Contains(cidrs, v1alpha1.CIDR(w)) {
			cidrs = append(cidrs, v1alpha1.CIDR(w))
		}
	}
	return cidrs, ""
}

// readAccess reads which roles and users have which policies.
func (d *directus) readAccess() error {
	d.byRole, d.byUser = map[string][]string{}, map[string][]string{}
	if len(d.tables["access"]) == 0 && len(d.policies) > 0 {
		d.note(d.tables["policies"][0].place, "without /access, no role and no user has a policy")
	}
	for _, r := range d.tables["access"] {
		policy, role, user := r.reference("policy"), r.reference("role"), r.reference("user")
		if d.policies[policy] == nil {
			return r.place.errorf("the policy %q is not in the export; add /policies", policy)
		}
		switch {
		case role != "":
			d.byRole[role] = append(d.byRole[role], policy)
		case user != "":
			d.byUser[user] = append(d.byUser[user], policy)
		case d.public == "" || d.public == policy:
			d.public = policy
		default:
			d.leaveOut(r.place, "there is one public role, and it is the policy %q already", d.policies[d.public].label)
		}
	}
	return nil
}

var directusActions = []string{"read", "create", "update", "delete", "share"}

func (d *directus) readPermissions() error {
	for _, r := range d.tables["permissions"] {
		if isSet(r.values["system"]) {
			continue // what comes with app access; no part of the data
		}
		policy := d.policies[r.reference("policy")]
		collection, action := r.text("collection"), r.text("action")
		switch {
		case policy == nil: // its validations may be about users of other policies, too
			return r.place.errorf("the policy %q is not in the export; add /policies (of Directus 11 or later)", r.reference("policy"))
		case collection == "":
			d.leaveOut(r.place, "no collection")
			continue
		case !slices.Contains(directusActions, action):
			d.leaveOut(r.place.at("action"), "the action %q has no counterpart", action)
			continue
		}
		if _, known := d.collections[collection]; !known {
			d.collections[collection] = r.place
		}
		d.shared[collection] = d.shared[collection] || action == "share"
		policy.permissions = append(policy.permissions, d.permission(r, policy, collection, action))
	}
	// What a permission asks of a payload, it asks of everybody who holds its policy.
	for _, id := range d.order {
		for _, p := range d.policies[id].permissions {
			if p.rule != nil && (p.action == "create" || p.action == "update") {
				d.requireAll(p)
			}
		}
	}
	return nil
}

// permission translates one permission, but for what others ask of the payload.
func (d *directus) permission(r row, policy *directusPolicy, collection, action string) *directusPermission {
	p := &directusPermission{row: r, policy: policy, collection: collection, action: action, validation: always}
	rule := &v1alpha1.Rule{
		Resources: names([]string{d.name(engine.KindResourceType, collection, collection)}),
		Actions:   []v1alpha1.Token{v1alpha1.Token(action)},
	}
	leftOut := func(at place, why string) {
		d.leaveOut(at, "%s of %s in the policy %q: %s", action, collection, policy.label, why)
		rule = nil
	}
	untold := func(err error) {
		if part, ok := errors.AsType[*untranslatable](err); ok {
			leftOut(r.place.at("%s", part.path), part.why)
		}
	}
	writes := action == "create" || action == "update"
	if writes {
		var err error
		if p.validation, err = d.translator(collection, action).translate(r.values["validation"], "validation"); err != nil {
			p.unsaid = true
			untold(err)
		}
	}
	if rule != nil && action != "create" {
		condition, err := d.translator(collection, "").translate(r.values["permissions"], "permissions")
		switch {
		case err != nil:
			untold(err)
		case condition != always:
			rule.Condition = v1alpha1.Expression(condition.text)
		}
	}
	if rule != nil && action != "delete" && action != "share" {
		fields, none := directusFields(r.values["fields"])
		rule.Fields = fields
		switch {
		case none && action == "read":
			d.note(r.place.at("fields"), "no field of %s may be read, so the permission gives nothing, in Directus neither", collection)
			rule = nil
		case none:
			leftOut(r.place.at("fields"), "a rule without any field cannot be said")
		}
	}
	if rule != nil && writes {
		if why := d.presets(rule, r.values["presets"]); why != "" {
			leftOut(r.place.at("presets"), why)
		}
	}
	p.rule = rule
	return p
}

// directusFields are the fields of a rule; empty for all. No field at all is none.
func directusFields(v any) (fields []v1alpha1.FieldPath, none bool) {
	var written []string
	switch v := v.(type) {
	case string:
		written = strings.Split(v, ",")
	case []any:
		for _, element := range v {
			written = append(written, text(element))
		}
	}
	for _, field := range written {
		if field = strings.TrimSpace(field); field == "*" {
			return nil, false
		}
		if field != "" && !slices.Contains(fields, v1alpha1.FieldPath(field)) {
			fields = append(fields, v1alpha1.FieldPath(field))
		}
	}
	return fields, len(fields) == 0
}

// presets fills in those of a rule; otherwise it says why not.
func (d *directus) presets(rule *v1alpha1.Rule, v any) (why string) {
	values, _ := coerce(v).(map[string]any)
	for _, field := range sorted(values) {
		preset := values[field]
		s, isText := preset.(string)
		expression := ""
		switch {
		case isText && strings.HasPrefix(s, "$NOW"):
			if expression, why = nowOf(s); why != "" {
				return field + ": " + why
			}
		case isText && strings.HasPrefix(s, "$"):
			if expression, why = dynamicVariable(s); why != "" {
				return field + ": " + why
			}
			if attribute, ok := strings.CutPrefix(expression, "subject.attributes."); ok {
				d.attributes[attribute] = true
			}
		case strings.Contains(literal(preset), `"$`):
			return field + ": variables inside objects and lists have no counterpart"
		}
		if expression != "" {
			if rule.PresetExpressions == nil {
				rule.PresetExpressions = map[string]v1alpha1.Expression{}
			}
			rule.PresetExpressions[field] = v1alpha1.Expression(expression)
			continue
		}
		if rule.Presets == nil {
			rule.Presets = map[string]v1alpha1.JSON{}
		}
		rule.Presets[field] = jsonValue(preset)
	}
	return ""
}

// translator translates filters of a collection: item permissions, or the validations of an action.
func (d *directus) translator(collection, action string) *filterTranslator {
	t := &filterTranslator{
		key:       cmp.Or(d.keys[collection], "id"),
		fieldType: func(field string) string { return d.types[collection][field] },
		attribute: func(name string) { d.attributes[name] = true },
	}
	switch action {
	case "create":
		t.submitted = func(field string) submitted { return submitted{"proposed", not(has("proposed", field))} }
	case "update":
		preset := d.presetFields(collection)
		t.submitted = func(field string) submitted {
			if preset[field] { // it is in every payload
				return submitted{"proposed", not(has("proposed", field))}
			}
			// What is stored already is no part of the payload.
			return submitted{"action.properties.values", or(not(has("action.properties", "values")), not(has("action.properties.values", field)))}
		}
	}
	return t
}

// presetFields are those that some policy presets when items of a collection are updated.
func (d *directus) presetFields(collection string) map[string]bool {
	fields := map[string]bool{}
	for _, r := range d.tables["permissions"] {
		if r.text("collection") == collection && r.text("action") == "update" {
			presets, _ := r.values["presets"].(map[string]any)
			for field := range presets {
				fields[field] = true
			}
		}
	}
	return fields
}

// requireAll adds to a rule what all permissions for the same ask of the payload, for those who hold their
// policies: Directus checks the validations of all of them, whichever lets the user write.
func (d *directus) requireAll(p *directusPermission) {
	for _, id := range d.order {
		policy := d.policies[id]
		for _, other := range policy.permissions {
			if other.collection != p.collection || other.action != p.action || other.validation == always && !other.unsaid {
				continue
			}
			required := other.validation
			if other.unsaid {
				required = never
			}
			message := fmt.Sprintf("the validation of %s of %s in %q", p.action, p.collection, policy.label)
			// A second factor that is missing takes the role away, but in Directus not its validations.
			mfa := policy.restrictions != nil && policy.restrictions.RequireMFA
			if policy != p.policy && !mfa {
				required = or(not(atom("%s in subject.roles", literal(policy.name))), required)
			}
			if required == never {
				d.leaveOut(p.row.place, "%s of %s in the policy %q: the policy %q has a validation that cannot be said", p.action, p.collection, p.policy.label, policy.label)
				p.rule = nil
				return
			}
			p.rule.Validations = append(p.rule.Validations, v1alpha1.Validation{Expression: v1alpha1.Expression(required.text), Message: message})
		}
	}
}

func (d *directus) writePolicies() {
	var policy v1alpha1.PermissionPolicySpec
	var p place
	for _, id := range d.order {
		source := d.policies[id]
		role := &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: source.name}}
		role.Spec = v1alpha1.RoleSpec{
			DisplayName: short(source.label), Icon: source.row.text("icon"), Description: ownWords(source.row.text("description")),
			AdminAccess: isSet(source.row.values["admin_access"]), AppAccess: isSet(source.row.values["app_access"]),
			Restrictions: source.restrictions,
		}
		if id == d.public {
			if role.Spec.AdminAccess || role.Spec.AppAccess {
				d.leaveOut(source.row.place, "the public role can have neither admin nor app access")
				role.Spec.AdminAccess, role.Spec.AppAccess = false, false
			}
			policy.PublicRole, p = source.name, source.row.place
		}
		for _, permission := range source.permissions {
			if permission.rule != nil {
				role.Spec.Rules = append(role.Spec.Rules, *permission.rule)
			}
		}
		if source.broken {
			role.Spec = v1alpha1.RoleSpec{DisplayName: role.Spec.DisplayName}
		}
		if role.Spec.AdminAccess && policy.AdminRole == "" {
			policy.AdminRole, p = source.name, source.row.place
		}
		if role.Spec.AppAccess {
			d.note(source.row.place.at("app_access"), "what app access gives on Directus' own collections is not in the export; put it into appAccessRules of the PermissionPolicy")
		}
		d.add(role, source.row.place)
	}
	if policy.PublicRole != "" || policy.AdminRole != "" {
		d.add(&v1alpha1.PermissionPolicy{TypeMeta: typeMeta(engine.KindPermissionPolicy), ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}, Spec: policy}, p)
	}
}

// ownWords leaves out the names of texts that Directus translates.
func ownWords(s string) string {
	if strings.HasPrefix(s, "$t:") {
		return ""
	}
	return s
}

// writeRoles makes a group of each role. The members of the roles below it are members of it too.
func (d *directus) writeRoles() {
	members := map[string][]v1alpha1.Member{}
	for _, r := range d.tables["users"] {
		if role, id := r.reference("role"), r.reference("id"); role != "" && id != "" {
			members[role] = append(members[role], v1alpha1.Member{User: v1alpha1.UserID(id)})
		}
	}
	for _, r := range d.tables["roles"] {
		id := r.reference("id")
		if id == "" {
			continue
		}
		group := &v1alpha1.Group{TypeMeta: typeMeta(engine.KindGroup), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindGroup, id, r.text("name"))}}
		group.Spec = v1alpha1.GroupSpec{DisplayName: short(r.text("name")), Members: members[id], Roles: d.roleRefs(d.byRole[id])}
		for _, child := range d.tables["roles"] {
			below := child.reference("id")
			if below == "" || below == id || child.reference("parent") != id {
				continue
			}
			if name := v1alpha1.Name(d.name(engine.KindGroup, below, child.text("name"))); !slices.Contains(group.Spec.Groups, name) {
				group.Spec.Groups = append(group.Spec.Groups, name)
			}
		}
		if len(group.Spec.Roles) == 0 && d.public != "" {
			// Who has a role is not the public, even if the role has no policy.
			empty := &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindRole, "role "+id, r.text("name"))}}
			empty.Spec.DisplayName = group.Spec.DisplayName
			empty.Spec.Description = "No permissions; who holds it does not have the public role."
			d.add(empty, r.place)
			group.Spec.Roles = []v1alpha1.RoleRef{{Name: v1alpha1.Name(empty.Name)}}
		}
		d.add(group, r.place)
	}
}

func (d *directus) roleRefs(policies []string) []v1alpha1.RoleRef {
	var refs []v1alpha1.RoleRef
	for _, id := range policies {
		ref := v1alpha1.RoleRef{Name: v1alpha1.Name(d.policies[id].name)}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// ancestors are the ids of a role and of those above it.
func (d *directus) ancestors(role string) []any {
	var ids []any
	for role != "" && !slices.Contains(ids, any(role)) {
		ids = append(ids, role)
		next := ""
		for _, r := range d.tables["roles"] {
			if r.reference("id") == role {
				next = r.reference("parent")
			}
		}
		role = next
	}
	return ids
}

func (d *directus) writeUsers() {
	for _, r := range d.tables["users"] {
		id := r.reference("id")
		if id == "" {
			continue
		}
		label := cmp.Or(strings.TrimSpace(r.text("first_name")+" "+r.text("last_name")), r.text("email"))
		user := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindUser, id, cmp.Or(label, id))}}
		user.Spec = v1alpha1.UserSpec{DisplayName: short(label), Disabled: r.text("status") != "active", Roles: d.roleRefs(d.byUser[id])}
		if user.Name != id {
			user.Spec.ID = v1alpha1.UserID(id)
		}
		if role := r.reference("role"); role == "" && len(user.Spec.Roles) > 0 && d.public != "" {
			d.note(r.place, "has policies and no role; the public role is not among what it holds")
		}
		for _, attribute := range sorted(d.attributes) {
			v, ok := r.values[attribute]
			switch attribute {
			case "role":
				v, ok = nil, true
				if role := r.reference("role"); role != "" {
					v = role
				}
			case "roles":
				v, ok = d.ancestors(r.reference("role")), true
			}
			if !ok {
				d.note(r.place, "the field %s, which permissions read, is not in the export of users", attribute)
				continue
			}
			if user.Spec.Attributes == nil {
				user.Spec.Attributes = map[string]v1alpha1.JSON{}
			}
			user.Spec.Attributes[attribute] = jsonValue(v)
		}
		d.add(user, r.place)
	}
	if len(d.tables["users"]) == 0 && len(d.attributes) > 0 {
		d.note(place{file: d.tables["permissions"][0].place.file}, "permissions read these attributes of users, which are not in the export: %s", strings.Join(sorted(d.attributes), ", "))
	}
}

// writeTypes makes a resource type of each collection.
func (d *directus) writeTypes() {
	for _, collection := range sorted(d.collections) {
		t := &v1alpha1.ResourceType{TypeMeta: typeMeta(engine.KindResourceType), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindResourceType, collection, collection)}}
		t.Spec.DisplayName = short(collection)
		if t.Spec.System = strings.HasPrefix(collection, "directus_"); t.Spec.System {
			t.Spec.Areas = []v1alpha1.Token{"system"}
		}
		if d.shared[collection] {
			t.Spec.Actions = []v1alpha1.Action{
				{Name: "read", Class: v1alpha1.ClassRead}, {Name: "create", Class: v1alpha1.ClassCreate},
				{Name: "update", Class: v1alpha1.ClassUpdate}, {Name: "delete", Class: v1alpha1.ClassDelete},
				{Name: "share", Class: v1alpha1.ClassRead},
			}
		}
		for _, field := range sorted(d.links[collection]) {
			if to := d.links[collection][field]; d.collections[to].file != "" {
				t.Spec.Fields = append(t.Spec.Fields, v1alpha1.Field{Name: v1alpha1.FieldPath(field), LinksTo: d.name(engine.KindResourceType, to, to)})
			}
		}
		for _, field := range d.required[collection] {
			if !slices.Contains(t.Spec.RequiredReadFields, v1alpha1.FieldPath(field)) {
				t.Spec.RequiredReadFields = append(t.Spec.RequiredReadFields, v1alpha1.FieldPath(field))
			}
		}
		d.add(t, d.collections[collection])
	}
}
