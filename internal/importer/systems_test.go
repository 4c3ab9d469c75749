package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// The users of the export of Directus.
const (
	ada    = "11111111-0000-4000-8000-000000000001"
	finn   = "11111111-0000-4000-8000-000000000002"
	edith  = "11111111-0000-4000-8000-000000000003"
	hugo   = "11111111-0000-4000-8000-000000000004"
	lea    = "11111111-0000-4000-8000-000000000005"
	reader = "11111111-0000-4000-8000-000000000006"
)

const (
	published = `{"status": "published", "published_on": "2026-05-01T08:00:00Z", "author": "` + finn + `", "category": "politics"}`
	upcoming  = `{"status": "published", "published_on": "2026-07-01T08:00:00Z", "author": "` + finn + `", "category": "politics"}`
	draft     = `{"status": "draft", "published_on": null, "author": "` + finn + `", "category": "politics"}`
	elsewhere = `{"status": "draft", "published_on": null, "author": null, "category": "sports"}`
	archived  = `{"status": "archived", "published_on": null, "author": "` + finn + `", "category": null}`
	unset     = `{"status": null, "published_on": null, "author": null, "category": null}`
	approved  = `{"status": "approved", "published_on": null, "author": null, "category": "politics"}`
)

func TestDirectusDecisions(t *testing.T) {
	office := `{"ip": "10.20.1.1", "mfa": true}`
	ask(t, mustImport(t, Directus, export(t, Directus)).Objects, []question{
		// The public policy is for visitors, and for users without a role.
		{user: "", action: "read", resource: "articles/1", properties: published, want: true},
		{user: reader, action: "read", resource: "articles/1", properties: published, want: true},
		{user: "", action: "read", resource: "articles/1", properties: upcoming},
		{user: "", action: "read", resource: "articles/1", properties: draft},
		{user: "", action: "read", resource: "articles/1", properties: unset},
		{user: "", action: "read", resource: "articles/1"},
		{user: "", action: "create", resource: "comments/new", values: `{"article": 1, "text": "hello"}`, want: true},
		{user: "", action: "create", resource: "comments/new", values: `{"article": 1}`, want: true}, // what is absent is not validated
		{user: "", action: "create", resource: "comments/new", values: `{"article": 1, "text": ""}`},
		{user: "", action: "create", resource: "comments/new", values: `{"article": 1, "state": "approved"}`},
		// Who has a role is not the public, even if the role has no policy.
		{user: lea, action: "read", resource: "articles/1", properties: published},
		// Roles have the policies of those above them.
		{user: finn, action: "read", resource: "articles/1", properties: archived, want: true},
		{user: finn, action: "read", resource: "articles/1", properties: draft, want: true},
		{user: finn, action: "read", resource: "articles/1", properties: elsewhere},
		{user: finn, action: "create", resource: "articles/new", values: `{"title": "a"}`, want: true}, // the preset is valid
		{user: finn, action: "create", resource: "articles/new", values: `{"title": "a", "status": "review"}`, want: true},
		{user: finn, action: "create", resource: "articles/new", values: `{"title": "a", "status": "published"}`},
		{user: finn, action: "create", resource: "articles/new", values: `{"author": "x"}`}, // no field of the permission
		{user: finn, action: "update", resource: "articles/1", properties: draft, values: `{"title": "b"}`, want: true},
		{user: finn, action: "update", resource: "articles/1", properties: draft, values: `{"status": "approved"}`},
		{user: finn, action: "update", resource: "articles/1", properties: archived, values: `{"title": "b"}`},
		// A negative operator does not match null.
		{user: finn, action: "update", resource: "articles/1", properties: `{"status": null, "author": "` + finn + `"}`, values: `{"title": "b"}`},
		{user: finn, action: "delete", resource: "articles/1", properties: draft},
		// A list in a field of the user.
		{user: edith, action: "update", resource: "articles/1", properties: draft, values: `{"title": "b"}`, want: true},
		{user: edith, action: "update", resource: "articles/1", properties: elsewhere, values: `{"title": "b"}`},
		{user: edith, action: "update", resource: "articles/1", properties: unset, values: `{"title": "b"}`},
		{user: edith, action: "update", resource: "articles/1", properties: draft, values: `{"status": "published"}`},
		// Validations of all policies that one has must hold, whichever lets one write.
		{user: edith, action: "update", resource: "articles/1", properties: approved, values: `{"status": "published"}`, context: office},
		{user: edith, action: "update", resource: "articles/1", properties: approved, values: `{"status": "held"}`, context: office, want: true},
		{user: edith, action: "delete", resource: "articles/1", properties: draft, want: true},
		{user: edith, action: "delete", resource: "articles/1", properties: unset, want: true},
		{user: edith, action: "delete", resource: "articles/1", properties: published},
		{user: edith, action: "delete", resource: "articles/1"},
		{user: edith, action: "read", resource: "places/1"}, // left out
		// Admins, and who is not active.
		{user: ada, action: "delete", resource: "articles/1", properties: published, want: true},
		{user: hugo, action: "read", resource: "articles/1", properties: archived},
	})
}

