package importer

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// importDirectus reads /roles, /policies, /permissions, /access and /users of Directus 10 and later, schema
// snapshots, and folders of directus-sync. Collections become resource types; policies roles; roles groups that
// have their policies as roles and the roles below them as groups; the public policies the public role.
func importDirectus(im *importer, files []File) error {
	im.tables = true
	reader := &directusReader{importer: im, tables: directusTables{}}
	for _, f := range files {
		if err := reader.file(f); err != nil {
			return err
		}
	}
	if !reader.some {
		return fmt.Errorf("%s: neither a list of roles, policies, permissions, access or users nor a schema snapshot", files[0].Name)
	}
	if err := reader.normalize(); err != nil {
		return err
	}
	d := &directus{
		importer: im, tables: reader.tables, vendor: reader.vendor, version: reader.version,
		attributes: map[string]bool{}, policies: map[string]*directusPolicy{}, reads: map[string]map[string]bool{},
	}
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
	d.tellReads()
	return nil
}

// directus is an import from Directus.
type directus struct {
	*importer
	tables          directusTables
	vendor, version string
	schema          *directusSchema
	policies        map[string]*directusPolicy
	// order has the ids of the policies, public those of who has no role, app the minimum of app access.
	order  []string
	public []string
	app    *directusPolicy
	// roles are the Roles to write, each of the policies that it stands for; publicRole is one of them.
	roles      []*policyRole
	publicRole *policyRole
	// required are the fields that clients always need; shared tells where somebody may share items.
	required    map[string][]string
	collections map[string]place
	shared      map[string]bool
	// byRole and byUser are the policies that a role or a user has by itself.
	byRole, byUser map[string][]string
	// together are the policies that somebody may hold together, nil where nobody knows.
	together []map[*directusPolicy]bool
	// attributes are the fields of users that expressions read, reads the paths of records by collection.
	attributes map[string]bool
	reads      map[string]map[string]bool
}

type directusPolicy struct {
	row   row
	label string
	// admin and app are the flags of access. Broken policies are left out, with all that they give.
	admin, app, broken bool
	restrictions       *v1alpha1.Restrictions
	permissions        []*directusPermission
	// role is the Role of this policy alone.
	role *policyRole
}

// policyRole is a Role to write: one policy, or all that are public.
type policyRole struct {
	name, label string
	policies    []*directusPolicy
	place       place
}

// directusPermission is one permission, as far as it could be translated.
type directusPermission struct {
	row        row
	policy     *directusPolicy
	collection string
	action     string
	rule       *v1alpha1.Rule // nil: left out
	// validation is what the permission asks of everybody who holds its policy, whichever permission lets them.
	validation any
	// unread permissions have members that nobody knows: nothing may be created or changed against them.
	unread bool
}

func (d *directus) readPolicies() {
	for _, r := range d.tables["policies"] {
		id := r.reference("id")
		if id == "" || d.policies[id] != nil {
			d.leaveOut(r.place, "the policy has no id, or one that another has too")
			continue
		}
		label := r.text("name")
		if builtIn, ok := strings.CutPrefix(label, "$t:"); ok {
			label = strings.TrimSuffix(builtIn, "_label")
		}
		p := &directusPolicy{row: r, label: label}
		p.role = &policyRole{name: d.name(engine.KindRole, id, label), label: label, policies: []*directusPolicy{p}, place: r.place}
		d.policies[id] = p
		d.order = append(d.order, id)
		d.roles = append(d.roles, p.role)
		if unknown := unknownMembers(r, "id", "name", "icon", "description", "ip_access", "enforce_tfa", "admin_access", "app_access",
			"permissions", "users", "roles"); len(unknown) > 0 {
			d.leaveOut(r.place, "what %s says is not known, so everything that the policy %q gives is missing", strings.Join(unknown, ", "), label)
			p.broken = true
		}
		cidrs, problem := directusNetworks(r.values["ip_access"])
		if problem != "" {
			d.leaveOut(r.place.at("ip_access"), "%s; everything that the policy %q gives is missing", problem, label)
			p.broken = true
		}
		flags := d.reading("policy", r.values, r.place)
		p.admin, p.app = flags.grants("admin_access"), flags.grants("app_access")
		if mfa := flags.restricts("enforce_tfa"); mfa || len(cidrs) > 0 {
			p.restrictions = &v1alpha1.Restrictions{AllowedCIDRs: cidrs, RequireMFA: mfa}
		}
	}
}

