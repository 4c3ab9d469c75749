package server

import (
	"context"
	"errors"
	"sync"
	"time"
)

// What the API server is asked about strangers – tokens and rights that it has not granted lately – at the same time, how many
// such questions wait, and for how long. Without that, whoever can reach the port would have it ask without end; questions
// about callers that are known wait for none of these.
const (
	strangersAtOnce  = 16
	strangersWaiting = 128
	strangersWait    = time.Second
)

// errBusy means that there are too many questions about strangers.
var errBusy = errors.New("the API server is asked about too many unknown callers at once")

// gate lets a number of questions through at a time. Some wait, for a while; all others are turned away at once.
type gate struct {
	places chan struct{} // has an element for each question that is asked
	wait   time.Duration
	most   int // questions that are asked or wait, and how many of them may be of one asker that has a name
	share  int

	mu     sync.Mutex
	all    int
	askers map[string]int
}

func newGate(atOnce, waiting int, wait time.Duration) *gate {
	most := atOnce + waiting
	return &gate{places: make(chan struct{}, atOnce), wait: wait, most: most, share: most / 2, askers: map[string]int{}}
}

// enter waits for a place. The error is errBusy, or the context's. asker may be empty, where nobody can tell.
func (g *gate) enter(ctx context.Context, asker string) error {
	if !g.count(asker) {
		return errBusy
	}
	select {
	case g.places <- struct{}{}: // before the clock is looked at: a free place is never refused
		return nil
	default:
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	var err error
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.uncount(asker)
	return err
}

// leave gives the place back.
func (g *gate) leave(asker string) {
	<-g.places
	g.uncount(asker)
}

func (g *gate) count(asker string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= g.most || asker != "" && g.askers[asker] >= g.share {
		return false
	}
	g.all++
	g.askers[asker]++
	return true
}

func (g *gate) uncount(asker string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	less(g.askers, asker)
}
