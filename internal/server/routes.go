package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/internal/server/wire"
)

// revisionHeader carries the revision of the state that an answer comes from.
const revisionHeader = "Remit-Revision"

// requestIDHeader is chosen by the caller, to find a request again in the logs of both sides.
const requestIDHeader = "X-Request-ID"

// maxRequestID is the length, in bytes, of the longest request id that is echoed: AuthZEN does not bound it.
const maxRequestID = 8 << 10

// route is one interface. The interfaces of a domain have {base} in their pattern: the path of the domain, or
// nothing for the default domain.
type route struct {
	// name tells the interfaces apart in metrics, traces, the decision log and the OpenAPI document.
	name    string
	pattern string
	// method is the one that the route has, besides HEAD where it is GET. Empty: all.
	method string
	// right is what callers need in the namespace of the domain.
	right subresource
	// open says that everybody may ask, and nothing is to be learned from the answer.
	open bool
	// public says that everybody may ask where Options.PublicMetadata is set.
	public bool
	answer func(*call) (any, error)
	// doc is the route's part of the OpenAPI document; nil where it has none.
	doc *operation
}

// ofDomain says whether the path names a domain, or stands for the default one.
func (rt *route) ofDomain() bool {
	return strings.Contains(rt.pattern, "{base}") || strings.Contains(rt.pattern, "{domain}")
}

// paths are the paths of the route where a domain has one of several bases.
func (rt *route) paths(bases []string) []string {
	if !strings.Contains(rt.pattern, "{base}") {
		return []string{rt.pattern}
	}
	paths := make([]string, len(bases))
	for i, base := range bases {
		paths[i] = strings.ReplaceAll(rt.pattern, "{base}", base)
	}
	return paths
}

// routes are all interfaces.
func routes() []*route {
	review := operation{request: reviewBody, query: []parameter{revisionParameter}, answers: []any{reviewAnswer{}}}
	reviewOf, reviewByNamespace := review, review
	reviewOf.summary = "Answer as a webhook authorizer of Kubernetes, from one domain"
	reviewByNamespace.summary = "Answer as a webhook authorizer of Kubernetes, from the domain of the namespace that the review is about"
	all := []*route{{
		name: "evaluation", pattern: "{base}" + evaluationPath, method: http.MethodPost, right: decisions, answer: (*call).evaluation,
		doc: &operation{
			summary: "May the subject take the action on the resource? (AuthZEN access evaluation)",
			request: evaluationBody, query: []parameter{explainParameter, contextParameter, revisionParameter}, answers: []any{wire.Decision{}},
		},
	}, {
		name: "evaluations", pattern: "{base}" + evaluationsPath, method: http.MethodPost, right: decisions, answer: (*call).evaluations,
		doc: &operation{
			summary: "Many evaluations at once, from one state of the domain (AuthZEN access evaluations)",
			request: evaluationsBody, query: []parameter{explainParameter, contextParameter, revisionParameter}, answers: []any{decisionList{}, wire.Decision{}},
		},
	}, {
		name: "filter", pattern: "{base}/filter", method: http.MethodPost, right: decisionFilters, answer: (*call).filter,
		doc: &operation{
			summary: "Which records of a type may the subject read or delete? A condition for a query",
			request: filterBody, query: []parameter{revisionParameter}, answers: []any{filterAnswer{}}, refusals: []int{http.StatusUnprocessableEntity},
		},
	}, {
		name: "effective_permissions", pattern: "{base}/effective-permissions/{user}", method: http.MethodGet, right: decisionEffectivePermissions,
		answer: (*call).effectivePermissions,
		doc: &operation{
			summary: "What may a known user do, and why? The status of EffectivePermissions, computed now",
			query:   []parameter{resourceParameter, revisionParameter}, answers: []any{effectivePermissions{}},
		},
	}, {
		name: "status", pattern: "{base}/status", method: http.MethodGet, right: decisions, answer: (*call).domainStatus,
		doc: &operation{summary: "What this replica serves, and how new it is", query: []parameter{revisionParameter}, answers: []any{domainStatus{}}},
	}, {
		name: "metadata", pattern: metadataPath + "{base}", method: http.MethodGet, right: decisions, public: true, answer: (*call).metadata,
		doc: &operation{summary: "Where AuthZEN's interfaces of the domain are", query: []parameter{revisionParameter}, answers: []any{metadata{}}},
	}, {
		// Clients look for it below the domain's own address, too.
		name: "metadata", pattern: "/domains/{domain}" + metadataPath, method: http.MethodGet, right: decisions, public: true, answer: (*call).metadata,
		doc: &operation{
			summary: "Where AuthZEN's interfaces of the domain are, at the path that many clients ask",
			query:   []parameter{revisionParameter}, answers: []any{metadata{}},
		},
	}, {
		name: "subject_access_review", pattern: "/domains/{domain}/subjectaccessreview", method: http.MethodPost, right: decisions,
		answer: (*call).subjectAccessReview, doc: &reviewOf,
	}, {
		name: "subject_access_review", pattern: "/subjectaccessreview", method: http.MethodPost, right: decisions,
		answer: (*call).subjectAccessReviewByNamespace, doc: &reviewByNamespace,
	}, {
		name: "openapi", pattern: "/openapi.json", method: http.MethodGet, answer: func(c *call) (any, error) { return c.server.document, nil },
		doc: &operation{summary: "This document", answers: []any{map[string]any{}}},
	}, {
		name: "none", pattern: "/", open: true, answer: func(c *call) (any, error) {
			return nil, statusErrorf(http.StatusNotFound, "there is nothing at %s", c.URL.Path)
		},
	}}
	for _, search := range searches {
		all = append(all, &route{
			name: search.name, pattern: "{base}" + search.path, method: http.MethodPost, right: decisionSearches, answer: search.answer,
			doc: &operation{summary: search.summary, request: search.body, query: []parameter{revisionParameter}, answers: []any{searchResults{}}},
		})
	}
	return all
}

