package engine_test

import (
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// ruled gives ann a role with some rules.
func ruled(rules ...v1alpha1.Rule) domain {
	return domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(rules...).Obj()}
}

// when is a rule that gives every action on doc under a condition.
func when(condition string) v1alpha1.Rule {
	return MakeRule("doc").Actions("*").Condition(condition).Obj()
}

func TestS8Conditions(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(),
		MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "open", "owner": "bob", "size": 3}).Obj(),
	}
	holds, fails := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonConditionNotMet)
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"true":                          {domain: ruled(when("resource.properties.status == 'open'")), req: read, want: holds},
		"false":                         {domain: ruled(when("resource.properties.status == 'done'")), req: read, want: fails},
		"an error":                      {domain: ruled(when("resource.properties.status < 3")), req: read, want: fails},
		"an unknown property":           {domain: ruled(when("resource.properties.nope == 1")), req: read, want: with(fails, missing("nope"))},
		"not an unknown property":       {domain: ruled(when("!(resource.properties.nope == 1)")), req: read, want: with(fails, missing("nope"))},
		"true || error":                 {domain: ruled(when("true || resource.properties.nope == 1")), req: read, want: holds},
		"error || true":                 {domain: ruled(when("resource.properties.nope == 1 || resource.properties.status == 'open'")), req: read, want: holds},
		"error && false":                {domain: ruled(when("resource.properties.nope == 1 && false")), req: read, want: with(fails, missing("nope"))},
		"no bool":                       {domain: ruled(when("resource.properties.status")), req: read, want: fails},
		"one that does not compile":     {domain: ruled(when("resource.properties.status ==")), req: read, want: fails},
		"one that cannot be a bool":     {domain: ruled(when("1 + 1")), req: read, want: fails},
		"a variable it does not have":   {domain: ruled(when("proposed.status == 'open'")), req: read, want: fails},
		"none":                          {domain: ruled(Full("doc")), req: read, want: holds},
		"one of two cases":              {domain: ruled(when("false"), when("resource.properties.size == 3")), req: read, want: holds},
		"a broken one beside a sound":   {domain: ruled(when("resource."), when("true")), req: read, want: holds},
		"only live cases decide":        {domain: join(ruled(when("false")), domain{MakeGroup("g").Members("ann").Rule(when("true")).Obj()}), req: read, want: allow(engine.ReasonRule, "Group/g")},
		"the request overlays, by key":  {domain: ruled(when("resource.properties.status == 'done' && resource.properties.owner == 'bob'")), req: ask("ann", "read", "doc/1", having(object{"status": "done"})), want: holds},
		"null overlays too":             {domain: ruled(when("has(resource.properties.status) && resource.properties.status == null")), req: ask("ann", "read", "doc/1", having(object{"status": nil})), want: holds},
		"a record that no set has":      {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "read", "doc/2"), want: with(fails, missing("status"))},
		"an Update sees what is stored": {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "update", "doc/1", submitting(object{"status": "done"})), want: holds},
		"not what it would store":       {domain: ruled(when("resource.properties.status == 'done'")), req: ask("ann", "update", "doc/1", submitting(object{"status": "done"})), want: fails},
		"a Delete sees what is stored":  {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "delete", "doc/1"), want: with(holds, fields())},
		"a Create sees what it would store": {
			domain: ruled(when("resource.properties.status == 'draft'")), req: ask("ann", "create", "doc/9", submitting(object{"status": "draft"})), want: holds,
		},
		"a Create without values submits the properties": {
			domain: ruled(when("resource.properties.status == 'draft'")), req: ask("ann", "create", "doc/9", having(object{"status": "draft"})), want: holds,
		},
		"a Create with values does not": {
			domain: ruled(when("resource.properties.status == 'draft'")), req: ask("ann", "create", "doc/9", having(object{"status": "draft"}), submitting(object{})),
			want: with(fails, missing("status")),
		},
		"a Create sees nothing that is stored": {
			domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "create", "doc/1", submitting(object{"owner": "ann"})), want: with(fails, missing("status")),
		},
		"an Update without values submits nothing": {
			domain: ruled(MakeRule("doc").Actions("update").Validation("proposed.status == 'open'", "").Obj()), req: ask("ann", "update", "doc/1"), want: holds,
		},
	})
}

