package engine_test

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/filter"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// policyOf is a PermissionPolicy with some settings.
func policyOf(change func(*v1alpha1.PermissionPolicySpec)) domain {
	return domain{MakePolicy().Spec(change).Obj()}
}

var emptyPolicy = policyOf(func(*v1alpha1.PermissionPolicySpec) {})

func TestS1Known(t *testing.T) {
	common := join(emptyPolicy, domain{
		MakeResourceType("doc").Obj(),
		MakeResourceType("own").Action("view", v1alpha1.ClassRead).Obj(),
		MakeUser("ann").Roles("all").Obj(),
		MakeUser("root").Superuser().Obj(),
		MakeUser("boss").Roles("admin").Obj(),
		MakeUser("gone").Disabled().Obj(),
		MakeRole("all").Rule(Full("*")).Obj(),
	})
	rule, noFields := allow(engine.ReasonRule, "Role/all"), fields()
	decide(t, common, map[string]deciding{
		"no such type":                          {req: ask("ann", "read", "nope/1"), want: deny(engine.ReasonUnknownResourceType)},
		"an action that the type lacks":         {req: ask("ann", "fly", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"an action is no pattern":               {req: ask("ann", "*", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"a type is no pattern":                  {req: ask("ann", "read", "*/1"), want: deny(engine.ReasonUnknownResourceType)},
		"the usual actions: read":               {req: ask("ann", "read", "doc/1"), want: rule},
		"the usual actions: create":             {req: ask("ann", "create", "doc/1"), want: rule},
		"the usual actions: update":             {req: ask("ann", "update", "doc/1"), want: rule},
		"the usual actions: delete":             {req: ask("ann", "delete", "doc/1"), want: with(rule, noFields)},
		"declared actions replace the usual":    {req: ask("ann", "read", "own/1"), want: deny(engine.ReasonUnknownAction)},
		"declared actions are known":            {req: ask("ann", "view", "own/1"), want: rule},
		"a superuser is told the same: type":    {req: ask("root", "read", "nope/1"), want: deny(engine.ReasonUnknownResourceType)},
		"a superuser is told the same: action":  {req: ask("root", "fly", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"an admin is told the same: type":       {req: ask("boss", "read", "nope/1"), want: deny(engine.ReasonUnknownResourceType)},
		"an admin is told the same: action":     {req: ask("boss", "fly", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"it comes before the subject's type":    {req: ask("ann", "read", "nope/1", subjectType("robot")), want: deny(engine.ReasonUnknownResourceType)},
		"it comes before who is disabled":       {req: ask("gone", "fly", "doc/1"), want: deny(engine.ReasonUnknownAction)},
		"the type comes before the action":      {req: ask("ann", "fly", "nope/1"), want: deny(engine.ReasonUnknownResourceType)},
		"the record need not be known":          {req: ask("ann", "read", "doc/never-seen"), want: rule},
		"a request without an id is no mistake": {req: ask("ann", "read", "doc"), want: rule},
	})
}

func TestS2SubjectTypes(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeUser("ann").Roles("all").Obj(), MakeRole("all").Rule(Full("*")).Obj()}
	employees := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectTypes = []v1alpha1.Token{"employee", "robot"} })
	decide(t, common, map[string]deciding{
		"user, without a policy":            {req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"another type, without a policy":    {req: ask("ann", "read", "doc/1", subjectType("robot")), want: deny(engine.ReasonUnknownSubjectType)},
		"user, by a policy that says none":  {domain: emptyPolicy, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"one that the policy lists":         {domain: employees, req: ask("ann", "read", "doc/1", subjectType("employee")), want: allow(engine.ReasonRule)},
		"another one that the policy lists": {domain: employees, req: ask("ann", "read", "doc/1", subjectType("robot")), want: allow(engine.ReasonRule)},
		"user, where the policy lists others": {
			domain: employees, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUnknownSubjectType),
		},
		"it comes before who is disabled": {
			domain: domain{MakeUser("ann").Disabled().Obj()}, req: ask("ann", "read", "doc/1", subjectType("robot")), want: deny(engine.ReasonUnknownSubjectType),
		},
	})
}

func TestS2Disabled(t *testing.T) {
	common := domain{MakeResourceType("doc").Unrestricted().Obj()}
	decide(t, common, map[string]deciding{
		"a disabled user":               {domain: domain{MakeUser("ann").Disabled().Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"superuser or not":              {domain: domain{MakeUser("ann").Disabled().Superuser().Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"an admin too":                  {domain: domain{MakeUser("ann").Disabled().Roles("boss").Obj(), MakeRole("boss").AdminAccess().Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"by id, not by the object":      {domain: domain{MakeUser("ann").ID("ann@x").Disabled().Obj()}, req: ask("ann@x", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"the object's name is no id":    {domain: domain{MakeUser("ann").ID("ann@x").Disabled().Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonUnrestrictedType)},
		"a user that no object is":      {req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonUnrestrictedType)},
		"an object that is not so":      {domain: domain{MakeUser("ann").Obj()}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonUnrestrictedType)},
		"it comes before what is staff": {domain: domain{MakeUser("ann").Disabled().Obj(), MakeResourceType("ledger").StaffOnly().Obj()}, req: ask("ann", "read", "ledger/1"), want: deny(engine.ReasonUserDisabled)},
	})
}

func TestS2Anonymous(t *testing.T) {
	public := MakeRole("public").Rule(ReadOnly("doc"))
	common := domain{MakeResourceType("doc").Obj()}
	denied := deny(engine.ReasonNoRule)
	decide(t, common, map[string]deciding{
		"holds the public role": {domain: domain{public.Obj()}, req: ask("", "read", "doc/1", anonymous), want: allow(engine.ReasonRule, "Role/public")},
		"whatever its id": {
			domain: domain{public.Obj(), MakeUser("ann").Disabled().Obj()},
			req:    ask("ann", "read", "doc/1", anonymous), want: allow(engine.ReasonRule, "Role/public"),
		},
		"is no superuser by its id": {domain: domain{MakeUser("ann").Superuser().Obj()}, req: ask("ann", "read", "doc/1", anonymous), want: denied},
		"holds no role by its id": {
			domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(Full("*")).Obj()}, req: ask("ann", "read", "doc/1", anonymous), want: denied,
		},
		"holds none even where its type is one of users'": {
			domain: join(
				policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectTypes = []v1alpha1.Token{"user", "anonymous"} }),
				domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(Full("*")).Obj()},
			),
			req: ask("ann", "read", "doc/1", anonymous), want: denied,
		},
		"has the id \"\" to expressions": {
			domain: domain{MakeRole("public").Rule(MakeRule("doc").Actions("read").Condition("subject.id == '' && subject.type == 'anonymous'").Obj()).Obj()},
			req:    ask("ann", "read", "doc/1", anonymous), want: allow(engine.ReasonRule),
		},
		"has no attributes": {
			domain: domain{
				MakeUser("ann").Attribute("level", 1).Obj(),
				MakeRole("public").Rule(MakeRule("doc").Actions("read").Condition("size(subject.attributes) == 0").Obj()).Obj(),
			},
			req: ask("ann", "read", "doc/1", anonymous), want: allow(engine.ReasonRule),
		},
		"is in no group: not as a member": {
			domain: domain{MakeGroup("g").Members("ann", "").Rule(Full("*")).Obj()}, req: ask("ann", "read", "doc/1", anonymous), want: denied,
		},
		"is in no group: not by a claim": {
			domain: domain{MakeGroup("g").ExternalGroups("idp:x").Rule(Full("*")).Obj()},
			req:    ask("ann", "read", "doc/1", anonymous, claims(object{"groups": list{"idp:x"}})), want: denied,
		},
		"is in no group: not by a condition": {
			domain: domain{MakeGroup("g").MemberCondition("true").Rule(Full("*")).Obj()}, req: ask("ann", "read", "doc/1", anonymous), want: denied,
		},
		"has no user permission": {
			domain: domain{public.Obj(), MakeUserPermission("up", "doc", "2").User("ann").Obj()},
			req:    ask("ann", "read", "doc/1", anonymous), want: allow(engine.ReasonRule),
		},
		"has no special permission": {
			domain: domain{MakeSpecialPermission("sp", "ann").On(v1alpha1.AccessFull, "*").Obj()}, req: ask("ann", "read", "doc/1", anonymous), want: denied,
		},
		"is never staff: not by its id": {
			domain: domain{MakeResourceType("ledger").StaffOnly().Obj(), MakeUser("ann").Staff().Obj()},
			req:    ask("ann", "read", "ledger/1", anonymous), want: deny(engine.ReasonStaffRequired),
		},
		"is never staff: not by a scope": {
			domain: join(policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.StaffScopes = []v1alpha1.Token{"team"} }), domain{MakeResourceType("ledger").StaffOnly().Obj()}),
			req:    ask("", "read", "ledger/1", anonymous, claims(object{"scopes": list{"team"}})), want: deny(engine.ReasonStaffRequired),
		},
		"needs no place among the subject types": {
			domain: join(policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectTypes = []v1alpha1.Token{"employee"} }), domain{public.Obj()}),
			req:    ask("", "read", "doc/1", anonymous), want: allow(engine.ReasonRule),
		},
	})
}

func TestS3Groups(t *testing.T) {
	// Who is in g may read doc.
	common := domain{MakeResourceType("doc").Obj()}
	grants := ReadOnly("doc")
	in, out := allow(engine.ReasonRule, "Group/g"), deny(engine.ReasonNoRule)
	read := ask("ann", "read", "doc/1")
	claiming := func(name string, value any) *engine.Request {
		return ask("ann", "read", "doc/1", claims(object{name: value}))
	}
	external := domain{MakeGroup("g").ExternalGroups("idp:a", "idp:b").Rule(grants).Obj()}
	renamed := join(external, policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.Claims = &v1alpha1.Claims{Groups: "memberOf"} }))
	ignoring := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectProperties = v1alpha1.SubjectPropertiesIgnore })
	conditional := func(source string) domain {
		return domain{MakeGroup("g").MemberCondition(source).Rule(grants).Obj(), MakeUser("ann").Attribute("dept", "sales").Attribute("level", 3).Obj()}
	}
	window := func(from, to string) domain { return domain{MakeGroup("g").Member("ann", from, to).Rule(grants).Obj()} }
	decide(t, common, map[string]deciding{
		"a member":                             {domain: domain{MakeGroup("g").Members("bob", "ann").Rule(grants).Obj()}, req: read, want: in},
		"somebody else":                        {domain: domain{MakeGroup("g").Members("bob").Rule(grants).Obj()}, req: read, want: out},
		"a member before its window":           {domain: window("2026-06-01T12:00:01Z", ""), req: read, want: out},
		"a member from its first second":       {domain: window("2026-06-01T12:00:00Z", ""), req: read, want: in},
		"a member in its last second":          {domain: window("", "2026-06-01T12:00:00Z"), req: read, at: "2026-06-01T11:59:59.999Z", want: in},
		"a member no longer":                   {domain: window("", "2026-06-01T12:00:00Z"), req: read, want: out},
		"a claim":                              {domain: external, req: claiming("groups", list{"x", "idp:b"}), want: in},
		"a claim that no group names":          {domain: external, req: claiming("groups", list{"idp:c"}), want: out},
		"a claim is not a part of a name":      {domain: external, req: claiming("groups", list{"idp:ab", "idp:"}), want: out},
		"a claim that is no list":              {domain: external, req: claiming("groups", "idp:a"), want: out},
		"a claim beside what is no string":     {domain: external, req: claiming("groups", list{int64(1), nil, "idp:a"}), want: in},
		"a group's own name is no claim":       {domain: external, req: claiming("groups", list{"g"}), want: out},
		"a claim under another name":           {domain: renamed, req: claiming("memberOf", list{"idp:a"}), want: in},
		"a claim under the usual name instead": {domain: renamed, req: claiming("groups", list{"idp:a"}), want: out},
		"a claim of a caller not believed":     {domain: join(external, ignoring), req: claiming("groups", list{"idp:a"}), want: out},
		"a condition that is true":             {domain: conditional("subject.attributes.dept == 'sales' && subject.attributes.level >= 3"), req: read, want: in},
		"a condition that is false":            {domain: conditional("subject.attributes.dept == 'stock'"), req: read, want: out},
		"a condition in error":                 {domain: conditional("subject.attributes.nope == 'sales'"), req: read, want: out},
		"a condition that does not compile":    {domain: conditional("subject.attributes.dept =="), req: read, want: out},
		"a condition sees properties":          {domain: conditional("subject.properties.tier == 'gold'"), req: claiming("tier", "gold"), want: in},
		"a condition sees no properties of a caller not believed": {
			domain: join(conditional("subject.properties.tier == 'gold'"), ignoring), req: claiming("tier", "gold"), want: out,
		},
		"properties of a caller not believed are {}": {domain: join(conditional("size(subject.properties) == 0"), ignoring), req: claiming("tier", "gold"), want: in},
		"a condition sees the context":               {domain: conditional("context.shift == 'night'"), req: ask("ann", "read", "doc/1", about(object{"shift": "night"})), want: in},
		"a condition sees the time":                  {domain: conditional("now == timestamp('2026-06-01T12:00:00Z')"), req: read, want: in},
		"a condition sees type and id":               {domain: conditional("subject.type == 'user' && subject.id == 'ann'"), req: read, want: in},
		"a condition sees who is staff": {
			domain: domain{MakeGroup("g").MemberCondition("subject.staff").Rule(grants).Obj(), MakeUser("ann").Staff().Obj()}, req: read, want: in,
		},
		"a condition sees no groups":   {domain: conditional("size(subject.groups) == 0"), req: read, want: out},
		"a condition sees no roles":    {domain: conditional("size(subject.roles) == 0"), req: read, want: out},
		"a condition sees no action":   {domain: conditional("action.name == 'read'"), req: read, want: out},
		"a condition sees no resource": {domain: conditional("resource.type == 'doc'"), req: read, want: out},
		"no condition makes no member": {domain: domain{MakeGroup("g").Rule(grants).Obj()}, req: read, want: out},
		"a member of a group within": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").Groups("i").Obj(), MakeGroup("i").Members("ann").Obj()}, req: read, want: in,
		},
		"not the other way round": {
			domain: domain{MakeGroup("g").Rule(grants).Obj(), MakeGroup("h").Groups("g").Members("ann").Obj()}, req: read, want: out,
		},
		"groups in a circle": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").Groups("i", "h").Obj(), MakeGroup("i").Groups("g").Members("ann").Obj()},
			req:    read, want: in,
		},
		"groups in a circle that nobody is in": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").Groups("g").Obj()}, req: read, want: out,
		},
		"within a group by a claim": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").ExternalGroups("idp:a").Obj()}, req: claiming("groups", list{"idp:a"}), want: in,
		},
		"within a group by a condition": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").MemberCondition("true").Obj()}, req: read, want: in,
		},
		"within a group that does not exist": {domain: domain{MakeGroup("g").Groups("nope").Rule(grants).Obj()}, req: read, want: out},
		"a member of a group within, in its window only": {
			domain: domain{MakeGroup("g").Groups("h").Rule(grants).Obj(), MakeGroup("h").Member("ann", "", noon).Obj()}, req: read, want: out,
		},
	})
}

