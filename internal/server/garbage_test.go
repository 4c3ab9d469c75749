package server

import (
	"runtime"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for name, tc := range map[string]struct {
		live        uint64
		usual, want int
	}{
		"nothing collected yet":       {0, 100, 100},
		"hardly anything":             {1000, 100, 6400},
		"little":                      {16 << 20, 100, 400},
		"as much":                     {leastGarbage, 100, 100},
		"more":                        {2 * leastGarbage, 100, 100},
		"as much as the most":         {mostGarbage, 100, 100},
		"a lot":                       {320 << 20, 100, 60},
		"a lot, and much garbage":     {320 << 20, 300, 60},
		"very much":                   {10 * mostGarbage, 100, leastPart},
		"a lot, and little garbage":   {320 << 20, 40, 40},
		"little, and much more":       {16 << 20, 800, 800},
		"garbage that stays for good": {16 << 20, -1, -1},
	} {
		if got := gcPercent(tc.live, tc.usual); got != tc.want {
			t.Errorf("%s: gcPercent(%d, %d) = %d, want %d", name, tc.live, tc.usual, got, tc.want)
		}
	}
}

func TestAfterCollections(t *testing.T) {
	called := make(chan struct{})
	afterCollections(func() {
		select {
		case called <- struct{}{}:
		case <-t.Context().Done():
		}
	})
	for range 3 {
		for heard := false; !heard; {
			runtime.GC() // one may come too early to see that nobody has the last garbage any more
			select {
			case <-called:
				heard = true
			default:
				runtime.Gosched()
			}
		}
	}
	if liveBytes() == 0 {
		t.Error("liveBytes = 0 after a collection")
	}
}
