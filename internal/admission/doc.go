// Package admission judges a change to a domain's objects before it happens: the section "Object rules" of
// docs/spec/semantics.md, whose rules A1 to A7 are a function each here, and its warnings. The webhook asks
// it before the API server stores an object; kubectl remit lint and test ask it offline.
//
// Like the engine that it builds on, the package is pure: the domain, the change and the time come in,
// errors and warnings go out.
package admission
