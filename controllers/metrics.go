package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

var (
	stalledDesc = prometheus.NewDesc("remit_stalled_objects",
		"Objects that cannot take effect, or not as a whole, until somebody changes them, as their status says.", []string{"domain", "kind"}, nil)
	unresolvedDesc = prometheus.NewDesc("remit_unresolved_objects",
		"Objects that name others which do not exist, as their status says.", []string{"domain", "kind"}, nil)
	adminsDesc = prometheus.NewDesc("remit_domain_admins",
		"Known users of a domain with a policy who are superuser or hold a role with adminAccess, as the policy's status says.", []string{"domain"}, nil)
)

// statusMetrics count, for alerts, what the statuses of objects say that the cache has: in every replica, whichever of them
// writes status.
type statusMetrics struct {
	cache cache.Cache

	mu     sync.Mutex
	counts map[statusGroup]statusCount
	admins map[string]int32 // by domain
}

// statusGroup is what is counted together.
type statusGroup struct {
	domain string
	kind   kinds.Kind
}

type statusCount struct{ objects, stalled, unresolved int }

func newStatusMetrics(from cache.Cache) *statusMetrics {
	return &statusMetrics{cache: from, counts: map[statusGroup]statusCount{}, admins: map[string]int32{}}
}

var _ prometheus.Collector = &statusMetrics{}

// run counts until ctx is done.
func (m *statusMetrics) run(ctx context.Context) error {
	var errs []error
	for _, kind := range kinds.Table {
		informer, err := m.cache.GetInformer(ctx, kind.New(), cache.BlockUntilSynced(false))
		if err != nil {
			errs = append(errs, fmt.Errorf("count statuses: %w", err))
			continue
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { m.replace(nil, object) },
			UpdateFunc: func(before, after any) { m.replace(before, after) },
			DeleteFunc: func(object any) {
				if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
					object = gone.Obj
				}
				m.replace(object, nil)
			},
		})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// replace counts one state of an object in place of another; nil where there is none.
func (m *statusMetrics) replace(before, after any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(before, -1)
	m.add(after, 1)
}

func (m *statusMetrics) add(object any, n int) {
	o, ok := object.(kinds.Object)
	if !ok {
		return
	}
	kind, ok := kinds.Of(o)
	if !ok {
		return
	}
	of := statusGroup{o.GetNamespace(), kind.Kind}
	count, parts := m.counts[of], kind.Parts(o)
	count.objects += n
	if meta.IsStatusConditionTrue(parts.Common.Conditions, v1alpha1.ConditionStalled) {
		count.stalled += n
	}
	if meta.IsStatusConditionFalse(parts.Common.Conditions, v1alpha1.ConditionReferencesResolved) {
		count.unresolved += n
	}
	if m.counts[of] = count; count.objects == 0 {
		delete(m.counts, of)
	}
	if policy, ok := parts.Status.(*v1alpha1.PermissionPolicyStatus); ok && o.GetName() == v1alpha1.PolicyName {
		if delete(m.admins, of.domain); n > 0 && policy.ObservedGeneration > 0 {
			m.admins[of.domain] = policy.Admins
		}
	}
}

// Describe sends the metrics' descriptions.
func (m *statusMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- stalledDesc
	to <- unresolvedDesc
	to <- adminsDesc
}

// Collect sends the metrics of the domains and kinds that have objects.
func (m *statusMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for of, count := range m.counts {
		for desc, n := range map[*prometheus.Desc]int{stalledDesc: count.stalled, unresolvedDesc: count.unresolved} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), of.domain, string(of.kind))
		}
	}
	for domain, admins := range m.admins {
		to <- prometheus.MustNewConstMetric(adminsDesc, prometheus.GaugeValue, float64(admins), domain)
	}
}
