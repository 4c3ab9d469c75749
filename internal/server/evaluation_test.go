package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestEvaluation(t *testing.T) {
	tests := map[string]struct {
		body string
		want string
	}{
		"allow, with fields": {
			body: `{"subject": {"type": "user", "id": "bob"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`,
			want: `{"decision": true, "context": {"reason": "rule", "message": "A rule gives this action (Role/clerk).",
				"revision": "17", "fields": ["note", "status"]}}`,
		},
		"allow, with presets": {
			body: `{"subject": {"type": "user", "id": "bob"}, "action": {"name": "create", "properties": {"values": {"note": "hi"}}},
				"resource": {"type": "order", "id": "new"}}`,
			want: `{"decision": true, "context": {"reason": "rule", "message": "A rule gives this action (Role/clerk).",
				"revision": "17", "fields": ["note", "status"], "presets": {"status": "draft"}}}`,
		},
		"deny, with the fields that no rule covers, and the step up": {
			body: `{"subject": {"type": "user", "id": "bob"}, "action": {"name": "create", "properties": {"values": {"price": 1}}},
				"resource": {"type": "order", "id": "new"}}`,
			want: `{"decision": false, "context": {"reason": "field_not_allowed",
				"message": "These fields are not covered by any rule: price.", "revision": "17", "fields": ["price"],
				"step_up": ["mfa"]}}`,
		},
		"deny, with the properties that were missing": {
			body: `{"subject": {"type": "user", "id": "bob"}, "action": {"name": "update"}, "resource": {"type": "order", "id": "o-9"}}`,
			want: `{"decision": false, "context": {"reason": "condition_not_met",
				"message": "No rule's condition holds; these properties are unknown: status.", "revision": "17",
				"missing_properties": ["status"], "step_up": ["mfa"]}}`,
		},
		"deny, with the messages of validations": {
			body: `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "update", "properties": {"values": {"status": "sent"}}},
				"resource": {"type": "order", "id": "o-1"}}`,
			want: `{"decision": false, "context": {"reason": "validation_failed",
				"message": "The submitted values are not valid: clerks do not send orders.", "revision": "17",
				"validation_messages": ["clerks do not send orders"]}}`,
		},
		"deny, with a value that user permissions refuse": {
			body: `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-3"}}`,
			want: `{"decision": false, "context": {"reason": "user_permission",
				"message": "User permissions do not allow this record: company (company).", "revision": "17",
				"violations": [{"field": "company", "value": "south", "allow": "company", "cause": "not_allowed"}]}}`,
		},
		"deny, with a value that user permissions miss": {
			body: `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-9"}}`,
			want: `{"decision": false, "context": {"reason": "user_permission",
				"message": "User permissions do not allow this record: company (company).", "revision": "17",
				"missing_properties": ["company"],
				"violations": [{"field": "company", "allow": "company", "cause": "missing"}]}}`,
		},
		"the anonymous subject has no id": {
			body: `{"subject": {"type": "anonymous"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`,
			want: `{"decision": false, "context": {"reason": "no_rule", "message": "No rule gives this action.", "revision": "17"}}`,
		},
		"null is absent, and what nobody knows is ignored": {
			body: `{"subject": {"type": "user", "id": "root", "properties": null}, "action": {"name": "read", "x": 1},
				"resource": {"type": "order", "id": "o-1"}, "context": null, "options": null, "Subject": {"id": "ann"}}`,
			want: `{"decision": true, "context": {"reason": "superuser", "message": "The user is a superuser.", "revision": "17", "fields": ["*"]}}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t)
			got := post(s, "/domains/shop/access/v1/evaluation", tc.body)
			mustAnswer(t, got, http.StatusOK, tc.want)
			if revision := got.Header().Get("Remit-Revision"); revision != "17" {
				t.Errorf("Remit-Revision %q", revision)
			}
			mustAnswer(t, post(s, "/access/v1/evaluation", tc.body), http.StatusOK, tc.want)
		})
	}
}

func TestEvaluationRefusesMalformedRequests(t *testing.T) {
	const rest = `"action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}`
	tests := map[string]struct {
		body string
		want string
	}{
		"empty":               {``, "the body is not valid: unexpected end of JSON input"},
		"no JSON":             {`{invalid`, "the body is not valid: invalid character 'i' looking for beginning of object key string"},
		"two values":          {`{} {}`, "the body is not valid: invalid character '{' after top-level value"},
		"a list":              {`[]`, "the body must be a JSON object"},
		"null":                {`null`, "the body must be a JSON object"},
		"no UTF-8":            {"{\"subject\": \"\xff\"}", "the body is not UTF-8"},
		"a name twice":        {`{"subject": {"type": "user", "id": "ann", "id": "root"}, ` + rest + `}`, `the body is not valid: duplicate field "subject.id"`},
		"nested too deep":     {`{"context": ` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "the body is nested deeper than 64 levels"},
		"a huge number":       {`{"context": {"n": 1e999}}`, "the body is not valid: number 1e999 is out of range"},
		"no subject":          {`{` + rest + `}`, "subject.type: is required"},
		"no subject id":       {`{"subject": {"type": "user"}, ` + rest + `}`, "subject.id: is required"},
		"no action":           {`{"subject": {"type": "user", "id": "ann"}, "resource": {"type": "order", "id": "o-1"}}`, "action.name: is required"},
		"no resource id":      {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order"}}`, "resource.id: is required"},
		"no resource":         {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}}`, "resource.id: is required"},
		"no resource type":    {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"id": "x"}}`, "resource.type: is required"},
		"a text as subject":   {`{"subject": "ann", ` + rest + `}`, "subject: must be an object"},
		"a number as id":      {`{"subject": {"type": "user", "id": 7}, ` + rest + `}`, "subject.id: must be a string"},
		"a list as context":   {`{"subject": {"type": "user", "id": "ann"}, "context": [], ` + rest + `}`, "context: must be an object"},
		"properties no map":   {`{"subject": {"type": "user", "id": "ann", "properties": "x"}, ` + rest + `}`, "subject.properties: must be an object"},
		"explain no boolean":  {`{"subject": {"type": "user", "id": "ann"}, "options": {"explain": "yes"}, ` + rest + `}`, "options.explain: must be true or false"},
		"values with a dot":   {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "create", "properties": {"values": {"a.b": 1}}}, "resource": {"type": "order", "id": "o-1"}}`, `action.properties.values: the key "a.b" has a dot; submitted values are named by their top-level names`},
		"fields no list":      {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read", "properties": {"fields": "x"}}, "resource": {"type": "order", "id": "o-1"}}`, "action.properties.fields: must be a list of strings"},
		"fields no list of s": {`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read", "properties": {"fields": [1]}}, "resource": {"type": "order", "id": "o-1"}}`, "action.properties.fields: must be a list of strings"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/evaluation", tc.body)
			mustAnswer(t, got, http.StatusBadRequest, errorBody(tc.want))
		})
	}
}

