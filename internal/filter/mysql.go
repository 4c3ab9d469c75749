package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// mysql writes for MySQL 8.0 and MariaDB 10.6, and later ones. These compare texts as the column's collation
// says, often without regard to case, accents and spaces at the end, and texts with numbers by what number a
// text begins with. So a plain comparison, which an index serves, never stands alone: the column has to hold a
// number, or the JSON text of what it holds has to be that of the value, byte for byte. Bools are 1 and 0.
type mysql struct{}

func (mysql) placeholder(int) string { return "?" }

// maxArgs is what the protocol has room for.
func (mysql) maxArgs() int { return 65_535 }

func (mysql) quote(name string) string { return quoteName(name, "`") }

func (mysql) refusesName(name string) string {
	const longest = 64 // characters
	if utf8.RuneCountInString(name) > longest {
		return "MySQL's names have up to 64 characters; rename the property"
	}
	return ""
}

func (mysql) refusesText(string) string { return "" }

func (mysql) refusesListed(string) string { return "" }

// bytesOf gives the bytes of a text in UTF-8, which compare as they are.
func (mysql) bytesOf(text string) string {
	return "CAST(CONVERT(" + text + " USING utf8mb4) AS BINARY)"
}

// json gives the bytes of a list whose one element is the value, as JSON.
func (m mysql) json(value string) string { return m.bytesOf("JSON_ARRAY(" + value + ")") }

// textOf gives the text of whatever it is, which is no longer JSON to JSON functions.
func (mysql) textOf(c column) string { return "CONCAT(" + c.name + ")" }

// value is the column as comparisons take it.
func (m mysql) value(c column) string {
	if c.isID {
		return m.textOf(c)
	}
	return c.name
}

// isText holds where the column's value and its text are the same in JSON.
func (m mysql) isText(c column) string {
	if c.isID {
		return c.name + " IS NOT NULL"
	}
	return m.json(m.value(c)) + " = " + m.json(m.textOf(c))
}

func (m mysql) isNumber(c column) string {
	return "JSON_TYPE(JSON_EXTRACT(JSON_ARRAY(" + m.value(c) + "), '$[0]')) IN ('INTEGER', 'UNSIGNED INTEGER', 'DECIMAL', 'DOUBLE')"
}

func (m mysql) equal(b *binder, c column, value any, negated bool) string {
	if value == nil { // a column of type JSON has a null of its own
		if negated {
			return fmt.Sprintf("(%s IS NOT NULL AND %s <> '[null]')", c.name, m.json(m.value(c)))
		}
		return fmt.Sprintf("(%s IS NULL OR %s = '[null]')", c.name, m.json(m.value(c)))
	}
	return m.among(b, c, []any{value}, negated)
}

func (m mysql) among(b *binder, c column, values []any, negated bool) string {
	var conditions []string
	texts := stringsOf(values)
	if len(texts) > 0 {
		plain := func(text string) string { return b.arg(text) }
		exact := func(text string) string { return m.json(b.arg(text)) }
		if negated {
			conditions = append(conditions, m.in(m.json(m.value(c)), placeholders(texts, exact), true))
		} else {
			compared := m.in(c.name, placeholders(texts, plain), false)
			conditions = append(conditions, "("+compared+" AND "+m.in(m.json(m.value(c)), placeholders(texts, exact), false)+")")
		}
	}
	if len(texts) < len(values) {
		numbers := slices.DeleteFunc(slices.Clone(values), func(value any) bool { _, isText := value.(string); return isText })
		number := func(value any) string { return b.number(value, "SIGNED") }
		among := "(" + m.in(c.name, placeholders(numbers, number), false) + " AND " + m.isNumber(c) + ")"
		if negated {
			among += " IS NOT TRUE"
		}
		conditions = append(conditions, among)
	}
	if negated {
		return joined(conditions, " AND ")
	}
	return joined(conditions, " OR ")
}

// in compares with one value or more.
func (mysql) in(compared string, values []string, negated bool) string {
	equal, in := " = ", " IN "
	if negated {
		equal, in = " <> ", " NOT IN "
	}
	if len(values) == 1 {
		return compared + equal + values[0]
	}
	return compared + in + "(" + strings.Join(values, ", ") + ")"
}

