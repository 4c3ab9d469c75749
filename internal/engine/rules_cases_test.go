package engine_test

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

const (
	full          = v1alpha1.AccessFull
	readOnly      = v1alpha1.AccessReadOnly
	none          = v1alpha1.AccessNone
	notApplicable = v1alpha1.AccessNotApplicable
)

func TestS6Levels(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Areas("sales", "print").Obj(),
		MakeResourceType("own").Action("view", v1alpha1.ClassRead).Action("print", v1alpha1.ClassRead).Action("submit", v1alpha1.ClassUpdate).Obj(),
		MakeUser("ann").Roles("all").Obj(), MakeRole("all").Rule(Full("*")).Obj(),
	}
	gives, refuses := allow(engine.ReasonSpecialPermission, "SpecialPermission/sp"), with(deny(engine.ReasonSpecialPermission), func(d *engine.Decision) { d.DecidedBy = refs("SpecialPermission/sp") })
	byRule := allow(engine.ReasonRule, "Role/all")
	special := func(access v1alpha1.Access, on ...string) domain {
		return domain{MakeSpecialPermission("sp", "ann").On(access, on...).Obj()}
	}
	areas := func(access v1alpha1.Access, on ...string) domain {
		return domain{MakeSpecialPermission("sp", "ann").OnAreas(access, on...).Obj()}
	}
	decide(t, common, map[string]deciding{
		"None refuses reading":                        {domain: special(none, "doc"), req: ask("ann", "read", "doc/1"), want: refuses},
		"None refuses writing":                        {domain: special(none, "doc"), req: ask("ann", "update", "doc/1"), want: refuses},
		"ReadOnly gives reading":                      {domain: special(readOnly, "doc"), req: ask("ann", "read", "doc/1"), want: gives},
		"ReadOnly refuses creating":                   {domain: special(readOnly, "doc"), req: ask("ann", "create", "doc/1"), want: refuses},
		"ReadOnly refuses updating":                   {domain: special(readOnly, "doc"), req: ask("ann", "update", "doc/1"), want: refuses},
		"ReadOnly refuses deleting":                   {domain: special(readOnly, "doc"), req: ask("ann", "delete", "doc/1"), want: refuses},
		"ReadOnly gives every action of class Read":   {domain: special(readOnly, "own"), req: ask("ann", "print", "own/1"), want: gives},
		"ReadOnly goes by the class, not the name":    {domain: special(readOnly, "own"), req: ask("ann", "submit", "own/1"), want: refuses},
		"Full gives every action":                     {domain: special(full, "doc"), req: ask("ann", "delete", "doc/1"), want: with(gives, fields())},
		"NotApplicable says nothing":                  {domain: special(notApplicable, "doc"), req: ask("ann", "read", "doc/1"), want: byRule},
		"another type":                                {domain: special(none, "own"), req: ask("ann", "read", "doc/1"), want: byRule},
		"every type":                                  {domain: special(none, "*"), req: ask("ann", "read", "doc/1"), want: refuses},
		"an area of the type":                         {domain: areas(none, "stock", "print"), req: ask("ann", "read", "doc/1"), want: refuses},
		"another area":                                {domain: areas(none, "stock"), req: ask("ann", "read", "doc/1"), want: byRule},
		"an area is no type":                          {domain: special(none, "sales"), req: ask("ann", "read", "doc/1"), want: byRule},
		"a type is no area":                           {domain: areas(none, "doc", "*"), req: ask("ann", "read", "doc/1"), want: byRule},
		"of another user":                             {domain: domain{MakeSpecialPermission("sp", "bob").On(none, "doc").Obj()}, req: ask("ann", "read", "doc/1"), want: byRule},
		"before its window":                           {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "doc").In("2026-06-01T12:00:01Z", "").Obj()}, req: ask("ann", "read", "doc/1"), want: byRule},
		"from its first second":                       {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "doc").In(noon, "").Obj()}, req: ask("ann", "read", "doc/1"), want: refuses},
		"after its window":                            {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "doc").In("", noon).Obj()}, req: ask("ann", "read", "doc/1"), want: byRule},
		"it gives what no rule gives":                 {domain: domain{MakeSpecialPermission("sp", "zoe").On(full, "doc").Obj()}, req: ask("zoe", "update", "doc/1"), want: gives},
		"what it refuses, an unrestricted type keeps": {domain: join(special(none, "open"), domain{MakeResourceType("open").Unrestricted().Obj()}), req: ask("ann", "read", "open/1"), want: refuses},
	})
}

