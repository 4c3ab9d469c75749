package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SQL is a condition for a WHERE clause. It is in parentheses where it has to be, so that it may stand beside
// AND. Values are never part of its text.
type SQL struct {
	Where string `json:"where"`
	// Args are the values of the placeholders: $1, $2 and so on in PostgreSQL, which may occur more than
	// once, and one ? after the other in MySQL and SQLite. They are bool, int64, float64, string, []int64 or
	// []string; the latter two in PostgreSQL only, for array parameters.
	Args []any `json:"args"`
}

// dialect writes leaves for one database. Every method gives a condition that is true for exactly the rows
// that the leaf of a simple tree matches; for the others it is false or NULL. A negated one is its opposite
// as Tree means it, not NOT of it.
type dialect interface {
	// placeholder is that of the nth value, counted from 1.
	placeholder(n int) string
	// maxArgs is how many values a statement may have.
	maxArgs() int
	// quote writes a name, whose quotes it doubles.
	quote(name string) string
	// refuses says why a name, or a text, is none to the database; empty where it is.
	refusesName(name string) string
	refusesText(text string) string
	// refusesListed says why a text cannot be one of a list.
	refusesListed(text string) string

	// equal compares with null, a bool, a number or a text, among with several of them, but not null.
	equal(b *binder, c column, value any, negated bool) string
	among(b *binder, c column, values []any, negated bool) string
	// order compares with a number or a text.
	order(b *binder, c column, operator string, value any) string
	// text looks for a part of a text.
	text(b *binder, c column, op Op, part string, negated bool) string
	// link holds for the ids as text and, where the column holds numbers, for the numbers.
	link(b *binder, c column, ids []string, numbers []any) string
	// equalColumns and orderColumns compare two columns.
	equalColumns(c, other column, negated bool) string
	orderColumns(c, other column, operator string) string
	// moment compares the moment that a column's text is with another; what is none is not let through.
	moment(b *binder, c column, operator string, value time.Time) string

	jsonDialect
}

// column is a quoted name. The id is a text in conditions, whatever the type of its column.
type column struct {
	name string
	isID bool
}

// binder collects the values.
type binder struct {
	dialect dialect
	args    []any
}

// arg gives the placeholder of a further value.
func (b *binder) arg(value any) string {
	b.args = append(b.args, value)
	return b.dialect.placeholder(len(b.args))
}

// number gives the placeholder of a bool, which is 1 or 0, or of a number. Whole numbers that JSON could round go
// as text, to be cast to the type.
func (b *binder) number(value any, integer string) string {
	switch v := value.(type) {
	case bool:
		if v {
			return b.arg(int64(1))
		}
		return b.arg(int64(0))
	case int64:
		if !isExact(v) {
			return "CAST(" + b.arg(strconv.FormatInt(v, 10)) + " AS " + integer + ")"
		}
	}
	return b.arg(value)
}

// placeholders gives what stands for each of some values.
func placeholders[T any](values []T, placeholder func(T) string) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = placeholder(value)
	}
	return texts
}

var dialects = map[Format]dialect{FormatPostgres: postgres{}, FormatMySQL: mysql{}, FormatSQLite: sqlite{}}

func encodeSQL(t *Tree, format Format, relations Relations) (Encoded, error) {
	e := sqlEncoder{binder: binder{dialect: dialects[format], args: []any{}}, format: format, relations: relations}
	return encoded(e.scalarLinks(t), func(t *Tree) (*SQL, error) {
		where, err := e.where(t, &scope{})
		return &SQL{Where: where, Args: e.args}, err
	})
}

// scalarLinks makes links of trees that hold for columns, which hold one value each: "" is one of the ids
// where it passes, and null stands beside. A link below another property leads through JSON, or another table.
func (e *sqlEncoder) scalarLinks(t *Tree) *Tree {
	switch {
	case t.Op == And || t.Op == Or:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			args[i] = e.scalarLinks(arg)
		}
		if t.Op == And {
			return All(args...)
		}
		return AnyOf(args...)
	case t.Op != Link:
		return t
	case len(t.Field.Path) > 1:
		return e.nestedLink(t, t.Field.Path[:1], &Field{Path: t.Field.Path[:1]}, t.Field.Path[1:], false)
	case t.EmptyPasses && !t.Field.ID:
		return AnyOf(t, null(Eq, t.Field))
	}
	if ids, _ := t.linkIDs(); len(ids) == 0 {
		return Constant(false)
	}
	return t
}

type sqlEncoder struct {
	binder
	format    Format
	relations Relations
	// aliases counts those that are given.
	aliases int
}

