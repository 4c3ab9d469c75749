package filter

import (
	"fmt"
	"strings"
)

// sqlite writes for SQLite 3.38 and later. A column may hold values of every type, and turns what it is
// compared with into its own; a column of texts may compare them without regard to case. So the type of what
// it holds is asked for besides, and texts compare by their bytes. Bools are 1 and 0.
type sqlite struct{}

func (sqlite) placeholder(int) string { return "?" }

// maxArgs is SQLite's own limit, unless it is built with another.
func (sqlite) maxArgs() int { return 32_766 }

// quote does not use double quotes: in these, SQLite takes a name that is no column's for a text.
func (sqlite) quote(name string) string { return quoteName(name, "`") }

func (sqlite) refusesName(string) string { return "" }

func (sqlite) refusesText(string) string { return "" }

// value is the column as comparisons take it.
func (sqlite) value(c column) string {
	if c.isID {
		return "CAST(" + c.name + " AS TEXT)"
	}
	return c.name
}

func (s sqlite) isText(c column) string { return "typeof(" + s.value(c) + ") = 'text'" }

func (s sqlite) isNumber(c column) string { return "typeof(" + s.value(c) + ") IN ('integer', 'real')" }

func (s sqlite) equal(b *binder, c column, value any, negated bool) string {
	if value == nil {
		if negated {
			return c.name + " IS NOT NULL"
		}
		return c.name + " IS NULL"
	}
	var equal string
	switch _, isText := value.(string); {
	case isText && c.isID:
		equal = fmt.Sprintf("(%s = %s AND %s = %s COLLATE BINARY)", c.name, b.arg(value), s.value(c), b.arg(value))
	case isText:
		equal = fmt.Sprintf("(%s = %s COLLATE BINARY AND %s)", c.name, b.arg(value), s.isText(c))
	default:
		equal = fmt.Sprintf("(%s = %s AND %s)", c.name, b.number(value, "INTEGER"), s.isNumber(c))
	}
	if negated {
		return equal + " IS NOT TRUE"
	}
	return equal
}

func (s sqlite) among(b *binder, c column, values []any, negated bool) string {
	const list = "IN (SELECT value FROM json_each(%s))"
	var alternatives []string
	var whole, broken []any
	for _, value := range values {
		switch v := value.(type) {
		case bool:
			whole = append(whole, map[bool]int64{true: 1}[v])
		case int64:
			whole = append(whole, v)
		case float64:
			broken = append(broken, v)
		}
	}
	if texts := stringsOf(values); len(texts) > 0 {
		text := jsonText(texts)
		if c.isID {
			alternatives = append(alternatives, fmt.Sprintf("(%s "+list+" AND %s COLLATE BINARY "+list+")", c.name, b.arg(text), s.value(c), b.arg(text)))
		} else {
			alternatives = append(alternatives, fmt.Sprintf("(%s COLLATE BINARY "+list+" AND %s)", c.name, b.arg(text), s.isText(c)))
		}
	}
	if len(whole) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s "+list+" AND %s)", c.name, b.arg(jsonText(whole)), s.isNumber(c)))
	}
	for _, number := range broken { // SQLite need not read the JSON text of one to the last digit
		alternatives = append(alternatives, s.equal(b, c, number, false))
	}
	among := joined(alternatives, " OR ")
	if negated {
		return among + " IS NOT TRUE"
	}
	return among
}

// order has a + before the column, so that it keeps to itself what type it likes its values to be.
func (s sqlite) order(b *binder, c column, operator string, value any) string {
	if _, ok := value.(string); ok {
		return fmt.Sprintf("(+%s %s %s COLLATE BINARY AND %s)", s.value(c), operator, b.arg(value), s.isText(c))
	}
	return fmt.Sprintf("(%s %s %s AND %s)", c.name, operator, b.number(value, "INTEGER"), s.isNumber(c))
}

func (s sqlite) text(b *binder, c column, op Op, part string, negated bool) string {
	var found string
	switch {
	case part == "":
		found = "TRUE"
	case op == StartsWith:
		found = fmt.Sprintf("instr(%s, %s) = 1", s.value(c), b.arg(part))
	case op == EndsWith:
		found = fmt.Sprintf("substr(CAST(%s AS BLOB), -length(CAST(%s AS BLOB))) IS CAST(%s AS BLOB)", s.value(c), b.arg(part), b.arg(part))
	default:
		found = fmt.Sprintf("instr(%s, %s) > 0", s.value(c), b.arg(part))
	}
	if negated {
		found = "NOT (" + found + ")"
	}
	return fmt.Sprintf("(%s AND %s)", found, s.isText(c))
}

func (s sqlite) link(b *binder, c column, ids []string, numbers []any) string {
	values := make([]any, 0, len(ids)+len(numbers))
	for _, id := range ids {
		values = append(values, id)
	}
	return s.among(b, c, append(values, numbers...), false)
}

func (s sqlite) equalColumns(c, other column, negated bool) string {
	operator := "IS"
	if negated {
		operator = "IS NOT"
	}
	return fmt.Sprintf("+%s %s +%s COLLATE BINARY", s.value(c), operator, s.value(other))
}

func (s sqlite) orderColumns(c, other column, operator string) string {
	return fmt.Sprintf("(+%s %s +%s COLLATE BINARY AND (%s))", s.value(c), operator, s.value(other), strings.Join([]string{
		s.isText(c) + " AND " + s.isText(other),
		s.isNumber(c) + " AND " + s.isNumber(other),
	}, " OR "))
}
