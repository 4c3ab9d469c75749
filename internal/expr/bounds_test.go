package expr

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
)

// constantWork are the functions that are not charged beforehand: how long they take depends on nothing, or on what
// cel-go charges for.
var constantWork = []string{
	operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot,
	operators.NotStrictlyFalse, "__not_strictly_false__",
	operators.Negate, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo,
	operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, // charged for the shorter text
	overloads.StartsWith, overloads.EndsWith, // charged for the part
	operators.Index, operators.OptIndex, operators.OptSelect,
	operators.OldIn, overloads.DeprecatedIn, // no syntax calls them
	overloads.TypeConvertDyn, overloads.TypeConvertType,
	"hasValue", "value", "or", "orValue", "optional.none", "optional.of", "optional.ofNonZeroValue", "optional.unwrap", "unwrapOpt", "first", "last", linkIDName,
}

func TestEveryFunctionIsCharged(t *testing.T) {
	for place, env := range environments() {
		for name := range env.Functions() {
			if charges[name] == nil && !slices.Contains(constantWork, name) {
				t.Errorf("place %d: say in charges what %s costs, or in constantWork that it takes a constant time", place, name)
			}
		}
	}
}

// atWorst are expressions that want as much memory or time as they can get, over data that a request may bring.
func atWorst() map[string]string {
	const doubledText = "[s].map(x, x + x)"
	doubledList := "[[s]]" + strings.Repeat(".map(x, x + x)", 40) + "[0]"
	nested := "[s]" + strings.Repeat(".map(x, [x, x])", 40) + "[0]"
	keyed := "[s]" + strings.Repeat(".map(x, {'a': x, 'b': x})", 40) + "[0]"
	for _, name := range []*string{&doubledList, &nested, &keyed} {
		*name = strings.ReplaceAll(*name, "s]", "resource.properties.text]")
	}
	every := func(body string) string { return "resource.properties.many.exists(i, " + body + ")" }
	worst := map[string]string{
		"replace":                    "resource.properties.text.replace('a', resource.properties.text).size() > 5",
		"replace of nothing":         "resource.properties.text.replace('', resource.properties.text).size() > 5",
		"replace with a limit":       "resource.properties.text.replace('a', resource.properties.text, 100000).size() > 5",
		"replace of constants":       "'" + strings.Repeat("a", 1000) + "'.replace('a', '" + strings.Repeat("a", 1000) + "').replace('a', '" + strings.Repeat("a", 1000) + "').size() > 5",
		"join":                       "resource.properties.texts.join(resource.properties.text).size() > 5",
		"join of doubled lists":      doubledList + ".join('').size() > 5",
		"size of doubled lists":      doubledList + ".size() > 5",
		"equal doubled lists":        doubledList + " == " + doubledList,
		"equal nested lists":         nested + " == " + nested,
		"equal nested maps":          keyed + " == " + keyed,
		"nested lists in lists":      nested + " in [" + nested + "]",
		"format":                     "'" + strings.Repeat("%s", 1000) + "'.format([" + strings.Repeat("resource.properties.text, ", 100) + "'']).size() > 5",
		"format of nested lists":     "'%s'.format([" + nested + "]).size() > 5",
		"format in turn":             "[resource.properties.text]" + strings.Repeat(".map(x, '%s%s%s%s%s%s%s%s'.format([x, x, x, x, x, x, x, x]))", 6) + "[0].size() > 5",
		"format with a long number":  "('%.' + '999999999' + 'f').format([1.5]).size() > 5",
		"doubled texts":              "[resource.properties.text]" + strings.Repeat(".map(x, x + x)", 40) + "[0].size() > 5",
		"split":                      "resource.properties.text.split('').map(x, resource.properties.text.split('')).size() > 5",
		"a pattern of repetitions":   "resource.properties.text.matches('" + strings.Repeat("(a{1000})", 100) + "')",
		"a pattern of alternatives":  "resource.properties.text.matches('(a|aa|aaa|b?)*(a*)*(a*)*(a*)*c$')",
		"a pattern of the request":   every("resource.properties.text.matches(resource.properties.pattern)"),
		"search":                     "resource.properties.text.indexOf(resource.properties.half) > 5",
		"search from the end":        "resource.properties.text.lastIndexOf(resource.properties.half) > 5",
		"contains":                   every("resource.properties.text.contains(resource.properties.half)"),
		"in a list of texts":         every("resource.properties.text in resource.properties.texts"),
		"in a list of lists":         every("resource.properties.many in [resource.properties.many, [1], resource.properties.many]"),
		"size of texts":              every("resource.properties.text.size() == -1"),
		"letters":                    every("resource.properties.text.lowerAscii() == ''"),
		"reverse":                    every("resource.properties.text.reverse() == ''"),
		"quote":                      every("strings.quote(resource.properties.text) == ''"),
		"substring":                  every("resource.properties.text.substring(2) == ''"),
		"charAt":                     every("resource.properties.text.charAt(2) == ''"),
		"trim":                       every("resource.properties.text.trim() == ''"),
		"bytes":                      every("bytes(resource.properties.text) == b''"),
		"zones":                      every("now.getHours('Europe/Berlin') == 30"),
		"equal lists":                every("resource.properties.many == resource.properties.others"),
		"equal properties":           every("resource.properties == {}"),
		"size of properties":         every("resource.properties.size() == 0"),
		"three loops":                every("resource.properties.many.exists(j, resource.properties.many.exists(k, k == -1))"),
		"a loop of nothing":          "resource.properties.many.all(i, resource.properties.many.all(j, resource.properties.many.all(k, true)))",
		"many lists":                 "resource.properties.many.map(i, resource.properties.many.map(j, resource.properties.many)).size() > 5",
		"many additions":             every(strings.Repeat("resource.properties.many + ", 100) + "[] == []"),
		"a conversion to text":       every("string(bytes(resource.properties.text)) == ''"),
		"a timestamp of long text":   every("timestamp(resource.properties.text) == now"),
		"optional of everything":     "optional.of(" + nested + ") == optional.of(" + nested + ")",
		"filter":                     every("resource.properties.many.filter(j, true).size() == -1"),
		"transformed and kept lists": "resource.properties.many.map(i, resource.properties.text.split('')).map(l, l.join(resource.properties.text)).size() > 5",
	}
	_ = doubledText
	return worst
}

