package engine_test

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestS3aGuards(t *testing.T) {
	common := domain{
		MakeRole("clerk").Rule(Full("*")).Obj(), MakeRole("root").AdminAccess().Obj(),
		MakeUser("ann").Roles("clerk").Obj(), MakeUser("rita").Roles("root").Obj(), MakeUser("sue").Superuser().Obj(),
	}
	guarded := func(condition, message string, actions ...string) domain {
		return domain{MakeResourceType("doc").Guard(condition, message, actions...).Obj()}
	}
	fourEyes := guarded("resource.properties.by != subject.id", "four eyes", "update")
	update := func(user string, by any) *engine.Request {
		return ask(user, "update", "doc/1", having(object{"by": by}), submitting(object{}))
	}
	refused := with(deny(engine.ReasonGuard), messages("four eyes"))
	create := func(values object) *engine.Request { return ask("ann", "create", "doc/2", submitting(values)) }
	decide(t, common, map[string]deciding{
		"binds users":                            {domain: fourEyes, req: update("ann", "ann"), want: with(refused, func(d *engine.Decision) { d.DecidedBy = refs("ResourceType/doc") })},
		"binds admins":                           {domain: fourEyes, req: update("rita", "rita"), want: refused},
		"binds superusers":                       {domain: fourEyes, req: update("sue", "sue"), want: refused},
		"binds whom no rule gives anything":      {domain: fourEyes, req: update("zoe", "zoe"), want: refused},
		"where it is true, the rules decide":     {domain: fourEyes, req: update("zoe", "ann"), want: deny(engine.ReasonNoRule)},
		"where it is true, a superuser may":      {domain: fourEyes, req: update("sue", "ann"), want: allow(engine.ReasonSuperuser)},
		"of another action":                      {domain: fourEyes, req: ask("ann", "read", "doc/1", having(object{"by": "ann"})), want: allow(engine.ReasonRule)},
		"what is unknown is false, and named":    {domain: fourEyes, req: ask("ann", "update", "doc/1", submitting(object{})), want: with(refused, missing("by"))},
		"of every action: *":                     {domain: guarded("false", "", "*"), req: ask("ann", "read", "doc/1"), want: with(deny(engine.ReasonGuard), messages("false"))},
		"of every action: none":                  {domain: guarded("false", "no"), req: ask("ann", "delete", "doc/1"), want: with(deny(engine.ReasonGuard), messages("no"))},
		"of actions that begin so":               {domain: domain{MakeResourceType("doc").Action("read:cost", v1alpha1.ClassRead).Guard("false", "no", "read:*").Obj()}, req: ask("ann", "read:cost", "doc/1"), want: with(deny(engine.ReasonGuard), messages("no"))},
		"not of those that do not":               {domain: domain{MakeResourceType("doc").Action("read", v1alpha1.ClassRead).Guard("false", "no", "read:*").Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"one that does not compile is false":     {domain: guarded("resource.", "broken"), req: ask("ann", "read", "doc/1"), want: with(deny(engine.ReasonGuard), messages("broken"))},
		"the context, named where it is missing": {domain: guarded("context.office", "at work"), req: ask("ann", "read", "doc/1"), want: with(deny(engine.ReasonGuard), messages("at work"), missingContext("office"))},
		"every one, with all messages": {
			domain: domain{MakeResourceType("doc").Guard("false", "b").Guard("true", "c").Guard("false", "a").Obj()},
			req:    ask("ann", "read", "doc/1"), want: with(deny(engine.ReasonGuard), messages("a", "b")),
		},
		"sees what is submitted":          {domain: guarded("proposed.amount > 0", "positive", "create"), req: create(object{"amount": int64(1)}), want: allow(engine.ReasonRule)},
		"and what is not":                 {domain: guarded("proposed.amount > 0", "positive", "create"), req: create(object{}), want: with(deny(engine.ReasonGuard), messages("positive"), missing("amount"))},
		"of an Update, beside the stored": {domain: guarded("proposed.amount == resource.properties.amount", "fixed", "update"), req: ask("ann", "update", "doc/1", having(object{"amount": int64(1)}), submitting(object{"amount": int64(2)})), want: with(deny(engine.ReasonGuard), messages("fixed"))},
		"not presets": {
			domain: join(guarded("proposed.amount > 0", "positive", "create"), domain{
				MakeRole("clerk").Rule(MakeRule("doc").Actions("create").Preset("amount", 5).Obj()).Obj(),
			}),
			req: create(object{}), want: with(deny(engine.ReasonGuard), messages("positive"), missing("amount")),
		},
		"of a Read, nothing is proposed": {domain: guarded("!has(proposed.amount)", "none"), req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"after the subject":              {domain: join(guarded("false", "no"), domain{MakeUser("off").Disabled().Obj()}), req: ask("off", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"no step up helps":               {domain: join(guarded("false", "no"), domain{MakeRole("clerk").RequireMFA().Rule(Full("*")).Obj()}), req: ask("ann", "read", "doc/1"), want: with(deny(engine.ReasonGuard), messages("no"))},
	})
}

func TestS10ExceptFields(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeUser("ann").Roles("a", "b").Obj()}
	all := func(role string, except ...string) engine.Object {
		return MakeRole(role).Rule(MakeRule("doc").Actions("read", "update").ExceptFields(except...).Obj()).Obj()
	}
	some := func(role string, covered ...string) engine.Object {
		return MakeRole(role).Rule(MakeRule("doc").Actions("read", "update").Fields(covered...).Obj()).Obj()
	}
	read := func(asked ...string) *engine.Request { return ask("ann", "read", "doc/1", reading(asked...)) }
	not := func(names ...string) engine.Decision {
		return with(deny(engine.ReasonFieldNotAllowed), fields(names...))
	}
	but := func(names ...string) engine.Decision { return with(allow(engine.ReasonRule), exceptFields(names...)) }
	decide(t, common, map[string]deciding{
		"all but these":                    {domain: domain{all("a", "cost", "margin")}, req: read(), want: but("cost", "margin")},
		"another one":                      {domain: domain{all("a", "cost")}, req: read("name"), want: but("cost")},
		"one of these":                     {domain: domain{all("a", "cost")}, req: read("name", "cost"), want: not("cost")},
		"below one":                        {domain: domain{all("a", "cost")}, req: read("cost.net"), want: not("cost.net")},
		"above one":                        {domain: domain{all("a", "address.street")}, req: read("address"), want: not("address")},
		"beside one":                       {domain: domain{all("a", "address.street")}, req: read("address.city"), want: but("address.street")},
		"a longer name":                    {domain: domain{all("a", "cost")}, req: read("costs"), want: but("cost")},
		"everything":                       {domain: domain{all("a", "cost")}, req: read("*"), want: not("*")},
		"submitted":                        {domain: domain{all("a", "cost")}, req: ask("ann", "update", "doc/1", submitting(object{"cost": int64(1), "name": "x"})), want: not("cost")},
		"what several leave out":           {domain: domain{all("a", "cost", "margin"), all("b", "margin", "note")}, req: read(), want: but("margin")},
		"one names what another leaves":    {domain: domain{all("a", "cost", "margin"), some("b", "cost")}, req: read("cost"), want: but("margin")},
		"nothing is left":                  {domain: domain{all("a", "cost"), some("b", "cost")}, req: read("cost", "name"), want: allow(engine.ReasonRule)},
		"and yet no rule for everything":   {domain: domain{all("a", "cost"), some("b", "cost")}, req: read("*"), want: not("*")},
		"a part of what another leaves":    {domain: domain{all("a", "address"), all("b", "address.street")}, req: read("address.city"), want: but("address.street")},
		"one rule for everything":          {domain: domain{all("a", "cost"), all("b")}, req: read("*"), want: allow(engine.ReasonRule)},
		"names below another are not told": {domain: domain{all("a", "address", "address.street")}, req: read(), want: but("address")},
	})
}

func TestS9Actions(t *testing.T) {
	common := domain{
		MakeResourceType("company").Obj(), MakeResourceType("order").Link("company", "company").Obj(), MakeResourceType("leave").Link("company", "company").Obj(),
		MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ann").Roles("all").Obj(),
	}
	south := having(object{"company": "South"})
	restricted := func(change func(*UserPermissionBuilder) *UserPermissionBuilder) domain {
		return domain{change(MakeUserPermission("up", "company", "North").User("ann")).Obj()}
	}
	writes := restricted(func(b *UserPermissionBuilder) *UserPermissionBuilder { return b.Actions("update", "delete") })
	except := restricted(func(b *UserPermissionBuilder) *UserPermissionBuilder { return b.ExceptFor("leave") })
	refused := with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "company", Value: "South", Allow: "company", Cause: engine.CauseNotAllowed}))
	itself := with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "id", Value: "South", Allow: "company", Cause: engine.CauseNotAllowed}))
	decide(t, common, map[string]deciding{
		"an action that it names":     {domain: writes, req: ask("ann", "update", "order/1", south, submitting(object{})), want: refused},
		"another one":                 {domain: writes, req: ask("ann", "read", "order/1", south), want: allow(engine.ReasonRule)},
		"the record itself":           {domain: writes, req: ask("ann", "delete", "company/South"), want: itself},
		"the record itself, another":  {domain: writes, req: ask("ann", "read", "company/South"), want: allow(engine.ReasonRule)},
		"no default where it is free": {domain: restricted(func(b *UserPermissionBuilder) *UserPermissionBuilder { return b.Actions("update").Default("North") }), req: ask("ann", "create", "order/2", submitting(object{})), want: allow(engine.ReasonRule)},
		"an excepted type":            {domain: except, req: ask("ann", "read", "leave/1", south), want: allow(engine.ReasonRule)},
		"one that is not":             {domain: except, req: ask("ann", "read", "order/1", south), want: refused},
		"actions that begin so": {
			domain: join(restricted(func(b *UserPermissionBuilder) *UserPermissionBuilder { return b.Actions("read:*") }), domain{
				MakeResourceType("order").Action("read:cost", v1alpha1.ClassRead).Link("company", "company").Obj(),
			}),
			req: ask("ann", "read:cost", "order/1", south), want: refused,
		},
	})
}

