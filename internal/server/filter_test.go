package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

// shelves is a domain with conditions on records.
func shelves() store.Snapshot {
	return compiled("shelves", "5",
		testobjects.MakeResourceType("book").
			Action("read", v1alpha1.ClassRead).Action("lend", v1alpha1.ClassUpdate).Action("burn", v1alpha1.ClassDelete).Obj(),
		testobjects.MakeRole("reader").Rule(
			testobjects.MakeRule("book").Actions("read").Condition("resource.properties.shelf == subject.id").Fields("title", "shelf").Obj(),
		).Obj(),
		testobjects.MakeRole("keeper").Rule(
			testobjects.MakeRule("book").Actions("read", "lend").Fields("title").Obj(),
			testobjects.MakeRule("book").Actions("burn").Condition("resource.properties.title.matches('^[A-M]')").Obj(),
		).Obj(),
		testobjects.MakeRole("director").Rule(testobjects.Full("book")).RequireMFA().Obj(),
		testobjects.MakeUser("rita").Roles("reader").Obj(),
		testobjects.MakeUser("kim").Roles("keeper").Obj(),
		testobjects.MakeUser("dana").Roles("director").Obj(),
	)
}

// filterFor asks for a filter of books.
func filterFor(user, action, format string) string {
	return `{"subject": {"type": "user", "id": "` + user + `"}, "action": ` + action + `, "resource": {"type": "book"}, "format": "` + format + `"}`
}

const (
	reading = `{"name": "read"}`
	burning = `{"name": "burn"}`
)