func TestInvenTreeDecisions(t *testing.T) {
	ask(t, mustImport(t, InvenTree, export(t, InvenTree)).Objects, []question{
		{user: "wanda", action: "view", resource: "part_part/1", want: true},
		{user: "wanda", action: "delete", resource: "part_part/1", want: true},
		{user: "wanda", action: "add", resource: "part_part", want: true},
		{user: "wanda", action: "view", resource: "stock_stockitem/1", want: true},
		{user: "wanda", action: "change", resource: "stock_stockitem/1"},
		{user: "wanda", action: "view", resource: "order_salesorder/1"},
		// A table of two rule sets needs a right in one of them.
		{user: "sofia@example.com", action: "delete", resource: "part_part/1", want: true}, // build
		{user: "sofia@example.com", action: "delete", resource: "part_partpricing/1"},
		{user: "sofia@example.com", action: "change", resource: "part_partpricing/1", want: true},
		{user: "sofia@example.com", action: "add", resource: "stock_stockitemtracking", want: true},
		// Who may delete may change and view, but not add.
		{user: "sofia@example.com", action: "change", resource: "build_build/1", want: true},
		{user: "sofia@example.com", action: "add", resource: "build_build"},
		// Who may change parts does what they like with lines of bills of material.
		{user: "sofia@example.com", action: "add", resource: "part_bomitem", want: true},
		{user: "sofia@example.com", action: "add", resource: "part_bomitemsubstitute"},
		// Accounts are for staff.
		{user: "wanda", action: "change", resource: "auth_user/1", want: true},
		{user: "wanda", action: "delete", resource: "auth_user/1"},
		{user: "sofia@example.com", action: "change", resource: "auth_user/1"},
		{user: "sofia@example.com", action: "change", resource: "report_labeltemplate/1", want: true},
		// Superusers, and who is not active.
		{user: "root", action: "delete", resource: "auth_user/1", want: true},
		{user: "hugo", action: "view", resource: "stock_stockitem/1"},
		{user: "nobody", action: "view", resource: "stock_stockitem/1"},
	})
}

