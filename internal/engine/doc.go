// Package engine decides: it compiles the objects of one permission domain into an immutable Domain and
// answers requests by the rules of docs/spec/semantics.md, whose stages S1 to S12 are functions here, one
// file or function each, in their order.
//
// The package is pure. It reads no clock (the time of a decision is an argument), starts no goroutine,
// writes no log, and knows neither Kubernetes' API server nor HTTP. A Domain may be used by any number of
// goroutines; Domain.With makes the next one and leaves the old one as it is.
package engine
