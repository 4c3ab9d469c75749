package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// writers is a domain that prevents escalation. Of its people wim writes: it holds everything on part and
// site, and nothing on pay.
func writers(more ...engine.Object) objects {
	return writersUnder(MakePolicy().PreventEscalation().AppAccessRule(ReadOnly("pay")).Obj(), more...)
}

// writersUnder is the same with another policy.
func writersUnder(policy *v1alpha1.PermissionPolicy, more ...engine.Object) objects {
	return append(objects{
		policy,
		MakeResourceType("company").Tree("parent").Obj(),
		MakeResourceType("part").Areas("stock").Obj(),
		MakeResourceType("pay").Areas("money").Link("company", "company").Obj(),
		MakeResourceType("site").Areas("stock").Link("company", "company").Obj(),
		MakeRole("parts").Rule(Full("part")).Obj(),
		MakeRole("sites").Rule(Full("site")).Obj(),
		MakeRole("pays").Rule(Full("pay")).Obj(),
		MakeRole("pay-readers").Rule(ReadOnly("pay")).Obj(),
		MakeRole("nothing").Obj(),
		MakeRole("chief").AdminAccess().Obj(),
		MakeRole("careful").AdminAccess().RequireMFA().Obj(),
		MakeUser("wim").Roles("parts", "sites").Obj(),
		MakeUser("boss").Roles("chief").Obj(),
		MakeUser("cas").Roles("careful").Obj(),
		MakeUser("root").Superuser().Obj(),
		MakeUser("gone").Superuser().Disabled().Obj(),
		MakeUser("ned").Roles("nothing").Obj(),
	}, more...)
}

// byWim gives cases that wim writes.
func byWim(cases map[string]reviewCase) map[string]reviewCase {
	for name, tc := range cases {
		tc.change = tc.change.by("wim", "system:authenticated")
		cases[name] = tc
	}
	return cases
}

func TestWhoMayGive(t *testing.T) {
	give := func(role string) Change { return create(MakeUser("new").Roles(role).Obj()) }
	refused, forAdmins := []string{"spec.roles[0].name A7"}, []string{"metadata.name A7"}
	without := writersUnder(MakePolicy().Obj())
	limited := writers(MakeUserPermission("p", "part", "1").User("wim").Obj())
	strict := writersUnder(MakePolicy().PreventEscalation().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.StrictUserPermissions = true }).Obj())
	run(t, map[string]reviewCase{
		"who holds it":                                {writers(), give("parts").by("wim"), nil},
		"who does not":                                {writers(), give("pays").by("wim"), refused},
		"who is nobody":                               {writers(), give("parts").by("stranger"), refused},
		"who has no name":                             {writers(), give("parts").by(""), refused},
		"who is nobody, what gives nothing":           {writers(), give("nothing").by("stranger"), nil},
		"an admin":                                    {writers(), give("pays").by("boss"), nil},
		"a superuser":                                 {writers(), give("chief").by("root"), nil},
		"an admin with restrictions":                  {writers(), give("pays").by("cas"), refused},
		"a disabled superuser":                        {writers(), give("parts").by("gone"), refused},
		"a member of system:masters":                  {writers(), give("chief").by("stranger", "devs", "system:masters"), nil},
		"a group of another name":                     {writers(), give("chief").by("system:masters", "masters"), refused},
		"without preventEscalation":                   {without, give("chief").by("stranger"), nil},
		"without a policy":                            {writers()[1:], give("chief").by("stranger"), nil},
		"whom a user permission limits":               {limited, give("parts").by("wim"), refused},
		"whom one limits elsewhere":                   {limited, give("sites").by("wim"), nil},
		"whom strict links limit":                     {strict, give("sites").by("wim"), refused},
		"whom strict links limit elsewhere":           {strict, give("parts").by("wim"), nil},
		"who holds it under a condition":              {writers(MakeRole("own").Rule(MakeRule("part").Actions("*").Condition("true").Obj()).Obj(), MakeUser("con").Roles("own").Obj()), give("parts").by("con"), refused},
		"who holds some fields":                       {writers(MakeRole("own").Rule(MakeRule("part").Access("Full").Fields("a").Obj()).Obj(), MakeUser("con").Roles("own").Obj()), give("own").by("con"), refused},
		"who holds it with a second factor":           {writers(MakeRole("own").RequireMFA().Rule(Full("part")).Obj(), MakeUser("con").Roles("own").Obj()), give("parts").by("con"), refused},
		"who held it":                                 {writers(MakeUser("con").RoleIn("parts", "", today).Obj()), give("parts").by("con"), refused},
		"who will hold it":                            {writers(MakeUser("con").RoleIn("parts", nextMonth, "").Obj()), give("parts").by("con"), refused},
		"who holds it by a special permission":        {writers(MakeSpecialPermission("s", "con").On("Full", "part").Obj()), give("parts").by("con"), nil},
		"who lost it by a special permission":         {writers(MakeSpecialPermission("s", "wim").On("ReadOnly", "part").Obj()), give("parts").by("wim"), refused},
		"who gives to itself":                         {writers(), update(MakeUser("wim").Roles("parts", "sites", "pays").Obj()).by("wim"), []string{"spec.roles[2].name A7"}},
		"a role, where a type is open to all but wim": {writers(MakeResourceType("open").Unrestricted().Obj(), MakeSpecialPermission("s", "wim").On("None", "open").Obj()), give("parts").by("wim"), nil},
		"what other kinds say":                        {writers(), create(MakeRecordSet("r", "pay").Obj()).by("stranger"), forAdmins},
		"a policy":                                    {writers(), update(MakePolicy().Obj()).by("stranger"), forAdmins},
		"a resource type that opens to everybody":     {writers(), update(MakeResourceType("pay").Unrestricted().Obj()).by("stranger"), forAdmins},
		"an update that says the same":                {writers(), update(MakeUser("boss").Roles("chief").Obj()).by("stranger"), nil},
		"an update that says the same in other word":  {writers(), update(MakeUser("boss").ID("boss").Roles("chief").Obj()).by("stranger"), forAdmins},
	})
}

