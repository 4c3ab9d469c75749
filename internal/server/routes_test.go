package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/remit-authz/remit/internal/store"
)

const goodEvaluation = `{"subject": {"type": "user", "id": "root"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`

func TestRoutesRefuse(t *testing.T) {
	tests := map[string]struct {
		request    *http.Request
		wantStatus int
		want       string
		wantAllow  string
	}{
		"an unknown domain": {request(http.MethodPost, "/domains/nowhere/access/v1/evaluation", goodEvaluation),
			http.StatusNotFound, `the domain "nowhere" does not exist`, ""},
		"an unknown path": {request(http.MethodPost, "/domains/shop/access/v2/evaluation", goodEvaluation),
			http.StatusNotFound, "there is nothing at /domains/shop/access/v2/evaluation", ""},
		"the root": {request(http.MethodGet, "/", ""), http.StatusNotFound, "there is nothing at /", ""},
		"another method than POST": {request(http.MethodGet, "/domains/shop/access/v1/evaluation", ""),
			http.StatusMethodNotAllowed, "GET is not possible here, only POST", "POST"},
		"another method than GET": {request(http.MethodDelete, "/domains/shop/effective-permissions/ann", ""),
			http.StatusMethodNotAllowed, "DELETE is not possible here, only GET, HEAD", "GET, HEAD"},
		"a body that is too large": {request(http.MethodPost, "/domains/shop/access/v1/evaluation", strings.Repeat(" ", maxBody+1)),
			http.StatusRequestEntityTooLarge, "the body is larger than 1048576 bytes", ""},
		"a body that breaks off": {httptest.NewRequest(http.MethodPost, "/domains/shop/access/v1/evaluation", io.MultiReader(strings.NewReader("{"), broken{})),
			http.StatusBadRequest, "unexpected end of the request body", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.request.Header.Set("Content-Type", "application/json; charset=utf-8")
			got := serve(newTestServer(t), tc.request)
			mustAnswer(t, got, tc.wantStatus, errorBody(tc.want))
			if allow := got.Header().Get("Allow"); allow != tc.wantAllow {
				t.Errorf("Allow %q, want %q", allow, tc.wantAllow)
			}
		})
	}
}

// broken is a body whose sender has gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRoutesAskForJSON(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "application/jsonx", ";"} {
		r := request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation)
		r.Header.Set("Content-Type", contentType)
		mustAnswer(t, serve(newTestServer(t), r), http.StatusBadRequest, errorBody("Content-Type: must be application/json"))
	}
}

func TestRootIsServedForADefaultDomainOnly(t *testing.T) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	mustAnswer(t, post(s, "/access/v1/evaluation", goodEvaluation), http.StatusNotFound, errorBody("there is nothing at /access/v1/evaluation"))
	if got := post(s, "/domains/shop/access/v1/evaluation", goodEvaluation); got.Code != http.StatusOK {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
}

func TestRequestID(t *testing.T) {
	tests := map[string]struct{ id, want string }{
		"echoed":                       {"bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"},
		"absent":                       {"", ""},
		"as long as may be":            {strings.Repeat("x", maxRequestID), strings.Repeat("x", maxRequestID)},
		"longer":                       {strings.Repeat("x", maxRequestID+1), ""},
		"with more than printed ASCII": {"caf\u00e9", "caf\u00e9"},
		"with a control character":     {"a\x7fb", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{goodEvaluation, "{x"} {
				r := request(http.MethodPost, "/access/v1/evaluation", body)
				r.Header.Set("X-Request-ID", tc.id)
				if got := serve(newTestServer(t), r).Header().Get("X-Request-ID"); got != tc.want {
					t.Errorf("%s: X-Request-ID %q, want %q", body, got, tc.want)
				}
			}
		})
	}
}

// panicking are domains with a defect.
type panicking struct {
	fixed
	with any
}

func (p panicking) Domain(string) (store.Snapshot, bool) { panic(p.with) }

func TestPanicsTellTheLogAlone(t *testing.T) {
	var log bytes.Buffer
	s, err := New(panicking{with: "secret"}, Options{
		BindAddress: "127.0.0.1:0", Authn: AuthnNone,
		Log: funcr.New(func(_, args string) { log.WriteString(args) }, funcr.Options{}),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	mustAnswer(t, post(s, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusInternalServerError, errorBody("internal error"))
	if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "panicking.Domain") {
		t.Errorf("the log does not tell what happened, and where: %s", log.String())
	}
}

func TestAbortedRequestsStayAborted(t *testing.T) {
	s := newServerFor(t, panicking{with: http.ErrAbortHandler})
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v, want http.ErrAbortHandler", err)
		}
	}()
	post(s, "/domains/shop/access/v1/evaluation", goodEvaluation)
	t.Error("no panic")
}

// TestHeaders has a short answer, a long one, and none.
func TestHeaders(t *testing.T) {
	address, _ := started(t, fixed{"shop": shop()}, Options{PlainHTTP: true})
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"short": {`{"evaluations": [` + goodEvaluation + `]}`, http.StatusOK},
		"long":  {`{"evaluations": [` + goodEvaluation + strings.Repeat(","+goodEvaluation, 99) + `]}`, http.StatusOK},
		"none":  {`{"evaluations": 1}`, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/domains/shop/access/v1/evaluations", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatalf("ask: %v", err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != tc.status || response.ContentLength != int64(len(body)) {
				t.Errorf("status %d, %d bytes of %d, error %v", response.StatusCode, len(body), response.ContentLength, err)
			}
			for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}