func TestS3Roles(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRole("r").Rule(ReadOnly("doc")).Obj()}
	in, out := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonNoRule)
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"of the User object":                     {domain: domain{MakeUser("ann").Roles("r").Obj()}, req: read, want: in},
		"of the User object, by its id":          {domain: domain{MakeUser("x").ID("ann").Roles("r").Obj()}, req: read, want: in},
		"of another User object":                 {domain: domain{MakeUser("bob").Roles("r").Obj()}, req: read, want: out},
		"before its window":                      {domain: domain{MakeUser("ann").RoleIn("r", "2026-06-01T12:00:01Z", "").Obj()}, req: read, want: out},
		"from its first second":                  {domain: domain{MakeUser("ann").RoleIn("r", noon, "").Obj()}, req: read, want: in},
		"in its last second":                     {domain: domain{MakeUser("ann").RoleIn("r", "", "2026-06-01T12:00:01Z").Obj()}, req: read, want: in},
		"after its window":                       {domain: domain{MakeUser("ann").RoleIn("r", "", noon).Obj()}, req: read, want: out},
		"in a window that ends before it starts": {domain: domain{MakeUser("ann").RoleIn("r", "2026-06-01T13:00:00Z", "2026-06-01T11:00:00Z").Obj()}, req: read, want: out},
		"of a group":                             {domain: domain{MakeGroup("g").Members("ann").Roles("r").Obj()}, req: read, want: in},
		"of a group, in its window":              {domain: domain{MakeGroup("g").Members("ann").RoleIn("r", "2026-06-01T11:00:00Z", "2026-06-01T13:00:00Z").Obj()}, req: read, want: in},
		"of a group, after its window":           {domain: domain{MakeGroup("g").Members("ann").RoleIn("r", "", noon).Obj()}, req: read, want: out},
		"of a group that it is not in":           {domain: domain{MakeGroup("g").Members("bob").Roles("r").Obj()}, req: read, want: out},
		"of a group around its own": {
			domain: domain{MakeGroup("g").Groups("h").Roles("r").Obj(), MakeGroup("h").Members("ann").Obj()}, req: read, want: in,
		},
		"one that does not exist gives nothing": {domain: domain{MakeUser("ann").Roles("nope").Obj()}, req: read, want: out},
		"beside one that does not exist":        {domain: domain{MakeUser("ann").Roles("nope", "r").Obj()}, req: read, want: in},
		"held twice, in force once": {
			domain: domain{MakeUser("ann").RoleIn("r", "", noon).Obj(), MakeGroup("g").Members("ann").Roles("r").Obj()}, req: read, want: in,
		},
	})
}