func TestERPNextDecisions(t *testing.T) {
	order := func(company, customer string) string {
		return `{"company": "` + company + `", "customer": "` + customer + `", "owner": "jan@example.com", "docstatus": 0, "items": [{"company": null}]}`
	}
	ask(t, mustImport(t, ERPNext, export(t, ERPNext)).Objects, []question{
		{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: order("Northwind Trading", "X"), want: true},
		{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: order("Harbour", "X")},
		{user: "jan@example.com", action: "submit", resource: "Sales Order/1", properties: order("Northwind Logistics", "X"), want: true},
		{user: "jan@example.com", action: "cancel", resource: "Sales Order/1", properties: order("Northwind Logistics", "X")},
		{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: `{"company": null, "customer": null, "items": []}`, want: true},
		{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: `{"company": "Northwind Trading", "customer": "X", "items": [{"company": "Harbour"}]}`},
		{user: "jan@example.com", action: "read", resource: "Sales Order/1"}, // the company is not known
		{user: "jan@example.com", action: "write", resource: "Sales Order/1", properties: order("Northwind Trading", "X"), values: `{"status": "Open"}`, want: true},
		{user: "jan@example.com", action: "write", resource: "Sales Order/1", properties: order("Northwind Trading", "X"), values: `{"commission_rate": 5}`},
		{user: "maria@example.com", action: "write", resource: "Sales Order/1", properties: order("Any", "Alfreds"), values: `{"commission_rate": 5}`, want: true},
		{user: "maria@example.com", action: "write", resource: "Sales Order/1", properties: order("Any", "Wolski"), values: `{"status": "Open"}`},
		// Documents of one's own.
		{user: "jan@example.com", action: "create", resource: "Note/new", values: `{"title": "x"}`, want: true},
		{user: "jan@example.com", action: "read", resource: "Note/1", properties: `{"owner": "jan@example.com", "company": null, "customer": null}`, want: true},
		{user: "jan@example.com", action: "read", resource: "Note/1", properties: `{"owner": "maria@example.com", "company": null, "customer": null}`},
		{user: "jan@example.com", action: "read", resource: "Note/1", properties: `{"company": null, "customer": null}`},
		// What the system sets nobody else does, and what is submitted is no draft.
		{user: "jan@example.com", action: "write", resource: "Note/1", properties: `{"owner": "jan@example.com"}`, values: `{"title": "y", "owner": "jan@example.com"}`, want: true},
		{user: "jan@example.com", action: "write", resource: "Note/1", properties: `{"owner": "jan@example.com"}`, values: `{"owner": "maria@example.com"}`},
		{user: "jan@example.com", action: "create", resource: "Note/new", values: `{"title": "x", "owner": "maria@example.com"}`},
		{user: "jan@example.com", action: "submit", resource: "Sales Order/1", properties: order("Northwind Logistics", "X"), values: `{"docstatus": 1}`, want: true},
		{user: "jan@example.com", action: "write", resource: "Sales Order/1", properties: order("Northwind Logistics", "X"), values: `{"docstatus": 1}`},
		{user: "jan@example.com", action: "write", resource: "Sales Order/1", properties: `{"company": null, "customer": null, "docstatus": 1, "items": []}`, values: `{"status": "Open"}`},
		{user: "jan@example.com", action: "submit", resource: "Sales Order/1", properties: `{"company": null, "customer": null, "items": []}`}, // the status is not known
		{user: "maria@example.com", action: "cancel", resource: "Sales Order/1", properties: `{"customer": "Alfreds", "docstatus": 1, "items": []}`, want: true},
		{user: "maria@example.com", action: "cancel", resource: "Sales Order/1", properties: `{"customer": "Alfreds", "docstatus": 0, "items": []}`},
		// Everybody has the role All, and may see the companies they are restricted to.
		{user: "maria@example.com", action: "read", resource: "Company/Any", want: true},
		{user: "jan@example.com", action: "read", resource: "Company/Northwind Trading", want: true},
		{user: "jan@example.com", action: "read", resource: "Company/Harbour"},
		{user: "", action: "read", resource: "Company/Any"},
		{user: "maria@example.com", action: "write", resource: "Company/Any", values: `{"x": 1}`}, // custom permissions replace the standard ones
		// Levels above 0 alone, levels without a DocType, disabled roles, disabled users, the Administrator.
		{user: "jan@example.com", action: "read", resource: "Customer/X", properties: `{"company": null}`},
		{user: "viktor@example.com", action: "read", resource: "Note/1", properties: `{"company": null, "customer": null}`},
		{user: "gone@example.com", action: "read", resource: "Sales Order/1", properties: order("Any", "X")},
		{user: "Administrator", action: "delete", resource: "Sales Order/1", want: true},
	})
}

