package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/query"
)

// progress is a bar for who waits for more than a second.
type progress struct {
	w     io.Writer // nil: nobody is looking
	clock clock.PassiveClock
	total int
	what  string
	start time.Time
	drawn time.Time // zero: not yet
}

// newProgress draws on the terminal, if errors go there and the output does not: that would be progress
// enough to see.
func (t Tool) newProgress(total int, what string) *progress {
	p := &progress{clock: t.Clock, total: total, what: what, start: t.Clock.Now()}
	if isTerminal(t.ErrOut) && !isTerminal(t.Out) {
		p.w = t.ErrOut
	}
	return p
}

const (
	progressAfter = time.Second            // what is faster needs no bar
	progressEvery = 100 * time.Millisecond // often enough for the eye
	progressWidth = 40                     // of the bar, in characters
)

// advance says how many are done.
func (p *progress) advance(done int) {
	now := p.clock.Now()
	if p.w == nil || p.total == 0 || now.Sub(p.start) < progressAfter || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	full := progressWidth * done / p.total
	fmt.Fprintf(p.w, "\r%s%s %3d%%  %s of %s %s", strings.Repeat("█", full), strings.Repeat("░", progressWidth-full),
		100*done/p.total, query.Number(done), query.Number(p.total), p.what)
}

// done takes the bar away.
func (p *progress) done() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
