package importer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"sigs.k8s.io/yaml"
)

// inventreeTables are the tables of each rule set, as InvenTree's users/ruleset.py lists them. A table may be in
// several; one right on it is enough. Users have an area of their own: see inventreeUsers.
var inventreeTables = map[string][]string{
	"admin": {
		"auth_group", "auth_permission", "users_apitoken", "users_ruleset",
		"report_labeltemplate", "report_reportasset", "report_reportsnippet", "report_reporttemplate",
		"account_emailaddress", "account_emailconfirmation", "socialaccount_socialaccount", "socialaccount_socialapp",
		"socialaccount_socialtoken", "otp_totp_totpdevice", "otp_static_statictoken", "otp_static_staticdevice",
		"mfa_authenticator", "oauth2_provider_application", "oauth2_provider_grant", "oauth2_provider_idtoken",
		"oauth2_provider_accesstoken", "oauth2_provider_refreshtoken", "oauth2_provider_devicegrant",
		"plugin_pluginconfig", "plugin_pluginsetting", "plugin_pluginusersetting", "machine_machineconfig", "machine_machinesetting",
		"common_barcodescanresult", "common_newsfeedentry", "common_emailmessage", "common_emailthread",
		"taggit_tag", "taggit_taggeditem", "flags_flagstate",
		"django_mailbox_mailbox", "django_mailbox_messageattachment", "django_mailbox_message", "sites_site",
	},
	inventreeUserArea: {inventreeUsers},
	"part_category":   {"part_partcategory", "part_partcategoryparametertemplate", "part_partcategorystar"},
	"part": {
		"part_part", "part_partpricing", "part_bomitem", "part_bomitemsubstitute", "part_partsellpricebreak",
		"part_partinternalpricebreak", "part_parttesttemplate", "part_partrelated", "part_partstar",
		"part_partstocktake", "part_partcategorystar", "company_supplierpart", "company_manufacturerpart",
	},
	"stocktake":      {"part_partstocktake", "part_partstocktakereport"}, // until version 1.0
	"stock_location": {"stock_stocklocation", "stock_stocklocationtype"},
	"stock":          {"stock_stockitem", "stock_stockitemtracking", "stock_stockitemtestresult"},
	"build": {
		"part_part", "part_partcategory", "part_bomitem", "part_bomitemsubstitute", "build_build", "build_builditem",
		"build_buildline", "stock_stockitem", "stock_stocklocation",
	},
	"purchase_order": {
		"company_company", "company_contact", "company_address", "company_manufacturerpart", "company_supplierpart",
		"company_supplierpricebreak", "order_purchaseorder", "order_purchaseorderlineitem", "order_purchaseorderextraline",
	},
	"sales_order": {
		"company_company", "company_contact", "company_address", "order_salesorder", "order_salesorderallocation",
		"order_salesorderlineitem", "order_salesorderextraline", "order_salesordershipment",
	},
	"return_order": {
		"company_company", "company_contact", "company_address", "order_returnorder", "order_returnorderlineitem",
		"order_returnorderextraline",
	},
	"transfer_order": {"order_transferorder", "order_transferorderallocation", "order_transferorderlineitem"},
}

// inventreeStaff are tables that are for staff, whatever the rule sets say: those of accounts, and those that
// only Django's admin site shows.
var inventreeStaff = []string{
	"auth_", "users_ruleset", "account_", "socialaccount_", "otp_", "mfa_", "oauth2_provider_", "taggit_", "flags_", "django_mailbox_", "sites_",
}

// Users belong to the rule set admin. They have an area beside it, for what only superusers may set of them.
const (
	inventreeUsers    = "auth_user"
	inventreeUserArea = "admin_user"
)

// inventreeBOM is the rule set that bills of material have of their own since April 2026. An export that names it
// is of such a version.
const inventreeBOM = "bom"

// inventreeParents are the trees.
var inventreeParents = map[string]string{"part_partcategory": "parent", "stock_stocklocation": "parent"}

