package importer

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// erpnextMeta are the members of every document that decide nothing.
var erpnextMeta = strings.Fields(`doctype name owner creation modified modified_by docstatus idx parent parentfield
	parenttype __islocal __unsaved __onload __last_sync_on __run_link_triggers _user_tags _comments _assign _liked_by
	_seen _meta`)

// erpnextChildren are the lists in documents that are documents of their own.
var erpnextChildren = []struct{ docType, field, child string }{
	{"User", "roles", "Has Role"},
	{"DocType", "permissions", "DocPerm"},
}

// erpnextKinds are what files and shapes without a doctype are told apart as.
var erpnextKinds = []string{
	"Role", "DocPerm", "Custom DocPerm", "User Permission", "Has Role", "User", "DocType", "System Settings", "Custom Field",
	"Property Setter", "Role Profile", "Workflow", "DocShare", "User Type", "Server Script", "Custom Role",
}

func (e *erpnext) readFile(f File) error {
	trimmed := strings.TrimSpace(strings.TrimPrefix(string(f.Data), "\ufeff"))
	if strings.EqualFold(filepath.Ext(f.Name), ".csv") || !strings.HasPrefix(trimmed, "[") && !strings.HasPrefix(trimmed, "{") {
		return e.readTable(f)
	}
	v, err := value(File{Name: f.Name, Data: []byte(trimmed)})
	if err != nil {
		return e.notADocument(f, place{file: f.Name}, err)
	}
	p := place{file: f.Name}
	for _, wrapper := range []string{"data", "message", "docs"} {
		object, ok := v.(map[string]any)
		if inner, has := object[wrapper]; ok && has && object["doctype"] == nil {
			v, p = inner, p.at("%s", wrapper)
		}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if e.found[f.Name] && filepath.Base(f.Name) == "test_records.json" {
		e.unread(place{file: f.Name}, false, "records of tests", "")
		return nil
	}
	for i, element := range list {
		at := p.at("[%d]", i)
		if !ok {
			at = p
		}
		values, object := element.(map[string]any)
		if !object {
			if err := e.notADocument(f, at, at.errorf("not a document")); err != nil {
				return err
			}
			continue
		}
		docType := cmp.Or(text(values["doctype"]), erpnextDocType(values, f.Name))
		if docType == "" {
			if err := e.notADocument(f, at, at.errorf("what DocType it is cannot be told; give its doctype, or name the file after it")); err != nil {
				return err
			}
			continue
		}
		e.addDocument(docType, values, at)
	}
	return nil
}

// notADocument is an error in a file that was named; one that was found in a folder may be about anything.
func (e *erpnext) notADocument(f File, p place, err error) error {
	if !e.found[f.Name] {
		return err
	}
	e.unread(place{file: p.file}, false, "what is no document of Frappe", "")
	return nil
}

// addDocument takes a document with the documents in it.
func (e *erpnext) addDocument(docType string, values map[string]any, p place) {
	if isCustomization(values) {
		e.addCustomization(docType, values, p)
		return
	}
	r := e.reading(docType, values, p)
	r.pass(erpnextMeta...)
	e.documents[docType] = append(e.documents[docType], r)
	for _, part := range erpnextChildren {
		if docType != part.docType {
			continue
		}
		children, _ := r.list(part.field, part.child)
		for _, child := range children {
			child.pass(erpnextMeta...)
			if text(child.values["parent"]) == "" {
				child.values["parent"] = cmp.Or(r.text("name"), r.text("email"))
			}
			e.documents[part.child] = append(e.documents[part.child], child)
		}
	}
}

// isCustomization reports whether it is what "Export Customizations" writes about one DocType.
func isCustomization(values map[string]any) bool {
	for _, key := range []string{"custom_fields", "property_setters", "custom_perms"} {
		if _, ok := values[key]; ok {
			return true
		}
	}
	return false
}

// addCustomization takes the customization of a DocType apart, into the documents that it is made of.
func (e *erpnext) addCustomization(docType string, values map[string]any, p place) {
	r := e.reading("customization", values, p)
	r.pass(append(erpnextMeta, "sync_on_migrate", "links")...)
	for _, part := range []struct{ key, docType, of string }{
		{"custom_fields", "Custom Field", "dt"},
		{"property_setters", "Property Setter", "doc_type"},
		{"custom_perms", "Custom DocPerm", "parent"},
	} {
		list, _ := r.list(part.key, part.docType)
		for _, document := range list {
			if text(document.values[part.of]) == "" {
				document.values[part.of] = docType
			}
			document.pass(erpnextMeta...)
			e.documents[part.docType] = append(e.documents[part.docType], document)
		}
	}
	r.done()
	e.customized = append(e.customized, customization{docType, p})
}

// customization is where the customization of a DocType stands.
type customization struct {
	docType string
	place   place
}

// erpnextTitles are the titles of columns that are not called like their fields.
var erpnextTitles = map[string]string{
	"id": "name", "document_type": "parent", "level": "permlevel", "if_user_is_the_owner": "if_owner", "only_if_creator": "if_owner",
	"apply_to_all_document_types": "apply_to_all_doctypes", "parent_type": "parenttype", "parent_field": "parentfield",
}

// inTable is a column of a table within the document: "Role (Roles)" by labels, "roles.role" by names.
var inTable = regexp.MustCompile(`^(?:(.+) \((.+)\)|([a-z0-9_]+)[.:]([a-z0-9_]+))$`)

// tableColumn is a column of a CSV file.
type tableColumn struct {
	// table is the field that holds the table; empty for a field of the document itself.
	table, field string
}

func tableColumns(head []string) []tableColumn {
	columns := make([]tableColumn, len(head))
	for i, title := range head {
		field := title
		if match := inTable.FindStringSubmatch(strings.TrimSpace(title)); match != nil {
			columns[i].table, field = scrub(cmp.Or(match[2], match[3])), cmp.Or(match[1], match[4])
		}
		columns[i].field = scrub(field)
		if name, ok := erpnextTitles[columns[i].field]; ok {
			columns[i].field = name
		}
	}
	return columns
}

// readTable reads CSV. A line that says nothing new of the document itself continues the one before it.
func (e *erpnext) readTable(f File) error {
	head, lines, err := readCSV(f)
	if err != nil {
		return e.notADocument(f, place{file: f.Name}, err)
	}
	columns := tableColumns(head)
	var pending []pendingDocument
	var last map[string]any
	for n, line := range lines {
		values, rows := map[string]any{}, map[string]map[string]any{}
		for i, column := range columns {
			written := cell(line, i)
			switch {
			case column.table == "" && written != "":
				values[column.field] = written
			case column.table != "" && written != "":
				if rows[column.table] == nil {
					rows[column.table] = map[string]any{}
				}
				rows[column.table][column.field] = written
			}
		}
		if len(values) == 0 && len(rows) == 0 {
			continue
		}
		continues := last != nil && len(rows) > 0 && repeats(values, last)
		if continues {
			values = last
		}
		for table, row := range rows {
			list, _ := values[table].([]any)
			values[table] = append(list, row)
		}
		if continues {
			continue
		}
		for _, column := range columns { // tells what it is, even where a cell is empty
			if _, ok := values[column.field]; !ok && column.table == "" {
				values[column.field] = nil
			}
		}
		docType := erpnextDocType(values, f.Name)
		if docType == "" {
			return e.notADocument(f, place{file: f.Name}, fmt.Errorf("%s: what DocType it is cannot be told; name the file after it, such as User Permission.csv", f.Name))
		}
		last = values
		pending = append(pending, pendingDocument{docType, values, place{f.Name, fmt.Sprintf("line %d", n+2)}})
	}
	for _, p := range pending { // with the lines that continue them
		e.addDocument(p.docType, p.values, p.place)
	}
	return nil
}

// repeats reports whether a line says of the document nothing but what the line before it said.
func repeats(values, last map[string]any) bool {
	for field, v := range values {
		if last[field] != v {
			return false
		}
	}
	return true
}

// pendingDocument is a document of a table that the next lines may continue.
type pendingDocument struct {
	docType string
	values  map[string]any
	place   place
}

// erpnextDocType tells what a document is, by the name of its file or by what it has.
func erpnextDocType(values map[string]any, file string) string {
	base := slug(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	for _, docType := range erpnextKinds {
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
	case has("doc_type", "property", "value"):
		return "Property Setter"
	case has("dt", "fieldname", "fieldtype"):
		return "Custom Field"
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
