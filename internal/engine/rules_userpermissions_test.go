package engine_test

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// The cause of a violation, short.
const (
	notAllowed = engine.CauseNotAllowed
	strict     = engine.CauseStrict
	empty      = engine.CauseEmpty
	unknown    = engine.CauseMissing
)

// violates is a denial by user permissions.
func violates(list ...engine.Violation) engine.Decision {
	return with(deny(engine.ReasonUserPermission), violations(list...))
}

func link(field string, value any, cause engine.ViolationCause) engine.Violation {
	return engine.Violation{Field: field, Value: value, Allow: "company", Cause: cause}
}

func itself(id string) engine.Violation {
	return engine.Violation{Field: "id", Value: id, Allow: "company", Cause: notAllowed}
}

// strictly is a policy with strict user permissions.
func strictly(emptyLinks v1alpha1.EmptyLinks, strictFor ...v1alpha1.Name) domain {
	return policyOf(func(p *v1alpha1.PermissionPolicySpec) {
		p.StrictUserPermissions, p.StrictFor, p.EmptyLinks = true, strictFor, emptyLinks
	})
}

// companies are a tree: 1 with 11 and 12 below, 121 below 12; 2 apart.
func companies() domain {
	return domain{
		MakeResourceType("company").Tree("parent").Obj(),
		MakeRecordSet("companies", "company").
			Record("1", "", nil).Record("11", "1", nil).Record("12", "1", nil).Record("121", "12", nil).Record("2", "", nil).Obj(),
	}
}

// everything is what ann may do in these tests but for user permissions.
var everything = domain{MakeUser("ann").Roles("all").Obj(), MakeRole("all").Rule(Full("*")).Obj()}

var (
	byRule  = allow(engine.ReasonRule, "Role/all")
	deleted = with(byRule, fields())
)

func TestS9TheRecordItself(t *testing.T) {
	common := join(everything, companies(), domain{MakeResourceType("doc").Obj()})
	only := func(values ...string) *UserPermissionBuilder {
		return MakeUserPermission("up", "company", values...).User("ann")
	}
	one := domain{only("12").Obj()}
	decide(t, common, map[string]deciding{
		"without user permissions":             {req: ask("ann", "read", "company/2"), want: byRule},
		"one of the values":                    {domain: one, req: ask("ann", "read", "company/12"), want: byRule},
		"a descendant":                         {domain: domain{only("1").Obj()}, req: ask("ann", "read", "company/121"), want: byRule},
		"an ancestor":                          {domain: one, req: ask("ann", "read", "company/1"), want: violates(itself("1"))},
		"another record":                       {domain: one, req: ask("ann", "read", "company/2"), want: violates(itself("2"))},
		"a record that no set has":             {domain: one, req: ask("ann", "read", "company/9"), want: violates(itself("9"))},
		"a value that no set has":              {domain: domain{only("9").Obj()}, req: ask("ann", "read", "company/9"), want: byRule},
		"no record":                            {domain: one, req: ask("ann", "read", "company"), want: violates(engine.Violation{Field: "id", Allow: "company", Cause: engine.CauseMissing})},
		"a descendant of who hides them":       {domain: domain{only("1").HideDescendants().Obj()}, req: ask("ann", "read", "company/121"), want: violates(itself("121"))},
		"a value of who hides its descendants": {domain: domain{only("1").HideDescendants().Obj()}, req: ask("ann", "read", "company/1"), want: byRule},
		"one that hides and one that does not": {
			domain: domain{only("1").HideDescendants().Obj(), MakeUserPermission("up2", "company", "12").User("ann").Obj()}, req: ask("ann", "read", "company/121"), want: byRule,
		},
		"the same for an Update":            {domain: one, req: ask("ann", "update", "company/2", submitting(object{"a": int64(1)})), want: violates(itself("2"))},
		"the same for a Delete":             {domain: one, req: ask("ann", "delete", "company/2"), want: violates(itself("2"))},
		"a Delete of a value":               {domain: one, req: ask("ann", "delete", "company/12"), want: deleted},
		"the record's properties can't say": {domain: one, req: ask("ann", "read", "company/2", having(object{"parent": "12", "id": "12"})), want: violates(itself("2"))},
		"other types are not restricted":    {domain: one, req: ask("ann", "read", "doc/2"), want: byRule},
		"it is not strict's matter":         {domain: strictly(""), req: ask("ann", "read", "company/2"), want: byRule},
	})
}

