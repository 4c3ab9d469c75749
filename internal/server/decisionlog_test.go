package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	testingclock "k8s.io/utils/clock/testing"
)

// newLoggingServer serves shop with a decision log, whose lines are what the function that it returns gives.
func newLoggingServer(t *testing.T, log DecisionLog) (s *Server, lines func() []map[string]any) {
	t.Helper()
	var written bytes.Buffer
	log.Writer = &written
	s, err := New(fixed{"shop": shop(), "shelves": shelves()}, Options{
		BindAddress: "127.0.0.1:0", Authn: AuthnNone, DecisionLog: log, Clock: testingclock.NewFakePassiveClock(now), Log: testr.New(t),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s, func() []map[string]any {
		t.Helper()
		ended, end := context.WithCancel(t.Context())
		end()
		s.decisionLog.run(ended) // writes all that is there
		var lines []map[string]any
		for text := range strings.Lines(written.String()) {
			line := map[string]any{}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			lines = append(lines, line)
		}
		return lines
	}
}

func TestDecisionLog(t *testing.T) {
	tests := map[string]struct {
		request *http.Request
		want    []string
	}{
		"an evaluation": {
			request(http.MethodPost, "/domains/shop/access/v1/evaluation",
				`{"subject": {"type": "user", "id": "bob", "properties": {"amr": ["mfa"], "phone": "555"}}, "action": {"name": "delete"},
				  "resource": {"type": "order", "id": "o-1", "properties": {"price": 3}}}`),
			[]string{`{"interface": "evaluation", "subject_type": "user", "subject_id": "bob", "action": "delete", "resource_type": "order",
				"resource_id": "o-1", "decision": "allow", "reason": "rule", "decided_by": ["Role/boss"]}`},
		},
		"a batch, whose second evaluation cannot be made and whose third is no object": {
			request(http.MethodPost, "/domains/shop/access/v1/evaluations",
				`{"subject": {"type": "user", "id": "max"}, "resource": {"type": "order", "id": "o-1"}, "evaluations": [{"action": {"name": "read"}}, {}, 7]}`),
			[]string{
				`{"interface": "evaluations", "subject_type": "user", "subject_id": "max", "action": "read", "resource_type": "order",
				  "resource_id": "o-1", "decision": "deny", "reason": "special_permission", "decided_by": ["SpecialPermission/max-order"]}`,
				`{"interface": "evaluations", "subject_type": "user", "subject_id": "max", "resource_type": "order", "resource_id": "o-1",
				  "decision": "deny", "reason": "malformed"}`,
				`{"interface": "evaluations", "decision": "deny", "reason": "malformed"}`,
			},
		},
		"a review": {
			request(http.MethodPost, "/subjectaccessreview", review(`{"user": "eve", "resourceAttributes": {"verb": "read", "resource": "order", "namespace": "shop"}}`)),
			[]string{`{"interface": "subject_access_review", "subject_type": "user", "subject_id": "eve", "action": "read", "resource_type": "order",
				"decision": "deny", "reason": "user_disabled", "decided_by": ["User/eve"]}`},
		},
		"a filter": {
			request(http.MethodPost, "/domains/shop/filter", `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "order"}, "format": "cel"}`),
			[]string{`{"interface": "filter", "subject_type": "user", "subject_id": "ann", "action": "read", "resource_type": "order",
				"decision": "conditional", "decided_by": ["Role/clerk"]}`},
		},
		"a malformed evaluation is no decision": {request(http.MethodPost, "/domains/shop/access/v1/evaluation", `{}`), nil},
		"nor is a domain that does not exist":   {request(http.MethodPost, "/domains/nowhere/access/v1/evaluation", goodEvaluation), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, lines := newLoggingServer(t, DecisionLog{})
			tc.request.Header.Set("X-Request-ID", "r-1")
			serve(s, tc.request)
			var want []map[string]any
			for _, text := range tc.want {
				line, ok := parsed(t, text).(map[string]any)
				if !ok {
					t.Fatalf("no object: %s", text)
				}
				for key, value := range map[string]any{
					"time": "2026-06-01T00:00:00Z", "request_id": "r-1", "domain": "shop", "revision": "17", "latency_seconds": 0.0,
				} {
					line[key] = value
				}
				want = append(want, line)
			}
			if diff := cmp.Diff(want, lines()); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecisionLogSamplesAllows(t *testing.T) {
	s, lines := newLoggingServer(t, DecisionLog{AllowEvery: 3})
	for range 7 {
		post(s, "/domains/shop/access/v1/evaluation", goodEvaluation)
		post(s, "/domains/shop/access/v1/evaluation", `{"subject": {"type": "user", "id": "pat"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`)
		post(s, "/domains/shop/filter", `{"subject": {"type": "user", "id": "pat"}, "action": {"name": "read"}, "resource": {"type": "order"}, "format": "cel"}`)
	}
	got := map[any]int{}
	for _, line := range lines() {
		got[line["decision"]]++
	}
	if diff := cmp.Diff(map[any]int{"allow": 3, "deny": 7, "never": 7}, got); diff != "" {
		t.Errorf("lines by decision (-want +got):\n%s", diff)
	}
}

func TestDecisionLogMasks(t *testing.T) {
	s, lines := newLoggingServer(t, DecisionLog{Mask: []string{"subject_id", "decided_by", "caller"}})
	post(s, "/domains/shop/access/v1/evaluation", `{"subject": {"type": "user", "id": "max"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`)
	got := lines()
	if len(got) != 1 {
		t.Fatalf("%d lines, want 1", len(got))
	}
	if got[0]["subject_id"] != "***" || got[0]["resource_id"] != "o-1" || !cmp.Equal(got[0]["decided_by"], []any{"***"}) {
		t.Errorf("line %v, want the subject and the deciding objects masked", got[0])
	}
	if _, ok := got[0]["caller"]; ok {
		t.Errorf("line %v has a caller where nobody is asked who they are", got[0])
	}
}

func TestDecisionLogClipsWhatIsLong(t *testing.T) {
	s, lines := newLoggingServer(t, DecisionLog{})
	long := strings.Repeat("é", decisionLogText) // two bytes each
	post(s, "/domains/shop/access/v1/evaluation", `{"subject": {"type": "user", "id": "x`+long+`"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "`+long+`"}}`)
	got := lines()
	if len(got) != 1 {
		t.Fatalf("%d lines, want 1", len(got))
	}
	if want := "x" + strings.Repeat("é", decisionLogText/2-1) + "…"; got[0]["subject_id"] != want {
		t.Errorf("subject %q, want %q", got[0]["subject_id"], want)
	}
	if want := strings.Repeat("é", decisionLogText/2) + "…"; got[0]["resource_id"] != want {
		t.Errorf("resource %q, want %q", got[0]["resource_id"], want)
	}
}

func TestDecisionLogRefusesBadOptions(t *testing.T) {
	for want, log := range map[string]DecisionLog{
		`"reason" cannot be masked; what can: caller, decided_by, request_id, resource_id or subject_id`: {Mask: []string{"reason"}},
		"one allow in -1 cannot be logged": {AllowEvery: -1},
	} {
		log.Writer = &bytes.Buffer{}
		_, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, DecisionLog: log})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want an error with %q", err, want)
		}
	}
}

// TestDecisionLogDropsRatherThanWaits has nobody who writes lines.
func TestDecisionLogDropsRatherThanWaits(t *testing.T) {
	s, lines := newLoggingServer(t, DecisionLog{})
	for range decisionLogBuffer + 5 {
		s.decisionLog.add(&decisionLine{})
	}
	if got := testutil.ToFloat64(s.metrics.dropped); got != 5 {
		t.Errorf("%v lines dropped, want 5", got)
	}
	if got := len(lines()); got != decisionLogBuffer {
		t.Errorf("%d lines written, want %d", got, decisionLogBuffer)
	}
}

// failing is a full disk.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLinesThatCannotBeWrittenCountAsDropped(t *testing.T) {
	s, _ := newLoggingServer(t, DecisionLog{})
	s.decisionLog.writer = failing{}
	for range decisionLogBatch + 1 {
		s.decisionLog.add(&decisionLine{})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	s.decisionLog.run(ended)
	if got := testutil.ToFloat64(s.metrics.dropped); got != decisionLogBatch+1 {
		t.Errorf("%v lines dropped, want %d", got, decisionLogBatch+1)
	}
}

// TestDecisionLogIsWrittenWhileTheServerRuns stops the server at once: the line is not lost.
func TestDecisionLogIsWrittenWhileTheServerRuns(t *testing.T) {
	var written bytes.Buffer
	address, stop := started(t, fixed{"shop": shop()}, Options{PlainHTTP: true, DecisionLog: DecisionLog{Writer: &written}})
	response, err := ask(http.DefaultClient, "http://"+address)
	if err != nil {
		t.Fatalf("ask: %v", err)
	}
	_ = response.Body.Close()
	if err := stop(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	mustMention(t, written.String(), `"interface":"evaluation"`, `"subject_id":"root"`, `"decided_by":["User/root"]`)
}