// TestERPNextMaskedRows: fields of rows that are masked, from nobody, from some, and from everybody.
func TestERPNextMaskedRows(t *testing.T) {
	site := func(masks ...string) []File {
		text := `[{"doctype": "System Settings", "apply_strict_user_permissions": 0}, {"doctype": "Role", "name": "Clerk"}, {"doctype": "Role", "name": "Guest"},
			{"doctype": "DocType", "name": "Row", "istable": 1, "fields": [{"fieldname": "buyer", "fieldtype": "Link", "options": "Customer", "mask": 1}]},
			{"doctype": "DocType", "name": "Order", "fields": [{"fieldname": "rows", "fieldtype": "Table", "options": "Row"}]},
			{"doctype": "User", "name": "ann@example.com", "enabled": 1, "roles": [{"role": "Clerk"}]},
			{"doctype": "Custom DocPerm", "parent": "Order", "role": "Clerk", "read": 1, "write": 1, "create": 1}`
		documents := []string{text}
		for _, role := range masks {
			documents = append(documents, `{"doctype": "Custom DocPerm", "parent": "Order", "role": "`+role+`", "select": 1, "mask": 1}`)
		}
		return []File{{"site.json", []byte(strings.Join(documents, ", ") + "]")}}
	}
	create := question{user: "ann@example.com", action: "create", resource: "Order/new", values: `{"rows": [{"buyer": "X"}]}`}
	write := question{user: "ann@example.com", action: "write", resource: "Order/1", properties: `{"docstatus": 0}`, values: `{"rows": [{"buyer": "X"}]}`}
	for name, tc := range map[string]struct {
		masks []string
		want  bool
	}{
		"from everybody": {nil, false},
		"from nobody":    {[]string{"Guest"}, true},
		"not from her":   {[]string{"Clerk"}, true},
		"from her":       {[]string{"Lead"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			result := mustImport(t, ERPNext, site(tc.masks...))
			if found := leftOut(result); len(found) > 0 {
				t.Errorf("left out: %q", found)
			}
			create, write := create, write
			create.want, write.want = tc.want, tc.want
			ask(t, result.Objects, []question{create, write})
		})
	}
}

// TestDirectusPassesOverAPIs: directus-sync dumps an OpenAPI document beside permissions, with schemas that look like them.
func TestDirectusPassesOverAPIs(t *testing.T) {
	const schemas = `"components": {"schemas": {"Policies": {"properties": {"admin_access": {"type": "boolean"}}}}}`
	files := append(export(t, Directus), File{"specs/openapi.json", []byte(`{"openapi": "3.0.1", "paths": {}, ` + schemas + `}`)})
	result := mustImport(t, Directus, files)
	if !slices.ContainsFunc(result.Findings, func(f Finding) bool {
		return !f.LeftOut && strings.Contains(f.String(), "specs/openapi.json") && strings.Contains(f.String(), "describes an API")
	}) {
		t.Errorf("the document is not named as not read: %v", result.Findings)
	}
	if _, err := Import(Directus, append(export(t, Directus), File{"odd.json", []byte(`{` + schemas + `}`)})); err == nil {
		t.Error("what may be permissions in another form was passed over")
	}
}

