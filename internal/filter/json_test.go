package filter_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// The values of columns of JSON, of a list and of an object, and the texts of moments.
var (
	jsonLists = []string{
		`null`, `[]`, `["a"]`, `["A", "ab", null]`, `["a ", ""]`, `[12, 12.5, "12"]`, `[9007199254740993, 0]`, `[true, false]`, `[true]`, `"a"`, `12`,
		`[{"k": "a"}, {"k": null}]`, `[{"k": "a"}, {}]`, `[{"k": ["a", "ab"]}, {"k": "a"}]`, `[{"k": []}]`, `[{"k": 12}, {"k": "12"}]`, `[{"k": ""}]`,
		`[{"o": {"m'n": "a", "k": true}}]`, `[{"o": {"m'n": 12.5}}, {"o": {}}]`, `[{"o": "a"}]`, `["2026-01-02T03:04:05Z", "a"]`, `[{"at": "2026-06-01T00:00:00Z"}]`, `[{"at": "2026-01-02T03:04:05.1Z"}, {"at": null}]`,
		`["á", "a\u0301"]`, `[{"k": ["a", ""]}, null]`, `["a%"]`,
	}
	jsonObjects = []string{
		`null`, `{}`, `{"k": "a"}`, `{"k": null}`, `{"k": 12}`, `{"k": ["a", "ab"]}`, `{"k": [], "m'n": {"k": "A"}}`, `{"m'n": {"k": true}}`, `"a"`, `12`, `[]`,
		`[{"k": "a"}]`, `{"k": "2026-01-02T03:04:05Z"}`, `{"k": {"k": "a"}}`, `{"k": ""}`,
	}
	moments = []string{
		"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.1234567895Z", "2026-01-02T04:04:05+01:00",
		"2026-01-01T23:34:05.5-03:30", "2026-01-02T03:04:04.999999999Z", "2026-01-02T03:04:06Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:30:00+01:00", "2024-02-29T12:00:00Z", "2023-02-29T12:00:00Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-01-02",
		"2026-01-02T03:04:05.Z", "2026-01-02T03:04:05z", "2026-01-02T03:04:05Z\n", " 2026-01-02T03:04:05Z", "2026-01-02T03:04:05+1:00", "now", "", "a", "12",
		"2026-01-02T03:04:05.12a4Z", "2026-01-02T03:04:05ZZ", "0000-01-01T00:00:00Z",
	}
)

