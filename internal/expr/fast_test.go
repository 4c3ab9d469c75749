package expr

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// interpreted is the same program without its fast path.
func interpreted(p *Program) *Program {
	return &Program{source: p.source, place: p.place, ast: p.ast, program: p.program}
}

// outcome is all that one evaluation gives.
type outcome struct {
	Bool               bool
	BoolErr            string
	Value              any
	ValueErr           string
	Resource, Proposed []string // names missed in resource.properties and proposed
	Request            []string // paths missed in the rest of the request
}

func outcomeOf(p *Program, in Input) (o outcome) {
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	var err error
	in.Resource.Properties.Missed, in.Proposed.Missed, in.Missed = &o.Resource, &o.Proposed, &o.Request
	o.Bool, err = p.Bool(&in)
	o.BoolErr = text(err)
	o.Value, err = p.Value(&in)
	o.ValueErr = text(err)
	return o
}

// compareWithCEL fails where the fast path of a program gives something else than cel-go, or does not bail out
// where its cost is above the bound. It says whether the fast path answered.
func compareWithCEL(t rapid.TB, p *Program, in Input) bool {
	t.Helper()
	if p.fast == nil {
		return false
	}
	want, got := outcomeOf(interpreted(p), in), outcomeOf(p, in)
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Fatalf("%s\nwith %#v\n(-cel-go +fast path):\n%s", p.source, in, diff)
	}
	for _, partial := range []bool{false, !in.Resource.Properties.Complete} {
		tried, noted := in, []string(nil)
		tried.Resource.Properties.Missed, tried.Proposed.Missed = &noted, &noted
		if tried.Resource.Properties.Partial = partial; partial { // Base has not been looked for
			tried.Resource.Properties.Base = nil
		}
		value, ok := p.TryBool(&tried)
		if ok && (value != want.Bool || !value && len(want.Resource)+len(want.Proposed)+len(want.Request) > 0) || len(noted) > 0 {
			t.Fatalf("%s\nwith %#v\nTryBool gives %t and notes %q, cel-go %+v", p.source, tried, value, noted, want)
		}
	}
	_, answered, _ := p.fast.bool(&in)
	if _, _ = p.eval(&in); answered && in.account.cost > p.fast.cost {
		t.Fatalf("%s\nwith %#v\ncosts %d, bound %d", p.source, in, in.account.cost, p.fast.cost)
	}
	return answered
}

// awkward are values that tell careless comparisons apart.
var awkward = []any{
	nil, true, false,
	int64(0), int64(1), int64(-1), int64(1 << 53), int64(1<<53 + 1), int64(math.MaxInt64), int64(math.MinInt64), int64(2026),
	0.0, math.Copysign(0, -1), 1.0, 0.5, -1.0, float64(1 << 53), float64(1 << 63), -float64(1 << 63), 1e300, math.Inf(1), math.NaN(),
	"", "a", "b", "A", "ab", "é", "É", "1", "\xff", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", strings.Repeat("a", fastSize+1),
	[]any{}, []any{"a", int64(1), nil}, []any{[]any{}}, []any{map[string]any{"a": "b"}, 1.0}, make([]any, fastSize+1),
	map[string]any{}, map[string]any{"": true}, map[string]any{"a": int64(1), "b": nil}, map[string]any{"a": map[string]any{"a": "b"}}, map[string]any{"a": []any{"a"}},
	1, uint64(1), float32(1), []string{"a"}, map[string]string{"a": "b"}, []byte("a"), time.Unix(0, 0), // no JSON values
}

// manyConstants are more than a fastSet compares one by one.
const manyConstants = "'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9', 'c10', 'c11', 'c12', 'c13', 'c14', 'c15', 'c16', 'c17'"