func TestS3BuiltInRoles(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeUser("ann").Roles("admin").Obj()}
	renamed := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.AdminRole, p.PublicRole = "chief", "everyone" })
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"with a policy, admin exists":          {domain: emptyPolicy, req: read, want: allow(engine.ReasonAdminAccess, "Role/admin")},
		"without a policy, it does not":        {req: read, want: deny(engine.ReasonNoRule)},
		"a policy of another name is none":     {domain: domain{&v1alpha1.PermissionPolicy{ObjectMeta: MakeRole("other").Obj().ObjectMeta}}, req: read, want: deny(engine.ReasonNoRule)},
		"where the object exists, it decides":  {domain: join(emptyPolicy, domain{MakeRole("admin").Obj()}), req: read, want: deny(engine.ReasonNoRule)},
		"the object with adminAccess":          {domain: join(emptyPolicy, domain{MakeRole("admin").AdminAccess().Obj()}), req: read, want: allow(engine.ReasonAdminAccess)},
		"without a policy, the object decides": {domain: domain{MakeRole("admin").AdminAccess().Obj()}, req: read, want: allow(engine.ReasonAdminAccess)},
		"under another name":                   {domain: join(renamed, domain{MakeUser("bob").Roles("chief").Obj()}), req: ask("bob", "read", "doc/1"), want: allow(engine.ReasonAdminAccess, "Role/chief")},
		"under another name, not the usual":    {domain: renamed, req: read, want: deny(engine.ReasonNoRule)},
		"public exists, without rules": {
			// Who holds it by name is not role-less; the role gives nothing.
			domain: join(emptyPolicy, domain{MakeUser("bob").Roles("public").Obj()}), req: ask("bob", "read", "doc/1"), want: deny(engine.ReasonNoRule),
		},
		"the object of public decides": {domain: join(emptyPolicy, domain{MakeRole("public").Rule(ReadOnly("doc")).Obj()}), req: ask("bob", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/public")},
		"public under another name":    {domain: join(renamed, domain{MakeRole("everyone").Rule(ReadOnly("doc")).Obj()}), req: ask("bob", "read", "doc/1"), want: allow(engine.ReasonRule, "Role/everyone")},
		"then the usual name is no public role": {
			domain: join(renamed, domain{MakeRole("public").Rule(ReadOnly("doc")).Obj()}), req: ask("bob", "read", "doc/1"), want: deny(engine.ReasonNoRule),
		},
	})
}