func TestEscalationByRole(t *testing.T) {
	own := MakeRule("pay").Actions("read").Condition("resource.properties.owner == subject.id")
	narrow := writers(
		MakeRole("own").Rule(own.Obj()).Obj(),
		MakeRole("some").Rule(MakeRule("pay").Actions("read", "update").Fields("a", "b").Validation("proposed.a == 1", "").Obj()).Obj(),
		MakeRole("guarded").RequireMFA().AllowedCIDRs("10.0.0.0/8", "192.0.2.1").Rule(Full("pay")).Obj(),
	)
	ownRole := func() *RoleBuilder { return MakeRole("own") }
	some := func() *RuleBuilder { return MakeRule("pay").Actions("read", "update") }
	guarded := func() *RoleBuilder { return MakeRole("guarded").Rule(Full("pay")) }
	first, forAdmins, admins := []string{"spec.rules[0] A7"}, []string{"metadata.name A7"}, []string{"spec.adminAccess A7"}
	run(t, byWim(map[string]reviewCase{
		"a new role of what wim holds":          {narrow, create(MakeRole("new").Rule(Full("part"), ReadOnly("site")).Obj()), nil},
		"a new role of more":                    {narrow, create(MakeRole("new").Rule(Full("part"), ReadOnly("pay")).Obj()), []string{"spec.rules[1] A7"}},
		"a new role of more, under conditions":  {narrow, create(MakeRole("new").Rule(own.Obj()).Obj()), first},
		"a new role of more, with restrictions": {narrow, create(MakeRole("new").RequireMFA().Rule(Full("pay")).Obj()), first},
		"a rule of no access":                   {narrow, create(MakeRole("new").Rule(MakeRule("pay").Access("None").Obj()).Obj()), nil},
		"a new rule":                            {narrow, update(MakeRole("parts").Rule(Full("part"), ReadOnly("pay")).Obj()), []string{"spec.rules[1] A7"}},
		"a type more in a rule":                 {narrow, update(MakeRole("parts").Rule(Full("part", "pay")).Obj()), first},
		"an area more":                          {narrow, update(MakeRole("parts").Rule(MakeRule("part").Areas("money").Access("Full").Obj()).Obj()), first},
		"every type":                            {narrow, update(MakeRole("parts").Rule(Full("*")).Obj()), first},
		"rules in another order":                {writers(MakeRole("two").Rule(Full("pay"), ReadOnly("*")).Obj()), update(MakeRole("two").Rule(ReadOnly("*"), Full("pay")).Obj()), nil},
		"a rule less":                           {narrow, update(MakeRole("pays").Obj()), nil},
		"less access":                           {narrow, update(MakeRole("pays").Rule(ReadOnly("pay")).Obj()), nil},
		"more access":                           {narrow, update(MakeRole("pay-readers").Rule(Full("pay")).Obj()), first},
		"an action that the access gave":        {narrow, update(MakeRole("pay-readers").Rule(MakeRule("pay").Actions("read").Obj()).Obj()), nil},
		"an action more":                        {narrow, update(ownRole().Rule(own.Actions("update").Obj()).Obj()), first},
		"another condition":                     {narrow, update(ownRole().Rule(MakeRule("pay").Actions("read").Condition("true").Obj()).Obj()), first},
		"no condition":                          {narrow, update(ownRole().Rule(MakeRule("pay").Actions("read").Obj()).Obj()), first},
		"a condition where there was none":      {narrow, update(MakeRole("pay-readers").Rule(MakeRule("pay").Actions("read").Condition("context.x == 1").Obj()).Obj()), nil},
		"fewer fields":                          {narrow, update(MakeRole("some").Rule(some().Fields("b.c").Validation("proposed.a == 1", "other words").Obj()).Obj()), nil},
		"more fields":                           {narrow, update(MakeRole("some").Rule(some().Fields("a", "b", "c").Validation("proposed.a == 1", "").Obj()).Obj()), first},
		"all fields":                            {narrow, update(MakeRole("some").Rule(some().Fields("a", "*").Validation("proposed.a == 1", "").Obj()).Obj()), first},
		"no fields, which is all":               {narrow, update(MakeRole("some").Rule(some().Validation("proposed.a == 1", "").Obj()).Obj()), first},
		"a validation more":                     {narrow, update(MakeRole("some").Rule(some().Fields("a", "b").Validation("proposed.a == 1", "").Validation("proposed.b == 1", "").Obj()).Obj()), nil},
		"another validation":                    {narrow, update(MakeRole("some").Rule(some().Fields("a", "b").Validation("proposed.a > 0", "").Obj()).Obj()), first},
		"a preset, which a validation sees":     {narrow, update(MakeRole("some").Rule(some().Fields("a", "b").Validation("proposed.a == 1", "").Preset("a", 1).Obj()).Obj()), first},
		"a preset where nothing is asked":       {narrow, update(MakeRole("pays").Rule(MakeRule("pay").Access("Full").Preset("a", 1).Obj()).Obj()), nil},
		"deleting":                              {narrow, remove(MakeRole("pays").Obj()), nil},

		"adminAccess":                          {narrow, update(MakeRole("parts").AdminAccess().Obj()), []string{"spec.adminAccess A7"}},
		"a new role with adminAccess":          {narrow, create(MakeRole("new").AdminAccess().RequireMFA().Obj()), []string{"spec.adminAccess A7"}},
		"the built-in admin role":              {narrow, create(MakeRole("admin").AdminAccess().Obj()), forAdmins},
		"the built-in public role":             {narrow, create(MakeRole("public").Obj()), forAdmins},
		"the built-in public role with rules":  {narrow, create(MakeRole("public").Rule(ReadOnly("pay")).Obj()), forAdmins},
		"rules instead of adminAccess":         {narrow, update(MakeRole("chief").Rule(Full("pay")).Obj()), admins},
		"adminAccess without its restrictions": {narrow, update(MakeRole("careful").AdminAccess().Obj()), admins},
		"rules without restrictions instead":   {narrow, update(MakeRole("careful").Rule(Full("pay")).Obj()), admins},
		"appAccess":                            {narrow, update(MakeRole("parts").AppAccess().Rule(Full("part")).Obj()), []string{"spec.appAccess A7"}},
		"appAccess where it gives no more":     {narrow, update(MakeRole("pays").AppAccess().Rule(Full("pay")).Obj()), nil},

		"a network less":         {narrow, update(guarded().RequireMFA().AllowedCIDRs("10.0.0.0/8").Obj()), nil},
		"a part of a network":    {narrow, update(guarded().RequireMFA().AllowedCIDRs("10.1.0.0/16", "::ffff:10.2.0.0/112", "192.0.2.1/32").Obj()), nil},
		"a network more":         {narrow, update(guarded().RequireMFA().AllowedCIDRs("10.0.0.0/8", "192.0.2.1", "192.0.2.2").Obj()), []string{"spec.restrictions A7"}},
		"a wider network":        {narrow, update(guarded().RequireMFA().AllowedCIDRs("10.0.0.0/7").Obj()), []string{"spec.restrictions A7"}},
		"any network":            {narrow, update(guarded().RequireMFA().Obj()), []string{"spec.restrictions A7"}},
		"no second factor":       {narrow, update(guarded().AllowedCIDRs("10.0.0.0/8").Obj()), []string{"spec.restrictions A7"}},
		"a restriction":          {narrow, update(MakeRole("pays").RequireMFA().AllowedCIDRs("10.0.0.0/8").Rule(Full("pay")).Obj()), nil},
		"more of what wim holds": {writers(MakeRole("guarded").RequireMFA().Rule(Full("part")).Obj()), update(MakeRole("guarded").Rule(Full("part")).Obj()), nil},
		"displayName and no more": {narrow, update(func() *v1alpha1.Role {
			r := MakeRole("pays").Rule(Full("pay")).Obj()
			r.Spec.DisplayName = "x"
			return r
		}()), nil},
	}))
}

