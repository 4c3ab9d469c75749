package filter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// TestMySQL runs encoded filters on tables whose columns have fitting types and others, in MySQL or MariaDB.
func TestMySQL(t *testing.T) {
	db := startMySQL(t)

	// Older character sets do not have every character.
	latin := slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		return strings.ContainsFunc(text, func(r rune) bool { return r > 0xff })
	})
	basic := slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		return strings.ContainsFunc(text, func(r rune) bool { return r > 0xffff })
	})
	nullable := func(values ...any) []any { return append(values, nil) }
	notBool := []comparand{text, number, null}
	whole := []any{0, 1, -1, 2, 10, 12}
	columns := []struct {
		property
		declared string
		values   []any
		// narrow says that comparisons with texts let less through than they could.
		narrow bool
	}{
		{property: property{path: []string{"plain"}, with: notBool}, declared: "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", values: nullable(anys(texts)...)},
		{property: property{path: []string{"binary"}, with: notBool}, declared: "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", values: nullable(anys(texts)...)},
		{property: property{path: []string{"long"}, with: notBool}, declared: "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", values: nullable(anys(texts)...)},
		{property: property{path: []string{"latin"}, with: notBool}, declared: "VARCHAR(30) CHARACTER SET latin1", values: nullable(anys(latin)...)},
		{property: property{path: []string{"basic"}, with: notBool}, declared: "VARCHAR(30) CHARACTER SET utf8mb3", values: nullable(anys(basic)...)},
		{property: property{path: []string{"or`der\" by"}, with: notBool}, declared: "VARCHAR(30) CHARACTER SET utf8mb4", values: nullable(anys(texts)...)},
		{property: property{path: []string{"choice"}, with: notBool}, declared: "ENUM('a', 'B', '12')", values: nullable("a", "B", "12")},
		{property: property{path: []string{"day"}, with: notBool}, declared: "DATE", values: nullable("2026-01-02", "2026-03-04")},
		{property: property{path: []string{"small"}, with: notBool}, declared: "SMALLINT", values: nullable(whole...)},
		{property: property{path: []string{"big"}, with: notBool}, declared: "BIGINT", values: nullable(append(integers, whole...)...)},
		{property: property{path: []string{"positive"}, with: notBool}, declared: "BIGINT UNSIGNED", values: nullable(0, 1, 12, int64(1<<53+1))},
		{property: property{path: []string{"exact"}, with: notBool}, declared: "DECIMAL(30, 2)", values: nullable(0, 12, 12.5, "0.1", -2.5, 1e15)},
		{property: property{path: []string{"double"}, with: notBool}, declared: "DOUBLE", values: nullable(floats...)},
		{property: property{path: []string{"flag"}, with: []comparand{text, boolean, null}, flag: true}, declared: "BOOLEAN", values: nullable(true, false)},
		{property: property{path: []string{"document"}, with: notBool}, declared: "JSON",
			values: nullable("null", `"a"`, `""`, `"12"`, "12", "12.50", "true", `["a"]`, `{"a": 1}`), narrow: true},
	}
	for name, tc := range map[string]struct {
		table, declared string
		id              func(i int) any
	}{
		"ids that are texts": {"with_texts", "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", func(i int) any {
			if i > 0 && i < len(ids) {
				return ids[i]
			}
			return fmt.Sprintf("r%d", i)
		}},
		"ids that are numbers": {"with_numbers", "BIGINT", func(i int) any { return i }},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewSource(1))
			id := property{with: []comparand{text, number, boolean, null}}
			exact := generator{
				properties: []property{id}, links: []property{id},
				operators: plainOperators, columns: true, texts: texts, numbers: numbers,
			}
			narrow := exact
			names, declared := []string{"id"}, []string{"id " + tc.declared}
			const rows = 120
			values := make([][]any, rows)
			for i := range values {
				values[i] = append(values[i], tc.id(i))
			}
			for _, c := range columns {
				g := &exact
				if c.narrow {
					g = &narrow
				}
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
			exec("CREATE TABLE " + tc.table + " (" + strings.Join(declared, ", ") + ")")
			for _, row := range values {
				exec("INSERT INTO "+tc.table+" VALUES (?"+strings.Repeat(", ?", len(columns))+")", row...)
			}
			var records []record
			for _, row := range databaseRows(t, db, "SELECT CONVERT(id USING utf8mb4), JSON_ARRAY("+strings.Join(names[1:], ", ")+") FROM "+tc.table) {
				list, err := expr.ParseJSON([]byte(row[1]))
				if err != nil {
					t.Fatal(err)
				}
				r := record{id: row[0], properties: map[string]any{}}
				for i, value := range list.([]any) {
					if i, ok := value.(int64); ok && columns[len(r.properties)].flag {
						value = i == 1
					}
					r.properties[columns[i].path[0]] = value
				}
				records = append(records, r)
			}
			through := func(tree *filter.Tree) ([]string, error) {
				return sqlIDs(tree, filter.FormatMySQL, func(where string, args []any) ([]string, error) {
					return databaseIDs(context.Background(), db, "SELECT CONVERT(id USING utf8mb4) FROM "+tc.table+" WHERE "+where, args)
				})
			}
			// isForeign says that a column with an older character set is compared with a text that may have
			// other characters, which the database itself refuses.
			last := map[string]rune{"latin": 0x7f, "basic": 0xffff}
			isForeign := func(leaf *filter.Tree) bool {
				if leaf.Field.ID || last[leaf.Field.Path[0]] == 0 {
					return false
				}
				return slices.ContainsFunc(append(leaf.Values, leaf.Value), func(value any) bool {
					text, _ := value.(string)
					return strings.ContainsFunc(text, func(r rune) bool { return r > last[leaf.Field.Path[0]] })
				})
			}
			t.Run("exactly", func(t *testing.T) {
				exact.check(t, records, func(tree *filter.Tree) ([]string, error) {
					got, err := through(tree)
					var problem *mysql.MySQLError
					if errors.As(err, &problem) && slices.Contains([]uint16{1267, 1270, 1271} /* illegal mix of collations */, problem.Number) && asks(tree, isForeign) {
						return matching(tree, records), nil
					}
					return got, err
				})
			})
			t.Run("no more", func(t *testing.T) {
				narrow.check(t, records, func(tree *filter.Tree) ([]string, error) {
					return noMore(tree, records, through)
				})
			})
		})
	}
}

