// Package testcluster has tests only, of what Remit is installed with and where it runs: `make test-cluster`. They use the tools of
// platform engineers, a real API server with the controllers of Kubernetes, and a stand-in for a node.
package testcluster