// TestFastOnAwkwardValues holds every shape against cel-go on every value, or pair of values.
func TestFastOnAwkwardValues(t *testing.T) {
	const l, r = "subject.attributes.l", "context.r"
	var sources []string
	for _, operator := range []string{"==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"} {
		sources = append(sources, l+" "+operator+" "+r)
		for _, literal := range []string{"null", "true", "1", "-1", "9007199254740993", "0.0", "-0.0", "9007199254740992.0", "9223372036854775808.0", "'a'", "''"} {
			sources = append(sources, "dyn("+l+") "+operator+" "+literal, l+" "+operator+" "+literal, literal+" "+operator+" "+l)
		}
	}
	for _, function := range []string{"startsWith", "endsWith", "contains"} {
		sources = append(sources, l+"."+function+"("+r+")", l+"."+function+"('a')", "'a'."+function+"("+l+")")
	}
	for name, shape := range fastShapes {
		if shape.op == fastTimePart {
			sources = append(sources, "now."+name+"()")
		}
	}
	sources = append(sources,
		"!"+l, "size("+l+") == 1", l+".size() == 1", l+".lowerAscii() == 'a'", l+".upperAscii() == 'A'", "timestamp("+l+") < now",
		"timestamp("+l+") == timestamp('2026-01-01T00:00:00Z')", "timestamp("+l+") <= timestamp("+r+")",
		l+" in ['a', 'b', '']", l+" in [1, 9007199254740993]", l+" in [1.0, 0.5, 9007199254740992.0, 1e300, 9223372036854775808.0]",
		l+" in [0]", l+" in [0.0]", l+" in [-0.0]", l+" in ["+manyConstants+", 'a', 1, -0.0, 9007199254740993, true]",
		"'a' in [?"+r+"]", l+" in [true, 1, 'a']", l+" in [null, 'a']", l+" in []", l+" in ["+r+"]", l+" in ["+r+", context.nope, 1]", "subject.id in ["+l+", "+r+"]",
		"now == timestamp('2026-02-28T22:59:58Z')", "now <= timestamp('2026-02-28T22:59:58Z')", "now == timestamp('2026-02-28T22:59:58.123456789Z')",
		l+" in [timestamp('2026-01-01T00:00:00Z')]", l+" in resource.properties", l+" in subject.groups", "'a' in "+l, "1 in "+l, "1.0 in "+l, "null in "+l,
		l+" ? 1 : 2", l+" ? "+r+" : 1", "subject.id == 'ann' ? "+l+" : "+r,
		l+".a == "+r, l+".a.a == 'b'", l+"['a'] == 1", l+"[0] == 'a'", l+"[-1] == 'a'", l+"["+r+"] == 1", "subject.attributes["+l+"] == 1", "resource.properties["+l+"] == 1",
		"has("+l+".a)", "has("+l+".a.a)", "has("+l+".a.a.a)",
		l+"[?0].orValue(1) == "+r, l+".?a.orValue(1) == "+r, l+".?a.a.orValue("+r+") == 'b'", l+".?a.hasValue()", l+".a.?a.hasValue()", l+"[?"+r+"].hasValue()",
	)
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.FixedZone("", -3*3600) // nothing depends on the machine's
	for _, source := range sources {
		p, err := Compile(Condition, source)
		if err != nil {
			p, err = Compile(Preset, source) // gives no bool
		}
		if err != nil {
			continue // the checker refuses some: null < 1
		}
		if answered, of := overAwkward(t, p); answered == 0 && p.fast != nil {
			t.Errorf("%s: the fast path never answered, of %d", source, of)
		}
	}
}

func overAwkward(t *testing.T, p *Program) (answered, of int) {
	right := []any{nil}
	if strings.Contains(p.source, "context.r") {
		right = awkward
	}
	for _, l := range awkward {
		for _, r := range right {
			in := Input{
				Subject: Subject{ID: "ann", Groups: []string{"a", ""}, Attributes: map[string]any{"l": l, "b": l}},
				Context: map[string]any{"r": r, "a": r},
				Now:     time.Date(2026, 2, 28, 23, 59, 58, 123456789, time.FixedZone("", 3600)),
			}
			of++
			if compareWithCEL(t, p, in) {
				answered++
			}
		}
	}
	return answered, of
}