func TestS9Create(t *testing.T) {
	common := join(everything, companies(), domain{
		MakeResourceType("flat").Obj(), MakeUserPermission("up", "company", "12").User("ann").Obj(),
	})
	under := func(parent any) *engine.Request {
		return ask("ann", "create", "company/new", submitting(object{"parent": parent}))
	}
	parent := func(value any, cause engine.ViolationCause) engine.Decision {
		return violates(engine.Violation{Field: "parent", Value: value, Allow: "company", Cause: cause})
	}
	decide(t, common, map[string]deciding{
		"under a value":             {req: under("12"), want: byRule},
		"under a descendant":        {req: under("121"), want: byRule},
		"under another":             {req: under("1"), want: parent("1", notAllowed)},
		"at the top":                {req: under(nil), want: parent(nil, empty)},
		"without a parent":          {req: ask("ann", "create", "company/new"), want: parent(nil, empty)},
		"under a number":            {req: under(int64(12)), want: byRule},
		"under no id":               {req: under(list{"12"}), want: parent(list{"12"}, notAllowed)},
		"its own id does not count": {req: ask("ann", "create", "company/12", submitting(object{"parent": "1"})), want: parent("1", notAllowed)},
		"a type that is no tree": {
			domain: domain{MakeUserPermission("up2", "flat", "1").User("ann").Obj()}, req: ask("ann", "create", "flat/1", submitting(object{"parent": "1"})),
			want: violates(engine.Violation{Field: "id", Value: "1", Allow: "flat", Cause: notAllowed}),
		},
		"only those that do not hide descendants": {
			domain: domain{MakeUserPermission("up2", "company", "2").User("ann").HideDescendants().Obj()}, req: under("2"), want: parent("2", notAllowed),
		},
		"only hiding ones": {domain: domain{MakeUserPermission("up", "company", "12").User("ann").HideDescendants().Obj()}, req: under("12"), want: parent("12", notAllowed)},
		"the parent of a preset": {
			domain: domain{MakeRole("all").Rule(MakeRule("*").Access(full).Preset("parent", "121").Obj()).Obj()},
			req:    ask("ann", "create", "company/new"), want: with(byRule, presets(object{"parent": "121"})),
		},
		"a submitted parent over a preset": {
			domain: domain{MakeRole("all").Rule(MakeRule("*").Access(full).Preset("parent", "121").Obj()).Obj()}, req: under("1"), want: parent("1", notAllowed),
		},
		"without values, the properties": {req: ask("ann", "create", "company/new", having(object{"parent": "12"})), want: byRule},
		"without user permissions":       {domain: domain{MakeUserPermission("up", "flat", "1").User("ann").Obj()}, req: under("1"), want: byRule},
	})
}

func TestS9Moves(t *testing.T) {
	stored := MakeRecordSet("companies", "company").Record("1", "", nil).Record("12", "1", map[string]any{"parent": "1"}).
		Record("121", "12", map[string]any{"parent": "12"}).Record("122", "12", map[string]any{"parent": "12"}).Record("2", "", map[string]any{"parent": nil}).Obj()
	common := join(everything, companies(), domain{stored, MakeUserPermission("up", "company", "12").User("ann").Obj()})
	move := func(id string, values object, more ...func(*engine.Request)) *engine.Request {
		return ask("ann", "update", "company/"+id, append(more, submitting(values))...)
	}
	parent := func(value any, cause engine.ViolationCause) engine.Decision {
		return violates(engine.Violation{Field: "parent", Value: value, Allow: "company", Cause: cause})
	}
	decide(t, common, map[string]deciding{
		"under another that is allowed":           {req: move("121", object{"parent": "122"}), want: byRule},
		"under one that is not":                   {req: move("121", object{"parent": "1"}), want: parent("1", notAllowed)},
		"to the top":                              {req: move("121", object{"parent": nil}), want: parent(nil, empty)},
		"to the top, by \"\"":                     {req: move("121", object{"parent": ""}), want: parent(nil, empty)},
		"not at all":                              {req: move("12", object{"note": "x"}), want: byRule},
		"to where it stands":                      {req: move("12", object{"parent": "1"}), want: byRule},
		"to where it stands, by a number":         {req: move("12", object{"parent": int64(1)}), want: byRule},
		"by a preset":                             {domain: domain{MakeRole("all").Rule(MakeRule("*").Access(full).Preset("parent", "2").Obj()).Obj()}, req: move("121", object{}), want: parent("2", notAllowed)},
		"what is stored is what the request says": {req: move("121", object{"parent": "1"}, having(object{"parent": "1"})), want: byRule},
		"from where it is not known to stand": {
			domain: domain{MakeRecordSet("companies", "company").Record("12", "1", nil).Obj()}, req: move("12", object{"parent": "1"}), want: parent("1", notAllowed),
		},
		"under one whose descendants are hidden": {
			domain: domain{MakeUserPermission("up", "company", "12", "121", "122").User("ann").HideDescendants().Obj()}, req: move("121", object{"parent": "122"}), want: parent("122", notAllowed),
		},
		"without user permissions": {domain: domain{MakeUserPermission("up", "doc", "1").User("ann").Obj()}, req: move("121", object{"parent": "2"}), want: byRule},
		"the record itself comes too": {req: move("1", object{"parent": "2"}), want: violates(
			itself("1"), engine.Violation{Field: "parent", Value: "2", Allow: "company", Cause: notAllowed},
		)},
	})
}

