package engine_test

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// on is a rule that gives every action on doc, on some fields.
func on(fields ...string) v1alpha1.Rule { return MakeRule("doc").Actions("*").Fields(fields...).Obj() }

func TestS10Fields(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	covers := func(names ...string) engine.Decision {
		return with(allow(engine.ReasonRule, "Role/r"), fields(names...))
	}
	refuses := func(names ...string) engine.Decision {
		return with(deny(engine.ReasonFieldNotAllowed), fields(names...))
	}
	read := func(names ...string) *engine.Request { return ask("ann", "read", "doc/1", reading(names...)) }
	update := func(values object) *engine.Request { return ask("ann", "update", "doc/1", submitting(values)) }
	decide(t, common, map[string]deciding{
		"Read: none asked for":                   {domain: ruled(on("title", "body")), req: ask("ann", "read", "doc/1"), want: covers("body", "title")},
		"Read: an empty list":                    {domain: ruled(on("title")), req: read(), want: covers("title")},
		"Read: a field that is covered":          {domain: ruled(on("title", "body")), req: read("title"), want: covers("body", "title")},
		"Read: one that is not":                  {domain: ruled(on("title")), req: read("title", "body"), want: refuses("body")},
		"Read: all that are not, sorted, once":   {domain: ruled(on("title")), req: read("z", "a", "z", "title"), want: refuses("a", "z")},
		"Read: a path by itself":                 {domain: ruled(on("items.price")), req: read("items.price"), want: covers("items.price")},
		"Read: a path by a prefix":               {domain: ruled(on("items")), req: read("items.price.net"), want: covers("items")},
		"Read: a path by a longer prefix":        {domain: ruled(on("items.price")), req: read("items.price.net"), want: covers("items.price")},
		"Read: what is above is not covered":     {domain: ruled(on("items.price")), req: read("items"), want: refuses("items")},
		"Read: what is beside is not covered":    {domain: ruled(on("items.price")), req: read("items.count"), want: refuses("items.count")},
		"Read: a part of a name is no prefix":    {domain: ruled(on("item")), req: read("items", "items.price"), want: refuses("items", "items.price")},
		"Read: no fields are all fields":         {domain: ruled(on()), req: read("anything"), want: covers("*")},
		"Read: \"*\" is all fields":              {domain: ruled(on("title", "*")), req: read("anything"), want: covers("*")},
		"Read: asking for \"*\"":                 {domain: ruled(on("title", "*")), req: read("*"), want: covers("*")},
		"Read: asking for \"*\" without all":     {domain: ruled(on("title"), on("body")), req: read("*"), want: refuses("*")},
		"Read: several cases cover together":     {domain: ruled(on("title"), on("body", "title")), req: read("title", "body"), want: covers("body", "title")},
		"Read: only live cases cover":            {domain: ruled(on("title"), MakeRule("doc").Actions("read").Condition("false").Obj()), req: read("body"), want: refuses("body")},
		"Read: a case that is all beside others": {domain: ruled(on("title"), on()), req: read("body"), want: covers("*")},
		"Read: values are not looked at":         {domain: ruled(on("title")), req: ask("ann", "read", "doc/1", submitting(object{"body": "x"})), want: covers("title")},
		"Update: the submitted names":            {domain: ruled(on("title")), req: update(object{"title": "x"}), want: covers("title")},
		"Update: one that is not covered":        {domain: ruled(on("title")), req: update(object{"title": "x", "body": nil}), want: refuses("body")},
		"Update: nothing is submitted":           {domain: ruled(on("title")), req: ask("ann", "update", "doc/1"), want: covers("title")},
		"Update: a whole object, a path covered": {domain: ruled(on("items.price")), req: update(object{"items": object{"price": int64(1)}}), want: refuses("items")},
		"Update: what is stored needs no cover":  {domain: ruled(on("title")), req: ask("ann", "update", "doc/1", having(object{"body": "x"}), submitting(object{"title": "x"})), want: covers("title")},
		"Update: fields asked for do not count":  {domain: ruled(on("title")), req: ask("ann", "update", "doc/1", submitting(object{"title": "x"}), reading("body")), want: covers("title")},
		"Update: presets need no cover": {
			domain: ruled(MakeRule("doc").Actions("*").Fields("title").Preset("status", "new").Obj()), req: update(object{"title": "x"}), want: with(covers("title"), presets(object{"status": "new"})),
		},
		"Create: the submitted names":          {domain: ruled(on("title")), req: ask("ann", "create", "doc/1", submitting(object{"body": "x"})), want: refuses("body")},
		"Create: without values, properties":   {domain: ruled(on("title")), req: ask("ann", "create", "doc/1", having(object{"body": "x"})), want: refuses("body")},
		"Create: with values, not properties":  {domain: ruled(on("title")), req: ask("ann", "create", "doc/1", having(object{"body": "x"}), submitting(object{"title": "x"})), want: covers("title")},
		"Create: values that are null":         {domain: ruled(on("title")), req: ask("ann", "create", "doc/1", having(object{"body": "x"}), actionProperty("values", nil)), want: refuses("body")},
		"Delete: no field check":               {domain: ruled(on("title")), req: ask("ann", "delete", "doc/1", reading("body"), submitting(object{"body": "x"})), want: covers()},
		"any action of class Read":             {domain: join(ruled(on("title")), domain{MakeResourceType("doc").Action("print", v1alpha1.ClassRead).Obj()}), req: ask("ann", "print", "doc/1", reading("body")), want: refuses("body")},
		"an unrestricted type covers all":      {domain: domain{MakeResourceType("doc").Unrestricted().Obj()}, req: read("body"), want: allow(engine.ReasonUnrestrictedType)},
		"the union is sorted and has no twice": {domain: ruled(on("b", "a"), on("c", "b")), req: ask("ann", "read", "doc/1"), want: covers("a", "b", "c")},
	})
}

