package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestWarnings(t *testing.T) {
	order := MakeResourceType("order").Areas("sales").RequiredReadFields("id").Obj()
	bill := MakeResourceType("bill").Areas("sales").Obj()
	own := MakeRule("order", "bill").Actions("read", "update").Condition("resource.properties.owner == subject.id").Obj()
	people := objects{
		order, bill,
		MakeRole("clerk").Rule(own).Obj(), MakeRole("chief").AdminAccess().Obj(), MakeRole("careful").AdminAccess().RequireMFA().Obj(),
		MakeUser("ann").Roles("clerk").Obj(), MakeUser("ada").Roles("chief").Obj(), MakeUser("root").Superuser().Obj(),
		MakeUser("cas").Roles("careful").Obj(), MakeUser("off").Superuser().Disabled().Obj(),
		MakeUser("new").RoleIn("clerk", nextMonth, "").Obj(),
	}
	groups := objects{
		order,
		MakeGroup("claimed").ExternalGroups("idp:a").Obj(),
		MakeGroup("said").MemberCondition("subject.properties.tenant == 't'").Obj(),
		MakeGroup("here").MemberCondition("context.desk == 1").Obj(),
		MakeGroup("known").MemberCondition("subject.attributes.rank == 1 && subject.staff").Obj(),
		MakeGroup("listed").Members("ann").Obj(),
		MakeGroup("around").Groups("between", "listed").Obj(),
		MakeGroup("between").Groups("around", "said").Obj(),
		MakeGroup("faulty").MemberCondition("subject.properties ==").Obj(),
		MakeUserPermission("p-listed", "order", "1").Group("listed").Obj(),
		MakeUserPermission("p-around", "order", "2").Group("around").Obj(),
		MakeUserPermission("p-outer", "order", "1").Group("outer").Obj(),
		MakeGroup("outer").Groups("listed").Obj(),
	}
	permission := func(group string) Change {
		return create(MakeUserPermission("p", "order", "1").Group(group).Obj())
	}
	cases := map[string]struct {
		domain objects
		change Change
		// want is a part of each warning, in order.
		want []string
	}{
		"a condition that no filter says": {
			people, create(MakeRole("r").Rule(MakeRule("order").Actions("read").Fields("id").Condition("resource.properties.items.exists_one(i, i.qty > 1)").Obj()).Obj()),
			[]string{"spec.rules[0].condition: no list filter"},
		},
		"the same for writing only": {
			people, create(MakeRole("r").Rule(MakeRule("bill").Actions("update").Condition("resource.properties.tags.exists(t, t == 'x')").Obj()).Obj()), nil,
		},
		"what there is to name": {people, create(MakeRole("r").Rule(ReadOnly("order", "*")).Obj()), nil},
		"names of nothing": {people, create(MakeGroup("g").Groups("gone").Roles("nobody", "clerk").Rule(Full("parcel", "bill")).Obj()),
			[]string{"Group gone does not exist", "ResourceType parcel does not exist", "Role nobody does not exist"}},
		"a user permission on nothing": {people, create(MakeUserPermission("p", "parcel", "1").User("x").ApplicableFor("box", "order").Obj()),
			[]string{"ResourceType box does not exist", "ResourceType parcel does not exist"}},
		"a special permission on nothing": {people, create(MakeSpecialPermission("s", "x").On("None", "parcel", "order").Obj()),
			[]string{"ResourceType parcel does not exist"}},
		"an area of no type":   {people, create(MakeRole("r").Rule(MakeRule().Areas("nowhere").Access("Full").Obj()).Obj()), []string{`spec.rules[0].areas[0]: no resource type lists the area "nowhere"`}},
		"an update":            {people, update(MakeUser("ann").Roles("nobody").Obj()), []string{"Role nobody does not exist"}},
		"a deletion":           {people, remove(MakeRole("clerk").Obj()), nil},
		"rules of an admin":    {people, create(MakeRole("r").AdminAccess().Rule(Full("order")).Obj()), []string{"spec.rules: a role with adminAccess gives everything"}},
		"a rule of no access":  {people, create(MakeRole("r").Rule(Full("bill"), MakeRule("order").Access("None").Obj()).Obj()), []string{"spec.rules[1].access: "}},
		"a read rule":          {people, create(MakeRole("r").Rule(MakeRule("order").Actions("read").Fields("note").Obj()).Obj()), []string{"spec.rules[0].fields: leaves out id"}},
		"a read rule by area":  {people, create(MakeRole("r").Rule(MakeRule().Areas("sales").Access("ReadOnly").Fields("note").Obj()).Obj()), []string{"spec.rules[0].fields: leaves out id"}},
		"a read rule with it":  {people, create(MakeRole("r").Rule(MakeRule("order").Actions("read").Fields("note", "id").Obj()).Obj()), nil},
		"a rule of all fields": {people, create(MakeRole("r").Rule(MakeRule("order").Actions("read").Obj()).Obj()), nil},
		"a rule to update":     {people, create(MakeRole("r").Rule(MakeRule("order").Actions("update").Fields("note").Obj()).Obj()), nil},

		"special, for an admin":                 {people, create(MakeSpecialPermission("s", "ada").On("None", "order").Obj()), []string{"ada holds a role with adminAccess"}},
		"special, for a superuser":              {people, create(MakeSpecialPermission("s", "root").On("None", "order").Obj()), []string{"root is a superuser"}},
		"special, for a restricted admin":       {people, create(MakeSpecialPermission("s", "cas").On("None", "order").Obj()), nil},
		"special, for a disabled one":           {people, create(MakeSpecialPermission("s", "off").On("None", "order").Obj()), nil},
		"special, that widens":                  {people, create(MakeSpecialPermission("s", "ann").On("Full", "order").Obj()), []string{"user ann: read, update on order will be"}},
		"special, that widens two types":        {people, create(MakeSpecialPermission("s", "ann").OnAreas("ReadOnly", "sales").Obj()), []string{"read on bill", "read on order"}},
		"special, that takes":                   {people, create(MakeSpecialPermission("s", "ann").On("None", "order").Obj()), nil},
		"special, that says nothing":            {people, create(MakeSpecialPermission("s", "ann").On("NotApplicable", "order").Obj()), []string{"decides nothing"}},
		"special, that gives what was not":      {people, create(MakeSpecialPermission("s", "new").On("Full", "order").Obj()), nil},
		"special, that widens what is to come":  {people, create(MakeSpecialPermission("s", "new").On("Full", "order").In(nextMonth, "").Obj()), []string{"read, update on order"}},
		"special, that is over":                 {people, create(MakeSpecialPermission("s", "ann").On("Full", "order").In("", lastMonth).Obj()), nil},
		"special, beside a more restrictive":    {slices.Concat(people, objects{MakeSpecialPermission("t", "ann").On("None", "order").Obj()}), create(MakeSpecialPermission("s", "ann").On("Full", "order").Obj()), nil},
		"special, that widens again, an update": {slices.Concat(people, objects{MakeSpecialPermission("s", "ann").On("Full", "order").Obj()}), update(MakeSpecialPermission("s", "ann").On("ReadOnly", "order").Obj()), []string{"read on order"}},

		"a restriction of who claims a group":        {groups, permission("claimed"), []string{"in group claimed, and so whom UserPermission p for group claimed restricts"}},
		"a restriction of who has a property":        {groups, permission("said"), []string{"in group said"}},
		"a restriction by the context":               {groups, permission("here"), []string{"in group here"}},
		"a restriction around such a group":          {groups, permission("around"), []string{"in group said, and so whom UserPermission p for group around"}},
		"a restriction of whom the domain knows":     {groups, permission("known"), nil},
		"a restriction of who is listed":             {groups, create(MakeUserPermission("p", "order", "9").Group("listed").Obj()), nil},
		"a restriction of a user":                    {groups, create(MakeUserPermission("p", "order", "1").User("claimed").Obj()), nil},
		"a restriction of a group of no members":     {groups, permission("faulty"), nil},
		"a restriction of a group that is not there": {groups, permission("gone"), []string{"Group gone does not exist"}},
		"a group that claims come to decide": {groups, update(MakeGroup("listed").Members("ann").ExternalGroups("idp:b").Obj()),
			[]string{"whom UserPermission p-listed for group listed", "whom UserPermission p-outer for group outer"}},
		"a group that claims decide already":        {groups, update(MakeGroup("said").MemberCondition("subject.properties.tenant == 'u'").Obj()), nil},
		"a group that they no longer decide":        {groups, update(MakeGroup("said").Members("ann").Obj()), nil},
		"a group that nobody restricts by, decided": {groups, create(MakeGroup("free").ExternalGroups("idp:c").Obj()), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Review(engine.Compile(tc.domain), tc.change).Warnings
			matches := len(got) == len(tc.want)
			for i := range min(len(got), len(tc.want)) {
				matches = matches && strings.Contains(got[i], tc.want[i])
			}
			if !matches {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			for _, warning := range got {
				if !strings.HasSuffix(warning, ".") || strings.HasSuffix(warning, "..") {
					t.Errorf("no sentence: %q", warning)
				}
			}
		})
	}
}

func TestWarningsComeBesideErrors(t *testing.T) {
	got := Review(nil, create(MakeUser("u").RoleIn("gone", nextMonth, today).Obj()))
	if len(got.Errors) != 1 || len(got.Warnings) != 1 {
		t.Errorf("got %v and %q, want one of each", got.Errors, got.Warnings)
	}
}