func TestS3Eligible(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeUser("ann").Roles("r").Obj()}
	networks := func(cidrs ...string) domain {
		return domain{MakeRole("r").AllowedCIDRs(cidrs...).Rule(ReadOnly("doc")).Obj()}
	}
	mfa := domain{MakeRole("r").RequireMFA().Rule(ReadOnly("doc")).Obj()}
	both := domain{MakeRole("r").RequireMFA().AllowedCIDRs("10.0.0.0/8").Rule(ReadOnly("doc")).Obj()}
	from := func(ip any) *engine.Request { return ask("ann", "read", "doc/1", about(object{"ip": ip})) }
	saying := func(properties object) *engine.Request { return ask("ann", "read", "doc/1", claims(properties)) }
	ignoring := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectProperties = v1alpha1.SubjectPropertiesIgnore })
	renamed := policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.Claims = &v1alpha1.Claims{MFA: "second"} })
	eligible := allow(engine.ReasonRule, "Role/r")
	outside := with(deny(engine.ReasonRoleRestricted), stepUp("network"))
	second := with(deny(engine.ReasonRoleRestricted), stepUp("mfa"))
	decide(t, common, map[string]deciding{
		"no restrictions":                       {domain: networks(), req: from(nil), want: eligible},
		"in a network":                          {domain: networks("192.0.2.0/24", "10.0.0.0/8"), req: from("10.255.0.1"), want: eligible},
		"in none":                               {domain: networks("192.0.2.0/24", "10.0.0.0/8"), req: from("11.0.0.1"), want: outside},
		"one address":                           {domain: networks("192.0.2.7"), req: from("192.0.2.7"), want: eligible},
		"another address":                       {domain: networks("192.0.2.7"), req: from("192.0.2.8"), want: outside},
		"a network written with host bits":      {domain: networks("10.1.2.3/16"), req: from("10.1.9.9"), want: eligible},
		"IPv6":                                  {domain: networks("2001:db8::/32"), req: from("2001:db8:1::1"), want: eligible},
		"IPv6 outside":                          {domain: networks("2001:db8::/32"), req: from("2001:db9::1"), want: outside},
		"IPv6, one address, written otherwise":  {domain: networks("2001:db8::1"), req: from("2001:0DB8:0:0:0:0:0:1"), want: eligible},
		"IPv4 is in no IPv6 network":            {domain: networks("::/0"), req: from("10.0.0.1"), want: outside},
		"IPv6 is in no IPv4 network":            {domain: networks("0.0.0.0/0"), req: from("2001:db8::1"), want: outside},
		"a mapped address is IPv4":              {domain: networks("10.0.0.0/8"), req: from("::ffff:10.0.0.1"), want: eligible},
		"a mapped address is no IPv6":           {domain: networks("::/0"), req: from("::ffff:10.0.0.1"), want: outside},
		"a mapped network is IPv4":              {domain: networks("::ffff:10.0.0.0/104"), req: from("10.0.0.1"), want: eligible},
		"a mapped single address is IPv4":       {domain: networks("::ffff:10.0.0.1"), req: from("10.0.0.1"), want: eligible},
		"an address with a zone":                {domain: networks("fe80::/10"), req: from("fe80::1%eth0"), want: outside},
		"a network with a zone":                 {domain: networks("fe80::1%eth0"), req: from("fe80::1"), want: outside},
		"no context":                            {domain: networks("0.0.0.0/0"), req: ask("ann", "read", "doc/1"), want: outside},
		"no address":                            {domain: networks("0.0.0.0/0"), req: from(nil), want: outside},
		"an empty address":                      {domain: networks("0.0.0.0/0"), req: from(""), want: outside},
		"an unreadable address":                 {domain: networks("0.0.0.0/0"), req: from("10.0.0"), want: outside},
		"an address with a port":                {domain: networks("0.0.0.0/0"), req: from("10.0.0.1:80"), want: outside},
		"an address with space":                 {domain: networks("0.0.0.0/0"), req: from(" 10.0.0.1"), want: outside},
		"an address that is no string":          {domain: networks("0.0.0.0/0"), req: from(int64(10)), want: outside},
		"nobody is in an unreadable network":    {domain: networks("10.0.0.300/8"), req: from("10.0.0.1"), want: outside},
		"beside an unreadable network":          {domain: networks("10.0.0.300/8", "10.0.0.1"), req: from("10.0.0.1"), want: eligible},
		"MFA by the claim":                      {domain: mfa, req: saying(object{"mfa": true}), want: eligible},
		"MFA by the context":                    {domain: mfa, req: ask("ann", "read", "doc/1", about(object{"mfa": true})), want: eligible},
		"MFA by amr":                            {domain: mfa, req: saying(object{"amr": list{"pwd", "mfa"}}), want: eligible},
		"no MFA":                                {domain: mfa, req: ask("ann", "read", "doc/1"), want: second},
		"MFA is false":                          {domain: mfa, req: saying(object{"mfa": false}), want: second},
		"MFA is no boolean":                     {domain: mfa, req: saying(object{"mfa": "true"}), want: second},
		"MFA in the context is no boolean":      {domain: mfa, req: ask("ann", "read", "doc/1", about(object{"mfa": int64(1)})), want: second},
		"amr without mfa":                       {domain: mfa, req: saying(object{"amr": list{"pwd"}}), want: second},
		"amr that is no list":                   {domain: mfa, req: saying(object{"amr": "mfa"}), want: second},
		"MFA under another name":                {domain: join(mfa, renamed), req: saying(object{"second": true}), want: eligible},
		"MFA under the usual name instead":      {domain: join(mfa, renamed), req: saying(object{"mfa": true}), want: second},
		"context.mfa keeps its name":            {domain: join(mfa, renamed), req: ask("ann", "read", "doc/1", about(object{"mfa": true})), want: eligible},
		"MFA of a caller not believed":          {domain: join(mfa, ignoring), req: saying(object{"mfa": true, "amr": list{"mfa"}}), want: second},
		"the context of a caller not believed":  {domain: join(mfa, ignoring), req: ask("ann", "read", "doc/1", about(object{"mfa": true})), want: eligible},
		"both, and both hold":                   {domain: both, req: ask("ann", "read", "doc/1", about(object{"mfa": true, "ip": "10.0.0.1"})), want: eligible},
		"both, and none holds":                  {domain: both, req: ask("ann", "read", "doc/1"), want: with(second, stepUp("mfa", "network"))},
		"both, and only the address does":       {domain: both, req: from("10.0.0.1"), want: second},
		"both, and only the second factor does": {domain: both, req: ask("ann", "read", "doc/1", about(object{"mfa": true})), want: outside},
		"expressions see eligible roles only": {
			domain: join(mfa, domain{MakeGroup("g").Members("ann").Rule(MakeRule("doc").Actions("read").Condition("subject.roles == []").Obj()).Obj()}),
			req:    ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule, "Group/g"),
		},
		"an ineligible role gives no adminAccess": {
			domain: domain{MakeRole("r").RequireMFA().AdminAccess().Obj()}, req: ask("ann", "read", "doc/1"), want: second,
		},
		"an ineligible role gives no appAccess": {
			domain: domain{MakeRole("r").RequireMFA().AppAccess().Obj(), MakePolicy().AppAccessRule(ReadOnly("doc")).Obj()}, req: ask("ann", "read", "doc/1"), want: second,
		},
	})
}