func (e *sqlEncoder) where(t *Tree, s *scope) (string, error) {
	if t.Op != And && t.Op != Or {
		return e.leaf(t, s)
	}
	parts := make([]string, len(t.Args))
	for i, arg := range t.Args {
		var err error
		if parts[i], err = e.where(arg, s); err != nil {
			return "", err
		}
	}
	return joined(parts, " "+strings.ToUpper(string(t.Op))+" "), nil
}

var sqlOperators = map[Op]string{Eq: "=", Ne: "<>", Lt: "<", Le: "<=", Gt: ">", Ge: ">="}

func (e *sqlEncoder) leaf(t *Tree, s *scope) (string, error) {
	switch t.Op {
	case True, False:
		return strings.ToUpper(string(t.Op)), nil
	case Element:
		return e.leaf(elementTree(t), s)
	}
	if reason := e.refuses(t); reason != "" {
		return "", unsupported(e.format, t, reason)
	}
	text, err := e.below(t, s)
	if err != nil {
		return "", err
	}
	if text == "" {
		text = e.onColumn(t, s)
	}
	if most := e.dialect.maxArgs(); len(e.args) > most {
		return "", unsupported(e.format, t, fmt.Sprintf("the filter would have more than %d values, more than a statement may have; ask about single records instead", most))
	}
	return text, nil
}

// onColumn writes a leaf about a column.
func (e *sqlEncoder) onColumn(t *Tree, s *scope) string {
	c, d := e.column(t.Field, s), e.dialect
	if t.Timed {
		moment, _ := momentOf(t.Value) // a valid tree has one
		return d.moment(&e.binder, c, sqlOperators[t.Op], moment)
	}
	switch t.Op {
	case Eq, Ne:
		if t.Other != nil {
			return d.equalColumns(c, e.column(t.Other, s), t.Op == Ne)
		}
		return d.equal(&e.binder, c, t.Value, t.Op == Ne)
	case Lt, Le, Gt, Ge:
		if t.Other != nil {
			return d.orderColumns(c, e.column(t.Other, s), sqlOperators[t.Op])
		}
		return d.order(&e.binder, c, sqlOperators[t.Op], t.Value)
	case In, NotIn:
		return d.among(&e.binder, c, t.Values, t.Op == NotIn)
	case StartsWith, EndsWith, Contains:
		part, _ := t.Value.(string) // a simple tree looks for nothing else
		return d.text(&e.binder, c, t.Op, part, t.Negated)
	}
	ids, numbers := t.linkIDs()
	if t.EmptyPasses && !c.isID {
		ids = append(ids, "")
	}
	if c.isID {
		numbers = nil
	}
	return d.link(&e.binder, c, ids, numbers)
}

func (e *sqlEncoder) refuses(t *Tree) string {
	switch t.Op {
	case Opaque:
		return "SQL has no operator for it; write the condition with comparisons, or ask about single records instead"
	case StartsWith, EndsWith, Contains:
		if t.Other != nil {
			return "a text is looked for that stands in another column; ask about single records instead"
		}
	}
	for _, field := range []*Field{t.Field, t.Other} {
		switch {
		case field == nil || field.ID || field.Element:
		default:
			if reason := e.refusesColumn(field.Path[0]); reason != "" {
				return reason
			}
		}
	}
	for _, value := range append([]any{t.Value}, t.Values...) {
		if text, ok := value.(string); ok {
			if reason := e.dialect.refusesText(text); reason != "" {
				return reason
			}
			if t.Op == In || t.Op == NotIn || t.Op == Link {
				if reason := e.dialect.refusesListed(text); reason != "" {
					return reason
				}
			}
		}
	}
	return ""
}

func (e *sqlEncoder) refusesColumn(name string) string {
	if name == "" || strings.ContainsRune(name, 0) {
		return "the name of the property is empty or has a NUL character, so it is none of a column; rename the property"
	}
	return e.dialect.refusesName(name)
}

func (e *sqlEncoder) column(f *Field, s *scope) column {
	if f.ID {
		return column{e.dialect.quote("id"), true}
	}
	return column{s.qualified(e.dialect.quote(f.Path[0])), false}
}

// quoteName puts a name in quotes.
func quoteName(name, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}

// joined joins conditions, of which there may be one.
func joined(conditions []string, join string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, join) + ")"
}

// jsonText is the JSON text of a list of values.
func jsonText[T any](values []T) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(values); err != nil {
		panic(fmt.Sprintf("filter: validated values have no JSON text: %v", err))
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// stringsOf gives the texts among values.
func stringsOf(values []any) []string {
	var texts []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
