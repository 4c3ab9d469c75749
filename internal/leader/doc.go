// Package leader elects the replica that writes, and shows it what the other replicas serve.
//
// Replicas share no memory. They compete for one Lease, and each publishes in a Lease of its own which generation of
// each PermissionPolicy its decisions follow. The leader observes those Leases.
package leader
