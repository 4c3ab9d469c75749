package engine

import (
	"maps"
	"sync/atomic"
)

// memoSize is how many entries a memo keeps at most.
const memoSize = 256

// memo is a map that is read without a lock: adding an entry copies it.
type memo[K comparable, V any] struct{ entries atomic.Pointer[map[K]V] }

func (m *memo[K, V]) get(key K) (value V, ok bool) {
	if entries := m.entries.Load(); entries != nil {
		value, ok = (*entries)[key]
	}
	return value, ok
}

// put adds an entry, unless there are too many already, or another goroutine adds one at the same time.
func (m *memo[K, V]) put(key K, value V) {
	old := m.entries.Load()
	entries := map[K]V{}
	if old != nil {
		if _, known := (*old)[key]; !known && len(*old) >= memoSize {
			return
		}
		entries = maps.Clone(*old)
	}
	entries[key] = value
	m.entries.CompareAndSwap(old, &entries)
}