func jsonRecords(t *testing.T) []record {
	var records []record
	parsed := func(text string) any {
		value, err := expr.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	for i := range 120 {
		records = append(records, record{id: fmt.Sprintf("r%d", i), properties: map[string]any{
			"value": parsed(jsonLists[i%len(jsonLists)]), "object": parsed(jsonObjects[(i*3+i/16)%len(jsonObjects)]), "moment": any(moments[i%len(moments)]),
		}})
	}
	records[7].properties["moment"] = nil
	return records
}

// jsonTree makes a filter about the columns, or about an element.
func jsonTree(t *rapid.T, depth int, inElement bool) *filter.Tree {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "branch") == 0 {
		args := []*filter.Tree{jsonTree(t, depth-1, inElement), jsonTree(t, depth-1, inElement)}
		return &filter.Tree{Op: rapid.SampledFrom([]filter.Op{filter.And, filter.Or}).Draw(t, "join"), Args: args}
	}
	fields := []*filter.Field{{Path: []string{"value"}}, {Path: []string{"object", "k"}}, {Path: []string{"object", "m'n", "k"}}}
	if inElement {
		fields = []*filter.Field{{Element: true}, {Element: true, Path: []string{"k"}}, {Element: true, Path: []string{"o", "m'n"}}, {Element: true, Path: []string{"o", "k"}}}
	}
	leaf := &filter.Tree{Field: rapid.SampledFrom(fields).Draw(t, "field"), Negated: rapid.Bool().Draw(t, "negated")}
	value := func() any {
		return rapid.SampledFrom([]any{"a", "ab", "", "12", "á", nil, true, false, int64(12), 12.5, int64(0), int64(1<<53 + 1)}).Draw(t, "value")
	}
	switch rapid.IntRange(0, 7).Draw(t, "leaf") {
	case 0, 1, 2:
		lists := fields[:2]
		leaf.Op, leaf.Field = rapid.SampledFrom([]filter.Op{filter.Any, filter.Every}).Draw(t, "list"), rapid.SampledFrom(lists).Draw(t, "list field")
		if leaf.Field.Element && len(leaf.Field.Path) == 0 {
			leaf.Field = fields[1] // objects are elements too, and stand for the list of their keys
		}
		if len(leaf.Field.Path) == 2 {
			return &filter.Tree{Op: leaf.Op, Field: field("value"), Args: []*filter.Tree{jsonTree(t, depth-1, true)}}
		}
		leaf.Args = []*filter.Tree{jsonTree(t, depth-1, true)}
	case 3:
		return &filter.Tree{Op: rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge}).Draw(t, "order"),
			Field: momentField(inElement), Timed: true, Value: rapid.SampledFrom(boundMoments).Draw(t, "bound")}
	case 4:
		leaf.Op, leaf.Values = rapid.SampledFrom([]filter.Op{filter.In, filter.NotIn}).Draw(t, "in"), []any{value(), value(), value()}
	case 5:
		leaf.Op, leaf.Value = rapid.SampledFrom([]filter.Op{filter.StartsWith, filter.EndsWith, filter.Contains}).Draw(t, "text"), "a"
	case 6:
		if inElement && len(leaf.Field.Path) > 0 {
			leaf.Op = filter.Has
			return leaf
		}
		of := field("value")
		if inElement {
			of = fields[1]
		}
		return &filter.Tree{Op: filter.Element, Field: of, Value: value(), Negated: leaf.Negated}
	default:
		leaf.Op = rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge}).Draw(t, "comparison")
		leaf.Value = value()
	}
	if len(leaf.Field.Path) == 1 && !leaf.Field.Element && len(leaf.Args) == 0 {
		leaf.Field = fields[1] // a column of JSON itself is compared with null alone
	}
	return leaf
}

var boundMoments = []any{
	"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456789Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
	"2024-02-29T12:00:00Z",
}

func momentField(inElement bool) *filter.Field {
	if inElement {
		return &filter.Field{Element: true, Path: []string{"at"}}
	}
	return field("moment")
}

// checkJSON puts filters about lists and members to a database.
func checkJSON(t *testing.T, records []record, format filter.Format, selected func(where string, args []any) ([]string, error)) {
	check := func(t interface {
		Fatalf(format string, args ...any)
	}, tree *filter.Tree,
	) {
		got, err := sqlIDs(tree, format, selected)
		if err != nil {
			t.Fatalf("%v", err)
		}
		for i := range records {
			r := &records[i]
			if want := tree.Matches(r.id, r.properties); want != slices.Contains(got, r.id) {
				t.Fatalf("%s: let through %v, matches %v: %s", describe(tree), !want, want, r)
			}
		}
	}
	t.Run("moments", func(t *testing.T) {
		for _, op := range []filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge} {
			for _, bound := range boundMoments {
				check(t, &filter.Tree{Op: op, Field: field("moment"), Value: bound, Timed: true})
			}
		}
	})
	t.Run("links", func(t *testing.T) {
		for _, passes := range []bool{false, true} {
			for _, values := range [][]string{nil, {"a"}, {"12", "A", "a", "ab"}} {
				for _, f := range []*filter.Field{field("value", "k"), field("object", "k"), field("object", "m'n", "k"), field("value", "o", "m'n")} {
					check(t, filter.Links(f, values, passes))
				}
			}
		}
	})
	t.Run("trees", rapid.MakeCheck(func(t *rapid.T) {
		for range 10 {
			check(t, jsonTree(t, 3, false))
		}
	}))
}