// TestERPNextDynamicLinks: a Dynamic Link is a link whose type stands beside it, which user permissions pass over as they do
// in Frappe.
func TestERPNextDynamicLinks(t *testing.T) {
	result := mustImport(t, ERPNext, []File{{"site.json", []byte(`[{"doctype": "Role", "name": "Clerk"},
		{"doctype": "DocType", "name": "Customer"}, {"doctype": "DocType", "name": "DocType"},
		{"doctype": "DocType", "name": "Allocation", "istable": 1, "fields": [
			{"fieldname": "reference_type", "fieldtype": "Link", "options": "DocType"}, {"fieldname": "reference", "fieldtype": "Dynamic Link", "options": "reference_type"}]},
		{"doctype": "DocType", "name": "Payment", "fields": [
			{"fieldname": "party_type", "fieldtype": "Link", "options": "DocType"}, {"fieldname": "party", "fieldtype": "Dynamic Link", "options": "party_type"},
			{"fieldname": "lost", "fieldtype": "Dynamic Link", "options": "gone"}, {"fieldname": "rows", "fieldtype": "Table", "options": "Allocation"}]},
		{"doctype": "User", "name": "ann@example.com", "enabled": 1, "roles": [{"role": "Clerk"}]},
		{"doctype": "User Permission", "name": "p", "user": "ann@example.com", "allow": "Customer", "for_value": "Alfreds", "apply_to_all_doctypes": 1},
		{"doctype": "Custom DocPerm", "parent": "Payment", "role": "Clerk", "read": 1}]`)}})
	var got []v1alpha1.Field
	for _, object := range result.Objects {
		if payment, ok := object.(*v1alpha1.ResourceType); ok && payment.TypeName() == "Payment" {
			for _, f := range payment.Spec.Fields {
				if f.LinksToField != "" {
					got = append(got, f)
				}
			}
		}
	}
	want := []v1alpha1.Field{
		{Name: "party", LinksToField: "party_type", IgnoreUserPermissions: true},
		{Name: "rows.reference", LinksToField: "reference_type", IgnoreUserPermissions: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dynamic links (-want +got):\n%s", diff)
	}
	ask(t, result.Objects, []question{
		{user: "ann@example.com", action: "read", resource: "Payment/1", properties: `{"party_type": "Customer", "party": "Nobody", "rows": []}`, want: true},
	})
}

func TestCin7Decisions(t *testing.T) {
	ask(t, mustImport(t, Cin7, export(t, Cin7)).Objects, []question{
		// The special permission overrides, unless it is N/A; then the highest level of the roles counts.
		{user: "richard@example.com", action: "read", resource: "Purchase: List & details/1"},
		{user: "richard@example.com", action: "update", resource: "Purchase: Authorise/1", want: true},
		{user: "richard@example.com", action: "update", resource: "Sale: List & details/1"},
		{user: "richard@example.com", action: "read", resource: "Sale: List & details/1", want: true},
		{user: "richard@example.com", action: "read", resource: "Reports/1", want: true}, // as a buyer
		{user: "leisa@example.com", action: "update", resource: "Purchase: List & details/1", want: true},
		{user: "leisa@example.com", action: "read", resource: "Inventory: Stock on hand/1", want: true},
		{user: "leisa@example.com", action: "update", resource: "Inventory: Stock on hand/1"},
		{user: "leisa@example.com", action: "read", resource: "Sale: List & details/1"},
		{user: "cecile@example.com", action: "read", resource: "Sale: List & details/1"}, // disabled
		{user: "tom@example.com", action: "delete", resource: "Sale: List & details/1", want: true},
		{user: "tom@example.com", action: "read", resource: "Purchase: Authorise/1"},
	})
}

// TestCin7Flipped reads roles in rows, and semicolons.
func TestCin7Flipped(t *testing.T) {
	roles := File{"roles.csv", []byte("\ufeffRole;Sales;Reports\nRep;Full access;\nBoss;Read-only access;Full access\n")}
	users := File{"users.csv", []byte("Email;Roles\nann;Rep\nbob;Boss, Rep\n")}
	result := mustImport(t, Cin7, []File{users, roles})
	if found := leftOut(result); len(found) > 0 {
		t.Errorf("left out: %v", found)
	}
	ask(t, result.Objects, []question{
		{user: "ann", action: "delete", resource: "Sales/1", want: true},
		{user: "ann", action: "read", resource: "Reports/1"},
		{user: "bob", action: "delete", resource: "Reports/1", want: true},
	})
}

// TestERPNextWithoutDefinitions imports what is there, and never more.
func TestERPNextWithoutDefinitions(t *testing.T) {
	result := mustImport(t, ERPNext, export(t, ERPNext, "doctype.json"))
	checkAdmitted(t, result)
	found := strings.Join(leftOut(result), "\n")
	if want := "fields of Company, Customer, Note, Sales Order: which fields they have"; !strings.Contains(found, want) {
		t.Errorf("not found: %q in\n%s", want, found)
	}
	ask(t, result.Objects, []question{
		{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: `{"company": "Northwind Trading", "customer": null}`},
		// Who has User Permissions could be excluded by a link that nobody knows of.
		{user: "jan@example.com", action: "read", resource: "Note/1", properties: `{"owner": "jan@example.com", "company": "Northwind Trading", "customer": null}`},
		{user: "maria@example.com", action: "read", resource: "Company/Any"},
		{user: "ruth@example.com", action: "read", resource: "Company/Any", want: true},
		{user: "ruth@example.com", action: "read", resource: "Company/Any", fields: "name", want: true},
		{user: "ruth@example.com", action: "read", resource: "Company/Any", fields: "tax_id"},
	})
}

// TestERPNextMaskForEverybody: a masked field in a table that everybody sees asks for nothing.
func TestERPNextMaskForEverybody(t *testing.T) {
	text := `[
		{"doctype": "DocType", "name": "Row", "istable": 1, "fields": [{"fieldname": "buyer", "fieldtype": "Data", "mask": 1}, {"fieldname": "rate", "fieldtype": "Data", "permlevel": 1}]},
		{"doctype": "DocType", "name": "Order", "fields": [{"fieldname": "rows", "fieldtype": "Table", "options": "Row"}],
			"permissions": [{"role": "Guest", "read": 1, "write": 1, "create": 1, "mask": 1}, {"role": "Lead", "read": 1, "write": 1, "permlevel": 1}]},
		{"doctype": "User", "name": "ann@example.com", "enabled": 1, "user_type": "System User", "roles": [{"role": "Lead"}]}]`
	result := mustImport(t, ERPNext, []File{{"site.json", []byte(text)}})
	checkAdmitted(t, result)
	if found := result.text(t); strings.Contains(found, "not valid") {
		t.Errorf("an expression is not valid:\n%s", found)
	}
}

// TestERPNextStrictness: what System Settings do not say is taken to be strict.
func TestERPNextStrictness(t *testing.T) {
	noCompany := []question{{user: "jan@example.com", action: "read", resource: "Sales Order/1", properties: `{"company": null, "customer": null, "items": []}`}}
	ask(t, mustImport(t, ERPNext, export(t, ERPNext, "system_settings")).Objects, noCompany)
	strict := append(export(t, ERPNext, "system_settings"), File{"system_settings.json", []byte(`{"doctype": "System Settings", "apply_strict_user_permissions": 1}`)})
	ask(t, mustImport(t, ERPNext, strict).Objects, noCompany)
}

// TestDirectusCombined reads one file with everything in it, and names what is not in it.
func TestDirectusCombined(t *testing.T) {
	text := `{
		"roles": [{"id": "r", "name": "Staff"}, {"id": "r", "name": "Staff again"}],
		"policies": [
			{"id": "p", "name": "Staff"},
			{"id": "q", "name": "Somewhere", "ip_access": "10.0.0.9-10.0.0.1"},
			{"id": "pub", "name": "$t:public_label", "app_access": true}],
		"access": [{"policy": "p", "role": "r", "user": null}, {"policy": "q", "role": "r", "user": null}, {"policy": "pub", "role": null, "user": null}],
		"permissions": [
			{"policy": "p", "collection": "team", "action": "read", "fields": ["*"], "permissions": {"lead": {"_eq": "$CURRENT_USER.boss"}}},
			{"policy": "p", "collection": "team", "action": "create", "fields": [], "presets": {"a": 1}},
			{"policy": "p", "collection": "team", "action": "update", "fields": ["*"], "presets": {"at": "$NOW(+1 year)"}},
			{"policy": "p", "collection": "team", "action": "comment", "fields": ["*"]},
			{"policy": "q", "collection": "team", "action": "delete", "fields": ["*"]},
			{"policy": "pub", "collection": "page", "action": "read", "fields": ["*"]}],
		"users": [{"id": "u", "role": "r", "status": "active", "boss": "b"}, {"id": "v", "role": "r", "status": "active"}],
		"collections": [{"collection": "team", "schema": {}}]}`
	result := mustImport(t, Directus, []File{{"all.json", []byte(text)}})
	checkAdmitted(t, result)
	found := result.text(t)
	for _, want := range []string{
		"all.json: policies[1].ip_access: left out: the range 10.0.0.9-10.0.0.1 is upside down; everything that the policy \"Somewhere\" gives is missing",
		"all.json: policies[2]: left out: the public role can have neither admin nor app access",
		"all.json: permissions[1].fields: left out: create of team in the policy \"Staff\": a rule without any field cannot be said",
		"all.json: permissions[2].presets: left out: update of team in the policy \"Staff\": at: $NOW(+1 year): months and years",
		"all.json: permissions[3].action: left out: the action \"comment\" has no counterpart",
		"all.json: roles[1]: left out: Group/staff is there twice",
		"all.json: users[1]: note: the field boss, which permissions read, is not in the export of users",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("not found: %s\nin\n%s", want, found)
		}
	}
	ask(t, result.Objects, []question{
		{user: "u", action: "read", resource: "team/1", properties: `{"lead": "b"}`, want: true},
		{user: "u", action: "read", resource: "team/1", properties: `{"lead": null}`},
		{user: "v", action: "read", resource: "team/1", properties: `{"lead": null}`},
		{user: "u", action: "delete", resource: "team/1", properties: `{"lead": "b"}`},
		{user: "u", action: "update", resource: "team/1", values: `{"x": 1}`},
		{user: "u", action: "read", resource: "page/1"},
		{user: "w", action: "read", resource: "page/1", want: true},
	})
}

