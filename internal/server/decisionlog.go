package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/remit-authz/remit/internal/filter"
)

// decisionLogBuffer is how many lines wait to be written at most. More are dropped: a slow disk delays no decision.
const decisionLogBuffer = 8192

// decisionLogBatch is how many lines are written at once at most.
const decisionLogBatch = 256

// decisionLogText is the length, in bytes, of the longest text of a request that a line has. Lines that wait must not
// take all memory, whatever is asked.
const decisionLogText = 512

// masked stands in the place of what is not to be logged.
const masked = "***"

// DecisionLog says which decisions are written down, and where: one line of JSON for each. No line has a property of
// a subject, a record or a context.
type DecisionLog struct {
	// Writer gets the lines, some at a time and never two calls at once. Nil: there is no decision log.
	Writer io.Writer
	// AllowEvery is how many allows there are for each that is written down. 0 and 1: all are. Denies always are.
	AllowEvery int
	// Mask are the members of lines whose values are replaced by "***"; see MaskableFields.
	Mask []string
}

// decisionLine is a line of the decision log.
type decisionLine struct {
	Time         time.Time `json:"time"`
	RequestID    string    `json:"request_id,omitempty"`
	TraceID      string    `json:"trace_id,omitempty"`
	Interface    string    `json:"interface"`
	Domain       string    `json:"domain"`
	Caller       string    `json:"caller,omitempty"`
	SubjectType  string    `json:"subject_type,omitempty"`
	SubjectID    string    `json:"subject_id,omitempty"`
	Action       string    `json:"action,omitempty"`
	ResourceType string    `json:"resource_type,omitempty"`
	ResourceID   string    `json:"resource_id,omitempty"`
	// Decision is allow or deny; for a filter always, never or conditional.
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	// DecidedBy are the deciding objects: Kind/name.
	DecidedBy []string `json:"decided_by,omitempty"`
	Revision  string   `json:"revision"`
	// LatencySeconds is how long the decision took, without what the request took besides.
	LatencySeconds float64 `json:"latency_seconds"`
}

// maskable are the members of lines that name somebody or something, and how to hide each.
var maskable = map[string]func(*decisionLine){
	"request_id":  func(l *decisionLine) { mask(&l.RequestID) },
	"caller":      func(l *decisionLine) { mask(&l.Caller) },
	"subject_id":  func(l *decisionLine) { mask(&l.SubjectID) },
	"resource_id": func(l *decisionLine) { mask(&l.ResourceID) },
	"decided_by": func(l *decisionLine) {
		for i := range l.DecidedBy {
			mask(&l.DecidedBy[i])
		}
	},
}

// clip shortens a text to what a line may have of it, and holds on to no more.
func clip(text string) string {
	if len(text) <= decisionLogText {
		return strings.Clone(text) // which may be a part of the whole body
	}
	return strings.ToValidUTF8(strings.Clone(text[:decisionLogText]), "") + "…"
}

func mask(value *string) {
	if *value != "" {
		*value = masked
	}
}

// MaskableFields are the members of lines that can be masked: those that name somebody, or a record.
func MaskableFields() []string { return slices.Sorted(maps.Keys(maskable)) }

// decisionLog writes lines without making anybody wait.
type decisionLog struct {
	writer     io.Writer
	allowEvery uint64
	masks      []func(*decisionLine)
	lines      chan *decisionLine
	allows     atomic.Uint64
	dropped    func(lines int)
	log        logr.Logger
}

// newDecisionLog is nil where there is none.
func newDecisionLog(opts DecisionLog, dropped func(int), log logr.Logger) (*decisionLog, error) {
	if opts.Writer == nil {
		return nil, nil
	}
	if opts.AllowEvery < 0 {
		return nil, fmt.Errorf("one allow in %d cannot be logged; it must be 0 or more", opts.AllowEvery)
	}
	l := &decisionLog{
		writer: opts.Writer, allowEvery: uint64(max(1, opts.AllowEvery)), dropped: dropped, log: log,
		lines: make(chan *decisionLine, decisionLogBuffer),
	}
	for _, name := range opts.Mask {
		hide, ok := maskable[name]
		if !ok {
			return nil, fmt.Errorf("%q cannot be masked; what can: %s", name, oneOf(MaskableFields()))
		}
		l.masks = append(l.masks, hide)
	}
	return l, nil
}

// wants says whether a decision is to be logged. It counts.
func (l *decisionLog) wants(decision string) bool {
	if l == nil {
		return false
	}
	return decision == denied || decision == string(filter.KindNever) || (l.allows.Add(1)-1)%l.allowEvery == 0
}

// add logs a line, or drops it.
func (l *decisionLog) add(line *decisionLine) {
	for _, hide := range l.masks {
		hide(line)
	}
	select {
	case l.lines <- line:
	default:
		l.dropped(1)
	}
}

// run writes what is added until ctx is done, and then what is still there.
func (l *decisionLog) run(ctx context.Context) {
	failing := false
	for {
		var line *decisionLine
		select {
		case line = <-l.lines:
		case <-ctx.Done():
			if line = l.next(); line == nil {
				return
			}
		}
		count, err := l.write(line)
		if err != nil {
			l.dropped(count)
			if !failing {
				l.log.Error(err, "Cannot write the decision log; lines are lost until it can be written again")
			}
		}
		failing = err != nil
	}
}

// next is a line that waits; nil when none does.
func (l *decisionLog) next() *decisionLine {
	select {
	case line := <-l.lines:
		return line
	default:
		return nil
	}
}

// write writes a line at once with some that wait behind it, and gives their number.
func (l *decisionLog) write(line *decisionLine) (count int, err error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for ; line != nil; line = l.next() {
		if err := encoder.Encode(line); err != nil {
			return count + 1, err
		}
		if count++; count == decisionLogBatch {
			break
		}
	}
	_, err = l.writer.Write(text.Bytes())
	return count, err
}
