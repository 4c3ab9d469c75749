// Package enginetest proves what answers by the rules of docs/spec/semantics.md. It holds a second, naive
// evaluator, and generators of domains, changes and requests in which everything that the rules speak of
// meets. The engine's tests hold the engine against the evaluator; those of other packages use the
// generators.
//
// The evaluator was written from the text of the rules alone and shares no code with the engine but its
// request and decision types and internal/expr. Where the two differ, the text decides who is wrong.
package enginetest
