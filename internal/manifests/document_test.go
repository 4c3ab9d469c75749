package manifests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReadsYAMLAsJSON(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want string
	}{
		"numbers keep their text":            {`[12, 12.0, 1e3, -0.50, 123456789012345678901234567890]`, `[12,12.0,1e3,-0.50,123456789012345678901234567890]`},
		"numbers that JSON writes otherwise": {`[0x1f, 0o17, 017, 0b101, +1, 1_000, .5, 5., +1.0, 08]`, `[31,15,15,5,1,1000,0.5,5.0,1.0,8]`},
		"booleans as kubectl has them":       {`[true, yes, On, NO, off, y, N, "yes", 'on', yEs]`, `[true,true,true,false,false,true,false,"yes","on","yEs"]`},
		"nothing":                            {`[null, ~, "", "~"]`, `[null,null,"","~"]`},
		"times are text":                     {`[2026-01-01, 2026-01-01T00:00:00Z]`, `["2026-01-01","2026-01-01T00:00:00Z"]`},
		"keys become strings":                {`{1: a, yes: b, "yes": c, 2026-01-01: d, 1.5: e}`, `{"1":"a","true":"b","yes":"c","2026-01-01":"d","1.5":"e"}`},
		"tags of JSON's types":               {`[!!str 1, !!int "7", !!float 1, !!bool "true", !!null ""]`, `["1",7,1,true,null]`},
		"text over several lines":            {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", `{"a":"x\ny\n","b":"x y"}`},
		"aliases are written out":            {`{a: &x {k: 1}, b: *x, c: [*x]}`, `{"a":{"k":1},"b":{"k":1},"c":[{"k":1}]}`},
		"merge keys give way":                {`{base: &x {k: 1, l: 2}, a: {<<: *x, k: 3}, b: {<<: [{k: 4}, *x]}}`, `{"base":{"k":1,"l":2},"a":{"k":3,"l":2},"b":{"k":4,"l":2}}`},
		"a character of two escapes":         {"{\"a\":\n\"\\ud83d\\uDE00\\u0041\"}", `{"a":"😀A"}`},
		"escapes that only look so":          {`{"a": "\\ud83d\\ude00 \\\ud83d\ude00"}`, `{"a":"\\ud83d\\ude00 \\😀"}`},
		"no escapes in YAML":                 {`{a: '\ud83d\ude00'}`, `{"a":"\\ud83d\\ude00"}`},
		"JSON":                               {"{\n\t\"a\": [1.0, \"\\u00e4\", {}]\n}", `{"a":[1.0,"ä",{}]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			documents, problems := parse("f.yaml", []byte(tc.yaml))
			if problems != nil {
				t.Fatalf("parse: %v", problems)
			}
			if len(documents) != 1 {
				t.Fatalf("parse: got %d documents, want 1", len(documents))
			}
			if diff := cmp.Diff(tc.want, string(documents[0].JSON)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	// Each of thirty keys repeats the one before it nine times.
	bombLines, mergeLines := []string{"a0: &a0 {k: lol}"}, []string{"a0: &a0 {}"}
	for i := 1; i < 30; i++ {
		nine := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", ")
		bombLines = append(bombLines, fmt.Sprintf("a%d: &a%d [%s]", i, i, nine))
		mergeLines = append(mergeLines, fmt.Sprintf("a%d: &a%d {<<: [%s]}", i, i, nine))
	}
	bomb, merges := strings.Join(bombLines, "\n"), strings.Join(mergeLines, "\n")
	long := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 40) + "]\n"
	cases := map[string]struct {
		yaml string
		want string
	}{
		"half a character":          {`{"a": "\ud83d"}`, "f.yaml: not YAML: found invalid Unicode character escape code"},
		"half a character, twice":   {`{"a": "\ud83d\ud83d"}`, "f.yaml: not YAML: found invalid Unicode character escape code"},
		"a key given twice":         {"a: 1\nb:\n  c: 1\n  c: 2\n", `f.yaml:4: b: the key "c" is given twice, first in line 3; remove one`},
		"a key given twice in JSON": {`{"a": [{"b": 1, "b": 1}]}`, `f.yaml:1: a[0]: the key "b" is given twice, first in line 1; remove one`},
		"a key that is null":        {`{~: 1}`, `f.yaml:1: a key must be a string, not null; quote it`},
		"a key that is a list":      {`{[a]: 1}`, `f.yaml:1: a key must be a string`},
		"infinity":                  {`a: .inf`, `f.yaml:1: a: ".inf" is not a number that JSON can hold`},
		"a tag of one's own":        {`a: !secret x`, `f.yaml:1: a: the tag !secret is not JSON's; remove it`},
		"a tag on an object":        {`a: !thing {x: 1}`, `f.yaml:1: a: the tag !thing is not JSON's; remove it`},
		"binary":                    {`a: !!binary aGk=`, `f.yaml:1: a: the tag !!binary is not JSON's; remove it`},
		"an unknown alias":          {"a: 1\nb: *x\n", `f.yaml: not YAML: unknown anchor 'x' referenced`},
		"broken YAML":               {"a: 1\nb: [\n", `f.yaml:2: not YAML: did not find expected node content`},
		"a merge of a text":         {`{<<: x}`, `f.yaml:1: a merge key (<<) takes an object, or a list of objects`},
		"an alias of itself":        {`a: &x [*x]`, `nested more than 100 levels deep, or an alias that holds itself`},
		"a merge of itself":         {`a: &x {<<: *x}`, `nested more than 100 levels deep, or an alias that holds itself`},
		"aliases that multiply":     {bomb, `the aliases of this file stand for more than 32 MiB`},
		"merges that multiply":      {merges, `the aliases of this file stand for more than 32 MiB`},
		"a long text many times":    {long, `the aliases of this file stand for more than 32 MiB`},
		"very deep":                 {strings.Repeat("[", 200) + strings.Repeat("]", 200), `nested more than 100 levels deep`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, problems := parse("f.yaml", []byte(tc.yaml))
			if !strings.Contains(problems.Error(), tc.want) {
				t.Errorf("parse: got %v, want a problem with %q", problems, tc.want)
			}
		})
	}
}