func (m mysql) order(b *binder, c column, operator string, value any) string {
	if _, ok := value.(string); ok {
		return fmt.Sprintf("(%s %s %s AND %s)", m.bytesOf(c.name), operator, m.bytesOf(b.arg(value)), m.isText(c))
	}
	return fmt.Sprintf("(%s %s %s AND %s)", c.name, operator, b.number(value, "SIGNED"), m.isNumber(c))
}

// text says IS TRUE of what it finds: MariaDB makes one of two functions that equal the same constant in one
// AND, and of their arguments does not see that they differ by case.
func (m mysql) text(b *binder, c column, op Op, part string, negated bool) string {
	found := m.found(b, c.name, op, part)
	is := "IS TRUE"
	if negated {
		is = "IS FALSE"
	}
	return fmt.Sprintf("((%s) %s AND %s)", found, is, m.isText(c))
}

func (m mysql) found(b *binder, text string, op Op, part string) string {
	switch op {
	case StartsWith:
		return fmt.Sprintf("LOCATE(%s, %s) = 1", m.bytesOf(b.arg(part)), m.bytesOf(text))
	case EndsWith:
		return fmt.Sprintf("RIGHT(%s, LENGTH(%s)) = %s", m.bytesOf(text), m.bytesOf(b.arg(part)), m.bytesOf(b.arg(part)))
	}
	return fmt.Sprintf("LOCATE(%s, %s) > 0", m.bytesOf(b.arg(part)), m.bytesOf(text))
}

func (m mysql) link(b *binder, c column, ids []string, numbers []any) string {
	values := make([]any, 0, len(ids)+len(numbers))
	for _, id := range ids {
		values = append(values, id)
	}
	return m.among(b, c, append(values, numbers...), false)
}

func (m mysql) equalColumns(c, other column, negated bool) string {
	equal := fmt.Sprintf("(%s = %s OR %s AND %s AND %s)",
		m.json(m.value(c)), m.json(m.value(other)), m.compareNumbers(c, other, "=", "AND"), m.isNumber(c), m.isNumber(other))
	if negated {
		return equal + " IS NOT TRUE"
	}
	return equal
}

func (m mysql) orderColumns(c, other column, operator string) string {
	join := "AND"
	if operator == "<" || operator == ">" {
		join = "OR"
	}
	return fmt.Sprintf("(%s %s %s AND %s AND %s OR %s AND %s AND %s)",
		m.bytesOf(c.name), operator, m.bytesOf(other.name), m.isText(c), m.isText(other),
		m.compareNumbers(c, other, operator, join), m.isNumber(c), m.isNumber(other))
}

// compareNumbers compares two columns as decimals, which do not reach far and have no end of digits, and as
// floating numbers, which are rounded. Where either says that one is less, it is.
func (m mysql) compareNumbers(c, other column, operator, join string) string {
	return fmt.Sprintf("(CAST(%[1]s AS DECIMAL(65, 30)) %[3]s CAST(%[2]s AS DECIMAL(65, 30)) %[4]s CAST(%[1]s AS DOUBLE) %[3]s CAST(%[2]s AS DOUBLE))",
		c.name, other.name, operator, join)
}

func (m mysql) moment(b *binder, c column, operator string, value time.Time) string {
	return fmt.Sprintf("(%s AND %s)", m.isText(c), m.momentIs(b, m.textOf(c), operator, value))
}