// checkRelations puts filters that lead through other tables to a database.
func checkRelations(t *testing.T, format filter.Format, exec func(statement string), selected func(where string, args []any) ([]string, error)) {
	exec("CREATE TABLE teams (id varchar(20), k varchar(20))")
	exec("CREATE TABLE people (id varchar(20), team varchar(20), name varchar(20))")
	exec("CREATE TABLE rows_of (record varchar(20), k varchar(20), person varchar(20))")
	exec("CREATE TABLE related (id varchar(20), owner varchar(20))")
	teams := map[string]any{"t1": map[string]any{"id": "t1", "k": "a"}, "t2": map[string]any{"id": "t2", "k": nil}}
	people := map[string]any{
		"p1": map[string]any{"id": "p1", "team": teams["t1"], "name": "ann"}, "p2": map[string]any{"id": "p2", "team": teams["t2"], "name": nil},
		"p3": map[string]any{"id": "p3", "team": nil, "name": ""},
	}
	exec("INSERT INTO teams VALUES ('t1', 'a'), ('t2', NULL)")
	exec("INSERT INTO people VALUES ('p1', 't1', 'ann'), ('p2', 't2', NULL), ('p3', NULL, '')")
	var records []record
	rows := [][][2]string{{}, {{"a", "p1"}}, {{"a", "p1"}, {"ab", "p2"}}, {{"", "p3"}}, {{"NULL", "NULL"}}, {{"a", "p3"}, {"a", "p1"}}}
	quote := func(text string) string {
		if text == "NULL" {
			return text
		}
		return "'" + text + "'"
	}
	orNil := func(text string) any {
		if text == "NULL" {
			return nil
		}
		return text
	}
	for _, owner := range []string{"NULL", "p1", "p2", "p3"} {
		for _, list := range rows {
			r := record{id: fmt.Sprintf("r%d", len(records)), properties: map[string]any{"owner": nil}}
			if owner != "NULL" {
				r.properties["owner"] = people[owner]
			}
			exec(fmt.Sprintf("INSERT INTO related VALUES ('%s', %s)", r.id, quote(owner)))
			lines := []any{}
			for _, row := range list {
				exec(fmt.Sprintf("INSERT INTO rows_of VALUES ('%s', %s, %s)", r.id, quote(row[0]), quote(row[1])))
				var person any
				if row[1] != "NULL" {
					person = people[row[1]]
				}
				lines = append(lines, map[string]any{"k": orNil(row[0]), "person": person})
			}
			r.properties["lines"] = lines
			records = append(records, r)
		}
	}
	relations := filter.Relations{
		"owner": {Table: "people"}, "owner.team": {Table: "teams"}, "lines": {Table: "rows_of", Key: "record", Many: true}, "lines.person": {Table: "people"},
		"lines.person.team": {Table: "teams", Key: "id", Column: "team"},
	}
	element := func(path ...string) *filter.Field { return &filter.Field{Element: true, Path: path} }
	leaves := func(f *filter.Field) []*filter.Tree {
		return []*filter.Tree{
			{Op: filter.Eq, Field: f, Value: "a"}, {Op: filter.Ne, Field: f, Value: "a"}, {Op: filter.Eq, Field: f}, {Op: filter.Ne, Field: f},
			{Op: filter.In, Field: f, Values: []any{"a", "ann", ""}}, {Op: filter.NotIn, Field: f, Values: []any{"a", "ann"}}, {Op: filter.StartsWith, Field: f, Value: "a"},
			{Op: filter.Contains, Field: f, Value: "n", Negated: true},
		}
	}
	trees := slices.Concat(leaves(field("owner", "name")), leaves(field("owner", "team", "k")))
	for _, op := range []filter.Op{filter.Any, filter.Every} {
		for _, of := range slices.Concat(leaves(element("k")), leaves(element("person", "name")), leaves(element("person", "team", "k"))) {
			trees = append(trees, &filter.Tree{Op: op, Field: field("lines"), Args: []*filter.Tree{of}})
		}
		trees = append(trees, &filter.Tree{Op: op, Field: field("lines"), Args: []*filter.Tree{filter.Constant(true)}},
			&filter.Tree{Op: filter.Every, Field: field("lines"), Args: []*filter.Tree{filter.Constant(false)}})
	}
	for _, passes := range []bool{false, true} {
		for _, values := range [][]string{nil, {"a"}, {"a", "ab", "ann"}} {
			trees = append(trees, filter.Links(field("lines", "k"), values, passes), filter.Links(field("owner", "name"), values, passes),
				filter.Links(field("lines", "person", "name"), values, passes), filter.Links(field("lines", "person", "team", "k"), values, passes))
		}
	}
	for _, tree := range trees {
		encoded, err := filter.EncodeRelated(tree, format, relations)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		switch condition := encoded.Condition.(type) {
		case *filter.SQL:
			if got, err = selected(condition.Where, condition.Args); err != nil {
				t.Fatalf("%s: %v", condition.Where, err)
			}
		default:
			if encoded.Kind != filter.KindNever {
				t.Fatalf("%s", encoded.Kind)
			}
		}
		for i := range records {
			r := &records[i]
			if want := tree.Matches(r.id, r.properties); want != slices.Contains(got, r.id) {
				t.Fatalf("%s as %v: let through %v, matches %v: %s", describe(tree), encoded.Condition, !want, want, r)
			}
		}
	}
}