func TestS9WhichUserPermissionsAct(t *testing.T) {
	common := join(everything, companies(), domain{MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("other").Link("company", "company").Obj()})
	read := ask("ann", "read", "doc/1", having(object{"company": "2"}))
	refused := violates(link("company", "2", notAllowed))
	up := func(name string, values ...string) *UserPermissionBuilder {
		return MakeUserPermission(name, "company", values...)
	}
	decide(t, common, map[string]deciding{
		"the user's own":                    {domain: domain{up("up", "1").User("ann").Obj()}, req: read, want: refused},
		"another user's":                    {domain: domain{up("up", "1").User("bob").Obj()}, req: read, want: byRule},
		"its group's":                       {domain: domain{up("up", "1").Group("g").Obj(), MakeGroup("g").Members("ann").Obj()}, req: read, want: refused},
		"a group's around its own":          {domain: domain{up("up", "1").Group("g").Obj(), MakeGroup("g").Groups("h").Obj(), MakeGroup("h").Members("ann").Obj()}, req: read, want: refused},
		"a group's by a claim":              {domain: domain{up("up", "1").Group("g").Obj(), MakeGroup("g").ExternalGroups("x").Obj()}, req: ask("ann", "read", "doc/1", having(object{"company": "2"}), claims(object{"groups": list{"x"}})), want: refused},
		"another group's":                   {domain: domain{up("up", "1").Group("g").Obj(), MakeGroup("g").Members("bob").Obj()}, req: read, want: byRule},
		"a group's that does not exist":     {domain: domain{up("up", "1").Group("g").Obj()}, req: read, want: byRule},
		"in its window":                     {domain: domain{up("up", "1").User("ann").In(noon, "").Obj()}, req: read, want: refused},
		"before its window":                 {domain: domain{up("up", "1").User("ann").In("2026-06-01T12:00:01Z", "").Obj()}, req: read, want: byRule},
		"after its window":                  {domain: domain{up("up", "1").User("ann").In("", noon).Obj()}, req: read, want: byRule},
		"for another type":                  {domain: domain{MakeUserPermission("up", "warehouse", "1").User("ann").Obj()}, req: read, want: byRule},
		"applicable for the type":           {domain: domain{up("up", "1").User("ann").ApplicableFor("other", "doc").Obj()}, req: read, want: refused},
		"not applicable for the type":       {domain: domain{up("up", "1").User("ann").ApplicableFor("other").Obj()}, req: read, want: byRule},
		"not applicable for the records":    {domain: domain{up("up", "1").User("ann").ApplicableFor("doc").Obj()}, req: ask("ann", "read", "company/2"), want: byRule},
		"of several, any":                   {domain: domain{up("up", "1").User("ann").Obj(), up("up2", "2").User("ann").Obj()}, req: read, want: byRule},
		"of the user and its group, any":    {domain: domain{up("up", "1").User("ann").Obj(), up("up2", "2").Group("g").Obj(), MakeGroup("g").Members("ann").Obj()}, req: read, want: byRule},
		"of several, only those that apply": {domain: domain{up("up", "1").User("ann").Obj(), up("up2", "2").User("ann").ApplicableFor("other").Obj()}, req: read, want: refused},
		"of several values, any":            {domain: domain{up("up", "1", "2").User("ann").Obj()}, req: read, want: byRule},
		"an anonymous subject has none":     {domain: domain{up("up", "1").User("ann").Obj(), MakeRole("public").Rule(Full("*")).Obj()}, req: ask("ann", "read", "doc/1", anonymous, having(object{"company": "2"})), want: allow(engine.ReasonRule, "Role/public")},
		"a superuser is exempt":             {domain: domain{up("up", "1").User("ann").Obj(), MakeUser("ann").Superuser().Obj()}, req: read, want: allow(engine.ReasonSuperuser)},
		"an admin is exempt":                {domain: domain{up("up", "1").User("ann").Obj(), MakeRole("all").AdminAccess().Obj()}, req: read, want: allow(engine.ReasonAdminAccess)},
		"they never grant":                  {domain: domain{up("up", "2").User("zoe").Obj()}, req: ask("zoe", "read", "doc/1", having(object{"company": "2"})), want: deny(engine.ReasonNoRule)},
		"rules are asked first":             {domain: domain{up("up", "1").User("ann").Obj(), MakeRole("all").Rule(when("false")).Obj()}, req: read, want: deny(engine.ReasonConditionNotMet)},
		"fields are asked later":            {domain: domain{up("up", "1").User("ann").Obj(), MakeRole("all").Rule(MakeRule("doc").Actions("read").Fields("a").Obj()).Obj()}, req: ask("ann", "read", "doc/1", having(object{"company": "2"}), reading("b")), want: refused},
		"the same for an Update":            {domain: domain{up("up", "1").User("ann").Obj()}, req: ask("ann", "update", "doc/1", having(object{"company": "2"})), want: refused},
		"the same for a Delete":             {domain: domain{up("up", "1").User("ann").Obj()}, req: ask("ann", "delete", "doc/1", having(object{"company": "2"})), want: refused},
		"the same for a type that is open":  {domain: domain{up("up", "1").User("ann").Obj(), MakeResourceType("doc").Unrestricted().Link("company", "company").Obj()}, req: read, want: refused},
	})
}