// directusNetworks reads ip_access: a list, or a text with commas, of addresses, networks and ranges a-b.
func directusNetworks(v any) (cidrs []v1alpha1.CIDR, problem string) {
	switch v.(type) {
	case nil, string, []any:
	default:
		return nil, "ip_access is neither a list nor a text"
	}
	if list, ok := v.([]any); ok && slices.ContainsFunc(list, func(element any) bool { return strings.TrimSpace(text(element)) == "" }) {
		return nil, "an entry is no text"
	}
	for _, w := range textsOf(v) {
		networks := []string{w}
		if from, to, ok := strings.Cut(w, "-"); ok {
			prefixes, problem := networksOfRange(strings.TrimSpace(from), strings.TrimSpace(to))
			if problem != "" {
				return nil, problem
			}
			networks = prefixes
		} else if _, err := netip.ParsePrefix(w); err != nil {
			if _, err := netip.ParseAddr(w); err != nil {
				return nil, fmt.Sprintf("%q is neither an address, a network nor a range", w)
			}
		}
		for _, network := range networks {
			if !slices.Contains(cidrs, v1alpha1.CIDR(network)) {
				cidrs = append(cidrs, v1alpha1.CIDR(network))
			}
		}
	}
	const most = 256 // networks that a Role's restrictions hold
	if len(cidrs) > most {
		return nil, fmt.Sprintf("these are %d networks, and a role holds %d", len(cidrs), most)
	}
	return cidrs, ""
}

// networksOfRange are the fewest networks that are exactly the addresses from one to another.
func networksOfRange(first, last string) (networks []string, problem string) {
	from, err := netip.ParseAddr(first)
	to, err2 := netip.ParseAddr(last)
	switch {
	case err != nil || err2 != nil || from.Zone() != "" || to.Zone() != "":
		return nil, fmt.Sprintf("%q is no range of addresses", first+"-"+last)
	case from.Is4() != to.Is4():
		return nil, fmt.Sprintf("the range %s-%s begins and ends in different families of addresses", from, to)
	case to.Less(from):
		return nil, fmt.Sprintf("the range %s-%s is upside down", from, to)
	}
	for {
		bits := from.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(from, bits-1)
			if wider.Masked().Addr() != from || to.Less(lastAddr(wider)) {
				break
			}
			bits--
		}
		prefix := netip.PrefixFrom(from, bits)
		networks = append(networks, prefix.String())
		end := lastAddr(prefix)
		if end == to {
			return networks, ""
		}
		from = end.Next()
	}
}

