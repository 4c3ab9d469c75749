// Package wire reads the JSON of requests and writes the JSON of decisions, faster than reflection would.
//
// Parse reads the body of an AuthZEN evaluation, batch or search, or of a filter, straight into requests of package
// engine. Decode reads any other body into a Go value. Both are strict: a body is one JSON text in UTF-8 in which the
// names of an object's members are compared exactly and appear once, integers stay integers, and nothing nests deeper
// than MaxDepth. Members that nobody knows are ignored, and null means absent.
//
// AppendDecision writes what encoding/json makes of a Decision, byte for byte.
//
// Errors are meant for the caller: an *Error is about the body as a whole, an *engine.RequestError names the field.
package wire