func TestS11NearestGroup(t *testing.T) {
	giving := func(group, value string) *GroupBuilder {
		return MakeGroup(group).Rule(MakeRule("doc").Actions("create").Preset("desk", value).Obj())
	}
	common := domain{MakeResourceType("doc").Obj()}
	create := ask("ann", "create", "doc/1", submitting(object{}))
	set := func(value string) engine.Decision {
		return with(allow(engine.ReasonRule), presets(object{"desk": value}))
	}
	decide(t, common, map[string]deciding{
		"the nearer one wins":         {domain: domain{giving("a", "near").Members("ann").Obj(), giving("z", "far").Groups("a").Obj()}, req: create, want: set("near")},
		"by two steps":                {domain: domain{giving("b", "near").Members("ann").Obj(), MakeGroup("c").Groups("b").Obj(), giving("z", "far").Groups("c").Obj()}, req: create, want: set("near")},
		"by the fewest steps":         {domain: domain{MakeGroup("a").Members("ann").Obj(), MakeGroup("b").Groups("a").Obj(), giving("y", "short").Groups("b", "a").Obj(), giving("z", "long").Groups("b").Obj()}, req: create, want: set("short")},
		"on one level by name":        {domain: domain{giving("a", "first").Members("ann").Obj(), giving("b", "last").Members("ann").Obj()}, req: create, want: set("last")},
		"that has the user by itself": {domain: domain{giving("a", "near").Members("ann").Obj(), giving("z", "both").Groups("a").Members("ann").Obj()}, req: create, want: set("both")},
		"a role of the nearest": {
			domain: domain{
				MakeRole("ra").Rule(MakeRule("doc").Actions("create").Preset("desk", "near").Obj()).Obj(),
				MakeRole("rz").Rule(MakeRule("doc").Actions("create").Preset("desk", "far").Obj()).Obj(),
				MakeGroup("a").Members("ann").Roles("ra").Obj(), MakeGroup("z").Groups("a").Roles("rz").Obj(),
			},
			req: create, want: set("near"),
		},
		"a role of several": {
			domain: domain{
				MakeRole("ra").Rule(MakeRule("doc").Actions("create").Preset("desk", "near").Obj()).Obj(),
				MakeRole("rz").Rule(MakeRule("doc").Actions("create").Preset("desk", "both").Obj()).Obj(),
				MakeGroup("a").Members("ann").Roles("ra", "rz").Obj(), MakeGroup("z").Groups("a").Roles("rz").Obj(),
			},
			req: create, want: set("both"),
		},
	})
}