// lastAddr is the last address of a network.
func lastAddr(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := range bytes {
		for bit := range 8 {
			if i*8+bit >= p.Bits() {
				bytes[i] |= 1 << (7 - bit)
			}
		}
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// readAccess reads which roles and users have which policies.
func (d *directus) readAccess() error {
	d.byRole, d.byUser = map[string][]string{}, map[string][]string{}
	if len(d.tables["access"]) == 0 && len(d.policies) > 0 {
		d.note(d.tables["policies"][0].place, "without /access, no role and no user has a policy")
	}
	for _, r := range d.tables["access"] {
		id, role, user := r.reference("policy"), r.reference("role"), r.reference("user")
		policy := d.policies[id]
		if policy == nil {
			return r.place.errorf("the policy %q is not in the export; add /policies", id)
		}
		_, roleTold := r.values["role"]
		_, userTold := r.values["user"]
		switch unknown := unknownMembers(r, "id", "policy", "role", "user", "sort"); {
		case len(unknown) > 0:
			d.leaveOut(r.place, "what %s says is not known, so the policy %q is not given", strings.Join(unknown, ", "), policy.label)
		case role != "":
			d.byRole[role] = append(d.byRole[role], id)
		case user != "":
			d.byUser[user] = append(d.byUser[user], id)
		case !roleTold || !userTold:
			d.leaveOut(r.place, "names neither the role nor the user, so the policy %q is given to nobody; export /access with the fields role and user", policy.label)
		case !slices.Contains(d.public, id):
			d.public = append(d.public, id)
		}
	}
	d.choosePublic()
	d.addApp()
	d.together = d.holders()
	return nil
}

// choosePublic makes one Role of all public policies: the policy's own where there is one.
func (d *directus) choosePublic() {
	if len(d.public) == 0 {
		return
	}
	first := d.policies[d.public[0]]
	if len(d.public) == 1 {
		d.publicRole = first.role
		return
	}
	role := &policyRole{name: d.name(engine.KindRole, "all public policies", "public"), label: "public", place: first.row.place}
	for _, id := range d.public {
		p := d.policies[id]
		if p.restrictions != nil {
			d.leaveOut(p.row.place, "what the policy %q gives to the public: there is one public role, and its other policies are not restricted to networks or a second factor like this one", p.label)
			continue
		}
		role.policies = append(role.policies, p)
	}
	d.publicRole = role
	d.roles = append(d.roles, role)
}

// holders are the sets of policies that roles, users and the public hold; nil where the export does not say.
func (d *directus) holders() []map[*directusPolicy]bool {
	if len(d.tables["access"]) == 0 {
		return nil
	}
	var sets []map[*directusPolicy]bool
	add := func(ids ...[]string) {
		set := map[*directusPolicy]bool{}
		for _, id := range slices.Concat(ids...) {
			p := d.policies[id]
			set[p] = true
			if d.app != nil && p.app {
				set[d.app] = true
			}
		}
		sets = append(sets, set)
	}
	chain := func(role string) []string {
		var ids []string
		for _, ancestor := range d.ancestors(role) {
			ids = append(ids, d.byRole[text(ancestor)]...)
		}
		return ids
	}
	add(d.public)
	for _, role := range sorted(d.byRole) {
		add(chain(role))
	}
	for _, r := range d.tables["roles"] {
		add(chain(r.reference("id")))
	}
	users := map[string]bool{}
	for _, r := range d.tables["users"] {
		id, role := r.reference("id"), r.reference("role")
		users[id] = true
		if role == "" {
			add(d.public, d.byUser[id])
		} else {
			add(chain(role), d.byUser[id])
		}
	}
	for _, user := range sorted(d.byUser) {
		if !users[user] { // whose role nobody knows
			add(d.order)
		}
	}
	return sets
}

// mayMeet reports whether somebody holds both policies.
func (d *directus) mayMeet(a, b *directusPolicy) bool {
	return a == b || d.together == nil || slices.ContainsFunc(d.together, func(set map[*directusPolicy]bool) bool { return set[a] && set[b] })
}

// held is true for who holds a policy, in the rules of a role.
func (d *directus) held(p *directusPolicy, in *policyRole) clause {
	if slices.Contains(in.policies, p) {
		return always
	}
	var names []clause
	for _, role := range d.roles {
		if slices.Contains(role.policies, p) {
			names = append(names, atom("%s in subject.roles", literal(role.name)))
		}
	}
	if p == d.app {
		for _, id := range d.order {
			if q := d.policies[id]; q.app && !q.broken {
				names = append(names, atom("%s in subject.roles", literal(q.role.name)))
			}
		}
	}
	return or(names...)
}

// binds is true for whom a policy's validations bind. A second factor that is missing takes the role away, but in
// Directus not its validations; the same goes for a public policy that is not in the public role.
func (d *directus) binds(p *directusPolicy, in *policyRole) clause {
	if p.restrictions != nil && p.restrictions.RequireMFA {
		return always
	}
	for _, id := range d.public {
		if d.policies[id] == p && d.publicRole != nil && !slices.Contains(d.publicRole.policies, p) {
			return always
		}
	}
	return d.held(p, in)
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
			return r.place.errorf("the policy %q is not in the export; add /policies, of the same version and format as the permissions", r.reference("policy"))
		case collection == "":
			d.leaveOut(r.place, "no collection")
			continue
		case !slices.Contains(directusActions, action):
			d.leaveOut(r.place.at("action"), "the action %q has no counterpart", action)
			continue
		}
		policy.permissions = append(policy.permissions, d.permission(r, policy))
	}
	for _, role := range d.roles {
		for _, policy := range role.policies {
			for _, p := range policy.permissions {
				d.collect(p)
			}
		}
	}
	if d.app != nil {
		for _, p := range d.app.permissions {
			d.collect(p)
		}
	}
	d.tellPresets()
	return nil
}