func worstInput() *Input {
	many, others := make([]any, 5_000), make([]any, 5_000)
	for i := range many {
		many[i], others[i] = int64(i), int64(i)
	}
	others[len(others)-1] = int64(-1)
	texts := make([]any, 100)
	for i := range texts {
		texts[i] = strings.Repeat("a", 5_000) + fmt.Sprint(i)
	}
	return &Input{Now: time.Unix(0, 0), Resource: Resource{Properties: Properties{
		Over: map[string]any{
			"text": strings.Repeat("a", 100_000), "half": strings.Repeat("a", 50_000) + "b", "texts": texts, "many": many, "others": others,
			"pattern": strings.Repeat("(a{1000})", 100),
		},
		Base: map[string]any{"stored": "x"},
	}}}
}

// TestBounds: no expression, over whatever a request or an object may bring, takes more than 64 MiB, nor several times as
// long as one that counts up to the limit of cost.
func TestBounds(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	long := func(source string) time.Duration {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		least := time.Hour
		for range 3 {
			started := time.Now()
			_, _ = program.Bool(worstInput())
			least = min(least, time.Since(started))
		}
		return least
	}
	baseline := long("resource.properties.many.exists(i, resource.properties.many.exists(j, i == -1))")
	for name, source := range atWorst() {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(Condition, source)
			if err != nil {
				t.Skipf("is refused: %v", err) // as good as any bound
			}
			in := worstInput()
			peak := watchHeap()
			_, err = program.Bool(in)
			if grown := peak(); grown > 64<<20 {
				t.Errorf("took %d MiB: %v", grown>>20, err)
			}
			if took := long(source); took > 10*baseline {
				t.Errorf("took %.1f times as long as an ordinary loop up to the limit: %v", float64(took)/float64(baseline), err)
			}
		})
	}
}

