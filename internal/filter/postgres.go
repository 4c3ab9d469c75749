package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// postgres writes for PostgreSQL 11 and later. What a column holds is the JSON value that to_jsonb gives, and
// comparing that is exact, whatever the type and the collation of the column; where an index could serve, a
// plain comparison that holds at least as often stands before it.
type postgres struct{}

func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }

// maxArgs is what the protocol has room for.
func (postgres) maxArgs() int { return 65_535 }

func (postgres) quote(name string) string { return quoteName(name, `"`) }

func (postgres) refusesName(name string) string {
	const longest = 63 // bytes; PostgreSQL would cut off the rest
	if len(name) > longest {
		return "PostgreSQL's names have up to 63 bytes; rename the property"
	}
	return ""
}

func (postgres) refusesText(text string) string {
	if strings.ContainsRune(text, 0) {
		return "PostgreSQL has no text with a NUL character"
	}
	return ""
}

// value is the column as comparisons take it.
func (postgres) value(c column) string {
	if c.isID {
		return c.name + "::text"
	}
	return c.name
}

func (p postgres) json(c column) string { return "to_jsonb(" + p.value(c) + ")" }

func (p postgres) jsonType(c column) string { return "jsonb_typeof(" + p.json(c) + ")" }

// jsonText is the text of a JSON string or number.
func (p postgres) jsonText(c column) string { return "(" + p.json(c) + " #>> '{}')" }

func (p postgres) equal(b *binder, c column, value any, negated bool) string {
	json := p.json(c)
	if value == nil { // a column of type jsonb has a null of its own
		if negated {
			return fmt.Sprintf("(%s IS NOT NULL AND %s <> 'null'::jsonb)", c.name, json)
		}
		return fmt.Sprintf("(%s IS NULL OR %s = 'null'::jsonb)", c.name, json)
	}
	arg := p.arg(b, value)
	if negated {
		return fmt.Sprintf("%s IS DISTINCT FROM to_jsonb(%s)", json, arg)
	}
	exact := fmt.Sprintf("%s = to_jsonb(%s)", json, arg)
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("(%s::text = %s AND %s)", c.name, arg, exact)
	case int64:
		if isExact(v) {
			return fmt.Sprintf("(%s = %s AND %s)", c.name, arg, exact)
		}
	}
	return exact
}

// arg gives a placeholder with its type. Numbers that could be rounded on the way go as text.
func (postgres) arg(b *binder, value any) string {
	switch v := value.(type) {
	case bool:
		return b.arg(v) + "::boolean"
	case int64:
		if isExact(v) {
			return b.arg(v) + "::bigint"
		}
		return b.arg(strconv.FormatInt(v, 10)) + "::numeric"
	case float64:
		return b.arg(strconv.FormatFloat(v, 'g', -1, 64)) + "::numeric"
	}
	return b.arg(value) + "::text"
}

func (p postgres) among(b *binder, c column, values []any, negated bool) string {
	texts := stringsOf(values)
	var numbers []int64
	for _, value := range values {
		if number, ok := value.(int64); ok && isExact(number) {
			numbers = append(numbers, number)
		}
	}
	switch {
	case negated:
		return fmt.Sprintf("(%s IN (SELECT jsonb_array_elements(%s::jsonb))) IS NOT TRUE", p.json(c), b.arg(jsonText(values)))
	case len(texts) == len(values):
		return p.link(b, c, texts, nil)
	case len(numbers) == len(values):
		return fmt.Sprintf("(%s = ANY(%s::bigint[]) AND %s = 'number')", c.name, b.arg(numbers), p.jsonType(c))
	}
	return fmt.Sprintf("%s IN (SELECT jsonb_array_elements(%s::jsonb))", p.json(c), b.arg(jsonText(values)))
}

func (p postgres) order(b *binder, c column, operator string, value any) string {
	arg := p.arg(b, value)
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("(%s = 'string' AND %s COLLATE \"C\" %s %s)", p.jsonType(c), p.jsonText(c), operator, arg)
	case int64:
		if isExact(v) {
			return fmt.Sprintf("(%s %s %s AND %s = 'number')", c.name, operator, arg, p.jsonType(c))
		}
	}
	return fmt.Sprintf("(%s = 'number' AND %s %s to_jsonb(%s))", p.jsonType(c), p.json(c), operator, arg)
}

func (p postgres) text(b *binder, c column, op Op, part string, negated bool) string {
	arg := b.arg(part) + "::text"
	var found string
	switch op {
	case StartsWith:
		found = fmt.Sprintf("starts_with(%s, %s)", p.jsonText(c), arg)
	case EndsWith:
		found = fmt.Sprintf("right(%s, length(%s)) = %s", p.jsonText(c), arg, arg)
	default:
		found = fmt.Sprintf("strpos(%s, %s) > 0", p.jsonText(c), arg)
	}
	if negated {
		found = "NOT (" + found + ")"
	}
	return fmt.Sprintf("(%s = 'string' AND %s)", p.jsonType(c), found)
}

func (p postgres) link(b *binder, c column, ids []string, numbers []any) string {
	arg := b.arg(ids) + "::text[]"
	text, kind := p.jsonText(c), p.jsonType(c)
	if len(numbers) == 0 {
		return fmt.Sprintf("(%s::text = ANY(%s) AND %s = ANY(%s) AND %s = 'string')", c.name, arg, text, arg, kind)
	}
	texts := make([]string, 0, len(numbers))
	for _, number := range numbers {
		if text, ok := LinkText(number); ok {
			texts = append(texts, text)
		}
	}
	return fmt.Sprintf("(%s::text = ANY(%s) AND (%s = 'string' AND %s = ANY(%s) OR %s = 'number' AND %s = ANY(%s::text[])))",
		c.name, arg, kind, text, arg, kind, text, b.arg(texts))
}

func (p postgres) equalColumns(c, other column, negated bool) string {
	operator := "="
	if negated {
		operator = "<>"
	}
	return fmt.Sprintf("COALESCE(%s, 'null'::jsonb) %s COALESCE(%s, 'null'::jsonb)", p.json(c), operator, p.json(other))
}

func (p postgres) orderColumns(c, other column, operator string) string {
	return fmt.Sprintf(`(%s = %s AND (%s = 'string' AND %s COLLATE "C" %s %s OR %s IN ('number', 'boolean') AND %s %s %s))`,
		p.jsonType(c), p.jsonType(other),
		p.jsonType(c), p.jsonText(c), operator, p.jsonText(other),
		p.jsonType(c), p.json(c), operator, p.json(other))
}