func (d *directus) collect(p *directusPermission) {
	if _, known := d.collections[p.collection]; !known {
		d.collections[p.collection] = p.row.place
	}
	d.shared[p.collection] = d.shared[p.collection] || p.action == "share"
}

// permission reads one permission, but for what it, and others, ask of a payload.
func (d *directus) permission(r row, policy *directusPolicy) *directusPermission {
	p := &directusPermission{row: r, policy: policy, collection: r.text("collection"), action: r.text("action")}
	rule := &v1alpha1.Rule{
		Resources: names([]string{d.typeName(p.collection)}),
		Actions:   []v1alpha1.Token{v1alpha1.Token(p.action)},
	}
	leftOut := func(at place, why string) {
		d.leaveOut(at, "%s of %s in the policy %q: %s", p.action, p.collection, policy.label, why)
		rule = nil
	}
	if unknown := unknownMembers(r, "id", "policy", "role", "collection", "action", "permissions", "validation", "presets", "fields", "system"); len(unknown) > 0 {
		leftOut(r.place, "what "+strings.Join(unknown, ", ")+" says is not known")
		p.unread = true
	}
	p.validation = r.values["validation"]
	if rule != nil && p.action != "create" {
		translator := &itemTranslator{
			schema: d.schema, collection: p.collection,
			attribute: func(name string) { d.attributes[name] = true },
		}
		var reads []func()
		if policy != d.app {
			translator.reads = func(path []string, link bool) {
				reads = append(reads, func() { d.read(p.collection, path, link) })
			}
		}
		condition, err := translator.translate(r.values["permissions"], "permissions")
		part, untranslated := errors.AsType[*untranslatable](err)
		switch {
		case untranslated:
			leftOut(r.place.at("%s", part.path), part.why)
		case condition != always:
			rule.Condition = v1alpha1.Expression(condition.text)
			for _, read := range reads {
				read()
			}
		}
	}
	if rule != nil && p.action != "delete" && p.action != "share" {
		fields, none := directusFields(r.values["fields"])
		rule.Fields = fields
		switch {
		case none && p.action == "read":
			d.note(r.place.at("fields"), "no field of %s may be read, so the permission gives nothing, in Directus neither", p.collection)
			rule = nil
		case none:
			leftOut(r.place.at("fields"), "a rule without any field cannot be said")
		}
	}
	if rule != nil && p.writes() {
		if why := d.presets(rule, r.values["presets"]); why != "" {
			leftOut(r.place.at("presets"), why)
		}
	}
	p.rule = rule
	return p
}

func (p *directusPermission) writes() bool { return p.action == "create" || p.action == "update" }

// directusFields are the fields of a rule; empty for all. No field at all is none.
func directusFields(v any) (fields []v1alpha1.FieldPath, none bool) {
	for _, field := range textsOf(v) {
		if field == "*" {
			return nil, false
		}
		if !slices.Contains(fields, v1alpha1.FieldPath(field)) {
			fields = append(fields, v1alpha1.FieldPath(field))
		}
	}
	return fields, len(fields) == 0
}

// presets fills in those of a rule; otherwise it says why not.
func (d *directus) presets(rule *v1alpha1.Rule, v any) (why string) {
	values, ok := coerce(v).(map[string]any)
	if v != nil && v != "" && !ok {
		return "presets are no object"
	}
	for _, field := range sorted(values) {
		value, expression, why := d.preset(values[field])
		switch {
		case why != "":
			return field + ": " + why
		case expression != "":
			if rule.PresetExpressions == nil {
				rule.PresetExpressions = map[string]v1alpha1.Expression{}
			}
			rule.PresetExpressions[field] = v1alpha1.Expression(expression)
		default:
			if rule.Presets == nil {
				rule.Presets = map[string]v1alpha1.JSON{}
			}
			rule.Presets[field] = jsonValue(value)
		}
	}
	return ""
}

