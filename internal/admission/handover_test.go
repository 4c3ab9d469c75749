package admission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func (c Change) promising(promised ...engine.Object) Change {
	c.Promised = promised
	return c
}

func adminRole(name string) *PolicyBuilder {
	return MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole = name })
}

// A set of changes hands the last admin over, in whatever order.
func TestHandOver(t *testing.T) {
	boss, clerk := MakeRole("boss").AdminAccess().Obj(), MakeRole("clerk").Rule(Full("order")).Obj()
	domain := objects{boss, clerk, MakeUser("bob").Roles("boss").Obj(), MakeUser("clara").Roles("clerk").Obj()}
	guarded := objects{
		MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.PreventEscalation = true }).Obj(), boss, clerk,
		MakeUser("bob").Roles("boss").Obj(), MakeUser("clara").Roles("clerk").Obj(),
	}
	named := objects{adminRole("boss").Obj(), boss, MakeUser("bob").Roles("boss").Obj()}
	bob, clara := MakeUser("bob").Roles("clerk").Obj(), MakeUser("clara").Roles("boss").Obj()
	giveUp := update(bob)
	escalating := giveUp.by("flux")
	escalating.User.MayEscalate = func() bool { return true }

	run(t, map[string]reviewCase{
		"to somebody who is promised it":        {domain, giveUp.promising(clara), nil},
		"by deleting the user":                  {domain, remove(MakeUser("bob").Obj()).promising(clara), nil},
		"by deleting the role":                  {domain, remove(boss).promising(MakeUser("clara").Superuser().Obj()), nil},
		"to somebody new":                       {domain, giveUp.promising(MakeUser("dan").Superuser().Obj()), nil},
		"to nobody":                             {domain, giveUp.promising(MakeUser("dan").Roles("clerk").Obj()), []string{"spec.roles A2"}},
		"to somebody disabled":                  {domain, giveUp.promising(MakeUser("clara").Roles("boss").Disabled().Obj()), []string{"spec.roles A2"}},
		"to oneself, by an earlier dry run":     {domain, giveUp.promising(MakeUser("bob").Roles("boss").Obj()), []string{"spec.roles A2"}},
		"by a role that is promised to go":      {domain, giveUp.promising(clara, MakeRole("boss").Obj()), []string{"spec.roles A2"}},
		"by a role that is promised to come":    {domain, giveUp.promising(MakeUser("clara").Roles("chief").Obj(), MakeRole("chief").AdminAccess().Obj()), nil},
		"by a promise that another rule breaks": {domain, giveUp.promising(MakeUser("other").ID("clara").Superuser().Obj()), []string{"spec.roles A2"}},
		"by who may no longer give it":          {guarded, giveUp.by("bob").promising(clara), []string{"spec.roles A2"}},
		"by who is none, and may not":           {guarded, giveUp.by("clara").promising(clara), []string{"spec.roles A2", "metadata.name A7"}},
		"by who may escalate":                   {guarded, escalating.promising(clara), nil},
		"to another name of the role, users first": {named,
			update(MakeUser("bob").Roles("chief").Obj()).promising(adminRole("chief").Obj(), MakeRole("chief").AdminAccess().Obj()), nil},
		"to another name of the role, the policy first": {objects{adminRole("boss").Obj(), MakeUser("bob").Roles("boss").Obj()},
			update(adminRole("chief").Obj()).promising(MakeUser("bob").Roles("chief").Obj()), nil},
		"to another name, and nobody follows": {objects{adminRole("boss").Obj(), MakeUser("bob").Roles("boss").Obj()},
			update(adminRole("chief").Obj()).promising(MakeRole("chief").AdminAccess().Obj()), []string{"spec.adminRole A2"}},
	})

	got := Review(engine.Compile(domain), giveUp.promising(clara))
	if want := "bob is the last admin of the domain, and nobody is until what you have tried in a dry run is stored: User/clara."; strings.Join(got.Warnings, "\n") != want {
		t.Errorf("warnings are %q, want %q", got.Warnings, want)
	}
}

