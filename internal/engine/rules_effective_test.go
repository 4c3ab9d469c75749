package engine_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// level is what a user may do with one type.
type level struct {
	domain domain
	// user is ann unless said otherwise, on the type doc at noon.
	user, on string
	want     v1alpha1.EffectivePermission
}

func levels(t *testing.T, common domain, cases map[string]level) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.user == "" {
				tc.user = "ann"
			}
			if tc.on == "" {
				tc.on = "doc"
			}
			tc.want.Resource = tc.on
			objects := join(common, tc.domain)
			got, ok, _ := engine.Compile(objects).EffectiveOn(tc.user, tc.on, moment(t, noon))
			if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" || !ok {
				t.Errorf("EffectiveOn %v (-want +got):\n%s", ok, diff)
			}
			got, _ = enginetest.NewNaive(objects).EffectiveOn(tc.user, tc.on, moment(t, noon))
			if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the naive evaluator (-want +got):\n%s", diff)
			}
		})
	}
}

func effective(access v1alpha1.Access, allowed, conditional []string, decidedBy ...string) v1alpha1.EffectivePermission {
	return v1alpha1.EffectivePermission{Access: access, Allowed: allowed, Conditional: conditional, DecidedBy: decidedBy}
}

func restrictedBy(p v1alpha1.EffectivePermission, by ...string) v1alpha1.EffectivePermission {
	p.RestrictedBy = by
	return p
}

func overriding(p v1alpha1.EffectivePermission, overridden ...string) v1alpha1.EffectivePermission {
	p.Overridden = overridden
	return p
}

// usual are the names of the usual actions, sorted.
var usual = []string{"create", "delete", "read", "update"}

func TestEffectiveLevels(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(),
		MakeResourceType("report").Action("view", v1alpha1.ClassRead).Action("print", v1alpha1.ClassRead).Obj(),
		MakeResourceType("inbox").Action("send", v1alpha1.ClassCreate).Action("drop", v1alpha1.ClassDelete).Obj(),
	}
	names := func(list ...string) []string { return list }
	levels(t, common, map[string]level{
		"all actions allowed":          {domain: ruled(Full("doc")), want: effective(full, usual, nil, "Role/r")},
		"all and only those of Read":   {domain: ruled(ReadOnly("doc")), want: effective(readOnly, names("read"), nil, "Role/r")},
		"nothing":                      {domain: ruled(Full("other")), want: effective(none, nil, nil)},
		"more than those of Read":      {domain: ruled(MakeRule("doc").Actions("read", "update").Obj()), want: effective(v1alpha1.AccessCustom, names("read", "update"), nil, "Role/r")},
		"without those of Read":        {domain: ruled(MakeRule("doc").Actions("update").Obj()), want: effective(v1alpha1.AccessCustom, names("update"), nil, "Role/r")},
		"some of those of Read":        {domain: ruled(MakeRule("report").Actions("view").Obj()), on: "report", want: effective(v1alpha1.AccessCustom, names("view"), nil, "Role/r")},
		"Read, and one conditional":    {domain: ruled(ReadOnly("doc"), MakeRule("doc").Actions("update").Condition("true").Obj()), want: effective(v1alpha1.AccessCustom, names("read"), names("update"), "Role/r")},
		"only conditional":             {domain: ruled(when("true")), want: effective(v1alpha1.AccessCustom, nil, usual, "Role/r")},
		"a type with nothing but Read": {domain: ruled(ReadOnly("report")), on: "report", want: effective(full, names("print", "view"), nil, "Role/r")},
		"a type without Read":          {domain: ruled(ReadOnly("inbox")), on: "inbox", want: effective(none, nil, nil)},
		"a type without Read, partly":  {domain: ruled(MakeRule("inbox").Actions("send").Obj()), on: "inbox", want: effective(v1alpha1.AccessCustom, names("send"), nil, "Role/r")},
		"allowed by another rule":      {domain: ruled(when("false"), Full("doc")), want: effective(full, usual, nil, "Role/r")},
		"allowed by a rule before":     {domain: ruled(Full("doc"), when("false")), want: effective(full, usual, nil, "Role/r")},
		"a rule that gives nothing":    {domain: ruled(MakeRule("doc").Access(none).Obj()), want: effective(none, nil, nil)},
	})
}