func TestS8MissingProperties(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(),
		MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "open", "meta": object{"a": 1}}).Obj(),
	}
	lacks := func(names ...string) engine.Decision {
		return with(deny(engine.ReasonConditionNotMet), missing(names...))
	}
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"selecting":                        {domain: ruled(when("resource.properties.x == 1")), req: read, want: lacks("x")},
		"indexing":                         {domain: ruled(when("resource.properties['x y'] == 1")), req: read, want: lacks("x y")},
		"has()":                            {domain: ruled(when("has(resource.properties.x)")), req: read, want: lacks("x")},
		".?":                               {domain: ruled(when("resource.properties.?x.orValue(1) == 2")), req: read, want: lacks("x")},
		"in":                               {domain: ruled(when("'x' in resource.properties")), req: read, want: lacks("x")},
		"the top-level name":               {domain: ruled(when("resource.properties.x.y.z == 1")), req: read, want: lacks("x")},
		"not below a known property":       {domain: ruled(when("resource.properties.meta.b == 1")), req: read, want: lacks()},
		"each once, sorted":                {domain: ruled(when("resource.properties.z == 1 || resource.properties.a == 1 || resource.properties.z == 2")), req: read, want: lacks("a", "z")},
		"not what was not looked up: &&":   {domain: ruled(when("resource.properties.status == 'done' && resource.properties.x == 1")), req: read, want: lacks()},
		"not what was not looked up: ?":    {domain: ruled(when("resource.properties.status == 'done' ? resource.properties.x == 1 : resource.properties.y == 1")), req: read, want: lacks("y")},
		"of all conditions that failed":    {domain: ruled(when("resource.properties.b == 1"), when("resource.properties.a == 1")), req: read, want: lacks("a", "b")},
		"not of the subject's attributes":  {domain: ruled(when("subject.attributes.x == 1")), req: read, want: lacks()},
		"of claims, as such":               {domain: ruled(when("subject.properties.x == 1 || has(action.properties.y)")), req: read, want: with(lacks(), missingRequest("action.properties.y", "subject.properties.x"))},
		"not of claims that are ignored":   {domain: join(ruled(when("subject.properties.x == 1")), domain{MakePolicy().IgnoreSubjectProperties().Obj()}), req: read, want: lacks()},
		"of the context, as such":          {domain: ruled(when("context.x == 1")), req: read, want: with(lacks(), missingContext("x"))},
		"not where something else denies":  {domain: ruled(when("resource.properties.x == 1"), MakeRule("doc").Actions("read").Fields("status").Obj()), req: ask("ann", "read", "doc/1", reading("x")), want: with(deny(engine.ReasonFieldNotAllowed), fields("x"))},
		"none where a condition is broken": {domain: ruled(when("resource.properties.x ==")), req: read, want: lacks()},
		"of a Create: unknown in what would be stored": {domain: ruled(when("resource.properties.x == 1 && resource.properties.y == 1")), req: ask("ann", "create", "doc/2", submitting(object{"x": int64(1)})), want: lacks("y")},
		"of validations, what else the request lacks": {
			domain: ruled(MakeRule("doc").Actions("update").Validation("context.ticket != ''", "a ticket").Obj()), req: ask("ann", "update", "doc/1"),
			want: with(deny(engine.ReasonValidationFailed), messages("a ticket"), missingContext("ticket")),
		},
		"not of validations": {
			domain: ruled(MakeRule("doc").Actions("update").Validation("proposed.x == 1", "x is 1").Obj()), req: ask("ann", "update", "doc/1"),
			want: with(deny(engine.ReasonValidationFailed), messages("x is 1")),
		},
	})
}