func TestS3RoleLess(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakeResourceType("other").Obj(),
		MakeRole("public").Rule(ReadOnly("doc")).Obj(),
		MakeRole("idle").Obj(), MakeRole("guarded").RequireMFA().Rule(Full("other")).Obj(),
	}
	public, none := allow(engine.ReasonRule, "Role/public"), deny(engine.ReasonNoRule)
	read := ask("ann", "read", "doc/1")
	decide(t, common, map[string]deciding{
		"an unknown user":                       {req: read, want: public},
		"the anonymous subject":                 {req: ask("", "read", "doc/1", anonymous), want: public},
		"a user without roles":                  {domain: domain{MakeUser("ann").Obj()}, req: read, want: public},
		"a user with a role":                    {domain: domain{MakeUser("ann").Roles("idle").Obj()}, req: read, want: none},
		"a user with a role of a group":         {domain: domain{MakeGroup("g").Members("ann").Roles("idle").Obj()}, req: read, want: none},
		"in a group without rules":              {domain: domain{MakeGroup("g").Members("ann").Obj()}, req: read, want: public},
		"in a group with rules":                 {domain: domain{MakeGroup("g").Members("ann").Rule(ReadOnly("other")).Obj()}, req: read, want: none},
		"in a group with a rule of no access":   {domain: domain{MakeGroup("g").Members("ann").Rule(MakeRule("doc").Access(v1alpha1.AccessNone).Obj()).Obj()}, req: read, want: none},
		"having lost the last role":             {domain: domain{MakeUser("ann").RoleIn("idle", "", noon).Obj()}, req: read, want: public},
		"with roles that do not exist":          {domain: domain{MakeUser("ann").Roles("nope").Obj()}, req: read, want: public},
		"with roles that are not eligible":      {domain: domain{MakeUser("ann").Roles("guarded").Obj()}, req: read, want: none},
		"holds exactly the public role":         {req: ask("ann", "read", "other/1"), want: none},
		"where the public role does not exist":  {domain: policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.PublicRole = "nobody" }), req: read, want: none},
		"a public role that is restricted":      {domain: domain{MakeRole("public").RequireMFA().Rule(ReadOnly("doc")).Obj()}, req: read, want: with(deny(engine.ReasonRoleRestricted), stepUp("mfa"))},
		"is seen by expressions":                {domain: domain{MakeRole("public").Rule(MakeRule("doc").Actions("read").Condition("subject.roles == ['public']").Obj()).Obj()}, req: read, want: public},
		"in a group that a claim leads to":      {domain: domain{MakeGroup("g").ExternalGroups("x").Roles("idle").Obj()}, req: ask("ann", "read", "doc/1", claims(object{"groups": list{"x"}})), want: none},
		"a user permission does not change it":  {domain: domain{MakeUserPermission("up", "other", "1").User("ann").Obj()}, req: read, want: public},
		"who holds public by name holds it too": {domain: domain{MakeUser("ann").Roles("public", "idle").Obj()}, req: read, want: public},
	})
}