func TestEffectiveConditional(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	custom := v1alpha1.AccessCustom
	levels(t, common, map[string]level{
		"a condition":                 {domain: ruled(when("subject.id == 'ann'")), want: effective(custom, nil, usual, "Role/r")},
		"a condition that is broken":  {domain: ruled(when("subject.")), want: effective(custom, nil, usual, "Role/r")},
		"validations: of writes":      {domain: ruled(MakeRule("doc").Access(full).Validation("true", "").Obj()), want: effective(custom, []string{"delete", "read"}, []string{"create", "update"}, "Role/r")},
		"fields: not of a Delete":     {domain: ruled(MakeRule("doc").Access(full).Fields("a").Obj()), want: effective(custom, []string{"delete"}, []string{"create", "read", "update"}, "Role/r")},
		"all fields":                  {domain: ruled(MakeRule("doc").Access(full).Fields("a", "*").Obj()), want: effective(full, usual, nil, "Role/r")},
		"presets do not change it":    {domain: ruled(MakeRule("doc").Access(full).Preset("a", 1).PresetExpression("b", "subject.id").Obj()), want: effective(full, usual, nil, "Role/r")},
		"fields of two rules":         {domain: ruled(MakeRule("doc").Actions("read").Fields("a").Obj(), MakeRule("doc").Actions("read").Fields("b").Obj()), want: effective(custom, nil, []string{"read"}, "Role/r")},
		"a role that asks for MFA":    {domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").RequireMFA().Rule(Full("doc")).Obj()}, want: effective(custom, nil, usual, "Role/r")},
		"a role of some networks":     {domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").AllowedCIDRs("10.0.0.0/8").Rule(Full("doc")).Obj()}, want: effective(custom, nil, usual, "Role/r")},
		"restrictions that are empty": {domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").AllowedCIDRs().Rule(Full("doc")).Obj()}, want: effective(full, usual, nil, "Role/r")},
		"beside a role that does not": {
			domain: domain{MakeUser("ann").Roles("r", "s").Obj(), MakeRole("r").RequireMFA().Rule(Full("doc")).Obj(), MakeRole("s").Rule(ReadOnly("doc")).Obj()},
			want:   effective(custom, []string{"read"}, []string{"create", "delete", "update"}, "Role/r", "Role/s"),
		},
		"app access by a restricted role": {
			domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").RequireMFA().AppAccess().Obj(), MakePolicy().AppAccessRule(ReadOnly("doc")).Obj()},
			want:   effective(custom, nil, []string{"read"}, "PermissionPolicy/default"),
		},
		"app access by one that is not": {
			domain: domain{MakeUser("ann").Roles("r", "s").Obj(), MakeRole("r").RequireMFA().AppAccess().Obj(), MakeRole("s").AppAccess().Obj(), MakePolicy().AppAccessRule(ReadOnly("doc")).Obj()},
			want:   effective(readOnly, []string{"read"}, nil, "PermissionPolicy/default"),
		},
		"a restricted admin role": {
			domain: domain{MakeUser("ann").Roles("r", "s").Obj(), MakeRole("r").RequireMFA().AdminAccess().Obj(), MakeRole("s").Rule(ReadOnly("doc")).Obj()},
			want:   effective(custom, []string{"read"}, []string{"create", "delete", "update"}, "Role/r", "Role/s"),
		},
		"a restricted admin role, on a type for staff": {
			domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").RequireMFA().AdminAccess().Obj(), MakeResourceType("doc").StaffOnly().Obj()},
			want:   effective(custom, nil, usual, "ResourceType/doc", "Role/r"),
		},
		"a restricted admin role, under a special permission": {
			domain: domain{MakeUser("ann").Roles("r").Obj(), MakeRole("r").RequireMFA().AdminAccess().Obj(), MakeSpecialPermission("sp", "ann").On(none, "doc").Obj()},
			want:   effective(custom, nil, usual, "Role/r", "SpecialPermission/sp"),
		},
	})
}

func TestEffectiveWithoutARequest(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	group := func(change func(*GroupBuilder)) domain {
		g := MakeGroup("g").Rule(ReadOnly("doc"))
		change(g)
		return domain{g.Obj(), MakeUser("ann").Attribute("dept", "sales").Obj()}
	}
	in, out := effective(readOnly, []string{"read"}, nil, "Group/g"), effective(none, nil, nil)
	levels(t, common, map[string]level{
		"externalGroups match nobody":           {domain: group(func(g *GroupBuilder) { g.ExternalGroups("idp:a", "") }), want: out},
		"memberCondition by attributes":         {domain: group(func(g *GroupBuilder) { g.MemberCondition("subject.attributes.dept == 'sales'") }), want: in},
		"memberCondition without properties":    {domain: group(func(g *GroupBuilder) { g.MemberCondition("subject.properties == {} && context == {}") }), want: in},
		"memberCondition that reads properties": {domain: group(func(g *GroupBuilder) { g.MemberCondition("subject.properties.tier == 'gold'") }), want: out},
		"memberCondition by id, type and time": {domain: group(func(g *GroupBuilder) {
			g.MemberCondition("subject.id == 'ann' && subject.type == 'user' && now.getHours() == 12")
		}), want: in},
		"a member in its window":                   {domain: group(func(g *GroupBuilder) { g.Member("ann", noon, "") }), want: in},
		"a member after its window":                {domain: group(func(g *GroupBuilder) { g.Member("ann", "", noon) }), want: out},
		"staff by a scope is not known":            {domain: join(policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.StaffScopes = []v1alpha1.Token{"s"} }), domain{MakeResourceType("doc").StaffOnly().Obj()}, ruled(Full("doc"))), want: effective(none, nil, nil, "ResourceType/doc")},
		"an unknown user holds the public role":    {domain: domain{MakeRole("public").Rule(ReadOnly("doc")).Obj()}, user: "zoe", want: effective(readOnly, []string{"read"}, nil, "Role/public")},
		"the subject's type is the policy's first": {domain: join(policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectTypes = []v1alpha1.Token{"employee", "user"} }), group(func(g *GroupBuilder) { g.MemberCondition("subject.type == 'employee'") })), want: in},
	})
}

