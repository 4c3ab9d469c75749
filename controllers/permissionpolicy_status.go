package controllers

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/leader"
)

// serving adds the condition Served: whether every replica serves the policy's newest generation.
func serving(c *conditions, policy client.Object, replicas []leader.ReplicaStatus) {
	generation := policy.GetGeneration()
	var behind []string
	unknown := 0
	for _, replica := range replicas {
		serves, known := replica.Generation(policy.GetUID())
		switch {
		case !known:
			unknown++
		case serves == 0:
			behind = append(behind, replica.Host+" serves none")
		case serves != generation:
			behind = append(behind, fmt.Sprintf("%s serves generation %d", replica.Host, serves))
		}
	}
	slices.Sort(behind)
	all := len(replicas)
	count := fmt.Sprintf("%d of %d replicas serve generation %d", all-unknown-len(behind), all, generation)
	switch {
	case all == 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonWaitingForReplicas, "No replica has published yet what it serves.")
	case len(behind) > 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonWaitingForReplicas, count+"; "+listed(behind, ", ", strings.Clone)+".")
	case unknown > 0:
		c.add(v1alpha1.ConditionServed, false, v1alpha1.ReasonTooManyPolicies, fmt.Sprintf(
			"%s; %d serve more than %d policies, and do not publish this one.", count, unknown, leader.MaxPolicies))
	default:
		c.add(v1alpha1.ConditionServed, true, v1alpha1.ReasonAllReplicas, count+".")
	}
}
