package importer

import (
	"strings"
)

// directusSchema is what a schema snapshot, or the answers of /collections, /fields and /relations, say of
// collections. Of Directus' own collections it knows keys and links without being told.
type directusSchema struct {
	// vendor is the database, version that of Directus; empty where no snapshot says so.
	vendor, version string
	fields          map[string]map[string]directusField
	// links are the relations to one record, lists those to many: by collection and field.
	links map[string]map[string]string
	lists map[string]map[string]string
	keys  map[string]string
	// known are the collections of which somebody told the fields.
	known map[string]bool
}

// directusField is a field of a collection.
type directusField struct {
	kind valueKind
	// validation is the filter that every payload has to pass, whoever sends it; at is where it stands.
	validation any
	at         place
}

// valueKind is how the database compares the values of a field.
type valueKind int

const (
	kindUnknown   valueKind = iota // nobody said
	kindText                       // string, text
	kindUUID                       //
	kindInteger                    // JSON numbers in the API
	kindNumber                     // float, decimal: numbers or texts
	kindBigInt                     // numbers or texts
	kindBool                       //
	kindDate                       // 2026-01-31
	kindDateTime                   // 2026-01-31T08:00:00, without a zone
	kindTime                       // 08:00:00
	kindTimestamp                  // with a zone
	kindCSV                        // a list, or a text with commas
	kindList                       // an alias: the records that link to this one
	kindClosed                     // what can only be there or not: json, geometry, hashes, what is concealed
)

var valueKinds = map[string]valueKind{
	"string": kindText, "text": kindText, "uuid": kindUUID, "integer": kindInteger, "float": kindNumber,
	"decimal": kindNumber, "bigInteger": kindBigInt, "boolean": kindBool, "date": kindDate,
	"dateTime": kindDateTime, "time": kindTime, "timestamp": kindTimestamp, "csv": kindCSV, "alias": kindList,
	"json": kindClosed, "hash": kindClosed, "binary": kindClosed, "geometry": kindClosed,
}

func kindOf(fieldType string) valueKind {
	name, _, _ := strings.Cut(fieldType, ".") // geometry.Point
	return valueKinds[name]
}

// systemLinks are those of Directus' own collections, which no snapshot has; systemLists those to many.
var (
	systemLinks = map[string]map[string]string{
		"directus_users":         {"role": "directus_roles", "avatar": "directus_files"},
		"directus_roles":         {"parent": "directus_roles"},
		"directus_files":         {"folder": "directus_folders", "uploaded_by": "directus_users", "modified_by": "directus_users"},
		"directus_folders":       {"parent": "directus_folders"},
		"directus_comments":      {"user_created": "directus_users", "user_updated": "directus_users"},
		"directus_presets":       {"user": "directus_users", "role": "directus_roles"},
		"directus_activity":      {"user": "directus_users"},
		"directus_notifications": {"recipient": "directus_users", "sender": "directus_users"},
		"directus_shares":        {"role": "directus_roles", "user_created": "directus_users"},
		"directus_access":        {"role": "directus_roles", "user": "directus_users", "policy": "directus_policies"},
		"directus_permissions":   {"policy": "directus_policies"},
	}
	systemLists = map[string]map[string]string{
		"directus_users":    {"policies": "directus_access"},
		"directus_roles":    {"children": "directus_roles", "users": "directus_users", "policies": "directus_access"},
		"directus_policies": {"users": "directus_access", "roles": "directus_access", "permissions": "directus_permissions"},
	}
	systemTypes = map[string]map[string]string{
		"directus_users": {
			"id": "uuid", "first_name": "string", "last_name": "string", "email": "string", "password": "hash",
			"location": "string", "title": "string", "description": "text", "tags": "json", "language": "string",
			"tfa_secret": "hash", "status": "string", "token": "hash", "last_access": "timestamp", "last_page": "string",
			"provider": "string", "external_identifier": "string", "auth_data": "json", "email_notifications": "boolean",
			"role": "uuid", "avatar": "uuid",
		},
		"directus_roles":    {"id": "uuid", "name": "string", "description": "text", "parent": "uuid"},
		"directus_policies": {"id": "uuid", "name": "string", "admin_access": "boolean", "app_access": "boolean", "enforce_tfa": "boolean"},
		"directus_files": {
			"id": "uuid", "title": "string", "description": "text", "tags": "json", "location": "text", "storage": "string",
			"filename_disk": "string", "filename_download": "string", "metadata": "json", "type": "string",
			"filesize": "bigInteger", "created_on": "timestamp", "modified_on": "timestamp", "uploaded_on": "timestamp",
			"width": "integer", "height": "integer", "duration": "integer", "charset": "string",
			"folder": "uuid", "uploaded_by": "uuid", "modified_by": "uuid",
		},
		"directus_folders":       {"id": "uuid", "name": "string", "parent": "uuid"},
		"directus_comments":      {"id": "uuid", "collection": "string", "item": "string", "comment": "text", "user_created": "uuid"},
		"directus_presets":       {"id": "integer", "user": "uuid", "role": "uuid", "collection": "string", "bookmark": "string"},
		"directus_notifications": {"id": "integer", "status": "string", "recipient": "uuid", "sender": "uuid", "subject": "string"},
		"directus_shares":        {"id": "uuid", "name": "string", "collection": "string", "item": "string", "user_created": "uuid"},
	}
)