func TestS6MostRestrictiveWins(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Areas("sales").Obj(), MakeUser("ann").Roles("all").Obj(), MakeRole("all").Rule(Full("*")).Obj(),
	}
	sp := func(name string, access v1alpha1.Access, on ...string) *v1alpha1.SpecialPermission {
		return MakeSpecialPermission(name, "ann").On(access, on...).Obj()
	}
	refusedBy := func(by ...string) engine.Decision {
		return with(deny(engine.ReasonSpecialPermission), func(d *engine.Decision) { d.DecidedBy = refs(by...) })
	}
	read, update := ask("ann", "read", "doc/1"), ask("ann", "update", "doc/1")
	decide(t, common, map[string]deciding{
		"None over Full":                        {domain: domain{sp("a", full, "doc"), sp("b", none, "doc")}, req: read, want: refusedBy("SpecialPermission/b")},
		"None over ReadOnly":                    {domain: domain{sp("a", none, "doc"), sp("b", readOnly, "doc")}, req: read, want: refusedBy("SpecialPermission/a")},
		"ReadOnly over Full":                    {domain: domain{sp("a", full, "doc"), sp("b", readOnly, "doc")}, req: update, want: refusedBy("SpecialPermission/b")},
		"ReadOnly over Full, and reads":         {domain: domain{sp("a", full, "doc"), sp("b", readOnly, "doc")}, req: read, want: allow(engine.ReasonSpecialPermission, "SpecialPermission/b")},
		"by an area or by name is the same":     {domain: domain{sp("a", full, "doc"), MakeSpecialPermission("b", "ann").OnAreas(none, "sales").Obj()}, req: read, want: refusedBy("SpecialPermission/b")},
		"by every type or by name is the same":  {domain: domain{sp("a", full, "doc"), sp("b", none, "*")}, req: read, want: refusedBy("SpecialPermission/b")},
		"entries of one object":                 {domain: domain{MakeSpecialPermission("a", "ann").On(full, "doc").On(readOnly, "*").Obj()}, req: update, want: refusedBy("SpecialPermission/a")},
		"those of the same level decide":        {domain: domain{sp("a", none, "*"), sp("b", full, "doc"), sp("c", none, "doc")}, req: read, want: refusedBy("SpecialPermission/a", "SpecialPermission/c")},
		"of the same level, giving":             {domain: domain{sp("a", full, "*"), sp("b", full, "doc")}, req: update, want: allow(engine.ReasonSpecialPermission, "SpecialPermission/a", "SpecialPermission/b")},
		"only those in force":                   {domain: domain{sp("a", full, "doc"), MakeSpecialPermission("b", "ann").On(none, "doc").In("", noon).Obj()}, req: update, want: allow(engine.ReasonSpecialPermission, "SpecialPermission/a")},
		"NotApplicable takes nothing back":      {domain: domain{sp("a", none, "*"), sp("b", notApplicable, "doc")}, req: read, want: refusedBy("SpecialPermission/a")},
		"NotApplicable beside one that gives":   {domain: domain{sp("a", full, "*"), sp("b", notApplicable, "doc")}, req: update, want: allow(engine.ReasonSpecialPermission, "SpecialPermission/a")},
		"NotApplicable in another entry of one": {domain: domain{MakeSpecialPermission("a", "ann").On(notApplicable, "doc").On(none, "*").Obj()}, req: read, want: refusedBy("SpecialPermission/a")},
	})
}