func TestS11Presets(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "stored"}).Obj()}
	by := func(rules ...*RuleBuilder) domain {
		var made []v1alpha1.Rule
		for _, rule := range rules {
			made = append(made, rule.Obj())
		}
		return ruled(made...)
	}
	rule := func() *RuleBuilder { return MakeRule("doc").Actions("*") }
	gives := func(values object) engine.Decision { return with(allow(engine.ReasonRule, "Role/r"), presets(values)) }
	create, update := ask("ann", "create", "doc/9"), ask("ann", "update", "doc/1")
	decide(t, common, map[string]deciding{
		"of a Create":                       {domain: by(rule().Preset("status", "new")), req: create, want: gives(object{"status": "new"})},
		"of an Update":                      {domain: by(rule().Preset("status", "new")), req: update, want: gives(object{"status": "new"})},
		"not of a Read":                     {domain: by(rule().Preset("status", "new")), req: ask("ann", "read", "doc/1"), want: gives(nil)},
		"not of a Delete":                   {domain: by(rule().Preset("status", "new")), req: ask("ann", "delete", "doc/1"), want: with(gives(nil), fields())},
		"without the submitted keys":        {domain: by(rule().Preset("status", "new").Preset("kind", "x")), req: ask("ann", "update", "doc/1", submitting(object{"status": "sent"})), want: gives(object{"kind": "x"})},
		"without those submitted as null":   {domain: by(rule().Preset("status", "new")), req: ask("ann", "update", "doc/1", submitting(object{"status": nil})), want: gives(nil)},
		"a Create's properties are keys":    {domain: by(rule().Preset("status", "new")), req: ask("ann", "create", "doc/9", having(object{"status": "sent"})), want: gives(nil)},
		"an Update's properties are not":    {domain: by(rule().Preset("status", "new")), req: ask("ann", "update", "doc/1", having(object{"status": "sent"})), want: gives(object{"status": "new"})},
		"null is a value":                   {domain: by(rule().Preset("status", nil)), req: update, want: gives(object{"status": nil})},
		"a computed one":                    {domain: by(rule().PresetExpression("by", "subject.id")), req: update, want: gives(object{"by": "ann"})},
		"a computed one overlays":           {domain: by(rule().Preset("by", "x").PresetExpression("by", "subject.id")), req: update, want: gives(object{"by": "ann"})},
		"a computed one in error leaves":    {domain: by(rule().Preset("by", "x"), rule().PresetExpression("by", "context.nope")), req: update, want: gives(object{"by": "x"})},
		"rules in their written order":      {domain: by(rule().Preset("status", "first"), rule().Preset("status", "last")), req: update, want: gives(object{"status": "last"})},
		"in written order, however named":   {domain: join(by(rule().Preset("status", "first"), MakeRule("*").Actions("*").Preset("status", "second"), MakeRule().Areas("sales").Actions("*").Preset("status", "last")), domain{MakeResourceType("doc").Areas("sales").Obj()}), req: update, want: gives(object{"status": "last"})},
		"in written order, named otherwise": {domain: join(by(MakeRule().Areas("sales").Actions("*").Preset("status", "first"), MakeRule("*").Actions("*").Preset("status", "second"), rule().Preset("status", "last")), domain{MakeResourceType("doc").Areas("sales").Obj()}), req: update, want: gives(object{"status": "last"})},
		"different keys join":               {domain: by(rule().Preset("a", 1), rule().Preset("b", 2)), req: update, want: gives(object{"a": int64(1), "b": int64(2)})},
		"only of live cases":                {domain: by(rule().Preset("a", 1), rule().Preset("a", 2).Condition("false")), req: update, want: gives(object{"a": int64(1)})},
		"only of rules that give the action": {
			domain: by(rule().Preset("a", 1), MakeRule("doc").Actions("read").Preset("a", 2)), req: update, want: gives(object{"a": int64(1)}),
		},
	})
}