func TestS8Proposed(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(),
		MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "stored", "kept": "stored"}).Obj(),
		MakeUserPermission("up", "company", "c1", "c2").User("ann").Default("c1").Obj(),
	}
	// The rule's validation says what proposed must be.
	must := func(expression string, changes ...func(*RuleBuilder)) domain {
		rule := MakeRule("doc").Actions("*").Validation(expression, "not so")
		for _, change := range changes {
			change(rule)
		}
		return ruled(rule.Obj())
	}
	preset := func(key string, value any) func(*RuleBuilder) { return func(b *RuleBuilder) { b.Preset(key, value) } }
	computed := func(key, source string) func(*RuleBuilder) {
		return func(b *RuleBuilder) { b.PresetExpression(key, source) }
	}
	stored := having(object{"company": "c2", "kept": "given"})
	holds := func(values object) engine.Decision { return with(allow(engine.ReasonRule, "Role/r"), presets(values)) }
	update := func(values object) *engine.Request { return ask("ann", "update", "doc/1", stored, submitting(values)) }
	create := func(values object) *engine.Request { return ask("ann", "create", "doc/9", submitting(values)) }
	decide(t, common, map[string]deciding{
		"Update: what is stored":                  {domain: must("proposed == {'status': 'stored', 'kept': 'given', 'company': 'c2'}"), req: update(object{}), want: holds(nil)},
		"Update: presets over what is stored":     {domain: must("proposed.status == 'preset'", preset("status", "preset")), req: update(object{}), want: holds(object{"status": "preset"})},
		"Update: submitted values over presets":   {domain: must("proposed.status == 'sent'", preset("status", "preset")), req: update(object{"status": "sent"}), want: holds(nil)},
		"Update: a submitted null":                {domain: must("proposed.status == null", preset("status", "preset")), req: update(object{"status": nil}), want: holds(nil)},
		"Update: no defaults":                     {domain: must("!has(proposed.company)"), req: ask("ann", "update", "doc/1", having(object{}), submitting(object{})), want: with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "company", Allow: "company", Cause: engine.CauseMissing}), missing("company"))},
		"Create: nothing is stored":               {domain: must("proposed == {'company': 'c1', 'a': 1}"), req: ask("ann", "create", "doc/1", stored, submitting(object{"a": int64(1)})), want: holds(object{"company": "c1"})},
		"Create: presets over defaults":           {domain: must("proposed.company == 'c2'", preset("company", "c2")), req: create(object{}), want: holds(object{"company": "c2"})},
		"Create: submitted values over defaults":  {domain: must("proposed.company == 'c2'"), req: create(object{"company": "c2"}), want: holds(nil)},
		"computed presets over plain ones":        {domain: must("proposed.by == 'ann'", preset("by", "x"), computed("by", "subject.id")), req: create(object{}), want: holds(object{"by": "ann", "company": "c1"})},
		"a computed one in error: the plain one":  {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "context.nope")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"a computed one in error: what is stored": {domain: must("proposed.status == 'stored'", computed("status", "1 / 0")), req: update(object{}), want: holds(nil)},
		"a computed one in error: the default":    {domain: must("proposed.company == 'c1'", computed("company", "subject.attributes.company")), req: create(object{}), want: holds(object{"company": "c1"})},
		"a computed one in error: nothing":        {domain: must("!has(proposed.by)", computed("by", "context.nope")), req: create(object{}), want: holds(object{"company": "c1"})},
		"one that does not compile":               {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "subject.")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"without a JSON value: bytes":             {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "b'x'")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"without a JSON value: a duration":        {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "now - now")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"without a JSON value: an empty optional": {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "optional.none()")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"without a JSON value: infinity":          {domain: must("proposed.by == 'x'", preset("by", "x"), computed("by", "1.0 / 0.0")), req: create(object{}), want: holds(object{"by": "x", "company": "c1"})},
		"a time becomes RFC 3339 text":            {domain: must("proposed.at == '2026-06-01T12:00:00Z'", computed("at", "now")), req: create(object{}), want: holds(object{"at": "2026-06-01T12:00:00Z", "company": "c1"})},
		"a time within a list too":                {domain: must("proposed.at == ['2026-06-01T12:00:00Z']", computed("at", "[now]")), req: create(object{}), want: holds(object{"at": list{"2026-06-01T12:00:00Z"}, "company": "c1"})},
		"null is a JSON value":                    {domain: must("proposed.by == null", preset("by", "x"), computed("by", "null")), req: create(object{}), want: holds(object{"by": nil, "company": "c1"})},
		"a computed one sees subject, action, context and now": {
			domain: must("proposed.by == ['ann', 'create', 'w', 2026]", computed("by", "[subject.id, action.name, context.why, now.getFullYear()]")),
			req:    ask("ann", "create", "doc/9", submitting(object{}), about(object{"why": "w"})), want: holds(object{"by": list{"ann", "create", "w", int64(2026)}, "company": "c1"}),
		},
		"a computed one sees no resource": {domain: must("!has(proposed.by)", computed("by", "resource.id")), req: create(object{}), want: holds(object{"company": "c1"})},
		"a computed one sees what is submitted": {
			domain: must("proposed.copy == 'sent'", computed("copy", "action.properties.values.title")), req: create(object{"title": "sent"}), want: holds(object{"copy": "sent", "company": "c1"}),
		},
		"a preset may be any JSON": {domain: must("proposed.by == {'a': [1, 2.5, null]}", preset("by", object{"a": list{1, 2.5, nil}})), req: create(object{}), want: holds(object{"by": object{"a": list{int64(1), 2.5, nil}}, "company": "c1"})},
		"only the presets of the case itself": {
			domain: ruled(
				MakeRule("doc").Actions("*").Validation("proposed.?status.orValue('') != 'other'", "not so").Obj(),
				MakeRule("doc").Actions("*").Condition("false").Preset("status", "other").Obj(),
			),
			req: create(object{}), want: holds(object{"company": "c1"}),
		},
	})
}

