package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
	. "github.com/remit-authz/remit/internal/testobjects"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// shop has ann, who reads every order, bob, who reads his own, cyd, who needs a second factor, and dan, who may nothing.
func shop(more ...engine.Object) *engine.Domain {
	return engine.Compile(append([]engine.Object{
		MakeResourceType("order").Link("company", "company").Obj(),
		MakeResourceType("list").Action("print", "Read").Action("read", "Read").Obj(),
		MakeResourceType("queue").Action("push", "Create").Obj(),
		MakeRole("all").Rule(MakeRule("order").Actions("read").Obj()).Obj(),
		MakeRole("own").Rule(MakeRule("order").Actions("read").Condition("resource.properties.owner == subject.id").Obj()).Obj(),
		MakeRole("safe").RequireMFA().Rule(MakeRule("order").Actions("read").Obj()).Obj(),
		MakeUser("ann").Roles("all").Obj(), MakeUser("bob").Roles("own").Obj(), MakeUser("cyd").Roles("safe").Obj(), MakeUser("dan").Obj(),
		MakeRecordSet("orders", "order").Record("o1", "", map[string]any{"owner": "bob"}).Record("o2", "", map[string]any{"owner": "ann"}).Obj(),
	}, more...))
}

func ask(t *testing.T, d *engine.Domain, q query.Question) *query.Asked {
	t.Helper()
	asked, err := q.Read(d, now)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestWhoCan(t *testing.T) {
	public := MakeRole("public").Rule(MakeRule("order").Actions("read").Condition("resource.properties.open == true").Obj()).Obj()
	everything := MakeRole("public").Rule(MakeRule("order").Actions("read").Obj()).Obj()
	for name, test := range map[string]struct {
		more  []engine.Object
		id    string
		can   []string
		notes []string
	}{
		"on a record":          {id: "o1", can: []string{"ann", "bob"}},
		"on the type":          {can: []string{"ann always", "bob some"}},
		"a group by claims":    {more: []engine.Object{MakeGroup("guests").ExternalGroups("x").Obj()}, id: "o2", can: []string{"ann"}, notes: []string{"by their claims alone (guests)"}},
		"everybody, sometimes": {more: []engine.Object{MakePolicy().Obj(), public}, can: []string{"ann always", "bob some", "dan some"}, notes: []string{"that no object names can, too, on some records: ", "Anonymous callers can, too, on some records: "}},
		"everybody, always":    {more: []engine.Object{MakePolicy().Obj(), everything}, id: "o9", can: []string{"ann", "dan"}, notes: []string{"that no object names can, too: A rule", "Anonymous callers can, too: A rule"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := shop(test.more...)
			users, err := query.WhoCan(d, ask(t, d, query.Question{Action: "read", Type: "order", ID: test.id}))
			if err != nil {
				t.Fatal(err)
			}
			var can []string
			for _, found := range users.Can {
				can = append(can, strings.TrimSpace(found.User+" "+string(found.Extent)))
			}
			if diff := gocmp.Diff(test.can, can); diff != "" {
				t.Error(diff)
			}
			if !slices.EqualFunc(users.Notes, test.notes, strings.Contains) {
				t.Errorf("notes %q, want %q", users.Notes, test.notes)
			}
		})
	}
	d := shop()
	for _, q := range []query.Question{{Action: "read", Type: "orders"}, {Action: "reed", Type: "order"}} {
		if _, err := query.WhoCan(d, ask(t, d, q)); err == nil || !strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestWhatCan(t *testing.T) {
	d := shop()
	can := func(user, id string) (found []string) {
		t.Helper()
		actions, err := query.WhatCan(d, ask(t, d, query.Question{User: user, Type: "order", ID: id}))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range actions {
			if a.Can() {
				found = append(found, strings.TrimSpace(a.Action+" "+string(a.Extent)))
			}
		}
		return found
	}
	for _, test := range []struct {
		user, id string
		want     []string
	}{{"ann", "o1", []string{"read"}}, {"ann", "", []string{"read always"}}, {"bob", "o1", []string{"read"}}, {"bob", "o2", nil}, {"bob", "", []string{"read some"}}, {"cyd", "", nil}} {
		if diff := gocmp.Diff(test.want, can(test.user, test.id)); diff != "" {
			t.Errorf("%s on %q: %s", test.user, test.id, diff)
		}
	}
	if _, err := query.WhatCan(d, ask(t, d, query.Question{User: "ann", Type: "none"})); err == nil {
		t.Error("there is no such type")
	}
}

// What a second factor would allow counts as some: an overview knows no circumstances.
func TestOverview(t *testing.T) {
	d := shop()
	for user, want := range map[string][2][]string{
		"ann": {{"read"}, nil}, "bob": {nil, {"read"}}, "cyd": {nil, {"read"}}, "dan": {}, "nobody": {}, "": {},
	} {
		types := query.Overview(d, user, now)
		i := slices.IndexFunc(types, func(f query.TypeFound) bool { return f.Resource == "order" })
		if diff := gocmp.Diff(want, [2][]string{types[i].Always, types[i].Some}); diff != "" {
			t.Errorf("%s: %s", user, diff)
		}
	}
	bob := query.Overview(d, "bob", now)
	order := &bob[slices.IndexFunc(bob, func(f query.TypeFound) bool { return f.Resource == "order" })]
	for action, want := range map[string]engine.Extent{"read": engine.Some, "delete": engine.Never, "fly": ""} {
		if got := order.Extent(d, action); got != want {
			t.Errorf("%s: %q, want %q", action, got, want)
		}
	}
}

func TestReadAction(t *testing.T) {
	d := shop()
	for _, test := range []struct{ resourceType, asked, want, mistake string }{
		{"order", "", "read", ""},
		{"list", "", "read", ""}, // which it declares after another action of class Read
		{"list", "print", "print", ""},
		{"list", "prin", "", "did you mean print?"},
		{"queue", "", "", "has no action of class Read"},
		{"none", "", "", "no resource type"},
	} {
		got, err := query.ReadAction(d, test.resourceType, test.asked)
		if got != test.want || (err == nil) != (test.mistake == "") || err != nil && !strings.Contains(err.Error(), test.mistake) {
			t.Errorf("%s, %q: %q, %v", test.resourceType, test.asked, got, err)
		}
	}
}

func TestPermittedRecords(t *testing.T) {
	d := shop()
	for _, test := range []struct {
		user  string
		found []query.RecordFound
		note  string
	}{
		{"ann", []query.RecordFound{{"order", "o1", []string{"read"}}, {"order", "o2", []string{"read"}}}, "2 of 2 records"},
		{"bob", []query.RecordFound{{"order", "o1", []string{"read"}}}, "1 of 2 records"},
		{"dan", nil, "No rule"},
	} {
		records, err := query.PermittedRecords(d, ask(t, d, query.Question{User: test.user, Type: "order"}), true)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(records.Found, test.found, func(a, b query.RecordFound) bool { return gocmp.Equal(a, b) }) {
			t.Errorf("%s: %v", test.user, records.Found)
		}
		if !strings.Contains(strings.Join(records.Notes, " "), test.note) {
			t.Errorf("%s: %q", test.user, records.Notes)
		}
	}
}

func TestQuestion(t *testing.T) {
	d := shop()
	q := query.Question{
		User: "ann", Action: "read", Type: "order", ID: "o1", At: "2026-06-02T00:00:00Z",
		Properties: []string{"n=1", "t=text", `l=["a"]`}, SubjectProperties: []string{"tier=gold"}, ActionProperties: []string{`fields=["n"]`}, Context: []string{"mfa=true"},
	}
	want := &query.Asked{At: now.AddDate(0, 0, 1), Request: &engine.Request{
		Subject:  engine.Subject{Type: "user", ID: "ann", Properties: map[string]any{"tier": "gold"}},
		Action:   engine.Action{Name: "read", Properties: map[string]any{"fields": []any{"n"}}},
		Resource: engine.Resource{Type: "order", ID: "o1", Properties: map[string]any{"n": int64(1), "t": "text", "l": []any{"a"}}},
		Context:  map[string]any{"mfa": true},
	}}
	if diff := gocmp.Diff(want, ask(t, d, q)); diff != "" {
		t.Error(diff)
	}
	flags := []string{
		"--property", "n=1", "--property", "t=text", "--property", `l=["a"]`, "--subject-property", "tier=gold", "--action-property", `fields=["n"]`,
		"--context", "mfa=true", "--at", "2026-06-02T00:00:00Z",
	}
	if diff := gocmp.Diff(flags, q.Flags()); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []query.Question{{Properties: []string{"a"}}, {Context: []string{"=1"}}, {ActionProperties: []string{"a=1", "a=2"}}, {At: "now"}} {
		_, err := wrong.Read(d, now)
		var mistake *query.Error
		if !errors.As(err, &mistake) || !errors.As(wrong.Check(), &mistake) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