// Rules reach types that do not exist yet; who gives them must reach these too.
func TestEscalationToTypesToCome(t *testing.T) {
	domain := writers(
		MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ali").Roles("all").Obj(),
		MakeRole("stock").Rule(MakeRule().Areas("stock").Access("Full").Obj()).Obj(), MakeUser("sam").Roles("stock").Obj(),
		MakeRole("soon").Rule(MakeRule("soon").Actions("read", "ship").Obj()).Obj(), MakeUser("sue").Roles("soon").Obj(),
	)
	role := func(rule v1alpha1.Rule, by string) Change { return create(MakeRole("new").Rule(rule).Obj()).by(by) }
	refused := []string{"spec.rules[0] A7"}
	area := func() *RuleBuilder { return MakeRule().Areas("stock") }
	run(t, map[string]reviewCase{
		"every type, by who has all that there are":   {slices.Concat(domain, objects{MakeUser("eve").Roles("parts", "sites", "pays", "companies").Obj(), MakeRole("companies").Rule(Full("company")).Obj()}), role(Full("*"), "eve"), refused},
		"every type, by who has every type":           {domain, role(Full("*"), "ali"), nil},
		"reading every type":                          {domain, role(ReadOnly("*"), "ali"), nil},
		"an area, by who has its types":               {domain, role(area().Access("Full").Obj(), "wim"), refused},
		"an area, by who has the area":                {domain, role(area().Access("Full").Obj(), "sam"), nil},
		"an area, by who has every type":              {domain, role(area().Actions("*").Obj(), "ali"), nil},
		"types of an area, by who has the area":       {domain, role(Full("part", "site"), "sam"), nil},
		"another area":                                {domain, role(MakeRule().Areas("sea").Actions("read").Obj(), "sam"), refused},
		"a type that is not there":                    {domain, role(Full("later"), "wim"), refused},
		"a type that is not there, by who has it":     {domain, role(MakeRule("soon").Actions("ship").Obj(), "sue"), nil},
		"another of its actions":                      {domain, role(MakeRule("soon").Actions("sink").Obj(), "sue"), refused},
		"all of its actions":                          {domain, role(Full("soon"), "sue"), refused},
		"a type that is not there, by who has all":    {domain, role(Full("later"), "ali"), nil},
		"a special permission on what is not there":   {domain, create(MakeSpecialPermission("s", "x").On("ReadOnly", "later").Obj()).by("wim"), []string{"spec.permissions A7"}},
		"a special permission on every type, by sam":  {domain, create(MakeSpecialPermission("s", "x").On("ReadOnly", "*").Obj()).by("sam"), []string{"spec.permissions A7"}},
		"a special permission on every type, by ali":  {domain, create(MakeSpecialPermission("s", "x").On("Full", "*").Obj()).by("ali"), nil},
		"actions of one name and of another type":     {domain, role(MakeRule().Areas("stock").Actions("ship").Obj(), "sam"), nil},
		"reading in an area, by who reads its types":  {domain, role(area().Access("ReadOnly").Obj(), "wim"), refused},
		"a rule of no access on a type not yet there": {domain, role(MakeRule("later").Access("None").Obj(), "wim"), nil},
	})
}

func TestEscalationByGroup(t *testing.T) {
	domain := writers(
		MakeGroup("payers").Members("pia").Roles("pays").Obj(),
		MakeGroup("ruled").Members("pia").Rule(Full("pay")).Obj(),
		MakeGroup("makers").Members("pia").Roles("parts").Obj(),
		MakeGroup("plain").Members("pia").Obj(),
		MakeGroup("inner").Obj(),
		MakeGroup("outer").Groups("between").Roles("pays").Obj(),
		MakeGroup("between").Groups("inner").Obj(),
		MakeGroup("later").Member("pia", "", nextMonth).RoleIn("pays", nextMonth, nextYear).Obj(),
		MakeGroup("over").RoleIn("pays", "", lastMonth).Obj(),
		MakeGroup("dangling").Roles("gone").Obj(),
		MakeGroup("board").Roles("chief").Obj(),
	)
	payers := func() *GroupBuilder { return MakeGroup("payers").Roles("pays") }
	plain := func() *GroupBuilder { return MakeGroup("plain").Members("pia") }
	later := func() *GroupBuilder { return MakeGroup("later") }
	member := []string{"spec.members[0].user A7"}
	run(t, byWim(map[string]reviewCase{
		"a new group of nothing":                {domain, create(MakeGroup("new").Members("wim").Obj()), nil},
		"a new group of what wim holds":         {domain, create(MakeGroup("new").Members("ned").Roles("parts").Rule(ReadOnly("site")).Obj()), nil},
		"a new group with a role":               {domain, create(MakeGroup("new").Roles("parts", "pays").Obj()), []string{"spec.roles[1].name A7"}},
		"a new group with a rule":               {domain, create(MakeGroup("new").Rule(Full("pay")).Obj()), []string{"spec.rules[0] A7"}},
		"a role":                                {domain, update(plain().Roles("pays").Obj()), []string{"spec.roles[0].name A7"}},
		"a role with adminAccess":               {domain, update(plain().Roles("chief").Obj()), []string{"spec.roles[0].name A7"}},
		"the built-in admin role":               {domain, update(plain().Roles("admin").Obj()), []string{"spec.roles[0].name A7"}},
		"a role with restricted adminAccess":    {domain, update(plain().Roles("careful").Obj()), []string{"spec.roles[0].name A7"}},
		"a role that does not exist":            {domain, update(plain().Roles("gone").Obj()), []string{"spec.roles[0].name A7"}},
		"a role that is over":                   {domain, update(plain().RoleIn("pays", "", today).Obj()), nil},
		"a role that starts later":              {domain, update(plain().RoleIn("pays", nextMonth, "").Obj()), []string{"spec.roles[0].name A7"}},
		"a role for longer":                     {domain, update(later().Member("pia", "", nextMonth).RoleIn("pays", nextMonth, "").Obj()), []string{"spec.roles[0].name A7"}},
		"a role that starts earlier":            {domain, update(later().Member("pia", "", nextMonth).RoleIn("pays", today, nextYear).Obj()), []string{"spec.roles[0].name A7"}},
		"a role for a shorter time":             {domain, update(later().Member("pia", "", nextMonth).RoleIn("pays", nextMonth, nextMonth[:8]+"02T00:00:00Z").Obj()), nil},
		"another start of what has begun":       {domain, update(payers().Members("pia").Obj()), nil},
		"a role that was over":                  {domain, update(MakeGroup("over").Roles("pays").Obj()), []string{"spec.roles[0].name A7"}},
		"roles less":                            {domain, update(MakeGroup("payers").Members("pia").Obj()), nil},
		"a rule":                                {domain, update(plain().Rule(Full("pay")).Obj()), []string{"spec.rules[0] A7"}},
		"less of a rule":                        {domain, update(MakeGroup("ruled").Members("pia").Rule(ReadOnly("pay")).Obj()), nil},
		"a member where nothing is given":       {domain, update(plain().Members("wim").Obj()), nil},
		"a member where wim holds all":          {domain, update(MakeGroup("makers").Members("pia", "ned").Roles("parts").Obj()), nil},
		"a member":                              {domain, update(payers().Members("pia", "ned").Obj()), []string{"spec.members[1].user A7"}},
		"several members":                       {domain, update(payers().Members("ann", "ned", "pia").Obj()), member},
		"itself":                                {domain, update(payers().Members("wim").Obj()), member},
		"a member of a group with a rule":       {domain, update(MakeGroup("ruled").Members("pia", "ned").Rule(Full("pay")).Obj()), []string{"spec.members[1].user A7"}},
		"a member of an inner group":            {domain, update(MakeGroup("inner").Members("ned").Obj()), member},
		"a member of a group of admins":         {domain, update(MakeGroup("board").Roles("chief").Members("ned").Obj()), member},
		"a member of a group of who knows what": {domain, update(MakeGroup("dangling").Roles("gone").Members("ned").Obj()), member},
		"a member that is over":                 {domain, update(payers().Members("pia").Member("ned", "", today).Obj()), nil},
		"a member for longer":                   {domain, update(later().Members("pia").RoleIn("pays", nextMonth, nextYear).Obj()), member},
		"a member for a shorter time":           {domain, update(payers().Member("pia", today, nextMonth).Obj()), nil},
		"a member less":                         {domain, update(payers().Obj()), nil},
		"an inner group":                        {domain, update(payers().Members("pia").Groups("plain").Obj()), []string{"spec.groups[0] A7"}},
		"an inner group of no member yet":       {domain, update(payers().Members("pia").Groups("nobody").Obj()), []string{"spec.groups[0] A7"}},
		"an inner group less":                   {domain, update(MakeGroup("outer").Roles("pays").Obj()), nil},
		"a claim":                               {domain, update(payers().Members("pia").ExternalGroups("idp:x").Obj()), []string{"spec.externalGroups[0] A7"}},
		"a claim where nothing is given":        {domain, update(plain().ExternalGroups("idp:x").Obj()), nil},
		"a condition":                           {domain, update(payers().Members("pia").MemberCondition("false").Obj()), []string{"spec.memberCondition A7"}},
		"a new group inside another":            {writers(MakeGroup("outer").Groups("new").Roles("pays").Obj()), create(MakeGroup("new").Members("ned").Obj()), member},
		"a new group inside another, empty":     {writers(MakeGroup("outer").Groups("new").Roles("pays").Obj()), create(MakeGroup("new").Obj()), nil},
		"deleting":                              {domain, remove(payers().Obj()), nil},
		"groups in a circle":                    {writers(MakeGroup("a").Groups("b").Obj(), MakeGroup("b").Groups("a").Roles("pays").Obj()), update(MakeGroup("a").Groups("b").Members("ned").Obj()), member},
	}))
}