func TestFastPath(t *testing.T) {
	cases := map[string]struct {
		source string
		want   bool
	}{
		"a comparison":               {source: "resource.properties.owner == subject.id", want: true},
		"a list of constants":        {source: "resource.properties.status in ['draft', 'review']", want: true},
		"an empty list":              {source: "subject.id in []", want: true},
		"a list of paths":            {source: "subject.id in [resource.properties.owner, resource.properties.deputy]", want: true},
		"a list in a property":       {source: "resource.properties.tag in subject.properties.tags", want: true},
		"groups":                     {source: "'crew' in subject.groups || 'clerk' in subject.roles", want: true},
		"an access list":             {source: "resource.properties.acl[subject.id] in ['read', 'write']", want: true},
		"an element":                 {source: "resource.properties.lines[0].qty > 1", want: true},
		"has":                        {source: "has(resource.properties.x) && resource.properties.x != 'y'", want: true},
		"a field of a variable":      {source: "has(subject.id)", want: true},
		"a known name":               {source: "'x' in resource.properties", want: true},
		"negation":                   {source: "!(resource.properties.locked == true)", want: true},
		"a choice":                   {source: "subject.staff ? true : resource.properties.owner == subject.id", want: true},
		"functions of texts":         {source: "subject.id.lowerAscii().startsWith('a') && size(resource.properties.note) < 80", want: true},
		"an optional":                {source: "resource.properties.?note.orValue('') == '' || context.?ip.hasValue()", want: true},
		"time":                       {source: "now < timestamp('2027-01-01T00:00:00Z') && timestamp(resource.properties.due) >= now", want: true},
		"office hours":               {source: "now.getHours() >= 8 && now.getHours() < 18 && now.getDayOfWeek() in [1, 2, 3, 4, 5]", want: true},
		"arithmetic":                 {source: "resource.properties.total + 1 < 5"},
		"comprehensions":             {source: "resource.properties.tags.exists(t, t == 'a')"},
		"properties as a whole":      {source: "resource.properties == proposed"},
		"variables as a whole":       {source: "dyn(subject).id == 'ann'"},
		"conversions":                {source: "int(resource.properties.total) < 5"},
		"regular expressions":        {source: "subject.id.matches('^a')"},
		"unsigned numbers":           {source: "resource.properties.total == 1u"},
		"one part without":           {source: "subject.id == 'ann' && subject.id.matches('^a')"},
		"maps that are written out":  {source: "subject.id in {'ann': 1}"},
		"more than the cost allows":  {source: strings.Repeat("'a' in subject.groups && ", 91) + "true"},
		"as much as the cost allows": {source: strings.Repeat("'a' in subject.groups && ", 90) + "true", want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(Validation, tc.source)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.fast != nil; got != tc.want {
				t.Errorf("has a fast path: %v, want %v", got, tc.want)
			}
		})
	}
}

// TestFastPathBailsOut shows that names missed before bailing out are not noted twice.
func TestFastPathBailsOut(t *testing.T) {
	p, err := Compile(Validation, "proposed.nope == 1 || resource.properties.nope == 1 || resource.properties.lines == subject.properties.lines")
	if err != nil {
		t.Fatal(err)
	}
	in := Input{
		Subject:  Subject{Properties: map[string]any{"lines": []any{int64(1)}}},
		Resource: Resource{Properties: Properties{Over: map[string]any{"lines": []any{1.0}}}},
	}
	resource, proposed := []string{"earlier"}, []string(nil)
	in.Resource.Properties.Missed, in.Proposed.Missed = &resource, &proposed
	if _, done, _ := p.fast.bool(&in); done {
		t.Fatal("the fast path compares lists; this test needs something else that it leaves to cel-go")
	}
	if got, err := p.Bool(&in); !got || err != nil {
		t.Errorf("got %v, %v; want true", got, err)
	}
	if diff := cmp.Diff([]string{"earlier", "nope"}, resource); diff != "" {
		t.Errorf("missed in resource.properties (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nope"}, proposed); diff != "" {
		t.Errorf("missed in proposed (-want +got):\n%s", diff)
	}
}

// TestFastPathKeepsTheCostLimit holds expressions that cost too much on large values against cel-go.
func TestFastPathKeepsTheCostLimit(t *testing.T) {
	big := strings.Repeat("a", 1_100_000)
	list := make([]any, 1_100_000)
	cases := map[string]string{
		"contains":   "subject.id.contains(resource.id)" + strings.Repeat(" && subject.id.contains(resource.id)", 5),
		"a part":     "subject.id.contains('aa')" + strings.Repeat(" && subject.id.contains('aa')", 10),
		"==":         "subject.id == resource.id" + strings.Repeat(" && subject.id == resource.id", 10),
		"<=":         "subject.id <= resource.id" + strings.Repeat(" && subject.id <= resource.id", 10),
		"startsWith": "subject.id.startsWith(resource.id)" + strings.Repeat(" && subject.id.startsWith(resource.id)", 10),
		"lowerAscii": "subject.id.lowerAscii() != ''" + strings.Repeat(" && subject.id.lowerAscii() != ''", 10),
		"an error":   "context.nope == (" + strings.Repeat("subject.id.contains(resource.id) && ", 5) + "subject.id.contains(resource.id)) || true",
		"in":         "subject.id in subject.groups || 'b' in subject.groups",
		"in dynamic": "dyn(subject.id) in [1, 2] || subject.id in context.list || true",
	}
	for name, source := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(Condition, source)
			if err != nil {
				t.Fatal(err)
			}
			in := Input{
				Subject:  Subject{ID: big, Groups: make([]string, len(list))},
				Resource: Resource{ID: big}, Context: map[string]any{"list": list},
			}
			_, err = p.Bool(&in)
			if err == nil || !strings.Contains(err.Error(), "costs more than") {
				t.Errorf("got %v, want the limit of cost", err)
			}
		})
	}
}