func TestParseTakesDocumentsAndListsApart(t *testing.T) {
	text := `
# a comment alone
---
kind: A
apiVersion: v1
---
---
kind: List
apiVersion: v1
items:
- {kind: B, apiVersion: g/v1}
- {kind: C, apiVersion: g/v1}
---
kind: Wishlist
apiVersion: v1
`
	documents, problems := parse("f.yaml", []byte(text))
	if problems != nil {
		t.Fatalf("parse: %v", problems)
	}
	var got []string
	for _, d := range documents {
		got = append(got, fmt.Sprintf("%s %s %d", d.Kind, d.APIVersion, d.Line))
	}
	want := []string{"A v1 4", "B g/v1 11", "C g/v1 12", "Wishlist v1 14"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

func TestParseGivesWhatItCouldRead(t *testing.T) {
	documents, problems := parse("f.yaml", []byte("kind: A\n---\nx: {y: 1, y: 2}\n---\nkind: B\n---\n]\n"))
	if len(documents) != 2 || documents[0].Kind != "A" || documents[1].Kind != "B" {
		t.Errorf("documents: got %v, want A and B", documents)
	}
	if len(problems) != 2 {
		t.Errorf("problems: got %v, want two", problems)
	}
}

func TestDecode(t *testing.T) {
	type inner struct {
		Name string         `json:"name"`
		Tags []string       `json:"tags"`
		Free map[string]any `json:"free"`
	}
	type outer struct {
		Kind  string  `json:"kind"`
		List  []inner `json:"list"`
		Other *inner  `json:"other"`
	}
	cases := map[string]struct {
		yaml string
		want string
	}{
		"all is known":               {"kind: T\nlist: [{name: a, tags: [x], free: {any: 1}}]\n", ""},
		"an unknown key":             {"kind: T\nlist:\n- name: a\n- nahme: b\n", "f.yaml:4: T: list[1].nahme: unknown field; remove it, or use one of free, name, tags"},
		"an unknown key at the top":  {"kind: T\nlits: []\n", "f.yaml:2: T: lits: unknown field; remove it, or use one of kind, list, other"},
		"an unknown key in a struct": {"kind: T\nother:\n  x: 1\n", "f.yaml:3: T: other.x: unknown field; remove it, or use one of free, name, tags"},
		"names in another case":      {"kind: T\nList: []\n", "f.yaml:2: T: List: unknown field; remove it, or use one of kind, list, other"},
		"a wrong type":               {"kind: T\nlist:\n- name: a\n- name:\n  - b\n", "f.yaml:5: T: list.name: a JSON array does not fit here; it takes a string"},
		"another wrong type":         {"kind: T\nlist:\n- tags: a\n", "f.yaml:3: T: list.tags: a JSON string does not fit here; it takes a list"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			documents, problems := parse("f.yaml", []byte(tc.yaml))
			if problems != nil {
				t.Fatalf("parse: %v", problems)
			}
			got := ""
			if err := documents[0].Decode(&outer{}); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