func TestS8Validations(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "open"}).Obj()}
	validated := func(pairs ...string) v1alpha1.Rule {
		rule := MakeRule("doc").Actions("*")
		for i := 0; i < len(pairs); i += 2 {
			rule.Validation(pairs[i], pairs[i+1])
		}
		return rule.Obj()
	}
	holds := allow(engine.ReasonRule, "Role/r")
	invalid := func(texts ...string) engine.Decision {
		return with(deny(engine.ReasonValidationFailed), messages(texts...))
	}
	update := ask("ann", "update", "doc/1", submitting(object{"size": int64(3)}))
	decide(t, common, map[string]deciding{
		"every one is true":           {domain: ruled(validated("proposed.size == 3", "a", "proposed.status == 'open'", "b")), req: update, want: holds},
		"one is false":                {domain: ruled(validated("proposed.size == 3", "a", "proposed.size == 4", "b")), req: update, want: invalid("b")},
		"an error is false":           {domain: ruled(validated("proposed.nope == 3", "a")), req: update, want: invalid("a")},
		"one that does not compile":   {domain: ruled(validated("proposed.size ==", "a")), req: update, want: invalid("a")},
		"without a message":           {domain: ruled(validated("proposed.size > 3", "")), req: update, want: invalid("proposed.size > 3")},
		"all that fail, sorted":       {domain: ruled(validated("proposed.size > 3", "z", "proposed.size > 4", "a")), req: update, want: invalid("a", "z")},
		"the same message once":       {domain: ruled(validated("proposed.size > 3", "a", "proposed.size > 4", "a")), req: update, want: invalid("a")},
		"they see what is stored too": {domain: ruled(validated("resource.properties.status == 'open' && !has(resource.properties.size)", "a")), req: update, want: holds},
		"of a Create, resource is what would be stored": {
			domain: ruled(validated("resource.properties.size == 3 && !has(resource.properties.status)", "a")), req: ask("ann", "create", "doc/1", submitting(object{"size": int64(3)})), want: holds,
		},
		"not for a Read":                   {domain: ruled(validated("false", "a")), req: ask("ann", "read", "doc/1"), want: holds},
		"not for a Delete":                 {domain: ruled(validated("false", "a")), req: ask("ann", "delete", "doc/1"), want: with(holds, fields())},
		"for any action of class Update":   {domain: join(ruled(validated("false", "a")), domain{MakeResourceType("doc").Action("submit", v1alpha1.ClassUpdate).Obj()}), req: ask("ann", "submit", "doc/1"), want: invalid("a")},
		"a case that passes is enough":     {domain: ruled(validated("false", "a"), Full("doc")), req: update, want: holds},
		"of all cases that only they fail": {domain: ruled(validated("false", "b"), validated("false", "a")), req: update, want: invalid("a", "b")},
		"one case by its condition, one by its validation": {
			domain: ruled(when("resource.properties.nope == 1"), validated("false", "a")), req: update, want: invalid("a"),
		},
		"not of a case that fails by its condition": {
			domain: ruled(MakeRule("doc").Actions("*").Condition("resource.properties.nope == 1").Validation("false", "a").Obj()), req: update,
			want: with(deny(engine.ReasonConditionNotMet), missing("nope")),
		},
	})
}

