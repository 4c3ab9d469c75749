// Package store keeps the current state of every permission domain: it watches the objects of all kinds
// and, whenever some change, makes the next Domain of each namespace they are in and swaps it in whole.
//
// Informers only queue what they hear. One goroutine takes all that is queued, compiles once for each
// namespace, swaps, and tells the subscribers. Readers take no lock and wait for nobody; the Domain that
// they got stays as it is while they use it.
package store
