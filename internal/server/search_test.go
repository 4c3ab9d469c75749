package server

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestSearch(t *testing.T) {
	tests := map[string]struct {
		kind, body string
		want       string
	}{
		"subjects; an id given does not count": {
			"subject", `{"subject": {"type": "user", "id": "eve"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-3"}}`,
			`{"page": {"next_token": "", "count": 2, "total": 2}, "context": {"revision": "17"},
			  "results": [{"type": "user", "id": "bob"}, {"type": "user", "id": "root"}]}`,
		},
		"resources; an id given does not count": {
			"resource", `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-3"}}`,
			`{"page": {"next_token": "", "count": 2, "total": 2}, "context": {"revision": "17"},
			  "results": [{"type": "order", "id": "o-1"}, {"type": "order", "id": "o-2"}]}`,
		},
		"resources with properties that apply to each": {
			"resource", `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"},
			  "resource": {"type": "order", "properties": {"company": "south"}}}`,
			`{"page": {"next_token": "", "count": 0, "total": 0}, "context": {"revision": "17"}, "results": []}`,
		},
		"actions": {
			"action", `{"subject": {"type": "user", "id": "ann"}, "resource": {"type": "order", "id": "o-1"}}`,
			`{"page": {"next_token": "", "count": 3, "total": 3}, "context": {"revision": "17"},
			  "results": [{"name": "create"}, {"name": "read"}, {"name": "update"}]}`,
		},
		"a subject type that is none": {
			"subject", `{"subject": {"type": "spaceship"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`,
			`{"page": {"next_token": "", "count": 0, "total": 0}, "context": {"revision": "17"}, "results": []}`,
		},
		"a resource type that is none": {
			"resource", `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "planet"}}`,
			`{"page": {"next_token": "", "count": 0, "total": 0}, "context": {"revision": "17"}, "results": []}`,
		},
		"a user whom nobody knows": {
			"action", `{"subject": {"type": "user", "id": "nobody"}, "resource": {"type": "order", "id": "o-1"}}`,
			`{"page": {"next_token": "", "count": 0, "total": 0}, "context": {"revision": "17"}, "results": []}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/search/"+tc.kind, tc.body)
			mustAnswer(t, got, http.StatusOK, tc.want)
		})
	}
}

func TestSearchRefusesMalformedRequests(t *testing.T) {
	const (
		ann   = `"subject": {"type": "user", "id": "ann"}`
		read  = `"action": {"name": "read"}`
		order = `"resource": {"type": "order", "id": "o-1"}`
	)
	tests := map[string]struct {
		kind, body string
		want       string
	}{
		"subject: no JSON":               {"subject", `{x`, "the body is not valid: invalid character 'x' looking for beginning of object key string"},
		"subject: no subject":            {"subject", `{` + read + `,` + order + `}`, "subject.type: is required"},
		"subject: no action":             {"subject", `{` + ann + `,` + order + `}`, "action.name: is required"},
		"subject: no resource id":        {"subject", `{` + ann + `,` + read + `, "resource": {"type": "order"}}`, "resource.id: is required"},
		"resource: no subject id":        {"resource", `{"subject": {"type": "user"}, ` + read + `,` + order + `}`, "subject.id: is required"},
		"resource: no action":            {"resource", `{` + ann + `,` + order + `}`, "action.name: is required"},
		"resource: no type":              {"resource", `{` + ann + `,` + read + `, "resource": {}}`, "resource.type: is required"},
		"action: no subject id":          {"action", `{"subject": {"type": "user"}, ` + order + `}`, "subject.id: is required"},
		"action: no resource id":         {"action", `{` + ann + `, "resource": {"type": "order"}}`, "resource.id: is required"},
		"action: an action of no type":   {"action", `{` + ann + `, "action": "x", ` + order + `}`, "action: must be an object"},
		"page is a number":               {"action", `{` + ann + `, ` + order + `, "page": 1}`, "page: must be an object"},
		"page.limit below 0":             {"action", `{` + ann + `, ` + order + `, "page": {"limit": -1}}`, "page.limit: must be an integer of 1 or more"},
		"page.limit with a fraction":     {"action", `{` + ann + `, ` + order + `, "page": {"limit": 1.5}}`, "page.limit: must be an integer of 1 or more"},
		"page.limit 0":                   {"action", `{` + ann + `, ` + order + `, "page": {"limit": 0}}`, "page.limit: must be an integer of 1 or more"},
		"page.token is a number":         {"action", `{` + ann + `, ` + order + `, "page": {"token": 1}}`, "page.token: must be a string"},
		"page.token is made up":          {"action", `{` + ann + `, ` + order + `, "page": {"token": "forged"}}`, "page.token: is none that this server gave"},
		"page.token has a made up limit": {"action", `{` + ann + `, ` + order + `, "page": {"token": "` + base64.RawURLEncoding.EncodeToString([]byte(`{"l": -1}`)) + `"}}`, "page.token: is none that this server gave"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newTestServer(t), "/domains/shop/access/v1/search/"+tc.kind, tc.body)
			mustAnswer(t, got, http.StatusBadRequest, errorBody(tc.want))
		})
	}
}

// library is a domain with as many records as asked for, which everybody may read.
func library(revision string, books int) fixed {
	records := testobjects.MakeRecordSet("books", "book")
	for i := range books {
		records.Record(fmt.Sprintf("b-%04d", i), "", nil)
	}
	objects := []engine.Object{testobjects.MakeResourceType("book").Unrestricted().Obj(), records.Obj()}
	return fixed{"shop": compiled("shop", revision, objects...)}
}

// searchBooks gives one page of the books that Ann may read.
func searchBooks(t *testing.T, domains Domains, page string) (results []string, token string, total int) {
	t.Helper()
	got := post(newServerFor(t, domains), "/access/v1/search/resource",
		`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "book"}, "page": `+page+`}`)
	var answer searchResults
	mustDecode(t, got, &answer)
	for _, book := range answer.Results {
		results = append(results, book.ID)
	}
	if answer.Page.Count != len(results) {
		t.Errorf("count %d with %d results", answer.Page.Count, len(results))
	}
	return results, answer.Page.NextToken, answer.Page.Total
}

func TestSearchPages(t *testing.T) {
	five := library("1", 5)
	first, token, total := searchBooks(t, five, `{"limit": 2}`)
	if diff := cmp.Diff([]string{"b-0000", "b-0001"}, first); diff != "" || total != 5 {
		t.Fatalf("first page of %d (-want +got):\n%s", total, diff)
	}
	second, token, _ := searchBooks(t, five, `{"limit": 2.0, "token": "`+token+`"}`)
	if diff := cmp.Diff([]string{"b-0002", "b-0003"}, second); diff != "" {
		t.Fatalf("second page (-want +got):\n%s", diff)
	}
	last, token, total := searchBooks(t, five, `{"limit": 2, "token": "`+token+`"}`)
	if diff := cmp.Diff([]string{"b-0004"}, last); diff != "" || token != "" || total != 5 {
		t.Fatalf("last page of %d, next token %q (-want +got):\n%s", total, token, diff)
	}
}

func TestSearchPagesHaveABound(t *testing.T) {
	many := library("1", maxPage+1)
	for _, page := range []string{`{}`, `null`, `{"limit": 1000000}`, `{"token": ""}`} {
		results, token, total := searchBooks(t, many, page)
		if len(results) != maxPage || token == "" || total != maxPage+1 {
			t.Errorf("page %s: %d of %d results, next token %q", page, len(results), total, token)
		}
	}
}

func TestSearchRefusesTokensOfOtherPlaces(t *testing.T) {
	_, token, _ := searchBooks(t, library("1", 5), `{"limit": 2}`)
	tests := map[string]struct {
		domains    Domains
		user, page string
		want       string
	}{
		"another query":    {library("1", 5), "bob", `{"token": "` + token + `"}`, "page.token: belongs to another query; ask as for the first page"},
		"another revision": {library("2", 5), "ann", `{"token": "` + token + `"}`, "page.token: the domain has changed since the page before; begin again without a token"},
		"another limit":    {library("1", 5), "ann", `{"token": "` + token + `", "limit": 3}`, "page.limit: must stay what it was for the first page: 2"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newServerFor(t, tc.domains), "/access/v1/search/resource",
				`{"subject": {"type": "user", "id": "`+tc.user+`"}, "action": {"name": "read"}, "resource": {"type": "book"}, "page": `+tc.page+`}`)
			mustAnswer(t, got, http.StatusBadRequest, errorBody(tc.want))
		})
	}
}