func TestFilter(t *testing.T) {
	tests := map[string]struct {
		body string
		want string
	}{
		"always": {filterFor("kim", reading, "postgres"),
			`{"kind": "always", "reason": "rule", "message": "A rule gives this action (Role/keeper).", "fields": ["title"], "revision": "5"}`},
		"always, for Cerbos": {filterFor("kim", reading, "cerbos"),
			`{"kind": "always", "reason": "rule", "message": "A rule gives this action (Role/keeper).", "fields": ["title"], "revision": "5",
			  "cerbos": {"kind": "KIND_ALWAYS_ALLOWED"}}`},
		"never": {filterFor("rita", burning, "ucast"),
			`{"kind": "never", "reason": "no_rule", "message": "No rule gives this action.", "revision": "5"}`},
		"never, by fields that nothing covers": {filterFor("kim", `{"name": "read", "properties": {"fields": ["price"]}}`, "ucast"),
			`{"kind": "never", "reason": "field_not_allowed", "message": "The fields asked for are not covered by any rule.", "revision": "5"}`},
		"never, without the second factor": {filterFor("dana", reading, "ucast"),
			`{"kind": "never", "reason": "role_restricted", "message": "A role would give this action, but its restrictions do not hold.", "revision": "5"}`},
		"never, for a type that is none": {`{"subject": {"type": "user", "id": "kim"}, "action": {"name": "read"}, "resource": {"type": "planet"}, "format": "cel"}`,
			`{"kind": "never", "reason": "unknown_resource_type", "message": "The resource type does not exist in this domain.", "revision": "5"}`},
		"for ucast": {filterFor("rita", reading, "ucast"),
			`{"kind": "conditional", "fields": ["shelf", "title"], "revision": "5",
			  "ucast": {"type": "field", "operator": "eq", "field": "shelf", "value": "rita"}}`},
		"for Cerbos": {filterFor("rita", reading, "cerbos"),
			`{"kind": "conditional", "fields": ["shelf", "title"], "revision": "5",
			  "cerbos": {"kind": "KIND_CONDITIONAL", "condition": {"expression": {"operator": "eq",
			    "operands": [{"variable": "request.resource.attr.shelf"}, {"value": "rita"}]}}}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServerFor(t, fixed{"shelves": shelves()})
			got := post(s, "/domains/shelves/filter", tc.body)
			mustAnswer(t, got, http.StatusOK, tc.want)
			if revision := got.Header().Get("Remit-Revision"); revision != "5" {
				t.Errorf("Remit-Revision %q", revision)
			}
		})
	}
}

// TestFilterSQL looks for what the databases need, without repeating how the condition is written.
func TestFilterSQL(t *testing.T) {
	for _, format := range []string{"postgres", "mysql", "sqlite"} {
		t.Run(format, func(t *testing.T) {
			var answer map[string]any
			mustDecode(t, post(newServerFor(t, fixed{"shelves": shelves()}), "/domains/shelves/filter", filterFor("rita", reading, format)), &answer)
			condition, ok := answer[format].(map[string]any)
			if !ok || answer["kind"] != "conditional" {
				t.Fatalf("no condition for %s: %v", format, answer)
			}
			where, _ := condition["where"].(string)
			args, _ := condition["args"].([]any)
			if where == "" || len(args) == 0 {
				t.Errorf("condition %v, want one with a value", condition)
			}
			for _, arg := range args {
				if arg == "rita" {
					return
				}
			}
			t.Errorf("the user is no argument: %v", condition)
		})
	}
}

// TestFilterCEL has one condition that no other format can say.
func TestFilterCEL(t *testing.T) {
	for body, part := range map[string]string{
		filterFor("rita", reading, "cel"): `resource.properties.shelf == "rita"`,
		filterFor("kim", burning, "cel"):  `resource.properties.title.matches("^[A-M]")`,
	} {
		var answer struct{ Kind, CEL string }
		mustDecode(t, post(newServerFor(t, fixed{"shelves": shelves()}), "/domains/shelves/filter", body), &answer)
		if answer.Kind != "conditional" {
			t.Errorf("kind %q", answer.Kind)
		}
		mustMention(t, answer.CEL, part)
	}
}

func TestFilterRefuses(t *testing.T) {
	tests := map[string]struct {
		body   string
		status int
		want   string
	}{
		"no format":        {filterFor("rita", reading, ""), http.StatusBadRequest, "format: must be ucast, cerbos, postgres, mysql, sqlite or cel"},
		"another format":   {filterFor("rita", reading, "xml"), http.StatusBadRequest, "format: must be ucast, cerbos, postgres, mysql, sqlite or cel"},
		"a format no text": {`{"format": 7}`, http.StatusBadRequest, "format: must be a string"},
		"no subject":       {`{"action": {"name": "read"}, "resource": {"type": "book"}, "format": "cel"}`, http.StatusBadRequest, "subject.type: is required"},
		"an action that writes": {filterFor("kim", `{"name": "lend"}`, "cel"), http.StatusBadRequest,
			"action.name: must be an action of class Read or Delete, lend is of class Update"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newServerFor(t, fixed{"shelves": shelves()}), "/domains/shelves/filter", tc.body)
			mustAnswer(t, got, tc.status, errorBody(tc.want))
		})
	}
}

// TestFilterRefusesWhatAFormatCannotSay wants the part of the condition named, so that somebody can rewrite it.
func TestFilterRefusesWhatAFormatCannotSay(t *testing.T) {
	for _, format := range []string{"ucast", "cerbos", "postgres", "mysql", "sqlite"} {
		got := post(newServerFor(t, fixed{"shelves": shelves()}), "/domains/shelves/filter", filterFor("kim", burning, format))
		if got.Code != http.StatusUnprocessableEntity {
			t.Fatalf("%s: status %d: %s", format, got.Code, got.Body)
		}
		mustMention(t, got.Body.String(), "the format "+format+" cannot express", "resource.properties.title.matches(")
	}
}

// TestFilterLeavesOut tells of what it leaves out beside something else, and asks other tables where it is told to.
func TestFilterLeavesOut(t *testing.T) {
	domain := compiled("shelves", "5",
		testobjects.MakeResourceType("book").Action("read", v1alpha1.ClassRead).Obj(),
		testobjects.MakeRole("reader").Rule(
			testobjects.MakeRule("book").Actions("read").Condition("resource.properties.shelf == subject.id").Obj(),
			testobjects.MakeRule("book").Actions("read").Condition("resource.properties.title.matches('^[A-M]')").Obj(),
			testobjects.MakeRule("book").Actions("read").Condition("size(resource.properties) > 9").Obj(),
			testobjects.MakeRule("book").Actions("read").Condition("resource.properties.lenders.exists(l, l.person == subject.id)").Obj(),
		).Obj(),
		testobjects.MakeUser("rita").Roles("reader").Obj(),
	)
	body := strings.TrimSuffix(filterFor("rita", reading, "sqlite"), "}")
	var answer struct {
		SQLite  struct{ Where string }
		LeftOut []struct{ Condition, Reason string } `json:"left_out"`
	}
	mustDecode(t, post(newServerFor(t, fixed{"shelves": domain}), "/domains/shelves/filter",
		body+`, "options": {"relations": {"lenders": {"table": "library.loans", "key": "book", "many": true}}}}`), &answer)
	mustMention(t, answer.SQLite.Where, "`shelf`", "FROM `library`.`loans`")
	if len(answer.LeftOut) != 2 {
		t.Fatalf("left out %v, want two parts", answer.LeftOut)
	}
	mustMention(t, answer.LeftOut[0].Condition, "spec.rules[2].condition")
	mustMention(t, answer.LeftOut[1].Condition, "title.matches(")
	for relations, want := range map[string]string{
		`7`:                            "options.relations: must be an object",
		`{"lenders": 7}`:               "options.relations.lenders: must be an object",
		`{"lenders": {"table": true}}`: "options.relations.lenders.table: must be a string",
		`{"lenders": {"many": true}}`:  "options.relations.lenders: must have a table",
	} {
		got := post(newServerFor(t, fixed{"shelves": domain}), "/domains/shelves/filter", body+`, "options": {"relations": `+relations+`}}`)
		mustAnswer(t, got, http.StatusBadRequest, errorBody(want))
	}
}
