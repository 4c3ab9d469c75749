package server

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/remit-authz/remit/internal/store"
)

func newMeasuredServer(t *testing.T, domains Domains) (*Server, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	s, err := New(domains, Options{
		BindAddress: "127.0.0.1:0", Authn: AuthnNone, Registerer: registry, Clock: testingclock.NewFakePassiveClock(now), Log: logr.Discard(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s, registry
}

func TestMetrics(t *testing.T) {
	s, registry := newMeasuredServer(t, fixed{"shop": shop()})
	for _, r := range interfaces() {
		serve(s, r)
	}
	post(s, "/domains/shop/access/v1/evaluation", `{}`)
	post(s, "/domains/made-up/access/v1/evaluation", goodEvaluation)
	post(s, "/domains/shop/access/v1/evaluations", `{"evaluations": [{}]}`)
	get(s, "/domains/shop/access/v1/evaluation")
	get(s, "/made-up")
	const want = `
# HELP remit_decision_requests_total Requests to the decision server, by interface, domain and HTTP status.
# TYPE remit_decision_requests_total counter
remit_decision_requests_total{code="200",domain="shop",interface="effective_permissions"} 1
remit_decision_requests_total{code="200",domain="shop",interface="evaluation"} 1
remit_decision_requests_total{code="200",domain="shop",interface="evaluations"} 3
remit_decision_requests_total{code="200",domain="shop",interface="filter"} 1
remit_decision_requests_total{code="200",domain="shop",interface="metadata"} 2
remit_decision_requests_total{code="200",domain="shop",interface="search_action"} 1
remit_decision_requests_total{code="200",domain="shop",interface="search_resource"} 1
remit_decision_requests_total{code="200",domain="shop",interface="search_subject"} 1
remit_decision_requests_total{code="200",domain="shop",interface="status"} 1
remit_decision_requests_total{code="200",domain="shop",interface="subject_access_review"} 1
remit_decision_requests_total{code="200",domain="",interface="subject_access_review"} 1
remit_decision_requests_total{code="400",domain="shop",interface="evaluation"} 1
remit_decision_requests_total{code="404",domain="",interface="evaluation"} 1
remit_decision_requests_total{code="404",domain="",interface="none"} 1
remit_decision_requests_total{code="405",domain="",interface="evaluation"} 1
# HELP remit_decisions_total Decisions, each of a batch counted, by interface, domain, decision and reason. Those of filters are always, never and conditional.
# TYPE remit_decisions_total counter
remit_decisions_total{decision="allow",domain="shop",interface="evaluation",reason="superuser"} 1
remit_decisions_total{decision="allow",domain="shop",interface="evaluations",reason="superuser"} 2
remit_decisions_total{decision="allow",domain="shop",interface="subject_access_review",reason="rule"} 1
remit_decisions_total{decision="always",domain="shop",interface="filter",reason="superuser"} 1
remit_decisions_total{decision="deny",domain="shop",interface="evaluations",reason="malformed"} 1
# HELP remit_decision_requests_in_flight Requests to the decision server that are being answered.
# TYPE remit_decision_requests_in_flight gauge
remit_decision_requests_in_flight 0
`
	names := []string{"remit_decision_requests_total", "remit_decisions_total", "remit_decision_requests_in_flight"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, error %v", problems, err)
	}
	if got := testutil.CollectAndCount(s.metrics.seconds); got != 11 {
		t.Errorf("%d latency histograms, want one for each interface and one for none", got)
	}
}

func TestPanicsAreCounted(t *testing.T) {
	s, _ := newMeasuredServer(t, panicking{with: "a defect"})
	mustAnswer(t, post(s, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusInternalServerError, errorBody("internal error"))
	if got := testutil.ToFloat64(s.metrics.panics); got != 1 {
		t.Errorf("%v panics counted, want 1", got)
	}
	if got := testutil.ToFloat64(s.metrics.inFlight); got != 0 {
		t.Errorf("%v requests in flight, want none", got)
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	_, registry := newMeasuredServer(t, fixed{})
	_, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, Registerer: registry})
	if err == nil || !strings.Contains(err.Error(), "register the decision server's metrics") {
		t.Errorf("New: %v, want an error", err)
	}
}

// metricNames are the names of all metrics of the server and the store.
func metricNames(t *testing.T) []string {
	t.Helper()
	s, _ := newMeasuredServer(t, fixed{})
	m := s.metrics
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		for _, c := range []prometheus.Collector{m.requests, m.seconds, m.decisions, m.inFlight, m.panics, m.dropped, &store.Store{}} {
			c.Describe(descriptions)
		}
	}()
	var names []string
	for d := range descriptions {
		names = append(names, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
	}
	slices.Sort(names)
	return names
}

// metricsElsewhere are those of other packages that are in the same table and alerts. The manager's own test asks a running one
// for them.
var metricsElsewhere = []string{"remit_certificate_expiration_timestamp_seconds", "remit_domain_admins"}

func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/decision-server.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(remit_[a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	want := slices.Sorted(slices.Values(append(metricNames(t), metricsElsewhere...)))
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("the table of metrics (-want +got):\n%s", diff)
	}
}

// TestMonitoringUsesMetricsThatExist reads what alerts and the dashboard ask Prometheus for.
func TestMonitoringUsesMetricsThatExist(t *testing.T) {
	names := append(metricNames(t), metricsElsewhere...)
	for _, file := range []string{"prometheus_rule.yaml", "dashboard.json"} {
		text, err := os.ReadFile("../../config/prometheus/" + file)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\bremit_(?:decision|store|domain)s?_[a-z_]+\b`).FindAllString(string(text), -1)
		if len(used) == 0 {
			t.Errorf("%s uses no metric", file)
		}
		for _, name := range used {
			if !slices.Contains(names, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s uses %s, which does not exist", file, name)
			}
		}
	}
}