func TestExplain(t *testing.T) {
	const plain = `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}`
	tests := map[string]struct {
		query, body string
		want        bool
	}{
		"not asked for": {"", plain + `}`, false},
		"by options":    {"", plain + `, "options": {"explain": true}}`, true},
		"by the query":  {"?explain=true", plain + `}`, true},
		"refused":       {"?explain=false", plain + `, "options": {"explain": false}}`, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/evaluation"+tc.query, tc.body)
			if got.Code != http.StatusOK {
				t.Fatalf("status %d: %s", got.Code, got.Body)
			}
			answer, ok := parsed(t, got.Body.String()).(map[string]any)["context"].(map[string]any)
			if !ok {
				t.Fatalf("no context in %s", got.Body)
			}
			trace, traced := answer["trace"].([]any)
			if traced != tc.want {
				t.Fatalf("trace: %t, want %t", traced, tc.want)
			}
			if tc.want && (len(trace) == 0 || !strings.Contains(got.Body.String(), `"object":"Role/clerk"`)) {
				t.Errorf("the trace does not name the role: %s", got.Body)
			}
		})
	}
	got := post(newTestServer(t), "/domains/shop/access/v1/evaluation?explain=perhaps", plain+`}`)
	mustAnswer(t, got, http.StatusBadRequest, errorBody("explain: must be true or false"))
}

// TestExplainTellsNoValues has conditions fail, and hold, by values that are nobody's business.
func TestExplainTellsNoValues(t *testing.T) {
	const secret = "s3cret"
	conditions := []string{
		"int(resource.properties.note) > 3", "resource.properties.note == 'other'", "timestamp(resource.properties.note) < now",
		"resource.properties.note < 3", "resource.properties.note.matches(resource.properties.note + '(')", "subject.attributes.pin == resource.properties.note",
		"int(subject.attributes.pin) == 3", "resource.properties.list[5] == 1", "resource.properties.map[resource.properties.note] == 1",
	}
	roles := testobjects.MakeRole("reader")
	for _, condition := range conditions {
		roles = roles.Rule(testobjects.MakeRule("order").Actions("read", "update").Condition(condition).Obj())
	}
	values := map[string]any{"note": secret, "company": secret, "list": []any{secret}, "map": map[string]any{"a": secret}}
	s := newServerFor(t, fixed{"shop": compiled("shop", "17",
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeResourceType("order").Action("read", v1alpha1.ClassRead).Action("update", v1alpha1.ClassUpdate).Link("company", "company").Obj(),
		testobjects.MakeRecordSet("orders", "order").Record("o-1", "", values).Record("o-2", "o-1", values).Obj(),
		roles.Obj(),
		testobjects.MakeGroup("members").MemberCondition("int(subject.attributes.pin) == 3").Obj(),
		testobjects.MakeUser("ann").Roles("reader").Attribute("pin", secret).Obj(),
		testobjects.MakeUser("bob").Roles("reader").Attribute("pin", secret).Obj(),
		testobjects.MakeUserPermission("ann-north", "company", "north").User("ann").Obj(),
		testobjects.MakeSpecialPermission("max-order", "max").On(v1alpha1.AccessNone, "order").Obj(),
	)})
	for _, user := range []string{"ann", "bob", "max", "nobody"} {
		for _, action := range []string{"read", "update"} {
			for _, id := range []string{"o-1", "o-2", "o-3"} {
				got := post(s, "/domains/shop/access/v1/evaluation?explain=true",
					`{"subject": {"type": "user", "id": "`+user+`"}, "action": {"name": "`+action+`"}, "resource": {"type": "order", "id": "`+id+`"}}`)
				if got.Code != http.StatusOK {
					t.Fatalf("status %d: %s", got.Code, got.Body)
				}
				answer, _ := parsed(t, got.Body.String()).(map[string]any)["context"].(map[string]any)
				trace, err := json.Marshal(answer["trace"])
				if err != nil || len(trace) < 10 {
					t.Fatalf("the trace is %s, error %v", trace, err)
				}
				if strings.Contains(string(trace), secret) || strings.Contains(fmt.Sprint(answer["message"]), secret) {
					t.Errorf("%s %s %s: %s tells a value: %s", user, action, id, trace, answer["message"])
				}
			}
		}
	}
}
