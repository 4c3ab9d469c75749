package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

// decimal gives a number that is not rounded; it is for numbers of which isDecimal is true.
func (mysql) decimal(number string) string { return "CAST(" + number + " AS DECIMAL(65, 30))" }

// isDecimal says of a number that it could be taken for its neighbour unless it is compared as a decimal.
// Beyond 1e35, which a decimal does not reach, there are no columns of whole numbers.
func (mysql) isDecimal(value any) bool {
	if f, ok := value.(float64); ok && math.Abs(f) >= 1e35 {
		return false
	}
	return !isExact(value)
}

// number gives what a number is bound as.
func (m mysql) number(value any) any {
	switch v := value.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case int64:
		if m.isDecimal(v) {
			return strconv.FormatInt(v, 10)
		}
	case float64:
		if m.isDecimal(v) {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return value
}

func (m mysql) equal(b *binder, c column, value any, negated bool) string {
	if value == nil { // a column of type JSON has a null of its own
		if negated {
			return fmt.Sprintf("(%s IS NOT NULL AND %s <> '[null]')", c.name, m.json(m.value(c)))
		}
		return fmt.Sprintf("(%s IS NULL OR %s = '[null]')", c.name, m.json(m.value(c)))
	}
	if _, ok := value.(string); ok && negated {
		return fmt.Sprintf("%s <> %s", m.json(m.value(c)), m.json(b.arg(value)))
	}
	return m.among(b, c, []any{value}, negated)
}

func (m mysql) among(b *binder, c column, values []any, negated bool) string {
	var texts, numbers, decimals []any
	for _, value := range values {
		switch _, isText := value.(string); {
		case isText:
			texts = append(texts, value)
		case m.isDecimal(value):
			decimals = append(decimals, m.number(value))
		default:
			numbers = append(numbers, m.number(value))
		}
	}
	if negated {
		return m.notAmong(b, c, texts, numbers, decimals)
	}
	var alternatives []string
	if len(texts) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s AND %s)",
			m.in(b, c.name, "%s", texts), m.in(b, m.json(m.value(c)), m.json("%s"), texts)))
	}
	return anyOf(append(alternatives, m.amongNumbers(b, c, numbers, decimals)...))
}

func (m mysql) notAmong(b *binder, c column, texts, numbers, decimals []any) string {
	var conditions []string
	if len(texts) > 0 {
		conditions = append(conditions, fmt.Sprintf("%s NOT IN (%s)", m.json(m.value(c)), b.list(m.json("%s"), texts)))
	}
	for _, among := range m.amongNumbers(b, c, numbers, decimals) {
		conditions = append(conditions, among+" IS NOT TRUE")
	}
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " AND ") + ")"
}

func (m mysql) amongNumbers(b *binder, c column, numbers, decimals []any) []string {
	var alternatives []string
	if len(numbers) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s AND %s)", m.in(b, c.name, "%s", numbers), m.isNumber(c)))
	}
	if len(decimals) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s AND %s AND %s)",
			m.in(b, c.name, m.decimal("%s"), decimals), m.in(b, m.decimal(c.name), m.decimal("%s"), decimals), m.isNumber(c)))
	}
	return alternatives
}

// in compares with the values, each of which stands for the %s of the pattern.
func (mysql) in(b *binder, compared, pattern string, values []any) string {
	if len(values) == 1 {
		return compared + " = " + b.list(pattern, values)
	}
	return compared + " IN (" + b.list(pattern, values) + ")"
}

func (m mysql) order(b *binder, c column, operator string, value any) string {
	switch _, isText := value.(string); {
	case isText:
		return fmt.Sprintf("(%s %s %s AND %s)", m.bytesOf(c.name), operator, m.bytesOf(b.arg(value)), m.isText(c))
	case m.isDecimal(value):
		return fmt.Sprintf("(%s %s %s AND %s)", m.decimal(c.name), operator, m.decimal(b.arg(m.number(value))), m.isNumber(c))
	}
	return fmt.Sprintf("(%s %s %s AND %s)", c.name, operator, b.arg(value), m.isNumber(c))
}

// text says IS TRUE of what it finds: MariaDB makes one of two functions that equal the same constant in one
// AND, and of their arguments does not see that they differ by case.
func (m mysql) text(b *binder, c column, op Op, part string, negated bool) string {
	var found string
	switch op {
	case StartsWith:
		found = fmt.Sprintf("LOCATE(%s, %s) = 1", m.bytesOf(b.arg(part)), m.bytesOf(c.name))
	case EndsWith:
		found = fmt.Sprintf("RIGHT(%s, LENGTH(%s)) = %s", m.bytesOf(c.name), m.bytesOf(b.arg(part)), m.bytesOf(b.arg(part)))
	default:
		found = fmt.Sprintf("LOCATE(%s, %s) > 0", m.bytesOf(b.arg(part)), m.bytesOf(c.name))
	}
	is := "IS TRUE"
	if negated {
		is = "IS FALSE"
	}
	return fmt.Sprintf("((%s) %s AND %s)", found, is, m.isText(c))
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
	double := func(number string) string { return "CAST(" + number + " AS DOUBLE)" }
	return fmt.Sprintf("(%s %s %s %s %s %s %s)",
		m.decimal(c.name), operator, m.decimal(other.name), join, double(c.name), operator, double(other.name))
}
