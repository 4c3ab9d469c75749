package admission

import (
	"strings"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestUserIDs(t *testing.T) {
	domain := objects{
		MakeUser("alice").Obj(), MakeUser("u-7").ID("bob@example.com").Obj(), MakeGroup("g").Members("carol").Obj(),
	}
	run(t, map[string]reviewCase{
		"an id that another object has":        {domain, create(MakeUser("u-8").ID("bob@example.com").Obj()), []string{"spec.id A3"}},
		"an id that is another object's name":  {domain, create(MakeUser("u-8").ID("alice").Obj()), []string{"spec.id A3"}},
		"a name that is another object's id":   {objects{MakeUser("u-7").ID("bob").Obj()}, create(MakeUser("bob").Obj()), []string{"metadata.name A3"}},
		"the name of an object with an id":     {domain, create(MakeUser("u-9").ID("u-7").Obj()), nil},
		"a user that only a group names":       {domain, create(MakeUser("carol").Obj()), nil},
		"a user that nothing names":            {domain, create(MakeUser("dave").Obj()), nil},
		"another id":                           {domain, update(MakeUser("u-7").ID("robert@example.com").Obj()), []string{"spec.id A3"}},
		"no id any more":                       {domain, update(MakeUser("u-7").Obj()), []string{"spec.id A3"}},
		"an id in the place of the name":       {domain, update(MakeUser("alice").ID("alice@example.com").Obj()), []string{"spec.id A3"}},
		"the name as the id":                   {domain, update(MakeUser("alice").ID("alice").Obj()), nil},
		"other fields":                         {domain, update(MakeUser("u-7").ID("bob@example.com").Staff().Obj()), nil},
		"a contradiction that is there anyway": {objects{MakeUser("a").ID("x").Obj(), MakeUser("b").ID("x").Obj()}, update(MakeUser("b").ID("x").Staff().Obj()), nil},
		"deleting":                             {domain, remove(MakeUser("u-7").Obj()), nil},
	})
}

func TestUserIDMessages(t *testing.T) {
	got := Review(engine.Compile(objects{MakeUser("u1").ID("same@example.com").Obj()}), create(MakeUser("u2").ID("same@example.com").Obj()))
	want := `spec.id: Invalid value: "same@example.com": User u1 already has the id same@example.com; change that object, or give this one another id (A3)`
	if len(got.Errors) != 1 || got.Errors[0].Error() != want {
		t.Errorf("got  %v\nwant %s", got.Errors, want)
	}
	got = Review(engine.Compile(objects{MakeUser("u1").ID("a").Obj()}), update(MakeUser("u1").ID("b").Obj()))
	if len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Detail, "id is a and cannot change; delete this User and create another") {
		t.Errorf("got %v", got.Errors)
	}
}

func TestTypeNames(t *testing.T) {
	domain := objects{MakeResourceType("order").Obj(), MakeResourceType("so").Type("Sales Order").Obj()}
	run(t, map[string]reviewCase{
		"a name that another object has":       {domain, create(MakeResourceType("sales-order").Type("Sales Order").Obj()), []string{"spec.type A3"}},
		"a name that is another object's name": {domain, create(MakeResourceType("o").Type("order").Obj()), []string{"spec.type A3"}},
		"an object called like another type":   {objects{MakeResourceType("o").Type("order").Obj()}, create(MakeResourceType("order").Obj()), []string{"metadata.name A3"}},
		"the name of an object with a type":    {domain, create(MakeResourceType("x").Type("so").Obj()), nil},
		"another type":                         {domain, update(MakeResourceType("so").Type("Order").Obj()), []string{"spec.type A3"}},
		"no type any more":                     {domain, update(MakeResourceType("so").Obj()), []string{"spec.type A3"}},
		"the name as the type":                 {domain, update(MakeResourceType("order").Type("order").Obj()), nil},
		"other fields":                         {domain, update(MakeResourceType("so").Type("Sales Order").StaffOnly().Obj()), nil},
		"deleting":                             {domain, remove(MakeResourceType("so").Type("Sales Order").Obj()), nil},
	})
	change := create(MakeResourceType("x").Type("Sales Order").Obj())
	if got := Review(engine.Compile(nil), change).Claims; len(got) != 1 || got[0].Key != "type Sales Order" {
		t.Errorf("the claims of a new type are %v", got)
	}
}
