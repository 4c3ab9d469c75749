package expr

import (
	"cmp"
	"fmt"
	"strings"
)

// RequestLimit is what all expressions of one request may cost together.
const RequestLimit = 10_000_000

// Budget is what the expressions of one request may still cost, RequestLimit if Limit is 0. When it is used up, or when Interrupt returns an error,
// expressions are errors, and whoever asks them must not decide by what they say but return Err. A nil Budget has no
// limit.
type Budget struct {
	// Interrupt is asked before each expression, and about every millisecond during one, whether to go on; nil: always.
	Interrupt func() error
	Limit     int

	spent int
	by    map[*Program]int
	err   error
}

// BudgetError means that the expressions of a request cost more than RequestLimit.
type BudgetError struct {
	// Limit is what they may cost.
	Limit int
	// Program is the most costly one, and Cost what all its evaluations cost. Where says where it stands, if the caller
	// knows: an object and a field.
	Program *Program
	Cost    int
	Where   string
}

func (e *BudgetError) Error() string {
	text := fmt.Sprintf("the expressions together cost more than %d", e.Limit)
	if e.Program == nil {
		return text
	}
	text += fmt.Sprintf("; most of it, %d, is for %s", e.Cost, shortened(e.Program.source))
	if e.Where != "" {
		text += " (" + e.Where + ")"
	}
	return text
}

// shortened is a text of at most 200 bytes.
func shortened(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Err returns why no further expression is evaluated, a *BudgetError or what Interrupt returned; nil if there is no reason.
func (b *Budget) Err() error {
	if b == nil {
		return nil
	}
	return b.err
}

// Spent is what the expressions have cost so far.
func (b *Budget) Spent() int { return b.spent }

// culprit returns the expression that has cost most so far; nil if none has.
func (b *Budget) culprit() *Program {
	var most *Program
	for program, cost := range b.by {
		if most == nil || cost > b.by[most] || cost == b.by[most] && program.source < most.source {
			most = program
		}
	}
	return most
}

// stop returns an error if no further expression is to be evaluated.
func (b *Budget) stop() error {
	if b == nil {
		return nil
	}
	if b.err == nil && b.Interrupt != nil {
		b.err = b.Interrupt()
	}
	return b.err
}

// spend takes the cost of an evaluation of a program.
func (b *Budget) spend(p *Program, cost int) {
	if b == nil {
		return
	}
	const worthNoting = 1_000
	if cost >= worthNoting {
		if b.by == nil {
			b.by = map[*Program]int{}
		}
		b.by[p] += cost
	}
	limit := cmp.Or(b.Limit, RequestLimit)
	if b.spent += cost; b.spent <= limit || b.err != nil {
		return
	}
	exceeded := &BudgetError{Limit: limit, Program: b.culprit()}
	exceeded.Cost = b.by[exceeded.Program]
	b.err = exceeded
}