// preset is a value that is preset, or the expression of one.
func (d *directus) preset(v any) (value any, expression, why string) {
	s, isText := v.(string)
	switch {
	case isText && strings.HasPrefix(s, "$NOW"):
		expression, why = nowOf(s)
	case isText && strings.HasPrefix(s, "$"):
		expression, why = dynamicVariable(s, d.schema)
		if attribute, ok := strings.CutPrefix(expression, "subject.attributes."); ok {
			d.attributes[attribute] = true
		}
	case strings.Contains(literal(v), `"$`):
		why = "variables inside objects and lists have no counterpart"
	}
	return v, expression, why
}

// payloadOf says where the validations of a role's rules find the fields of what is created or changed.
func (d *directus) payloadOf(collection, action string, in *policyRole) func(field string) payload {
	return func(field string) payload {
		p := payload{x: member("proposed", field), given: has("proposed", field)}
		if action == "update" { // what is stored already is no part of the payload
			p.x = member("action.properties.values", field)
			p.given = and(has("action.properties", "values"), has("action.properties.values", field))
		}
		for _, policy := range d.everyPolicy() {
			for _, other := range policy.permissions {
				values, _ := coerce(other.row.values["presets"]).(map[string]any)
				preset, ok := values[field]
				if !ok || other.collection != collection || other.action != action || !d.meets(policy, in) {
					continue
				}
				held := heldPreset{held: d.binds(policy, in)}
				held.unsure = policy.broken || held.held == always && !slices.Contains(in.policies, policy)
				switch value, expression, why := d.preset(preset); {
				case why != "":
				case strings.HasPrefix(expression, "now"):
					held.x = "string(" + expression + ")"
				case expression != "":
					held.x = expression
				default:
					held.x = "dyn(" + literal(value) + ")"
				}
				p.presets = append(p.presets, held)
			}
		}
		return p
	}
}

// everyPolicy are the policies in order, with the minimum of app access.
func (d *directus) everyPolicy() []*directusPolicy {
	var all []*directusPolicy
	for _, id := range d.order {
		all = append(all, d.policies[id])
	}
	if d.app != nil {
		all = append(all, d.app)
	}
	return all
}

// meets reports whether somebody holds a policy together with one of a role.
func (d *directus) meets(p *directusPolicy, in *policyRole) bool {
	return slices.ContainsFunc(in.policies, func(q *directusPolicy) bool { return d.mayMeet(p, q) })
}

// fewValidations is up to how many policies with validations of the same a rule carries those of all of them.
// Beyond, it carries those that somebody holds together with its own: the manifests grow with the policies, not
// with their square.
const fewValidations = 16

// ruleOf is the rule of a permission in a role, with all that Directus asks of the payload: the validations of
// every policy that the user holds, whichever lets the user write, and those of the fields.
func (d *directus) ruleOf(p *directusPermission, in *policyRole) *v1alpha1.Rule {
	if p.rule == nil || !p.writes() {
		return p.rule
	}
	rule := p.rule.DeepCopy()
	var asking []*directusPolicy
	for _, policy := range d.everyPolicy() {
		if slices.ContainsFunc(policy.permissions, func(other *directusPermission) bool { return other.asks(p) }) {
			asking = append(asking, policy)
		}
	}
	translator := &validationTranslator{
		schema: d.schema, attribute: func(name string) { d.attributes[name] = true },
		payload: d.payloadOf(p.collection, p.action, in),
	}
	for _, policy := range asking {
		if len(asking) > fewValidations && !d.meets(policy, in) {
			continue
		}
		for _, other := range policy.permissions {
			if !other.asks(p) {
				continue
			}
			required, err := never, error(nil)
			if !other.unread {
				required, err = translator.translate(other.validation, "validation")
			}
			if part, ok := errors.AsType[*untranslatable](err); ok {
				required = never
				if other == p {
					d.leaveOut(p.row.place.at("%s", part.path), "%s of %s in the policy %q: %s", p.action, p.collection, p.policy.label, part.why)
					return nil
				}
			}
			if required = or(not(d.binds(policy, in)), required); required == never {
				d.leaveOut(p.row.place, "%s of %s in the policy %q: the policy %q has a validation that cannot be said (%s)", p.action, p.collection, p.policy.label, policy.label, other.row.place)
				return nil
			}
			if required != always {
				rule.Validations = append(rule.Validations, v1alpha1.Validation{
					Expression: v1alpha1.Expression(required.text),
					Message:    fmt.Sprintf("the validation of %s of %s in %q", p.action, p.collection, policy.label),
				})
			}
		}
	}
	fields := d.schema.fields[p.collection]
	for _, field := range sorted(fields) {
		if fields[field].validation == nil {
			continue
		}
		required, err := translator.translate(fields[field].validation, "")
		if part, ok := errors.AsType[*untranslatable](err); ok {
			d.leaveOut(fields[field].at.at("%s", strings.TrimPrefix(part.path, ".")), "%s of %s in the policy %q: the validation of the field %s cannot be said: %s", p.action, p.collection, p.policy.label, field, part.why)
			return nil
		}
		if required != always {
			rule.Validations = append(rule.Validations, v1alpha1.Validation{
				Expression: v1alpha1.Expression(required.text), Message: fmt.Sprintf("the validation of the field %s", field),
			})
		}
	}
	rule.Validations = packed(rule.Validations)
	return rule
}

