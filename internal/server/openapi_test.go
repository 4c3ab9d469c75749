package server

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/go-logr/logr"
	testingclock "k8s.io/utils/clock/testing"
)

// documented is a server with its OpenAPI document, against which it is held.
type documented struct {
	t        *testing.T
	server   *Server
	document *openapi3.T
	router   routers.Router
	answered map[string]bool // operations, by id and status
}

func newDocumented(t *testing.T, domains Domains) *documented {
	t.Helper()
	s, err := New(domains, Options{
		BindAddress: "127.0.0.1:0", Authn: AuthnNone, DefaultDomain: "shop", Clock: testingclock.NewFakePassiveClock(now), Log: logr.Discard(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	got := get(s, "/openapi.json")
	if got.Code != http.StatusOK {
		t.Fatalf("status %d: %s", got.Code, got.Body)
	}
	document, err := openapi3.NewLoader().LoadFromData(got.Body.Bytes())
	if err != nil {
		t.Fatalf("load the document: %v", err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	router, err := legacy.NewRouter(document)
	if err != nil {
		t.Fatalf("find routes by the document: %v", err)
	}
	return &documented{t: t, server: s, document: document, router: router, answered: map[string]bool{}}
}

// hold sends a request and holds the answer, and where the request is a good one that too, against the document.
func (d *documented) hold(r *http.Request, wantStatus int) {
	d.t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, values, err := d.router.FindRoute(r)
	if err != nil {
		d.t.Fatalf("%s %s is not in the document: %v", r.Method, r.URL.Path, err)
	}
	input := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: values}
	if wantStatus == http.StatusOK {
		if err := openapi3filter.ValidateRequest(d.t.Context(), input); err != nil {
			d.t.Errorf("%s %s: a good request does not fit the document: %v", r.Method, r.URL.Path, err)
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	got := serve(d.server, r)
	if got.Code != wantStatus {
		d.t.Errorf("%s %s: status %d, want %d: %s", r.Method, r.URL.Path, got.Code, wantStatus, got.Body)
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.Code, Header: got.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	answer.SetBodyBytes(got.Body.Bytes())
	if err := openapi3filter.ValidateResponse(d.t.Context(), answer); err != nil {
		d.t.Errorf("%s %s: the answer does not fit the document: %v\n%s", r.Method, r.URL.Path, err, got.Body)
	}
	d.answered[route.Operation.OperationID] = true
}

func TestOpenAPIDescribesTheServer(t *testing.T) {
	d := newDocumented(t, fixed{"shop": shop()})
	for _, atRoot := range []bool{false, true} {
		for _, r := range interfaces() {
			if atRoot {
				r.URL.Path = strings.Replace(r.URL.Path, "/domains/shop", "", 1)
				r.URL.RawQuery = "at_least_revision=17"
			}
			d.hold(r, http.StatusOK)
		}
	}
	d.hold(httptest.NewRequest(http.MethodGet, "/openapi.json", nil), http.StatusOK)
	for _, body := range []string{
		`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-3"}, "options": {"explain": true}}`,
		`{"subject": {"type": "user", "id": "bob"}, "action": {"name": "create", "properties": {"values": {"note": "hi"}}}, "resource": {"type": "order", "id": "new"}}`,
		`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "update", "properties": {"values": {"status": "sent"}}}, "resource": {"type": "order", "id": "o-1"}}`,
		`{"subject": {"type": "anonymous"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-9", "properties": {"company": null}}}`,
	} {
		d.hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", body), http.StatusOK)
		d.hold(request(http.MethodPost, "/domains/shop/access/v1/evaluations", `{"evaluations": [`+body+`, {}]}`), http.StatusOK)
	}
	for _, format := range []string{"ucast", "cerbos", "postgres", "mysql", "sqlite", "cel"} {
		d.hold(request(http.MethodPost, "/domains/shop/filter",
			`{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order"}, "format": "`+format+`"}`), http.StatusOK)
	}
	for path, item := range d.document.Paths.Map() {
		for method, operation := range item.Operations() {
			if !d.answered[operation.OperationID] {
				t.Errorf("%s %s (%s) was not asked", method, path, operation.OperationID)
			}
		}
	}
}

// TestOpenAPIDescribesErrors needs an error of each kind that a caller can bring about.
func TestOpenAPIDescribesErrors(t *testing.T) {
	d := newDocumented(t, fixed{"shop": shop(), "shelves": shelves()})
	d.hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", `{}`), http.StatusBadRequest)
	d.hold(request(http.MethodPost, "/domains/nowhere/access/v1/evaluation", goodEvaluation), http.StatusNotFound)
	d.hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", strings.Repeat(" ", maxBody+1)), http.StatusRequestEntityTooLarge)
	d.hold(request(http.MethodPost, "/domains/shelves/filter", filterFor("kim", burning, "postgres")), http.StatusUnprocessableEntity)
	newDocumented(t, unready{}).hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusServiceUnavailable)
	newDocumented(t, panicking{with: "a defect"}).hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusInternalServerError)
	busy := newDocumented(t, fixed{"shop": shop()})
	busy.server.load.all = busy.server.load.most
	busy.hold(request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusTooManyRequests)
}

// TestOpenAPIHasEveryRoute but the one for paths that lead nowhere.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	for _, rt := range routes() {
		if (rt.doc != nil) == rt.open {
			t.Errorf("%s is open: %t, and in the document: %t", rt.pattern, rt.open, rt.doc != nil)
		}
	}
	s, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if paths, ok := s.document["paths"].(schema); !ok || paths["/access/v1/evaluation"] != nil || paths["/domains/{domain}/access/v1/evaluation"] == nil {
		t.Errorf("without a default domain, the paths are %v", paths)
	}
}
