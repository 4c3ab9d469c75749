package server

import (
	"context"
	"slices"
	"sync"
	"time"
)

// turnTime is how long an answer computes before others that wait have their turn.
const turnTime = 20 * time.Millisecond

// turns lets a number of long answers compute at a time, each for turnTime while others wait. The turns go round by who asks
// about what: one with many long answers has no more of them than another with one.
type turns struct {
	places int

	mu      sync.Mutex
	running int
	// waiting are the answers that wait, by asker, and order the askers that have any: the first is next.
	waiting map[string][]chan struct{}
	order   []string
}

func newTurns(places int) *turns {
	return &turns{places: places, waiting: map[string][]chan struct{}{}}
}

// take waits for a turn. The error is the context's.
func (t *turns) take(ctx context.Context, asker string) error {
	t.mu.Lock()
	if t.running < t.places { // then nobody waits
		t.running++
		t.mu.Unlock()
		return nil
	}
	turn := t.wait(asker)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.leave(asker, turn) { // it had come
			t.next()
		}
		return ctx.Err()
	}
}

// pass gives a turn to who waits, if anybody does, and waits for the next. After an error there is none to give back.
func (t *turns) pass(ctx context.Context, asker string) error {
	t.mu.Lock()
	if len(t.order) == 0 {
		t.mu.Unlock()
		return nil
	}
	t.next()
	t.mu.Unlock()
	return t.take(ctx, asker)
}

// end gives a turn back for good.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next hands a turn to the one who is next. The caller holds the lock.
func (t *turns) next() {
	if len(t.order) == 0 {
		t.running--
		return
	}
	asker := t.order[0]
	turn := t.waiting[asker][0]
	t.order = t.order[1:]
	if t.waiting[asker] = t.waiting[asker][1:]; len(t.waiting[asker]) > 0 {
		t.order = append(t.order, asker)
	} else {
		delete(t.waiting, asker)
	}
	close(turn)
}

// wait queues an answer. The caller holds the lock.
func (t *turns) wait(asker string) chan struct{} {
	turn := make(chan struct{})
	if len(t.waiting[asker]) == 0 {
		t.order = append(t.order, asker)
	}
	t.waiting[asker] = append(t.waiting[asker], turn)
	return turn
}

// leave takes an answer out of the queue; false if it is in it no more. The caller holds the lock.
func (t *turns) leave(asker string, turn chan struct{}) bool {
	at := slices.Index(t.waiting[asker], turn)
	if at < 0 {
		return false
	}
	if t.waiting[asker] = slices.Delete(t.waiting[asker], at, at+1); len(t.waiting[asker]) == 0 {
		delete(t.waiting, asker)
		t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == asker })
	}
	return true
}

// count returns how many have a turn.
func (t *turns) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running
}
