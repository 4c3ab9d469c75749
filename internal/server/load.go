package server

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// longAfter is how long an answer may take before it counts as long.
const longAfter = 20 * time.Millisecond

// load bounds what is being answered: how many requests in all, of one caller, and about one domain; and how many long
// ones compute at the same time, so that there are processors for all others.
type load struct {
	most, share int
	long        *turns // of long answers

	mu      sync.Mutex
	all     int
	callers map[string]int
	domains map[string]int
}

// newLoad keeps a quarter of all for other callers than one, and for other domains than one.
func newLoad(most int) *load {
	return &load{
		most: most, share: most - most/4, long: newTurns(max(1, runtime.GOMAXPROCS(0)/2)),
		callers: map[string]int{}, domains: map[string]int{},
	}
}

// begin counts a request of a caller about a domain, either of which may be unknown, or refuses it.
func (l *load) begin(ctx context.Context, caller, domain string) (*work, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.all >= l.most:
		return nil, statusErrorf(http.StatusTooManyRequests, "this replica answers %d requests already; ask again", l.all)
	case caller != "" && l.callers[caller] >= l.share:
		return nil, statusErrorf(http.StatusTooManyRequests, "this replica answers %d requests of %q already; ask again", l.share, caller)
	case domain != "" && l.domains[domain] >= l.share:
		return nil, statusErrorf(http.StatusTooManyRequests, "this replica answers %d requests about the domain %q already; ask again", l.share, domain)
	}
	l.all++
	l.callers[caller]++
	l.domains[domain]++
	return &work{load: l, ctx: ctx, caller: caller, domain: domain, began: time.Now()}, nil
}

// work is a request that is being answered.
type work struct {
	load           *load
	ctx            context.Context //nolint:containedctx // it ends with the request
	caller, domain string
	began          time.Time
	long           bool      // it has a turn among the long ones
	turn           time.Time // since when
}

// interrupt says whether to go on: not if the caller has gone, nor for longer than answerTimeout. A long answer waits for
// its turn, and gives it to others now and then.
func (w *work) interrupt() error {
	if err := w.ctx.Err(); err != nil {
		return stopped(err)
	}
	now := time.Now()
	var err error
	switch {
	case w.long && now.Sub(w.turn) < turnTime, !w.long && now.Sub(w.began) < longAfter:
		return nil
	case w.long:
		err = w.load.long.pass(w.ctx, w.asker())
	default:
		err = w.load.long.take(w.ctx, w.asker())
	}
	if w.long = err == nil; !w.long {
		return stopped(err)
	}
	w.turn = time.Now()
	return nil
}

// asker is whose turns the answer takes.
func (w *work) asker() string { return w.caller + "\n" + w.domain }

// stopped is the answer where there is none any more.
func stopped(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return statusErrorf(http.StatusServiceUnavailable, "the answer takes longer than %s; ask for less at once", answerTimeout)
	}
	return errGone
}

// statusGone is the status, which nobody reads, of what a caller no longer waits for.
const statusGone = 499

var errGone error = &statusError{statusGone, "the caller has gone"}

// end takes the request out of the count.
func (w *work) end() {
	if w.long {
		w.load.long.end()
	}
	w.load.mu.Lock()
	defer w.load.mu.Unlock()
	w.load.all--
	less(w.load.callers, w.caller)
	less(w.load.domains, w.domain)
}

func less(counts map[string]int, name string) {
	if counts[name]--; counts[name] == 0 {
		delete(counts, name)
	}
}
