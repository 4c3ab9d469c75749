package expr

import (
	"errors"
	"math"
	"time"
)

// The fast path evaluates the common shapes of conditions – comparisons, in, has(), &&, ||, !, ?: and a few
// functions on paths and constants – over plain Go values, without cel-go's interpreter and, for most, without an
// allocation. An expression is compiled once to a tree of nodes, which (*fastNode).eval walks. Its results are
// cel-go's: the same value, the same error, the same names missed in the same order. It keeps that promise by
// doing only what it is sure of:
//
//   - An expression with any part that is not one of those shapes has no fast path at all.
//   - A value that is of no JSON type, too large to bound its cost, or otherwise not worth a rule of its own
//     makes the evaluation bail out: no name is noted, and cel-go evaluates the whole expression.
//
// The cost limit holds too, though nothing is counted while evaluating. An evaluation is charged for each node of the
// expression (see bounds.go), and no shape evaluates a node twice. What one node can cost is bounded – fastShape.cost is
// the bound – because operands whose size matters bail out above fastSize: a tenth of an operand's size is charged for
// scanning it, and more for making or searching a list. An expression whose bounds sum up to more than CostLimit has no
// fast path. So, whatever the input, the limit would not have been reached where the fast path gives an answer.
const (
	fastSize  = 1000
	fastScan  = fastSize / 10
	fastSteps = 400 // up a tree
)

// fastProgram is an expression that has a fast path.
type fastProgram struct {
	root *fastNode
	// cost bounds what any evaluation that does not bail out would be charged.
	cost int
	// errors are those that the expression can give, by fastValue.bits: the first says that there is no key
	// fastValue.text, the second is fastNoOverload.
	errors []error
}

// work is what an evaluation takes of a Budget: a hundredth of the bound, which is for operands of fastSize.
func (p *fastProgram) work() int { return 1 + p.cost/100 }

// fastRun is one evaluation.
type fastRun struct {
	held   any    // the list or object that was evaluated last, or what is stored of a linked record
	linked string // the type of the linked record that was evaluated last
	missed bool   // a property was looked up that is unknown
	notes  bool   // its name is to be noted
}

// fastKind says what a fastValue holds.
type fastKind uint8

const (
	fastBail    fastKind = iota // leave the whole expression to cel-go; the zero value
	fastFailed                  // an error, see fastProgram.errors
	fastAbsent                  // an optional without a value
	fastNull                    //
	fastBool                    // bits is 0 or 1
	fastInt                     // bits
	fastDouble                  // bits, not NaN
	fastText                    // text
	fastInstant                 // a time: bits are its Unix seconds, nanos the rest
	fastTexts                   // subject.groups or subject.roles: bits is its size
	fastList                    // a []any, held by the run: bits is its size
	fastObject                  // a map[string]any, likewise
	fastLinked                  // a record that a link leads to: text is its id; only for what selects from it, and has()
)

// fastValue is a value in no more than the compiler keeps in registers: four fields, 32 bytes. Nothing in it points
// to the Input, which would then have to be on the heap.
type fastValue struct {
	kind  fastKind
	nanos int32
	bits  uint64
	text  string
}

func fastTruth(b bool) fastValue {
	if b {
		return fastValue{kind: fastBool, bits: 1}
	}
	return fastValue{kind: fastBool}
}

var fastNoOverload = fastValue{kind: fastFailed, bits: 1}

func fastInteger(i int) fastValue { return fastValue{kind: fastInt, bits: uint64(i)} }

func fastTime(t time.Time) fastValue {
	return fastValue{kind: fastInstant, bits: uint64(t.Unix()), nanos: int32(t.Nanosecond())}
}

// fastDoubleOf is a double of which equal ones have the same bits: -0 becomes 0.
func fastDoubleOf(f float64) fastValue {
	return fastValue{kind: fastDouble, bits: math.Float64bits(f + 0)}
}

