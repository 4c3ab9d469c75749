package engine_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/testobjects"
)

// world is a small domain of which the tests below change one field.
type world struct {
	order  *v1alpha1.ResourceType
	role   *v1alpha1.Role
	group  *v1alpha1.Group
	policy *v1alpha1.PermissionPolicy
	others []engine.Object
}

func newWorld() *world {
	return &world{
		order:  testobjects.MakeResourceType("order").Areas("sales").Link("unit", "unit").Link("parent", "order").Obj(),
		role:   testobjects.MakeRole("reader").Rule(ruleOn("order")).Obj(),
		group:  testobjects.MakeGroup("team").Members("ann").Roles("lead").Obj(),
		policy: testobjects.MakePolicy().Obj(),
		others: []engine.Object{
			testobjects.MakeResourceType("unit").Obj(),
			testobjects.MakeResourceType("invoice").Areas("finance").Obj(),
			testobjects.MakeRole("lead").Rule(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"unit"}, Access: v1alpha1.AccessReadOnly}).Obj(),
			testobjects.MakeRole("app").AppAccess().Obj(),
			testobjects.MakeRole("open").Rule(v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{"unit"}, Access: v1alpha1.AccessFull}).Obj(),
			testobjects.MakeGroup("inner").Members("bob").Obj(),
			testobjects.MakeUser("ann").Roles("reader", "app").Attribute("level", 1).Obj(),
			testobjects.MakeUser("cid").Roles("reader").Obj(),
			testobjects.MakeUserPermission("cid-unit", "unit", "north").User("cid").Obj(),
			testobjects.MakeUserPermission("dan-order", "order", "1").User("dan").Obj(),
			testobjects.MakeRecordSet("units", "unit").Record("north", "", nil).Obj(),
			testobjects.MakeRecordSet("orders", "order").Record("1", "", nil).Record("2", "1", map[string]any{"unit": "north"}).Obj(),
		},
	}
}

func ruleOn(resource v1alpha1.NameOrAny) v1alpha1.Rule {
	return v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{resource}, Actions: []v1alpha1.Token{"read", "create", "update"}}
}

func (w *world) domain() *engine.Domain {
	return engine.Compile(append([]engine.Object{w.order, w.role, w.group, w.policy}, w.others...))
}

// folds are what is asked of a domain. Each gives everything that it says, as text.
var folds = map[string]func(d *engine.Domain) string{
	"decide": func(d *engine.Domain) string {
		return asked(func(req *engine.Request) (any, error) { return d.Decide(req, enginetest.Start) })
	},
	"explain": func(d *engine.Domain) string {
		return asked(func(req *engine.Request) (any, error) {
			decision, stages, err := d.Explain(req, enginetest.Start)
			return []any{decision, stages}, err
		})
	},
	"filter": func(d *engine.Domain) string {
		return asked(func(req *engine.Request) (any, error) {
			f, err := d.Filter(req, enginetest.Start)
			if err != nil {
				return nil, err
			}
			condition, err := filter.Encode(f.Condition, filter.FormatCEL)
			return []any{condition, f.Reason, f.Fields, f.ExceptFields, f.DecidedBy}, err
		})
	},
	"effective": func(d *engine.Domain) string {
		var all []any
		for _, user := range []string{"ann", "bob", "cid", "dan", "nobody"} {
			all = append(all, effectiveOf(d, user, enginetest.Start))
		}
		return asText(all)
	},
	"grants": func(d *engine.Domain) string {
		var all []any
		for _, who := range []engine.Who{{User: "ann"}, {User: "bob"}, {User: "nobody"}, {}, {Claim: "idp:team"}} {
			p := d.Principal(who, enginetest.Start)
			for _, resource := range d.ResourceTypes() {
				grants, refused := p.Grants(resource)
				all = append(all, grants, refused, p.Restrictions(resource, ""))
			}
		}
		return asText(all)
	},
	// What diff and A7 compare: whether what ann is granted on orders here covers what the base grants, and the reverse.
	"covers": func(d *engine.Domain) string {
		var all []any
		of := func(d *engine.Domain) map[string][]engine.Grant {
			grants, _ := d.Principal(engine.Who{User: "ann"}, enginetest.Start).Grants("order")
			return grants
		}
		here, there := of(d), of(newWorld().domain())
		for _, action := range []struct {
			name  string
			class v1alpha1.ActionClass
		}{{"read", v1alpha1.ClassRead}, {"create", v1alpha1.ClassCreate}, {"update", v1alpha1.ClassUpdate}, {"delete", v1alpha1.ClassDelete}} {
			covered := func(list, others []engine.Grant) (each []bool) {
				var by []*engine.Grant
				for i := range others {
					by = append(by, &others[i])
				}
				for i := range list {
					each = append(each, list[i].CoveredBy(by, action.class))
				}
				return each
			}
			all = append(all, covered(here[action.name], there[action.name]), covered(there[action.name], here[action.name]))
		}
		return asText(all)
	},
}

