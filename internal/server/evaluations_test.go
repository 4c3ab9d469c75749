package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/remit-authz/remit/internal/server/wire"
)

func TestEvaluations(t *testing.T) {
	const (
		bob     = `"subject": {"type": "user", "id": "bob"}`
		read    = `"action": {"name": "read"}`
		order   = `"resource": {"type": "order", "id": "o-1"}`
		allowed = `{"decision": true, "context": {"reason": "rule", "message": "A rule gives this action (Role/clerk).",
			"revision": "17", "fields": ["note", "status"]}}`
		denied = `{"decision": false, "context": {"reason": "role_restricted", "revision": "17", "step_up": ["mfa"],
			"message": "A role would give this action, but its restrictions do not hold: a second factor is needed."}}`
		rmr = `"evaluations": [{"action": {"name": "read"}}, {"action": {"name": "delete"}}, {"action": {"name": "read"}}]`
	)
	tests := map[string]struct {
		body string
		want string
	}{
		"all, in order, is what happens by itself": {
			`{` + bob + `, ` + order + `, ` + rmr + `}`,
			`{"evaluations": [` + allowed + `, ` + denied + `, ` + allowed + `]}`,
		},
		"execute_all": {
			`{` + bob + `, ` + order + `, ` + rmr + `, "options": {"evaluations_semantic": "execute_all"}}`,
			`{"evaluations": [` + allowed + `, ` + denied + `, ` + allowed + `]}`,
		},
		"deny_on_first_deny": {
			`{` + bob + `, ` + order + `, ` + rmr + `, "options": {"evaluations_semantic": "deny_on_first_deny"}}`,
			`{"evaluations": [` + allowed + `, ` + denied + `]}`,
		},
		"permit_on_first_permit": {
			`{` + bob + `, ` + order + `, ` + rmr + `, "options": {"evaluations_semantic": "permit_on_first_permit"}}`,
			`{"evaluations": [` + allowed + `]}`,
		},
		"nothing by default, everything by default, null as absent": {
			`{` + bob + `, ` + order + `, ` + read + `, "evaluations": [{` + bob + `, ` + order + `, ` + read + `}, {}, {"subject": null}]}`,
			`{"evaluations": [` + allowed + `, ` + allowed + `, ` + allowed + `]}`,
		},
		"an entity replaces the default as a whole; what cannot be decided is a deny": {
			`{` + bob + `, ` + order + `, ` + read + `, "evaluations": [{"resource": {"id": "o-1"}}, {"action": "read"}, 7, {}]}`,
			`{"evaluations": [
				{"decision": false, "context": {"error": {"status": 400, "message": "resource.type: is required"}}},
				{"decision": false, "context": {"error": {"status": 400, "message": "action: must be an object"}}},
				{"decision": false, "context": {"error": {"status": 400, "message": "evaluations[2]: must be an object"}}},
				` + allowed + `]}`,
		},
		"an error is a deny to deny_on_first_deny": {
			`{` + bob + `, ` + order + `, "evaluations": [{}, {` + read + `}], "options": {"evaluations_semantic": "deny_on_first_deny"}}`,
			`{"evaluations": [{"decision": false, "context": {"error": {"status": 400, "message": "action.name: is required"}}}]}`,
		},
		"an error is no permit to permit_on_first_permit": {
			`{` + bob + `, ` + order + `, "evaluations": [{}, {` + read + `}], "options": {"evaluations_semantic": "permit_on_first_permit"}}`,
			`{"evaluations": [{"decision": false, "context": {"error": {"status": 400, "message": "action.name: is required"}}}, ` + allowed + `]}`,
		},
		"the context is a default, too": {
			`{` + bob + `, ` + order + `, "action": {"name": "delete"}, "context": {"mfa": true}, "evaluations": [{"context": {}}]}`,
			`{"evaluations": [` + denied + `]}`,
		},
		"no evaluations are a single one":        {`{` + bob + `, ` + order + `, ` + read + `}`, allowed},
		"an empty list is a single one":          {`{` + bob + `, ` + order + `, ` + read + `, "evaluations": []}`, allowed},
		"null instead of a list is a single one": {`{` + bob + `, ` + order + `, ` + read + `, "evaluations": null}`, allowed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/evaluations", tc.body)
			mustAnswer(t, got, http.StatusOK, tc.want)
		})
	}
}

func TestEvaluationsTraceEachEvaluation(t *testing.T) {
	got := post(newTestServer(t), "/domains/shop/access/v1/evaluations", `{"subject": {"type": "user", "id": "bob"}, "action": {"name": "read"},
		"evaluations": [{"resource": {"type": "order", "id": "o-1"}}, {"resource": {"type": "order", "id": "o-2"}}], "options": {"explain": true}}`)
	if traces := strings.Count(got.Body.String(), `"trace":`); got.Code != http.StatusOK || traces != 2 {
		t.Errorf("status %d with %d traces, want 200 with 2: %s", got.Code, traces, got.Body)
	}
}

func TestEvaluationsRefusesMalformedRequests(t *testing.T) {
	tests := map[string]struct {
		body string
		want string
	}{
		"an object for a list":     {`{"evaluations": {}}`, "evaluations: must be a list"},
		"nothing at all":           {`{}`, "resource.id: is required"},
		"no such semantic":         {`{"evaluations": [{}], "options": {"evaluations_semantic": "x"}}`, "options.evaluations_semantic: must be execute_all, deny_on_first_deny or permit_on_first_permit"},
		"a number for a semantic":  {`{"evaluations": [{}], "options": {"evaluations_semantic": 1}}`, "options.evaluations_semantic: must be a string"},
		"a text for the options":   {`{"evaluations": [{}], "options": "x"}`, "options: must be an object"},
		"a text for a default":     {`{"subject": "ann", "evaluations": [{}]}`, "subject: must be an object"},
		"explain that is no bool":  {`{"evaluations": [{}], "options": {"explain": 1}}`, "options.explain: must be true or false"},
		"more than fit in a batch": {fmt.Sprintf(`{"evaluations": [{}%s]}`, strings.Repeat(",{}", wire.MaxEvaluations)), "evaluations: must be at most 1000"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/evaluations", tc.body)
			mustAnswer(t, got, http.StatusBadRequest, errorBody(tc.want))
		})
	}
}
