package server

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
)

// leastGarbage is how many bytes of garbage gather before they are collected, however little else there is in memory.
const leastGarbage = 64 << 20

// collectLess has a process that answers decisions collect its garbage less often while its heap is small: the usual rule,
// to wait for as much garbage as there is else, has it collect many times in a second then, and every request pays for
// that. Where there is more than leastGarbage else, nothing changes. What an operator says by GOGC is left alone.
var collectLess = sync.OnceFunc(func() {
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
	return max(usual, int(leastGarbage*100/max(live, 1<<20)))
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
