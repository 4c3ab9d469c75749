package filter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/remit-authz/remit/internal/filter"
)

// TestSQLite runs encoded filters on tables whose columns have fitting types and others, and values of every
// type in them.
func TestSQLite(t *testing.T) {
	db := openSQLite(t)
	scalars := slices.Concat(anys(texts), numbers, []any{nil})
	floating := slices.Concat(anys(texts), floats, []any{nil})
	notBool := []comparand{text, number, null}
	columns := []struct {
		property
		declared string
		values   []any
	}{
		{property{path: []string{"plain"}, with: notBool}, "TEXT", scalars},
		{property{path: []string{"nocase"}, with: notBool}, "TEXT COLLATE NOCASE", scalars},
		{property{path: []string{"trimmed"}, with: notBool}, "TEXT COLLATE RTRIM", scalars},
		{property{path: []string{"whole"}, with: notBool}, "INTEGER", scalars},
		{property{path: []string{"broken"}, with: notBool}, "REAL", floating},
		{property{path: []string{"numeric"}, with: notBool}, "NUMERIC", scalars},
		{property{path: []string{"bare"}, with: notBool}, "", scalars},
		{property{path: []string{"or`der\" by"}, with: notBool}, "TEXT", scalars},
		{property{path: []string{"flag"}, with: []comparand{text, boolean, null}, flag: true}, "BOOLEAN", append(bools, nil)},
	}
	const rows = 2 * 60
	for name, tc := range map[string]struct {
		id  string
		ids func(i int) any
	}{
		"ids that are texts": {"TEXT PRIMARY KEY", func(i int) any {
			if i > 0 && i < len(ids) {
				return ids[i] // no record's id is ""
			}
			return fmt.Sprintf("r%d", i)
		}},
		"ids that are numbers": {"INTEGER PRIMARY KEY", func(i int) any { return i }},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewSource(1))
			g := generator{
				properties: []property{{with: []comparand{text, number, boolean, null}}},
				links:      []property{{}},
				operators:  plainOperators, columns: true, texts: texts, numbers: numbers, noNULInLists: true,
			}
			names, declared := []string{"id"}, []string{"id " + tc.id}
			values := make([][]any, rows)
			for i := range values {
				values[i] = append(values[i], tc.ids(i))
			}
			for _, c := range columns {
				g.properties = append(g.properties, c.property)
				if !c.flag {
					g.links = append(g.links, c.property)
				}
				name := "`" + strings.ReplaceAll(c.path[0], "`", "``") + "`"
				names, declared = append(names, name), append(declared, name+" "+c.declared)
				for i, value := range shuffled(random, rows, c.values) {
					values[i] = append(values[i], value)
				}
			}
			exec := func(statement string, args ...any) {
				if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			exec("CREATE TABLE records (" + strings.Join(declared, ", ") + ")")
			defer exec("DROP TABLE records")
			for _, row := range values {
				exec("INSERT INTO records VALUES (?"+strings.Repeat(", ?", len(columns))+")", row...)
			}
			records := sqliteRecords(t, db, names)
			g.check(t, records, func(tree *filter.Tree) ([]string, error) {
				return sqlIDs(tree, filter.FormatSQLite, func(where string, args []any) ([]string, error) {
					return databaseIDs(t.Context(), db, "SELECT CAST(id AS TEXT) FROM records WHERE "+where, args)
				})
			})
		})
	}
}

func openSQLite(t *testing.T) *sql.DB {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	t.Cleanup(func() { closeOrFail(t, db) })
	return db
}

func closeOrFail(t *testing.T, closer io.Closer) {
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// sqliteRecords reads what an application would.
func sqliteRecords(t *testing.T, db *sql.DB, names []string) []record {
	rows, err := db.QueryContext(t.Context(), "SELECT CAST(id AS TEXT), * FROM records")
	if err != nil {
		t.Fatal(err)
	}
	defer closeOrFail(t, rows)
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var records []record
	for rows.Next() {
		r := record{properties: map[string]any{}}
		values, into := make([]any, len(names)), []any{&r.id}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, column := range columns[2:] {
			value := values[i+1]
			if i, ok := value.(int64); ok && column == "flag" {
				value = i == 1
			}
			r.properties[column] = value
		}
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return records
}

// TestSQLiteMissingColumn makes sure that a property without a column is an error.
func TestSQLiteMissingColumn(t *testing.T) {
	db := openSQLite(t)
	tree := &filter.Tree{Op: filter.Ne, Field: &filter.Field{Path: []string{"status"}}, Value: "open"}
	ids, err := sqlIDs(tree, filter.FormatSQLite, func(where string, args []any) ([]string, error) {
		return databaseIDs(t.Context(), db, "SELECT id FROM (SELECT 'x' AS id) WHERE "+where, args)
	})
	if err == nil || !strings.Contains(err.Error(), "no such column: status") {
		t.Errorf("let through %v, error %v", ids, err)
	}
}

// sqlIDs encodes a filter as SQL and selects with it.
func sqlIDs(tree *filter.Tree, format filter.Format, selected func(where string, args []any) ([]string, error)) ([]string, error) {
	encoded, err := filter.Encode(tree, format)
	if err != nil {
		return nil, err
	}
	switch encoded.Kind {
	case filter.KindAlways:
		return selected("TRUE", nil)
	case filter.KindNever:
		return nil, nil
	}
	condition := encoded.Condition.(*filter.SQL)
	ids, err := selected(condition.Where, condition.Args)
	if err != nil {
		err = fmt.Errorf("%s %#v: %w", condition.Where, condition.Args, err)
	}
	return ids, err
}

func databaseIDs(ctx context.Context, db *sql.DB, query string, args []any) (ids []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
