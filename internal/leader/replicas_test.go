package leader

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestGenerationsAreBounded needs what a replica publishes to fit into an annotation, whatever the policies are.
func TestGenerationsAreBounded(t *testing.T) {
	all := Generations{}
	for i := range MaxPolicies + 10 {
		all[types.UID(fmt.Sprintf("%08d-0000-0000-0000-000000000000", i))] = 1_000_000_000
	}
	bounded := all.bounded()
	if len(bounded) != MaxPolicies || bounded["00000000-0000-0000-0000-000000000000"] == 0 || bounded["00005000-0000-0000-0000-000000000000"] != 0 {
		t.Errorf("%d policies are published, want the first %d", len(bounded), MaxPolicies)
	}
	text, err := bounded.annotation()
	if err != nil || len(text) > 256<<10 {
		t.Errorf("they take %d bytes, error %v", len(text), err)
	}
}

// noon is when the tests take place.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// leaseOf is the Lease of a replica that lasts for 30 s.
func leaseOf(name, serves string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: map[string]string{PoliciesAnnotation: serves}},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("pod-" + name), LeaseDurationSeconds: new(int32(30)), RenewTime: new(metav1.NewMicroTime(renewed)),
		},
	}
}

func TestReplicasCountUntilTheirLeasesExpire(t *testing.T) {
	r := &Replicas{observed: map[string]*observed{}}
	hosts := func() map[string]Generations {
		serve := map[string]Generations{}
		for _, replica := range r.Status() {
			serve[replica.Host] = replica.Serves
		}
		return serve
	}
	want := func(when string, replicas map[string]Generations) {
		t.Helper()
		if diff := cmp.Diff(replicas, hosts()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	// The clocks of replicas do not matter.
	r.observe(leaseOf("a", `{"p":1}`, noon.Add(-time.Hour)), noon)
	r.observe(leaseOf("b", `no JSON`, noon.Add(time.Hour)), noon.Add(10*time.Second))
	want("at first", map[string]Generations{"pod-a": {"p": 1}, "pod-b": nil})
	if gone := r.expire(noon.Add(29 * time.Second)); len(gone) > 0 {
		t.Errorf("%s has run out too early", gone[0].Host)
	}

	touched := leaseOf("a", `{"p":2}`, noon.Add(-time.Hour))
	r.observe(touched, noon.Add(29*time.Second))
	gone := r.expire(noon.Add(30 * time.Second))
	if len(gone) != 1 || gone[0].Host != "pod-a" || gone[0].expired {
		t.Errorf("%d leases have run out at first, want that of pod-a: writing a lease is no renewal", len(gone))
	}
	want("when a lease has run out", map[string]Generations{"pod-b": nil})
	if again := r.expire(noon.Add(31 * time.Second)); len(again) != 1 || !again[0].expired {
		t.Errorf("%d leases are to be removed, want pod-a's again", len(again))
	}

	before, after := r.observe(leaseOf("a", `{"p":2}`, noon), noon.Add(32*time.Second))
	if !before.expired || after.expired {
		t.Errorf("expired before: %t, and after it was renewed: %t", before.expired, after.expired)
	}
	want("when it is renewed after all", map[string]Generations{"pod-a": {"p": 2}, "pod-b": nil})
	r.forget("b")
	want("when a lease is removed", map[string]Generations{"pod-a": {"p": 2}})
}