// bases are where domains have their interfaces: each below its path, and the default domain at the root too.
func (s *Server) bases() []string {
	bases := []string{"/domains/{domain}"}
	if s.opts.DefaultDomain != "" {
		bases = append(bases, "")
	}
	return bases
}

// mux leads to all interfaces.
func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes() {
		for _, path := range rt.paths(s.bases()) {
			mux.Handle(path, s.serve(rt))
		}
	}
	return mux
}

// requestID is the caller's, which is echoed as it came (AuthZEN 1.0, 10.1.3). One that is too long, or has control
// characters, is left out.
func (c *call) requestID() string {
	if id := c.Header.Get(requestIDHeader); isRequestID(id) {
		return id
	}
	return ""
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// writeError answers with an error, and logs what is the server's fault.
func (c *call) writeError(err error) {
	status, message := classify(err)
	switch status {
	case http.StatusUnauthorized:
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="remit"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		c.w.Header().Set("Retry-After", "1")
	case http.StatusInternalServerError:
		c.server.opts.Log.Error(err, "Cannot answer", "method", c.Method, "path", c.URL.Path, "requestID", c.requestID())
	}
	body, err := json.Marshal(errorAnswer{message})
	if err != nil {
		body = []byte(`{"error":"internal error"}`) // strings always marshal
	}
	c.write(status, body)
}

// errorAnswer is the body of every answer that is none.
type errorAnswer struct {
	Error string `json:"error"`
}

// writeJSON answers with a value. Nothing is sent before all of it is known to be JSON.
func (c *call) writeJSON(value any) {
	body, encoded := value.(json.RawMessage)
	if !encoded {
		var err error
		if body, err = wire.Encode(value); err != nil {
			c.writeError(fmt.Errorf("encode the answer: %w", err))
			return
		}
	}
	c.write(http.StatusOK, append(body, '\n'))
}

// Headers of every answer. They are shared: nobody may change the values.
var (
	contentType = []string{jsonType}
	noStore     = []string{"no-store"} // the next answer may be another
	noSniff     = []string{"nosniff"}
)

// countedBody is the length, in bytes, up to which net/http itself says how long a body is.
const countedBody = 2 << 10

func (c *call) write(status int, body []byte) {
	header := c.w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Content-Type-Options"] = contentType, noStore, noSniff
	if len(body) > countedBody {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.status = status
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a caller who has gone cannot be told
}