// attributeConditions are conditions as rules have them, which hold for attributeInput.
var attributeConditions = map[string]string{
	"owner":    "resource.properties.owner == subject.id",
	"status":   "resource.properties.status in ['draft','review']",
	"differ":   "resource.properties.status != 'draft' && subject.id != 'bob'",
	"has":      "has(resource.properties.x) && resource.properties.x != 'y'",
	"present":  "!has(resource.properties.x) || resource.properties.x != 'archived'",
	"absent":   "!has(resource.properties.nope) || resource.properties.nope != 'archived'",
	"optional": "resource.properties.?x.orValue('') == 'z'",
	"group":    "resource.properties.team in subject.groups",
	"list":     "subject.id in [resource.properties.team, resource.properties.owner]",
	"text":     "resource.properties.owner.startsWith('a')",
	"choice":   "subject.staff ? false : resource.properties.status == 'review'",
	"hours":    "now.getHours() < 18",
	"limit":    "resource.properties.total <= subject.attributes.limit && now < timestamp('2027-01-01T00:00:00Z')",
}

func attributeInput() *Input {
	missed := make([]string, 0, 1)
	return &Input{
		Subject: Subject{
			Type: "user", ID: "ann", Groups: []string{"crew", "night", "sales"}, Attributes: map[string]any{"limit": int64(100)},
		},
		Action: Action{Name: "read"},
		Resource: Resource{Type: "order", ID: "o1", Properties: Properties{
			Base:   map[string]any{"owner": "ann", "status": "review", "team": "sales", "total": 99.5},
			Over:   map[string]any{"x": "z"},
			Missed: &missed,
		}},
		Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestFastPathAllocatesNothing(t *testing.T) {
	for name, source := range attributeConditions {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(Condition, source)
			if err != nil {
				t.Fatal(err)
			}
			in := attributeInput()
			allocations := testing.AllocsPerRun(100, func() {
				if holds, err := p.Bool(in); !holds || err != nil {
					t.Fatalf("%v, %v; want true", holds, err)
				}
				*in.Resource.Properties.Missed = (*in.Resource.Properties.Missed)[:0]
			})
			if allocations != 0 {
				t.Errorf("Bool: %v allocations, want none", allocations)
			}
			allocations = testing.AllocsPerRun(100, func() {
				onStack := Input{Subject: in.Subject, Resource: in.Resource, Now: in.Now}
				if holds, ok := p.TryBool(&onStack); !holds || !ok {
					t.Fatalf("%v, %v; want true", holds, ok)
				}
			})
			if allocations != 0 {
				t.Errorf("TryBool: %v allocations, want none, nor the input on the heap", allocations)
			}
		})
	}
}

// BenchmarkBool times conditions with cel-go's interpreter alone, with the fast path, and with TryBool; x-cel is how
// many times faster than the first they are in this run.
func BenchmarkBool(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(attributeConditions)) {
		p, err := Compile(Condition, attributeConditions[name])
		if err != nil {
			b.Fatal(err)
		}
		in := attributeInput()
		perOp := func(b *testing.B, p *Program) float64 {
			b.ReportAllocs()
			for b.Loop() {
				if holds, err := p.Bool(in); !holds || err != nil {
					b.Fatalf("%v, %v; want true", holds, err)
				}
				*in.Resource.Properties.Missed = (*in.Resource.Properties.Missed)[:0]
			}
			return float64(b.Elapsed()) / float64(b.N)
		}
		var interpreter float64
		b.Run(name+"/cel", func(b *testing.B) { interpreter = perOp(b, interpreted(p)) })
		report := func(b *testing.B, fast float64) {
			if interpreter > 0 { // 0: it was filtered out
				b.ReportMetric(interpreter/fast, "x-cel")
			}
		}
		b.Run(name+"/fast", func(b *testing.B) { report(b, perOp(b, p)) })
		b.Run(name+"/try", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if holds, ok := p.TryBool(in); !holds || !ok {
					b.Fatalf("%v, %v; want true", holds, ok)
				}
			}
			report(b, float64(b.Elapsed())/float64(b.N))
		})
	}
}
