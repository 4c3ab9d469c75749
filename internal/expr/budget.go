package expr

import "fmt"

// RequestLimit is what all expressions of one request may cost together.
const RequestLimit = 10_000_000

// Budget is what the expressions of one request may still cost. When it is used up, or when Interrupt returns an error,
// expressions are errors, and whoever asks them must not decide by what they say but return Err. A nil Budget has no
// limit.
type Budget struct {
	// Interrupt is asked before each expression whether to go on; nil: always.
	Interrupt func() error

	spent int
	by    map[*Program]int
	err   error
}

// BudgetError means that the expressions of a request cost more than RequestLimit.
type BudgetError struct {
	// Expression is the most costly one, and Cost what all its evaluations cost.
	Expression string
	Cost       int
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("the expressions of this request cost more than %d; most of it, %d, is for: %s", RequestLimit, e.Cost, e.Expression)
}

// Err returns why no further expression is evaluated, a *BudgetError or what Interrupt returned; nil if there is no reason.
func (b *Budget) Err() error {
	if b == nil {
		return nil
	}
	return b.err
}

// Culprit returns the expression that has cost most so far; nil if none has.
func (b *Budget) Culprit() *Program {
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
	if b.spent += cost; b.spent <= RequestLimit || b.err != nil {
		return
	}
	exceeded := &BudgetError{}
	if most := b.Culprit(); most != nil {
		exceeded.Expression, exceeded.Cost = most.source, b.by[most]
	}
	b.err = exceeded
}