func TestS9Links(t *testing.T) {
	common := join(everything, companies(), domain{
		MakeResourceType("doc").Link("company", "company").Link("depot", "depot").IgnoredLink("former", "company").Obj(),
		MakeResourceType("part").Link("company", "company").Link("whole", "company").Tree("whole").Obj(),
		MakeResourceType("note").Link("plain", "").Obj(),
	})
	mine := domain{MakeUserPermission("up", "company", "12").User("ann").Obj()}
	both := join(mine, domain{MakeUserPermission("up2", "depot", "d1").User("ann").Obj()})
	read := func(properties object) *engine.Request { return ask("ann", "read", "doc/1", having(properties)) }
	depot := func(value any, cause engine.ViolationCause) engine.Violation {
		return engine.Violation{Field: "depot", Value: value, Allow: "depot", Cause: cause}
	}
	decide(t, common, map[string]deciding{
		"a value that is allowed":          {domain: mine, req: read(object{"company": "12"}), want: byRule},
		"a descendant":                     {domain: mine, req: read(object{"company": "121"}), want: byRule},
		"another value":                    {domain: mine, req: read(object{"company": "1"}), want: violates(link("company", "1", notAllowed))},
		"a number is its shortest text":    {domain: mine, req: read(object{"company": int64(12)}), want: byRule},
		"so is a double":                   {domain: mine, req: read(object{"company": 12.0}), want: byRule},
		"another number":                   {domain: mine, req: read(object{"company": 12.5}), want: violates(link("company", 12.5, notAllowed))},
		"a text is itself":                 {domain: mine, req: read(object{"company": "12.0"}), want: violates(link("company", "12.0", notAllowed))},
		"a text with space":                {domain: mine, req: read(object{"company": " 12"}), want: violates(link("company", " 12", notAllowed))},
		"a boolean":                        {domain: mine, req: read(object{"company": true}), want: violates(link("company", true, notAllowed))},
		"the record":                       {domain: mine, req: read(object{"company": object{"id": "12", "name": "x"}}), want: byRule},
		"another record":                   {domain: mine, req: read(object{"company": object{"id": "1"}}), want: violates(link("company", object{"id": "1"}, notAllowed))},
		"a record without an id":           {domain: mine, req: read(object{"company": object{"name": "12"}}), want: violates(link("company", object{"name": "12"}, notAllowed))},
		"a record with an empty id":        {domain: mine, req: read(object{"company": object{"id": ""}}), want: violates(link("company", object{"id": ""}, notAllowed))},
		"a record in a record":             {domain: mine, req: read(object{"company": object{"id": object{"id": "12"}}}), want: violates(link("company", object{"id": object{"id": "12"}}, notAllowed))},
		"an odd value without restriction": {req: read(object{"company": object{"id": "12"}}), want: byRule},
		"unknown, and restricted":          {domain: mine, req: read(object{}), want: with(violates(link("company", nil, unknown)), missing("company"))},
		"unknown, and not":                 {req: read(object{}), want: byRule},
		"null":                             {domain: mine, req: read(object{"company": nil}), want: byRule},
		"\"\"":                             {domain: mine, req: read(object{"company": ""}), want: byRule},
		"different types are joined by and: one fails": {domain: both, req: read(object{"company": "12", "depot": "d2"}), want: violates(depot("d2", notAllowed))},
		"both fail":                              {domain: both, req: read(object{"company": "1", "depot": "d2"}), want: violates(link("company", "1", notAllowed), depot("d2", notAllowed))},
		"both pass":                              {domain: both, req: read(object{"company": "12", "depot": "d1"}), want: byRule},
		"one fails, one is unknown":              {domain: both, req: read(object{"company": "1"}), want: with(violates(link("company", "1", notAllowed), depot(nil, unknown)), missing("depot"))},
		"a field that is ignored":                {domain: mine, req: read(object{"company": "12", "former": "1"}), want: byRule},
		"the parentField is no link":             {domain: mine, req: ask("ann", "read", "part/1", having(object{"company": "12", "whole": "1"})), want: byRule},
		"a field that links nowhere":             {domain: mine, req: ask("ann", "read", "note/1", having(object{"plain": "1"})), want: byRule},
		"a field that is not declared":           {domain: mine, req: ask("ann", "read", "note/1", having(object{"company": "1"})), want: byRule},
		"what a RecordSet has":                   {domain: join(mine, domain{MakeRecordSet("docs", "doc").Record("1", "", map[string]any{"company": "1"}).Obj()}), req: ask("ann", "read", "doc/1"), want: violates(link("company", "1", notAllowed))},
		"the request overlays it":                {domain: join(mine, domain{MakeRecordSet("docs", "doc").Record("1", "", map[string]any{"company": "1"}).Obj()}), req: read(object{"company": "12"}), want: byRule},
		"a link to a type that does not exist":   {domain: domain{MakeUserPermission("up", "depot", "d1").User("ann").Obj()}, req: read(object{"depot": "d2"}), want: violates(depot("d2", notAllowed))},
		"a link to its own type":                 {domain: domain{MakeResourceType("doc").Link("copyOf", "doc").Obj(), MakeUserPermission("up", "doc", "1").User("ann").Obj()}, req: read(object{"copyOf": "2"}), want: violates(engine.Violation{Field: "copyOf", Value: "2", Allow: "doc", Cause: notAllowed})},
		"Read looks at nothing that is proposed": {domain: mine, req: ask("ann", "read", "doc/1", having(object{"company": "12"}), submitting(object{"company": "1"})), want: byRule},
	})
}