func TestEffectiveWhoDecides(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("open").Unrestricted().Obj(), MakeResourceType("ledger").StaffOnly().Obj(),
		MakeUserPermission("up", "company", "1").User("ann").Obj(),
		MakeSpecialPermission("sp", "ann").On(none, "*").Obj(),
	}
	levels(t, common, map[string]level{
		"a superuser: its User object": {domain: domain{MakeUser("a1").ID("ann").Superuser().Obj()}, want: effective(full, usual, nil, "User/a1")},
		"a superuser on a staff type":  {domain: domain{MakeUser("ann").Superuser().Obj()}, on: "ledger", want: effective(full, usual, nil, "User/ann")},
		"an admin: its roles":          {domain: domain{MakeUser("ann").Roles("b", "a", "c").Obj(), MakeRole("a").AdminAccess().Obj(), MakeRole("b").AdminAccess().Obj(), MakeRole("c").Rule(Full("*")).Obj()}, want: effective(full, usual, nil, "Role/a", "Role/b")},
		"a superuser before an admin":  {domain: domain{MakeUser("ann").Superuser().Roles("a").Obj(), MakeRole("a").AdminAccess().Obj()}, want: effective(full, usual, nil, "User/ann")},
		"disabled: its User object":    {domain: domain{MakeUser("a1").ID("ann").Disabled().Superuser().Obj()}, want: effective(none, nil, nil, "User/a1")},
		"disabled on an open type":     {domain: domain{MakeUser("ann").Disabled().Obj()}, on: "open", want: effective(none, nil, nil, "User/ann")},
		"a type for staff: itself":     {domain: ruled(Full("*")), on: "ledger", want: effective(none, nil, nil, "ResourceType/ledger")},
		"a type for staff, and staff":  {domain: domain{MakeUser("bob").Staff().Roles("r").Obj(), MakeRole("r").Rule(Full("*")).Obj()}, user: "bob", on: "ledger", want: effective(full, usual, nil, "Role/r")},
		"an open type: itself":         {domain: domain{MakeGroup("g").Members("bob").Rule(Full("*")).Obj()}, user: "bob", on: "open", want: effective(full, usual, nil, "ResourceType/open")},
		"else every source of a case":  {domain: domain{MakeUser("bob").Roles("r", "s", "t").Obj(), MakeRole("r").Rule(Full("doc")).Obj(), MakeRole("s").Rule(when("false")).Obj(), MakeRole("t").Obj(), MakeGroup("g").Members("bob").Rule(ReadOnly("doc")).Obj()}, user: "bob", want: effective(full, usual, nil, "Group/g", "Role/r", "Role/s")},
	})
}