// asked is what is said of all requests of a small grid.
func asked(answer func(req *engine.Request) (any, error)) string {
	var all []any
	for _, subject := range []engine.Subject{
		{Type: "user", ID: "ann"}, {Type: "user", ID: "bob"}, {Type: "user", ID: "cid"}, {Type: "user", ID: "dan"}, {Type: "user", ID: "nobody"},
		{Type: engine.AnonymousType}, {Type: "service", ID: "ann"},
		{Type: "user", ID: "eve", Properties: map[string]any{"groups": []any{"idp:team"}, "teams": []any{"idp:team"}, "scopes": "a:staff"}},
	} {
		for _, action := range []engine.Action{
			{Name: "read"}, {Name: "look"}, {Name: "delete"}, {Name: "update", Properties: map[string]any{"values": map[string]any{"note": "x"}}},
			{Name: "create", Properties: map[string]any{"values": map[string]any{"note": "x"}}},
		} {
			for _, resource := range []engine.Resource{
				{Type: "order", ID: "9", Properties: map[string]any{"owner": "ann"}}, {Type: "order", ID: "2"},
				{Type: "order", ID: "9", Properties: map[string]any{"unit": ""}}, {Type: "unit", ID: "north"}, {Type: "invoice", ID: "1"},
			} {
				said, err := answer(&engine.Request{Subject: subject, Action: action, Resource: resource})
				all = append(all, said, fmt.Sprint(err))
			}
		}
	}
	return asText(all)
}

