package filter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// postgresColumn is a column of the table that encoded filters are put to.
type postgresColumn struct {
	property
	declared string
	values   []any
	// setup makes the type; where that fails, as it does where an extension is not installed, there is no
	// such column.
	setup string
	// isNumber says that it may be compared with small whole numbers, as others may not.
	isNumber bool
	// narrow says that comparisons with texts let less through than they could.
	narrow bool
}

// TestPostgres runs encoded filters on tables whose columns have fitting types and others.
func TestPostgres(t *testing.T) {
	connection := startPostgres(t)

	// PostgreSQL has no text with a NUL character.
	texts := slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.ContainsRune(text, 0) })
	nullable := func(values ...any) []any { return append(values, nil) }
	scalars := []comparand{text, number, boolean, null}
	whole := []any{0, 1, -1, 2, 10, 12}
	columns := []postgresColumn{
		{property: property{path: []string{"plain"}, with: scalars}, declared: "text", values: nullable(anys(texts)...)},
		{property: property{path: []string{"limited"}, with: scalars}, declared: "varchar(30)", values: nullable(anys(texts)...)},
		{property: property{path: []string{`or"der by`}, with: scalars}, declared: "text", values: nullable(anys(texts)...)},
		{property: property{path: []string{"padded"}, with: scalars}, declared: "char(12)", values: nullable(anys(texts)...), narrow: true},
		{property: property{path: []string{"loose"}, with: scalars}, declared: "citext", values: nullable(anys(texts)...), setup: "CREATE EXTENSION citext"},
		{property: property{path: []string{"accents"}, with: scalars}, declared: "text COLLATE accents", values: nullable(anys(texts)...),
			setup: "CREATE COLLATION accents (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"},
		{property: property{path: []string{"choice"}, with: scalars}, declared: "choice", values: nullable("a", "A", "12"), setup: "CREATE TYPE choice AS ENUM ('a', 'A', '12')"},
		{property: property{path: []string{"key"}, with: scalars}, declared: "uuid", values: nullable("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
		{property: property{path: []string{"day"}, with: scalars}, declared: "date", values: nullable("2026-01-02", "2026-03-04")},
		{property: property{path: []string{"moment"}, with: scalars}, declared: "timestamptz", values: nullable("2026-01-02T03:04:05Z"), narrow: true},
		{property: property{path: []string{"small"}, with: scalars}, declared: "smallint", values: nullable(whole...), isNumber: true},
		{property: property{path: []string{"whole"}, with: scalars}, declared: "integer", values: nullable(whole...), isNumber: true},
		{property: property{path: []string{"big"}, with: scalars}, declared: "bigint", values: nullable(append(integers, whole...)...), isNumber: true},
		{property: property{path: []string{"exact"}, with: scalars}, declared: "numeric", values: nullable("0", "12", "12.5", "0.1", "-2.5", "1e15"), isNumber: true},
		{property: property{path: []string{"scaled"}, with: scalars}, declared: "numeric(10, 2)", values: nullable("0", "12", "12.5", "0.1", "-2.5"), isNumber: true, narrow: true},
		{property: property{path: []string{"double"}, with: scalars}, declared: "double precision", values: nullable(0, 12, 12.5, 0.1, -2.5, 1e15, 1e300, 1e19), isNumber: true},
		{property: property{path: []string{"single"}, with: scalars}, declared: "real", values: nullable(0, 12, 12.5, 0.1, -2.5), isNumber: true},
		{property: property{path: []string{"strange"}, with: scalars}, declared: "double precision", values: nullable("NaN", "Infinity", "-Infinity"), isNumber: true},
		{property: property{path: []string{"flag"}, with: scalars}, declared: "boolean", values: nullable(true, false)},
		{property: property{path: []string{"document"}, with: scalars}, declared: "jsonb", narrow: true,
			values: nullable("null", `"a"`, `""`, `"12"`, "12", "12.50", "true", `["a"]`, `{"a": 1}`)},
		{property: property{path: []string{"list"}, with: scalars}, declared: "text[]", values: nullable("{}", "{a}", "{NULL}"), narrow: true},
	}
	columns = slices.DeleteFunc(columns, func(c postgresColumn) bool {
		_, err := connection.Exec(t.Context(), c.setup)
		if err != nil {
			t.Logf("without a column of type %s: %v", c.declared, err)
		}
		return err != nil
	})
	for name, tc := range map[string]struct {
		table, declared string
		id              func(i int) any
	}{
		"ids that are texts": {"with_texts", "text", func(i int) any {
			if i > 0 && i < len(ids) {
				return ids[i]
			}
			return fmt.Sprintf("r%d", i)
		}},
		"ids that are numbers": {"with_numbers", "bigint", func(i int) any { return i }},
	} {
		t.Run(name, func(t *testing.T) {
			exec := func(statement string, args ...any) {
				if _, err := connection.Exec(t.Context(), statement, args...); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			exec("CREATE TABLE " + tc.table + " (id " + tc.declared + ")")
			const rows = 120
			for i := range rows {
				exec("INSERT INTO "+tc.table+" VALUES ($1)", tc.id(i))
			}
			random := rand.New(rand.NewSource(1))
			numbered := map[string]bool{}
			id := property{with: scalars}
			exact := generator{
				properties: []property{id}, links: []property{id},
				operators: plainOperators, columns: true, texts: texts, numbers: numbers,
			}
			narrow := exact
			for _, c := range columns {
				g := &exact
				if c.narrow {
					g = &narrow
				}
				g.properties, g.links = append(g.properties, c.property), append(g.links, c.property)
				numbered[c.path[0]] = c.isNumber
				name := pgx.Identifier{c.path[0]}.Sanitize()
				exec("ALTER TABLE " + tc.table + " ADD COLUMN " + name + " " + c.declared)
				for i, value := range shuffled(random, rows, c.values) {
					if value != nil {
						value = fmt.Sprint(value)
					}
					exec("UPDATE "+tc.table+" SET "+name+" = $2::text::"+strings.Split(c.declared, " COLLATE")[0]+" WHERE id = $1", tc.id(i), value)
				}
			}
			records := postgresRecords(t, connection, tc.table)

			through := func(tree *filter.Tree) ([]string, error) {
				return sqlIDs(tree, filter.FormatPostgres, func(where string, args []any) ([]string, error) {
					rows, err := connection.Query(context.Background(), "SELECT id::text FROM "+tc.table+" WHERE "+where, args...)
					if err != nil {
						return nil, err
					}
					return pgx.CollectRows(rows, pgx.RowTo[string])
				})
			}
			// refused says that PostgreSQL itself refuses a filter that compares a column of another type with
			// a whole number.
			refused := func(tree *filter.Tree, err error) bool {
				var problem *pgconn.PgError
				return errors.As(err, &problem) && problem.Code == "42883" /* no such operator */ && asks(tree, func(leaf *filter.Tree) bool {
					return !leaf.Field.ID && !numbered[leaf.Field.Path[0]] && slices.ContainsFunc(append(leaf.Values, leaf.Value), func(value any) bool {
						f, isFloat := value.(float64)
						_, isInt := value.(int64)
						return isInt || isFloat && f == math.Trunc(f)
					})
				})
			}
			t.Run("exactly", func(t *testing.T) {
				exact.check(t, records, func(tree *filter.Tree) ([]string, error) {
					got, err := through(tree)
					if refused(tree, err) {
						return matching(tree, records), nil
					}
					return got, err
				})
			})
			t.Run("no more", func(t *testing.T) {
				narrow.check(t, records, func(tree *filter.Tree) ([]string, error) {
					got, err := noMore(tree, records, through)
					if refused(tree, err) {
						return matching(tree, records), nil
					}
					return got, err
				})
			})
		})
	}
}

// matching gives the ids of the records that a filter matches.
func matching(tree *filter.Tree, records []record) []string {
	var matching []string
	for i := range records {
		if tree.Matches(records[i].id, records[i].properties) {
			matching = append(matching, records[i].id)
		}
	}
	return matching
}

// noMore gives the ids that match, unless others are let through.
func noMore(tree *filter.Tree, records []record, through func(*filter.Tree) ([]string, error)) ([]string, error) {
	got, err := through(tree)
	want := matching(tree, records)
	if err != nil || slices.ContainsFunc(got, func(id string) bool { return !slices.Contains(want, id) }) {
		return got, err
	}
	return want, nil
}

// asks says whether some leaf is such.
func asks(tree *filter.Tree, such func(leaf *filter.Tree) bool) bool {
	found := false
	tree.Leaves(func(leaf *filter.Tree) { found = found || leaf.Field != nil && such(leaf) })
	return found
}

// postgresRecords reads the rows as to_jsonb shows them.
func postgresRecords(t *testing.T, connection *pgx.Conn, table string) []record {
	rows, err := connection.Query(t.Context(), "SELECT id::text, to_jsonb("+table+") - 'id' FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	var records []record
	var id string
	var document []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &document}, func() error {
		value, err := expr.ParseJSON(document)
		if err != nil {
			return err
		}
		records = append(records, record{id, value.(map[string]any)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// startPostgres connects to a PostgreSQL of its own.
func startPostgres(t *testing.T) *pgx.Conn {
	const folders = "/usr/lib/postgresql/*/bin"
	initdb, hasInitdb := program("initdb", folders)
	postgres, hasPostgres := program("postgres", folders)
	if !hasInitdb || !hasPostgres {
		t.Skip("no initdb and postgres on the PATH or in " + folders)
	}
	folder, as := serverFolder(t)
	run(t, folder, as, initdb, "--pgdata", folder+"/data", "--username", "remit", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	serve(t, folder, as, "ready to accept connections", postgres,
		"-D", folder+"/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "logging_collector=off")
	connect := func(database string) *pgx.Conn {
		connection, err := pgx.Connect(t.Context(), "host="+folder+" user=remit dbname="+database)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := connection.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return connection
	}
	connection := connect("postgres")
	// A database that sorts texts as people do shows whether filters leave that to it.
	_, err := connection.Exec(t.Context(), "CREATE DATABASE records TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'")
	if err != nil {
		t.Logf("without a locale: %v", err)
		return connection
	}
	return connect("records")
}