// load takes over a JSON value; any other Go type bails out.
func (r *fastRun) load(value any) fastValue {
	if text, ok := value.(string); ok { // the most frequent, and inlined
		return fastValue{kind: fastText, text: text}
	}
	return r.loadOther(value)
}

func (r *fastRun) loadOther(value any) fastValue {
	switch v := value.(type) {
	case int64:
		return fastValue{kind: fastInt, bits: uint64(v)}
	case bool:
		return fastTruth(v)
	case nil:
		return fastValue{kind: fastNull}
	case float64:
		if !math.IsNaN(v) {
			return fastValue{kind: fastDouble, bits: math.Float64bits(v)}
		}
	case []any:
		r.held = value
		return fastValue{kind: fastList, bits: uint64(len(v))}
	case map[string]any:
		r.held = value
		return fastValue{kind: fastObject, bits: uint64(len(v))}
	}
	return fastValue{}
}

func (r *fastRun) list() []any            { list, _ := r.held.([]any); return list }
func (r *fastRun) object() map[string]any { object, _ := r.held.(map[string]any); return object }

// stops reports whether there is no value to go on with: the node's result is v itself.
func (v fastValue) stops() bool { return v.kind <= fastFailed }

func (v fastValue) integer() int64  { return int64(v.bits) }
func (v fastValue) double() float64 { return math.Float64frombits(v.bits) }
func (v fastValue) isNumber() bool  { return v.kind == fastInt || v.kind == fastDouble }

// number is an int or a double as a double.
func (v fastValue) number() float64 {
	if v.kind == fastInt {
		return float64(v.integer())
	}
	return v.double()
}

// isLarge reports whether the size of a value is more than the bound of the cost allows for.
func (v fastValue) isLarge() bool {
	return len(v.text) > fastSize || v.kind >= fastTexts && v.bits > fastSize
}

// json is the value for those that use it outside of expressions; false for what cel-go must convert.
func (v fastValue) json() (any, bool) {
	switch v.kind {
	case fastNull:
		return nil, true
	case fastBool:
		return v.bits != 0, true
	case fastInt:
		return v.integer(), true
	case fastDouble:
		return v.double(), !math.IsInf(v.double(), 0)
	case fastText:
		return v.text, true
	}
	return nil, false
}

// err is the error that a value stands for.
func (p *fastProgram) err(v fastValue) error {
	if err := p.errors[v.bits]; err != nil {
		return err
	}
	return errNoKey(v.text)
}

func errNoKey(name string) error { return errors.New("no such key: " + name) }

// note notes the names that an evaluation missed: a second one does, now that it is certain not to bail out.
func (p *fastProgram) note(in *Input, r *fastRun) {
	if r.missed {
		r.notes = true
		p.root.eval(in, r)
	}
}

// bool evaluates an expression that gives a bool; done is false where it bails out.
func (p *fastProgram) bool(in *Input) (result, done bool, err error) {
	var r fastRun
	v := p.root.eval(in, &r)
	if v.kind == fastBail {
		return false, false, nil
	}
	p.note(in, &r)
	switch v.kind {
	case fastFailed:
		return false, true, p.err(v)
	case fastBool:
		return v.bits != 0, true, nil
	}
	return false, true, errNotBool
}

// tryBool is TryBool.
func (p *fastProgram) tryBool(in *Input) (result, ok bool) {
	var r fastRun
	v := p.root.eval(in, &r)
	result = v.kind == fastBool && v.bits != 0
	return result, v.kind != fastBail && (result || !r.missed)
}

// value evaluates an expression to a JSON value; done is false where it bails out.
func (p *fastProgram) value(in *Input) (result any, done bool, err error) {
	var r fastRun
	v := p.root.eval(in, &r)
	if v.kind == fastFailed {
		err, done = p.err(v), true
	} else if result, done = v.json(); !done {
		return nil, false, nil
	}
	p.note(in, &r)
	return result, done, err
}