func TestS8WhatIsStoredMustItselfBeAllowed(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRecordSet("set", "doc").Record("1", "", map[string]any{"status": "open"}).Obj()}
	rule := func() *RuleBuilder { return MakeRule("doc").Actions("*") }
	// The rules of a role follow each other, so the presets of the later ones win.
	decide(t, common, map[string]deciding{
		"cases that agree": {
			domain: ruled(rule().Preset("a", 1).Validation("proposed.a == 1", "a").Obj(), rule().Preset("b", 2).Validation("proposed.b == 2", "b").Obj()),
			req:    ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), presets(object{"a": int64(1), "b": int64(2)})),
		},
		"one that fails with the other's preset is not live": {
			domain: ruled(rule().Fields("x").Preset("a", 1).Validation("!has(proposed.b)", "no b").Obj(), rule().Fields("y").Preset("b", 2).Obj()),
			req:    ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), fields("y"), presets(object{"b": int64(2)})),
		},
		"all that fail go at once": {
			// Both want the other's preset to be absent; neither is left, although either alone would pass.
			domain: ruled(rule().Preset("a", 1).Validation("!has(proposed.b)", "no b").Obj(), rule().Preset("b", 2).Validation("!has(proposed.a)", "no a").Obj()),
			req:    ask("ann", "update", "doc/1"), want: with(deny(engine.ReasonValidationFailed), messages("no a", "no b")),
		},
		"it is looked at again": {
			// The third goes first, by the second's preset; then the first does not get the third's any more.
			domain: ruled(
				rule().Fields("x").Validation("!has(proposed.a) || proposed.c == 3", "a with c").Obj(),
				rule().Fields("y").Preset("a", 1).Obj(),
				rule().Fields("z").Preset("c", 3).Validation("!has(proposed.a)", "no a").Obj(),
			),
			req: ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), fields("y"), presets(object{"a": int64(1)})),
		},
		"looked at again with what is left only": {
			// The first goes by the second's preset, and with it its own preset, which the third could not bear.
			domain: ruled(
				rule().Fields("x").Preset("a", 1).Validation("!has(proposed.b)", "no b").Obj(),
				rule().Fields("y").Preset("b", 2).Obj(),
			),
			req: ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), fields("y"), presets(object{"b": int64(2)})),
		},
		"a submitted value does not yield": {
			domain: ruled(rule().Fields("a").Validation("proposed.a == 5", "five").Obj(), rule().Fields("b").Preset("a", 1).Obj()),
			req:    ask("ann", "update", "doc/1", submitting(object{"a": int64(5)})), want: with(allow(engine.ReasonRule), fields("a", "b")),
		},
		"a Create's condition is asked again": {
			domain: ruled(
				rule().Fields("x").Condition("resource.properties.?a.orValue(0) == 0").Obj(),
				rule().Fields("y").Preset("a", 1).Obj(),
			),
			req: ask("ann", "create", "doc/9"), want: with(allow(engine.ReasonRule), fields("y"), presets(object{"a": int64(1)})),
		},
		"an Update's condition is not: it sees what is stored": {
			domain: ruled(
				rule().Fields("x").Condition("resource.properties.status == 'open'").Obj(),
				rule().Fields("y").Preset("status", "done").Obj(),
			),
			req: ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), fields("x", "y"), presets(object{"status": "done"})),
		},
		"failing together by the condition only": {
			domain: ruled(
				rule().Preset("b", 2).Condition("!has(resource.properties.a)").Obj(),
				rule().Preset("a", 1).Condition("!has(resource.properties.b)").Obj(),
			),
			// The cases passed alone, so nothing was missing when they failed; what was looked up then was known.
			req: ask("ann", "create", "doc/9"), want: deny(engine.ReasonConditionNotMet),
		},
		"failing then by a validation, before by a condition": {
			domain: ruled(
				when("resource.properties.nope == 1"),
				rule().Preset("a", 1).Validation("!has(proposed.b)", "no b").Obj(), rule().Preset("b", 2).Validation("!has(proposed.a)", "no a").Obj(),
			),
			req: ask("ann", "update", "doc/1"), want: with(deny(engine.ReasonValidationFailed), messages("no a", "no b")),
		},
		"across roles and groups": {
			domain: join(ruled(rule().Fields("x").Preset("a", 1).Obj()), domain{MakeGroup("g").Members("ann").Rule(rule().Fields("y").Validation("!has(proposed.a)", "no a").Obj()).Obj()}),
			req:    ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule, "Role/r"), fields("x"), presets(object{"a": int64(1)})),
		},
	})
}