func TestS9Writes(t *testing.T) {
	common := join(everything, companies(), domain{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeUserPermission("up", "company", "12").User("ann").Obj(),
	})
	update := func(stored, values object) *engine.Request {
		return ask("ann", "update", "doc/1", having(stored), submitting(values))
	}
	create := func(values object) *engine.Request { return ask("ann", "create", "doc/1", submitting(values)) }
	preset := func(value any, rule *RuleBuilder) domain {
		return domain{MakeGroup("g").Members("ann").Rule(rule.Preset("company", value).Obj()).Obj()}
	}
	decide(t, common, map[string]deciding{
		"Update: both pass":                          {req: update(object{"company": "12"}, object{"company": "121"}), want: byRule},
		"Update: the stored one fails":               {req: update(object{"company": "1"}, object{"company": "12"}), want: violates(link("company", "1", notAllowed))},
		"Update: the proposed one fails":             {req: update(object{"company": "12"}, object{"company": "1"}), want: violates(link("company", "1", notAllowed))},
		"Update: both fail":                          {req: update(object{"company": "1"}, object{"company": "2"}), want: violates(link("company", "1", notAllowed), link("company", "2", notAllowed))},
		"Update: both fail alike":                    {req: update(object{"company": "1"}, object{"note": "x"}), want: violates(link("company", "1", notAllowed))},
		"Update: what is stored is unknown":          {req: update(nil, object{"company": "12"}), want: with(violates(link("company", nil, unknown)), missing("company"))},
		"Update: both unknown":                       {req: update(nil, object{"note": "x"}), want: with(violates(link("company", nil, unknown)), missing("company"))},
		"Update: the presets of all live cases":      {domain: preset("1", MakeRule("doc").Actions("update")), req: update(object{"company": "12"}, object{"note": "x"}), want: violates(link("company", "1", notAllowed))},
		"Update: not those of other cases":           {domain: preset("1", MakeRule("doc").Actions("update").Condition("false")), req: update(object{"company": "12"}, object{"note": "x"}), want: byRule},
		"Update: a submitted value over the preset":  {domain: preset("1", MakeRule("doc").Actions("update")), req: update(object{"company": "12"}, object{"company": "121"}), want: allow(engine.ReasonRule, "Group/g", "Role/all")},
		"Create: a value that is allowed":            {req: create(object{"company": "12"}), want: byRule},
		"Create: another value":                      {req: create(object{"company": "1"}), want: violates(link("company", "1", notAllowed))},
		"Create: unknown is empty":                   {req: create(object{"note": "x"}), want: byRule},
		"Create: unknown is empty, which is denied":  {domain: policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.EmptyLinks = v1alpha1.EmptyLinksDeny }), req: create(object{"note": "x"}), want: violates(link("company", nil, empty))},
		"Create: what is stored does not count":      {req: ask("ann", "create", "doc/1", having(object{"company": "1"}), submitting(object{"company": "12"})), want: byRule},
		"Create: the presets of all live cases":      {domain: preset("1", MakeRule("doc").Actions("create")), req: create(object{"note": "x"}), want: violates(link("company", "1", notAllowed))},
		"Create: the default":                        {domain: domain{MakeUserPermission("up", "company", "12").User("ann").Default("12").Obj()}, req: create(object{"note": "x"}), want: with(byRule, presets(object{"company": "12"}))},
		"Create: the default over nothing submitted": {domain: domain{MakeUserPermission("up", "company", "12").User("ann").Default("12").Obj()}, req: create(object{"company": nil}), want: byRule},
		"Delete: only what is stored":                {req: ask("ann", "delete", "doc/1", having(object{"company": "12"}), submitting(object{"company": "1"})), want: deleted},
	})
}