// TestInvalidRole: what a role gives is missing where it is not valid, but the role is there. Who holds it is
// not the public.
func TestInvalidRole(t *testing.T) {
	text := `{
		"roles": [{"id": "r", "name": "Staff", "parent": null}],
		"policies": [{"id": "p", "name": "Staff", "description": "` + strings.Repeat("x", 5000) + `"}, {"id": "pub", "name": "Public"}],
		"access": [{"policy": "p", "role": "r", "user": null}, {"policy": "pub", "role": null, "user": null}],
		"permissions": [
			{"policy": "p", "collection": "page", "action": "update", "fields": ["*"]},
			{"policy": "pub", "collection": "page", "action": "read", "fields": ["*"]},
			{"policy": "pub", "collection": "page", "action": "delete", "fields": null, "permissions": {"title": {"_eq": "` + strings.Repeat("y", 5000) + `"}}}],
		"users": [{"id": "u", "role": "r", "status": "active"}]}`
	result := mustImport(t, Directus, []File{{"all.json", []byte(text)}})
	checkAdmitted(t, result)
	if found := leftOut(result); len(found) != 2 || !strings.Contains(found[0], "what Role staff gives") || !strings.Contains(found[1], "a rule on page is not valid") {
		t.Errorf("left out: %q", found)
	}
	ask(t, result.Objects, []question{
		{user: "u", action: "read", resource: "page/1"},
		{user: "u", action: "update", resource: "page/1", values: `{"x": 1}`},
		{user: "w", action: "read", resource: "page/1", want: true},
	})
}

