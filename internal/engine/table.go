package engine

import (
	"hash/maphash"
	"iter"
	"maps"
	"slices"
)

// table is a map from strings that is cheap to derive another from: the entries lie in shards, and an edit
// copies only the shards that it writes. A table itself never changes.
type table[V any] struct {
	shards []map[string]V // nil or shardCount long
	size   int
}

const shardCount = 256

var tableSeed = maphash.MakeSeed()

func shardOf(key string) int { return int(maphash.String(tableSeed, key) % shardCount) }

func (t table[V]) get(key string) (V, bool) {
	if t.size == 0 {
		var none V
		return none, false
	}
	value, ok := t.shards[shardOf(key)][key]
	return value, ok
}

// all gives the entries in no particular order.
func (t table[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, shard := range t.shards {
			for key, value := range shard {
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

// keys gives the keys, sorted.
func (t table[V]) keys() []string {
	keys := make([]string, 0, t.size)
	for key := range t.all() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// sorted gives the entries by key.
func (t table[V]) sorted() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range t.keys() {
			value, _ := t.get(key)
			if !yield(key, value) {
				return
			}
		}
	}
}

// tableEdit makes the next table. The zero value with a base edits that base.
type tableEdit[V any] struct {
	base  table[V]
	next  table[V]
	owned [shardCount]bool // shards that the edit has copied already
	dirty bool
}

func edit[V any](base table[V]) *tableEdit[V] { return &tableEdit[V]{base: base, next: base} }

func (e *tableEdit[V]) get(key string) (V, bool) { return e.next.get(key) }

func (e *tableEdit[V]) set(key string, value V) {
	shard := e.own(key)
	if _, ok := shard[key]; !ok {
		e.next.size++
	}
	shard[key] = value
}

func (e *tableEdit[V]) delete(key string) {
	if _, ok := e.next.get(key); !ok {
		return
	}
	delete(e.own(key), key)
	e.next.size--
}

func (e *tableEdit[V]) own(key string) map[string]V {
	if !e.dirty {
		e.dirty = true
		shards := make([]map[string]V, shardCount)
		copy(shards, e.base.shards)
		e.next.shards = shards
	}
	i := shardOf(key)
	if !e.owned[i] {
		e.owned[i] = true
		if e.next.shards[i] = maps.Clone(e.next.shards[i]); e.next.shards[i] == nil {
			e.next.shards[i] = map[string]V{}
		}
	}
	return e.next.shards[i]
}