// momentIs has no moment read that is none.
func (mysql) momentIs(b *binder, text, operator string, value time.Time) string {
	text = "CONVERT(" + text + " USING utf8mb4) COLLATE utf8mb4_bin"
	valid := fmt.Sprintf("%s REGEXP %s AND LOCATE(RIGHT(%[1]s, 1), '0123456789Z') > 0", text, b.arg("^"+validDay+validTime+"$"))
	local := fmt.Sprintf("TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', STR_TO_DATE(LEFT(%s, 19), '%%Y-%%m-%%dT%%H:%%i:%%s'))", text)
	offset := fmt.Sprintf("CASE WHEN RIGHT(%[1]s, 1) = 'Z' THEN 0 ELSE CAST(CONCAT(LEFT(RIGHT(%[1]s, 6), 1), '1') AS SIGNED) * "+
		"(CAST(LEFT(RIGHT(%[1]s, 5), 2) AS SIGNED) * 3600 + CAST(RIGHT(%[1]s, 2) AS SIGNED) * 60) END", text)
	seconds := fmt.Sprintf("(%s - %s)", local, offset)
	digits := fmt.Sprintf("CASE WHEN SUBSTRING(%[1]s, 20, 1) = '.' THEN LEFT(SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX("+
		"SUBSTRING(%[1]s, 21), 'Z', 1), '+', 1), '-', 1), 9) ELSE '0' END", text)
	fraction := fmt.Sprintf("CAST(CONCAT('0.', %s) AS DECIMAL(10, 9))", digits)
	low, high := b.arg(int64(firstSecond)), b.arg(int64(lastSecond))
	return fmt.Sprintf("CASE WHEN %s THEN %s BETWEEN %s AND %s AND %[2]s + %[5]s %[6]s %[7]s ELSE FALSE END",
		valid, seconds, low, high, fraction, operator, decimalSeconds(b, value, "", ""))
}

func (mysql) jsonColumn(c column) jsonValue {
	return mysqlJSON(fmt.Sprintf("CASE WHEN JSON_VALID(%[1]s) THEN %[1]s END", c.name), "$")
}

func mysqlJSON(document, path string) jsonValue {
	value := fmt.Sprintf("JSON_EXTRACT(%s, '%s')", document, path)
	return jsonValue{kind: "JSON_TYPE(" + value + ")", text: "JSON_UNQUOTE(" + value + ")", number: value, document: document, path: path}
}

func (mysql) jsonMember(_ *binder, v jsonValue, name string) jsonValue {
	return mysqlJSON(v.document, v.path+pathName(name))
}

func (mysql) jsonElements(v jsonValue, alias string) (from string, element jsonValue) {
	list := fmt.Sprintf("CASE WHEN %s = 'ARRAY' THEN JSON_EXTRACT(%s, '%s') END", v.kind, v.document, v.path)
	return fmt.Sprintf("JSON_TABLE(%s, '$[*]' COLUMNS (element JSON PATH '$')) AS %s", list, alias), mysqlJSON(alias+".element", "$")
}

func (mysql) jsonIs(v jsonValue, kind jsonKind) string {
	names := jsonNames{
		jsonNull: {"NULL"}, jsonTrue: {"BOOLEAN"}, jsonFalse: {"BOOLEAN"}, jsonString: {"STRING"},
		jsonNumber: {"INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL"}, jsonArray: {"ARRAY"}, jsonObject: {"OBJECT"},
	}
	is := names.is(v, kind)
	if kind == jsonTrue || kind == jsonFalse {
		return fmt.Sprintf("(%s AND %s = '%t')", is, v.text, kind == jsonTrue)
	}
	return is
}

func (mysql) refusesMember(name string) string { return refusesPathName(name) }

func (m mysql) textIs(b *binder, text, operator, value string) string {
	return fmt.Sprintf("%s %s %s", m.bytesOf(text), operator, m.bytesOf(b.arg(value)))
}

func (m mysql) textAmong(b *binder, text string, values []string) string {
	return m.in(m.bytesOf(text), placeholders(values, func(value string) string { return m.bytesOf(b.arg(value)) }), false)
}

func (m mysql) numberIs(b *binder, v jsonValue, operator string, value any) string {
	join := "AND"
	if operator == "<" || operator == ">" {
		join = "OR"
	}
	decimal, double := b.number(value, "SIGNED"), b.number(value, "SIGNED")
	return fmt.Sprintf("(CAST(%[1]s AS DECIMAL(65, 30)) %[2]s CAST(%[3]s AS DECIMAL(65, 30)) %[4]s CAST(%[1]s AS DOUBLE) %[2]s CAST(%[5]s AS DOUBLE))",
		v.number, operator, decimal, join, double)
}

func (m mysql) numberAmong(b *binder, v jsonValue, values []int64) string {
	return m.in("CAST("+v.number+" AS DECIMAL(65, 30))", placeholders(values, func(value int64) string { return b.arg(value) }), false)
}