// TestDirectusPublic: several public policies are one public role, whose holders their validations bind; who has no
// role and a policy of their own has it too, and who has a role that nobody knows has not.
func TestDirectusPublic(t *testing.T) {
	text := `{
		"roles": [{"id": "r", "name": "Staff", "parent": null}],
		"policies": [
			{"id": "a", "name": "Visitors"}, {"id": "b", "name": "Guests"}, {"id": "c", "name": "Bot"},
			{"id": "d", "name": "Office only", "ip_access": "10.0.0.1-10.0.0.9"}, {"id": "e", "name": "Odd", "curfew": "22:00"}],
		"access": [
			{"policy": "a", "role": null, "user": null}, {"policy": "b", "role": null, "user": null}, {"policy": "d", "role": null, "user": null},
			{"policy": "c", "role": null, "user": "bot"}, {"policy": "e", "role": "r", "user": null}, {"policy": "c", "role": null}],
		"permissions": [
			{"policy": "a", "collection": "posts", "action": "create", "fields": ["*"], "validation": {"kind": {"_in": ["note"]}}},
			{"policy": "b", "collection": "posts", "action": "create", "fields": ["*"], "validation": {"size": {"_lte": 5}}},
			{"policy": "c", "collection": "forms", "action": "read", "fields": ["*"]},
			{"policy": "c", "collection": "posts", "action": "create", "fields": ["*"]},
			{"policy": "d", "collection": "posts", "action": "read", "fields": ["*"]},
			{"policy": "e", "collection": "posts", "action": "delete", "fields": ["*"]}],
		"users": [
			{"id": "bot", "role": null, "status": "active"}, {"id": "staff", "role": "r", "status": "active"},
			{"id": "lost", "role": "elsewhere", "status": "active"}]}`
	result := mustImport(t, Directus, []File{{"all.json", []byte(text)}})
	checkAdmitted(t, result)
	found := result.text(t)
	for _, want := range []string{
		"policies[3]: left out: what the policy \"Office only\" gives to the public",
		"policies[4]: left out: what curfew says is not known",
		"access[5]: left out: names neither the role nor the user",
		"users[2].role: left out: the role \"elsewhere\" of lost is not in the export",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("not found: %s\nin\n%s", want, found)
		}
	}
	ask(t, result.Objects, []question{
		{user: "", action: "create", resource: "posts/new", values: `{"kind": "note", "size": 3}`, want: true},
		{user: "", action: "create", resource: "posts/new", values: `{"kind": "note", "size": "3"}`, want: true},
		{user: "", action: "create", resource: "posts/new", values: `{"kind": "note", "size": 9}`},
		{user: "", action: "create", resource: "posts/new", values: `{"kind": "essay"}`},
		{user: "", action: "read", resource: "posts/1", context: `{"ip": "10.0.0.5"}`},
		{user: "", action: "read", resource: "forms/1"},
		{user: "bot", action: "read", resource: "forms/1", want: true},
		{user: "bot", action: "create", resource: "posts/new", values: `{"kind": "note"}`, want: true},
		{user: "bot", action: "create", resource: "posts/new", values: `{"kind": "essay"}`},
		{user: "staff", action: "delete", resource: "posts/1"},
		{user: "staff", action: "create", resource: "posts/new", values: `{"kind": "note"}`},
		{user: "lost", action: "create", resource: "posts/new", values: `{"kind": "note"}`},
	})
}

// TestRanges: a range is exactly the networks that it is made of.
func TestRanges(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0-10.0.1.255": "10.0.0.0/23", "10.0.0.1-10.0.0.1": "10.0.0.1/32", "10.0.0.255-10.0.1.0": "10.0.0.255/32 10.0.1.0/32",
		"0.0.0.0-255.255.255.255": "0.0.0.0/0", "2001:db8::1-2001:db8::2": "2001:db8::1/128 2001:db8::2/128",
	} {
		first, last, _ := strings.Cut(text, "-")
		networks, problem := networksOfRange(first, last)
		if got := strings.Join(networks, " "); got != want || problem != "" {
			t.Errorf("%s: got %s %s, want %s", text, got, problem, want)
		}
	}
	for _, text := range []string{"10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-x", "fe80::1%eth0-fe80::2"} {
		first, last, _ := strings.Cut(text, "-")
		if _, problem := networksOfRange(first, last); problem == "" {
			t.Errorf("%s is a range", text)
		}
	}
}