func TestS6IsUnconditional(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(),
		MakeRole("narrow").Rule(
			MakeRule("doc").Actions("*").Condition("false").Fields("title").Validation("false", "never").Preset("status", "new").Obj(),
		).Obj(),
		MakeRole("guarded").RequireMFA().Rule(Full("doc")).Obj(),
		MakeUser("ann").Roles("narrow", "guarded").Obj(),
		MakeSpecialPermission("sp", "ann").On(full, "doc").Obj(),
	}
	gives := allow(engine.ReasonSpecialPermission, "SpecialPermission/sp")
	restricted := domain{MakeUserPermission("up", "company", "c1", "c2").User("ann").Default("c1").Obj()}
	decide(t, common, map[string]deciding{
		"no condition":                      {req: ask("ann", "read", "doc/1"), want: gives},
		"on all fields":                     {req: ask("ann", "read", "doc/1", reading("body", "*")), want: gives},
		"with no validations or presets":    {req: ask("ann", "create", "doc/1", submitting(object{"body": "x"})), want: gives},
		"S9 still applies, without step-up": {domain: restricted, req: ask("ann", "read", "doc/1", having(object{"company": "c3"})), want: with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "company", Value: "c3", Allow: "company", Cause: engine.CauseNotAllowed}))},
		"S11 still applies":                 {domain: restricted, req: ask("ann", "create", "doc/1", submitting(object{"body": "x"})), want: with(gives, presets(object{"company": "c1"}))},
		"a denial carries no step-up": {
			domain: domain{MakeSpecialPermission("no", "ann").On(none, "doc").Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonSpecialPermission),
		},
	})
}

func TestS7Unrestricted(t *testing.T) {
	common := domain{
		MakeResourceType("open").Unrestricted().Link("company", "company").Obj(),
		MakeRole("narrow").Rule(MakeRule("open").Actions("read").Condition("false").Fields("title").Preset("status", "new").Obj()).Obj(),
		MakeRole("guarded").RequireMFA().Rule(Full("open")).Obj(),
	}
	open := allow(engine.ReasonUnrestrictedType, "ResourceType/open")
	decide(t, common, map[string]deciding{
		"a known user":                     {domain: domain{MakeUser("ann").Obj()}, req: ask("ann", "read", "open/1"), want: open},
		"an unknown user":                  {req: ask("zoe", "update", "open/1"), want: open},
		"every action":                     {req: ask("zoe", "delete", "open/1"), want: with(open, fields())},
		"unconditionally, whatever rules":  {domain: domain{MakeUser("ann").Roles("narrow").Obj()}, req: ask("ann", "create", "open/1", submitting(object{"body": "x"})), want: open},
		"not the anonymous subject":        {req: ask("ann", "read", "open/1", anonymous), want: deny(engine.ReasonNoRule)},
		"the anonymous subject by a rule":  {domain: domain{MakeRole("public").Rule(ReadOnly("open")).Obj()}, req: ask("", "read", "open/1", anonymous), want: allow(engine.ReasonRule, "Role/public")},
		"not a user that is disabled":      {domain: domain{MakeUser("ann").Disabled().Obj()}, req: ask("ann", "read", "open/1"), want: deny(engine.ReasonUserDisabled)},
		"user permissions restrict it":     {domain: domain{MakeUserPermission("up", "company", "c1").User("ann").Obj()}, req: ask("ann", "read", "open/1", having(object{"company": "c2"})), want: with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "company", Value: "c2", Allow: "company", Cause: engine.CauseNotAllowed}))},
		"a denial of it carries no stepup": {domain: domain{MakeUser("ann").Roles("guarded").Obj(), MakeUserPermission("up", "open", "2").User("ann").Obj()}, req: ask("ann", "read", "open/1"), want: with(deny(engine.ReasonUserPermission), violations(engine.Violation{Field: "id", Value: "1", Allow: "open", Cause: engine.CauseNotAllowed}))},
	})
}