func asText(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// known is what is said of one field: how it is set, and which folds do not see it, with the reason. All others must.
type known struct {
	set    func(w *world)
	unseen map[string]string
}

const (
	forPeople    = "it is for people to read"
	noGrant      = "it is no grant"
	aboutClaims  = "it is about what callers claim"
	noRecord     = "it does not depend on records"
	noCondition  = "a level does not say what is asked for"
	writesOnly   = "filters are for reading and deleting"
	everyAction  = "which actions and types a rule is for is not compared"
	notInDomain  = "only commands and admission read it"
	alreadyThere = "grants on orders stay as they are"
)

func all(reason string, but ...string) map[string]string {
	unseen := map[string]string{}
	for fold := range folds {
		if !slices.Contains(but, fold) {
			unseen[fold] = reason
		}
	}
	return unseen
}

func rule(change func(r *v1alpha1.Rule), unseen map[string]string) known {
	return known{func(w *world) { change(&w.role.Spec.Rules[0]) }, unseen}
}

// TestEveryFieldIsKnown sets each field of the objects that grant something, and looks whether every fold of the walk
// says something else then, or is known not to. A field that is added fails until it is said here who reads it.
func TestEveryFieldIsKnown(t *testing.T) {
	cases := map[reflect.Type]map[string]known{
		reflect.TypeFor[v1alpha1.Rule](): {
			"Resources":    rule(func(r *v1alpha1.Rule) { r.Resources = []v1alpha1.NameOrAny{"invoice"} }, nil),
			"Areas":        rule(func(r *v1alpha1.Rule) { r.Areas = []v1alpha1.Token{"finance"} }, map[string]string{"covers": everyAction}),
			"Access":       rule(func(r *v1alpha1.Rule) { r.Access, r.Actions = v1alpha1.AccessFull, nil }, nil),
			"Actions":      rule(func(r *v1alpha1.Rule) { r.Actions = []v1alpha1.Token{"update"} }, nil),
			"Condition":    rule(func(r *v1alpha1.Rule) { r.Condition = "resource.properties.owner == subject.id" }, nil),
			"Fields":       rule(func(r *v1alpha1.Rule) { r.Fields = []v1alpha1.FieldPath{"owner"} }, nil),
			"ExceptFields": rule(func(r *v1alpha1.Rule) { r.ExceptFields = []v1alpha1.FieldPath{"owner"} }, nil),
			"Validations": rule(func(r *v1alpha1.Rule) { r.Validations = []v1alpha1.Validation{{Expression: "proposed.note == 'y'"}} },
				map[string]string{"filter": writesOnly}),
			"Presets": rule(func(r *v1alpha1.Rule) { r.Presets = map[string]v1alpha1.JSON{"status": {Raw: []byte(`"new"`)}} },
				map[string]string{"filter": writesOnly, "effective": noCondition}),
			"PresetExpressions": rule(func(r *v1alpha1.Rule) { r.PresetExpressions = map[string]v1alpha1.Expression{"owner": "subject.id"} },
				map[string]string{"filter": writesOnly, "effective": noCondition}),
		},
		reflect.TypeFor[v1alpha1.RoleSpec](): {
			"DisplayName": {func(w *world) { w.role.Spec.DisplayName = "Reader" }, all(forPeople)},
			"Description": {func(w *world) { w.role.Spec.Description = "Reads" }, all(forPeople)},
			"Icon":        {func(w *world) { w.role.Spec.Icon = "book" }, all(forPeople)},
			"AdminAccess": {func(w *world) { w.role.Spec.AdminAccess = true }, nil},
			"AppAccess": {func(w *world) {
				w.role.Spec.AppAccess = true
				w.policy.Spec.AppAccessRules = []v1alpha1.Rule{ruleOn("invoice")}
			}, map[string]string{"covers": alreadyThere}},
			"Restrictions": {func(w *world) { w.role.Spec.Restrictions = &v1alpha1.Restrictions{RequireMFA: true} }, nil},
			"Rules":        {func(w *world) { w.role.Spec.Rules = nil }, nil},
		},
		reflect.TypeFor[v1alpha1.GroupSpec](): {
			"DisplayName": {func(w *world) { w.group.Spec.DisplayName = "Team" }, all(forPeople)},
			"Members":     {func(w *world) { w.group.Spec.Members = nil }, map[string]string{"covers": alreadyThere}},
			"Groups":      {func(w *world) { w.group.Spec.Groups = []v1alpha1.Name{"inner"} }, map[string]string{"covers": alreadyThere}},
			"ExternalGroups": {func(w *world) { w.group.Spec.ExternalGroups = []v1alpha1.ExternalGroup{"idp:team"} },
				map[string]string{"covers": alreadyThere, "effective": aboutClaims}},
			"MemberCondition": {func(w *world) { w.group.Spec.MemberCondition = "subject.id == 'bob'" }, map[string]string{"covers": alreadyThere}},
			"Roles":           {func(w *world) { w.group.Spec.Roles = nil }, map[string]string{"covers": alreadyThere}},
			"Rules":           {func(w *world) { w.group.Spec.Rules = []v1alpha1.Rule{ruleOn("invoice")} }, map[string]string{"covers": alreadyThere}},
		},
		reflect.TypeFor[v1alpha1.PermissionPolicySpec](): {
			"StrictUserPermissions": {func(w *world) { w.policy.Spec.StrictUserPermissions = true }, map[string]string{"covers": noGrant}},
			"StrictFor": {func(w *world) {
				w.policy.Spec.StrictUserPermissions = true
				w.policy.Spec.StrictFor = []v1alpha1.Name{"unit"}
			}, map[string]string{"covers": noGrant}},
			"EmptyLinks": {func(w *world) { w.policy.Spec.EmptyLinks = v1alpha1.EmptyLinksDeny },
				map[string]string{"covers": noGrant, "effective": noRecord, "grants": "nobody of those asked about is restricted by a link"}},
			"AdminRole":        {func(w *world) { w.policy.Spec.AdminRole = "reader" }, all("the role exists, and its object decides")},
			"PublicRole":       {func(w *world) { w.policy.Spec.PublicRole = "open" }, map[string]string{"covers": alreadyThere}},
			"AppAccessRules":   {func(w *world) { w.policy.Spec.AppAccessRules = []v1alpha1.Rule{ruleOn("invoice")} }, map[string]string{"covers": alreadyThere}},
			"RecommendedRules": {func(w *world) { w.policy.Spec.RecommendedRules = []v1alpha1.Rule{ruleOn("invoice")} }, all(notInDomain)},
			"SubjectTypes":     {func(w *world) { w.policy.Spec.SubjectTypes = []v1alpha1.Token{"service"} }, all("it says who asks", "decide", "explain", "filter")},
			"SubjectProperties": {func(w *world) {
				w.group.Spec.ExternalGroups = []v1alpha1.ExternalGroup{"idp:team"}
				w.policy.Spec.SubjectProperties = v1alpha1.SubjectPropertiesIgnore
			}, all(aboutClaims)},
			"Claims": {func(w *world) {
				w.group.Spec.ExternalGroups = []v1alpha1.ExternalGroup{"idp:team"}
				w.policy.Spec.Claims = &v1alpha1.Claims{Groups: "none"}
			}, all(aboutClaims, "grants")},
			"StaffScopes": {func(w *world) {
				w.order.Spec.StaffOnly = true
				w.policy.Spec.StaffScopes = []v1alpha1.Token{"a:staff"}
			}, nil},
			"PreventEscalation": {func(w *world) { w.policy.Spec.PreventEscalation = true }, all(notInDomain)},
		},
		reflect.TypeFor[v1alpha1.ResourceTypeSpec](): {
			"DisplayName": {func(w *world) { w.order.Spec.DisplayName = "Order" }, all(forPeople)},
			"Type":        {func(w *world) { w.order.Spec.Type = "Sales Order" }, nil},
			"Guards": {func(w *world) {
				w.order.Spec.Guards = []v1alpha1.Guard{{Actions: []v1alpha1.Token{"read"}, Condition: "resource.properties.owner != 'ann'"}}
			}, nil},
			"Areas": {func(w *world) {
				w.order.Spec.Areas = []v1alpha1.Token{"finance"}
				w.group.Spec.Rules = []v1alpha1.Rule{{Areas: []v1alpha1.Token{"finance"}, Access: v1alpha1.AccessFull}}
			}, nil},
			"Actions":            {func(w *world) { w.order.Spec.Actions = []v1alpha1.Action{{Name: "look", Class: v1alpha1.ClassRead}} }, nil},
			"Fields":             {func(w *world) { w.order.Spec.Fields = nil }, map[string]string{"covers": noGrant, "grants": "nobody of those asked about is restricted by a link"}},
			"ParentField":        {func(w *world) { w.order.Spec.ParentField = "parent" }, all("only who is restricted to some orders, and granted something", "")},
			"RequiredReadFields": {func(w *world) { w.order.Spec.RequiredReadFields = []v1alpha1.FieldPath{"id"} }, all("it is reported on roles")},
			"StaffOnly":          {func(w *world) { w.order.Spec.StaffOnly = true }, nil},
			"Unrestricted":       {func(w *world) { w.order.Spec.Unrestricted = true }, nil},
			"System":             {func(w *world) { w.order.Spec.System = true }, all(notInDomain)},
		},
	}
	base := map[string]string{}
	for fold, say := range folds {
		base[fold] = say(newWorld().domain())
	}
	for of, fields := range cases {
		for i := range of.NumField() {
			if _, ok := fields[of.Field(i).Name]; !ok {
				t.Errorf("%s.%s: say here how it is set, and which folds of the walk do not see it", of.Name(), of.Field(i).Name)
			}
		}
		for name, field := range fields {
			if _, ok := of.FieldByName(name); !ok {
				t.Errorf("%s has no field %s any more", of.Name(), name)
				continue
			}
			w := newWorld()
			field.set(w)
			d := w.domain()
			for fold, say := range folds {
				reason, unseen := field.unseen[fold]
				switch changed := say(d) != base[fold]; {
				case !changed && !unseen:
					t.Errorf("%s.%s makes no difference to %s", of.Name(), name, fold)
				case changed && unseen:
					t.Errorf("%s.%s makes a difference to %s, which is said not to see it: %s", of.Name(), name, fold, reason)
				}
			}
		}
	}
	for fold, said := range base {
		if !strings.Contains(said, "order") && !strings.Contains(said, "true") {
			t.Errorf("%s says nothing of the base: %s", fold, said)
		}
	}
}
