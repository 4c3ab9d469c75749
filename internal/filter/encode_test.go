package filter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

var update = flag.Bool("update", false, "write what the golden tests see to testdata")

func field(path ...string) *filter.Field { return &filter.Field{Path: path} }

// TestFormats shows each leaf in each format: see testdata.
func TestFormats(t *testing.T) {
	const longText = "a property's name that is longer than the databases allow names to be, which is 63 or 64 characters"
	files := map[string][]struct {
		name string
		tree *filter.Tree
	}{
		"comparisons": {
			{"equal to a text", treeOf(t, `resource.properties.status == "open"`)},
			{"not equal to a text", treeOf(t, `resource.properties.status != "open"`)},
			{"equal to a number", treeOf(t, `resource.properties.amount == 5`)},
			{"not equal to a number", treeOf(t, `resource.properties.amount != 5`)},
			{"equal to a fraction", treeOf(t, `resource.properties.amount == 2.5`)},
			{"equal to a number that floats round", treeOf(t, `resource.properties.amount == 9007199254740993`)},
			{"a property by itself", treeOf(t, `resource.properties.open`)},
			{"equal to null", treeOf(t, `resource.properties.closed == null`)},
			{"not null", treeOf(t, `resource.properties.closed != null`)},
			{"less than a number", treeOf(t, `resource.properties.amount < 5`)},
			{"at least a fraction", treeOf(t, `resource.properties.amount >= 2.5`)},
			{"after a text", treeOf(t, `resource.properties.due > "2026-06-01"`)},
			{"two properties", treeOf(t, `resource.properties.owner == resource.properties.editor`)},
			{"two properties in an order", treeOf(t, `resource.properties.spent < resource.properties.budget`)},
			{"the id", treeOf(t, `resource.id == "SO-1"`)},
		},
		"lists": {
			{"one of some texts", treeOf(t, `resource.properties.status in ["open", "won"]`)},
			{"one of some numbers", treeOf(t, `resource.properties.priority in [1, 2]`)},
			{"one of some values", treeOf(t, `resource.properties.code in ["x", 1, 2.5, true]`)},
			{"none of some texts, or null", treeOf(t, `!(resource.properties.status in ["open", null, "won"])`)},
			{"an id of some", treeOf(t, `resource.id in ["SO-1", "SO-2"]`)},
			{"an element of a list", treeOf(t, `"red" in resource.properties.tags`)},
			{"no element of a list", treeOf(t, `!("red" in resource.properties.tags)`)},
		},
		"texts": {
			{"the start", treeOf(t, `resource.properties.code.startsWith("EU-")`)},
			{"the end", treeOf(t, `resource.properties.code.endsWith("%")`)},
			{"a part", treeOf(t, `resource.properties.code.contains("_x")`)},
			{"not the start", treeOf(t, `!resource.properties.code.startsWith("EU-")`)},
			{"the start of the id", treeOf(t, `resource.id.startsWith("SO-")`)},
		},
		"links": {
			{"a link to records with names", filter.Links(field("company"), []string{"North", "South"}, false)},
			{"a link that may be empty", filter.Links(field("company"), []string{"North"}, true)},
			{"a link to records with numbers", filter.Links(field("company"), []string{"12", "7"}, true)},
			{"a link that must be empty", filter.Links(field("company"), nil, true)},
			{"a link that is never let through", filter.Links(field("company"), nil, false)},
			{"some of the records themselves", filter.Links(filter.IDField, []string{"12", "SO-1"}, false)},
			{"a link in the rows of a table", filter.Links(field("items", "warehouse"), []string{"W1"}, true)},
		},
		"trees": {
			{"and, or", treeOf(t, `resource.properties.status == "open" && (resource.properties.owner == "ann" || resource.properties.amount < 5)`)},
			{"always", treeOf(t, `has(resource.properties.status)`)},
			{"never", treeOf(t, `resource.properties.status < null`)},
			{"names", treeOf(t, "resource.properties['a b'] == 1 && resource.properties['x\"y`z'] == 1 && resource.properties['in'] == 1")},
			{"a path", treeOf(t, `resource.properties.owner.team == "crew"`)},
			{"a path, negated", treeOf(t, `resource.properties.owner.team != "crew"`)},
			{"a name with a dot", treeOf(t, `resource.properties['owner.team'] == "crew"`)},
			{"a long name", treeOf(t, `resource.properties['`+strings.ReplaceAll(longText, "'", "")+`'] == 1`)},
			{"a text with a NUL character", treeOf(t, `resource.properties.code == "a\x00"`)},
			{"what has no operator", treeOf(t, `resource.properties.tags.exists(tag, tag == "red")`)},
			{"what needs more than the record", treeOf(t, `resource.properties.tags.exists(tag, tag == subject.id)`)},
		},
	}
	for file, cases := range files {
		t.Run(file, func(t *testing.T) {
			var got bytes.Buffer
			for _, tc := range cases {
				fmt.Fprintf(&got, "# %s\n", tc.name)
				for _, format := range filter.Formats {
					fmt.Fprintf(&got, "\n%s:\n", format)
					encoded, err := filter.Encode(tc.tree, format)
					if err != nil {
						fmt.Fprintf(&got, "error: %v\n", err)
						continue
					}
					printEncoded(t, &got, encoded)
				}
				fmt.Fprintln(&got)
			}
			path := filepath.Join("testdata", file+".golden")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func printEncoded(t *testing.T, to *bytes.Buffer, encoded filter.Encoded) {
	if encoded.Kind != filter.KindConditional {
		fmt.Fprintf(to, "%s\n", encoded.Kind)
		return
	}
	toJSON := func(value any) string {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	switch condition := encoded.Condition.(type) {
	case string:
		fmt.Fprintf(to, "%s\n", condition)
	case *filter.SQL:
		fmt.Fprintf(to, "%s\n-- %s", condition.Where, toJSON(condition.Args))
	default:
		to.WriteString(toJSON(condition))
	}
}

// treeOf is the filter of a CEL condition.
func treeOf(t *testing.T, source string) *filter.Tree {
	t.Helper()
	program, err := expr.Compile(expr.Condition, source)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := program.Filter(conditionInput())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestKinds encodes filters that do not depend on the record.
func TestKinds(t *testing.T) {
	for _, format := range filter.Formats {
		for op, want := range map[filter.Op]filter.Encoded{
			filter.True:  {Kind: filter.KindAlways},
			filter.False: {Kind: filter.KindNever},
		} {
			if format == filter.FormatCerbos {
				want.Condition = &filter.CerbosFilter{Kind: map[filter.Op]string{filter.True: "KIND_ALWAYS_ALLOWED", filter.False: "KIND_ALWAYS_DENIED"}[op]}
			}
			got, err := filter.Encode(&filter.Tree{Op: op}, format)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", format, op, diff)
			}
		}
	}
}

// TestRefusals makes sure that what a format cannot express is refused, with a name for it, wherever it stands.
func TestRefusals(t *testing.T) {
	many := make([]any, 70_000)
	for i := range many {
		many[i] = fmt.Sprintf("r%d", i)
	}
	sql := []filter.Format{filter.FormatPostgres, filter.FormatMySQL, filter.FormatSQLite}
	readers := []filter.Format{filter.FormatUCAST, filter.FormatCerbos}
	all := slices.Concat(readers, sql)
	cases := map[string]struct {
		tree    *filter.Tree
		formats []filter.Format
		leaf    string
	}{
		"a path to null":                          {&filter.Tree{Op: filter.Eq, Field: field("a", "b")}, readers, `resource.properties.a.b == null`},
		"a path that is not":                      {&filter.Tree{Op: filter.Ne, Field: field("a", "b"), Value: "x"}, readers, `resource.properties.a.b != "x"`},
		"a path in an order":                      {&filter.Tree{Op: filter.Lt, Field: field("a", "b"), Value: int64(1)}, readers, `resource.properties.a.b < 1`},
		"a path in no list":                       {&filter.Tree{Op: filter.NotIn, Field: field("a", "b"), Values: []any{"x", "y"}}, readers, `!(resource.properties.a.b in ["x", "y"])`},
		"a path without a text":                   {&filter.Tree{Op: filter.Contains, Field: field("a", "b"), Value: "x", Negated: true}, readers, `!(resource.properties.a.b.contains("x"))`},
		"a path and a property":                   {&filter.Tree{Op: filter.Eq, Field: field("c"), Other: field("a", "b")}, all, `resource.properties.c == resource.properties.a.b`},
		"a link at a path":                        {filter.Links(field("a", "b"), []string{"x"}, true), readers, "the link resource.properties.a.b"},
		"an element":                              {&filter.Tree{Op: filter.Element, Field: field("a"), Value: "x"}, readers[:1], `"x" in resource.properties.a`},
		"an expression":                           {&filter.Tree{Op: filter.Opaque, Source: "size(resource.properties.a) > 1"}, all, "size(resource.properties.a) > 1"},
		"an expression over more than the record": {&filter.Tree{Op: filter.Opaque}, filter.Formats, "a part that depends on more than the record"},
		"two columns":                             {&filter.Tree{Op: filter.Eq, Field: field("a"), Other: field("b")}, []filter.Format{filter.FormatUCAST}, `resource.properties.a == resource.properties.b`},
		"a text in two columns":                   {&filter.Tree{Op: filter.StartsWith, Field: field("a"), Other: field("b")}, slices.Concat(sql, readers[:1]), `resource.properties.a.startsWith(resource.properties.b)`},
		"an empty name":                           {&filter.Tree{Op: filter.Eq, Field: field(""), Value: "x"}, all, `resource.properties[""] == "x"`},
		"a name with NUL":                         {&filter.Tree{Op: filter.Eq, Field: field("a\x00"), Value: "x"}, sql, `resource.properties["a\x00"] == "x"`},
		"a long name":                             {&filter.Tree{Op: filter.Eq, Field: field(strings.Repeat("é", 65)), Value: "x"}, sql[:2], `resource.properties["` + strings.Repeat("é", 65) + `"] == "x"`},
		"a text with NUL":                         {&filter.Tree{Op: filter.In, Field: field("a"), Values: []any{"x", "y\x00"}}, []filter.Format{sql[0], sql[2]}, `resource.properties.a in ["x", "y\x00"]`},
		"a link to NUL":                           {filter.Links(field("a"), []string{"y\x00"}, true), []filter.Format{sql[0], sql[2]}, "the link resource.properties.a"},
		"a number that readers round":             {&filter.Tree{Op: filter.Eq, Field: field("a"), Value: int64(1<<53 + 1)}, readers, `resource.properties.a == 9007199254740993`},
		"too many values":                         {&filter.Tree{Op: filter.In, Field: field("a"), Values: many}, sql[1:2], `resource.properties.a in ["r0", "r1", "r10", `},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			harmless := &filter.Tree{Op: filter.Eq, Field: field("status"), Value: "open"}
			for _, format := range tc.formats {
				for _, tree := range []*filter.Tree{tc.tree, filter.All(harmless, filter.AnyOf(tc.tree, filter.All(harmless, tc.tree)))} {
					encoded, err := filter.Encode(tree, format)
					var refusal *filter.UnsupportedError
					if !errors.As(err, &refusal) {
						t.Fatalf("%s: got %#v, error %v; want a refusal", format, encoded.Condition, err)
					}
					if refusal.Format != format || !strings.HasPrefix(refusal.Leaf, tc.leaf[:min(len(tc.leaf), 30)]) || refusal.Reason == "" {
						t.Errorf("%s: got %#v, want the leaf %s", format, refusal, tc.leaf)
					}
				}
			}
		})
	}
}

var sqlFormats = []filter.Format{filter.FormatPostgres, filter.FormatMySQL, filter.FormatSQLite}

// TestExpressible makes sure of the opposite for what is close to a refusal.
func TestExpressible(t *testing.T) {
	cases := map[string]struct {
		tree    *filter.Tree
		formats []filter.Format
	}{
		"a path":                      {&filter.Tree{Op: filter.In, Field: field("a", "b"), Values: []any{"x", "y"}}, filter.Formats},
		"a path to null":              {&filter.Tree{Op: filter.Eq, Field: field("a", "b")}, sqlFormats},
		"a link at a path":            {filter.Links(field("a", "b"), []string{"x"}, true), sqlFormats},
		"an element":                  {&filter.Tree{Op: filter.Element, Field: field("a"), Value: "x"}, sqlFormats},
		"a long name":                 {&filter.Tree{Op: filter.Eq, Field: field(strings.Repeat("é", 64)), Value: "x"}, []filter.Format{filter.FormatMySQL, filter.FormatSQLite}},
		"a refusal beside a constant": {filter.All(filter.Constant(false), &filter.Tree{Op: filter.Opaque}), filter.Formats},
		"ten thousand values":         {filter.Links(field("a"), manyIDs(10_000), true), filter.Formats},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, format := range tc.formats {
				if _, err := filter.Encode(tc.tree, format); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func manyIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(10_000 + i)
	}
	return ids
}

// TestMalformed makes sure that what is no filter is an error, but no refusal.
func TestMalformed(t *testing.T) {
	trees := map[string]*filter.Tree{
		"nothing":                nil,
		"no operator":            {},
		"no argument":            {Op: filter.And, Args: []*filter.Tree{nil}},
		"no field":               {Op: filter.Eq, Value: "x"},
		"no path":                {Op: filter.Eq, Field: field(), Value: "x"},
		"a name that is no text": {Op: filter.Eq, Field: field("\xff"), Value: "x"},
		"a text that is none":    {Op: filter.In, Field: field("a"), Values: []any{"\xff"}},
		"not a number":           {Op: filter.Lt, Field: field("a"), Value: math.NaN()},
		"an infinite number":     {Op: filter.Lt, Field: field("a"), Value: math.Inf(1)},
		"a list":                 {Op: filter.Eq, Field: field("a"), Value: []any{"x"}},
		"a list of fields":       {Op: filter.In, Field: field("a"), Other: field("b")},
	}
	for name, tree := range trees {
		t.Run(name, func(t *testing.T) {
			for _, format := range filter.Formats {
				encoded, err := filter.Encode(tree, format)
				var refusal *filter.UnsupportedError
				if err == nil || errors.As(err, &refusal) {
					t.Errorf("%s: got %#v, error %v", format, encoded.Condition, err)
				}
			}
		})
	}
	if _, err := filter.Encode(filter.Constant(true), "sql"); err == nil {
		t.Error("a format that does not exist is no error")
	}
}

// TestNoValueInText makes sure that values are parameters, and nothing else.
func TestNoValueInText(t *testing.T) {
	const secret = "x' OR 1=1 --"
	tree := filter.All(
		&filter.Tree{Op: filter.Ne, Field: field("a"), Value: secret},
		&filter.Tree{Op: filter.In, Field: field("a"), Values: []any{secret, "y", int64(123456), 1234.5}},
		&filter.Tree{Op: filter.Le, Field: field("a"), Value: secret},
		&filter.Tree{Op: filter.EndsWith, Field: field("a"), Value: secret},
		&filter.Tree{Op: filter.Gt, Field: field("a"), Value: int64(123456)},
		filter.Links(field("a"), []string{"123456", secret}, true),
		filter.Links(filter.IDField, []string{"123456", secret}, true),
	)
	for _, format := range []filter.Format{filter.FormatPostgres, filter.FormatMySQL, filter.FormatSQLite} {
		encoded, err := filter.Encode(tree, format)
		if err != nil {
			t.Fatal(err)
		}
		where := encoded.Condition.(*filter.SQL).Where
		for _, value := range []string{"OR 1=1", "123456", "1234.5"} {
			if strings.Contains(where, value) {
				t.Errorf("%s: %s is part of %s", format, value, where)
			}
		}
	}
}
