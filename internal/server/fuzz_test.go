package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// post of raw bytes, whatever they are.
func postBytes(s *Server, path string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return serve(s, r)
}

// mustBeDefinite checks what holds for every body: the answer is JSON, the server is never at fault, and nothing but
// an answer allows.
func mustBeDefinite(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	if got.Code >= 500 {
		t.Fatalf("status %d: %s", got.Code, got.Body)
	}
	if !json.Valid(got.Body.Bytes()) {
		t.Fatalf("no JSON: %s", got.Body)
	}
	for _, allow := range []string{`"decision":true`, `"allowed":true`, `"results"`} {
		if got.Code != http.StatusOK && bytes.Contains(got.Body.Bytes(), []byte(allow)) {
			t.Fatalf("status %d with %s", got.Code, got.Body)
		}
	}
}

func FuzzEvaluation(f *testing.F) {
	for _, seed := range []string{
		goodEvaluation,
		`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "update", "properties": {"values": {"status": "sent"}}}, "resource": {"type": "order", "id": "o-1"}}`,
		`{"subject": {"type": "anonymous"}, "action": {"name": "read", "properties": {"fields": ["a.b", "*"]}}, "resource": {"type": "notice", "id": ""}}`,
		`{"subject": {"type": "user", "id": "bob", "properties": {"amr": ["mfa"], "groups": ["ops"]}}, "action": {"name": "delete"}, "resource": {"type": "order", "id": "o-1", "properties": {"company": 12.0}}, "context": {"ip": "::ffff:10.0.0.1"}, "options": {"explain": true}}`,
		`{"a": [[[[1e308, -0, 9223372036854775808]]]]}`, `{x`, ``, `null`, "\xff", `{"subject": {"type": "\ud800"}}`,
	} {
		f.Add([]byte(seed))
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got := postBytes(s, "/domains/shop/access/v1/evaluation", body)
		mustBeDefinite(t, got)
		var answer struct {
			Decision *bool `json:"decision"`
		}
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if (answer.Decision != nil) != (got.Code == http.StatusOK) {
			t.Fatalf("status %d with %s", got.Code, got.Body)
		}
	})
}

func FuzzEvaluations(f *testing.F) {
	for _, seed := range []string{
		goodEvaluation,
		`{"subject": {"type": "user", "id": "bob"}, "action": {"name": "read"}, "evaluations": [{"resource": {"type": "order", "id": "o-1"}}, {}, null, 7]}`,
		`{"evaluations": [{}], "options": {"evaluations_semantic": "deny_on_first_deny"}}`,
		`{"evaluations": {}, "options": []}`,
	} {
		f.Add([]byte(seed))
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		mustBeDefinite(t, postBytes(s, "/domains/shop/access/v1/evaluations", body))
	})
}

func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		goodEvaluation,
		`{"subject": {"type": "user"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}, "page": {"limit": 1}}`,
		`{"subject": {"type": "user", "id": "ann"}, "resource": {"type": "order", "id": "o-1"}, "page": {"token": "eyJsIjoxfQ"}}`,
		`{"page": {"limit": -1, "token": "!"}}`,
	} {
		f.Add([]byte(seed))
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, search := range searches {
			mustBeDefinite(t, postBytes(s, "/domains/shop"+search.path, body))
		}
	})
}

func FuzzPageToken(f *testing.F) {
	f.Add("forged")
	f.Add("eyJsIjoxfQ")
	f.Add((&cursor{Query: []byte{1}, Revision: []byte{2}, Limit: 3, After: "x"}).token())
	f.Fuzz(func(t *testing.T, token string) {
		c, err := parseToken(token)
		if err != nil {
			return
		}
		here, next := c.cut([]string{"a", "b", "c"})
		if len(here) > c.Limit || next.Total != 3 {
			t.Fatalf("%d results for a limit of %d, total %d", len(here), c.Limit, next.Total)
		}
	})
}

func FuzzSubjectAccessReview(f *testing.F) {
	for _, seed := range []string{
		review(`{"user": "ann", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1"}}`),
		review(`{"user": "pat", "groups": ["ops"], "extra": {"amr": ["mfa"]}, "nonResourceAttributes": {"verb": "get", "path": "/"}}`),
		review(`{"user": "system:anonymous", "resourceAttributes": {}}`),
		`{"kind": "SubjectAccessReview", "spec": null}`,
	} {
		f.Add([]byte(seed))
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		mustBeDefinite(t, postBytes(s, "/domains/shop/subjectaccessreview", body))
		mustBeDefinite(t, postBytes(s, "/subjectaccessreview", body))
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order"}, "format": "ucast"}`,
		`{"subject": {"type": "user", "id": "bob"}, "action": {"name": "delete", "properties": {"fields": ["note"]}}, "resource": {"type": "order"}, "format": "cel"}`,
		`{"format": "sqlite", "subject": {"type": "anonymous"}, "action": {"name": "read"}, "resource": {"type": "notice", "properties": {"a": null}}}`,
		`{"format": []}`,
	} {
		f.Add([]byte(seed))
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		mustBeDefinite(t, postBytes(s, "/domains/shop/filter", body))
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"explain=true", "at_least_revision=16", "resource=order", "explain=%", "a=1;b=2&explain&explain=1", "at_least_revision=\xff"} {
		f.Add(seed)
	}
	s := newTestServer(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, r := range []*http.Request{
			request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation),
			httptest.NewRequest(http.MethodGet, "/domains/shop/effective-permissions/ann", nil),
		} {
			gone, leave := context.WithCancel(t.Context())
			leave() // nobody waits for a revision
			r.URL.RawQuery = query
			got := serve(s, r.WithContext(gone))
			if got.Code == http.StatusServiceUnavailable && r.URL.Query().Has(atLeastRevision) {
				continue
			}
			mustBeDefinite(t, got)
		}
	})
}
