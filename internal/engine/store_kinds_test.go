package engine

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/internal/kinds"
)

// TestEveryKind walks the table of kinds through everything that the engine does with an object.
func TestEveryKind(t *testing.T) {
	if extra := len(kindRows) - len(kinds.Table); extra > 0 {
		t.Errorf("kindRows has %d rows of kinds that kinds.Table lacks", extra)
	}
	for _, row := range kinds.Table {
		t.Run(string(row.Kind), func(t *testing.T) {
			if _, ok := kindRows[row.Kind]; !ok {
				t.Fatalf("kindRows has no row for %s", row.Kind)
			}
			object := row.New()
			object.SetName("default") // which is good for a policy, too
			object.SetUID("1")
			object.SetGeneration(3)
			for _, problem := range Check(object) {
				if problem.Message == notChecked(object)[0].Message {
					t.Errorf("Check does not know the kind: %s", problem.Message)
				}
			}
			ref := Ref{row.Kind, "default"}
			if got := Put(object).Ref; got != ref {
				t.Errorf("Put is about %s, want %s", got, ref)
			}
			d, delta := Compile(nil).With(Put(object))
			if got := d.Len(); got != 1 {
				t.Errorf("Len = %d, want 1", got)
			}
			stored, ok := d.Lookup(ref)
			if kind, known := KindOf(stored); !ok || !known || kind != row.Kind || stored.GetName() != "default" {
				t.Errorf("Lookup = %v, %t", stored, ok)
			}
			if uid, generation, ok := d.Version(ref); uid != types.UID("1") || generation != 3 || !ok {
				t.Errorf("Version = %q, %d, %t", uid, generation, ok)
			}
			if got := d.Names(row.Kind); !slices.Equal(got, []string{"default"}) {
				t.Errorf("Names = %q", got)
			}
			if got := slices.Collect(d.EachName(row.Kind)); !slices.Equal(got, []string{"default"}) {
				t.Errorf("EachName = %q", got)
			}
			if got := d.Objects(row.Kind); len(got) != 1 {
				t.Errorf("Objects = %v", got)
			}
			if report, ok := d.Report(ref); !ok || report.Generation != 3 {
				t.Errorf("Report = %+v, %t", report, ok)
			}
			// Who cannot be told from the object is everybody; a kind with neither would leave its changes without effect.
			affected := delta.Affected()
			if row.Kind != kinds.Role && row.Kind != kinds.Group && row.Kind != kinds.RecordSet && !affected.All && !AboutUsers(row.Kind) {
				t.Error("a change affects nobody, though no test says why")
			}
			c, _ := d.objects(row.Kind).find("default")
			checkRuleLists(t, row.Parts(stored).Rules, c)
			if after, _ := d.With(Remove(ref)); after.Len() != 0 {
				t.Errorf("after its removal the domain has %d objects", after.Len())
			}
		})
	}
}

// checkRuleLists holds the lists of rules that the domain compiles against those of the table of kinds.
func checkRuleLists(t *testing.T, want []kinds.RuleList, c compiled) {
	t.Helper()
	var paths, got []string
	for _, list := range want {
		if !list.Inert {
			paths = append(paths, list.Path)
		}
	}
	if object, ok := c.(ruled); ok {
		for _, list := range object.ruleLists() {
			got = append(got, list.path)
		}
	}
	if !slices.Equal(got, paths) {
		t.Errorf("ruleLists are %q, want %q", got, paths)
	}
}

// TestWhatEndsAGeneration puts an object of each kind into a domain: role sets that are made of it must not outlive it.
func TestWhatEndsAGeneration(t *testing.T) {
	// Why role sets need not end with changes of the others.
	unshared := map[Kind]string{
		KindUser:              "a user has its own, and its key has the User's roles",
		KindUserSet:           "as those of Users",
		KindUserPermission:    "those of a user are looked at in the user, those of groups end it by groupRestrictions",
		KindUserPermissionSet: "as those of UserPermissions",
		KindSpecialPermission: "looked at in the user",
		KindRecordSet:         "records have a state of their own",
	}
	for _, row := range kinds.Table {
		if kindRows[row.Kind] == nil {
			t.Errorf("kindRows has no row for %s", row.Kind)
			continue
		}
		object := row.New()
		object.SetName("default")
		d := Compile(nil)
		after, _ := d.With(Put(object))
		why, stays := unshared[row.Kind]
		if ended := after.generation != d.generation; ended == stays {
			t.Errorf("%s: a change ends the generation: %t; role sets do not depend on it: %t %s", row.Kind, ended, stays, why)
		}
	}
}

// TestUnknownKinds fails closed, or at once where only a mistake in the code can be the cause.
func TestUnknownKinds(t *testing.T) {
	d, unknown := Compile(nil), Ref{"Unknown", "x"}
	if _, ok := d.Lookup(unknown); ok {
		t.Error("Lookup found an object")
	}
	if _, ok := d.Report(unknown); ok {
		t.Error("Report found an object")
	}
	if names := d.Names("Unknown"); len(names) > 0 {
		t.Errorf("Names = %q", names)
	}
	if got := d.NamesAbout("ann", "Unknown"); got != nil || AboutUsers("Unknown") {
		t.Errorf("NamesAbout = %q", got)
	}
	if got := d.NotFilterable(unknown); got != nil {
		t.Errorf("NotFilterable = %q", got)
	}
	if problems := Check(nil); len(problems) != 1 {
		t.Errorf("Check(nil) = %v, want a problem", problems)
	}
	defer func() {
		if recover() == nil {
			t.Error("With took a change of an unknown kind")
		}
	}()
	d.With(Remove(unknown))
}
