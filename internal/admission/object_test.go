package admission

import (
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestObjectAlone(t *testing.T) {
	otherPolicy := MakePolicy().Obj()
	otherPolicy.Name = "other"
	run(t, map[string]reviewCase{
		"a condition":         {nil, create(MakeRole("r").Rule(MakeRule("order").Actions("read").Condition("1").Obj()).Obj()), []string{"spec.rules[0].condition A6"}},
		"a validation":        {nil, create(MakeGroup("g").Rule(MakeRule("order").Actions("update").Validation("proposed.a >", "m").Obj()).Obj()), []string{"spec.rules[0].validations[0].expression A6"}},
		"a computed preset":   {nil, create(MakePolicy().AppAccessRule(MakeRule("order").Actions("create").PresetExpression("k", "proposed.a").Obj()).Obj()), []string{"spec.appAccessRules[0].presetExpressions[k] A6"}},
		"a member condition":  {nil, create(MakeGroup("g").MemberCondition("resource.id == ''").Obj()), []string{"spec.memberCondition A6"}},
		"access and actions":  {nil, create(MakeRole("r").Rule(MakeRule("order").Access("Full").Actions("read").Obj()).Obj()), []string{"spec.rules[0].access A6"}},
		"neither of them":     {nil, create(MakeRole("r").Rule(MakeRule("order").Obj()).Obj()), []string{"spec.rules[0] A6"}},
		"a network":           {nil, create(MakeRole("r").AllowedCIDRs("10.0.0.0/8", "10.0.0.0/33").Obj()), []string{"spec.restrictions.allowedCIDRs[1] A6"}},
		"a window of a role":  {nil, create(MakeUser("u").RoleIn("r", nextMonth, nextMonth).Obj()), []string{"spec.roles[0].expiresAt A6"}},
		"a window":            {nil, create(MakeSpecialPermission("s", "u").On("None", "order").In(nextMonth, today).Obj()), []string{"spec.expiresAt A6"}},
		"a policy's name":     {nil, create(otherPolicy), []string{"metadata.name A6"}},
		"a parent field":      {nil, create(MakeResourceType("t").Tree("a.b").Obj()), []string{"spec.parentField A6"}},
		"a field's path":      {nil, create(MakeResourceType("t").Link("a..b", "t").Obj()), []string{"spec.fields[0].name A6"}},
		"an update":           {objects{MakeRole("r").Obj()}, update(MakeRole("r").AllowedCIDRs("x").Obj()), []string{"spec.restrictions.allowedCIDRs[0] A6"}},
		"a deletion":          {objects{MakeRole("r").AllowedCIDRs("x").Obj()}, remove(MakeRole("r").Obj()), nil},
		"what is right":       {nil, create(MakeRole("r").AllowedCIDRs("10.0.0.0/8", "::1").Rule(MakeRule("order").Actions("read").Condition("true").Obj()).Obj()), nil},
		"a window of a start": {nil, create(MakeUser("u").RoleIn("r", nextMonth, "").Obj()), nil},
	})
}

func TestObjectMessages(t *testing.T) {
	got := Review(engine.Compile(nil), create(MakeRole("r").AllowedCIDRs("office").Obj()))
	want := `spec.restrictions.allowedCIDRs[0]: Invalid value: "office": must be a network such as 10.0.0.0/8 or 2001:db8::/32, or a single IP address (A6)`
	if len(got.Errors) != 1 || got.Errors[0].Error() != want {
		t.Errorf("got  %v\nwant %s", got.Errors, want)
	}
}
