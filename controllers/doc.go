// Package controllers writes what the operator knows: the status of everything that people write, and one
// EffectivePermissions object for each known user. One replica, the leader, does it at a time.
//
// Controllers follow the store rather than the API server: a reconcile starts when the domain that it tells of
// has been swapped in, so that no status says what decisions do not do yet. Each reads, computes without
// side effects, and replaces one status as a whole, if that changes it.
package controllers