func TestCELVariables(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(),
		MakeUser("ann").Staff().Roles("r", "guarded").Attribute("level", 3).Attribute("tags", list{"x"}).Obj(),
		MakeRole("guarded").RequireMFA().Obj(), MakeGroup("h").Groups("g").Obj(), MakeGroup("g").Members("ann").Obj(),
	}
	conditions := map[string]string{
		"subject.type":                      "subject.type == 'user'",
		"subject.id":                        "subject.id == 'ann'",
		"subject.groups":                    "subject.groups == ['g', 'h']",
		"subject.roles, the eligible ones":  "subject.roles == ['r']",
		"subject.staff":                     "subject.staff",
		"subject.attributes":                "subject.attributes == {'level': 3, 'tags': ['x']}",
		"subject.properties":                "subject.properties == {'claim': 'c'}",
		"action.name":                       "action.name == 'read'",
		"action.properties":                 "action.properties == {'why': 'because'}",
		"resource.type":                     "resource.type == 'doc'",
		"resource.id":                       "resource.id == '1'",
		"resource.properties":               "resource.properties == {'size': 2}",
		"context":                           "context == {'ip': '10.0.0.1'}",
		"now":                               "now == timestamp('2026-06-01T12:00:00Z')",
		"now, its parts in UTC":             "now.getHours() == 12 && now.getDayOfWeek() == 1",
		"comparison across number types":    "subject.attributes.level == 3.0 && resource.properties.size < 2.5 && resource.properties.size in [2.0]",
		"the strings extension":             "subject.id.upperAscii() == 'ANN' && 'a,b'.split(',') == ['a', 'b']",
		"optional types":                    "resource.properties.?nope.orValue(7) == 7 && resource.properties[?'size'].hasValue()",
		"macros":                            "subject.groups.exists(g, g == 'h') && subject.groups.all(g, size(g) == 1)",
		"a dynamic property in a list":      "resource.properties.size in [1, 2]",
		"has() of an unknown property":      "!has(resource.properties.nope)",
		"has() of an unknown attribute":     "!has(subject.attributes.nope)",
		"an unknown property means unknown": "!has(resource.properties.status) || resource.properties.status == 'active'",
	}
	cases := map[string]deciding{}
	req := ask("ann", "read", "doc/1", claims(object{"claim": "c"}), actionProperty("why", "because"), having(object{"size": int64(2)}), about(object{"ip": "10.0.0.1"}))
	for name, condition := range conditions {
		cases[name] = deciding{domain: domain{MakeRole("r").Rule(when(condition)).Obj()}, req: req, want: allow(engine.ReasonRule, "Role/r")}
	}
	cases["missing maps are {}"] = deciding{
		domain: ruled(when("subject.attributes == {} && subject.properties == {} && action.properties == {} && resource.properties == {} && context == {}")),
		req:    ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/r"),
	}
	for name, condition := range map[string]string{
		"proposed is for validations only": "proposed == {}",
		"there is no request":              "request == null",
		"subject has no superuser":         "subject.superuser == false",
	} {
		cases[name] = deciding{domain: domain{MakeRole("r").Rule(when(condition)).Obj()}, req: req, want: deny(engine.ReasonConditionNotMet)}
	}
	decide(t, common, cases)
}