func databaseRows(t *testing.T, db *sql.DB, query string) [][2]string {
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer closeOrFail(t, rows)
	var all [][2]string
	for rows.Next() {
		var row [2]string
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// startMySQL connects to a MariaDB or MySQL of its own.
func startMySQL(t *testing.T) *sql.DB {
	const folders = "/usr/sbin"
	server, hasServer := program("mysqld", folders)
	if !hasServer {
		t.Skip("no mysqld on the PATH or in " + folders)
	}
	version, err := exec.CommandContext(t.Context(), server, "--no-defaults", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder, as := serverFolder(t)
	data := "--datadir=" + folder + "/data"
	options := []string{"--no-defaults", data, "--socket=" + folder + "/socket", "--pid-file=" + folder + "/pid", "--skip-networking", "--skip-name-resolve"}
	if os.Geteuid() == 0 {
		as, options = nil, append(options, "--user=nobody") // it changes the user itself
	}
	if install, ok := program("mariadb-install-db", "/usr/bin"); ok && strings.Contains(string(version), "MariaDB") {
		arguments := []string{"--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"}
		if os.Geteuid() == 0 {
			arguments = append(arguments, "--user=nobody")
		}
		run(t, folder, as, install, arguments...)
	} else {
		run(t, folder, as, server, append(slices.Clone(options), "--initialize-insecure")...)
		options = append(options, "--mysqlx=OFF")
	}
	serve(t, folder, as, "ready for connections", server, options...)

	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", folder+"/socket"
	config.Collation = "utf8mb4_general_ci"
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { closeOrFail(t, db) })
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE records CHARACTER SET utf8mb4"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "USE records"); err != nil {
		t.Fatal(err)
	}
	return db
}