func TestEscalationByUser(t *testing.T) {
	crewOnly := MakeRole("crew-only").Rule(MakeRule("pay").Actions("read").Condition("subject.staff").Obj()).Obj()
	domain := writers(
		MakeResourceType("vault").StaffOnly().Obj(),
		MakeRole("vaults").Rule(Full("vault")).Obj(),
		MakeRole("local").Rule(MakeRule("pay").Actions("read").Condition("resource.properties.desk == subject.attributes.desk").Obj()).Obj(),
		crewOnly,
		MakeGroup("payers").Members("mia", "off").Roles("pays").Obj(),
		MakeGroup("ranked").MemberCondition("subject.attributes.rank == 1").Roles("pays").Obj(),
		MakeGroup("ranked-now").MemberCondition("subject.attributes.grade == 1 && now > timestamp('2026-01-01T00:00:00Z')").Roles("pays").Obj(),
		MakeGroup("crew").MemberCondition("subject.staff && subject.properties.x == 1").Roles("pays").Obj(),
		MakeUser("vic").Roles("vaults").Obj(),
		MakeUser("loc").Roles("local", "crew-only").Attribute("desk", 1).Attribute("note", "a").Obj(),
		MakeUser("ray").Attribute("rank", 1).Obj(),
		MakeUser("off").Disabled().Obj(),
		MakeUser("off-admin").Roles("chief").Disabled().Obj(),
		MakeUser("off-parts").Roles("parts").Disabled().Obj(),
		MakeUser("off-later").RoleIn("pays", nextMonth, "").Disabled().Obj(),
		MakeUser("off-gone").Roles("gone").Disabled().Obj(),
		MakeUser("off-special").Disabled().Obj(),
		MakeSpecialPermission("s", "off-special").On("Full", "pay").In(nextMonth, "").Obj(),
		MakeUser("pia").RoleIn("pays", today, nextMonth).Obj(),
	)
	either := func(role string) engine.Object { // with claims other members than without
		return MakeGroup("either").Roles(role).
			MemberCondition("subject.attributes.d == 1 && !has(subject.properties.p) || subject.attributes.d == 2 && has(subject.properties.p)").Obj()
	}
	loc := func() *UserBuilder { return MakeUser("loc").Roles("local", "crew-only") }
	role := []string{"spec.roles[0].name A7"}
	run(t, byWim(map[string]reviewCase{
		"a new user of nothing":                    {domain, create(MakeUser("new").Obj()), nil},
		"a new user":                               {writers(), create(MakeUser("new").Roles("parts", "sites").Staff().Obj()), nil},
		"a role":                                   {domain, update(MakeUser("ned").Roles("pays").Obj()), role},
		"a role with adminAccess":                  {domain, update(MakeUser("ned").Roles("chief").Obj()), role},
		"a role that does not exist":               {domain, update(MakeUser("ned").Roles("gone").Obj()), role},
		"a role that starts later":                 {domain, update(MakeUser("ned").RoleIn("pays", nextYear, "").Obj()), role},
		"a role that is over":                      {domain, update(MakeUser("ned").RoleIn("pays", "", lastMonth).Obj()), nil},
		"a role for longer":                        {domain, update(MakeUser("pia").RoleIn("pays", today, nextYear).Obj()), role},
		"a role since earlier":                     {domain, update(MakeUser("pia").RoleIn("pays", lastMonth, nextMonth).Obj()), nil},
		"a role for a shorter time":                {domain, update(MakeUser("pia").RoleIn("pays", "", today).Obj()), nil},
		"a role less":                              {domain, update(MakeUser("pia").Obj()), nil},
		"superuser":                                {domain, update(MakeUser("ned").Superuser().Obj()), []string{"spec.superuser A7"}},
		"a new superuser":                          {domain, create(MakeUser("new").Superuser().Obj()), []string{"spec.superuser A7"}},
		"a new superuser, disabled":                {domain, create(MakeUser("new").Superuser().Disabled().Obj()), []string{"spec.superuser A7"}},
		"enabling a superuser":                     {domain, update(MakeUser("gone").Superuser().Obj()), []string{"spec.superuser A7"}},
		"deleting a disabled superuser":            {writers(), remove(MakeUser("gone").Obj()), []string{"metadata.name A7"}},
		"disabling":                                {domain, update(MakeUser("pia").Disabled().Obj()), nil},
		"a role for who is disabled":               {domain, update(MakeUser("off").Disabled().Roles("chief").Obj()), role},
		"enabling a member":                        {domain, update(MakeUser("off").Obj()), []string{"spec.disabled A7"}},
		"deleting what disables a member":          {domain, remove(MakeUser("off").Obj()), []string{"metadata.name A7"}},
		"enabling an admin":                        {domain, update(MakeUser("off-admin").Roles("chief").Obj()), []string{"spec.disabled A7"}},
		"enabling who gets it later":               {domain, update(MakeUser("off-later").RoleIn("pays", nextMonth, "").Obj()), []string{"spec.disabled A7"}},
		"enabling who gets who knows what":         {domain, update(MakeUser("off-gone").Roles("gone").Obj()), []string{"spec.disabled A7"}},
		"enabling who gets it by a special":        {domain, update(MakeUser("off-special").Obj()), []string{"spec.disabled A7"}},
		"enabling who may be in a group by claims": {domain, update(MakeUser("off-parts").Roles("parts").Obj()), []string{"spec.disabled A7"}},
		"enabling who has what wim holds":          {writers(MakeUser("off-parts").Roles("parts").Disabled().Obj()), update(MakeUser("off-parts").Roles("parts").Obj()), nil},
		"staff on a type for staff":                {domain, update(MakeUser("vic").Roles("vaults").Staff().Obj()), []string{"spec.staff A7", "spec.staff A7"}},
		"staff where no type is for staff":         {writers(), update(MakeUser("ned").Roles("nothing").Staff().Obj()), nil},
		"staff in the condition of a rule":         {writers(crewOnly, MakeUser("ann").Roles("crew-only").Obj()), update(MakeUser("ann").Roles("crew-only").Staff().Obj()), []string{"spec.staff A7"}},
		"staff in the condition of another's rule": {writers(crewOnly), update(MakeUser("ned").Roles("nothing").Staff().Obj()), nil},
		"no longer staff":                          {writers(MakeUser("sta").Staff().Obj()), update(MakeUser("sta").Obj()), nil},
		"an attribute that a rule looks at":        {domain, update(loc().Attribute("desk", 2).Attribute("note", "a").Obj()), []string{"spec.attributes[desk] A7"}},
		"an attribute that none looks at":          {domain, update(loc().Attribute("desk", 1).Attribute("note", "b").Obj()), nil},
		"an attribute less that a rule looks at":   {domain, update(loc().Attribute("note", "a").Obj()), []string{"spec.attributes[desk] A7"}},
		"an attribute that a group looks at":       {domain, update(MakeUser("ned").Roles("nothing").Attribute("rank", 1).Obj()), []string{"spec.attributes[rank] A7"}},
		"another value of it":                      {domain, update(MakeUser("ned").Roles("nothing").Attribute("rank", 2).Obj()), nil},
		"an attribute that leaves a group":         {domain, update(MakeUser("ray").Attribute("rank", 2).Obj()), nil},
		"an attribute that stays in a group":       {domain, update(MakeUser("ray").Attribute("rank", 1.0).Attribute("note", "x").Obj()), nil},
		"an attribute that keeps in a group for longer": {
			writers(MakeUser("ann").Obj(), MakeGroup("ranked").Member("ann", "", nextMonth).MemberCondition("subject.attributes.rank == 1").Roles("pays").Obj()),
			update(MakeUser("ann").Attribute("rank", 1).Obj()), []string{"spec.attributes[rank] A7"}},
		"an attribute and the subject's type": {
			writersUnder(MakePolicy().PreventEscalation().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.SubjectTypes = []v1alpha1.Token{"user", "robot"} }).Obj(),
				MakeUser("ann").Obj(), MakeGroup("robots").MemberCondition("subject.type == 'robot' && subject.attributes.rank == 1").Roles("pays").Obj()),
			update(MakeUser("ann").Attribute("rank", 1).Obj()), []string{"spec.attributes[rank] A7"}},
		"an attribute and staff by scopes": {
			writersUnder(MakePolicy().PreventEscalation().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.StaffScopes = []v1alpha1.Token{"staff"} }).Obj(),
				MakeUser("ann").Obj(), MakeGroup("crew").MemberCondition("subject.staff && subject.attributes.rank == 1").Roles("pays").Obj()),
			update(MakeUser("ann").Attribute("rank", 1).Obj()), []string{"spec.attributes[rank] A7"}},
		"an attribute and the time":        {domain, update(MakeUser("ned").Roles("nothing").Attribute("grade", 2).Obj()), []string{"spec.attributes[grade] A7"}},
		"an attribute and claims, joining": {writers(MakeUser("ann").Attribute("d", 1).Obj(), either("pays")), update(MakeUser("ann").Attribute("d", 2).Obj()), []string{"spec.attributes[d] A7"}},
		"an attribute and claims, leaving": {writers(MakeUser("ann").Attribute("d", 2).Roles("pays").Obj(), either("nothing"), MakeUserPermission("p", "pay", "1").Group("either").Obj()),
			update(MakeUser("ann").Attribute("d", 1).Roles("pays").Obj()), []string{"spec.attributes[d] A7"}},
		"deleting": {domain, remove(MakeUser("pia").Obj()), nil},
		"deleting who has another object": {writers(MakeUser("dup").ID("vic").Obj(), MakeUser("dup2").ID("vic").Roles("pays").Obj()),
			remove(MakeUser("dup").ID("vic").Obj()), []string{"metadata.name A7"}},
	}))
}