// inventreeInherited may be used in any way by who may change what is in the rule set, until it became one of its
// own.
const (
	inventreeInherited = "part_bomitem"
	inventreeInherits  = "part"
)

// inventreeActions: who may add or delete may change, who may change may view.
var inventreeActions = []v1alpha1.Action{
	{Name: "view", Class: v1alpha1.ClassRead},
	{Name: "change", Class: v1alpha1.ClassUpdate, Implies: []v1alpha1.Token{"view"}},
	{Name: "add", Class: v1alpha1.ClassCreate, Implies: []v1alpha1.Token{"change"}},
	{Name: "delete", Class: v1alpha1.ClassDelete, Implies: []v1alpha1.Token{"change"}},
}

// inventree is an import from InvenTree.
type inventree struct {
	*importer
	groups, rulesets, users []row
	byKey                   map[string]*v1alpha1.Group
	// tables are those of each rule set in the version that the export is of, areas the rule sets that count.
	tables map[string][]string
	areas  map[string]bool
	// permissions are the names of rights by their primary key, unread the models that are not read.
	permissions map[string]string
	unread      map[string]bool
	// owners is true where stock that has an owner is for the owner alone.
	owners, settings bool
}

// importInvenTree reads a fixture, as `manage.py dumpdata auth users` writes it. Rule sets become areas, their
// tables resource types in these areas, and groups groups with rules of their own.
func importInvenTree(im *importer, files []File) error {
	im.tables = true
	in := &inventree{
		importer: im, byKey: map[string]*v1alpha1.Group{}, areas: map[string]bool{},
		permissions: map[string]string{}, unread: map[string]bool{},
	}
	for _, f := range files {
		v, err := inventreeValue(f)
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: not a fixture: it must be a list of objects with model, pk and fields", f.Name)
		}
		for i, element := range list {
			if err := in.read(element, place{file: f.Name}.at("[%d]", i)); err != nil {
				return err
			}
		}
	}
	in.chooseTables()
	in.writeGroups()
	in.writeRules()
	in.writeUsers()
	in.writeTypes()
	if origin := in.origin(); origin.file != "" {
		if len(in.unread) > 0 {
			in.note(origin, "these models are not read: %s", strings.Join(sorted(in.unread), ", "))
		}
		if !in.settings {
			in.note(origin, "the settings are not in the export (common.inventreesetting): where STOCK_OWNERSHIP_CONTROL is on, InvenTree lets owners alone change what has an owner, and the result lets others too")
		}
	}
	return nil
}

// inventreeValue reads a fixture in JSON or YAML.
func inventreeValue(f File) (any, error) {
	v, err := value(f)
	if err == nil {
		return v, nil
	}
	text, yamlErr := yaml.YAMLToJSON(f.Data)
	if yamlErr != nil {
		return nil, fmt.Errorf("%w; nor YAML (%w)", err, yamlErr)
	}
	v, err = expr.ParseJSON(text)
	if _, isText := v.(string); err != nil || isText || v == nil {
		return nil, fmt.Errorf("%s: neither JSON nor YAML; dump it with --format json", f.Name)
	}
	return v, nil
}

// read takes one entry of a fixture.
func (in *inventree) read(v any, p place) error {
	object, _ := v.(map[string]any)
	fields, ok := object["fields"].(map[string]any)
	if !ok {
		return p.errorf("not an entry of a fixture: it has no fields")
	}
	fields["id"] = object["pk"]
	r := row{fields, p}
	switch model := strings.ToLower(text(object["model"])); model {
	case "auth.group":
		in.groups = append(in.groups, r)
	case "users.ruleset":
		in.rulesets = append(in.rulesets, r)
	case "auth.user":
		in.users = append(in.users, r)
	case "auth.permission":
		in.permissions[idOf(object["pk"])] = r.text("codename")
	case "common.inventreesetting":
		in.settings = true
		if strings.EqualFold(r.text("key"), "STOCK_OWNERSHIP_CONTROL") {
			in.owners = isSet(r.values["value"])
		}
	default:
		in.unread[model] = true
	}
	return nil
}