func TestEffectiveSpecialPermission(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(), MakeResourceType("open").Unrestricted().Obj(), MakeResourceType("ledger").StaffOnly().Obj(),
		MakeRole("r").Rule(ReadOnly("doc")).Obj(), MakeRole("idle").Obj(), MakeUser("ann").Roles("r", "idle").Obj(),
	}
	special := func(access v1alpha1.Access) domain {
		return domain{MakeSpecialPermission("sp", "ann").On(access, "*").Obj()}
	}
	by := "SpecialPermission/sp"
	levels(t, common, map[string]level{
		"None":                                   {domain: special(none), want: overriding(effective(none, nil, nil, by), "Role/r")},
		"ReadOnly":                               {domain: special(readOnly), want: overriding(effective(readOnly, []string{"read"}, nil, by), "Role/r")},
		"Full":                                   {domain: special(full), want: overriding(effective(full, usual, nil, by), "Role/r")},
		"NotApplicable":                          {domain: special(notApplicable), want: effective(readOnly, []string{"read"}, nil, "Role/r")},
		"the winners decide, losers are nothing": {domain: domain{MakeSpecialPermission("a", "ann").On(full, "*").Obj(), MakeSpecialPermission("b", "ann").On(none, "doc").Obj(), MakeSpecialPermission("c", "ann").On(none, "*").Obj()}, want: overriding(effective(none, nil, nil, "SpecialPermission/b", "SpecialPermission/c"), "Role/r")},
		"overridden: conditional ones too":       {domain: join(special(none), domain{MakeRole("r").Rule(when("false")).Obj()}), want: overriding(effective(none, nil, nil, by), "Role/r")},
		"overridden: restricted roles too":       {domain: join(special(none), domain{MakeRole("r").RequireMFA().Rule(Full("doc")).Obj()}), want: overriding(effective(none, nil, nil, by), "Role/r")},
		"overridden: groups":                     {domain: join(special(none), domain{MakeGroup("g").Members("ann").Rule(ReadOnly("doc")).Obj()}), want: overriding(effective(none, nil, nil, by), "Group/g", "Role/r")},
		"overridden: the public role":            {domain: domain{MakeSpecialPermission("sp", "zoe").On(none, "doc").Obj(), MakeRole("public").Rule(ReadOnly("doc")).Obj()}, user: "zoe", want: overriding(effective(none, nil, nil, by), "Role/public")},
		"overridden: an open type":               {domain: special(none), on: "open", want: overriding(effective(none, nil, nil, by), "ResourceType/open")},
		"overridden: app access rules":           {domain: join(special(none), domain{MakeRole("r").AppAccess().Obj(), MakePolicy().AppAccessRule(ReadOnly("doc")).Obj()}), want: overriding(effective(none, nil, nil, by), "PermissionPolicy/default")},
		"overridden: nothing":                    {domain: join(special(readOnly), domain{MakeRole("r").Obj()}), want: effective(readOnly, []string{"read"}, nil, by)},
		"a type for staff comes first":           {domain: special(full), on: "ledger", want: effective(none, nil, nil, "ResourceType/ledger")},
		"after its window":                       {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "*").In("", noon).Obj()}, want: effective(readOnly, []string{"read"}, nil, "Role/r")},
	})
}