// asks reports whether a permission has a validation for what another lets do.
func (p *directusPermission) asks(other *directusPermission) bool {
	if p.collection != other.collection || p.action != other.action {
		return false
	}
	members, isObject := p.validation.(map[string]any)
	return p.unread || p.validation != nil && (!isObject || len(members) > 0)
}

// packed joins validations where there are more than a rule holds.
func packed(validations []v1alpha1.Validation) []v1alpha1.Validation {
	const most, longest = 64, 4096
	if len(validations) <= most {
		return validations
	}
	var out []v1alpha1.Validation
	for _, v := range validations {
		part := "(" + v.Expression + ")"
		if last := len(out) - 1; last >= 0 && len(out[last].Expression)+len(" && ")+len(part) <= longest {
			out[last].Expression += " && " + part
			out[last].Message = "the validations of all policies"
			continue
		}
		out = append(out, v1alpha1.Validation{Expression: part, Message: v.Message})
	}
	return out
}

// tellPresets tells where Directus would preset something else than the rules do.
func (d *directus) tellPresets() {
	type key struct{ collection, action, field string }
	first := map[key][]*directusPermission{}
	for _, policy := range d.everyPolicy() {
		for _, p := range policy.permissions {
			values, _ := coerce(p.row.values["presets"]).(map[string]any)
			for field := range values {
				if p.writes() {
					k := key{p.collection, p.action, field}
					first[k] = append(first[k], p)
				}
			}
		}
	}
	keys := make([]key, 0, len(first))
	for k := range first {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(strings.Compare(a.collection, b.collection), strings.Compare(a.action, b.action), strings.Compare(a.field, b.field))
	})
	for _, k := range keys {
		for i, p := range first[k] {
			for _, q := range first[k][i+1:] {
				a, _ := coerce(p.row.values["presets"]).(map[string]any)
				b, _ := coerce(q.row.values["presets"]).(map[string]any)
				if p.policy != q.policy && d.mayMeet(p.policy, q.policy) && literal(a[k.field]) != literal(b[k.field]) {
					d.note(q.row.place.at("presets.%s", k.field), "this preset differs from that of the policy %q, and somebody holds both; Directus takes that of the nearer role, and before it that of the user's own policies", p.policy.label)
				}
			}
			if p.action == "update" && p.rule != nil && p.rule.Condition != "" && d.othersUpdate(p) {
				d.note(p.row.place.at("presets.%s", k.field), "is preset for the items of this permission; Directus presets it for those of the other policies that the user holds, too")
			}
		}
	}
}

// othersUpdate reports whether another policy lets who holds it update items of the same collection.
func (d *directus) othersUpdate(p *directusPermission) bool {
	return slices.ContainsFunc(d.everyPolicy(), func(policy *directusPolicy) bool {
		return policy != p.policy && d.mayMeet(policy, p.policy) && slices.ContainsFunc(policy.permissions, func(q *directusPermission) bool {
			return q.collection == p.collection && q.action == p.action && q.rule != nil
		})
	})
}