func TestEscalationByUserPermission(t *testing.T) {
	on := func(name string, values ...string) *UserPermissionBuilder {
		return MakeUserPermission(name, "company", values...)
	}
	ann, annsGroup := MakeUser("ann").Roles("pays", "sites").Obj(), MakeGroup("g").Members("ann").Obj()
	domain := writers(
		ann,
		MakeUser("sid").Roles("sites").Obj(),
		MakeUser("fay").RoleIn("pays", nextMonth, "").Obj(),
		annsGroup,
		on("ann-all", "a", "b").User("ann").Obj(),
		on("sid-all", "a", "b").User("sid").HideDescendants().Obj(),
		on("fay-all", "a").User("fay").Obj(),
		on("group-all", "a").Group("g").Obj(),
		on("boss-all", "a").User("boss").Obj(),
		on("sid-ending", "c").User("sid").In("", today).Obj(),
		on("ann-window", "c").User("ann").ApplicableFor("pay").In(nextMonth, nextYear).Obj(),
		MakeUserPermission("ann-part", "part", "1").User("ann").Obj(),
	)
	lifted, all := []string{"spec A7"}, []string{"metadata.name A7"}
	run(t, byWim(map[string]reviewCase{
		"a default for who may create nothing":    {domain, create(on("new", "a").User("nobody").Default("a").Obj()), []string{"spec.default A7"}},
		"a default where the writer may create":   {domain, create(on("new", "a").User("nobody").Default("a").ApplicableFor("site").Obj()), nil},
		"deleting what keeps from what wim holds": {domain, remove(on("sid-all").Obj()), nil},
		"deleting what keeps from pay":            {domain, remove(on("ann-all").Obj()), all},
		"deleting what will keep from pay":        {domain, remove(on("fay-all").Obj()), all},
		"deleting what keeps from what a special permission gives": {writers(MakeSpecialPermission("s", "sid").On("ReadOnly", "pay").In(nextMonth, "").Obj(), on("one", "a").User("sid").Obj()),
			remove(on("one", "a").Obj()), all},
		"deleting what keeps from what is open to all": {writers(MakeResourceType("open").Unrestricted().Link("company", "company").Obj(), MakeSpecialPermission("s", "wim").On("None", "open").Obj(), on("one", "a").User("sid").Obj()),
			remove(on("one", "a").Obj()), all},
		"deleting what keeps from nothing": {domain, remove(MakeUserPermission("ann-part", "part", "1").Obj()), nil},
		"deleting what keeps a group":      {domain, remove(on("group-all").Obj()), all},
		"deleting what is over":            {domain, remove(on("sid-ending").Obj()), nil},
		"deleting what is to come":         {domain, remove(on("ann-window").Obj()), all},
		"deleting what keeps an admin":     {domain, remove(on("boss-all").Obj()), nil},
		"a value more":                     {domain, update(on("ann-all", "a", "b", "d").User("ann").Obj()), lifted},
		"a value less":                     {domain, update(on("ann-all", "a").User("ann").Obj()), nil},
		"descendants too":                  {writers(ann, on("p", "a").User("ann").HideDescendants().Obj()), update(on("p", "a").User("ann").Obj()), lifted},
		"no descendants":                   {domain, update(on("ann-all", "a", "b").User("ann").HideDescendants().Obj()), nil},
		"some types less":                  {domain, update(on("ann-all", "a", "b").User("ann").ApplicableFor("site").Obj()), lifted},
		"an end":                           {domain, update(on("ann-all", "a", "b").User("ann").In("", nextYear).Obj()), lifted},
		"a later start":                    {domain, update(MakeUserPermission("ann-window", "company", "c").User("ann").ApplicableFor("pay").In(nextMonth[:8]+"02T00:00:00Z", nextYear).Obj()), lifted},
		"another user":                     {domain, update(on("ann-all", "d").User("sid").Obj()), lifted},
		"another kind of record":           {domain, update(MakeUserPermission("ann-all", "part", "2").User("ann").Obj()), lifted},
		"a default":                        {domain, update(on("ann-all", "a", "b").User("ann").Default("a").Obj()), []string{"spec.default A7"}},
		"the first":                        {domain, create(on("new", "z").User("ned").Obj()), nil},
		"the first for who has pay":        {writers(MakeUser("ann").Roles("pays").Obj()), create(on("new", "z").User("ann").Obj()), nil},
		"a second":                         {domain, create(on("new", "z").User("ann").Obj()), lifted},
		"beside a group whose membership is in error": {writers(MakeUser("ann").Roles("pays").Obj(), MakeGroup("d").MemberCondition("subject.attributes.d == 1").Obj(), on("d-all", "a").Group("d").Obj()),
			create(on("new", "z").User("ann").Obj()), lifted},
		"a second on another type":         {writers(ann, on("one", "a").User("ann").ApplicableFor("pay").Obj()), create(on("new", "z").User("ann").ApplicableFor("site").Obj()), nil},
		"a second on what wim holds":       {domain, create(on("new", "z").User("sid").Obj()), nil},
		"a second, by a group":             {domain, create(on("new", "z").Group("g").Obj()), lifted},
		"one beside that of a group":       {writers(ann, annsGroup, on("one", "a").Group("g").Obj()), create(on("new", "z").User("ann").Obj()), lifted},
		"one beside that of another group": {writers(ann, on("one", "a").Group("g").Obj()), create(on("new", "z").User("ann").Obj()), nil},
		"one beside what is over":          {writers(ann, on("one", "a").User("ann").In("", today).Obj()), create(on("new", "z").User("ann").Obj()), nil},
		"one that is over":                 {domain, create(on("new", "z").User("ann").In("", today).Obj()), nil},
		"for longer, beside another": {writers(ann, on("one", "a").User("ann").Obj(), on("two", "b").User("ann").In("", nextMonth).Obj()),
			update(on("two", "b").User("ann").In("", nextYear).Obj()), lifted},
		"on more types, beside another": {writers(ann, on("one", "a").User("ann").Obj(), on("two", "b").User("ann").ApplicableFor("site").Obj()),
			update(on("two", "b").User("ann").ApplicableFor("site", "pay").Obj()), lifted},
		"deleting what keeps the role-less from what the public role gives": {writers(MakeRole("public").Rule(MakeRule("pay").Actions("read").Condition("subject.id != ''").Obj()).Obj(), on("one", "a").User("joe").Obj()),
			remove(on("one", "a").Obj()), all},
		"for longer, alone": {writers(ann, on("two", "b").User("ann").In("", nextMonth).Obj()),
			update(on("two", "b").User("ann").In("", nextYear).Obj()), nil},
	}))
	strict := MakePolicy().PreventEscalation().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.StrictUserPermissions = true })
	other := MakePolicy().PreventEscalation().Spec(func(s *v1alpha1.PermissionPolicySpec) {
		s.StrictUserPermissions, s.StrictFor = true, []v1alpha1.Name{"region"}
	})
	run(t, byWim(map[string]reviewCase{
		"the first of a strict type":    {writersUnder(strict.Obj(), ann), create(on("new", "z").User("ann").Obj()), lifted},
		"the first, strict on another":  {writersUnder(other.Obj(), ann), create(on("new", "z").User("ann").Obj()), nil},
		"who holds nothing of the type": {writersUnder(strict.Obj()), create(on("new", "z").User("ned").Obj()), nil},
	}))
}

