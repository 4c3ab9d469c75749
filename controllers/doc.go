// Package controllers has the reconcilers: they keep the status of every object that people write, and one
// EffectivePermissions object for each known user. One replica at a time runs them, the leader.
//
// They follow the store rather than the API server: a reconcile starts once the domain that it reports on has been
// swapped in, so that no status says what decisions do not do yet. Each reads, computes without side effects, and
// replaces one status as a whole, if that changes it. Transitions that a person should see become Events.
package controllers