func (d *directus) writePolicies() {
	var policy v1alpha1.PermissionPolicySpec
	var p place
	told := false
	for _, role := range d.roles {
		object := &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: role.name}}
		object.Spec.DisplayName = short(role.label)
		for _, source := range role.policies {
			if source.broken {
				continue
			}
			if len(role.policies) == 1 {
				object.Spec.Icon, object.Spec.Description = source.row.text("icon"), ownWords(source.row.text("description"))
				object.Spec.Restrictions = source.restrictions
			}
			admin, app := source.admin, source.app
			if role == d.publicRole && (admin || app) {
				d.leaveOut(source.row.place, "the public role can have neither admin nor app access")
				admin, app = false, false
			}
			object.Spec.AdminAccess, object.Spec.AppAccess = object.Spec.AdminAccess || admin, object.Spec.AppAccess || app
			for _, permission := range source.permissions {
				if rule := d.ruleOf(permission, role); rule != nil {
					object.Spec.Rules = append(object.Spec.Rules, *rule)
				}
			}
			if app && !told {
				told = true
				d.note(source.row.place.at("app_access"), "the minimum of app access is in appAccessRules of the PermissionPolicy, but for what depends on the rest of one's permissions: reading activity, collections, fields and relations")
			}
		}
		if object.Spec.AdminAccess && policy.AdminRole == "" {
			policy.AdminRole, p = role.name, role.place
			// adminAccess gives everything; the domain's admin role says nothing beside it (A1).
			object.Spec.AppAccess, object.Spec.Rules = false, nil
		}
		d.add(object, role.place)
	}
	if d.publicRole != nil {
		policy.PublicRole, p = d.publicRole.name, d.publicRole.place
	}
	if d.app != nil {
		for _, permission := range d.app.permissions {
			if rule := d.ruleOf(permission, &policyRole{policies: []*directusPolicy{d.app}}); rule != nil {
				policy.AppAccessRules = append(policy.AppAccessRules, *rule)
			}
		}
		if p.file == "" {
			p = d.app.row.place
		}
	}
	if policy.PublicRole != "" || policy.AdminRole != "" || len(policy.AppAccessRules) > 0 {
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
			d.leaveOut(r.place, "the role has no id")
			continue
		}
		d.nameRest("role", r, "id", "name", "icon", "description", "parent", "children", "policies", "users", "permissions")
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
		if len(group.Spec.Roles) == 0 && d.publicRole != nil {
			// Who has a role is not the public, even if the role has no policy.
			group.Spec.Roles = []v1alpha1.RoleRef{d.emptyRole("role "+id, r.text("name"), r.place)}
		}
		d.add(group, r.place)
	}
}

// nameRest names the members of a row that are not read, and cannot narrow what anybody may do.
func (d *directus) nameRest(kind string, r row, known ...string) {
	for _, key := range unknownMembers(r, known...) {
		d.unread(r.place.at("%s", key), false, kind+"."+key, "")
	}
}

// userFields are those of Directus' own that decide nothing.
var userFields = []string{
	"id", "first_name", "last_name", "email", "status", "role", "policies", "password", "location", "title", "description", "tags",
	"avatar", "language", "text_direction", "tfa_secret", "email_notifications", "appearance", "theme_dark", "theme_light",
	"theme_light_overrides", "theme_dark_overrides", "token", "last_access", "last_page", "provider", "external_identifier", "auth_data",
}

// emptyRole keeps who holds it from being taken for the public.
func (d *directus) emptyRole(key, label string, p place) v1alpha1.RoleRef {
	empty := &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindRole, key, label)}}
	empty.Spec.DisplayName = short(label)
	empty.Spec.Description = "No permissions; who holds it does not have the public role."
	d.add(empty, p)
	return v1alpha1.RoleRef{Name: v1alpha1.Name(empty.Name)}
}