func TestCELNumbers(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(),
		MakeRecordSet("set", "doc").Obj(),
	}
	raw := func(text string) domain {
		set := MakeRecordSet("set", "doc").Record("1", "", map[string]any{}).Obj()
		set.Spec.Records[0].Properties["n"] = v1alpha1.JSON{Raw: []byte(text)}
		return domain{set}
	}
	is := func(text, condition string) deciding {
		return deciding{domain: join(ruled(when(condition)), raw(text)), req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)}
	}
	decide(t, common, map[string]deciding{
		"an integer is int":              is("1", "type(resource.properties.n) == int"),
		"1.0 is double":                  is("1.0", "type(resource.properties.n) == double && resource.properties.n == 1"),
		"1e3 is double":                  is("1e3", "type(resource.properties.n) == double && resource.properties.n == 1000"),
		"a large integer is exact":       is("9007199254740993", "resource.properties.n == 9007199254740993"),
		"beyond 64 bits is double":       is("9223372036854775808", "type(resource.properties.n) == double"),
		"a string that looks like one":   is(`"1"`, "resource.properties.n == '1' && resource.properties.n != 1"),
		"integers do not divide to half": is("7", "resource.properties.n / 2 == 3"),
	})
}

func TestCELCostLimit(t *testing.T) {
	// 10^4 elements four times within each other cost far more than 1,000,000.
	digits := "[" + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + "]"
	costly := digits + ".all(a, " + digits + ".all(b, " + digits + ".all(c, a == b && b == c)))"
	common := domain{MakeResourceType("doc").Obj()}
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"beyond it is an error, so false":   {domain: ruled(when(costly)), req: read, want: deny(engine.ReasonConditionNotMet)},
		"not of it is an error too":         {domain: ruled(when("!" + costly)), req: read, want: deny(engine.ReasonConditionNotMet)},
		"within it is no matter":            {domain: ruled(when(digits + ".all(a, " + digits + ".all(b, a == b))")), req: read, want: allow(engine.ReasonRule)},
		"a validation beyond it is false":   {domain: ruled(MakeRule("doc").Actions("*").Validation(costly, "too much").Obj()), req: ask("ann", "update", "doc/1"), want: with(deny(engine.ReasonValidationFailed), messages("too much"))},
		"a member condition beyond it":      {domain: domain{MakeGroup("g").MemberCondition(costly).Rule(Full("doc")).Obj()}, req: read, want: deny(engine.ReasonNoRule)},
		"a preset beyond it is left out":    {domain: ruled(MakeRule("doc").Actions("*").Preset("a", 1).PresetExpression("a", costly).Obj()), req: ask("ann", "update", "doc/1"), want: with(allow(engine.ReasonRule), presets(object{"a": int64(1)}))},
		"each call has its own":             {domain: ruled(when("false"), when("true")), req: read, want: allow(engine.ReasonRule)},
		"one neighbour beyond it harms not": {domain: ruled(when(costly), when("true")), req: read, want: allow(engine.ReasonRule)},
	})
}