// chooseTables takes the tables of the version that the export is of.
func (in *inventree) chooseTables() {
	in.tables = maps.Clone(inventreeTables)
	if !slices.ContainsFunc(in.rulesets, func(r row) bool { return r.text("name") == inventreeBOM }) {
		return
	}
	lines := []string{"part_bomitem", "part_bomitemsubstitute"}
	in.tables[inventreeBOM] = lines
	in.tables[inventreeInherits] = slices.DeleteFunc(slices.Clone(in.tables[inventreeInherits]), func(table string) bool { return slices.Contains(lines, table) })
}

// groupKeys are what a group is referred to by: its primary key, or its name as a natural key.
func groupKeys(v any) []string {
	if natural, ok := v.([]any); ok && len(natural) == 1 {
		return []string{"name " + text(natural[0])}
	}
	return []string{"id " + idOf(v)}
}

func (in *inventree) writeGroups() {
	for _, r := range in.groups {
		name := r.text("name")
		group := &v1alpha1.Group{TypeMeta: typeMeta(engine.KindGroup), ObjectMeta: metav1.ObjectMeta{Name: in.name(engine.KindGroup, name, name)}}
		group.Spec.DisplayName = short(name)
		in.byKey["id "+idOf(r.values["id"])], in.byKey["name "+name] = group, group
		in.add(group, r.place)
	}
}

func (in *inventree) group(v any) *v1alpha1.Group {
	for _, key := range groupKeys(v) {
		if group := in.byKey[key]; group != nil {
			return group
		}
	}
	return nil
}

func (in *inventree) writeRules() {
	for _, r := range in.rulesets {
		group, set := in.group(r.values["group"]), r.text("name")
		tables, known := in.tables[set]
		var actions []v1alpha1.Token
		switch {
		case isSet(r.values["can_add"]) && isSet(r.values["can_delete"]):
			actions = []v1alpha1.Token{"add", "delete"}
		case isSet(r.values["can_delete"]):
			actions = []v1alpha1.Token{"delete"}
		case isSet(r.values["can_add"]):
			actions = []v1alpha1.Token{"add"}
		case isSet(r.values["can_change"]):
			actions = []v1alpha1.Token{"change"}
		case isSet(r.values["can_view"]):
			actions = []v1alpha1.Token{"view"}
		default:
			continue
		}
		switch {
		case group == nil:
			in.leaveOut(r.place.at("fields.group"), "the group is not in the export; add auth.group")
			continue
		case !known:
			in.leaveOut(r.place.at("fields.name"), "the rule set %q of %s is not known, so neither are its tables", set, group.Spec.DisplayName)
			continue
		}
		if unknown := unknownMembers(r, "id", "name", "group", "can_view", "can_add", "can_change", "can_delete"); len(unknown) > 0 {
			in.leaveOut(r.place, "what %s of the rule set %q gives is not known", strings.Join(unknown, ", "), set)
		}
		in.areas[set] = true
		rule := v1alpha1.Rule{Areas: []v1alpha1.Token{v1alpha1.Token(slug(set))}, Actions: actions}
		if in.owners && actions[0] != "view" && (set == "stock" || set == "stock_location" || set == "build") {
			in.leaveOut(r.place, "STOCK_OWNERSHIP_CONTROL is on, so changing %s is for owners; what has an owner is left out", set)
			view := v1alpha1.Rule{Areas: rule.Areas, Actions: []v1alpha1.Token{"view"}}
			group.Spec.Rules = append(group.Spec.Rules, view)
			rule.Condition = `has(resource.properties.owner) && resource.properties.owner == null`
		}
		group.Spec.Rules = append(group.Spec.Rules, rule)
		if set == "admin" {
			in.areas[inventreeUserArea] = true
			users := v1alpha1.Rule{Areas: []v1alpha1.Token{v1alpha1.Token(slug(inventreeUserArea))}, Actions: actions}
			if actions[0] != "view" {
				users.Validations = inventreeUserFlags
			}
			group.Spec.Rules = append(group.Spec.Rules, users)
		}
		if set == inventreeInherits && slices.Contains(tables, inventreeInherited) && actions[0] != "view" {
			group.Spec.Rules = append(group.Spec.Rules, v1alpha1.Rule{Resources: names([]string{in.typeName(inventreeInherited)}), Actions: []v1alpha1.Token{v1alpha1.Any}})
		}
	}
}

