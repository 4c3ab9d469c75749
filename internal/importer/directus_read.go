package importer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

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

var directusParts = []string{"roles", "policies", "permissions", "access", "users", "collections", "fields", "relations"}

// directusReader reads the files of an export, in whichever form they come.
type directusReader struct {
	*importer
	tables directusTables
	// vendor and version are what a snapshot says of the database and of Directus.
	vendor, version string
	// some says that some file had a part of an export.
	some bool
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

// file reads one file. A file that is about something else is named as not read; one that may have permissions
// in a form that nobody knows is an error, for they may restrict what others give.
func (r *directusReader) file(f File) error {
	v, err := directusValue(f)
	if err != nil {
		return err
	}
	p := place{file: f.Name}
	switch {
	case r.read(v, p, true):
		r.some = true
	case describesAPI(v):
		r.note(p, "is not read: it describes an API")
	case restricts(v):
		return fmt.Errorf("%s: neither a list of roles, policies, permissions, access or users nor a schema snapshot, though it looks like permissions", f.Name)
	default:
		r.note(p, "is not read: it is no list of roles, policies, permissions, access or users, and no part of a schema snapshot")
	}
	return nil
}

// describesAPI reports whether a value is an OpenAPI document. directus-sync dumps that of the project, with schemas of
// permissions and policies, beside them.
func describesAPI(v any) bool {
	object, _ := v.(map[string]any)
	version, _ := object["openapi"].(string)
	_, hasPaths := object["paths"].(map[string]any)
	return version != "" && hasPaths
}

// restricts reports whether something in a value looks like a permission or a policy.
func restricts(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, restricts)
	case map[string]any:
		_, collection := v["collection"]
		_, action := v["action"]
		_, admin := v["admin_access"]
		_, validation := v["validation"]
		_, permissions := v["permissions"]
		if admin || collection && (action && permissions || validation) {
			return true
		}
		for _, element := range v {
			if restricts(element) {
				return true
			}
		}
	}
	return false
}

// ofSync reports whether a list is one that directus-sync dumps.
func ofSync(list []any) bool {
	return slices.ContainsFunc(list, func(element any) bool {
		object, _ := element.(map[string]any)
		_, ok := object["_syncId"]
		return ok
	})
}

// read takes what is in a value, and says whether it knows any of it.
func (r *directusReader) read(v any, p place, top bool) bool {
	switch v := v.(type) {
	case map[string]any:
		if data, ok := v["data"]; ok && top {
			list, _ := data.([]any)
			r.suspect(list, v["meta"], p)
			return r.read(data, p.at("data"), false)
		}
		return r.object(v, p)
	case []any:
		part := directusPart(v, p.file)
		if part == "" {
			return false
		}
		if top {
			r.suspect(v, nil, p)
		}
		r.add(part, v, p)
		return true
	}
	return false
}

// object reads an object with the parts as members, or one part of a split snapshot.
func (r *directusReader) object(v map[string]any, p place) bool {
	has := func(key string) bool { _, ok := v[key]; return ok }
	one := func(part string) bool {
		r.tables[part] = append(r.tables[part], row{v, p})
		return true
	}
	meta, _ := v["meta"].(map[string]any)
	switch {
	case has("collection") && (has("related_collection") || meta["many_collection"] != nil):
		return one("relations")
	case has("collection") && has("field") && has("type"):
		return one("fields")
	case has("collection") && !has("field") && (has("meta") || has("schema")) && !has("action"):
		return one("collections")
	}
	known := false
	var unread []string
	for _, key := range sorted(v) {
		list, isList := v[key].([]any)
		inner, isObject := v[key].(map[string]any)
		switch {
		case slices.Contains(directusParts, key) && isList:
			r.add(key, list, p.at("%s", key))
			known = true
		case (key == "snapshot" || key == "schema") && isObject:
			known = r.read(inner, p.at("%s", key), false) || known
		case key == "vendor":
			r.vendor, known = text(v[key]), true
		case key == "directus":
			r.version, known = text(v[key]), true
		case key == "version" || key == "meta" || key == "systemFields":
		default:
			unread = append(unread, key)
		}
	}
	if known && len(unread) > 0 {
		r.note(p, "these members are not read: %s", strings.Join(unread, ", "))
	}
	return known
}

func (r *directusReader) add(part string, list []any, p place) {
	for i, element := range list {
		at := p.at("[%d]", i)
		values, ok := element.(map[string]any)
		if !ok {
			r.leaveOut(at, "is no object, so it is not read")
			continue
		}
		r.tables[part] = append(r.tables[part], row{values, at})
	}
}

// defaultLimit is how many rows the API of Directus answers when nobody says otherwise.
const defaultLimit = 100

// suspect tells of answers of the API that end at its limit.
func (r *directusReader) suspect(list []any, meta any, p place) {
	if ofSync(list) || len(list) == 0 {
		return
	}
	switch directusPart(list, p.file) {
	case "", "collections", "fields", "relations": // of these the API gives all
		return
	}
	counts, _ := meta.(map[string]any)
	known := false
	for _, key := range []string{"filter_count", "total_count"} {
		if total, ok := counts[key].(int64); ok {
			known = true
			if total > int64(len(list)) {
				r.leaveOut(p.at("meta.%s", key), "%d of %d rows are here: the export ends at a limit, and what the others restrict is missing; ask for all with ?limit=-1", len(list), total)
				return
			}
		}
	}
	if len(list) == defaultLimit && !known {
		r.note(p, "has exactly %d rows, the limit of the API where none is given: others may be missing, and what they restrict; ask for all with ?limit=-1", defaultLimit)
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
	case with("collection", "action", "policy"), with("collection", "action", "role"):
		return "permissions"
	case with("collection", "field", "type"):
		return "fields"
	case with("collection", "field", "related_collection"):
		return "relations"
	case with("collection", "meta", "schema"):
		return "collections"
	case with("admin_access", "roles"), with("admin_access") && !with("users") && !with("parent"):
		return "policies"
	case with("policy", "role", "user"):
		return "access"
	case with("email"):
		return "users"
	case with("name", "parent"), with("name", "children"), with("name", "users"):
		return "roles"
	case with("admin_access"):
		return "policies"
	}
	return ""
}

