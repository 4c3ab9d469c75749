package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/remit-authz/remit/internal/store"
)

// interfaces has a good request to everything that answers from a domain.
func interfaces() map[string]*http.Request {
	const search = `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`
	requests := map[string]*http.Request{
		"evaluation":            request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation),
		"evaluations, one":      request(http.MethodPost, "/domains/shop/access/v1/evaluations", goodEvaluation),
		"evaluations":           request(http.MethodPost, "/domains/shop/access/v1/evaluations", `{"evaluations": [`+goodEvaluation+`]}`),
		"filter":                request(http.MethodPost, "/domains/shop/filter", `{"format": "cel", `+goodEvaluation[1:]),
		"subject access review": request(http.MethodPost, "/domains/shop/subjectaccessreview", goodReview),
		"review by namespace":   request(http.MethodPost, "/subjectaccessreview", goodReview),
		"effective permissions": httptest.NewRequest(http.MethodGet, "/domains/shop/effective-permissions/ann", nil),
		"metadata":              httptest.NewRequest(http.MethodGet, "/.well-known/authzen-configuration/domains/shop", nil),
		"metadata at the base":  httptest.NewRequest(http.MethodGet, "/domains/shop/.well-known/authzen-configuration", nil),
		"status":                httptest.NewRequest(http.MethodGet, "/domains/shop/status", nil),
	}
	for _, kind := range []string{"subject", "resource", "action"} {
		requests["search of "+kind+"s"] = request(http.MethodPost, "/domains/shop/access/v1/search/"+kind, search)
	}
	return requests
}

var goodReview = review(`{"user": "ann", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1"}}`)

// late are domains of which a newer state comes only while somebody waits for it.
type late struct {
	fixed
	waitedFor string
}

func (l *late) WaitFor(_ context.Context, namespace, revision string) error {
	l.waitedFor = namespace + " " + revision
	l.fixed[namespace] = compiled(namespace, revision, shopObjects()...)
	return nil
}

func TestAnswersAreAsNewAsAskedFor(t *testing.T) {
	for name, r := range interfaces() {
		t.Run(name, func(t *testing.T) {
			domains := &late{fixed: fixed{"shop": shop()}}
			r.URL.RawQuery = "at_least_revision=18"
			got := serve(newServerFor(t, domains), r)
			if got.Code != http.StatusOK || got.Header().Get("Remit-Revision") != "18" || domains.waitedFor != "shop 18" {
				t.Errorf("status %d at revision %q after waiting for %q: %s", got.Code, got.Header().Get("Remit-Revision"), domains.waitedFor, got.Body)
			}
		})
	}
}

func TestOptionsAskForARevisionToo(t *testing.T) {
	for name, r := range interfaces() {
		if r.Method != http.MethodPost || strings.Contains(name, "review") {
			continue // they have no options
		}
		t.Run(name, func(t *testing.T) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			domains := &late{fixed: fixed{"shop": shop()}}
			asked := request(r.Method, r.URL.Path, `{"options": {"at_least_revision": "19"}, `+string(body[1:]))
			got := serve(newServerFor(t, domains), asked)
			if got.Code != http.StatusOK || got.Header().Get("Remit-Revision") != "19" {
				t.Errorf("status %d at revision %q: %s", got.Code, got.Header().Get("Remit-Revision"), got.Body)
			}
		})
	}
}

func TestRevisionsThatCannotBeServed(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave() // nobody waits
	tests := map[string]struct {
		query, options string
		status         int
		want           string
	}{
		"one that is served":       {"?at_least_revision=17", `{"at_least_revision": "16"}`, http.StatusOK, ""},
		"one that does not come":   {"", `{"at_least_revision": "18"}`, http.StatusServiceUnavailable, "this replica is not as new as that revision yet"},
		"the same, by the query":   {"?at_least_revision=18", `{}`, http.StatusServiceUnavailable, "this replica is not as new as that revision yet"},
		"none":                     {"", `{"at_least_revision": "x"}`, http.StatusBadRequest, "options.at_least_revision: is no revision that this server gave"},
		"none, by the query":       {"?at_least_revision=x", `{}`, http.StatusBadRequest, "at_least_revision: is no revision that this server gave"},
		"a number":                 {"", `{"at_least_revision": 17}`, http.StatusBadRequest, "options.at_least_revision: must be a string"},
		"empty, which is not said": {"?at_least_revision=", `{"at_least_revision": ""}`, http.StatusOK, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodPost, "/domains/shop/access/v1/evaluation"+tc.query, `{"options": `+tc.options+`, `+goodEvaluation[1:])
			got := serve(newTestServer(t), r.WithContext(gone))
			if tc.status == http.StatusOK {
				if got.Code != http.StatusOK {
					t.Errorf("status %d: %s", got.Code, got.Body)
				}
				return
			}
			mustAnswer(t, got, tc.status, errorBody(tc.want))
			if retry := got.Header().Get("Retry-After"); (retry != "") != (tc.status == http.StatusServiceUnavailable) {
				t.Errorf("status %d with Retry-After %q", tc.status, retry)
			}
		})
	}
}

// unready are domains of which nothing is known yet.
type unready struct{ fixed }

func (unready) Domain(string) (store.Snapshot, bool) { return store.Snapshot{}, false }
func (unready) LastContact() time.Time               { return time.Time{} }

// TestNothingIsSaidBeforeDomainsAreKnown because that a domain does not exist would be wrong, and no opinion too.
func TestNothingIsSaidBeforeDomainsAreKnown(t *testing.T) {
	for name, r := range interfaces() {
		t.Run(name, func(t *testing.T) {
			mustAnswer(t, serve(newServerFor(t, unready{}), r), http.StatusServiceUnavailable, errorBody("this replica does not know the domains yet"))
		})
	}
}

func TestStatus(t *testing.T) {
	const want = `{"domain": "shop", "revision": "17", "objects": 17, "users": 5, "made": "2026-05-31T23:00:00Z", "behind_seconds": 90}`
	mustAnswer(t, get(newTestServer(t), "/domains/shop/status"), http.StatusOK, want)
	mustAnswer(t, get(newTestServer(t), "/status"), http.StatusOK, want)
	mustAnswer(t, get(newTestServer(t), "/domains/nowhere/status"), http.StatusNotFound, errorBody(`the domain "nowhere" does not exist`))
}
