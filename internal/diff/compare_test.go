package diff

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestCompareConditions: a condition that holds for less is a loss, one that holds for more a gain.
func TestCompareConditions(t *testing.T) {
	rule := func(condition, validation, guard string) []engine.Object {
		doc := MakeResourceType("doc").Obj()
		if guard != "" {
			doc.Spec.Guards = []v1alpha1.Guard{{Actions: []v1alpha1.Token{"update"}, Condition: v1alpha1.Expression(guard), Message: "no"}}
		}
		r := MakeRule("doc").Actions("update").Condition(condition)
		if validation != "" {
			r = r.Validation(validation, "")
		}
		return []engine.Object{doc, MakeRole("writer").Rule(r.Obj()).Obj(), MakeUser("ann").Roles("writer").Obj()}
	}
	const less, more = "resource.properties.amount < 5", "resource.properties.amount <= 5"
	for name, tc := range map[string]struct {
		before, after []engine.Object
		want          Effect
	}{
		"a condition, less":          {rule(more, "", ""), rule(less, "", ""), Loss},
		"a condition, more":          {rule(less, "", ""), rule(more, "", ""), Gain},
		"a condition, otherwise":     {rule(less, "", ""), rule("resource.properties.open", "", ""), Change},
		"a condition, the same":      {rule(less, "", ""), rule("5 > resource.properties.amount", "", ""), ""},
		"a validation, less":         {rule(more, "proposed.a in [1, 2]", ""), rule(more, "proposed.a == 1", ""), Loss},
		"a validation, more":         {rule(more, "proposed.a == 1", ""), rule(more, "proposed.a in [1, 2]", ""), Gain},
		"a guard, less":              {rule(more, "", more), rule(more, "", less), Loss},
		"a guard, more":              {rule(more, "", less), rule(more, "", more), Gain},
		"one gains, another loses":   {rule(less, "proposed.a in [1, 2]", ""), rule(more, "proposed.a == 1", ""), Change},
		"a condition taken away":     {rule(less, "", ""), rule("", "", ""), Gain},
		"a guard that is there, too": {rule(more, "", ""), rule(more, "", less), Loss},
	} {
		t.Run(name, func(t *testing.T) {
			before := engine.Compile(tc.before)
			after, differing := Apply(before, tc.after, true, now)
			got := Effect("")
			for _, entry := range Compare(before, after, differing, now, func(int, int) {}).Changes {
				got = combine(got, entry.Effect)
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestCompareLater looks at every moment at which a window begins or ends.
func TestCompareLater(t *testing.T) {
	day := func(n int) *metav1.Time { return &metav1.Time{Time: now.AddDate(0, 0, n)} }
	domain := func(starts, ends *metav1.Time) []engine.Object {
		ann := MakeUser("ann").Roles("reader").Obj()
		ann.Spec.Roles[0].StartsAt, ann.Spec.Roles[0].ExpiresAt = starts, ends
		ben := MakeUser("ben").Roles("reader").Obj()
		ben.Spec.Roles[0].ExpiresAt = day(3)
		return []engine.Object{
			MakeResourceType("doc").Obj(), MakeRole("reader").Rule(MakeRule("doc").Actions("read").Obj()).Obj(), MakeUser("eve").Obj(), ann, ben,
		}
	}
	for name, tc := range map[string]struct {
		before, after []engine.Object
		effect        Effect
		want          []string
	}{
		"a beginning":            {domain(day(20), day(20)), domain(day(7), nil), Gain, []string{"8 gain"}},
		"no loss":                {domain(day(20), day(20)), domain(day(7), nil), Loss, nil},
		"an end that is set":     {domain(nil, nil), domain(nil, day(5)), Loss, []string{"6 loss"}},
		"an end, moved later":    {domain(nil, day(5)), domain(nil, day(9)), Gain, []string{"6 gain"}},
		"between two moments":    {domain(nil, nil), domain(day(-1), day(9)), Change, []string{"10 loss"}},
		"the same from later on": {domain(day(2), nil), domain(day(2), nil), Change, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := engine.Compile(tc.before)
			after, differing := Apply(before, tc.after, true, now)
			later, err := CompareLater(before, after, differing, now, tc.effect, func(int, int) {})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range later {
				got = append(got, fmt.Sprintf("%d %s", l.At.Day(), l.Changes[0].Effect))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
