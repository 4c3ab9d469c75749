package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	readyMetric = prometheus.NewDesc("remit_store_ready",
		"Whether every kind has been listed once and decisions are served (1), or not yet (0).", nil, nil)
	stalenessMetric = prometheus.NewDesc("remit_store_staleness_seconds",
		"Seconds since every kind was last known to be up to date. The API server sends something about every minute when nothing changes.", nil, nil)
	objectsMetric = prometheus.NewDesc("remit_domain_objects",
		"Objects that a domain is made of.", []string{"domain"}, nil)
	usersMetric = prometheus.NewDesc("remit_domain_users",
		"Users that a domain knows.", []string{"domain"}, nil)
	sizeMetric = prometheus.NewDesc("remit_domain_memory_bytes",
		"Estimate of the memory that a domain takes: what --domain-memory-limit limits.", []string{"domain"}, nil)
	madeMetric = prometheus.NewDesc("remit_domain_snapshot_timestamp_seconds",
		"When the state of a domain that is served was compiled, in seconds since 1970.", []string{"domain"}, nil)
	compileMetric = prometheus.NewDesc("remit_domain_compile_seconds",
		"Seconds that it took to compile the state of a domain that is served.", []string{"domain"}, nil)
)

var _ prometheus.Collector = &Store{}

// Describe makes the store a collector of metrics about what it serves.
func (s *Store) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyMetric, stalenessMetric, objectsMetric, usersMetric, sizeMetric, madeMetric, compileMetric} {
		descriptions <- d
	}
}

// Collect sends the metrics of the states that are served now.
func (s *Store) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if !s.Ready() {
		gauge(readyMetric, 0)
		return
	}
	gauge(readyMetric, 1)
	gauge(stalenessMetric, time.Since(s.LastContact()).Seconds())
	for _, namespace := range s.Namespaces() {
		snapshot, ok := s.Domain(namespace)
		if !ok {
			continue // gone since
		}
		gauge(objectsMetric, float64(snapshot.Domain.Len()), namespace)
		gauge(usersMetric, float64(snapshot.Domain.CountUsers()), namespace)
		gauge(sizeMetric, float64(snapshot.Domain.Size()), namespace)
		gauge(madeMetric, float64(snapshot.Made.UnixNano())/1e9, namespace)
		gauge(compileMetric, snapshot.CompileTime.Seconds(), namespace)
	}
}
