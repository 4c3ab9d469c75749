package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"sort"

	kjson "sigs.k8s.io/json"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
	"github.com/remit-authz/remit/internal/store"
)

// maxPage is how many results a page has at most, and unless the request asks for fewer.
const maxPage = 1000

// page tells a caller how to go on.
type page struct {
	// NextToken is empty on the last page.
	NextToken string `json:"next_token"`
	// Count of the results on this page.
	Count int `json:"count"`
	// Total of the results on all pages.
	Total int `json:"total"`
}

// cursor is a place in the results of one query on one state of a domain. Its JSON is what page tokens hold. It
// names the last result of the page before rather than a number of them, so that a time window that begins or ends
// between two pages neither repeats nor hides another result. Nothing in it is secret, and nobody gains anything by
// making one up: each page is searched for anew.
type cursor struct {
	Query    []byte `json:"q"`
	Revision []byte `json:"r"`
	Limit    int    `json:"l"`
	After    string `json:"a,omitempty"`
}

// cursorOf reads the page that a search asks for.
func cursorOf(body *wire.Body, path string, domain store.Snapshot) (*cursor, error) {
	asked := body.Rest.Object("page")
	token := asked.String("token")
	if err := asked.Err(); err != nil {
		return nil, err
	}
	query, err := fingerprint(path, domain.Namespace, &body.Request)
	if err != nil {
		return nil, err
	}
	limit, limited := maxPage, asked.Value("limit") != nil
	if limited {
		number, ok := whole(asked.Value("limit"))
		if !ok || number < 1 {
			return nil, malformed("page.limit", "must be an integer of 1 or more")
		}
		limit = int(min(number, maxPage))
	}
	start := &cursor{Query: query, Revision: digest(domain.Revision), Limit: limit}
	if token == "" {
		return start, nil
	}
	next, err := parseToken(token)
	switch {
	case err != nil:
		return nil, malformed("page.token", "is none that this server gave")
	case !bytes.Equal(next.Query, start.Query):
		return nil, malformed("page.token", "belongs to another query; ask as for the first page")
	case !bytes.Equal(next.Revision, start.Revision):
		return nil, malformed("page.token", "the domain has changed since the page before; begin again without a token")
	case limit != next.Limit:
		return nil, malformed("page.limit", fmt.Sprintf("must stay what it was for the first page: %d", next.Limit))
	}
	return next, nil
}

// whole is a JSON number without a fraction, however it is written: 1.0 is 1.
func whole(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

// cut takes the cursor's page out of all results, which are sorted.
func (c *cursor) cut(all []string) ([]string, page) {
	start := 0
	if c.After != "" {
		start = sort.Search(len(all), func(i int) bool { return all[i] > c.After })
	}
	end := min(start+c.Limit, len(all))
	here := all[start:end]
	p := page{Count: len(here), Total: len(all)}
	if end < len(all) {
		next := *c
		if len(here) > 0 {
			next.After = here[len(here)-1]
		}
		p.NextToken = next.token()
	}
	return here, p
}

func (c *cursor) token() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // bytes, a number and a string always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseToken(token string) (*cursor, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, err
	}
	c := &cursor{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, c); err != nil {
		return nil, err
	}
	if c.Limit < 1 || c.Limit > maxPage {
		return nil, fmt.Errorf("limit %d", c.Limit)
	}
	return c, nil
}

// fingerprint tells queries apart: by their kind, their domain and their entities.
func fingerprint(path, namespace string, req *engine.Request) ([]byte, error) {
	text, err := json.Marshal([]any{path, namespace, req.Subject, req.Action, req.Resource, req.Context}) // sorts keys
	if err != nil {
		return nil, fmt.Errorf("identify the query: %w", err)
	}
	return digest(string(text)), nil
}

// digest is short, and long enough that two texts do not share it by accident.
func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:12]
}
