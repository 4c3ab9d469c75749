package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label "decision", and of the decision log. Those of filters are their kinds.
const (
	allowed = "allow"
	denied  = "deny"
)

// malformedReason is the reason of an evaluation in a batch that was denied because it could not be made.
const malformedReason = "malformed"

// metrics count what is asked and answered. The label "domain" is empty where the request came to no domain, so
// that callers cannot make up series.
type metrics struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	inFlight  prometheus.Gauge
	panics    prometheus.Counter
	// dropped are the lines of the decision log that were not written.
	dropped prometheus.Counter
}

// newMetrics registers the metrics, if there is where.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "remit_decision_requests_total",
			Help: "Requests to the decision server, by interface, domain and HTTP status.",
		}, []string{"interface", "domain", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "remit_decision_request_duration_seconds",
			Help:    "Seconds from a request to its answer, by interface.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"interface"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "remit_decisions_total",
			Help: "Decisions, each of a batch counted, by interface, domain, decision and reason. Those of filters are always, never and conditional.",
		}, []string{"interface", "domain", "decision", "reason"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "remit_decision_requests_in_flight",
			Help: "Requests to the decision server that are being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "remit_decision_panics_total",
			Help: "Requests to the decision server that hit a defect and were answered with status 500.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "remit_decision_log_dropped_lines_total",
			Help: "Lines of the decision log that were lost, because they came faster than they could be written or the writer failed.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{m.requests, m.seconds, m.decisions, m.inFlight, m.panics, m.dropped} {
		if err := registerer.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// answered counts a request.
func (m *metrics) answered(name, domain string, status int, took time.Duration) {
	m.requests.WithLabelValues(name, domain, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}

// tally are decisions by how they came out; a batch has many that came out alike.
type tally []tallied

type tallied struct {
	decision, reason string
	count            int
}

// add adds a decision.
func (t *tally) add(decision, reason string) {
	for i := range *t {
		if known := &(*t)[i]; known.decision == decision && known.reason == reason {
			known.count++
			return
		}
	}
	*t = append(*t, tallied{decision, reason, 1})
}

// decided counts decisions.
func (m *metrics) decided(name, domain string, made tally) {
	for _, d := range made {
		m.decisions.WithLabelValues(name, domain, d.decision, d.reason).Add(float64(d.count))
	}
}