// Groups restrict their members: leaving one opens records, and joining one adds its values to others.
func TestEscalationByTheRestrictionsOfGroups(t *testing.T) {
	limit := func(name, value string) *UserPermissionBuilder { return MakeUserPermission(name, "company", value) }
	domain := writers(
		MakeUser("ann").Roles("pays").Attribute("rank", 1).Obj(),
		MakeUser("sid").Roles("sites").Attribute("rank", 0).Obj(),
		MakeUser("wim").Roles("parts", "sites").Attribute("rank", 0).Obj(),
		MakeGroup("outer").Groups("inner").Obj(),
		MakeGroup("inner").Members("ann", "sid").Obj(),
		MakeGroup("ranked").MemberCondition("subject.attributes.rank == 1").Obj(),
		MakeGroup("free").Groups("said").ExternalGroups("idp:free").Obj(),
		limit("outer-limit", "a").Group("outer").Obj(),
		limit("ranked-limit", "b").Group("ranked").Obj(),
		limit("free-limit", "c").Group("free").Obj(),
	)
	ann, own := MakeUser("ann").Roles("pays").Obj(), limit("own", "b").User("ann").Obj()
	alone := writers(ann, MakeGroup("g").Obj(), limit("g-limit", "a").Group("g").Obj())
	beside := slices.Concat(alone, objects{own})
	run(t, byWim(map[string]reviewCase{
		"a member less":                {domain, update(MakeGroup("inner").Members("sid").Obj()), []string{"spec.members A7"}},
		"a member less who has no pay": {domain, update(MakeGroup("inner").Members("ann").Obj()), nil},
		"both":                         {domain, update(MakeGroup("inner").Obj()), []string{"spec.members A7"}},
		"a member for a shorter time":  {domain, update(MakeGroup("inner").Members("sid").Member("ann", "", nextMonth).Obj()), []string{"spec.members A7"}},
		"an inner group less":          {domain, update(MakeGroup("outer").Obj()), []string{"spec.groups A7"}},
		"the group":                    {domain, remove(MakeGroup("inner").Obj()), []string{"metadata.name A7"}},
		"the group around":             {domain, remove(MakeGroup("outer").Obj()), []string{"metadata.name A7"}},
		"a claim less":                 {domain, update(MakeGroup("free").Groups("said").Obj()), []string{"spec.externalGroups A7"}},
		"another condition":            {domain, update(MakeGroup("ranked").MemberCondition("subject.attributes.rank == 2").Obj()), []string{"spec.memberCondition A7", "spec.memberCondition A7"}},
		"another attribute":            {domain, update(MakeUser("ann").Roles("pays").Attribute("rank", 2).Obj()), []string{"spec.attributes[rank] A7"}},
		"an attribute less, by which it restricts all the same": {domain, update(MakeUser("ann").Roles("pays").Obj()), nil},
		"an attribute again":             {slices.Concat(domain, objects{ann}), update(MakeUser("ann").Roles("pays").Attribute("rank", 2).Obj()), []string{"spec.attributes[rank] A7"}},
		"deleting who has the attribute": {domain, remove(MakeUser("ann").Obj()), nil},
		"joining a restriction":          {alone, update(MakeGroup("g").Members("ann").Obj()), nil},
		"joining one more restriction":   {beside, update(MakeGroup("g").Members("ann").Obj()), []string{"spec.members[0].user A7"}},
		"joining one that is in a restriction": {writers(ann, own, MakeGroup("around").Groups("g").Obj(), limit("around-limit", "a").Group("around").Obj(), MakeGroup("g").Obj()),
			update(MakeGroup("g").Members("ann").Obj()), []string{"spec.members[0].user A7"}},
		"joining, who has no other":      {beside, update(MakeGroup("g").Members("ned").Obj()), nil},
		"joining a restriction, anybody": {beside, update(MakeGroup("g").ExternalGroups("x").Obj()), []string{"spec.externalGroups[0] A7"}},
		"joining what is over":           {writers(ann, MakeGroup("g").Obj(), own, limit("g-limit", "a").Group("g").In("", today).Obj()), update(MakeGroup("g").Members("ann").Obj()), nil},
		"leaving what is over":           {writers(MakeGroup("g").Members("ann").Obj(), ann, limit("g-limit", "a").Group("g").In("", today).Obj()), update(MakeGroup("g").Obj()), nil},
	}))
}

