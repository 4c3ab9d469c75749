package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// TestSetsChangeByEntry: a change of a set is a change of the entries that differ, and of nobody else.
func TestSetsChangeByEntry(t *testing.T) {
	users := func(change ...*UserBuilder) engine.Object {
		set := MakeUserSet("many", change...)
		for i := range 200 {
			id := fmt.Sprintf("user-%03d", i)
			if len(change) == 0 || id != "user-007" && id != "user-008" {
				set.Spec.Users = append(set.Spec.Users, MakeUserSet("", MakeUser(id).Roles("reader").Attribute("n", i)).Spec.Users...)
			}
		}
		return set
	}
	permissions := func(change ...*UserPermissionBuilder) engine.Object {
		set := MakeUserPermissionSet("many", change...)
		for i := range 200 {
			id := fmt.Sprintf("user-%03d", i)
			if len(change) == 0 || id != "user-009" {
				set.Spec.Permissions = append(set.Spec.Permissions, MakeUserPermissionSet("", MakeUserPermission(id, "order", "o1").User(id)).Spec.Permissions...)
			}
		}
		return set
	}
	d := engine.Compile([]engine.Object{MakeResourceType("order").Obj(), MakeRole("reader").Rule(MakeRule("order").Actions("read").Obj()).Obj(), users(), permissions()})
	for name, tc := range map[string]struct {
		change engine.Change
		want   []string
	}{
		"nothing":                        {engine.Put(users()), []string{}},
		"an entry changed, one removed":  {engine.Put(users(MakeUser("user-007").Roles("writer"))), []string{"user-007", "user-008"}},
		"no permission":                  {engine.Put(permissions()), []string{}},
		"a permission that moves":        {engine.Put(permissions(MakeUserPermission("user-009", "order", "o1").User("user-300"))), []string{"user-009", "user-300"}},
		"another value of a permission":  {engine.Put(permissions(MakeUserPermission("user-009", "order", "o2").User("user-009"))), []string{"user-009"}},
		"a User beside an entry":         {engine.Put(MakeUser("user-001").Obj()), []string{"user-001"}},
		"the set of user permissions":    {engine.Remove(engine.Ref{Kind: engine.KindUserPermissionSet, Name: "many"}), d.Users()},
		"a set with an id of the other":  {engine.Put(MakeUserSet("another", MakeUser("user-002"))), []string{"user-002"}},
		"a permission for the same user": {engine.Put(MakeUserPermissionSet("another", MakeUserPermission("x", "order", "o2").User("user-002"))), []string{"user-002"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, delta := d.With(tc.change)
			if diff := cmp.Diff(engine.Affected{Users: tc.want}, delta.Affected()); diff != "" {
				t.Errorf("affected (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEntriesAreFound: an entry is looked up, and changed, as the object that it counts as.
func TestEntriesAreFound(t *testing.T) {
	d := engine.Compile([]engine.Object{
		MakeUserSet("set", MakeUser("ann"), MakeUser("bob").Staff()),
		MakeUser("bobby").ID("bob").Obj(),
		MakeUserPermissionSet("limits", MakeUserPermission("a", "order", "o1").User("ann"), MakeUserPermission("g", "order", "o1").Group("team").In("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")),
	})
	object, ok := d.Lookup(engine.Ref{Kind: engine.KindUserPermission, Name: "limits/a"})
	if p, is := object.(*v1alpha1.UserPermission); !ok || !is || p.Spec.User != "ann" || p.Name != "limits/a" {
		t.Errorf("limits/a is %v", object)
	}
	for _, name := range []string{"limits/b", "limits", "other/a", "limits/a/b"} {
		if _, ok := d.Lookup(engine.Ref{Kind: engine.KindUserPermission, Name: name}); ok {
			t.Errorf("there is a user permission %s", name)
		}
	}
	for id, want := range map[string]string{"ann": "UserSet/set spec.users[0]", "bob": "User/bobby spec"} {
		changed, at, ok := d.WithAccount(id, func(a *v1alpha1.Account) { a.Superuser = true })
		kind, _ := engine.KindOf(changed)
		if got := string(kind) + "/" + changed.GetName() + " " + at; !ok || got != want {
			t.Errorf("%s is changed in %s, want %s", id, got, want)
		}
		after, _ := d.With(engine.Put(changed))
		if effective, err := after.Effective(id, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)); err != nil || !effective.Superuser {
			t.Errorf("%s after the change: %+v, %v", id, effective, err)
		}
	}
	if _, _, ok := d.WithAccount("cyd", func(*v1alpha1.Account) {}); ok {
		t.Error("somebody unknown has an account")
	}
	changed, at, ok := d.WithUserPermission("limits/g", func(p *v1alpha1.UserPermissionSpec) { p.ForValues = append(p.ForValues, "o2") })
	if set, is := changed.(*v1alpha1.UserPermissionSet); !ok || !is || at != "spec.permissions[1]" || len(set.Spec.Permissions[1].ForValues) != 2 {
		t.Errorf("limits/g is changed to %v at %s", changed, at)
	}
	if _, _, ok := d.WithUserPermission("limits/none", func(*v1alpha1.UserPermissionSpec) {}); ok {
		t.Error("an entry that is not there was changed")
	}
	january := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	if n, until := d.ServedPermissions("limits", january); n != 2 || !until.Equal(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("in January %d are in force, until %s", n, until)
	}
	if n := d.ServedUsers("set"); n != 1 {
		t.Errorf("%d users of the set count, want ann alone", n)
	}
}

// TestSetsReport: what a set's status says names the entry.
func TestSetsReport(t *testing.T) {
	older := MakeUserSet("older", MakeUser("ann"))
	older.CreationTimestamp.Time = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	newer := MakeUserSet("newer", MakeUser("ann"), MakeUser("bob"), MakeUser("cyd").Roles("gone"), MakeUser("cyd"))
	newer.CreationTimestamp.Time = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	d := engine.Compile([]engine.Object{older, newer, MakeUser("bob").Obj(), MakeUserPermissionSet("limits", MakeUserPermission("a", "planet", "1").User("ann"))})
	type line struct{ Reason, Path string }
	lines := func(problems []engine.Problem) []line {
		var found []line
		for _, p := range problems {
			found = append(found, line{p.Reason, p.Path})
		}
		return found
	}
	report, _ := d.Report(engine.Ref{Kind: engine.KindUserSet, Name: "newer"})
	want := []line{{v1alpha1.ReasonInvalid, "spec.users[3].id"}, {v1alpha1.ReasonConflict, "spec.users[0].id"}}
	if diff := cmp.Diff(want, lines(report.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]line{{v1alpha1.ReasonMatchesNothing, "spec.users[1].id"}}, lines(report.Advice)); diff != "" {
		t.Errorf("advice (-want +got):\n%s", diff)
	}
	if len(report.Missing) != 1 || report.Missing[0].Path != "spec.users[2].roles[0].name" {
		t.Errorf("missing: %v", report.Missing)
	}
	report, _ = d.Report(engine.Ref{Kind: engine.KindUserPermissionSet, Name: "limits"})
	if len(report.Missing) != 1 || report.Missing[0].Path != "spec.permissions[0].allow" {
		t.Errorf("missing: %v", report.Missing)
	}
	if report, _ := d.Report(engine.Ref{Kind: engine.KindUserSet, Name: "older"}); len(report.Problems)+len(report.Advice) > 0 {
		t.Errorf("the older one: %+v", report)
	}
}