func TestS4SuperuserAndAdmin(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("ledger").StaffOnly().Obj(),
		MakeUser("root").Superuser().Obj(), MakeUser("boss").Roles("chief").Obj(), MakeRole("chief").AdminAccess().Rule(
			MakeRule("doc").Actions("*").Condition("false").Fields("title").Preset("status", "new").Obj(),
		).Obj(),
	}
	superuser, admin := allow(engine.ReasonSuperuser, "User/root"), allow(engine.ReasonAdminAccess, "Role/chief")
	limits := join(
		policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.StrictUserPermissions = true }),
		domain{
			MakeSpecialPermission("sp1", "root").On(v1alpha1.AccessNone, "*").Obj(), MakeSpecialPermission("sp2", "boss").On(v1alpha1.AccessNone, "*").Obj(),
			MakeUserPermission("up1", "doc", "other").User("root").Obj(), MakeUserPermission("up2", "doc", "other").User("boss").Default("other").Obj(),
		},
	)
	decide(t, common, map[string]deciding{
		"a superuser":                         {req: ask("root", "read", "doc/1"), want: superuser},
		"an admin":                            {req: ask("boss", "read", "doc/1"), want: admin},
		"an admin by a group":                 {domain: domain{MakeGroup("g").Members("ann").Roles("chief").Obj()}, req: ask("ann", "read", "doc/1"), want: admin},
		"an admin whose time is over":         {domain: domain{MakeUser("ann").RoleIn("chief", "", noon).Obj()}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonNoRule)},
		"superuser comes first":               {domain: domain{MakeUser("root").Superuser().Roles("chief").Obj()}, req: ask("root", "read", "doc/1"), want: superuser},
		"nothing limits a superuser":          {domain: limits, req: ask("root", "update", "doc/1", submitting(object{"company": "x"})), want: superuser},
		"nothing limits an admin":             {domain: limits, req: ask("boss", "update", "doc/1", submitting(object{"company": "x"})), want: admin},
		"nor does a type for staff":           {req: ask("boss", "read", "ledger/1"), want: admin},
		"nor a type for staff, superuser":     {req: ask("root", "read", "ledger/1"), want: superuser},
		"an admin gets no presets":            {domain: limits, req: ask("boss", "create", "doc/1"), want: admin},
		"a Delete has no fields":              {req: ask("boss", "delete", "doc/1"), want: with(admin, fields())},
		"fields are all, whatever is asked":   {req: ask("boss", "read", "doc/1", reading("a", "b")), want: admin},
		"a restricted admin role, met":        {domain: domain{MakeRole("chief").AdminAccess().RequireMFA().Obj()}, req: ask("boss", "read", "doc/1", about(object{"mfa": true})), want: admin},
		"a restricted admin role, not met":    {domain: domain{MakeRole("chief").AdminAccess().RequireMFA().Obj()}, req: ask("boss", "read", "doc/1"), want: with(deny(engine.ReasonRoleRestricted), stepUp("mfa"))},
		"the flag is the User object's alone": {req: ask("ann", "read", "doc/1", claims(object{"superuser": true})), want: deny(engine.ReasonNoRule)},
	})
}