// inventreeUserFlags are what only a superuser may submit about a user. What is stored may be there.
var inventreeUserFlags = []v1alpha1.Validation{
	onlySuperusers("is_superuser"), onlySuperusers("is_staff"),
}

func onlySuperusers(field string) v1alpha1.Validation {
	return v1alpha1.Validation{
		Expression: v1alpha1.Expression(fmt.Sprintf(
			`has(action.properties.values) ? !has(action.properties.values.%[1]s) : action.name == "change" || !has(proposed.%[1]s)`, field)),
		Message: "only a superuser sets " + field,
	}
}

func (in *inventree) writeUsers() {
	for _, r := range in.users {
		id := r.text("username")
		if id == "" {
			in.leaveOut(r.place, "the user has no username")
			continue
		}
		label := strings.TrimSpace(r.text("first_name") + " " + r.text("last_name"))
		user := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: in.name(engine.KindUser, id, id)}}
		user.Spec = v1alpha1.UserSpec{Account: v1alpha1.Account{
			DisplayName: short(cmp.Or(label, id)), Disabled: !isSet(r.values["is_active"]),
			Superuser: isSet(r.values["is_superuser"]), Staff: isSet(r.values["is_staff"]),
		}}
		if user.Name != id {
			user.Spec.ID = v1alpha1.UserID(id)
		}
		in.add(user, r.place)
		groups, _ := r.values["groups"].([]any)
		for i, reference := range groups {
			group := in.group(reference)
			if group == nil {
				in.leaveOut(r.place.at("fields.groups[%d]", i), "the group is not in the export; add auth.group")
				continue
			}
			group.Spec.Members = append(group.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(id)})
		}
		if direct, _ := r.values["user_permissions"].([]any); len(direct) > 0 {
			in.leaveOut(r.place.at("fields.user_permissions"), "the rights that %s has without a group, and which count like those of groups: %s; give them by a group", id, strings.Join(in.rights(direct), ", "))
		}
	}
}

// rights names rights, which a fixture refers to by primary key or by [codename, application, model].
func (in *inventree) rights(list []any) []string {
	var out []string
	for _, element := range list {
		if natural, ok := element.([]any); ok && len(natural) == 3 {
			out = append(out, text(natural[1])+"."+text(natural[0]))
			continue
		}
		id := idOf(element)
		out = append(out, cmp.Or(in.permissions[id], "number "+id))
	}
	return out
}

// writeTypes makes a resource type of each table in an area that some group uses; where there is a superuser, who
// may do anything, of all.
func (in *inventree) writeTypes() {
	all := slices.ContainsFunc(in.users, func(r row) bool { return isSet(r.values["is_superuser"]) })
	areas := map[string][]v1alpha1.Token{}
	for _, set := range sorted(in.tables) {
		for _, table := range in.tables[set] {
			areas[table] = append(areas[table], v1alpha1.Token(slug(set)))
		}
	}
	for _, table := range sorted(areas) {
		used := all || slices.ContainsFunc(sorted(in.areas), func(set string) bool {
			return slices.Contains(areas[table], v1alpha1.Token(slug(set)))
		})
		if !used {
			continue
		}
		t := in.newType(table)
		t.Spec.Areas, t.Spec.Actions, t.Spec.ParentField = areas[table], inventreeActions, inventreeParents[table]
		t.Spec.StaffOnly = slices.ContainsFunc(inventreeStaff, func(prefix string) bool { return strings.HasPrefix(table, prefix) })
		in.add(t, in.origin())
	}
}

// origin is where types come from: the fixture as a whole.
func (in *inventree) origin() place {
	for _, rows := range [][]row{in.rulesets, in.groups, in.users} {
		if len(rows) > 0 {
			return place{file: rows[0].place.file}
		}
	}
	return place{}
}
