package expr

import (
	"cmp"
	"math"
	"strings"
	"time"
)

// The fast path runs the common shapes of conditions – comparisons, in, has(), &&, ||, !, ?: and a few
// functions on paths and constants – as closures over plain Go values, without cel-go's interpreter and, for
// most, without an allocation. Its results are cel-go's: the same value, the same error, the same names
// missed in the same order. It keeps that promise by doing only what it is sure of:
//
//   - An expression with any part that is not one of those shapes has no fast path at all.
//   - A value that is of no JSON type, too large to bound its cost, or otherwise not worth a rule of its own
//     makes the evaluation bail out: the names noted so far are forgotten, and cel-go evaluates the whole
//     expression from the start.
//
// The cost limit holds too, though nothing is counted while evaluating. cel-go charges an evaluation for each
// node of the expression that it evaluates, and no shape evaluates a node twice. What one node can cost is
// bounded, because operands whose size matters bail out above fastSize:
//
//	a path                  1, and 1 for each selection
//	== != < <= > >=         a tenth of the smaller operand's size: at most fastScan
//	startsWith, endsWith    a tenth of the argument's size: at most fastScan
//	contains                a tenth of each operand's size, multiplied: at most fastScan × fastScan
//	lowerAscii, upperAscii  1, a tenth of the operand's size, the result's size: at most 1 + fastScan + fastSize
//	in                      the size of the list: at most fastSize, and 10 to make a list that is written out
//	any other call          1
//
// (Sizes count characters, of which a text has no more than bytes.) The compiler sums these bounds over all
// nodes, and an expression whose sum is above CostLimit has no fast path. So, whatever the input, cel-go
// would not have reached the limit where the fast path gives an answer.
const (
	fastSize = 1000
	fastScan = fastSize / 10
)

// fastFunc evaluates one node of an expression.
type fastFunc func(in *Input) fastValue

// fastProgram is an expression that has a fast path.
type fastProgram struct {
	eval fastFunc
	// cost bounds what cel-go would charge for any evaluation that does not bail out.
	cost int
}

// fastKind says what a fastValue holds.
type fastKind uint8

const (
	fastBail    fastKind = iota // leave the whole expression to cel-go; the zero value
	fastFailed                  // an error, in ref
	fastAbsent                  // an optional without a value
	fastNull                    //
	fastBool                    // integer is 0 or 1
	fastInt                     // integer
	fastDouble                  // double, not NaN
	fastText                    // text
	fastInstant                 // a time: integer is its Unix seconds, nanos the rest
	fastTexts                   // a *[]string in ref
	fastList                    // a []any in ref
	fastObject                  // a map[string]any in ref
	fastRecord                  // a *Properties in ref; only paths and in see it
)

// fastValue is a value without the allocations of an interface: passed in registers, and ref only holds
// what already was an interface or a pointer.
type fastValue struct {
	kind    fastKind
	nanos   int32
	integer int64
	double  float64
	text    string
	ref     any
}

func fastFailure(err error) fastValue { return fastValue{kind: fastFailed, ref: err} }

func fastTruth(b bool) fastValue {
	if b {
		return fastValue{kind: fastBool, integer: 1}
	}
	return fastValue{kind: fastBool}
}

func fastTime(t time.Time) fastValue {
	return fastValue{kind: fastInstant, integer: t.Unix(), nanos: int32(t.Nanosecond())}
}

// fastLoad takes over a JSON value; any other Go type bails out.
func fastLoad(value any) fastValue {
	switch v := value.(type) {
	case nil:
		return fastValue{kind: fastNull}
	case bool:
		return fastTruth(v)
	case int64:
		return fastValue{kind: fastInt, integer: v}
	case float64:
		if math.IsNaN(v) {
			return fastValue{}
		}
		return fastValue{kind: fastDouble, double: v}
	case string:
		return fastValue{kind: fastText, text: v}
	case []any:
		return fastValue{kind: fastList, ref: value}
	case map[string]any:
		return fastValue{kind: fastObject, ref: value}
	}
	return fastValue{}
}

// stops says that there is no value to go on with: the node's result is v itself.
func (v fastValue) stops() bool { return v.kind <= fastFailed }

func (v fastValue) isTrue() bool  { return v.kind == fastBool && v.integer != 0 }
func (v fastValue) isFalse() bool { return v.kind == fastBool && v.integer == 0 }