func (d *directus) roleRefs(policies []string) []v1alpha1.RoleRef {
	var refs []v1alpha1.RoleRef
	for _, id := range policies {
		ref := v1alpha1.RoleRef{Name: v1alpha1.Name(d.policies[id].role.name)}
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
	known := map[string]bool{}
	for _, r := range d.tables["roles"] {
		known[r.reference("id")] = true
	}
	for _, r := range d.tables["users"] {
		id, role := r.reference("id"), r.reference("role")
		if id == "" {
			d.leaveOut(r.place, "the user has no id")
			continue
		}
		label := cmp.Or(strings.TrimSpace(r.text("first_name")+" "+r.text("last_name")), r.text("email"))
		user := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: d.name(engine.KindUser, id, cmp.Or(label, id))}}
		user.Spec = v1alpha1.UserSpec{Account: v1alpha1.Account{
			DisplayName: short(label), Disabled: r.text("status") != "active", Roles: d.roleRefs(d.byUser[id]),
		}}
		if user.Name != id {
			user.Spec.ID = v1alpha1.UserID(id)
		}
		_, told := r.values["role"]
		switch {
		case role == "" && told && len(user.Spec.Roles) > 0 && d.publicRole != nil:
			// Without a role one is the public, whatever policies one has besides.
			if ref := (v1alpha1.RoleRef{Name: v1alpha1.Name(d.publicRole.name)}); !slices.Contains(user.Spec.Roles, ref) {
				user.Spec.Roles = append(user.Spec.Roles, ref)
			}
		case role != "" && !known[role], role == "" && !told:
			d.leaveOut(r.place.at("role"), "the role %q of %s is not in the export, so what it gives is missing", role, cmp.Or(label, id))
			if len(user.Spec.Roles) == 0 && d.publicRole != nil {
				user.Spec.Roles = []v1alpha1.RoleRef{d.emptyRole("unknown role of "+id, "unknown role", r.place)}
			}
		}
		d.nameRest("user", r, slices.Concat(userFields, sorted(d.attributes))...)
		for _, attribute := range sorted(d.attributes) {
			v, ok := r.values[attribute]
			switch attribute {
			case "role":
				v, ok = nil, true
				if role != "" {
					v = role
				}
			case "roles":
				v, ok = d.ancestors(role), true
			}
			if !ok {
				d.note(r.place, "the field %s, which permissions read, is not in the export of users", attribute)
				continue
			}
			if record, isRecord := v.(map[string]any); isRecord && d.schema.links["directus_users"][attribute] != "" {
				v = record[d.schema.key(d.schema.links["directus_users"][attribute])]
			}
			if user.Spec.Attributes == nil {
				user.Spec.Attributes = map[string]v1alpha1.JSON{}
			}
			user.Spec.Attributes[attribute] = jsonValue(v)
		}
		d.add(user, r.place)
	}
	if len(d.tables["users"]) == 0 && len(d.attributes) > 0 && len(d.tables["permissions"]) > 0 {
		d.note(place{file: d.tables["permissions"][0].place.file}, "permissions read these attributes of users, which are not in the export: %s", strings.Join(sorted(d.attributes), ", "))
	}
}

// writeTypes makes a resource type of each collection.
func (d *directus) writeTypes() {
	for _, collection := range sorted(d.collections) {
		t := d.newType(collection)
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
		for _, field := range sorted(d.schema.links[collection]) {
			if to := d.schema.links[collection][field]; d.collections[to].file != "" {
				t.Spec.Fields = append(t.Spec.Fields, v1alpha1.Field{Name: v1alpha1.FieldPath(field), LinksTo: d.typeName(to)})
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

// read notes that a condition on a collection reads a path of the record.
func (d *directus) read(collection string, path []string, link bool) {
	if d.reads[collection] == nil {
		d.reads[collection] = map[string]bool{}
	}
	name := strings.Join(path, ".")
	d.reads[collection][name] = d.reads[collection][name] || link
}

// tellReads tells which fields an application has to ask Directus for, to send them along.
func (d *directus) tellReads() {
	for _, collection := range sorted(d.reads) {
		paths := d.reads[collection]
		var fields []string
		for _, path := range sorted(paths) {
			deeper := slices.ContainsFunc(sorted(paths), func(other string) bool { return strings.HasPrefix(other, path+".") })
			switch {
			case deeper && paths[path]:
				path += "." + d.keyAt(collection, path)
			case deeper:
				continue
			}
			fields = append(fields, path)
		}
		slices.Sort(fields)
		d.note(d.collections[collection], "the conditions on %s read fields=%s: applications send these as properties", collection, strings.Join(slices.Compact(fields), ","))
	}
}

// keyAt is the primary key of what stands at the end of a path.
func (d *directus) keyAt(collection, path string) string {
	for _, field := range strings.Split(path, ".") {
		to, _, _ := d.schema.relation(collection, field)
		collection = to
	}
	return d.schema.key(collection)
}