func TestS11OrderOfPresets(t *testing.T) {
	// Every source presets who; the last in the order of S11 wins.
	who := func(name string) v1alpha1.Rule { return MakeRule("doc").Actions("*").Preset("who", name).Obj() }
	common := domain{
		MakeResourceType("doc").Obj(), MakePolicy().AppAccessRule(who("app")).Obj(),
		MakeRole("app").AppAccess().Obj(),
		MakeRole("public").Rule(who("public")).AppAccess().Obj(),
		MakeRole("a").Rule(who("a")).Obj(), MakeRole("z").Rule(who("z")).Obj(),
	}
	user := func(roles ...string) engine.Object { return MakeUser("ann").Roles(roles...).Obj() }
	group := func(name string, rules bool, roles ...string) engine.Object {
		g := MakeGroup(name).Members("ann").Roles(roles...)
		if rules {
			g.Rule(who(name))
		}
		return g.Obj()
	}
	wins := func(name string, objects ...engine.Object) deciding {
		return deciding{domain: objects, req: ask("ann", "create", "doc/1"), want: with(allow(engine.ReasonRule), presets(object{"who": name}))}
	}
	decide(t, common, map[string]deciding{
		"app access rules alone":                        wins("app", user("app")),
		"the public role over app access rules":         wins("public"),
		"a role through a group over app access":        wins("a", user("app"), group("g", false, "a")),
		"a role of the user over app access":            wins("a", user("app", "a")),
		"rules of a group over app access":              wins("g", user("app"), group("g", true)),
		"rules of a group over a role through it":       wins("g", group("g", true, "a")),
		"rules of a group over a role through another":  wins("f", group("g", false, "z"), group("f", true)),
		"a role of the user over rules of a group":      wins("a", user("a"), group("g", true)),
		"a role of the user over one through a group":   wins("a", user("a"), group("g", false, "z")),
		"roles of the user by name":                     wins("z", user("z", "a")),
		"roles through groups by name":                  wins("z", group("g", false, "z"), group("h", false, "a")),
		"groups by name":                                wins("h", group("h", true), group("g", true)),
		"held both ways: as one of the user":            wins("a", user("a"), group("g", true, "a")),
		"held both ways: over one through a group":      wins("a", user("a"), group("g", false, "a", "z")),
		"public, held by the User: as any other":        wins("z", user("public", "z")),
		"public, held by the User: over a group":        wins("public", user("public"), group("g", true)),
		"public, held through a group: as any other":    wins("public", group("g", false, "a", "public")),
		"public, held through a group, under its rules": wins("g", group("g", true, "public")),
	})
}

