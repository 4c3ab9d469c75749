package controllers

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestServing(t *testing.T) {
	many := leader.Generations{}
	for i := range leader.MaxPolicies {
		many[types.UID(fmt.Sprintf("other-%d", i))] = 1
	}
	replica := func(host string, serves leader.Generations) leader.ReplicaStatus {
		return leader.ReplicaStatus{Host: host, Serves: serves}
	}
	for name, tc := range map[string]struct {
		replicas []leader.ReplicaStatus
		want     string
	}{
		"nothing is published": {nil, "Served=False/WaitingForReplicas: No replica has published yet what it serves."},
		"one replica":          {[]leader.ReplicaStatus{replica("a", leader.Generations{"p": 3})}, "Served=True/AllReplicas: 1 of 1 replicas serve generation 3."},
		"all replicas":         {[]leader.ReplicaStatus{replica("b", leader.Generations{"p": 3, "q": 1}), replica("a", leader.Generations{"p": 3})}, "Served=True/AllReplicas: 2 of 2 replicas serve generation 3."},
		"some, in any order": {
			[]leader.ReplicaStatus{replica("d", leader.Generations{"p": 2}), replica("c", leader.Generations{"p": 3}), replica("b", nil), replica("a", leader.Generations{"q": 3})},
			"Served=False/WaitingForReplicas: 1 of 4 replicas serve generation 3; a serves none, b serves none, d serves generation 2.",
		},
		"one that is ahead of the leader": {
			[]leader.ReplicaStatus{replica("a", leader.Generations{"p": 4})}, "Served=False/WaitingForReplicas: 0 of 1 replicas serve generation 3; a serves generation 4.",
		},
		"more policies than are published": {
			[]leader.ReplicaStatus{replica("a", many), replica("b", leader.Generations{"p": 3})},
			"Served=False/TooManyPolicies: 1 of 2 replicas serve generation 3; 1 serve more than 5000 policies, and do not publish this one.",
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