func TestS7WhatARuleNames(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Areas("sales", "print").Obj(), MakeResourceType("bill").Areas("sales").Obj(), MakeResourceType("plain").Obj(),
		MakeUser("ann").Roles("r").Obj(),
	}
	role := func(rules ...v1alpha1.Rule) domain { return domain{MakeRole("r").Rule(rules...).Obj()} }
	gives, not := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonNoRule)
	decide(t, common, map[string]deciding{
		"a type by name":             {domain: role(Full("plain", "doc")), req: ask("ann", "read", "doc/1"), want: gives},
		"another type":               {domain: role(Full("plain", "doc")), req: ask("ann", "read", "bill/1"), want: not},
		"every type":                 {domain: role(Full("*")), req: ask("ann", "read", "plain/1"), want: gives},
		"an area":                    {domain: role(MakeRule().Areas("print").Access(full).Obj()), req: ask("ann", "read", "doc/1"), want: gives},
		"any of the areas":           {domain: role(MakeRule().Areas("stock", "sales").Access(full).Obj()), req: ask("ann", "read", "bill/1"), want: gives},
		"another area":               {domain: role(MakeRule().Areas("print").Access(full).Obj()), req: ask("ann", "read", "bill/1"), want: not},
		"a type that has no area":    {domain: role(MakeRule().Areas("print", "").Access(full).Obj()), req: ask("ann", "read", "plain/1"), want: not},
		"a type or an area: area":    {domain: role(MakeRule("plain").Areas("print").Access(full).Obj()), req: ask("ann", "read", "doc/1"), want: gives},
		"a type or an area: type":    {domain: role(MakeRule("plain").Areas("print").Access(full).Obj()), req: ask("ann", "read", "plain/1"), want: gives},
		"nothing":                    {domain: role(MakeRule().Access(full).Obj()), req: ask("ann", "read", "doc/1"), want: not},
		"a pattern that is no \"*\"": {domain: role(Full("d*")), req: ask("ann", "read", "doc/1"), want: not},
		"an area is no \"*\"":        {domain: role(MakeRule().Areas("*").Access(full).Obj()), req: ask("ann", "read", "doc/1"), want: not},
		"a type's name is no area":   {domain: role(MakeRule().Areas("doc").Access(full).Obj()), req: ask("ann", "read", "doc/1"), want: not},
	})
}

