package importer

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// docType is a document type: as the export defines it and Customize Form changed it, or as something names it.
type docType struct {
	name  string
	place place
	// defined says that the export has its fields. Otherwise nobody knows which it has, at which levels they are,
	// and which of them are links.
	defined bool
	// unclear is why not all of its links are known; who has User Permissions gets nothing on it.
	unclear string
	// named says that rules or user permissions name it.
	named bool

	// submittable says that its documents have a status that binds; submits, that they are submitted by a right.
	submittable, submits, importable, single, table, tree bool
	parentField, titleField, module                       string
	searchFields                                          []string
	fields                                                []*docField
	// nodes are the fields with what is in their tables, once they were looked at.
	nodes  []*node
	walked bool
}

// docField is a field that holds a value.
type docField struct {
	name, kind, options string
	place               place
	// needs is what reading or writing it takes besides the right to the document.
	needs needs
	// ignores says that user permissions do not look at the link.
	ignores bool
	// afterSubmit says that it may be written when the document is submitted, once that it is never changed.
	afterSubmit, once bool
	// closed fields are nobody's: what the export says of them is not clear.
	closed bool
	// within is the document that the field is a part of.
	within *reading
}

// refers reports whether the field is about other documents: a link, or a table.
func (f *docField) refers() bool { return f.kind == "Link" || slices.Contains(erpnextTables, f.kind) }

// says reports whether two fields decide the same.
func (f *docField) says(other *docField) bool {
	return f.kind == other.kind && (!f.refers() || f.options == other.options) && f.needs.key() == other.needs.key() &&
		f.ignores == other.ignores && f.afterSubmit == other.afterSubmit && f.once == other.once && f.closed == other.closed
}

// needs are permission levels, and levels at which the right to see masked fields is needed: sorted, each once.
type needs struct{ levels, masked []string }

