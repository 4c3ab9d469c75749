package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

// now is the time of all decisions in these tests.
var now = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)

// fixed are domains that do not change.
type fixed map[string]store.Snapshot

func (f fixed) Domain(namespace string) (store.Snapshot, bool) {
	snapshot, ok := f[namespace]
	return snapshot, ok
}

// WaitFor knows revisions that are numbers, and waits in vain for those that are not served.
func (f fixed) WaitFor(ctx context.Context, namespace, revision string) error {
	wanted, err := strconv.Atoi(revision)
	if err != nil {
		return store.ErrRevision
	}
	if have, err := strconv.Atoi(f[namespace].Revision); err == nil && have >= wanted {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// LastContact is a minute and a half before every decision.
func (f fixed) LastContact() time.Time { return now.Add(-90 * time.Second) }

func compiled(namespace, revision string, objects ...engine.Object) store.Snapshot {
	return store.Snapshot{Namespace: namespace, Domain: engine.Compile(objects), Revision: revision, Made: now.Add(-time.Hour)}
}

// shop is a domain with something to say at every stage.
func shop() store.Snapshot { return compiled("shop", "17", shopObjects()...) }

func shopObjects() []engine.Object {
	return []engine.Object{
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeResourceType("order").
			Action("read", v1alpha1.ClassRead).Action("create", v1alpha1.ClassCreate).
			Action("update", v1alpha1.ClassUpdate).Action("delete", v1alpha1.ClassDelete).
			Link("company", "company").Obj(),
		testobjects.MakeResourceType("notice").Unrestricted().Obj(),
		testobjects.MakeResourceType("nonresourceurls").Action("get", v1alpha1.ClassRead).Obj(),
		testobjects.MakeResourceType("deployments.apps").Action("update:scale", v1alpha1.ClassUpdate).Obj(),
		testobjects.MakeRecordSet("orders", "order").
			Record("o-1", "", map[string]any{"status": "draft", "company": "north"}).
			Record("o-2", "", map[string]any{"status": "sent", "company": "north"}).
			Record("o-3", "", map[string]any{"status": "draft", "company": "south"}).Obj(),
		testobjects.MakeRole("clerk").Rule(
			testobjects.MakeRule("order").Actions("read", "create").Fields("status", "note").Preset("status", "draft").Obj(),
			testobjects.MakeRule("order").Actions("update").Condition("resource.properties.status == 'draft'").
				Validation("proposed.status != 'sent'", "clerks do not send orders").Obj(),
		).Obj(),
		testobjects.MakeRole("boss").Rule(testobjects.Full("order")).RequireMFA().Obj(),
		testobjects.MakeRole("operator").Rule(testobjects.Full("nonresourceurls"), testobjects.Full("deployments.apps")).Obj(),
		testobjects.MakeGroup("operators").ExternalGroups("ops").Roles("operator").Obj(),
		testobjects.MakeUser("ann").Roles("clerk").Obj(),
		testobjects.MakeUser("bob").Roles("clerk", "boss").Obj(),
		testobjects.MakeUser("eve").Disabled().Obj(),
		testobjects.MakeUser("root").Superuser().Obj(),
		testobjects.MakeUser("max").Roles("clerk").Obj(),
		testobjects.MakeUserPermission("ann-north", "company", "north").User("ann").Obj(),
		testobjects.MakeSpecialPermission("max-order", "max").On(v1alpha1.AccessNone, "order").Obj(),
	}
}

// newTestServer serves shop, at the root too.
func newTestServer(t testing.TB) *Server {
	t.Helper()
	return newServerFor(t, fixed{"shop": shop()})
}

func newServerFor(t testing.TB, domains Domains) *Server {
	t.Helper()
	s, err := New(domains, Options{
		BindAddress: "127.0.0.1:0", Authn: AuthnNone, DefaultDomain: "shop",
		Clock: testingclock.NewFakePassiveClock(now), Log: testr.NewWithInterface(t, testr.Options{}),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// request is one with a JSON body.
func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func serve(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func post(s *Server, target, body string) *httptest.ResponseRecorder {
	return serve(s, request(http.MethodPost, target, body))
}

func get(s *Server, target string) *httptest.ResponseRecorder {
	return serve(s, httptest.NewRequest(http.MethodGet, target, nil))
}

func errorBody(message string) string {
	body, err := json.Marshal(map[string]string{"error": message})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// mustAnswer compares an answer's status and JSON.
func mustAnswer(t testing.TB, got *httptest.ResponseRecorder, wantStatus int, wantBody string) {
	t.Helper()
	if got.Code != wantStatus {
		t.Errorf("status %d, want %d", got.Code, wantStatus)
	}
	if contentType := got.Header().Get("Content-Type"); contentType != "application/json" {
		t.Errorf("Content-Type %q", contentType)
	}
	if diff := cmp.Diff(parsed(t, wantBody), parsed(t, got.Body.String())); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// mustMention looks for parts of a text.
func mustMention(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in: %s", part, text)
		}
	}
}

func parsed(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// mustDecode reads an answer that must be a good one.
func mustDecode(t testing.TB, got *httptest.ResponseRecorder, target any) {
	t.Helper()
	if got.Code != http.StatusOK {
		t.Fatalf("status %d: %s", got.Code, got.Body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), target); err != nil {
		t.Fatalf("%v in %s", err, got.Body)
	}
}
