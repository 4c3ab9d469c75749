package admission

import (
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestDefaults(t *testing.T) {
	on := func(types ...string) *UserPermissionBuilder {
		return MakeUserPermission("p1", "company", "a").User("x").Default("a").ApplicableFor(types...)
	}
	other := func() *UserPermissionBuilder { return MakeUserPermission("p2", "company", "b").User("x").Default("b") }
	both := []string{"spec.default A4", "spec.default A4"}
	one := []string{"spec.default A4"}
	run(t, map[string]reviewCase{
		"the first":                              {nil, create(other().Obj()), nil},
		"a second":                               {objects{on().Obj()}, create(other().Obj()), one},
		"a second for one type":                  {objects{on().Obj()}, create(other().ApplicableFor("order").Obj()), one},
		"a second for all beside one":            {objects{on("order").Obj()}, create(other().Obj()), one},
		"two types, one in common":               {objects{on("order", "bill").Obj()}, create(other().ApplicableFor("offer", "bill").Obj()), one},
		"no type in common":                      {objects{on("order").Obj()}, create(other().ApplicableFor("bill").Obj()), nil},
		"another kind of record":                 {objects{on().Obj()}, create(MakeUserPermission("p2", "region", "b").User("x").Default("b").Obj()), nil},
		"another user":                           {objects{on().Obj()}, create(MakeUserPermission("p2", "company", "b").User("y").Default("b").Obj()), nil},
		"a group of the user":                    {objects{on().Obj(), MakeGroup("x").Members("x").Obj()}, create(MakeUserPermission("p2", "company", "b").Group("x").Default("b").Obj()), nil},
		"a second of a group":                    {objects{MakeUserPermission("p1", "company", "a").Group("g").Default("a").Obj()}, create(MakeUserPermission("p2", "company", "b").Group("g").Default("b").Obj()), one[:1]},
		"no default":                             {objects{on().Obj()}, create(MakeUserPermission("p2", "company", "b").User("x").Obj()), nil},
		"beside no default":                      {objects{MakeUserPermission("p1", "company", "a").User("x").Obj()}, create(other().Obj()), nil},
		"at another time":                        {objects{on().In("", lastMonth).Obj()}, create(other().In(nextMonth, "").Obj()), one},
		"its own change":                         {objects{on().Obj()}, update(MakeUserPermission("p1", "company", "a", "c").User("x").Default("c").Obj()), nil},
		"a change of the types that meets":       {objects{on("order").Obj(), other().ApplicableFor("bill").Obj()}, update(other().ApplicableFor("bill", "order").Obj()), one},
		"two others":                             {objects{on("order").Obj(), MakeUserPermission("p0", "company", "c").User("x").Default("c").ApplicableFor("bill").Obj()}, create(other().Obj()), both},
		"none of the values":                     {nil, create(MakeUserPermission("p2", "company", "b").User("x").Default("c").Obj()), one},
		"none of the values, and a second":       {objects{on().Obj()}, create(MakeUserPermission("p2", "company", "b").User("x").Default("c").Obj()), both},
		"a descendant is none of the values":     {objects{MakeRecordSet("r", "company").Record("b", "", nil).Record("c", "b", nil).Obj()}, create(MakeUserPermission("p2", "company", "b").User("x").Default("c").Obj()), one},
		"deleting one of two that contradict it": {objects{on().Obj(), other().Obj()}, remove(other().Obj()), nil},
	})
}

func TestDuplicates(t *testing.T) {
	p1 := func() *UserPermissionBuilder { return MakeUserPermission("p1", "company", "a", "b", "c").User("x") }
	run(t, map[string]reviewCase{
		"the same value":                 {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "z", "b").User("x").Obj()), []string{"spec.forValues[1] A5"}},
		"several values":                 {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "c", "a").User("x").Obj()), []string{"spec.forValues[0] A5"}},
		"another value":                  {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "z").User("x").Obj()), nil},
		"another user":                   {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "a").User("y").Obj()), nil},
		"a group":                        {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "a").Group("x").Obj()), nil},
		"the same group":                 {objects{MakeUserPermission("p1", "company", "a").Group("g").Obj()}, create(MakeUserPermission("p2", "company", "a").Group("g").Obj()), []string{"spec.forValues[0] A5"}},
		"another kind of record":         {objects{p1().Obj()}, create(MakeUserPermission("p2", "region", "a").User("x").Obj()), nil},
		"on one type":                    {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "a").User("x").ApplicableFor("order").Obj()), []string{"spec.forValues[0] A5"}},
		"on different types":             {objects{p1().ApplicableFor("bill").Obj()}, create(MakeUserPermission("p2", "company", "a").User("x").ApplicableFor("order").Obj()), nil},
		"without descendants":            {objects{p1().Obj()}, create(MakeUserPermission("p2", "company", "a").User("x").HideDescendants().Obj()), []string{"spec.forValues[0] A5"}},
		"at another time":                {objects{p1().In("", lastMonth).Obj()}, create(MakeUserPermission("p2", "company", "a").User("x").In(nextMonth, "").Obj()), []string{"spec.forValues[0] A5"}},
		"in one object":                  {nil, create(MakeUserPermission("p2", "company", "a", "b", "a", "a").User("x").Obj()), []string{"spec.forValues[2] A5", "spec.forValues[3] A5"}},
		"its own change":                 {objects{p1().Obj()}, update(MakeUserPermission("p1", "company", "a").User("x").Obj()), nil},
		"a change of the user that ends": {objects{p1().Obj(), MakeUserPermission("p2", "company", "a").User("y").Obj()}, update(MakeUserPermission("p2", "company", "a").User("x").Obj()), []string{"spec.forValues[0] A5"}},
		"two others":                     {objects{p1().ApplicableFor("bill").Obj(), MakeUserPermission("p0", "company", "c").User("x").ApplicableFor("order").Obj()}, create(MakeUserPermission("p2", "company", "a", "c").User("x").Obj()), []string{"spec.forValues[1] A5", "spec.forValues[0] A5"}},
	})
}

