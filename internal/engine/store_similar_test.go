package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// similarity is what the report of an object says of similar users, by path.
func similarity(d *engine.Domain, object engine.Object) map[string]string {
	kind, _ := kinds.Of(object)
	report, _ := d.Report(engine.Ref{Kind: kind.Kind, Name: object.GetName()})
	told := map[string]string{}
	for _, advice := range report.Advice {
		if advice.Reason == v1alpha1.ReasonSimilarUsers {
			told[advice.Path] = advice.Message
		}
	}
	return told
}

func userOf(name, id string) *v1alpha1.User {
	user := testobjects.MakeUser(name).Obj()
	user.Spec.ID = v1alpha1.UserID(id)
	return user
}

func TestSimilarUsers(t *testing.T) {
	for name, tc := range map[string]struct {
		one, other string
		want       bool
	}{
		"case":                        {"alice", "Alice", true},
		"case, neither plain":         {"ALICE", "Alice", true},
		"case of other letters":       {"ärger", "Ärger", true},
		"a letter that folds to two":  {"straße", "STRASSE", true},
		"a space at the end":          {"alice", "alice ", true},
		"spaces within":               {"alice smith", "alice  smith", true},
		"a space that none can break": {"alice smith", "alice\u00a0smith", true},
		"a space of no width":         {"alice", "ali\u200bce", true},
		"width":                       {"mallory", "\uff4dallory", true},
		"another form of a letter":    {"\u00e9", "e\u0301", true},
		"other users":                 {"alice", "alicia", false},
		"another accent":              {"jose", "josé", false},
		"a digit":                     {"user1", "user2", false},
		"another script":              {"alice", "\u0430lice", false}, // Cyrillic: that is no spelling of it
	} {
		t.Run(name, func(t *testing.T) {
			one, other := userOf("one", tc.one), userOf("other", tc.other)
			domain := engine.Compile([]engine.Object{one, other})
			for _, object := range []*v1alpha1.User{one, other} {
				told := similarity(domain, object)
				if got := len(told) > 0; got != tc.want {
					t.Errorf("%q and %q: told %v, want %t", tc.one, tc.other, told, tc.want)
				}
			}
			without, _ := domain.With(engine.Remove(engine.Ref{Kind: engine.KindUser, Name: "other"}))
			if told := similarity(without, one); len(told) > 0 {
				t.Errorf("without %q it still tells %v", tc.other, told)
			}
			apart, _ := domain.With(engine.Put(userOf("other", "somebody else")))
			if told := similarity(apart, one); len(told) > 0 {
				t.Errorf("when %q is called otherwise it still tells %v", tc.other, told)
			}
		})
	}
}

// TestSimilarUsersWhoeverNamesThem: an id that any object names is known.
func TestSimilarUsersWhoeverNamesThem(t *testing.T) {
	alice := testobjects.MakeUser("alice").Obj()
	for _, tc := range []struct {
		path   string
		object engine.Object
	}{
		{"spec.id", userOf("other", "Alice")},
		{"spec.members[1].user", testobjects.MakeGroup("g").Members("bob", "Alice").Obj()},
		{"spec.user", testobjects.MakeUserPermission("up", "company", "North").User("Alice").Obj()},
		{"spec.user", testobjects.MakeSpecialPermission("sp", "Alice").On("None", "order").Obj()},
	} {
		path, object := tc.path, tc.object
		domain := engine.Compile([]engine.Object{alice, object})
		told := similarity(domain, object)
		if message := told[strings.TrimSpace(path)]; !strings.Contains(message, `"alice"`) || !strings.Contains(message, `"Alice"`) {
			t.Errorf("%T: told %v, want both ids at %s", object, told, path)
		}
		if told := similarity(domain, alice); !strings.Contains(told["spec.id"], `"Alice"`) {
			t.Errorf("%T: the User alice is told %v", object, told)
		}
	}
	many := []engine.Object{alice}
	for _, id := range []string{"ALICE", "Alice", "aLICE", "alicE", "alIce"} {
		many = append(many, userOf(strings.ToLower(id)+"-"+id[:1]+id[4:], id))
	}
	slices.SortFunc(many, func(a, b engine.Object) int { return -strings.Compare(a.GetName(), b.GetName()) })
	if told := similarity(engine.Compile(many), alice)["spec.id"]; !strings.Contains(told, `from "ALICE", "Alice", "alIce";`) {
		t.Errorf("of many it tells %q, want the first three", told)
	}
}
