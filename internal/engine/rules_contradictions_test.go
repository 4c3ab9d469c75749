package engine_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

const (
	early = "2026-01-01T00:00:00Z"
	late  = "2026-02-01T00:00:00Z"
)

// problems are the reasons and paths of what a report says is wrong.
func problems(list []engine.Problem) []string {
	var found []string
	for _, p := range list {
		found = append(found, p.Reason+" "+p.Path)
	}
	return found
}

func report(t *testing.T, d *engine.Domain, name string) engine.Report {
	t.Helper()
	r, ok := d.Report(refs(name)[0])
	if !ok {
		t.Fatalf("no report of %s", name)
	}
	return r
}

func TestContradictionsTwoUsersWithOneID(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRole("all").Rule(Full("*")).Obj()}
	allowing := MakeUser("z").ID("ann").Roles("all").Obj()
	disabled := MakeUser("a").ID("ann").Disabled().Obj()
	decide(t, common, map[string]deciding{
		"the older object wins":      {domain: domain{createdAt(early, allowing.DeepCopy()), createdAt(late, disabled.DeepCopy())}, req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"the older object wins too":  {domain: domain{createdAt(late, allowing.DeepCopy()), createdAt(early, disabled.DeepCopy())}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"then the one first by name": {domain: domain{createdAt(early, allowing.DeepCopy()), createdAt(early, disabled.DeepCopy())}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
		"an id and a name collide":   {domain: domain{createdAt(early, MakeUser("b").ID("ann").Disabled().Obj()), createdAt(late, MakeUser("ann").Roles("all").Obj())}, req: ask("ann", "read", "doc/1"), want: deny(engine.ReasonUserDisabled)},
	})
	d := engine.Compile(join(common, domain{createdAt(early, allowing), createdAt(late, disabled)}))
	if diff := gocmp.Diff([]string{"Conflict spec.id"}, problems(report(t, d, "User/a").Problems)); diff != "" {
		t.Errorf("the loser's problems (-want +got):\n%s", diff)
	}
	if list := report(t, d, "User/z").Problems; len(list) > 0 {
		t.Errorf("the winner's problems: %v", list)
	}
}

func TestContradictionsTwoTypesWithOneName(t *testing.T) {
	common := domain{MakeRole("all").Rule(Full("Big Doc")).Obj(), MakeUser("ann").Roles("all").Obj()}
	staff := MakeResourceType("a").Type("Big Doc").StaffOnly().Obj()
	open := MakeResourceType("z").Type("Big Doc").Obj()
	decide(t, common, map[string]deciding{
		"the older object wins":      {domain: domain{createdAt(early, open.DeepCopy()), createdAt(late, staff.DeepCopy())}, req: ask("ann", "read", "Big Doc/1"), want: allow(engine.ReasonRule, "Role/all")},
		"the older object wins too":  {domain: domain{createdAt(late, open.DeepCopy()), createdAt(early, staff.DeepCopy())}, req: ask("ann", "read", "Big Doc/1"), want: deny(engine.ReasonStaffRequired)},
		"then the one first by name": {domain: domain{createdAt(early, open.DeepCopy()), createdAt(early, staff.DeepCopy())}, req: ask("ann", "read", "Big Doc/1"), want: deny(engine.ReasonStaffRequired)},
	})
	d := engine.Compile(join(common, domain{createdAt(early, open), createdAt(late, staff)}))
	if diff := gocmp.Diff([]string{"Conflict spec.type"}, problems(report(t, d, "ResourceType/a").Problems)); diff != "" {
		t.Errorf("the loser's problems (-want +got):\n%s", diff)
	}
	if list := report(t, d, "ResourceType/z").Problems; len(list) > 0 {
		t.Errorf("the winner's problems: %v", list)
	}
}

func TestContradictionsOneRecordInTwoSets(t *testing.T) {
	common := join(ruled(when("resource.properties.status == 'open'")), domain{MakeResourceType("doc").Obj()})
	set := func(at, name, status string) engine.Object {
		return createdAt(at, MakeRecordSet(name, "doc").Record("1", "", map[string]any{"status": status}).Record("only-"+name, "", map[string]any{"status": "open"}).Obj())
	}
	holds, fails := allow(engine.ReasonRule, "Role/r"), deny(engine.ReasonConditionNotMet)
	decide(t, common, map[string]deciding{
		"the older set wins":           {domain: domain{set(early, "z", "open"), set(late, "a", "done")}, req: ask("ann", "read", "doc/1"), want: holds},
		"the older set wins too":       {domain: domain{set(late, "z", "open"), set(early, "a", "done")}, req: ask("ann", "read", "doc/1"), want: fails},
		"then the one first by name":   {domain: domain{set(early, "z", "open"), set(early, "a", "done")}, req: ask("ann", "read", "doc/1"), want: fails},
		"only what collides is lost":   {domain: domain{set(early, "z", "open"), set(late, "a", "done")}, req: ask("ann", "read", "doc/only-a"), want: holds},
		"properties are not mixed":     {domain: domain{createdAt(early, MakeRecordSet("old", "doc").Record("1", "", nil).Obj()), set(late, "new", "open")}, req: ask("ann", "read", "doc/1"), want: with(fails, missing("status"))},
		"of another type, not at all":  {domain: domain{createdAt(early, MakeRecordSet("old", "page").Record("1", "", map[string]any{"status": "done"}).Obj()), set(late, "new", "open")}, req: ask("ann", "read", "doc/1"), want: holds},
		"a set of no type, not either": {domain: domain{createdAt(early, MakeRecordSet("old", "gone").Record("1", "", nil).Obj()), set(late, "new", "open")}, req: ask("ann", "read", "doc/1"), want: holds},
	})
	d := engine.Compile(join(common, domain{set(early, "old", "open"), set(late, "new", "done")}))
	if diff := gocmp.Diff([]string{"Conflict spec.records"}, problems(report(t, d, "RecordSet/new").Problems)); diff != "" {
		t.Errorf("the loser's problems (-want +got):\n%s", diff)
	}
	if list := report(t, d, "RecordSet/old").Problems; len(list) > 0 {
		t.Errorf("the winner's problems: %v", list)
	}
	if old, newer := d.ServedRecords("old"), d.ServedRecords("new"); old != 2 || newer != 1 {
		t.Errorf("served records: %d of the older set, %d of the newer, want 2 and 1", old, newer)
	}
}

func TestContradictionsAccessAndActions(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	both := MakeRule("doc").Access(readOnly).Actions("delete").Obj()
	decide(t, common, map[string]deciding{
		"access gives":      {domain: ruled(both), req: ask("ann", "read", "doc/1"), want: allow(engine.ReasonRule)},
		"actions give not":  {domain: ruled(both), req: ask("ann", "delete", "doc/1"), want: deny(engine.ReasonNoRule)},
		"the neighbour may": {domain: ruled(both, MakeRule("doc").Actions("update").Obj()), req: ask("ann", "update", "doc/1"), want: allow(engine.ReasonRule)},
	})
	d := engine.Compile(join(common, ruled(both)))
	if diff := gocmp.Diff([]string{"Invalid spec.rules[0].access"}, problems(report(t, d, "Role/r").Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestContradictionsParentCycle(t *testing.T) {
	d := engine.Compile(domain{
		MakeResourceType("doc").Obj(),
		MakeRecordSet("round", "doc").Record("a", "b", nil).Record("b", "c", nil).Record("fine", "a", nil).Record("self", "self", nil).Obj(),
		MakeRecordSet("closing", "doc").Record("c", "a", nil).Obj(),
		MakeRecordSet("sound", "doc").Record("x", "y", nil).Record("y", "a", nil).Obj(),
	})
	for set, want := range map[string][]string{"round": {"ParentCycle spec.records"}, "closing": {"ParentCycle spec.records"}, "sound": nil} {
		if diff := gocmp.Diff(want, problems(report(t, d, "RecordSet/"+set).Problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
	}
}

func TestSpecialPermissionState(t *testing.T) {
	objects := domain{
		MakeResourceType("doc").Areas("sales").Obj(), MakeResourceType("bill").Areas("sales").Obj(), MakeResourceType("part").Obj(),
		MakeUser("root").Superuser().Obj(), MakeUser("boss").Roles("chief").Obj(), MakeUser("far").Roles("guarded").Obj(),
		MakeRole("chief").AdminAccess().Obj(), MakeRole("guarded").AdminAccess().RequireMFA().Obj(),
		MakeSpecialPermission("active", "ann").OnAreas(readOnly, "sales").Obj(),
		MakeSpecialPermission("twin", "ann").On(readOnly, "doc").Obj(),
		MakeSpecialPermission("overruled", "ann").On(full, "doc").Obj(),
		MakeSpecialPermission("partly", "ann").On(full, "doc", "part").Obj(),
		MakeSpecialPermission("past", "ann").On(none, "*").In("", noon).Obj(),
		MakeSpecialPermission("future", "ann").On(none, "*").In("2026-06-01T12:00:01Z", "").Obj(),
		MakeSpecialPermission("silent", "ann").On(notApplicable, "*").Obj(),
		MakeSpecialPermission("of-root", "root").On(none, "*").Obj(),
		MakeSpecialPermission("of-boss", "boss").On(none, "*").Obj(),
		MakeSpecialPermission("of-far", "far").On(none, "part").Obj(),
	}
	cases := map[string]engine.SpecialPermissionState{
		"active":    {Reason: v1alpha1.ReasonActive, ResourceTypes: []string{"bill", "doc"}},
		"twin":      {Reason: v1alpha1.ReasonActive, ResourceTypes: []string{"doc"}},
		"overruled": {Reason: v1alpha1.ReasonOverruled, OverruledBy: refs("SpecialPermission/active", "SpecialPermission/twin")},
		"partly":    {Reason: v1alpha1.ReasonActive, ResourceTypes: []string{"part"}, OverruledBy: refs("SpecialPermission/active", "SpecialPermission/twin")},
		"past":      {Reason: v1alpha1.ReasonExpired},
		"future":    {Reason: v1alpha1.ReasonNotStarted},
		"silent":    {Reason: v1alpha1.ReasonNoEffect},
		"of-root":   {Reason: v1alpha1.ReasonUserIsAdmin},
		"of-boss":   {Reason: v1alpha1.ReasonUserIsAdmin},
		"of-far":    {Reason: v1alpha1.ReasonActive, ResourceTypes: []string{"part"}},
	}
	d := engine.Compile(objects)
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := d.SpecialPermissionState(name, moment(t, noon))
			if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || !ok {
				t.Errorf("%v (-want +got):\n%s", ok, diff)
			}
		})
	}
	if _, ok := d.SpecialPermissionState("nope", moment(t, noon)); ok {
		t.Error("there is a state of an object that does not exist")
	}
}

func TestABadObjectHarmsNoNeighbour(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakeUser("ann").Roles("bad", "good").Obj(),
		MakeRole("good").Rule(ReadOnly("doc")).Obj(),
		MakeRole("bad").AllowedCIDRs("here").Rule(when("resource."), MakeRule("doc").Actions("*").Validation("", "").Preset("a", 1).Obj(), Full("doc")).Obj(),
		MakeGroup("bad").Members("ann").MemberCondition("1").Groups("bad").Rule(MakeRule().Obj()).Obj(),
		MakeUserPermission("bad", "doc", "1").Obj(), MakeRecordSet("bad", "nope").Record("1", "1", nil).Obj(),
		MakeSpecialPermission("bad", "ann").On(none).Obj(),
	}
	decide(t, common, map[string]deciding{
		"what others give stays":          {req: ask("ann", "read", "doc/1"), want: with(allow(engine.ReasonRule, "Role/good"))},
		"what it would give is not given": {req: ask("ann", "delete", "doc/1"), want: with(deny(engine.ReasonRoleRestricted), stepUp("network"))},
	})
	d := engine.Compile(common)
	for name, want := range map[string][]string{
		"Role/bad": {
			"Invalid spec.restrictions.allowedCIDRs[0]", "InvalidExpression spec.rules[0].condition", "InvalidExpression spec.rules[1].validations[0].expression",
		},
		"Group/bad":             {"InvalidExpression spec.memberCondition", "Invalid spec.rules[0]", "Invalid spec.rules[0]"},
		"UserPermission/bad":    {"Invalid spec.user"},
		"SpecialPermission/bad": {"Invalid spec.permissions[0]"},
		"RecordSet/bad":         {"ParentCycle spec.records"},
		"Role/good":             nil,
		"User/ann":              nil,
	} {
		if diff := gocmp.Diff(want, problems(report(t, d, name).Problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