// watchHeap watches the heap until the function that it returns is called, which returns how much it has grown at most.
func watchHeap() func() uint64 {
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	runtime.GC()
	before := heap()
	end, ended := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				most = max(most, heap())
			case <-end:
				ended <- max(most, heap()) - before
				return
			}
		}
	}()
	return func() uint64 { close(end); return <-ended }
}

func TestOrdinaryExpressionsStayWithinBounds(t *testing.T) {
	in := worstInput()
	for _, source := range []string{
		"resource.properties.text.size() == 100000",
		"resource.properties.text.replace('a', 'bb').size() == 200000",
		"resource.properties.many.map(i, i + 1).size() == 5000",
		"resource.properties.many.filter(i, i > 10)[0] == 11",
		"resource.properties.texts.join(',').size() > 500000",
		"resource.properties.many.exists(i, i == 4999)",
		"resource.properties.many != resource.properties.others",
		"resource.properties.text.matches('^a+$')",
		"'%s, %d'.format([resource.properties.half, 5]).size() == 50004",
		"(resource.properties.many + resource.properties.others).size() == 10000",
		"resource.properties.half.split('b').size() == 2",
	} {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := program.Bool(in); !holds || err != nil {
			t.Errorf("%s: %v, %v", source, holds, err)
		}
	}
}

func TestLargePresetsAreErrors(t *testing.T) {
	for _, source := range []string{
		"[action.properties.text]" + strings.Repeat(".map(x, [x, x])", 30),
		"action.properties.text.replace('a', action.properties.text)",
	} {
		program, err := Compile(Preset, source)
		if err != nil {
			t.Fatal(err)
		}
		in := worstInput()
		in.Action.Properties = in.Resource.Properties.Over
		if value, err := program.Value(in); err == nil {
			t.Errorf("%s: gave a %T", source, value)
		}
	}
}

func TestBudget(t *testing.T) {
	costly, err := Compile(Condition, "resource.properties.many.exists(i, resource.properties.many.exists(j, i == -1))")
	if err != nil {
		t.Fatal(err)
	}
	cheap, err := Compile(Condition, "resource.properties.many.size() > 10")
	if err != nil {
		t.Fatal(err)
	}
	in := worstInput()
	in.Budget = &Budget{}
	for range 9 {
		_, _ = costly.Bool(in)
		if holds, err := cheap.Bool(in); !holds || err != nil {
			t.Fatalf("within the budget: %v, %v", holds, err)
		}
	}
	_, _ = costly.Bool(in)
	if holds, err := cheap.Bool(in); holds || err == nil {
		t.Errorf("over the budget: %v, %v", holds, err)
	}
	var exceeded *BudgetError
	if err := in.Budget.Err(); !errors.As(err, &exceeded) || exceeded.Program != costly {
		t.Errorf("the error is %v", err)
	}

	asked := 0
	in.Budget = &Budget{Interrupt: func() error { asked++; return nil }}
	_, _ = costly.Bool(in)
	if want := CostLimit / interruptEvery / 2; asked < want {
		t.Errorf("a costly expression asked %d times whether to go on, want %d and more", asked, want)
	}
	gone := errors.New("the client has gone")
	in.Budget = &Budget{Interrupt: func() error { return gone }}
	if holds, err := cheap.Bool(in); holds || !errors.Is(err, gone) || !errors.Is(in.Budget.Err(), gone) {
		t.Errorf("interrupted: %v, %v", holds, err)
	}
}
