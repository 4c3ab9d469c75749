package diff

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

var now = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)

// lines are the changes of a result in short: effect, users, actions, resources, access before and after.
func lines(r *Result) []string {
	var found []string
	for i := range r.Changes {
		e := &r.Changes[i]
		found = append(found, fmt.Sprintf("%s %s %s %s %s→%s", e.Effect, strings.Join(append(e.Users, e.Others...), ","),
			strings.Join(e.Actions, ","), strings.Join(e.Resources, ","), e.Before.Access, e.After.Access))
	}
	return found
}

// TestCompare changes one object of a small domain.
func TestCompare(t *testing.T) {
	reads := MakeRule("doc").Actions("read")
	base := func() []engine.Object {
		return []engine.Object{
			MakeResourceType("doc").Link("company", "company").Obj(),
			MakeResourceType("company").Obj(),
			MakeRole("reader").Rule(reads.Obj()).Obj(),
			MakeUser("ann").Roles("reader").Obj(),
			MakeUser("ben").Roles("reader").Obj(),
			MakeUserPermission("ann-north", "company", "north").User("ann").Obj(),
		}
	}
	cases := map[string]struct {
		change engine.Object
		want   []string
	}{
		"nothing": {change: MakeRole("reader").Rule(MakeRule("doc").Actions("read").Obj()).Obj()},
		"a rule more": {
			change: MakeRole("reader").Rule(MakeRule("doc").Actions("read", "update").Obj()).Obj(),
			want:   []string{"gain ann,ben update doc no→always"},
		},
		"fewer fields": {
			change: MakeRole("reader").Rule(MakeRule("doc").Actions("read").Fields("title").Obj()).Obj(),
			want:   []string{"loss ann,ben read doc always→if"},
		},
		"a condition": {
			change: MakeRole("reader").Rule(MakeRule("doc").Actions("read").Condition("resource.properties.open").Obj()).Obj(),
			want:   []string{"loss ann,ben read doc always→if"},
		},
		"a second factor": {
			change: MakeRole("reader").Rule(MakeRule("doc").Actions("read").Obj()).RequireMFA().Obj(),
			want:   []string{"loss ann,ben read doc always→if"},
		},
		"presets are stored": {
			change: MakeRole("reader").Rule(MakeRule("doc").Actions("read", "update").Preset("x", 1).Obj()).Obj(),
			want:   []string{"gain ann,ben update doc no→always"},
		},
		"a superuser": {
			change: func() engine.Object { u := MakeUser("ben").Roles("reader").Obj(); u.Spec.Superuser = true; return u }(),
			want: []string{
				"gain ben create,delete,read,update company no→always",
				"gain ben create,delete,update doc no→always",
			},
		},
		"a superuser is exempt from user permissions": {
			change: func() engine.Object { u := MakeUser("ann").Roles("reader").Obj(); u.Spec.Superuser = true; return u }(),
			want: []string{
				"gain ann create,delete,read,update company no→always",
				"gain ann create,delete,update doc no→always",
				"change ann read doc always→always",
			},
		},
		"another value": {
			change: MakeUserPermission("ann-north", "company", "north", "south").User("ann").Obj(),
			want:   []string{"gain ann read doc always→always"},
		},
		"attributes that nothing reads": {
			change: func() engine.Object {
				u := MakeUser("ben").Roles("reader").Obj()
				u.Spec.Attributes = map[string]v1alpha1.JSON{"a": {Raw: []byte("1")}}
				return u
			}(),
		},
		"open to everybody": {
			change: func() engine.Object { r := MakeResourceType("company").Obj(); r.Spec.Unrestricted = true; return r }(),
			want:   []string{"gain ann,ben,users whom no object names create,delete,read,update company no→always"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := engine.Compile(base())
			after, differing := Apply(before, []engine.Object{tc.change}, false, now)
			got := lines(Compare(before, after, differing, now, func(int, int) {}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
