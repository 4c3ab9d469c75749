package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// queued is how many answers wait for a turn.
func (t *turns) queued() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := 0
	for _, waiting := range t.waiting {
		all += len(waiting)
	}
	return all
}

// TestTurnsGoRound: who has many long answers waits for who has one, not the reverse.
func TestTurnsGoRound(t *testing.T) {
	turns := newTurns(1)
	if err := turns.take(t.Context(), "hostile"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []string
	var answering sync.WaitGroup
	for i, asker := range []string{"hostile", "hostile", "hostile", "shop", "hostile", "office"} {
		answering.Go(func() {
			if err := turns.take(t.Context(), asker); err != nil {
				t.Errorf("%s: %v", asker, err)
				return
			}
			mu.Lock()
			order = append(order, asker)
			mu.Unlock()
			turns.end()
		})
		eventually(t, "it waits", func() bool { return turns.queued() == i+1 })
	}
	turns.end()
	answering.Wait()
	if diff := cmp.Diff([]string{"hostile", "shop", "office", "hostile", "hostile", "hostile"}, order); diff != "" {
		t.Errorf("the turns (-want +got):\n%s", diff)
	}
	if turns.count() != 0 || turns.queued() != 0 || len(turns.order) != 0 {
		t.Errorf("in the end %d have a turn, and %d wait", turns.count(), turns.queued())
	}
}

// TestTurnsArePassed: who computes for long lets others compute meanwhile, and goes on when nobody waits.
func TestTurnsArePassed(t *testing.T) {
	turns := newTurns(1)
	if err := errors.Join(turns.take(t.Context(), "long"), turns.pass(t.Context(), "long")); err != nil {
		t.Fatal(err)
	}
	passed := make(chan error, 1)
	has := make(chan struct{})
	go func() {
		passed <- turns.take(t.Context(), "other")
		close(has)
	}()
	eventually(t, "the other waits", func() bool { return turns.queued() == 1 })
	go func() { passed <- turns.pass(t.Context(), "long") }()
	<-has
	eventually(t, "the first waits", func() bool { return turns.queued() == 1 })
	turns.end() // of the other
	if err := errors.Join(<-passed, <-passed); err != nil {
		t.Error(err)
	}
	turns.end()
	if turns.count() != 0 {
		t.Errorf("in the end %d have a turn", turns.count())
	}
}

// TestTurnsOfWhoHasGone: who no longer waits takes no turn, whenever it goes.
func TestTurnsOfWhoHasGone(t *testing.T) {
	turns := newTurns(1)
	if err := turns.take(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	var gone []chan error
	var leave []context.CancelFunc
	for i, asker := range slices.Repeat([]string{"a", "b"}, 20) {
		ctx, cancel := context.WithCancel(t.Context())
		leave = append(leave, cancel)
		answered := make(chan error, 1)
		gone = append(gone, answered)
		go func() {
			err := turns.take(ctx, asker)
			if err == nil {
				turns.end()
			}
			answered <- err
		}()
		eventually(t, "it waits", func() bool { return turns.queued() == i+1 })
	}
	go turns.end()
	for _, cancel := range leave {
		go cancel()
	}
	for _, answered := range gone {
		if err := <-answered; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	eventually(t, "nobody has a turn", func() bool { return turns.count() == 0 && turns.queued() == 0 && len(turns.order) == 0 })
}