func TestEscalationBySpecialPermission(t *testing.T) {
	on := func(access v1alpha1.Access, types ...string) *SpecialPermissionBuilder {
		return MakeSpecialPermission("s", "ann").On(access, types...)
	}
	with := func(special *SpecialPermissionBuilder) objects {
		return writers(MakeUser("ann").Roles("pay-readers", "parts").Obj(), MakeUser("pia").Roles("pays").Obj(), special.Obj())
	}
	none := writers(MakeUser("ann").Roles("pay-readers").Obj())
	gives, lifts := []string{"spec.permissions A7"}, []string{"metadata.name A7"}
	run(t, byWim(map[string]reviewCase{
		"all of what wim holds":               {none, create(on("Full", "part", "site").Obj()), nil},
		"all of pay":                          {none, create(on("Full", "part", "pay").Obj()), gives},
		"reading pay, though ann reads it":    {none, create(on("ReadOnly", "pay").Obj()), gives},
		"all of pay, later":                   {none, create(on("Full", "pay").In(nextMonth, "").Obj()), gives},
		"all of pay, once":                    {none, create(on("Full", "pay").In("", today).Obj()), nil},
		"nothing of pay":                      {none, create(on("None", "pay").Obj()), nil},
		"nothing said of pay":                 {none, create(on("NotApplicable", "pay").Obj()), nil},
		"all and nothing of pay":              {none, create(on("Full", "pay").On("None", "pay").Obj()), nil},
		"all by an area":                      {none, create(MakeSpecialPermission("s", "ann").OnAreas("Full", "money").Obj()), gives},
		"less":                                {with(on("Full", "pay")), update(on("ReadOnly", "pay").Obj()), nil},
		"more":                                {with(on("ReadOnly", "pay")), update(on("Full", "pay").Obj()), gives},
		"for longer":                          {with(on("Full", "pay").In("", nextMonth)), update(on("Full", "pay").In("", nextYear).Obj()), gives},
		"for a shorter time":                  {with(on("Full", "pay").In("", nextYear)), update(on("Full", "pay").In("", nextMonth).Obj()), nil},
		"for another user":                    {with(on("Full", "pay")), update(MakeSpecialPermission("s", "ned").On("Full", "pay").Obj()), gives},
		"the reason":                          {with(on("Full", "pay")), update(func() *v1alpha1.SpecialPermission { s := on("Full", "pay").Obj(); s.Spec.Reason = "x"; return s }()), nil},
		"deleting what gives":                 {with(on("Full", "pay")), remove(on("Full", "pay").Obj()), nil},
		"deleting what takes what wim has":    {with(on("None", "part")), remove(on("None").Obj()), nil},
		"deleting what takes":                 {with(on("None", "pay")), remove(on("None").Obj()), lifts},
		"deleting what leaves reading":        {with(on("ReadOnly", "pay")), remove(on("None").Obj()), nil},
		"deleting what leaves less":           {with(MakeSpecialPermission("s", "pia").On("ReadOnly", "pay")), remove(on("None").Obj()), lifts},
		"deleting what took":                  {with(on("None", "pay").In("", today)), remove(on("None").Obj()), nil},
		"no longer taking":                    {with(on("None", "pay", "part")), update(on("None", "part").Obj()), gives},
		"no longer applicable":                {with(on("None", "pay")), update(on("NotApplicable", "pay").Obj()), gives},
		"taking for a shorter time":           {with(on("None", "pay")), update(on("None", "pay").In("", nextMonth).Obj()), gives},
		"taking for longer":                   {with(on("None", "pay").In("", nextMonth)), update(on("None", "pay").Obj()), nil},
		"taking from another":                 {with(on("None", "pay")), update(MakeSpecialPermission("s", "ned").On("None", "pay").Obj()), gives},
		"reading instead of nothing":          {with(on("None", "pay")), update(on("ReadOnly", "pay").Obj()), gives},
		"deleting one beside another":         {append(with(on("None", "pay")), MakeSpecialPermission("t", "ann").On("Full", "pay").Obj()), remove(on("None").Obj()), lifts},
		"deleting one that takes from nobody": {writers(MakeSpecialPermission("s", "ann").On("None", "pay").Obj()), remove(on("None").Obj()), nil},
		"deleting one that takes what is open to all": {
			writers(MakeResourceType("open").Unrestricted().Obj(), MakeSpecialPermission("s", "ann").On("None", "open").Obj(), MakeSpecialPermission("w", "wim").On("None", "open").Obj()),
			remove(on("None").Obj()), lifts},
	}))
}

