package admission

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestBuiltInRoles(t *testing.T) {
	named := func(admin, public string) *PolicyBuilder {
		return MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole, s.PublicRole = admin, public })
	}
	admin, public, other := MakeRole("admin").AdminAccess(), MakeRole("public"), MakeRole("other")
	withPolicy := objects{MakePolicy().Obj(), admin.Obj(), public.Obj(), other.Obj()}
	withoutPolicy := objects{admin.Obj(), public.Obj()}
	renamed := objects{named("chief", "guests").Obj(), MakeRole("chief").AdminAccess().Obj(), MakeRole("guests").Obj(), admin.Obj(), public.Obj()}

	run(t, map[string]reviewCase{
		"deleting the admin role":                        {withPolicy, remove(admin.Obj()), []string{"metadata.name A1"}},
		"deleting the public role":                       {withPolicy, remove(public.Obj()), []string{"metadata.name A1"}},
		"deleting another role":                          {withPolicy, remove(other.Obj()), nil},
		"deleting the admin role with the namespace":     {withPolicy, remove(admin.Obj()).terminating(), nil},
		"deleting the public role with the namespace":    {withPolicy, remove(public.Obj()).terminating(), nil},
		"deleting the admin role without a policy":       {withoutPolicy, remove(admin.Obj()), nil},
		"deleting the public role without a policy":      {withoutPolicy, remove(public.Obj()), nil},
		"deleting the role that is named admin role":     {renamed, remove(MakeRole("chief").Obj()), []string{"metadata.name A1"}},
		"deleting the role that is named public role":    {renamed, remove(MakeRole("guests").Obj()), []string{"metadata.name A1"}},
		"deleting admin where another is the admin role": {renamed, remove(admin.Obj()), nil},

		"taking adminAccess":                            {withPolicy, update(MakeRole("admin").Obj()), []string{"spec.adminAccess A1"}},
		"taking adminAccess without a policy":           {withoutPolicy, update(MakeRole("admin").Obj()), []string{"spec.adminAccess A1"}},
		"taking adminAccess in a terminating namespace": {withPolicy, update(MakeRole("admin").Obj()).terminating(), []string{"spec.adminAccess A1"}},
		"taking adminAccess from another role":          {renamed, update(MakeRole("admin").Obj()), nil},
		"taking adminAccess from the named role":        {renamed, update(MakeRole("chief").Obj()), []string{"spec.adminAccess A1"}},
		"describing and restricting the admin role":     {withPolicy, update(MakeRole("admin").AdminAccess().RequireMFA().Obj()), nil},
		"creating the admin role with adminAccess":      {objects{MakePolicy().Obj()}, create(admin.Obj()), nil},
		"creating the admin role without adminAccess":   {objects{MakePolicy().Obj()}, create(MakeRole("admin").Obj()), []string{"spec.adminAccess A1"}},
		"creating a role named admin without a policy":  {nil, create(MakeRole("admin").Obj()), nil},
		"changing an admin role that never had adminAccess": {objects{MakeRole("admin").Obj(), MakePolicy().Obj()},
			update(MakeRole("admin").AppAccess().Obj()), nil},

		"giving the public role adminAccess":          {withPolicy, update(MakeRole("public").AdminAccess().Obj()), []string{"spec.adminAccess A1"}},
		"giving the public role appAccess":            {withPolicy, update(MakeRole("public").AppAccess().Obj()), []string{"spec.appAccess A1"}},
		"giving the public role both":                 {withPolicy, update(MakeRole("public").AdminAccess().AppAccess().Obj()), []string{"spec.adminAccess A1", "spec.appAccess A1"}},
		"giving the public role rules":                {withPolicy, update(MakeRole("public").Rule(Full("order")).Obj()), nil},
		"creating the public role with adminAccess":   {objects{MakePolicy().Obj()}, create(MakeRole("public").AdminAccess().Obj()), []string{"spec.adminAccess A1"}},
		"the public role without a policy":            {withoutPolicy, update(MakeRole("public").AdminAccess().Obj()), []string{"spec.adminAccess A1"}},
		"giving another role both":                    {withPolicy, update(MakeRole("other").AdminAccess().AppAccess().Obj()), nil},
		"giving the role that is named public role":   {renamed, update(MakeRole("guests").AppAccess().Obj()), []string{"spec.appAccess A1"}},
		"giving public where another is the public":   {renamed, update(MakeRole("public").AppAccess().Obj()), nil},
		"changing a public role that has appAccess":   {objects{MakeRole("public").AppAccess().Obj()}, update(MakeRole("public").AppAccess().Rule(Full("order")).Obj()), nil},
		"adding adminAccess to one that has app too":  {objects{MakeRole("public").AppAccess().Obj()}, update(MakeRole("public").AppAccess().AdminAccess().Obj()), []string{"spec.adminAccess A1"}},
		"adding a user permission for the admin role": {withPolicy, create(MakeUserPermission("p", "order", "1").User("admin").Obj()), nil},
	})
}

func TestRolesThatAPolicyNames(t *testing.T) {
	named := func(admin, public string) *v1alpha1.PermissionPolicy {
		return MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole, s.PublicRole = admin, public }).Obj()
	}
	run(t, map[string]reviewCase{
		"roles that do not exist yet": {nil, create(named("chief", "guests")), nil},
		"roles that are so":           {objects{MakeRole("chief").AdminAccess().Obj(), MakeRole("guests").Obj()}, create(named("chief", "guests")), nil},
		"an admin role that is none":  {objects{MakeRole("chief").Obj()}, create(named("chief", "")), []string{"spec.adminRole A1"}},
		"the default admin role":      {objects{MakeRole("admin").Obj()}, create(MakePolicy().Obj()), []string{"spec.adminRole A1"}},
		"a public role with admin":    {objects{MakeRole("guests").AdminAccess().Obj()}, create(named("", "guests")), []string{"spec.publicRole A1"}},
		"a public role with app":      {objects{MakeRole("guests").AppAccess().Obj()}, create(named("", "guests")), []string{"spec.publicRole A1"}},
		"one role for both":           {nil, create(named("all", "all")), []string{"spec.publicRole A1"}},
		"one role for both, by default": {objects{MakePolicy().Obj()}, update(named("public", "")),
			[]string{"spec.publicRole A1"}},
		"another admin role": {objects{MakePolicy().Obj(), MakeRole("chief").Obj()}, update(named("chief", "")), []string{"spec.adminRole A1"}},
		"other settings beside an admin role that is none": {objects{named("chief", ""), MakeRole("chief").Obj()},
			update(MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole, s.EmptyLinks = "chief", "Deny" }).Obj()), nil},
		"other settings beside one role for both": {objects{named("all", "all")},
			update(MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole, s.PublicRole, s.EmptyLinks = "all", "all", "Deny" }).Obj()), nil},
		"deleting the policy": {objects{MakePolicy().Obj(), MakeRole("admin").AdminAccess().Obj()}, remove(MakePolicy().Obj()), nil},
	})
}