func TestPromises(t *testing.T) {
	boss := MakeRole("boss").AdminAccess().Obj()
	domain := engine.Compile(objects{boss, MakeRole("clerk").Obj(), MakeUser("bob").Roles("boss").Obj(), MakeUser("clara").Obj()})
	for name, tc := range map[string]struct {
		change Change
		want   bool
	}{
		"a user who becomes admin":      {update(MakeUser("clara").Roles("boss").Obj()), true},
		"a user who is admin no longer": {update(MakeUser("bob").Obj()), true},
		"a user with a role to come":    {create(MakeUser("dan").Roles("chief").Obj()), true},
		"a group with a role to come":   {create(MakeGroup("chiefs").Members("dan").Roles("chief").Obj()), true},
		"a role that makes admins":      {create(MakeRole("chief").AdminAccess().Obj()), true},
		"a policy":                      {create(MakePolicy().Obj()), true},
		"a user with any other role":    {update(MakeUser("clara").Roles("clerk").Obj()), false},
		"any other role":                {create(MakeRole("other").Rule(Full("order")).Obj()), false},
		"records":                       {create(MakeRecordSet("orders", "order").Obj()), false},
		"a deletion promises nothing":   {remove(MakeUser("bob").Obj()), false},
	} {
		if got := Promises(domain, tc.change); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if Promises(engine.Compile(nil), create(MakeUser("bob").Superuser().Obj())) {
		t.Error("where nobody is admin, nothing is lost")
	}
}

func TestReviewSet(t *testing.T) {
	boss, clerk := MakeRole("boss").AdminAccess().Obj(), MakeRole("clerk").Rule(Full("order")).Obj()
	domain := objects{boss, clerk, MakeUser("bob").Roles("boss").Obj(), MakeUser("clara").Roles("clerk").Obj()}
	own := func(name string) *UserPermissionBuilder {
		return MakeUserPermission(name, "company", name).User("bob")
	}
	for name, tc := range map[string]struct {
		domain  objects
		changes []engine.Change
		want    []string
	}{
		"nothing": {domain: domain},
		"what is no trouble": {domain, []engine.Change{
			engine.Put(MakeUser("clara").Roles("boss").Obj()), engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "bob"})}, nil},
		"the last admin, given up first": {domain, []engine.Change{
			engine.Put(MakeUser("bob").Roles("clerk").Obj()), engine.Put(MakeUser("clara").Roles("boss").Obj())}, []string{"User/bob A2 ApplyAgain"}},
		"both admins, each of whom could go": {append(objects{MakeUser("ann").Superuser().Obj()}, domain...), []engine.Change{
			engine.Put(MakeUser("ann").Obj()), engine.Put(MakeUser("bob").Obj())}, []string{"User/bob A2 None"}},
		"the last admin, for good": {domain, []engine.Change{
			engine.Put(MakeUser("bob").Roles("clerk").Obj())}, []string{"User/bob A2 None"}},
		"an id of an object that goes": {domain, []engine.Change{
			engine.Put(MakeUser("c").ID("clara").Obj()), engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "clara"})}, []string{"User/c A3 ApplyApart"}},
		"a default that moves": {objects{own("p").Default("p").Obj(), own("q").Obj()}, []engine.Change{
			engine.Put(own("q").Default("q").Obj()), engine.Put(own("p").Obj())}, []string{"UserPermission/q A4 ApplyApart"}},
		"the admin role, another": {objects{adminRole("boss").Obj(), boss, MakeUser("bob").Roles("boss").Obj()}, []engine.Change{
			engine.Put(MakeUser("bob").Roles("chief").Obj()), engine.Put(MakeRole("chief").AdminAccess().Obj()), engine.Put(adminRole("chief").Obj()),
			engine.Remove(engine.Ref{Kind: engine.KindRole, Name: "boss"})}, []string{"User/bob A2 ApplyAgain", "Role/boss A2 ApplyAgain"}},
	} {
		var got []string
		for _, refusal := range ReviewSet(engine.Compile(tc.domain), tc.changes, june) {
			match := ruleAtEnd.FindStringSubmatch(refusal.Error.Detail)
			if match == nil {
				t.Errorf("%s: the error does not end with its rule: %v", name, refusal.Error)
				continue
			}
			got = append(got, refusal.Change.String()+" "+match[1]+" "+string(refusal.Remedy))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