// The policy that directus-sync, and Directus itself, make for the public.
const (
	syncPublicPolicy  = "_sync_default_public_policy"
	publicPolicyLabel = "$t:public_label"
)

// normalize makes tables of Directus 11, with ids, of what directus-sync and older versions write.
func (r *directusReader) normalize() error {
	for _, rows := range r.tables {
		for _, row := range rows {
			if id := row.text("_syncId"); id != "" && row.reference("id") == "" {
				row.values["id"] = id
			}
		}
	}
	if err := r.version10(); err != nil {
		return err
	}
	r.accessOfPolicies()
	return nil
}

// version10 reads permissions that hang on roles: each role becomes a role with a policy.
func (r *directusReader) version10() error {
	ofRoles := func(row row) bool {
		_, role := row.values["role"]
		_, policy := row.values["policy"]
		return role && !policy
	}
	flags := []string{"admin_access", "app_access", "ip_access", "enforce_tfa"}
	ten := slices.ContainsFunc(r.tables["permissions"], ofRoles)
	for _, role := range r.tables["roles"] {
		for _, flag := range flags {
			if _, ok := role.values[flag]; ok {
				ten = true
			}
		}
	}
	if !ten {
		return nil
	}
	if policies := r.tables["policies"]; len(policies) > 0 {
		for _, row := range slices.Concat(r.tables["roles"], r.tables["permissions"]) {
			if ofRoles(row) || row.values["admin_access"] != nil || row.values["ip_access"] != nil {
				return row.place.errorf("is of Directus 10 or older, in which permissions hang on roles, and %s is of Directus 11; export both from one version", policies[0].place)
			}
		}
		return nil
	}
	if r.version == "" {
		r.version = "10"
	}
	attach := func(id, role string, values map[string]any, p place) {
		values["id"] = id
		r.tables["policies"] = append(r.tables["policies"], row{values, p})
		var holder any
		if role != "" {
			holder = role
		}
		r.tables["access"] = append(r.tables["access"], row{map[string]any{"policy": id, "role": holder, "user": nil}, p})
	}
	for _, role := range r.tables["roles"] {
		id := role.reference("id")
		if id == "" {
			continue
		}
		values := map[string]any{"name": role.values["name"]}
		for _, flag := range flags {
			values[flag] = role.values[flag]
			delete(role.values, flag)
		}
		attach("role "+id, id, values, role.place)
	}
	public := false
	for _, permission := range r.tables["permissions"] {
		if !ofRoles(permission) {
			return permission.place.errorf("has a policy, but the roles are of Directus 10 or older; add /policies, or export all from one version")
		}
		role := permission.reference("role")
		if role == "" && !public {
			public = true
			attach("public", "", map[string]any{"name": publicPolicyLabel}, permission.place)
		}
		permission.values["policy"] = "public"
		if role != "" {
			permission.values["policy"] = "role " + role
		}
		delete(permission.values, "role")
	}
	return nil
}

// accessOfPolicies reads who has a policy from the policy itself, where there is no table of it.
func (r *directusReader) accessOfPolicies() {
	if len(r.tables["access"]) > 0 {
		return
	}
	roles := map[string]bool{}
	for _, role := range r.tables["roles"] {
		roles[role.reference("id")] = true
	}
	for _, policy := range r.tables["policies"] {
		id, label := policy.reference("id"), policy.text("name")
		for _, holders := range []string{"roles", "users"} {
			list, _ := policy.values[holders].([]any)
			for i, element := range list {
				p := policy.place.at("%s[%d]", holders, i)
				attached := map[string]any{"policy": id, "role": nil, "user": nil}
				switch element := element.(type) {
				case string: // the id of a row of /access, or of a role
					if !roles[element] {
						continue
					}
					attached["role"] = element
				case map[string]any:
					attached["role"], attached["user"] = element["role"], element["user"]
				}
				role, user := idOf(attached["role"]), idOf(attached["user"])
				if role == "" && user == "" && id != syncPublicPolicy && label != publicPolicyLabel {
					// What is attached to users alone is written like this too.
					r.leaveOut(p, "the policy %q is attached to no role: whether it is public or of some users the file does not say, so it is given to nobody; give it to those who have it", label)
					continue
				}
				r.tables["access"] = append(r.tables["access"], row{attached, p})
			}
		}
	}
}

// unknownMembers are those of a row that nothing is known about and that say something.
func unknownMembers(r row, known ...string) []string {
	var unknown []string
	for _, key := range sorted(r.values) {
		if slices.Contains(known, key) || strings.HasPrefix(key, "_sync") {
			continue
		}
		switch v := r.values[key].(type) {
		case nil:
			continue
		case string:
			if v == "" {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case bool:
			if !v {
				continue
			}
		}
		unknown = append(unknown, key)
	}
	return unknown
}
