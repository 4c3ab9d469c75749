// Package store keeps the current state of every permission domain: it watches the objects of all kinds
// and, whenever some change, makes the next Domain of each namespace they are in and swaps it in whole.
//
// Informers only queue events. One goroutine takes all that are queued, compiles once for each namespace, swaps, and
// notifies the subscribers. Readers take no lock and never wait; the Domain that they got stays as it is while they use
// it.
package store
