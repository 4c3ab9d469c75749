package engine

import (
	"hash/maphash"
	"iter"
	"slices"
)

// table is a map from strings that is cheap to derive another from: the entries lie in shards, and an edit
// copies only the shards that it writes. A table itself never changes.
type table[V any] struct {
	shards []*shard[V] // nil or shardCount long
	size   int
}

const shardCount = 256

var tableSeed = maphash.MakeSeed()

// A key's hash says, in different bits, which shard it is in, where the search in the shard begins, and its mark.
func tableHash(key string) uint64 { return maphash.String(tableSeed, key) }

func shardOf(hash uint64) int { return int(hash % shardCount) }

func (t table[V]) get(key string) (V, bool) {
	if t.size > 0 {
		hash := tableHash(key)
		if s := t.shards[shardOf(hash)]; s != nil {
			if i := s.find(key, hash); i >= 0 {
				return s.entries[i].value, true
			}
		}
	}
	var none V
	return none, false
}

// all iterates over the entries in no particular order.
func (t table[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, s := range t.shards {
			if s == nil {
				continue
			}
			for i, mark := range s.marks {
				if mark != 0 && !yield(s.entries[i].key, s.entries[i].value) {
					return
				}
			}
		}
	}
}

// keys returns the keys, sorted.
func (t table[V]) keys() []string {
	keys := make([]string, 0, t.size)
	for key := range t.all() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// sorted iterates over the entries by key.
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
	hash := tableHash(key)
	if e.own(hash).set(key, hash, value) {
		e.next.size++
	}
}

func (e *tableEdit[V]) delete(key string) {
	if _, ok := e.next.get(key); !ok {
		return
	}
	hash := tableHash(key)
	e.own(hash).delete(key, hash)
	e.next.size--
}

// own returns the shard of a hash, copied.
func (e *tableEdit[V]) own(hash uint64) *shard[V] {
	if !e.dirty {
		e.dirty = true
		shards := make([]*shard[V], shardCount)
		copy(shards, e.base.shards)
		e.next.shards = shards
	}
	i := shardOf(hash)
	if !e.owned[i] {
		e.owned[i] = true
		e.next.shards[i] = e.next.shards[i].clone()
	}
	return e.next.shards[i]
}

// shard is a hash table with linear probing: an entry stands at its place by hash, or after it with no empty place
// between.
type shard[V any] struct {
	marks   []byte // a power of two; 0: there is no entry
	entries []entry[V]
	size    int
}

type entry[V any] struct {
	key   string
	value V
}

func placeOf(hash uint64) int { return int(hash / shardCount & (1<<32 - 1)) }

func markOf(hash uint64) byte { return byte(hash>>57) | 1<<7 }

func (s *shard[V]) clone() *shard[V] {
	if s == nil {
		const fewest = 4
		return &shard[V]{marks: make([]byte, fewest), entries: make([]entry[V], fewest)}
	}
	return &shard[V]{slices.Clone(s.marks), slices.Clone(s.entries), s.size}
}

// find returns the index of a key's entry, or -1.
func (s *shard[V]) find(key string, hash uint64) int {
	mark, last := markOf(hash), len(s.marks)-1
	for i := placeOf(hash) & last; s.marks[i] != 0; i = (i + 1) & last {
		if s.marks[i] == mark && s.entries[i].key == key {
			return i
		}
	}
	return -1
}

// set reports whether the key is new.
func (s *shard[V]) set(key string, hash uint64, value V) bool {
	if i := s.find(key, hash); i >= 0 {
		s.entries[i].value = value
		return false
	}
	if s.size++; s.size > len(s.marks)-len(s.marks)/8-1 {
		s.grow()
	}
	s.put(entry[V]{key, value}, hash)
	return true
}

func (s *shard[V]) put(another entry[V], hash uint64) {
	last := len(s.marks) - 1
	i := placeOf(hash) & last
	for s.marks[i] != 0 {
		i = (i + 1) & last
	}
	s.marks[i], s.entries[i] = markOf(hash), another
}

func (s *shard[V]) grow() {
	old := *s
	s.marks, s.entries = make([]byte, 2*len(old.marks)), make([]entry[V], 2*len(old.entries))
	for i, mark := range old.marks {
		if mark != 0 {
			s.put(old.entries[i], tableHash(old.entries[i].key))
		}
	}
}

// delete removes the entry of a key that is there, and closes the gap.
func (s *shard[V]) delete(key string, hash uint64) {
	last := len(s.marks) - 1
	gap := s.find(key, hash)
	for i := (gap + 1) & last; s.marks[i] != 0; i = (i + 1) & last {
		// An entry moves up unless its own place is after the gap.
		if own := placeOf(tableHash(s.entries[i].key)); (i-own)&last >= (i-gap)&last {
			s.marks[gap], s.entries[gap] = s.marks[i], s.entries[i]
			gap = i
		}
	}
	s.marks[gap], s.entries[gap] = 0, entry[V]{}
	s.size--
}