// What ref holds; each is for values of its kind alone.
func (v fastValue) err() error             { err, _ := v.ref.(error); return err }
func (v fastValue) texts() []string        { texts, _ := v.ref.(*[]string); return *texts }
func (v fastValue) list() []any            { list, _ := v.ref.([]any); return list }
func (v fastValue) object() map[string]any { object, _ := v.ref.(map[string]any); return object }
func (v fastValue) record() *Properties    { record, _ := v.ref.(*Properties); return record }

// size is what cel-go reckons the cost of a value by, or more.
func (v fastValue) size() int {
	switch v.kind {
	case fastText:
		return len(v.text)
	case fastTexts:
		return len(v.texts())
	case fastList:
		return len(v.list())
	case fastObject:
		return len(v.object())
	}
	return 1
}

// isLarge says that the size of a value is more than the bound of the cost allows for.
func (v fastValue) isLarge() bool { return v.size() > fastSize }

// json is the value for those that use it outside of expressions; false for what cel-go must convert.
func (v fastValue) json() (any, bool) {
	switch v.kind {
	case fastNull:
		return nil, true
	case fastBool:
		return v.integer != 0, true
	case fastInt:
		return v.integer, true
	case fastDouble:
		return v.double, !math.IsInf(v.double, 0)
	case fastText:
		return v.text, true
	}
	return nil, false
}

// fastSame is CEL's ==. It is not known for two lists or two objects, which are left to cel-go.
func fastSame(a, b fastValue) (same, known bool) {
	switch a.kind {
	case fastNull:
		return b.kind == fastNull, true
	case fastBool:
		return b.kind == fastBool && a.integer == b.integer, true
	case fastInt:
		switch b.kind {
		case fastInt:
			return a.integer == b.integer, true
		case fastDouble:
			return float64(a.integer) == b.double, true
		}
		return false, true
	case fastDouble:
		switch b.kind {
		case fastInt:
			return a.double == float64(b.integer), true
		case fastDouble:
			return a.double == b.double, true
		}
		return false, true
	case fastText:
		return b.kind == fastText && a.text == b.text, true
	case fastInstant:
		return b.kind == fastInstant && a.integer == b.integer && a.nanos == b.nanos, true
	}
	return false, b.kind < fastTexts
}

// fastCompare orders two values as CEL's < does; false where it does not order them.
func fastCompare(a, b fastValue) (order int, ordered bool) {
	switch {
	case a.kind == fastText && b.kind == fastText:
		return strings.Compare(a.text, b.text), true
	case a.kind == fastInt && b.kind == fastInt, a.kind == fastBool && b.kind == fastBool:
		return cmp.Compare(a.integer, b.integer), true
	case a.kind == fastInt && b.kind == fastDouble:
		return cmp.Compare(float64(a.integer), b.double), true
	case a.kind == fastDouble && b.kind == fastInt:
		return cmp.Compare(a.double, float64(b.integer)), true
	case a.kind == fastDouble && b.kind == fastDouble:
		return cmp.Compare(a.double, b.double), true
	case a.kind == fastInstant && b.kind == fastInstant:
		if order := cmp.Compare(a.integer, b.integer); order != 0 {
			return order, true
		}
		return cmp.Compare(a.nanos, b.nanos), true
	}
	return 0, false
}

// missedMark remembers which names were noted as missed.
type missedMark struct{ resource, proposed []string }

func markMissed(in *Input) (mark missedMark) {
	if in.Resource.Properties.Missed != nil {
		mark.resource = *in.Resource.Properties.Missed
	}
	if in.Proposed.Missed != nil {
		mark.proposed = *in.Proposed.Missed
	}
	return mark
}

// restore forgets the names noted since.
func (m missedMark) restore(in *Input) {
	if in.Resource.Properties.Missed != nil {
		*in.Resource.Properties.Missed = m.resource
	}
	if in.Proposed.Missed != nil {
		*in.Proposed.Missed = m.proposed
	}
}

// bool evaluates an expression that gives a bool; done is false where it bails out.
func (p *fastProgram) bool(in *Input) (result, done bool, err error) {
	mark := markMissed(in)
	switch v := p.eval(in); v.kind {
	case fastBail:
		mark.restore(in)
		return false, false, nil
	case fastFailed:
		return false, true, v.err()
	case fastBool:
		return v.isTrue(), true, nil
	default:
		return false, true, errNotBool
	}
}

// value evaluates an expression to a JSON value; done is false where it bails out.
func (p *fastProgram) value(in *Input) (result any, done bool, err error) {
	mark := markMissed(in)
	v := p.eval(in)
	if v.kind == fastFailed {
		return nil, true, v.err()
	}
	result, done = v.json()
	if !done {
		mark.restore(in)
	}
	return result, done, nil
}