func TestS9Strict(t *testing.T) {
	common := join(everything, domain{MakeResourceType("doc").Link("company", "company").Link("depot", "depot").Obj()})
	mine := domain{MakeUserPermission("up", "company", "1").User("ann").Obj()}
	read := func(properties object) *engine.Request { return ask("ann", "read", "doc/1", having(properties)) }
	depot := func(value any, cause engine.ViolationCause) engine.Violation {
		return engine.Violation{Field: "depot", Value: value, Allow: "depot", Cause: cause}
	}
	public := domain{MakeRole("public").Rule(Full("*")).Obj()}
	decide(t, common, map[string]deciding{
		"a value of a type without user permissions": {domain: strictly(""), req: read(object{"company": "1", "depot": nil}), want: violates(link("company", "1", strict), depot(nil, empty))},
		"one that user permissions allow":            {domain: join(strictly("", "company"), mine), req: read(object{"company": "1"}), want: byRule},
		"one that they do not allow":                 {domain: join(strictly("", "company"), mine), req: read(object{"company": "2"}), want: violates(link("company", "2", notAllowed))},
		"strict for one type: this":                  {domain: strictly("", "company"), req: read(object{"company": "1", "depot": "1"}), want: violates(link("company", "1", strict))},
		"strict for one type: not another":           {domain: strictly("", "depot"), req: read(object{"company": "1", "depot": nil}), want: violates(depot(nil, empty))},
		"strictFor without strict":                   {domain: policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.StrictFor = []v1alpha1.Name{"company"} }), req: read(object{"company": "1"}), want: byRule},
		"unknown":                                    {domain: strictly("", "company"), req: read(object{}), want: with(violates(link("company", nil, unknown)), missing("company"))},
		"unknown, although empty links are allowed":  {domain: strictly(v1alpha1.EmptyLinksAllow, "company"), req: read(object{}), want: with(violates(link("company", nil, unknown)), missing("company"))},
		"an odd value":                               {domain: strictly("", "company"), req: read(object{"company": true}), want: violates(link("company", true, strict))},
		"user permissions for other types only":      {domain: join(strictly("", "company"), domain{MakeUserPermission("up", "company", "1").User("ann").ApplicableFor("note").Obj()}), req: read(object{"company": "1"}), want: violates(link("company", "1", strict))},
		"a Create of nothing":                        {domain: strictly("", "company"), req: ask("ann", "create", "doc/1"), want: violates(link("company", nil, empty))},
		"an unknown user":                            {domain: join(strictly("", "company"), public), req: ask("zoe", "read", "doc/1", having(object{"company": "1"})), want: violates(link("company", "1", strict))},
		"the anonymous subject":                      {domain: join(strictly("", "company"), public), req: ask("", "read", "doc/1", anonymous, having(object{"company": "1"})), want: violates(link("company", "1", strict))},
		"under a special permission":                 {domain: join(strictly("", "company"), domain{MakeSpecialPermission("sp", "ann").On(full, "*").Obj()}), req: read(object{"company": "1"}), want: violates(link("company", "1", strict))},
		"a superuser is exempt":                      {domain: join(strictly(""), domain{MakeUser("ann").Superuser().Obj()}), req: read(object{"company": "1"}), want: allow(engine.ReasonSuperuser)},
		"an admin is exempt":                         {domain: join(strictly(""), domain{MakeRole("all").AdminAccess().Obj()}), req: read(object{"company": "1"}), want: allow(engine.ReasonAdminAccess)},
		"an ignored field is not strict":             {domain: join(strictly(""), domain{MakeResourceType("doc").IgnoredLink("company", "company").Obj()}), req: read(object{"company": "1"}), want: byRule},
		"it never touches rules":                     {domain: strictly(""), req: ask("zoe", "read", "doc/1", having(object{"company": "1"})), want: deny(engine.ReasonNoRule)},
	})
}