func TestUserPermissionMessages(t *testing.T) {
	cases := map[string]struct {
		domain objects
		change Change
		want   string
	}{
		"a second default": {
			objects{MakeUserPermission("p1", "company", "a").User("x").Default("a").Obj()},
			create(MakeUserPermission("p2", "company", "b").User("x").Default("b").Obj()),
			`spec.default: Invalid value: "b": UserPermission p1 already gives user x a default for company on every type; remove one of the two, or let them apply to different types (A4)`,
		},
		"several values": {
			objects{MakeUserPermission("p1", "company", "a", "b", "c").Group("g").ApplicableFor("order", "bill").Obj()},
			create(MakeUserPermission("p2", "company", "c", "a").Group("g").Obj()),
			`spec.forValues[0]: Invalid value: "c": UserPermission p1 already allows group g this company, and 1 more of these values on order, bill; remove it from one of the two, or let them apply to different types (A5)`,
		},
		"a value of another entry": {
			nil, create(MakeUserPermissionSet("s", MakeUserPermission("p1", "company", "a").User("x"), MakeUserPermission("p2", "company", "b", "a").User("x"))),
			`spec.permissions[1].forValues[1]: Invalid value: "a": UserPermission s/p1 already allows user x this company on every type; remove it from one of the two, or let them apply to different types (A5)`,
		},
		"a value that another entry has": {
			objects{MakeUserPermissionSet("s", MakeUserPermission("p1", "company", "a").User("x"), MakeUserPermission("p2", "company", "b").User("x"))},
			update(MakeUserPermissionSet("s", MakeUserPermission("p1", "company", "a", "b").User("x"), MakeUserPermission("p2", "company", "b").User("x"))),
			`spec.permissions[0].forValues[1]: Invalid value: "b": UserPermission s/p2 already allows user x this company on every type; remove it from one of the two, or let them apply to different types (A5)`,
		},
		"a value twice": {
			nil, create(MakeUserPermission("p2", "company", "a", "a").User("x").Obj()),
			`spec.forValues[1]: Invalid value: "a": is already forValues[0]; remove one of the two (A5)`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Review(engine.Compile(tc.domain), tc.change)
			if len(got.Errors) != 1 || got.Errors[0].Error() != tc.want {
				t.Errorf("got  %v\nwant %s", got.Errors, tc.want)
			}
		})
	}
}
