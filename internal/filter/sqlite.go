package filter

import (
	"fmt"
	"strings"
	"time"
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

// refusesListed refuses what the functions that read a list as JSON would cut off.
func (sqlite) refusesListed(text string) string {
	if strings.ContainsRune(text, 0) {
		return "SQLite cuts off the texts of a list at a NUL character"
	}
	return ""
}

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
	found := s.found(b, s.value(c), op, part)
	if negated {
		found = "NOT (" + found + ")"
	}
	return fmt.Sprintf("(%s AND %s)", found, s.isText(c))
}

func (sqlite) found(b *binder, text string, op Op, part string) string {
	switch {
	case part == "":
		return "TRUE"
	case op == StartsWith:
		return fmt.Sprintf("instr(%s, %s) = 1", text, b.arg(part))
	case op == EndsWith:
		return fmt.Sprintf("substr(CAST(%s AS BLOB), -length(CAST(%s AS BLOB))) IS CAST(%s AS BLOB)", text, b.arg(part), b.arg(part))
	}
	return fmt.Sprintf("instr(%s, %s) > 0", text, b.arg(part))
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

func (s sqlite) moment(b *binder, c column, operator string, value time.Time) string {
	return fmt.Sprintf("(%s AND %s)", s.isText(c), s.momentIs(b, s.value(c), operator, value))
}

// momentIs asks for the spelling, the day and the hour besides, for SQLite reads more than RFC 3339 and days that there are
// not. It would round fractions, so these are compared apart.
func (sqlite) momentIs(b *binder, text, operator string, value time.Time) string {
	const day, digits = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
	zone := fmt.Sprintf("CASE WHEN %[1]s GLOB '*Z' THEN 'Z' ELSE substr(%[1]s, -6) END", text)
	rest := fmt.Sprintf("substr(%[1]s, 20, length(%[1]s) - 19 - length(%[2]s))", text, zone) // the fraction
	seconds := fmt.Sprintf("CAST(strftime('%%s', substr(%s, 1, 19) || %s) AS INTEGER)", text, zone)
	fraction := fmt.Sprintf("CAST(substr(substr(%s, 2) || '000000000', 1, 9) AS INTEGER)", rest)
	valid := []string{
		fmt.Sprintf("%s GLOB '%sT%s*'", text, day, digits),
		fmt.Sprintf("substr(%s, 12, 2) < '24'", text),
		fmt.Sprintf("date(substr(%[1]s, 1, 10), '+0 days') = substr(%[1]s, 1, 10)", text),
		fmt.Sprintf("(%[1]s = 'Z' OR %[1]s GLOB '[+-][0-9][0-9]:[0-9][0-9]')", "("+zone+")"),
		fmt.Sprintf("(%[1]s = '' OR %[1]s GLOB '.[0-9]*' AND NOT substr(%[1]s, 2) GLOB '*[^0-9]*')", rest),
		fmt.Sprintf("%s BETWEEN %s AND %s", seconds, b.arg(int64(firstSecond)), b.arg(int64(lastSecond))),
	}
	second, nanos := b.arg(value.Unix()), b.arg(int64(value.Nanosecond()))
	return fmt.Sprintf("(%s AND (%s, %s) %s (%s, %s))", strings.Join(valid, " AND "), seconds, fraction, operator, second, nanos)
}

// jsonColumn takes no JSON with NUL characters, behind which SQLite's functions see nothing.
func (sqlite) jsonColumn(c column) jsonValue {
	return sqliteJSON(fmt.Sprintf("CASE WHEN json_valid(%[1]s) AND instr(%[1]s, '\\u0000') = 0 THEN %[1]s END", c.name), "$")
}

func sqliteJSON(document, path string) jsonValue {
	value := fmt.Sprintf("json_extract(%s, '%s')", document, path)
	return jsonValue{kind: fmt.Sprintf("json_type(%s, '%s')", document, path), text: value, number: value, document: document, path: path}
}

func (sqlite) jsonMember(_ *binder, v jsonValue, name string) jsonValue {
	return sqliteJSON(v.document, v.path+pathName(name))
}

// jsonElements selects from a document that has a name of its own: an argument of json_each that names a column is the
// column of json_each itself, if that has one of this name.
func (sqlite) jsonElements(v jsonValue, alias string) (from string, element jsonValue) {
	list := fmt.Sprintf("CASE WHEN %s = 'array' THEN json_extract(%s, '%s') END", v.kind, v.document, v.path)
	from = fmt.Sprintf("(SELECT %[1]s AS document) AS %[2]s, json_each(%[2]s.document) AS %[3]s", list, sqlite{}.quote(strings.Trim(alias, "`")+"_of"), alias)
	element = sqliteJSON(fmt.Sprintf("CASE WHEN %[1]s.type IN ('array', 'object') THEN %[1]s.value END", alias), "$")
	element.kind, element.text, element.number = alias+".type", alias+".value", alias+".value"
	return from, element
}

func (sqlite) jsonIs(v jsonValue, kind jsonKind) string {
	return jsonNames{
		jsonNull: {"null"}, jsonTrue: {"true"}, jsonFalse: {"false"}, jsonString: {"text"}, jsonNumber: {"integer", "real"},
		jsonArray: {"array"}, jsonObject: {"object"},
	}.is(v, kind)
}

func (sqlite) refusesMember(name string) string { return refusesPathName(name) }

func (sqlite) textIs(b *binder, text, operator, value string) string {
	return fmt.Sprintf("%s %s %s COLLATE BINARY", text, operator, b.arg(value))
}

func (s sqlite) textAmong(b *binder, text string, values []string) string {
	if len(values) == 1 {
		return s.textIs(b, text, "=", values[0])
	}
	return fmt.Sprintf("%s COLLATE BINARY IN (SELECT value FROM json_each(%s))", text, b.arg(jsonText(values)))
}

func (sqlite) numberIs(b *binder, v jsonValue, operator string, value any) string {
	return fmt.Sprintf("%s %s %s", v.number, operator, b.number(value, "INTEGER"))
}

func (sqlite) numberAmong(b *binder, v jsonValue, values []int64) string {
	return fmt.Sprintf("%s IN (SELECT value FROM json_each(%s))", v.number, b.arg(jsonText(values)))
}