func TestS9EmptyLinks(t *testing.T) {
	common := join(everything, domain{MakeResourceType("doc").Link("company", "company").Obj()})
	mine := domain{MakeUserPermission("up", "company", "1").User("ann").Obj()}
	loosely := func(emptyLinks v1alpha1.EmptyLinks) domain {
		return policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.EmptyLinks = emptyLinks })
	}
	const allowEmpty, denyEmpty = v1alpha1.EmptyLinksAllow, v1alpha1.EmptyLinksDeny
	cases := map[string]deciding{}
	for name, tc := range map[string]struct {
		domain domain
		passes bool
	}{
		"no policy, unrestricted":                  {domain{}, true},
		"no policy, restricted":                    {mine, true},
		"left empty, unrestricted":                 {loosely(""), true},
		"left empty, restricted":                   {join(loosely(""), mine), true},
		"left empty, strict":                       {strictly(""), false},
		"left empty, strict and restricted":        {join(strictly(""), mine), false},
		"left empty, strict for others":            {join(strictly("", "depot"), mine), true},
		"Allow, unrestricted":                      {loosely(allowEmpty), true},
		"Allow, restricted":                        {join(loosely(allowEmpty), mine), true},
		"Allow, strict":                            {strictly(allowEmpty), true},
		"Allow, strict and restricted":             {join(strictly(allowEmpty), mine), true},
		"Deny, neither strict nor restricted":      {loosely(denyEmpty), true},
		"Deny, restricted":                         {join(loosely(denyEmpty), mine), false},
		"Deny, strict":                             {strictly(denyEmpty), false},
		"Deny, strict for others, not restricted":  {strictly(denyEmpty, "depot"), true},
		"Deny, strict for others, but restricted":  {join(strictly(denyEmpty, "depot"), mine), false},
		"Deny, restricted for other types only":    {join(loosely(denyEmpty), domain{MakeUserPermission("up", "company", "1").User("ann").ApplicableFor("note").Obj()}), true},
		"Deny, another user's user permission":     {join(loosely(denyEmpty), domain{MakeUserPermission("up", "company", "1").User("bob").Obj()}), true},
		"Deny, strict with strictFor of this type": {strictly(denyEmpty, "company"), false},
	} {
		want := byRule
		if !tc.passes {
			want = violates(link("company", nil, empty))
		}
		for label, value := range map[string]any{"null": nil, "\"\"": ""} {
			cases[name+": "+label] = deciding{domain: tc.domain, req: ask("ann", "read", "doc/1", having(object{"company": value})), want: want}
		}
	}
	decide(t, common, cases)
}

func TestS9Paths(t *testing.T) {
	common := join(everything, domain{
		MakeResourceType("doc").Link("company", "company").Link("items.company", "company").Link("route.legs.company", "company").Obj(),
	})
	mine := domain{MakeUserPermission("up", "company", "1", "2").User("ann").Obj()}
	fine := object{"company": "1", "items": list{}, "route": object{"legs": list{}}}
	having := func(key string, value any) *engine.Request {
		properties := object{key: value}
		for name, other := range fine {
			if name != key {
				properties[name] = other
			}
		}
		return ask("ann", "read", "doc/1", func(r *engine.Request) { r.Resource.Properties = properties })
	}
	deniesEmpty := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.EmptyLinks = v1alpha1.EmptyLinksDeny })
	item := func(value any, cause engine.ViolationCause) engine.Violation {
		return link("items.company", value, cause)
	}
	leg := func(value any, cause engine.ViolationCause) engine.Violation {
		return link("route.legs.company", value, cause)
	}
	decide(t, common, map[string]deciding{
		"a list at the end":                   {domain: mine, req: having("company", list{"1", "2"}), want: byRule},
		"a list at the end, one of it not":    {domain: mine, req: having("company", list{"1", "3"}), want: violates(link("company", "3", notAllowed))},
		"a list at the end, all of it not":    {domain: mine, req: having("company", list{"3", "4", "3"}), want: violates(link("company", "3", notAllowed), link("company", "4", notAllowed))},
		"a list in a list":                    {domain: mine, req: having("company", list{list{"1", list{"3"}}, "2"}), want: violates(link("company", "3", notAllowed))},
		"an empty list":                       {domain: join(mine, deniesEmpty), req: having("company", list{}), want: byRule},
		"a list of an empty list":             {domain: join(mine, deniesEmpty), req: having("company", list{list{}}), want: byRule},
		"null in a list":                      {domain: join(mine, deniesEmpty), req: having("company", list{"1", nil}), want: violates(link("company", nil, empty))},
		"an odd value in a list":              {domain: mine, req: having("company", list{"1", true}), want: violates(link("company", true, notAllowed))},
		"through a list":                      {domain: mine, req: having("items", list{object{"company": "1"}, object{"company": "3"}}), want: violates(item("3", notAllowed))},
		"through a list, all allowed":         {domain: mine, req: having("items", list{object{"company": "1"}, object{"company": list{"2"}}}), want: byRule},
		"through no list":                     {domain: mine, req: having("items", object{"company": "3"}), want: violates(item("3", notAllowed))},
		"through lists in lists":              {domain: mine, req: having("items", list{list{object{"company": "3"}}}), want: violates(item("3", notAllowed))},
		"an object without the key":           {domain: mine, req: having("items", list{object{"company": "1"}, object{"note": "x"}}), want: with(violates(item(nil, unknown)), missing("items.company"))},
		"an object without the key, a Create": {domain: mine, req: ask("ann", "create", "doc/1", submitting(object{"items": list{object{"note": "x"}}})), want: byRule},
		"the first key unknown": {domain: mine, req: ask("ann", "read", "doc/1", func(r *engine.Request) {
			r.Resource.Properties = object{"company": "1", "route": object{"legs": list{}}}
		}), want: with(violates(item(nil, unknown)), missing("items.company"))},
		"a key on the way unknown":                 {domain: mine, req: having("route", object{}), want: with(violates(leg(nil, unknown)), missing("route.legs.company"))},
		"null on the way":                          {domain: mine, req: having("items", nil), want: byRule},
		"null on the way is empty":                 {domain: join(mine, deniesEmpty), req: having("items", nil), want: violates(item(nil, empty))},
		"\"\" on the way is empty":                 {domain: join(mine, deniesEmpty), req: having("route", object{"legs": ""}), want: violates(leg(nil, empty))},
		"null in a list on the way":                {domain: join(mine, deniesEmpty), req: having("items", list{nil}), want: violates(item(nil, empty))},
		"another value on the way":                 {domain: mine, req: having("items", "1"), want: violates(item("1", notAllowed))},
		"another value in a list on the way":       {domain: mine, req: having("items", list{int64(1)}), want: violates(item(int64(1), notAllowed))},
		"another value on the way, not restricted": {req: having("items", "1"), want: byRule},
		"another value on the way, strict":         {domain: strictly(v1alpha1.EmptyLinksAllow), req: ask("ann", "read", "doc/1", func(r *engine.Request) { r.Resource.Properties = object{"company": nil, "items": "1", "route": nil} }), want: violates(item("1", strict))},
		"two steps, through a list":                {domain: mine, req: having("route", object{"legs": list{object{"company": "3"}, object{"company": "1"}}}), want: violates(leg("3", notAllowed))},
		"two steps, through lists":                 {domain: mine, req: having("route", list{object{"legs": object{"company": "1"}}, object{"legs": list{object{"company": "3"}}}}), want: violates(leg("3", notAllowed))},
		"fields in the order of their declaration": {
			domain: mine, req: ask("ann", "read", "doc/1", func(r *engine.Request) {
				r.Resource.Properties = object{"company": "3", "items": list{object{"company": "4"}}, "route": object{"legs": object{"company": "5"}}}
			}),
			want: violates(link("company", "3", notAllowed), item("4", notAllowed), leg("5", notAllowed)),
		},
		"a key with a dot is no path": {domain: mine, req: having("items.company", "3"), want: byRule},
	})
}