func TestS11Defaults(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Link("seller", "company").IgnoredLink("former", "company").Link("items.company", "company").Link("depot", "depot").Obj(),
		MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(MakeRule("doc").Actions("*").Obj()).Obj(), MakeGroup("g").Members("ann").Obj(),
	}
	up := func(name string) *UserPermissionBuilder {
		return MakeUserPermission(name, "company", "1", "2").Default("1")
	}
	gives := func(values object) engine.Decision { return with(allow(engine.ReasonRule, "Role/r"), presets(values)) }
	both := object{"company": "1", "seller": "1"}
	two := object{"company": "2", "seller": "2"}
	create := ask("ann", "create", "doc/1")
	decide(t, common, map[string]deciding{
		"for each link field, not ignored, without a dot": {domain: domain{up("up").User("ann").Obj()}, req: create, want: gives(both)},
		"of a group":                      {domain: domain{up("up").Group("g").Obj()}, req: create, want: gives(both)},
		"without the submitted keys":      {domain: domain{up("up").User("ann").Obj()}, req: ask("ann", "create", "doc/1", submitting(object{"seller": "2"})), want: gives(object{"company": "1"})},
		"not of an Update":                {domain: domain{up("up").User("ann").Obj()}, req: ask("ann", "update", "doc/1", having(object{"company": "1", "seller": "1", "items": list{}})), want: gives(nil)},
		"not in its window":               {domain: domain{up("up").User("ann").In("", noon).Obj()}, req: create, want: gives(nil)},
		"not for this type":               {domain: domain{up("up").User("ann").ApplicableFor("note").Obj()}, req: create, want: gives(nil)},
		"of another user":                 {domain: domain{up("up").User("bob").Obj()}, req: create, want: gives(nil)},
		"without a default":               {domain: domain{MakeUserPermission("up", "company", "1").User("ann").Obj()}, req: create, want: gives(nil)},
		"the user's own before a group's": {domain: domain{up("a").Group("g").Obj(), up("z").User("ann").Default("2").Obj()}, req: create, want: gives(two)},
		"by object name":                  {domain: domain{up("z").User("ann").Obj(), up("a").User("ann").Default("2").Obj()}, req: create, want: gives(two)},
		"of groups by object name":        {domain: domain{up("z").Group("g").Obj(), up("a").Group("h").Default("2").Obj(), MakeGroup("h").Members("ann").Obj()}, req: create, want: gives(two)},
		"the first that has one":          {domain: domain{MakeUserPermission("a", "company", "1").User("ann").Obj(), up("z").User("ann").Default("2").Obj()}, req: create, want: gives(two)},
		"a group's, where the user's own have none": {
			domain: domain{MakeUserPermission("z", "company", "1", "2").User("ann").Obj(), up("a").Group("g").Default("2").Obj()}, req: create, want: gives(two),
		},
		"presets overlay them": {domain: domain{up("up").User("ann").Obj(), MakeRole("r").Rule(MakeRule("doc").Actions("*").Preset("company", "2").Obj()).Obj()}, req: create, want: gives(object{"company": "2", "seller": "1"})},
		"each by its own type": {domain: domain{up("up").User("ann").Obj(), MakeUserPermission("up2", "depot", "d").User("ann").Default("d").Obj()}, req: create, want: gives(object{"company": "1", "seller": "1", "depot": "d"})},
		"on an unrestricted type": {
			domain: domain{up("up").User("ann").Obj(), MakeResourceType("doc").Unrestricted().Link("company", "company").Obj()}, req: create,
			want: with(allow(engine.ReasonUnrestrictedType), presets(object{"company": "1"})),
		},
		"conditions see them": {domain: domain{up("up").User("ann").Obj(), MakeRole("r").Rule(when("resource.properties.company == '1'")).Obj()}, req: create, want: gives(both)},
		"superusers get none": {domain: domain{up("up").User("ann").Obj(), MakeUser("ann").Superuser().Obj()}, req: create, want: allow(engine.ReasonSuperuser)},
	})
}

func TestS11RulesHaveNoOtherOrder(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	a, b := MakeRule("doc").Actions("read").Fields("a").Obj(), MakeRule("doc").Actions("read").Condition("resource.id == '1'").Fields("b").Obj()
	want := with(allow(engine.ReasonRule), fields("a", "b"))
	decide(t, common, map[string]deciding{
		"one way":   {domain: ruled(a, b), req: ask("ann", "read", "doc/1", reading("a", "b")), want: want},
		"the other": {domain: ruled(b, a), req: ask("ann", "read", "doc/1", reading("a", "b")), want: want},
	})
}

func TestS12WhoDecided(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakePolicy().AppAccessRule(MakeRule("doc").Actions("read").Obj()).Obj(),
		MakeRole("r").AppAccess().Rule(MakeRule("doc").Actions("read").Condition("resource.id == '1'").Obj(), MakeRule("doc").Actions("read").Obj()).Obj(),
		MakeGroup("g").Members("ann").Rule(MakeRule("doc").Actions("read").Condition("resource.id == '1'").Obj()).Obj(),
		MakeUser("ann").Roles("r").Obj(),
	}
	decide(t, common, map[string]deciding{
		"every source of a live case, once": {req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Group/g", "PermissionPolicy/default", "Role/r")},
		"not those that are not live":       {req: ask("ann", "read", "doc/2"), want: allow(engine.ReasonRule, "PermissionPolicy/default", "Role/r")},
	})
}