func newDirectusSchema() *directusSchema {
	s := &directusSchema{
		fields: map[string]map[string]directusField{}, links: map[string]map[string]string{},
		lists: map[string]map[string]string{}, keys: map[string]string{}, known: map[string]bool{},
	}
	for collection, fields := range systemTypes {
		for field, fieldType := range fields {
			s.setField(collection, field, directusField{kind: kindOf(fieldType)})
		}
	}
	for collection, links := range systemLinks {
		for field, to := range links {
			set2(s.links, collection, field, to)
		}
	}
	for collection, lists := range systemLists {
		for field, to := range lists {
			set2(s.lists, collection, field, to)
			s.setField(collection, field, directusField{kind: kindList})
		}
	}
	return s
}

func (s *directusSchema) setField(collection, field string, f directusField) {
	if s.fields[collection] == nil {
		s.fields[collection] = map[string]directusField{}
	}
	s.fields[collection][field] = f
}

func set2(m map[string]map[string]string, a, b, value string) {
	if m[a] == nil {
		m[a] = map[string]string{}
	}
	m[a][b] = value
}

// key is the name of a collection's primary key.
func (s *directusSchema) key(collection string) string {
	if key := s.keys[collection]; key != "" {
		return key
	}
	return "id"
}

// relation says where a field leads: to one record, or with many, to records.
func (s *directusSchema) relation(collection, field string) (to string, many, ok bool) {
	if to, ok := s.links[collection][field]; ok {
		return to, false, true
	}
	if to, ok := s.lists[collection][field]; ok {
		return to, true, true
	}
	return "", s.fields[collection][field].kind == kindList, false
}

// caseBlind reports whether the database takes texts that differ in their case alone for equal, or may do so;
// with like, in _contains and its kin.
func (s *directusSchema) caseBlind(like bool) bool {
	switch strings.ToLower(s.vendor) {
	case "postgres", "postgresql", "pg", "cockroachdb", "redshift", "oracle":
		return false
	case "sqlite", "sqlite3":
		return like
	}
	return true
}

// convertsTexts reports whether the database compares a number with a column of texts as texts.
func (s *directusSchema) convertsTexts() bool {
	switch strings.ToLower(s.vendor) {
	case "postgres", "postgresql", "pg", "cockroachdb", "sqlite", "sqlite3":
		return true
	}
	return false
}

func (s *directusSchema) isPostgres() bool {
	switch strings.ToLower(s.vendor) {
	case "postgres", "postgresql", "pg", "cockroachdb":
		return true
	}
	return false
}

// before12 reports whether the export is of a version that joins the records of a list, so that one without
// records has null in all their fields. Later ones ask whether such a record exists.
func (s *directusSchema) before12() bool {
	major, _, _ := strings.Cut(strings.TrimPrefix(s.version, "v"), ".")
	return major == "9" || major == "10" || major == "11"
}

// readSchema reads collections, fields and relations.
func (d *directus) readSchema() {
	s := newDirectusSchema()
	d.schema = s
	s.vendor, s.version = d.vendor, d.version
	d.required, d.collections, d.shared = map[string][]string{}, map[string]place{}, map[string]bool{}
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
		if collection == "" || field == "" {
			d.note(r.place, "names no collection and field, so it is not read")
			continue
		}
		s.known[collection] = true
		meta, _ := r.values["meta"].(map[string]any)
		f := directusField{kind: kindOf(r.text("type")), validation: meta["validation"], at: r.place.at("meta.validation")}
		for _, special := range textsOf(meta["special"]) {
			switch special {
			case "conceal", "hash", "encrypt":
				f.kind = kindClosed
			case "cast-csv":
				f.kind = kindCSV
			}
		}
		s.setField(collection, field, f)
		if schema, ok := r.values["schema"].(map[string]any); ok && isSet(schema["is_primary_key"]) {
			d.required[collection] = append([]string{field}, d.required[collection]...)
			s.keys[collection] = field
		}
	}
	for _, r := range d.tables["relations"] {
		collection, field, to := r.text("collection"), r.text("field"), r.text("related_collection")
		meta, _ := r.values["meta"].(map[string]any)
		if collection == "" {
			collection, field, to = text(meta["many_collection"]), text(meta["many_field"]), text(meta["one_collection"])
		}
		if to == "" { // any collection may be at its end
			continue
		}
		set2(s.links, collection, field, to)
		if alias := text(meta["one_field"]); alias != "" {
			set2(s.lists, to, alias, collection)
		}
	}
}

// textsOf are the texts of a list, or of a text with commas.
func textsOf(v any) []string {
	var written []string
	switch v := v.(type) {
	case string:
		written = strings.Split(v, ",")
	case []any:
		for _, element := range v {
			written = append(written, text(element))
		}
	}
	var out []string
	for _, w := range written {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}
