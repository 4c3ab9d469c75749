package engine

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestTable holds tables that are made of one another against maps.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few keys collide in a shard unless there are many: the first come from a large set.
		keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprint(rapid.IntRange(0, 3*shardCount).Draw(t, "key"))
		}), 0, 400)
		var before table[int]
		want := map[string]int{}
		for range 4 {
			e := edit(before)
			wasBefore := maps.Clone(want)
			for i, key := range keys.Draw(t, "keys") {
				switch rapid.IntRange(0, 2).Draw(t, "what") {
				case 0, 1:
					e.set(key, i)
					want[key] = i
				case 2:
					e.delete(key)
					delete(want, key)
				}
			}
			for of, pair := range map[string]struct {
				want map[string]int
				got  table[int]
			}{"before": {wasBefore, before}, "after": {want, e.next}} {
				if diff := cmp.Diff(pair.want, maps.Collect(pair.got.all())); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", of, diff)
				}
				if got := pair.got.size; got != len(pair.want) {
					t.Fatalf("%s: size %d, want %d", of, got, len(pair.want))
				}
				for i := range 3 * shardCount {
					key := fmt.Sprint(i)
					got, ok := pair.got.get(key)
					if wanted, known := pair.want[key]; got != wanted || ok != known {
						t.Fatalf("%s: %s is %d, %t; want %d, %t", of, key, got, ok, wanted, known)
					}
				}
			}
			before = e.next
		}
	})
}

// TestShard holds one shard against a map: many entries, deleted in any order.
func TestShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := (*shard[int])(nil).clone()
		want := map[string]int{}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 60), 0, 300).Draw(t, "keys") {
			key := fmt.Sprint(n)
			hash := tableHash(key)
			if _, known := want[key]; known && i%2 == 0 {
				s.delete(key, hash)
				delete(want, key)
			} else if isNew := s.set(key, hash, i); isNew == known {
				t.Fatalf("setting %s: new %t, known %t", key, isNew, known)
			} else {
				want[key] = i
			}
			for n := range 61 {
				key := fmt.Sprint(n)
				at := s.find(key, tableHash(key))
				wanted, known := want[key]
				if known != (at >= 0) || known && s.entries[at].value != wanted {
					t.Fatalf("%s is at %d; want %d, %t", key, at, wanted, known)
				}
			}
			if s.size != len(want) {
				t.Fatalf("size %d, want %d", s.size, len(want))
			}
		}
	})
}