func TestS5Staff(t *testing.T) {
	scopes := func(change func(*v1alpha1.PermissionPolicySpec)) domain {
		return policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.StaffScopes = []v1alpha1.Token{"a:staff", "team"}; change(p) })
	}
	usual := scopes(func(*v1alpha1.PermissionPolicySpec) {})
	common := domain{
		MakeResourceType("ledger").StaffOnly().Obj(), MakeResourceType("doc").Obj(), MakeResourceType("open").StaffOnly().Unrestricted().Obj(),
		MakeRole("r").Rule(Full("ledger")).Obj(), MakeUser("ann").Roles("r").Obj(), MakeUser("sue").Staff().Roles("r").Obj(), MakeUser("sam").Staff().Obj(),
	}
	allowed, refused := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonStaffRequired)
	scoped := func(value any) *engine.Request {
		return ask("ann", "read", "ledger/1", claims(object{"scopes": value}))
	}
	decide(t, common, map[string]deciding{
		"not staff":                         {req: ask("ann", "read", "ledger/1"), want: refused},
		"User.staff":                        {req: ask("sue", "read", "ledger/1"), want: allowed},
		"a scope in a list":                 {domain: usual, req: scoped(list{"openid", "team"}), want: allowed},
		"a scope in a string":               {domain: usual, req: scoped("openid a:staff"), want: allowed},
		"scopes in a string, spaces around": {domain: usual, req: scoped("  a:staff  "), want: allowed},
		"a part of a scope":                 {domain: usual, req: scoped("a:staffing xteam"), want: refused},
		"a scope that a list splits":        {domain: usual, req: scoped(list{"openid team"}), want: refused},
		"another scope":                     {domain: usual, req: scoped(list{"openid"}), want: refused},
		"scopes of another type":            {domain: usual, req: scoped(object{"team": true}), want: refused},
		"a scope beside what is no string":  {domain: usual, req: scoped(list{int64(1), "team"}), want: allowed},
		"a scope where no scope counts":     {domain: emptyPolicy, req: scoped(list{"team", ""}), want: refused},
		"a scope under another name": {
			domain: scopes(func(p *v1alpha1.PermissionPolicySpec) { p.Claims = &v1alpha1.Claims{Scopes: "scp"} }),
			req:    ask("ann", "read", "ledger/1", claims(object{"scp": "team"})), want: allowed,
		},
		"a scope of a caller not believed": {
			domain: scopes(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectProperties = v1alpha1.SubjectPropertiesIgnore }), req: scoped("team"), want: refused,
		},
		"staff by itself grants nothing": {req: ask("sam", "read", "ledger/1"), want: deny(engine.ReasonNoRule)},
		"before special permissions": {
			domain: domain{MakeSpecialPermission("sp", "ann").On(v1alpha1.AccessFull, "ledger").Obj()}, req: ask("ann", "read", "ledger/1"), want: refused,
		},
		"before types that are open":         {req: ask("ann", "read", "open/1"), want: refused},
		"staff on a type that is open":       {req: ask("sam", "read", "open/1"), want: allow(engine.ReasonUnrestrictedType, "ResourceType/open")},
		"other types need no staff":          {domain: domain{MakeRole("r").Rule(Full("*")).Obj()}, req: ask("ann", "read", "doc/1"), want: allowed},
		"expressions see who is staff":       {domain: domain{MakeRole("r").Rule(MakeRule("ledger").Actions("read").Condition("subject.staff").Obj()).Obj()}, req: ask("sue", "read", "ledger/1"), want: allowed},
		"expressions see staff by its scope": {domain: join(usual, domain{MakeRole("r").Rule(MakeRule("ledger").Actions("read").Condition("subject.staff").Obj()).Obj()}), req: scoped("team"), want: allowed},
	})
}

