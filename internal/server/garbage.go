package server

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
)

const (
	// leastGarbage is how many bytes of garbage gather before they are collected, however little else there is in memory.
	leastGarbage = 64 << 20
	// mostGarbage is how many gather at the most, unless that is less than leastPart of what else there is.
	mostGarbage = 192 << 20
	// leastPart is in percent. Less would save little memory, and take ever more time.
	leastPart = 33
)

// tuneGarbage has a process that answers decisions collect its garbage less often while its heap is small, and more often
// while it is large. The usual rule is to wait for as much garbage as there is else. With few objects that means to
// collect many times in a second, and every request pays for it; with very many, to hold a memory's worth of nothing.
// What an operator says by GOGC is left alone.
var tuneGarbage = sync.OnceFunc(func() {
	if os.Getenv("GOGC") != "" {
		return
	}
	usual := debug.SetGCPercent(100)
	debug.SetGCPercent(usual)
	set := usual
	afterCollections(func() {
		if percent := gcPercent(liveBytes(), usual); percent != set {
			set = percent
			debug.SetGCPercent(percent)
		}
	})
})

// gcPercent is how much garbage there may be, in percent of the live bytes.
func gcPercent(live uint64, usual int) int {
	if live == 0 || usual < 0 { // not known yet; never collected
		return usual
	}
	live = max(live, 1<<20)
	atLeast, atMost := int(leastGarbage*100/live), max(int(mostGarbage*100/live), leastPart)
	return max(min(usual, atMost), atLeast)
}

// liveBytes are those in use that the last collection has found.
func liveBytes() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterCollections calls a function after each collection from now on, soon.
func afterCollections(call func()) {
	type garbage struct{ _ *byte } // a pointer, so that it shares its memory with nothing
	var next func(*garbage)
	next = func(*garbage) {
		call()
		runtime.SetFinalizer(&garbage{}, next)
	}
	runtime.SetFinalizer(&garbage{}, next)
}