// databaseOfJSON makes the table of jsonRecords.
func databaseOfJSON(records []record, json string, exec func(statement string, args ...any), placeholders string) {
	exec("CREATE TABLE records (id varchar(20), value " + json + ", object " + json + ", moment varchar(60))")
	for i := range records {
		values := []any{records[i].id}
		for _, name := range []string{"value", "object"} {
			if value := records[i].properties[name]; value != nil {
				values = append(values, expr.FormatJSON(value))
			} else {
				values = append(values, nil)
			}
		}
		exec("INSERT INTO records VALUES ("+placeholders+")", append(values, records[i].properties["moment"])...)
	}
}

func TestSQLiteJSON(t *testing.T) {
	db := openSQLite(t)
	checkDatabaseJSON(t, db, filter.FormatSQLite, "TEXT")
}

func TestMySQLJSON(t *testing.T) {
	checkDatabaseJSON(t, startMySQL(t), filter.FormatMySQL, "JSON")
}

func checkDatabaseJSON(t *testing.T, db *sql.DB, format filter.Format, json string) {
	exec := func(statement string, args ...any) {
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	records := jsonRecords(t)
	databaseOfJSON(records, json, exec, "?, ?, ?, ?")
	checkJSON(t, records, format, func(where string, args []any) ([]string, error) {
		return databaseIDs(context.Background(), db, "SELECT id FROM records WHERE "+where, args)
	})
	checkRelations(t, format, func(statement string) { exec(statement) }, func(where string, args []any) ([]string, error) {
		return databaseIDs(t.Context(), db, "SELECT id FROM related WHERE "+where, args)
	})
}

func TestPostgresJSON(t *testing.T) {
	connection := startPostgres(t)
	exec := func(statement string, args ...any) {
		if _, err := connection.Exec(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	records := jsonRecords(t)
	databaseOfJSON(records, "jsonb", exec, "$1, $2::text::jsonb, $3::text::jsonb, $4")
	selected := func(table string) func(where string, args []any) ([]string, error) {
		return func(where string, args []any) ([]string, error) {
			rows, err := connection.Query(context.Background(), "SELECT id FROM "+table+" WHERE "+where, args...)
			if err != nil {
				return nil, err
			}
			return pgx.CollectRows(rows, pgx.RowTo[string])
		}
	}
	checkJSON(t, records, filter.FormatPostgres, selected("records"))
	checkRelations(t, filter.FormatPostgres, func(statement string) { exec(statement) }, selected("related"))
}

// TestCELJSON evaluates what is written in CEL.
func TestCELJSON(t *testing.T) {
	records := jsonRecords(t)
	for i := range records {
		if at, ok := records[i].properties["moment"].(string); ok {
			records[i].properties["value"] = []any{map[string]any{"at": at, "k": at}, records[i].properties["value"]}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := jsonTree(t, 3, false)
		encoded, err := filter.Encode(tree, filter.FormatCEL)
		if err != nil {
			t.Fatal(err)
		}
		source, ok := encoded.Condition.(string)
		if !ok {
			source = map[filter.Kind]string{filter.KindAlways: "true", filter.KindNever: "false"}[encoded.Kind]
		}
		program, err := expr.Compile(expr.Condition, source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		for i := range records {
			r := &records[i]
			if want, got := tree.Matches(r.id, r.properties), holds(program, r); want != got {
				t.Fatalf("%s as %s: let through %v, matches %v: %s", describe(tree), source, got, want, r)
			}
		}
	})
}

// TestLeftOut leaves out the alternatives that a format cannot express, and nothing else.
func TestLeftOut(t *testing.T) {
	said := &filter.Tree{Op: filter.Eq, Field: field("status"), Value: "open"}
	unsaid := &filter.Tree{Op: filter.Opaque, Source: "size(resource.properties.tags) > 1", Eval: func(string, map[string]any) bool { return true }}
	needed := &filter.Tree{Op: filter.Ne, Field: field("team"), Value: "x"}
	for name, tc := range map[string]struct {
		tree, want *filter.Tree
		leftOut    int
	}{
		"beside another":      {filter.AnyOf(said, unsaid), said, 1},
		"with what it needs":  {filter.AnyOf(said, filter.All(needed, unsaid)), said, 1},
		"below what all need": {filter.All(needed, filter.AnyOf(said, unsaid)), filter.All(needed, said), 1},
		"twice the same":      {filter.All(filter.AnyOf(needed, unsaid), filter.AnyOf(said, unsaid)), filter.All(needed, said), 1},
		"alone":               {unsaid, nil, 0},
		"where all need it":   {filter.All(unsaid, filter.AnyOf(said, needed)), nil, 0},
		"all of them":         {filter.AnyOf(unsaid, filter.All(said, unsaid)), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []filter.Format{filter.FormatUCAST, filter.FormatCerbos, filter.FormatPostgres, filter.FormatMySQL, filter.FormatSQLite} {
				got, err := filter.Encode(tc.tree, format)
				if tc.want == nil {
					if refusal := (*filter.UnsupportedError)(nil); !asRefusal(err, &refusal) || !strings.HasPrefix(refusal.Leaf, "size(") {
						t.Errorf("%s: got %v, want a refusal", format, err)
					}
					continue
				}
				want, wantErr := filter.Encode(tc.want, format)
				if err != nil || wantErr != nil {
					t.Fatal(err, wantErr)
				}
				if expr.FormatJSON(mustJSON(t, got.Condition)) != expr.FormatJSON(mustJSON(t, want.Condition)) || len(got.LeftOut) != tc.leftOut {
					t.Errorf("%s: got %v, left out %v", format, got.Condition, got.LeftOut)
				}
			}
		})
	}
}

func mustJSON(t *testing.T, value any) any {
	decoded, err := decode(value)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// TestRelationErrors refuses relations that make no sense.
func TestRelationErrors(t *testing.T) {
	tree := &filter.Tree{Op: filter.Any, Field: field("lines"), Args: []*filter.Tree{{Op: filter.Eq, Field: &filter.Field{Element: true, Path: []string{"k"}}, Value: "a"}}}
	for name, relations := range map[string]filter.Relations{
		"no table":     {"lines": {Key: "record", Many: true}},
		"no key":       {"lines": {Table: "rows", Many: true}},
		"no property":  {"": {Table: "rows"}},
		"a NUL":        {"lines": {Table: "ro\x00ws", Key: "record", Many: true}},
		"one, not all": {"lines": {Table: "rows", Key: "record"}},
	} {
		if encoded, err := filter.EncodeRelated(tree, filter.FormatPostgres, relations); err == nil {
			t.Errorf("%s: got %v", name, encoded.Condition)
		}
	}
}