func TestS0Open(t *testing.T) {
	closed := engine.Compile([]engine.Object{
		MakeResourceType("note").Unrestricted().Obj(),
		MakeUser("root").Superuser().Obj(),
	}).Closed()
	for _, user := range []string{"root", "anybody"} {
		request := &engine.Request{
			Subject: engine.Subject{Type: "user", ID: user}, Action: engine.Action{Name: "read"}, Resource: engine.Resource{Type: "note", ID: "1"},
		}
		decision, err := closed.Decide(request, moment(t, noon))
		if err != nil || decision.Allow || decision.Reason != engine.ReasonDomainTerminating {
			t.Errorf("%s: %+v, %v", user, decision, err)
		}
		if found, err := closed.Filter(request, moment(t, noon)); err != nil || found.Condition.Op != filter.False {
			t.Errorf("%s: the filter is %v, %v", user, found.Condition, err)
		}
		if extent, _, err := closed.ExtentOf(request, moment(t, noon)); err != nil || extent != engine.Never {
			t.Errorf("%s: the extent is %s, %v", user, extent, err)
		}
	}
	if users, err := closed.SearchSubjects(&engine.Request{
		Subject: engine.Subject{Type: "user"}, Action: engine.Action{Name: "read"}, Resource: engine.Resource{Type: "note", ID: "1"},
	}, moment(t, noon)); err != nil || len(users) > 0 {
		t.Errorf("the search finds %v, %v", users, err)
	}
}