func TestEffectiveRestrictedBy(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Link("items.depot", "depot").IgnoredLink("former", "shop").Tree("under").Link("under", "place").Obj(),
		MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(ReadOnly("doc")).Obj(), MakeGroup("g").Members("ann").Obj(),
	}
	read := effective(readOnly, []string{"read"}, nil, "Role/r")
	up := func(name, allow string) *UserPermissionBuilder { return MakeUserPermission(name, allow, "1") }
	levels(t, common, map[string]level{
		"for a link":                     {domain: domain{up("up", "company").User("ann").Obj()}, want: restrictedBy(read, "UserPermission/up")},
		"for a link on a path":           {domain: domain{up("up", "depot").User("ann").Obj()}, want: restrictedBy(read, "UserPermission/up")},
		"for the type itself":            {domain: domain{up("up", "doc").User("ann").Obj()}, want: restrictedBy(read, "UserPermission/up")},
		"for an ignored link":            {domain: domain{up("up", "shop").User("ann").Obj()}, want: read},
		"for the parentField":            {domain: domain{up("up", "place").User("ann").Obj()}, want: read},
		"for another type":               {domain: domain{up("up", "other").User("ann").Obj()}, want: read},
		"applicable for the type":        {domain: domain{up("up", "company").User("ann").ApplicableFor("doc").Obj()}, want: restrictedBy(read, "UserPermission/up")},
		"applicable for another type":    {domain: domain{up("up", "company").User("ann").ApplicableFor("company").Obj()}, want: read},
		"after its window":               {domain: domain{up("up", "company").User("ann").In("", noon).Obj()}, want: read},
		"of a group":                     {domain: domain{up("up", "company").Group("g").Obj()}, want: restrictedBy(read, "UserPermission/up")},
		"of another user":                {domain: domain{up("up", "company").User("bob").Obj()}, want: read},
		"several, sorted":                {domain: domain{up("z", "company").User("ann").Obj(), up("a", "depot").Group("g").Obj()}, want: restrictedBy(read, "UserPermission/a", "UserPermission/z")},
		"strict link types":              {domain: strictly(""), want: restrictedBy(read, "Strict/company", "Strict/depot")},
		"strict for some":                {domain: strictly("", "depot", "doc", "shop", "place"), want: restrictedBy(read, "Strict/depot")},
		"both":                           {domain: join(strictly("", "company"), domain{up("up", "company").User("ann").Obj()}), want: restrictedBy(read, "Strict/company", "UserPermission/up")},
		"where access is None":           {domain: domain{MakeRole("r").Obj(), up("up", "company").User("ann").Obj()}, want: restrictedBy(effective(none, nil, nil), "UserPermission/up")},
		"under a special permission":     {domain: domain{MakeSpecialPermission("sp", "ann").On(full, "doc").Obj(), up("up", "company").User("ann").Obj()}, want: restrictedBy(overriding(effective(full, usual, nil, "SpecialPermission/sp"), "Role/r"), "UserPermission/up")},
		"not of a superuser":             {domain: join(strictly(""), domain{MakeUser("ann").Superuser().Obj(), up("up", "company").User("ann").Obj()}), want: effective(full, usual, nil, "User/ann")},
		"not of an admin":                {domain: join(strictly(""), domain{MakeRole("r").AdminAccess().Obj(), up("up", "company").User("ann").Obj()}), want: effective(full, usual, nil, "Role/r")},
		"not of who is disabled":         {domain: join(strictly(""), domain{MakeUser("ann").Disabled().Obj(), up("up", "company").User("ann").Obj()}), want: effective(none, nil, nil, "User/ann")},
		"of an admin that is restricted": {domain: domain{MakeRole("r").RequireMFA().AdminAccess().Obj(), up("up", "company").User("ann").Obj()}, want: restrictedBy(effective(v1alpha1.AccessCustom, nil, usual, "Role/r"), "UserPermission/up")},
	})
}