func TestS7WhatARuleGives(t *testing.T) {
	// read ← print ← sign, create → submit → read; erase → erase; view is of class Read, and nothing implies it.
	common := domain{
		MakeResourceType("doc").
			Action("view", v1alpha1.ClassRead).Action("read", v1alpha1.ClassRead, "touch").
			Action("print", v1alpha1.ClassRead, "read").Action("sign", v1alpha1.ClassUpdate, "print").
			Action("touch", v1alpha1.ClassUpdate).Action("erase", v1alpha1.ClassDelete, "erase", "burn").Action("burn", v1alpha1.ClassDelete, "erase").
			Action("dream", v1alpha1.ClassRead, "unheard").Obj(),
		MakeUser("ann").Roles("r").Obj(),
	}
	actions := func(names ...string) domain {
		return domain{MakeRole("r").Rule(MakeRule("doc").Actions(names...).Obj()).Obj()}
	}
	access := func(level v1alpha1.Access, names ...string) domain {
		return domain{MakeRole("r").Rule(MakeRule("doc").Access(level).Actions(names...).Obj()).Obj()}
	}
	gives, not := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonNoRule)
	deletes := with(gives, fields())
	decide(t, common, map[string]deciding{
		"an action by name":                       {domain: actions("view", "touch"), req: ask("ann", "touch", "doc/1"), want: gives},
		"another action":                          {domain: actions("view", "touch"), req: ask("ann", "read", "doc/1"), want: not},
		"every action":                            {domain: actions("*"), req: ask("ann", "erase", "doc/1"), want: deletes},
		"an action that one implies":              {domain: actions("print"), req: ask("ann", "read", "doc/1"), want: gives},
		"an action that one implies, transitive":  {domain: actions("sign"), req: ask("ann", "touch", "doc/1"), want: gives},
		"not the action that implies":             {domain: actions("read"), req: ask("ann", "print", "doc/1"), want: not},
		"actions that imply each other":           {domain: actions("burn"), req: ask("ann", "erase", "doc/1"), want: deletes},
		"an implied action that is not declared":  {domain: actions("dream"), req: ask("ann", "unheard", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"an action that the type does not have":   {domain: actions("unheard"), req: ask("ann", "view", "doc/1"), want: not},
		"Full: every action":                      {domain: access(full), req: ask("ann", "burn", "doc/1"), want: deletes},
		"ReadOnly: an action of class Read":       {domain: access(readOnly), req: ask("ann", "view", "doc/1"), want: gives},
		"ReadOnly: another of class Read":         {domain: access(readOnly), req: ask("ann", "print", "doc/1"), want: gives},
		"ReadOnly: no other class":                {domain: access(readOnly), req: ask("ann", "sign", "doc/1"), want: not},
		"ReadOnly: not what its actions imply":    {domain: access(readOnly), req: ask("ann", "touch", "doc/1"), want: not},
		"None gives nothing":                      {domain: access(none), req: ask("ann", "view", "doc/1"), want: not},
		"neither access nor actions":              {domain: access(""), req: ask("ann", "view", "doc/1"), want: not},
		"access and actions: access gives less":   {domain: access(readOnly, "touch", "*"), req: ask("ann", "touch", "doc/1"), want: not},
		"access and actions: access gives more":   {domain: access(full, "view"), req: ask("ann", "touch", "doc/1"), want: gives},
		"access and actions: None":                {domain: access(none, "view"), req: ask("ann", "view", "doc/1"), want: not},
		"None takes nothing from another rule":    {domain: domain{MakeRole("r").Rule(MakeRule("doc").Access(none).Obj(), Full("doc")).Obj()}, req: ask("ann", "view", "doc/1"), want: gives},
		"a name that is another type's usual one": {domain: actions("update"), req: ask("ann", "touch", "doc/1"), want: not},
	})
}

func TestS7WhoseRules(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakeResourceType("page").Obj(),
		MakePolicy().AppAccessRule(ReadOnly("page")).Obj(),
		MakeRole("reader").Rule(ReadOnly("doc")).Obj(), MakeRole("app").AppAccess().Obj(), MakeRole("other").Rule(ReadOnly("doc")).Obj(),
	}
	decide(t, common, map[string]deciding{
		"a role's":                      {domain: domain{MakeUser("ann").Roles("reader").Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/reader")},
		"a group's":                     {domain: domain{MakeGroup("g").Members("ann").Rule(ReadOnly("doc")).Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Group/g")},
		"those of a group around":       {domain: domain{MakeGroup("g").Groups("h").Rule(ReadOnly("doc")).Obj(), MakeGroup("h").Members("ann").Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Group/g")},
		"the policy's, by appAccess":    {domain: domain{MakeUser("ann").Roles("app").Obj()}, req: ask("ann", "read", "page/1"), want: allow(engine.ReasonRule, "PermissionPolicy/default")},
		"not the policy's without it":   {domain: domain{MakeUser("ann").Roles("reader").Obj()}, req: ask("ann", "read", "page/1"), want: deny(engine.ReasonNoRule)},
		"the policy's for the public":   {domain: domain{MakeRole("public").AppAccess().Obj()}, req: ask("", "read", "page/1", anonymous), want: allow(engine.ReasonRule, "PermissionPolicy/default")},
		"not the recommended ones":      {domain: domain{MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.RecommendedRules = []v1alpha1.Rule{Full("*")} }).Obj(), MakeUser("ann").Roles("app").Obj()}, req: ask("ann", "read", "page/1"), want: deny(engine.ReasonNoRule)},
		"all that give it are named":    {domain: domain{MakeUser("ann").Roles("reader", "other").Obj(), MakeGroup("g").Members("ann").Rule(Full("doc")).Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Group/g", "Role/other", "Role/reader")},
		"only those that give it are":   {domain: domain{MakeUser("ann").Roles("reader", "app").Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/reader")},
		"what no rule gives":            {domain: domain{MakeUser("ann").Roles("reader").Obj()}, req: ask("ann", "update", "doc/1"), want: deny(engine.ReasonNoRule)},
		"a role of nobody":              {req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonNoRule)},
		"a condition is not asked here": {domain: domain{MakeUser("ann").Roles("never").Obj(), MakeRole("never").Rule(MakeRule("doc").Actions("read").Condition("false").Obj()).Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonConditionNotMet)},
	})
}

func TestS7StepUp(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("page").Obj(),
		MakePolicy().AppAccessRule(ReadOnly("page")).Obj(),
		MakeRole("home").AllowedCIDRs("10.0.0.0/8").Rule(Full("doc")).Obj(),
		MakeRole("sure").RequireMFA().Rule(Full("doc")).Obj(),
		MakeRole("both").RequireMFA().AllowedCIDRs("10.0.0.0/8").Rule(Full("doc")).Obj(),
		MakeRole("chief").RequireMFA().AdminAccess().Obj(),
		MakeRole("app").AllowedCIDRs("10.0.0.0/8").AppAccess().Obj(),
		MakeRole("reader").Rule(ReadOnly("doc")).Obj(),
		MakeRole("author").Rule(MakeRule("doc").Actions("*").Condition("resource.properties.owner == subject.id").Fields("title").Validation("proposed.title != ''", "a title").Obj()).Obj(),
	}
	as := func(roles ...string) domain { return domain{MakeUser("ann").Roles(roles...).Obj()} }
	restricted := func(parts ...string) engine.Decision {
		return with(deny(engine.ReasonRoleRestricted), stepUp(parts...))
	}
	update := ask("ann", "update", "doc/1")
	own := having(object{"owner": "ann", "company": "c2"})
	decide(t, common, map[string]deciding{
		"a role that would have given a case: network": {domain: as("home"), req: update, want: restricted("network")},
		"a role that would have given a case: mfa":     {domain: as("sure"), req: update, want: restricted("mfa")},
		"what is missing, not what is required":        {domain: as("both"), req: ask("ann", "update", "doc/1", about(object{"mfa": true})), want: restricted("network")},
		"both":                                         {domain: as("both"), req: update, want: restricted("mfa", "network")},
		"of several roles, together":                   {domain: as("home", "sure"), req: update, want: restricted("mfa", "network")},
		"a role that would have given all":             {domain: as("chief"), req: ask("ann", "update", "page/1"), want: restricted("mfa")},
		"a role that would have given appAccess":       {domain: as("app"), req: ask("ann", "read", "page/1"), want: restricted("network")},
		"not a role that would give nothing":           {domain: as("home"), req: ask("ann", "update", "page/1"), want: deny(engine.ReasonNoRule)},
		"not appAccess that would give nothing":        {domain: as("app"), req: ask("ann", "update", "page/1"), want: deny(engine.ReasonNoRule)},
		"beside a role that gives another":             {domain: as("sure", "reader"), req: update, want: restricted("mfa")},
		"an allow has none":                            {domain: as("sure", "reader"), req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/reader")},
		"condition_not_met carries it":                 {domain: as("author", "sure"), req: ask("ann", "update", "doc/1", having(object{"owner": "bob"})), want: with(deny(engine.ReasonConditionNotMet), stepUp("mfa"))},
		"validation_failed carries it":                 {domain: as("author", "chief"), req: ask("ann", "update", "doc/1", own, submitting(object{"title": ""})), want: with(deny(engine.ReasonValidationFailed), messages("a title"), stepUp("mfa"))},
		"user_permission carries it": {
			domain: join(as("author", "home"), domain{MakeUserPermission("up", "company", "c1").User("ann").Obj()}), req: ask("ann", "read", "doc/1", own),
			want: with(deny(engine.ReasonUserPermission), stepUp("network"), violations(engine.Violation{Field: "company", Value: "c2", Allow: "company", Cause: engine.CauseNotAllowed})),
		},
		"field_not_allowed carries it":          {domain: as("author", "both"), req: ask("ann", "read", "doc/1", own, reading("body")), want: with(deny(engine.ReasonFieldNotAllowed), fields("body"), stepUp("mfa", "network"))},
		"a denial before has none":              {domain: as("sure"), req: ask("ann", "fly", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"condition_not_met without such a role": {domain: as("author", "app"), req: ask("ann", "update", "doc/1", having(object{"owner": "bob"})), want: deny(engine.ReasonConditionNotMet)},
		"what the condition says does not count": {
			domain: join(as("dreamer"), domain{MakeRole("dreamer").RequireMFA().Rule(MakeRule("doc").Actions("update").Condition("false").Obj()).Obj()}), req: update, want: restricted("mfa"),
		},
	})
}
