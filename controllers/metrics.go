package controllers

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

var (
	stalledDesc = prometheus.NewDesc("remit_stalled_objects",
		"Objects that cannot take effect, or not as a whole, until somebody changes them; of the replica that writes status.", []string{"domain", "kind"}, nil)
	unresolvedDesc = prometheus.NewDesc("remit_unresolved_objects",
		"Objects that name others which do not exist; of the replica that writes status.", []string{"domain", "kind"}, nil)
	adminsDesc = prometheus.NewDesc("remit_domain_admins",
		"Known users of a domain with a policy who are superuser or hold a role with adminAccess now; of the replica that writes status.", []string{"domain"}, nil)
)

// statusMetrics count what the statuses that were written say, for alerts.
type statusMetrics struct {
	mu sync.Mutex
	// stalled and unresolved have the objects that are so.
	stalled, unresolved map[statusKey]bool
	// admins are by domain.
	admins map[string]int32
}

// statusKey is an object.
type statusKey struct {
	kind kinds.Kind
	types.NamespacedName
}

func newStatusMetrics() *statusMetrics {
	return &statusMetrics{stalled: map[statusKey]bool{}, unresolved: map[statusKey]bool{}, admins: map[string]int32{}}
}

var _ prometheus.Collector = &statusMetrics{}

// note records what the status of an object says.
func (m *statusMetrics) note(key statusKey, status any, conditions []metav1.Condition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	put := func(in map[statusKey]bool, is bool) {
		if is {
			in[key] = true
		} else {
			delete(in, key)
		}
	}
	put(m.stalled, meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled))
	put(m.unresolved, meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReferencesResolved))
	if policy, ok := status.(*v1alpha1.PermissionPolicyStatus); ok {
		m.admins[key.Namespace] = policy.Admins
	}
}

// forget forgets an object that is gone.
func (m *statusMetrics) forget(key statusKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stalled, key)
	delete(m.unresolved, key)
	if key.kind == kinds.PermissionPolicy {
		delete(m.admins, key.Namespace)
	}
}

// Describe sends the metrics' descriptions.
func (m *statusMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- stalledDesc
	to <- unresolvedDesc
	to <- adminsDesc
}

// Collect sends the metrics. A domain and a kind without such objects have none.
func (m *statusMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	type group struct{ domain, kind string }
	for desc, objects := range map[*prometheus.Desc]map[statusKey]bool{stalledDesc: m.stalled, unresolvedDesc: m.unresolved} {
		counts := map[group]int{}
		for key := range objects {
			counts[group{key.Namespace, string(key.kind)}]++
		}
		for of, count := range counts {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(count), of.domain, of.kind)
		}
	}
	for domain, admins := range m.admins {
		to <- prometheus.MustNewConstMetric(adminsDesc, prometheus.GaugeValue, float64(admins), domain)
	}
}