// Rules may look at the subject's groups and roles: being in a group that gives nothing can give much.
func TestEscalationByConditionsOnMembership(t *testing.T) {
	rule := MakeRule("pay").Actions("read").Condition("'vip' in subject.groups || 'star' in subject.roles")
	reader, ann := MakeRole("careful-reader").Rule(rule.Obj()).Obj(), MakeUser("ann").Roles("careful-reader").Obj()
	domain := writers(
		reader, ann,
		MakeGroup("vip").Obj(), MakeRole("star").Obj(),
	)
	app := writersUnder(MakePolicy().PreventEscalation().AppAccessRule(rule.Obj()).Obj(), MakeRole("app").AppAccess().Obj(), MakeUser("pat").Roles("app").Obj(), MakeGroup("vip").Obj())
	run(t, byWim(map[string]reviewCase{
		"a member who has the rule":         {domain, update(MakeGroup("vip").Members("ann").Obj()), []string{"spec.members[0].user A7"}},
		"a member who has not":              {domain, update(MakeGroup("vip").Members("ned").Obj()), nil},
		"anybody":                           {domain, update(MakeGroup("vip").ExternalGroups("x").Obj()), []string{"spec.externalGroups[0] A7"}},
		"a role of a group":                 {domain, update(MakeGroup("vip").Roles("star").Obj()), []string{"spec.roles A7"}},
		"a role for who has the rule":       {domain, update(MakeUser("ann").Roles("careful-reader", "star").Obj()), []string{"spec.roles A7"}},
		"a role for who has not":            {domain, update(MakeUser("ned").Roles("star").Obj()), nil},
		"a new role":                        {domain, create(MakeRole("new").Obj()), []string{"metadata.name A7"}},
		"a role less":                       {domain, remove(MakeRole("star").Obj()), []string{"metadata.name A7"}},
		"restricting a role":                {domain, update(MakeRole("star").RequireMFA().Obj()), []string{"metadata.name A7"}},
		"a member less":                     {writers(reader, ann, MakeGroup("vip").Members("ann").Obj()), update(MakeGroup("vip").Obj()), []string{"spec.members A7"}},
		"a member less who has not":         {writers(reader, ann, MakeGroup("vip").Members("ned").Obj()), update(MakeGroup("vip").Obj()), nil},
		"a group less":                      {writers(reader, ann, MakeGroup("vip").ExternalGroups("x").Obj()), remove(MakeGroup("vip").Obj()), []string{"metadata.name A7"}},
		"app access rules":                  {app, update(MakeGroup("vip").Members("pat").Obj()), []string{"spec.members[0].user A7"}},
		"app access rules, of who has none": {app, update(MakeGroup("vip").Members("ned").Obj()), nil},
		"rules that look at something else": {writers(MakeRole("r").Rule(MakeRule("pay").Actions("read").Condition("subject.id == 'x'").Obj()).Obj(), MakeUser("ann").Roles("r").Obj()),
			create(MakeGroup("vip").Members("ann").Obj()), nil},
		"validations and presets": {writers(MakeRole("r").Rule(MakeRule("pay").Actions("update").Validation("'vip' in subject.groups", "").Obj(), MakeRule("pay").Actions("create").PresetExpression("g", "subject.groups").Obj()).Obj(), MakeUser("ann").Roles("r").Obj()),
			create(MakeGroup("vip").Members("ann").Obj()), []string{"spec.members[0].user A7"}},
	}))
}

// Who loses its last role gets the public role, and may get more by it.
func TestEscalationByLosingTheLastRole(t *testing.T) {
	domain := writers(
		MakeRole("public").Rule(ReadOnly("pay", "part")).Obj(),
		MakeRole("clerk").Obj(),
		MakeUser("ann").Roles("clerk").Obj(),
		MakeUser("two").Roles("clerk", "parts").Obj(),
		MakeUser("dis").Roles("clerk").Disabled().Obj(),
		MakeGroup("g").Members("joe").Rule(ReadOnly("part")).Obj(),
		MakeGroup("h").Members("joe", "jim").Roles("clerk").Obj(),
		MakeUser("spc").Roles("clerk").Obj(), MakeSpecialPermission("s", "spc").On("None", "pay").Obj(),
	)
	name := []string{"metadata.name A7"}
	run(t, byWim(map[string]reviewCase{
		"the last role":                       {domain, update(MakeUser("ann").Obj()), name},
		"the last role, which had it":         {writers(MakeRole("public").Rule(ReadOnly("pay")).Obj()), update(MakeUser("ned").Obj()), name},
		"the last role, and it is kept":       {domain, update(MakeUser("spc").Obj()), nil},
		"one of two":                          {domain, update(MakeUser("two").Roles("parts").Obj()), nil},
		"the User":                            {domain, remove(MakeUser("ann").Obj()), name},
		"the role":                            {domain, remove(MakeRole("clerk").Obj()), name},
		"the last role of a group":            {domain, update(MakeGroup("h").Members("joe", "jim").Obj()), name},
		"the last group":                      {domain, update(MakeGroup("h").Members("joe").Roles("clerk").Obj()), name},
		"a group beside another":              {domain, update(MakeGroup("h").Members("jim").Roles("clerk").Obj()), nil},
		"the last rule of a group":            {domain, update(MakeGroup("g").Members("joe").Obj()), nil},
		"where the public role gives no more": {writers(MakeRole("public").Rule(ReadOnly("part")).Obj()), update(MakeUser("ned").Obj()), nil},
	}))
}

func TestEscalationMessages(t *testing.T) {
	got := Review(engine.Compile(writers()), create(MakeUser("new").Roles("pays").Obj()).by("wim"))
	want := `spec.roles[0].name: Invalid value: "pays": Role pays gives create, delete, read, update on pay, which the writer wim does not hold on every record; leave it out, or ask an admin of the domain to write it (A7)`
	if len(got.Errors) != 1 || got.Errors[0].Error() != want {
		t.Errorf("got  %v\nwant %s", got.Errors, want)
	}
	got = Review(engine.Compile(writers()), create(MakeUser("new").Superuser().Obj()).by("wim"))
	if want := "being superuser gives everything, which only an admin may write, and the writer wim is none"; len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Detail, want) {
		t.Errorf("got %v, want %q", got.Errors, want)
	}
	got = Review(engine.Compile(writers()), create(MakeRole("new").Rule(Full("*")).Obj()).by("stranger"))
	if want := "on future types; create, delete, other reading"; len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Detail, "and more on") {
		t.Errorf("got %v, want %q", got.Errors, want)
	}
}

// TestEscalationByUserSet: what is judged is what an entry says, and what comes to count of its user.
func TestEscalationByUserSet(t *testing.T) {
	older := MakeUserSet("older", MakeUser("off").Disabled(), MakeUser("mia"), MakeUser("cyd").Roles("pays"))
	older.CreationTimestamp.Time = june.AddDate(0, -2, 0)
	newer := MakeUserSet("newer", MakeUser("off"), MakeUser("cyd").Roles("parts"))
	newer.CreationTimestamp.Time = june.AddDate(0, -1, 0)
	domain := writers(MakeGroup("payers").Members("off", "mia").Roles("pays").Obj(), older, newer)
	changed := func(users ...*UserBuilder) Change {
		set := MakeUserSet("older", users...)
		set.CreationTimestamp = older.CreationTimestamp
		return update(set)
	}
	off, mia, cyd := MakeUser("off").Disabled(), MakeUser("mia"), MakeUser("cyd").Roles("pays")
	run(t, byWim(map[string]reviewCase{
		"an entry of what the writer holds":           {domain, changed(off, mia, cyd, MakeUser("new").Roles("parts")), nil},
		"an entry of what it does not":                {domain, changed(off, mia, cyd, MakeUser("new").Roles("pays")), []string{"spec.users[3].roles[0].name A7"}},
		"a superuser":                                 {domain, changed(off, mia, cyd, MakeUser("new").Superuser()), []string{"spec.users[3].superuser A7"}},
		"enabling the user of an entry":               {domain, changed(MakeUser("off"), mia, cyd), []string{"spec.users[0].disabled A7"}},
		"a User in place of an entry that disables":   {domain, create(MakeUser("off").Obj()), []string{"spec.disabled A7"}},
		"without an entry that disables":              {domain, changed(mia, cyd), []string{"metadata.name A7"}},
		"a User in place of an entry":                 {domain, create(MakeUser("mia").Roles("parts").Obj()), nil},
		"without an entry that kept a set's from use": {domain, changed(off, mia), nil},
		"less in an entry":                            {domain, changed(off, mia, MakeUser("cyd")), nil},
	}))
}