func TestS9Trees(t *testing.T) {
	common := join(everything, domain{MakeResourceType("doc").Link("company", "company").Obj()})
	of := func(company string, domain ...engine.Object) deciding {
		return deciding{domain: domain, req: ask("ann", "read", "doc/1", having(object{"company": company})), want: byRule}
	}
	not := func(tc deciding, company string) deciding {
		tc.want = violates(link("company", company, notAllowed))
		return tc
	}
	up := func(values ...string) engine.Object {
		return MakeUserPermission("up", "company", values...).User("ann").Obj()
	}
	created := func(at, name, parent string) engine.Object {
		return createdAt(at, MakeRecordSet(name, "company").Record("b", parent, nil).Obj())
	}
	circle := MakeRecordSet("set", "company").Record("a", "c", nil).Record("b", "a", nil).Record("c", "b", nil).Record("out", "a", nil).Record("self", "self", nil).Obj()
	deep := MakeRecordSet("set", "company")
	for i := range 30 {
		deep.Record(string(rune('a'+i)), string(rune('a'+i-1)), nil)
	}
	decide(t, common, map[string]deciding{
		"below below":                           of("c", up("a"), MakeRecordSet("set", "company").Record("a", "", nil).Record("b", "a", nil).Record("c", "b", nil).Obj()),
		"across sets":                           of("c", up("a"), MakeRecordSet("s1", "company").Record("c", "b", nil).Obj(), MakeRecordSet("s2", "company").Record("b", "a", nil).Obj()),
		"below a value that no set has":         of("b", up("a"), MakeRecordSet("set", "company").Record("b", "a", nil).Obj()),
		"records of other types do not count":   not(of("b", up("a"), MakeRecordSet("set", "depot").Record("b", "a", nil).Obj()), "b"),
		"far below":                             of("z", up("a"), deep.Obj()),
		"a circle: each is below the others":    of("b", up("c"), circle),
		"a circle: what hangs on it":            of("out", up("b"), circle),
		"a circle: not what it hangs on":        not(of("a", up("out"), circle), "a"),
		"a circle of one":                       of("self", up("self"), circle),
		"a circle of one does not lead further": not(of("self", up("a"), circle), "self"),
		"of two sets, the older one's parent":   of("b", up("a"), created("2026-02-01T00:00:00Z", "new", "x"), created("2026-01-01T00:00:00Z", "old", "a")),
		"of two sets, not the newer one's":      not(of("b", up("x"), created("2026-02-01T00:00:00Z", "new", "x"), created("2026-01-01T00:00:00Z", "old", "a")), "b"),
		"the type need not be declared":         of("b", up("a"), MakeRecordSet("set", "company").Record("b", "a", nil).Obj()),
	})
}