func (n needs) and(m needs) needs {
	union := func(a, b []string) []string {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return needs{union(n.levels, m.levels), union(n.masked, m.masked)}
}

func (n needs) nothing() bool { return len(n.levels) == 0 && len(n.masked) == 0 }

// key is the same for the same needs.
func (n needs) key() string { return strings.Join(n.levels, ",") + "|" + strings.Join(n.masked, ",") }

// erpnextLayout are the types of fields that hold no value.
var erpnextLayout = []string{"Section Break", "Column Break", "Tab Break", "Heading", "HTML", "Button", "Fold", "Image"}

// erpnextValues are the types of fields that hold a value, or rows.
var erpnextValues = []string{
	"Attach", "Attach Image", "Autocomplete", "Barcode", "Check", "Code", "Color", "Currency", "Data", "Date", "Datetime",
	"Duration", "Dynamic Link", "Float", "Geolocation", "HTML Editor", "Icon", "Int", "JSON", "Link", "Long Int", "Long Text",
	"Markdown Editor", "Password", "Percent", "Phone", "Rating", "Read Only", "Select", "Signature", "Small Text",
	"Table", "Table MultiSelect", "Text", "Text Editor", "Time",
}

var erpnextTables = []string{"Table", "Table MultiSelect"}

// erpnextDeciding are the members of fields and DocTypes that decide something.
var erpnextDeciding = strings.Fields(`fieldtype options permlevel ignore_user_permissions mask allow_on_submit
	set_only_once is_submittable allow_import issingle istable title_field search_fields is_tree nsm_parent_field`)

// docFieldPasses are the members of a field that decide nothing: how it looks, what it starts with, what has to be
// in it.
var docFieldPasses = strings.Fields(`label reqd precision length search_index in_list_view in_standard_filter
	in_global_search in_preview allow_in_quick_entry bold translatable collapsible collapsible_depends_on default
	fetch_from fetch_if_empty depends_on hidden read_only unique allow_bulk_edit report_hide
	remember_last_selected_value ignore_xss_filter in_filter no_copy print_hide print_hide_if_no_value print_width
	width columns description oldfieldname oldfieldtype mandatory_depends_on read_only_depends_on hide_days
	hide_seconds hide_border show_days show_seconds non_negative max_height show_dashboard is_virtual
	documentation_url sort_options link_filters not_nullable placeholder make_attachment_public button_color
	alignment sticky show_description_on_click is_custom_field is_system_generated insert_after module dt`)

// docTypePasses are the members of a DocType that decide nothing.
var docTypePasses = strings.Fields(`actions allow_copy allow_events_in_timeline allow_guest_to_view allow_read
	allow_rename autoname beta default_view description document_type editable_grid email_append_to engine field_order
	force_re_route_to_default_view has_web_view hide_heading hide_toolbar icon image_field image_view in_create
	index_web_pages_for_search is_published_field is_virtual links make_attachments_public max_attachments name_case
	naming_rule quick_entry read_only read_only_onload route sender_field show_name_in_global_search
	show_title_field_in_link sort_field sort_order states subject_field timeline_field track_changes track_seen
	track_views translated_doctype custom allow_auto_repeat default_print_format color show_preview_popup
	documentation migration_hash queue_in_background is_calendar_and_gantt sender_name_field default_email_template
	website_search_field grid_page_length rows_threshold_for_grid_search protect_attached_files app row_format
	restrict_to_domain menu_index doctype_name permissions default_fields`)

// fieldName is what a field may be called to be a part of a path.
var fieldName = regexp.MustCompile(`^[^.\s*]{1,100}$`)

// addedField is where a field of a DocType stands that is not in the DocType itself.
type addedField struct {
	index int
	place place
}

// typeNamed is the document type of a name, made where it was not named yet.
func (e *erpnext) typeNamed(name string, p place) *docType {
	t := e.types[name]
	if t == nil {
		t = &docType{name: name, place: p}
		e.types[name] = t
	}
	return t
}

// customize applies what Customize Form and its exports say to the DocTypes, before anything is read of them: Custom
// Fields add fields, Property Setters set members. A field that two of them set differently is there twice, and the
// stricter holds.
func (e *erpnext) customize() {
	definitions := map[string][]*reading{}
	for _, r := range e.documents["DocType"] {
		name := cmp.Or(r.text("name"), r.text("doctype_name"))
		definitions[name] = append(definitions[name], r)
	}
	missing := func(r *reading, docType string) {
		e.unread(r.place, true, fmt.Sprintf("%s of %q", r.kind, docType), "its DocType is not in the export; add it")
	}
	for _, c := range e.customized {
		if len(definitions[c.docType]) == 0 {
			e.note(c.place, "a customization of %q: its DocType is not in the export", c.docType)
		}
	}
	for _, r := range e.documents["Custom Field"] {
		docType := r.text("dt")
		if len(definitions[docType]) == 0 {
			missing(r, docType)
			continue
		}
		r.kind = "DocField" // what it is from here on
		for _, d := range definitions[docType] {
			fields, ok := d.values["fields"].([]any)
			if !ok {
				continue // a DocType without its other fields is none that is defined
			}
			d.values["fields"] = append(fields, r.values)
			e.added[d] = append(e.added[d], addedField{len(fields), r.place})
		}
	}
	set := map[[3]string]string{}
	for _, r := range e.documents["Property Setter"] {
		docType, field, property := r.text("doc_type"), r.text("field_name"), r.text("property")
		v := r.value("value")
		r.pass("doctype_or_field", "property_type", "default_value", "row_name", "module", "is_system_generated", "doctype_name")
		r.done()
		switch of := r.text("doctype_or_field"); of {
		case "", "DocField":
		case "DocType":
			field = ""
		default:
			continue // of links, actions and states, which are shown
		}
		if len(definitions[docType]) == 0 {
			missing(r, docType)
			continue
		}
		key := [3]string{docType, field, property}
		before, again := set[key]
		if again && (before == writtenAs(v) || !slices.Contains(erpnextDeciding, property)) {
			continue
		}
		if again {
			e.leaveOut(r.place, "%s.%s: %s is set twice, and differently; the stricter holds", docType, field, property)
		}
		set[key] = writtenAs(v)
		for _, d := range definitions[docType] {
			e.setProperty(d, r, field, property, v, again)
		}
	}
}

// writtenAs compares values of properties, which are texts in some exports.
func writtenAs(v any) string {
	if v == nil {
		return ""
	}
	return string(jsonText(idText(v)))
}

func idText(v any) any {
	if n, ok := v.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return v
}

func jsonText(v any) []byte { return jsonValue(v).Raw }

// setProperty sets a member of a DocType, or of one of its fields. Again keeps what was set before beside it.
func (e *erpnext) setProperty(d, setter *reading, field, property string, v any, again bool) {
	if field == "" {
		if again && restrictiveWhenUnset(property) {
			v = nil
		}
		d.values[property] = v
		return
	}
	fields, _ := d.values["fields"].([]any)
	found := false
	for i := range fields {
		values, _ := fields[i].(map[string]any)
		if text(values["fieldname"]) != field {
			continue
		}
		found = true
		if again {
			values = maps.Clone(values)
			all, _ := d.values["fields"].([]any)
			d.values["fields"] = append(all, values)
			e.added[d] = append(e.added[d], addedField{len(all), setter.place})
		}
		values[property] = v
	}
	if !found {
		e.unread(setter.place, false, fmt.Sprintf("%s of %q", setter.kind, text(d.values["name"])), "the DocType has not all of the fields")
	}
}

// restrictiveWhenUnset are the members of a DocType that give something when they are set.
func restrictiveWhenUnset(property string) bool {
	return property == "allow_import" || property == "title_field" || property == "search_fields"
}

// defineTypes reads the DocTypes. One that is not clear does not stop the others: what it concerns is left out.
func (e *erpnext) defineTypes() {
	seen := map[string]string{}
	differ := map[string]bool{}
	for _, r := range e.documents["DocType"] {
		name := cmp.Or(r.text("name"), r.text("doctype_name"))
		if name == "" {
			e.leaveOut(r.place, "a DocType without a name")
			continue
		}
		t := e.typeNamed(name, r.place)
		content := maps.Clone(r.values)
		for _, key := range []string{"modified", "modified_by", "creation", "owner", "idx"} {
			delete(content, key)
		}
		written := string(jsonText(content))
		if before, twice := seen[name]; twice {
			if before == written {
				e.note(r.place, "the DocType %q is there twice, and the same", name)
				continue
			}
			differ[name] = true
			e.leaveOut(r.place, "the DocType %q is there twice, first at %s, and differently: the stricter of its fields hold, its permissions are left out", name, t.place)
		}
		seen[name] = written
		e.define(t, r)
	}
	e.documents["DocPerm"] = slices.DeleteFunc(e.documents["DocPerm"], func(r *reading) bool { return differ[text(r.values["parent"])] })
	for _, name := range sorted(e.types) {
		e.mergeFields(e.types[name])
	}
}

// define reads a DocType.
func (e *erpnext) define(t *docType, r *reading) {
	r.pass(docTypePasses...)
	t.submittable = r.restricts("is_submittable") || t.submittable
	set, ok := yesNo(r.value("is_submittable"))
	t.submits = set && ok
	t.importable = r.grants("allow_import")
	t.single = r.grants("issingle")
	t.table = r.restricts("istable") || t.table
	t.titleField = r.text("title_field")
	t.module = r.text("module")
	t.searchFields = nil
	for _, field := range strings.Split(r.text("search_fields"), ",") {
		if field = strings.TrimSpace(field); field != "" {
			t.searchFields = append(t.searchFields, field)
		}
	}
	nested := r.text("nsm_parent_field")
	t.parentField = cmp.Or(nested, "parent_"+scrub(t.name))
	hasFields := r.values["fields"] != nil
	fields, readable := r.list("fields", "DocField")
	if t.defined = hasFields && readable; !t.defined {
		e.leaveOut(r.place.at("fields"), "the fields of the DocType %q cannot be read", t.name)
	}
	names := map[string]bool{}
	for i, field := range fields {
		within := r
		for _, custom := range e.added[r] {
			if custom.index == i {
				field.place, within = custom.place, field
			}
		}
		names[text(field.values["fieldname"])] = true
		e.defineField(t, field, within)
	}
	t.tree = r.grants("is_tree") || nested != "" || names["lft"] && names["rgt"]
	r.done()
}

// defineField reads a field of a DocType.
func (e *erpnext) defineField(t *docType, r, within *reading) {
	r.pass(erpnextMeta...)
	r.pass(docFieldPasses...)
	f := &docField{
		name: r.text("fieldname"), kind: r.text("fieldtype"), options: r.text("options"), place: r.place, within: within,
		ignores: r.grants("ignore_user_permissions"), afterSubmit: r.grants("allow_on_submit"), once: r.restricts("set_only_once"),
	}
	level, ok := permLevel(r)
	if !ok {
		f.closed = true
	} else if level != "0" {
		f.needs.levels = []string{level}
	}
	if r.restricts("mask") {
		f.needs.masked = []string{level}
	}
	r.pass("mask_with", "default_mask")
	r.done()
	if slices.Contains(erpnextLayout, f.kind) {
		return
	}
	switch {
	case !fieldName.MatchString(f.name):
		e.leaveOut(r.place, "a field of %s: its fieldname is %q, which is no part of a path", t.name, f.name)
		e.unclearLinks(t, r.place, "one of its fields has no name that can be said")
		return
	case !slices.Contains(erpnextValues, f.kind):
		e.leaveOut(r.place.at("fieldtype"), "%s.%s: the type of field %q is not known", t.name, f.name, f.kind)
		f.closed = true
		e.unclearLinks(t, r.place, "one of its fields is of a type that is not known")
	case f.kind == "Link" && f.options == "":
		e.unclearLinks(t, r.place, "one of its links does not say to what")
	}
	t.fields = append(t.fields, f)
}

// unclearLinks notes that not all links of a type are known.
func (e *erpnext) unclearLinks(t *docType, p place, why string) {
	if t.unclear == "" {
		t.unclear = why + " (" + p.String() + ")"
	}
}

// permLevel is the level of a permission or a field. Not ok is one that is no level.
func permLevel(r *reading) (string, bool) {
	level := strings.TrimSpace(r.text("permlevel"))
	if level == "" && (r.values["permlevel"] == nil || r.values["permlevel"] == "") {
		return "0", true
	}
	n, err := strconv.ParseFloat(level, 32)
	if f, isFloat := r.values["permlevel"].(float64); isFloat {
		n, err = f, nil
	}
	if err != nil || n < 0 || n != float64(int(n)) {
		r.unclear("permlevel", "is no permission level")
		return "", false
	}
	return strconv.Itoa(int(n)), true
}

// mergeFields puts fields of one name together: what any of them asks for is needed.
func (e *erpnext) mergeFields(t *docType) {
	first := map[string]*docField{}
	var fields []*docField
	for _, f := range t.fields {
		before := first[f.name]
		if before == nil {
			first[f.name] = f
			fields = append(fields, f)
			continue
		}
		same := before.says(f)
		if !same || before.within == f.within {
			e.note(f.place, "%s.%s is there twice, first at %s; the stricter holds", t.name, f.name, before.place)
		}
		if !same && (before.refers() || f.refers()) && (before.kind != f.kind || before.options != f.options) {
			e.leaveOut(f.place, "%s.%s: it is there twice, of different types", t.name, f.name)
			before.closed = true
			e.unclearLinks(t, f.place, "one of its fields is there twice, of different types")
		}
		before.needs = before.needs.and(f.needs)
		before.ignores = before.ignores && f.ignores
		before.afterSubmit = before.afterSubmit && f.afterSubmit
		before.once = before.once || f.once
		before.closed = before.closed || f.closed
	}
	t.fields = fields
}

// hasRight reports whether a document type has a right at all. Of one that is not defined nobody knows.
func (t *docType) hasRight(right v1alpha1.Token) bool {
	switch {
	case slices.Contains(erpnextSubmit, right):
		return t.defined && t.submits
	case right == "import":
		return t.defined && t.importable
	}
	return true
}

// node is a field with what its rows have.
type node struct {
	*docField
	// rows are the fields of a table's rows; a table whose rows are not known is closed.
	rows []*node
	// table says that it has rows.
	table bool
}

// tree are the fields of a document type, with those of the rows in them. Links that it cannot know make the
// document type unclear.
func (e *erpnext) tree(t *docType) []*node {
	if !t.walked {
		t.nodes, t.walked = e.nodesOf(t, t, []string{t.name}), true
	}
	return t.nodes
}

func (e *erpnext) nodesOf(whole, t *docType, within []string) []*node {
	var list []*node
	for _, f := range t.fields {
		n := &node{docField: f}
		list = append(list, n)
		if !slices.Contains(erpnextTables, f.kind) {
			continue
		}
		n.table = true
		rows := e.types[f.options]
		why := ""
		switch {
		case rows == nil || !rows.defined:
			why = "the DocType of its table " + f.name + ", " + f.options + ", is not in the export"
		case slices.Contains(within, f.options), len(within) > 8:
			why = "its table " + f.name + " holds itself"
		case rows.unclear != "":
			e.unclearLinks(whole, f.place, rows.unclear)
		}
		if why != "" {
			closed := *f
			closed.closed = true
			n.docField = &closed
			e.unclearLinks(whole, f.place, why)
			continue
		}
		n.rows = e.nodesOf(whole, rows, append(slices.Clone(within), f.options))
	}
	return list
}

// linksOf are the links of a document type, those in its tables too. Frappe's user permissions do not look at Dynamic Links, so
// these restrict nobody here either.
func (e *erpnext) linksOf(t *docType) []v1alpha1.Field {
	var fields []v1alpha1.Field
	var collect func(nodes []*node, prefix string)
	collect = func(nodes []*node, prefix string) {
		for _, n := range nodes {
			path := prefix + n.name
			collect(n.rows, path+".")
			if n.kind == "Dynamic Link" && slices.ContainsFunc(nodes, func(beside *node) bool { return beside.name == n.options }) {
				fields = append(fields, v1alpha1.Field{Name: v1alpha1.FieldPath(path), LinksToField: n.options, IgnoreUserPermissions: true})
			}
			to := e.types[n.options]
			if n.kind != "Link" || to == nil || e.isPart(to) {
				continue // nobody can be restricted by it
			}
			fields = append(fields, v1alpha1.Field{Name: v1alpha1.FieldPath(path), LinksTo: e.typeName(to.name), IgnoreUserPermissions: n.ignores})
		}
	}
	collect(e.tree(t), "")
	return fields
}

// isPart reports whether documents of a type are part of others only, and nothing is said of them by themselves.
func (e *erpnext) isPart(t *docType) bool { return t.table && !t.named }
