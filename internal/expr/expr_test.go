package expr

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testInput(missed *[]string) *Input {
	return &Input{
		Subject: Subject{
			Type: "user", ID: "ann", Groups: []string{"crew"}, Roles: []string{"clerk"},
			Attributes: map[string]any{"limit": int64(100), "rate": 1.5},
			Properties: map[string]any{"tags": []any{"a", "b"}},
		},
		Action: Action{Name: "read"},
		Resource: Resource{Type: "doc", ID: "d1", Properties: Properties{
			Base:   map[string]any{"status": "open", "owner": "bob"},
			Over:   map[string]any{"owner": "ann", "note": nil, "lines": []any{map[string]any{"qty": int64(2)}}},
			Missed: missed,
		}},
		Proposed: Properties{Over: map[string]any{"status": "draft"}},
		Now:      time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestBool(t *testing.T) {
	cases := map[string]struct {
		place      Place
		source     string
		want       bool
		wantErr    bool
		wantMissed []string
	}{
		"a property of the overlay":           {source: "resource.properties.owner == subject.id", want: true},
		"a property of the base":              {source: "resource.properties.status == 'open'", want: true},
		"an index":                            {source: "resource.properties['status'] == 'open'", want: true},
		"an unknown property is an error":     {source: "resource.properties.nope == 1", wantErr: true, wantMissed: []string{"nope"}},
		"has looks up":                        {source: "has(resource.properties.nope)", wantMissed: []string{"nope"}},
		"in looks up":                         {source: "'nope' in resource.properties", wantMissed: []string{"nope"}},
		"an optional selection looks up":      {source: "resource.properties.?nope.orValue(1) == 1", want: true, wantMissed: []string{"nope"}},
		"a null property is known":            {source: "has(resource.properties.note) && resource.properties.note == null", want: true},
		"true || error is true":               {source: "subject.id == 'ann' || resource.properties.nope == 1", want: true},
		"error || true is true":               {source: "resource.properties.nope == 1 || subject.id == 'ann'", want: true, wantMissed: []string{"nope"}},
		"false && error is false":             {source: "subject.id == 'x' && resource.properties.nope == 1"},
		"numbers compare across types":        {source: "subject.attributes.limit == 100.0 && subject.attributes.rate < 2", want: true},
		"a list of names":                     {source: "'crew' in subject.groups && 'clerk' in subject.roles", want: true},
		"absent maps are empty":               {source: "size(context) == 0 && size(action.properties) == 0", want: true},
		"lists of objects":                    {source: "resource.properties.lines.all(l, l.qty > 1)", want: true},
		"the strings extension":               {source: "subject.id.upperAscii() == 'ANN'", want: true},
		"time":                                {source: "now < timestamp('2026-06-02T00:00:00Z') && now.getFullYear() == 2026", want: true},
		"the names of types":                  {source: "type(subject.attributes.limit) == int && type(subject.id) == string", want: true},
		"a result that is no bool":            {source: "resource.properties.owner", wantErr: true},
		"a variable as a whole":               {source: "dyn(subject).id == 'ann' && subject == subject", want: true},
		"validations see what is proposed":    {place: Validation, source: "proposed.status == 'draft' && resource.properties.status == 'open'", want: true},
		"iterating properties":                {source: "resource.properties.exists(k, k == 'status')", want: true},
		"member conditions see the subject":   {place: MemberCondition, source: "subject.attributes.limit == 100", want: true},
		"comparing types that do not compare": {source: "resource.properties.owner < 3", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(tc.place, tc.source)
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			var missed []string
			got, err := program.Bool(testInput(&missed))
			if (err != nil) != tc.wantErr {
				t.Errorf("error: %v, want one: %v", err, tc.wantErr)
			}
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if diff := cmp.Diff(tc.wantMissed, missed); diff != "" {
				t.Errorf("missed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	cases := map[string]struct {
		place  Place
		source string
		want   string
	}{
		"syntax, with its place":              {source: "resource.properties.x ==", want: "line 1, column 25"},
		"nothing":                             {source: "", want: "line 1, column 1"},
		"a constant that is no time":          {source: "now > now ||\n  now < timestamp('soon')", want: "line 2, column 18: type conversion error"},
		"too deep, as a whole":                {source: strings.Repeat("(", 300), want: "expression recursion limit exceeded"},
		"an unknown variable":                 {source: "record.id == 'x'", want: "undeclared reference to 'record'"},
		"an unknown field":                    {source: "subject.idd == 'x'", want: "undefined field 'idd'"},
		"not a bool":                          {source: "1 + 1", want: "must give a bool, not int"},
		"conditions have no proposed":         {source: "proposed.x == 1", want: "undeclared reference to 'proposed'"},
		"member conditions have no groups":    {place: MemberCondition, source: "'x' in subject.groups", want: "undefined field 'groups'"},
		"member conditions have no resource":  {place: MemberCondition, source: "resource.id == ''", want: "undeclared reference"},
		"presets know neither record nor new": {place: Preset, source: "proposed.owner", want: "undeclared reference"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(tc.place, tc.source)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), tc.want) {
				t.Errorf("got %v, want an *Error with %q", err, tc.want)
			}
		})
	}
}

func TestValue(t *testing.T) {
	cases := map[string]struct {
		source  string
		want    any
		wantErr bool
	}{
		"text":            {source: "subject.id", want: "ann"},
		"number":          {source: "subject.attributes.limit + 1", want: int64(101)},
		"list":            {source: "['new', action.name]", want: []any{"new", "read"}},
		"object":          {source: "{'a': 1.5, 'b': null}", want: map[string]any{"a": 1.5, "b": nil}},
		"time":            {source: "now", want: "2026-06-01T00:00:00Z"},
		"time as text":    {source: "string(now)", want: "2026-06-01T00:00:00Z"},
		"an error":        {source: "context.desk", wantErr: true},
		"a duration":      {source: "duration('1s')", wantErr: true},
		"a type":          {source: "type(1)", wantErr: true},
		"not a number":    {source: "0.0 / 0.0", wantErr: true},
		"keys not texts":  {source: "{1: 2}", wantErr: true},
		"passed through":  {source: "subject.properties.tags", want: []any{"a", "b"}},
		"an optional":     {source: "optional.of(1)", wantErr: true},
		"whole variables": {source: "subject.attributes", want: map[string]any{"limit": int64(100), "rate": 1.5}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(Preset, tc.source)
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			got, err := program.Value(testInput(nil))
			if (err != nil) != tc.wantErr {
				t.Errorf("error: %v, want one: %v", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCostLimit(t *testing.T) {
	program, err := Compile(Condition, "context.list.all(a, context.list.all(b, context.list.all(c, a + b + c >= 0)))")
	if err != nil {
		t.Fatal(err)
	}
	list := make([]any, 12)
	for i := range list {
		list[i] = int64(1)
	}
	if got, err := program.Bool(&Input{Context: map[string]any{"list": list}}); !got || err != nil {
		t.Errorf("12 elements: %v, %v; want true", got, err)
	}
	for range 118 {
		list = append(list, int64(1))
	}
	if got, err := program.Bool(&Input{Context: map[string]any{"list": list}}); got || err == nil {
		t.Errorf("130 elements: %v, %v; want an error", got, err)
	}
}

func TestReads(t *testing.T) {
	cases := map[string]struct {
		place  Place
		source string
		path   []string
		want   bool
	}{
		"the path itself":        {source: "subject.properties.tenant == 't'", path: []string{"subject", "properties"}, want: true},
		"another path":           {source: "subject.attributes.tenant == 't'", path: []string{"subject", "properties"}},
		"has":                    {source: "has(subject.properties.tenant)", path: []string{"subject", "properties"}, want: true},
		"an optional selection":  {source: "subject.?properties.?tenant.hasValue()", path: []string{"subject", "properties"}, want: true},
		"a variable as a whole":  {source: "dyn(subject).x == 1", path: []string{"subject", "properties"}, want: true},
		"in a comprehension":     {source: "['a'].exists(a, a == context.x)", path: []string{"context"}, want: true},
		"in an index":            {source: "subject.attributes[context.key] == 1", path: []string{"context"}, want: true},
		"not in a comprehension": {source: "['a'].exists(a, a == 'b')", path: []string{"context"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(tc.place, tc.source)
			if err != nil {
				t.Fatal(err)
			}
			if got := program.Reads(tc.path...); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestParseJSON(t *testing.T) {
	got, err := ParseJSON([]byte(`{"i": 12, "d": 12.0, "e": 1e3, "big": 123456789012345678901, "l": [1, "x", null, true]}`))
	want := map[string]any{"i": int64(12), "d": 12.0, "e": 1000.0, "big": 123456789012345678901.0, "l": []any{int64(1), "x", nil, true}}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "{", "1 2", "1e999", "nul"} {
		if _, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
