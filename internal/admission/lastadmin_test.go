package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestLastAdmin(t *testing.T) {
	chief := MakeRole("chief").AdminAccess().Obj()
	byUser := objects{chief, MakeUser("ada").Roles("chief").Obj(), MakeUser("bob").Obj()}
	byGroup := objects{chief, MakeGroup("board").Groups("inner").Roles("chief").Obj(), MakeGroup("inner").Members("ada").Obj(), MakeUser("bob").Obj()}
	byFlag := objects{chief, MakeUser("root").Superuser().Obj(), MakeUser("off").Superuser().Disabled().Obj()}
	byAttribute := objects{
		chief, MakeGroup("board").MemberCondition("subject.attributes.rank == 1").Roles("chief").Obj(), MakeUser("ada").Attribute("rank", 1).Obj(),
	}
	byName := objects{
		chief, MakeGroup("board").MemberCondition("subject.id == 'ada'").Roles("chief").Obj(), MakeUserPermission("p", "order", "1").User("ada").Obj(),
	}
	byPolicy := objects{MakePolicy().Obj(), MakeUser("ada").Roles("admin").Obj()}
	two := objects{chief, MakeUser("ada").RoleIn("chief", "", nextMonth).Obj(), MakeUser("bob").RoleIn("chief", nextMonth, "").Obj()}
	leaving := MakeUser("ada").Roles("chief").Obj()
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	waiting := objects{chief, leaving, MakeUser("bob").Roles("chief").Obj()}
	boardOf := func() *GroupBuilder { return MakeGroup("board").Groups("inner") }

	run(t, map[string]reviewCase{
		"deleting the user":                 {byUser, remove(MakeUser("ada").Obj()), []string{"metadata.name A2"}},
		"deleting it with the namespace":    {byUser, remove(MakeUser("ada").Obj()).terminating(), nil},
		"leaving one who is being deleted":  {waiting, remove(MakeUser("bob").Obj()), []string{"metadata.name A2"}},
		"disabling the user":                {byUser, update(MakeUser("ada").Roles("chief").Disabled().Obj()), []string{"spec.disabled A2"}},
		"disabling it before the namespace": {byUser, update(MakeUser("ada").Roles("chief").Disabled().Obj()).terminating(), []string{"spec.disabled A2"}},
		"taking the role":                   {byUser, update(MakeUser("ada").Roles("clerk").Obj()), []string{"spec.roles A2"}},
		"a role that has ended":             {byUser, update(MakeUser("ada").RoleIn("chief", "", today).Obj()), []string{"spec.roles A2"}},
		"a role that starts later":          {byUser, update(MakeUser("ada").RoleIn("chief", nextMonth, "").Obj()), []string{"spec.roles A2"}},
		"a role that ends later":            {byUser, update(MakeUser("ada").RoleIn("chief", today, nextMonth).Obj()), nil},
		"becoming superuser instead":        {byUser, update(MakeUser("ada").Superuser().Obj()), nil},
		"taking adminAccess":                {byUser, update(MakeRole("chief").Obj()), []string{"spec.adminAccess A2"}},
		"restricting the role":              {byUser, update(MakeRole("chief").AdminAccess().RequireMFA().AllowedCIDRs("192.0.2.1").Obj()), nil},
		"deleting the role":                 {byUser, remove(chief), []string{"metadata.name A2"}},
		"deleting the role with all":        {byUser, remove(chief).terminating(), nil},
		"a role beside a public role with adminAccess": {
			objects{MakePolicy().Obj(), MakeRole("public").AdminAccess().Obj(), MakeUser("ada").Roles("clerk").Obj()},
			create(MakeRole("clerk").Obj()), []string{"spec.adminAccess A2"}},
		"giving adminAccess":              {objects{MakeRole("clerk").Obj()}, update(MakeRole("clerk").AdminAccess().Obj()), nil},
		"another user":                    {byUser, remove(MakeUser("bob").Obj()), nil},
		"a group that matters to nobody":  {byUser, create(MakeGroup("g").Members("ada").Obj()), nil},
		"deleting the superuser":          {byFlag, remove(MakeUser("root").Obj()), []string{"metadata.name A2"}},
		"taking the flag":                 {byFlag, update(MakeUser("root").Obj()), []string{"spec.superuser A2"}},
		"disabling the superuser":         {byFlag, update(MakeUser("root").Superuser().Disabled().Obj()), []string{"spec.disabled A2"}},
		"the role instead of the flag":    {byFlag, update(MakeUser("root").Roles("chief").Obj()), nil},
		"a disabled superuser":            {byFlag, remove(MakeUser("off").Obj()), nil},
		"deleting the group":              {byGroup, remove(MakeGroup("board").Obj()), []string{"metadata.name A2"}},
		"deleting the inner group":        {byGroup, remove(MakeGroup("inner").Obj()), []string{"metadata.name A2"}},
		"taking the member":               {byGroup, update(MakeGroup("inner").Obj()), []string{"spec A2"}},
		"a membership that has ended":     {byGroup, update(MakeGroup("inner").Member("ada", "", today).Obj()), []string{"spec A2"}},
		"exchanging the member":           {byGroup, update(MakeGroup("inner").Members("bob").Obj()), nil},
		"taking the inner group":          {byGroup, update(MakeGroup("board").Roles("chief").Obj()), []string{"spec A2"}},
		"the group's role starts later":   {byGroup, update(boardOf().RoleIn("chief", nextMonth, "").Obj()), []string{"spec A2"}},
		"a User that disables the member": {byGroup, create(MakeUser("ada").Disabled().Obj()), []string{"spec.disabled A2"}},
		"a User for the member":           {byGroup, create(MakeUser("ada").Obj()), nil},
		"a claim is no known user":        {byGroup, update(boardOf().ExternalGroups("idp:board").Obj()), []string{"spec A2"}},
		"the attribute of the condition":  {byAttribute, update(MakeUser("ada").Attribute("rank", 2).Obj()), []string{"spec.roles A2"}},
		"the condition":                   {byAttribute, update(MakeGroup("board").MemberCondition("false").Roles("chief").Obj()), []string{"spec A2"}},
		"the group that alone makes it known": {
			objects{chief, byName[1], MakeGroup("g").Members("ada").Obj()}, update(MakeGroup("g").Members("bob").Obj()), []string{"spec A2"}},
		"a group that makes it known beside a user permission": {
			slices.Concat(byName, objects{MakeGroup("g").Members("ada").Obj()}), update(MakeGroup("g").Members("bob").Obj()), nil},
		"what alone makes the user known": {byName, remove(MakeUserPermission("p", "order", "1").Obj()), []string{"metadata.name A2"}},
		"whom the user permission names":  {byName, update(MakeUserPermission("p", "order", "1").User("bob").Obj()), []string{"spec A2"}},
		"a role of the policy":            {byPolicy, remove(MakePolicy().Obj()), []string{"metadata.name A2"}},
		"another admin role of the policy": {byPolicy,
			update(MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole = "chief" }).Obj()), []string{"spec.adminRole A2"}},
		"the first of two":                 {two, remove(MakeUser("ada").Obj()), []string{"metadata.name A2"}},
		"the first of two, when both are":  {two, remove(MakeUser("ada").Obj()).at(nextMonth), nil},
		"the second of two, too late":      {two, remove(MakeUser("bob").Obj()).at(nextMonth), []string{"metadata.name A2"}},
		"the second of two, in good time":  {two, remove(MakeUser("bob").Obj()), nil},
		"where there is none":              {objects{chief, MakeUser("bob").Obj()}, remove(chief), nil},
		"where there was one once":         {objects{chief, MakeUser("ada").RoleIn("chief", "", lastMonth).Obj()}, remove(MakeUser("ada").Obj()), nil},
		"records and types of no interest": {byUser, remove(MakeRecordSet("r", "order").Obj()), nil},
	})
}

// Many members make all users affected; the answer is the same.
func TestLastAdminAmongMany(t *testing.T) {
	board := MakeGroup("board").Roles("chief")
	for i := range 100 {
		board.Members(fmt.Sprintf("u%03d", i))
	}
	domain := objects{MakeRole("chief").AdminAccess().Obj(), board.Obj()}
	run(t, map[string]reviewCase{
		"a role less":   {domain, update(MakeGroup("board").Members("u000").Obj()), []string{"spec A2"}},
		"a member less": {domain, update(MakeGroup("board").Roles("chief").Members("u000").Obj()), nil},
	})
	got := Review(engine.Compile(domain), remove(board.Obj()))
	if want := "u000, u001, u002 are the last admin"; len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Detail, want) {
		t.Errorf("got %v, want one error with %q", got.Errors, want)
	}
}
