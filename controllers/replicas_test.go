package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/internal/testobjects"
)

func TestServing(t *testing.T) {
	many := policies{}
	for i := range mostPolicies {
		many[types.UID(fmt.Sprintf("other-%d", i))] = 1
	}
	for name, tc := range map[string]struct {
		replicas []teller
		want     string
	}{
		"nobody has told": {nil, "Served=False/WaitingForReplicas: No replica has told yet what it serves."},
		"one replica":     {[]teller{{"a", policies{"p": 3}}}, "Served=True/AllReplicas: 1 of 1 replicas serve generation 3."},
		"all replicas":    {[]teller{{"b", policies{"p": 3, "q": 1}}, {"a", policies{"p": 3}}}, "Served=True/AllReplicas: 2 of 2 replicas serve generation 3."},
		"some, in any order": {
			[]teller{{"d", policies{"p": 2}}, {"c", policies{"p": 3}}, {"b", nil}, {"a", policies{"q": 3}}},
			"Served=False/WaitingForReplicas: 1 of 4 replicas serve generation 3; a serves none, b serves none, d serves generation 2.",
		},
		"one that is ahead of the leader": {
			[]teller{{"a", policies{"p": 4}}}, "Served=False/WaitingForReplicas: 0 of 1 replicas serve generation 3; a serves generation 4.",
		},
		"more policies than are told of": {
			[]teller{{"a", many}, {"b", policies{"p": 3}}},
			"Served=False/TooManyPolicies: 1 of 2 replicas serve generation 3; 1 serve more than 5000 policies, and do not tell about this one.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := testobjects.MakePolicy().Obj()
			policy.UID, policy.Generation = "p", 3
			c := &conditions{generation: 3}
			serving(c, policy, tc.replicas)
			policy.Status.Conditions = c.list
			if diff := cmp.Diff([]string{tc.want}, lines(policy)); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPoliciesAreBounded needs what a replica tells to find room in an annotation, whatever the policies are.
func TestPoliciesAreBounded(t *testing.T) {
	all := policies{}
	for i := range mostPolicies + 10 {
		all[types.UID(fmt.Sprintf("%08d-0000-0000-0000-000000000000", i))] = 1_000_000_000
	}
	bounded := all.bounded()
	if len(bounded) != mostPolicies || bounded["00000000-0000-0000-0000-000000000000"] == 0 || bounded["00005000-0000-0000-0000-000000000000"] != 0 {
		t.Errorf("%d policies are told of, want the first %d", len(bounded), mostPolicies)
	}
	text, err := bounded.annotation()
	if err != nil || len(text) > 256<<10 {
		t.Errorf("they take %d bytes, error %v", len(text), err)
	}
}

// leaseOf is the Lease of a replica that lasts for 30 s.
func leaseOf(name, serves string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: map[string]string{PoliciesAnnotation: serves}},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("pod-" + name), LeaseDurationSeconds: new(int32(30)), RenewTime: new(metav1.NewMicroTime(renewed)),
		},
	}
}

func TestReplicasCountUntilTheirLeasesRunOut(t *testing.T) {
	r := &replicas{known: map[string]*known{}}
	hosts := func() map[string]policies {
		serve := map[string]policies{}
		for _, replica := range r.tellers() {
			serve[replica.host] = replica.serves
		}
		return serve
	}
	want := func(when string, replicas map[string]policies) {
		t.Helper()
		if diff := cmp.Diff(replicas, hosts()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	// The clocks of replicas do not matter.
	r.hear(leaseOf("a", `{"p":1}`, noon.Add(-time.Hour)), noon)
	r.hear(leaseOf("b", `no JSON`, noon.Add(time.Hour)), noon.Add(10*time.Second))
	want("at first", map[string]policies{"pod-a": {"p": 1}, "pod-b": nil})
	if gone := r.expire(noon.Add(29 * time.Second)); len(gone) > 0 {
		t.Errorf("%s has run out too early", gone[0].host)
	}

	touched := leaseOf("a", `{"p":2}`, noon.Add(-time.Hour))
	r.hear(touched, noon.Add(29*time.Second))
	gone := r.expire(noon.Add(30 * time.Second))
	if len(gone) != 1 || gone[0].host != "pod-a" || gone[0].expired {
		t.Errorf("%d leases have run out at first, want that of pod-a: writing a lease is no renewal", len(gone))
	}
	want("when a lease has run out", map[string]policies{"pod-b": nil})
	if again := r.expire(noon.Add(31 * time.Second)); len(again) != 1 || !again[0].expired {
		t.Errorf("%d leases are to be removed, want pod-a's again", len(again))
	}

	before, after := r.hear(leaseOf("a", `{"p":2}`, noon), noon.Add(32*time.Second))
	if !before.expired || after.expired {
		t.Errorf("expired before: %t, and after it was renewed: %t", before.expired, after.expired)
	}
	want("when it is renewed after all", map[string]policies{"pod-a": {"p": 2}, "pod-b": nil})
	r.forget("b")
	want("when a lease is removed", map[string]policies{"pod-a": {"p": 2}})
}
