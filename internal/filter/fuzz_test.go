package filter_test

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// FuzzEncode writes arbitrary trees in every format: none makes it panic, and what is not refused is well
// formed: SQL has a placeholder for every value and closes what it opens, CEL compiles, the others are JSON.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "eq status open", "\x02\x03\x04 x\x00y", "\x0d\x01\x02a\"b`c'd?$1(\x03", "in\xff\xfe", strings.Repeat("\x03", 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source := &bytesSource{data}
		tree := source.tree(4)
		for _, format := range filter.Formats {
			encoded, err := filter.Encode(tree, format)
			if err != nil {
				var refusal *filter.UnsupportedError
				if errors.As(err, &refusal) && (refusal.Leaf == "" || refusal.Reason == "") {
					t.Errorf("%s: a refusal without a word: %#v", format, refusal)
				}
				continue
			}
			switch condition := encoded.Condition.(type) {
			case *filter.SQL:
				checkSQL(t, format, condition)
			case string:
				if _, err := expr.Compile(expr.Condition, condition); err != nil && !strings.Contains(err.Error(), "expected type") {
					t.Errorf("%s: %v", condition, err)
				}
			default:
				if _, err := json.Marshal(encoded); err != nil {
					t.Errorf("%s: %v", format, err)
				}
			}
		}
	})
}

var numbered = regexp.MustCompile(`^\$[0-9]+`)

// checkSQL reads SQL as far as to know what is quoted.
func checkSQL(t *testing.T, format filter.Format, condition *filter.SQL) {
	name := byte('`')
	if format == filter.FormatPostgres {
		name = '"'
	}
	used := map[int]bool{}
	depth := 0
	text := condition.Where
	for len(text) > 0 {
		c := text[0]
		switch c {
		case '\'', name:
			end := strings.IndexByte(text[1:], c)
			if end < 0 {
				t.Fatalf("%s: an open quote in %s", format, condition.Where)
			}
			text = text[1+end:] // two quotes in a row are the end of one part and the start of another
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				t.Fatalf("%s: a parenthesis too much in %s", format, condition.Where)
			}
		case '?':
			used[len(used)+1] = true
		case '$':
			n, err := strconv.Atoi(strings.TrimPrefix(numbered.FindString(text), "$"))
			if err != nil {
				t.Fatalf("%s: a placeholder without a number in %s", format, condition.Where)
			}
			used[n] = true
		case ';', '-', '\\', 0:
			if c != '-' || strings.HasPrefix(text, "--") {
				t.Fatalf("%s: %q in %s", format, c, condition.Where)
			}
		}
		text = text[1:]
	}
	if depth != 0 {
		t.Fatalf("%s: an open parenthesis in %s", format, condition.Where)
	}
	for n := range condition.Args {
		if !used[n+1] {
			t.Fatalf("%s: no placeholder for value %d in %s", format, n+1, condition.Where)
		}
	}
	if len(used) != len(condition.Args) {
		t.Fatalf("%s: %d placeholders and %d values in %s", format, len(used), len(condition.Args), condition.Where)
	}
}

// bytesSource makes trees, well formed ones and others, out of bytes.
type bytesSource struct{ data []byte }

func (s *bytesSource) next() int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b)
}

func (s *bytesSource) text() string {
	n := min(s.next(), len(s.data))
	text := string(s.data[:n])
	s.data = s.data[n:]
	return text
}

func (s *bytesSource) tree(depth int) *filter.Tree {
	ops := []filter.Op{
		filter.Eq, filter.And, filter.Or, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge, filter.In, filter.NotIn, filter.StartsWith,
		filter.EndsWith, filter.Contains, filter.Element, filter.Link, filter.Opaque, filter.True, filter.False, "",
	}
	kind := s.next()
	tree := &filter.Tree{Op: ops[kind%len(ops)], Negated: s.next()%2 == 1, EmptyPasses: kind >= 128}
	if tree.Op == filter.And || tree.Op == filter.Or {
		for range s.next() % 4 {
			if depth > 0 {
				tree.Args = append(tree.Args, s.tree(depth-1))
			}
		}
		return tree
	}
	tree.Field = s.field()
	if s.next()%4 == 1 {
		tree.Other = s.field()
	}
	tree.Value = s.value()
	for range s.next() % 5 {
		tree.Values = append(tree.Values, s.value())
	}
	if tree.Op == filter.Opaque && tree.Negated {
		tree.Source = "size(resource.properties.a) > 1"
	}
	return tree
}

func (s *bytesSource) field() *filter.Field {
	switch kind := s.next() % 8; kind {
	case 0:
		return filter.IDField
	case 1:
		return nil
	case 2:
		return &filter.Field{}
	case 3:
		return &filter.Field{Path: []string{s.text(), s.text()}}
	}
	return &filter.Field{Path: []string{s.text()}}
}

func (s *bytesSource) value() any {
	switch s.next() % 8 {
	case 0:
		return nil
	case 1:
		return s.next()%2 == 1
	case 2:
		return int64(s.next()) << (s.next() % 64)
	case 3:
		return float64(s.next()) / 8
	case 4:
		return math.Float64frombits(uint64(s.next())<<56 | uint64(s.next())<<48)
	case 5:
		return []any{s.text()}
	}
	return s.text()
}
