package admission

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

var june = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// Moments around june.
const (
	lastMonth = "2026-05-01T00:00:00Z"
	today     = "2026-06-01T00:00:00Z"
	nextMonth = "2026-07-01T00:00:00Z"
	nextYear  = "2027-06-01T00:00:00Z"
)

type objects []engine.Object

// master is a writer whom A7 does not bind.
var master = UserInfo{Name: "kubernetes-admin", Groups: []string{"system:masters"}}

func create(object engine.Object) Change {
	return Change{Operation: Create, Object: object, User: master, Now: june}
}

func update(object engine.Object) Change {
	return Change{Operation: Update, Object: object, User: master, Now: june}
}

func remove(object engine.Object) Change {
	return Change{Operation: Delete, Old: object, User: master, Now: june}
}

func (c Change) by(user string, groups ...string) Change {
	c.User = UserInfo{Name: user, Groups: groups}
	return c
}

func (c Change) at(moment string) Change {
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		panic(err)
	}
	c.Now = at
	return c
}

func (c Change) terminating() Change {
	c.NamespaceTerminating = true
	return c
}

// reviewCase is a change to a domain, and the errors that it meets.
type reviewCase struct {
	domain objects
	change Change
	// want are the errors, each as its path and its rule: "spec.adminAccess A1".
	want []string
}

func run(t *testing.T, cases map[string]reviewCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Review(engine.Compile(tc.domain), tc.change)
			if diff := cmp.Diff(tc.want, briefly(t, got)); diff != "" {
				t.Errorf("errors (-want +got):\n%s\nin full: %v", diff, got.Errors.ToAggregate())
			}
		})
	}
}

var ruleAtEnd = regexp.MustCompile(` \((A[1-7])\)$`)

// briefly gives the errors' paths and rules, and checks that the codes are those of the errors.
func briefly(t *testing.T, result Result) []string {
	t.Helper()
	var brief, codes []string
	for _, err := range result.Errors {
		match := ruleAtEnd.FindStringSubmatch(err.Detail)
		if match == nil {
			t.Errorf("the error does not end with its rule: %v", err)
			continue
		}
		brief = append(brief, err.Field+" "+match[1])
		codes = append(codes, match[1])
	}
	slices.Sort(codes)
	if diff := cmp.Diff(slices.Compact(codes), result.Codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	return brief
}

func TestReviewWithoutADomain(t *testing.T) {
	for name, d := range map[string]*engine.Domain{"nil": nil, "empty": engine.Compile(nil)} {
		t.Run(name, func(t *testing.T) {
			got := Review(d, create(MakeRole("clerk").Rule(Full("order")).Obj()))
			want := []string{"spec.rules[0].resources[0]: ResourceType order does not exist; until it does, what refers to it here has no effect."}
			if diff := cmp.Diff(want, got.Warnings); diff != "" || len(got.Errors) > 0 {
				t.Errorf("errors %v; warnings (-want +got):\n%s", got.Errors, diff)
			}
		})
	}
}

func TestReviewOfWhatIsNoChange(t *testing.T) {
	cases := map[string]Change{
		"no object":             {Operation: Create},
		"a nil object":          {Operation: Create, Object: (*v1alpha1.Role)(nil)},
		"nothing to delete":     {Operation: Delete},
		"another kind":          {Operation: Create, Object: &v1alpha1.EffectivePermissions{}},
		"not of the API":        {Operation: Create, Object: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "x"}}},
		"an unknown operation":  {Operation: "CONNECT", Object: MakeRole("x").Obj()},
		"an empty operation":    {Object: MakeRole("x").Obj()},
		"an update to nothing":  {Operation: Update, Old: MakeRole("x").Obj()},
		"a nil object to spare": {Operation: Delete, Object: (*v1alpha1.Role)(nil), Old: (*v1alpha1.Role)(nil)},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			got := Review(nil, change)
			if len(got.Errors) != 1 || got.Codes != nil {
				t.Errorf("got errors %v with codes %v, want one error without a code", got.Errors, got.Codes)
			}
		})
	}
}

func TestReviewTakesTheOldObjectFromTheDomain(t *testing.T) {
	ada := MakeUser("ada").Superuser().Obj()
	cases := map[string]reviewCase{
		"an update that names no old object": {
			domain: objects{ada},
			change: update(MakeUser("ada").Obj()),
			want:   []string{"spec.superuser A2"},
		},
		"a deletion that names the object by what is left of it": {
			domain: objects{ada},
			change: Change{Operation: Delete, Object: MakeUser("ada").Obj(), Now: june},
			want:   []string{"metadata.name A2"},
		},
		"an update of what the domain does not know yet": {
			change: Change{Operation: Update, Old: MakeUser("u").ID("a").Obj(), Object: MakeUser("u").ID("b").Obj(), Now: june},
			want:   []string{"spec.id A3"},
		},
		"an update of what the domain knows from an earlier state": {
			domain: objects{MakeUser("ada").Obj()},
			change: Change{Operation: Update, Old: ada, Object: MakeUser("ada").Staff().Obj(), Now: june},
			want:   []string{"spec.superuser A2"},
		},
		"an old object of another kind is none": {
			change: Change{Operation: Update, Old: MakeRole("u").Obj(), Object: MakeUser("u").ID("b").Obj(), Now: june},
		},
	}
	run(t, cases)
}

func TestAnUpdateThatLeavesTheSpecBreaksNoRule(t *testing.T) {
	bad := MakeRole("bad").Rule(MakeRule("order").Condition("1 +").Obj())
	labelled := bad.Obj()
	labelled.Labels = map[string]string{"team": "a"}
	labelled.Finalizers = nil
	run(t, map[string]reviewCase{
		"labels change": {
			domain: objects{bad.Obj()},
			change: update(labelled),
		},
		"the spec changes": {
			domain: objects{bad.Obj()},
			change: update(bad.AppAccess().Obj()),
			want:   []string{"spec.rules[0] A6", "spec.rules[0].condition A6"},
		},
	})
}

func TestAChangeMayBreakSeveralRules(t *testing.T) {
	run(t, map[string]reviewCase{
		"a role": {
			domain: objects{MakePolicy().Obj(), MakeRole("admin").AdminAccess().Obj(), MakeUser("ada").Roles("admin").Obj()},
			change: update(MakeRole("admin").AllowedCIDRs("office").Obj()),
			want:   []string{"spec.adminAccess A1", "spec.adminAccess A2", "spec.restrictions.allowedCIDRs[0] A6"},
		},
		"a user permission": {
			domain: objects{MakeUserPermission("p1", "company", "a", "b").User("x").Default("a").Obj()},
			change: create(MakeUserPermission("p2", "company", "b").User("x").Default("b").In(nextMonth, lastMonth).Obj()),
			want:   []string{"spec.default A4", "spec.forValues[0] A5", "spec.expiresAt A6"},
		},
	})
}

func TestCheckObject(t *testing.T) {
	cases := map[string]struct {
		object engine.Object
		want   []string
	}{
		"a good object":             {object: MakeRole("r").Rule(Full("order")).Obj()},
		"a condition":               {object: MakeGroup("g").MemberCondition("1").Obj(), want: []string{"spec.memberCondition A6"}},
		"the domain does not count": {object: MakeRole("public").AdminAccess().Obj()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := CheckObject(tc.object)
			if diff := cmp.Diff(tc.want, briefly(t, got)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if got.Warnings != nil {
				t.Errorf("warnings: %v", got.Warnings)
			}
		})
	}
	if got := CheckObject(nil); len(got.Errors) != 1 {
		t.Errorf("no object: got %v, want an error", got.Errors)
	}
}