func TestEffectiveStatus(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakeResourceType("bill").Obj(), MakeResourceType("part").Obj(), MakeResourceType("ledger").StaffOnly().Obj(),
		MakeRole("reader").Rule(ReadOnly("doc"), when("true")).Obj(), MakeRole("clerk").Rule(ReadOnly("bill")).Obj(), MakeRole("public").Rule(ReadOnly("part")).Obj(),
		MakeGroup("g").Members("ann", "gus").Roles("reader", "gone").Obj(), MakeGroup("around").Groups("g").Obj(), MakeGroup("empty").Obj(),
	}
	custom := func(p v1alpha1.EffectivePermission, on string) v1alpha1.EffectivePermission {
		p.Resource = on
		return p
	}
	docCustom := custom(effective(v1alpha1.AccessCustom, []string{"read"}, []string{"create", "delete", "update"}, "Role/reader"), "doc")
	cases := map[string]struct {
		domain domain
		user   string
		want   v1alpha1.EffectivePermissionsStatus
	}{
		"groups, roles with what gives them, summary, permissions": {
			domain: domain{MakeUser("a1").ID("ann").Roles("reader", "clerk").RoleIn("public", "", noon).Obj()}, user: "ann",
			want: v1alpha1.EffectivePermissionsStatus{
				Groups:      []string{"around", "g"},
				Roles:       []v1alpha1.HeldRole{{Name: "clerk", Via: []string{"User/a1"}}, {Name: "reader", Via: []string{"Group/g", "User/a1"}}},
				Summary:     v1alpha1.AccessSummary{ReadOnly: 1, Custom: 1, None: 2},
				Permissions: []v1alpha1.EffectivePermission{custom(effective(readOnly, []string{"read"}, nil, "Role/clerk"), "bill"), docCustom},
			},
		},
		"the role-less: the public role, via nothing": {
			user: "zoe",
			want: v1alpha1.EffectivePermissionsStatus{
				Roles: []v1alpha1.HeldRole{{Name: "public"}}, Summary: v1alpha1.AccessSummary{ReadOnly: 1, None: 3},
				Permissions: []v1alpha1.EffectivePermission{custom(effective(readOnly, []string{"read"}, nil, "Role/public"), "part")},
			},
		},
		"where a special permission says None, it is shown": {
			domain: domain{MakeSpecialPermission("sp", "gus").On(none, "bill", "ledger").Obj()}, user: "gus",
			want: v1alpha1.EffectivePermissionsStatus{
				Groups: []string{"around", "g"}, Roles: []v1alpha1.HeldRole{{Name: "reader", Via: []string{"Group/g"}}},
				Summary:     v1alpha1.AccessSummary{Custom: 1, None: 3},
				Permissions: []v1alpha1.EffectivePermission{custom(effective(none, nil, nil, "SpecialPermission/sp"), "bill"), docCustom},
			},
		},
		"disabled": {
			domain: domain{MakeUser("gus").Disabled().Superuser().Obj(), MakeSpecialPermission("sp", "gus").On(none, "bill").Obj()}, user: "gus",
			want: v1alpha1.EffectivePermissionsStatus{
				Superuser: true, Disabled: true, Groups: []string{"around", "g"}, Roles: []v1alpha1.HeldRole{{Name: "reader", Via: []string{"Group/g"}}},
				Summary: v1alpha1.AccessSummary{None: 4},
			},
		},
		"an admin": {
			domain: domain{MakeGroup("bosses").Members("bo").Roles("chief").Obj(), MakeRole("chief").AdminAccess().Obj()}, user: "bo",
			want: v1alpha1.EffectivePermissionsStatus{
				Admin: true, Groups: []string{"bosses"}, Roles: []v1alpha1.HeldRole{{Name: "chief", Via: []string{"Group/bosses"}}},
				Summary: v1alpha1.AccessSummary{Full: 4},
				Permissions: []v1alpha1.EffectivePermission{
					custom(effective(full, usual, nil, "Role/chief"), "bill"), custom(effective(full, usual, nil, "Role/chief"), "doc"),
					custom(effective(full, usual, nil, "Role/chief"), "ledger"), custom(effective(full, usual, nil, "Role/chief"), "part"),
				},
			},
		},
		"an admin role that is restricted makes no admin": {
			domain: domain{MakeUser("bo").Roles("chief").Obj(), MakeRole("chief").AdminAccess().RequireMFA().Obj(), MakeResourceType("bill").Obj()}, user: "bo",
			want: v1alpha1.EffectivePermissionsStatus{
				Roles: []v1alpha1.HeldRole{{Name: "chief", Via: []string{"User/bo"}}}, Summary: v1alpha1.AccessSummary{Custom: 4},
				Permissions: []v1alpha1.EffectivePermission{
					custom(effective(v1alpha1.AccessCustom, nil, usual, "Role/chief"), "bill"), custom(effective(v1alpha1.AccessCustom, nil, usual, "Role/chief"), "doc"),
					custom(effective(v1alpha1.AccessCustom, nil, usual, "ResourceType/ledger", "Role/chief"), "ledger"), custom(effective(v1alpha1.AccessCustom, nil, usual, "Role/chief"), "part"),
				},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			objects := join(common, tc.domain)
			got := effectiveOf(engine.Compile(objects), tc.user, moment(t, noon))
			if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Effective (-want +got):\n%s", diff)
			}
			got = enginetest.NewNaive(objects).Effective(tc.user, moment(t, noon))
			if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the naive evaluator (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEffectiveNextTransition(t *testing.T) {
	const before, first, second, third = "2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"
	common := domain{MakeResourceType("doc").Link("company", "company").Obj(), MakeRole("r").Rule(Full("doc")).Obj()}
	cases := map[string]struct {
		domain domain
		at     string
		want   string
	}{
		"nothing":                                {},
		"a role of the user starts":              {domain: domain{MakeUser("ann").RoleIn("r", first, second).Obj()}, want: first},
		"a role of the user ends":                {domain: domain{MakeUser("ann").RoleIn("r", before, second).Obj()}, want: second},
		"at a start, the end is next":            {domain: domain{MakeUser("ann").RoleIn("r", first, second).Obj()}, at: first, want: second},
		"at the end, nothing is":                 {domain: domain{MakeUser("ann").RoleIn("r", first, second).Obj()}, at: second},
		"just before":                            {domain: domain{MakeUser("ann").RoleIn("r", first, second).Obj()}, at: "2026-06-30T23:59:59.999Z", want: first},
		"the membership starts":                  {domain: domain{MakeGroup("g").Member("ann", second, "").Rule(Full("doc")).Obj()}, want: second},
		"the membership of a group within ends":  {domain: domain{MakeGroup("g").Groups("h").Rule(Full("doc")).Obj(), MakeGroup("h").Member("ann", "", second).Obj()}, want: second},
		"a role of its group starts":             {domain: domain{MakeGroup("g").Members("ann").RoleIn("r", third, "").Obj()}, want: third},
		"a role of a group around starts":        {domain: domain{MakeGroup("g").Groups("h").RoleIn("r", third, "").Obj(), MakeGroup("h").Members("ann").Obj()}, want: third},
		"a user permission starts":               {domain: domain{MakeUserPermission("up", "company", "1").User("ann").In(second, "").Obj()}, want: second},
		"a user permission of its group ends":    {domain: domain{MakeUserPermission("up", "company", "1").Group("g").In("", second).Obj(), MakeGroup("g").Members("ann").Obj()}, want: second},
		"a special permission ends":              {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "*").In("", second).Obj()}, want: second},
		"the earliest of several":                {domain: domain{MakeUser("ann").RoleIn("r", "", third).Obj(), MakeSpecialPermission("sp", "ann").On(none, "*").In("", second).Obj(), MakeGroup("g").Member("ann", first, "").Obj()}, want: first},
		"others' windows do not count":           {domain: domain{MakeUser("bob").RoleIn("r", first, "").Obj(), MakeGroup("g").Member("bob", first, second).RoleIn("r", second, "").Obj(), MakeUserPermission("up", "company", "1").User("bob").In(first, "").Obj(), MakeSpecialPermission("sp", "bob").On(none, "*").In(first, "").Obj()}},
		"a window that ends before it starts":    {domain: domain{MakeUser("ann").RoleIn("r", second, first).Obj()}},
		"of a User object that another overlays": {domain: domain{createdAt(before, MakeUser("a").ID("ann").Obj()), createdAt(first, MakeUser("b").ID("ann").RoleIn("r", first, "").Obj())}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var want *metav1.Time
			if tc.want != "" {
				want = &metav1.Time{Time: moment(t, tc.want)}
			}
			d := engine.Compile(join(common, tc.domain))
			if diff := gocmp.Diff(want, effectiveOf(d, "ann", moment(t, tc.at)).NextTransition); diff != "" {
				t.Errorf("nextTransition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDomainNextTransition(t *testing.T) {
	const first, second, third = "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"
	cases := map[string]struct {
		domain domain
		want   string
	}{
		"nothing":                    {domain: domain{MakeUser("ann").RoleIn("r", "", noon).Obj()}},
		"a role of a user":           {domain: domain{MakeUser("ann").RoleIn("r", first, "").Obj()}, want: first},
		"a member":                   {domain: domain{MakeGroup("g").Member("ann", "", second).Obj()}, want: second},
		"a role of a group":          {domain: domain{MakeGroup("g").RoleIn("r", third, "").Obj()}, want: third},
		"a user permission":          {domain: domain{MakeUserPermission("up", "company", "1").Group("g").In(first, second).Obj()}, want: first},
		"a special permission":       {domain: domain{MakeSpecialPermission("sp", "ann").On(none, "*").In("", second).Obj()}, want: second},
		"the earliest of everything": {domain: domain{MakeUser("ann").RoleIn("r", third, "").Obj(), MakeSpecialPermission("sp", "bob").On(none, "*").In("", second).Obj()}, want: second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var want time.Time
			if tc.want != "" {
				want = moment(t, tc.want)
			}
			got, ok := engine.Compile(tc.domain).NextTransition(moment(t, noon))
			if !got.Equal(want) || ok != (tc.want != "") {
				t.Errorf("got %v, %v, want %v", got, ok, want)
			}
		})
	}
}

func TestKnownUsers(t *testing.T) {
	d := engine.Compile(domain{
		MakeUser("a1").ID("ann").Obj(), MakeUser("bob").Disabled().Obj(),
		MakeGroup("g").Member("cid", "", noon).Members("ann").Obj(),
		MakeUserPermission("up", "company", "1").User("dee").In("", noon).Obj(), MakeUserPermission("up2", "company", "1").Group("g").Obj(),
		MakeSpecialPermission("sp", "eve").On(none, "*").Obj(),
	})
	want := []string{"ann", "bob", "cid", "dee", "eve"}
	if diff := gocmp.Diff(want, d.Users()); diff != "" {
		t.Errorf("Users (-want +got):\n%s", diff)
	}
	for _, user := range want {
		if !d.Knows(user) {
			t.Errorf("%s is not known", user)
		}
	}
	for _, user := range []string{"a1", "g", ""} {
		if d.Knows(user) {
			t.Errorf("%q is known", user)
		}
	}
}
