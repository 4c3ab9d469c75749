package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

func (postgres) refusesListed(string) string { return "" }

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
	found := p.found(b, p.jsonText(c), op, part)
	if negated {
		found = "NOT (" + found + ")"
	}
	return fmt.Sprintf("(%s = 'string' AND %s)", p.jsonType(c), found)
}

func (postgres) found(b *binder, text string, op Op, part string) string {
	arg := b.arg(part) + "::text"
	switch op {
	case StartsWith:
		return fmt.Sprintf("starts_with(%s, %s)", text, arg)
	case EndsWith:
		return fmt.Sprintf("right(%s, length(%s)) = %s", text, arg, arg)
	}
	return fmt.Sprintf("strpos(%s, %s) > 0", text, arg)
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

func (p postgres) moment(b *binder, c column, operator string, value time.Time) string {
	return fmt.Sprintf("(%s = 'string' AND %s)", p.jsonType(c), p.momentIs(b, p.jsonText(c), operator, value))
}

// momentIs has no moment read that PostgreSQL would refuse, and compares fractions of seconds, of which it has six
// digits, apart.
func (postgres) momentIs(b *binder, text, operator string, value time.Time) string {
	valid := fmt.Sprintf("%s ~ %s::text", text, b.arg("^"+validDay+validTime+"$"))
	zone := fmt.Sprintf("substring(%s from '(Z|[+-][0-9:]{5})$')", text)
	seconds := fmt.Sprintf("extract(epoch from (left(%s, 19) || %s)::timestamptz)::numeric", text, zone)
	fraction := fmt.Sprintf("coalesce(left(substring(%s from '[.][0-9]+'), 10), '0')::numeric", text)
	low, high := b.arg(int64(firstSecond))+"::bigint", b.arg(int64(lastSecond))+"::bigint"
	return fmt.Sprintf("CASE WHEN %s THEN %s BETWEEN %s AND %s AND %[2]s + %[5]s %[6]s %[7]s ELSE FALSE END",
		valid, seconds, low, high, fraction, operator, decimalSeconds(b, value, "::bigint", "::numeric"))
}

func (p postgres) jsonColumn(c column) jsonValue { return postgresJSON(p.json(c)) }

func postgresJSON(document string) jsonValue {
	return jsonValue{kind: "jsonb_typeof(" + document + ")", text: "(" + document + " #>> '{}')", number: document, document: document}
}

func (postgres) jsonMember(b *binder, v jsonValue, name string) jsonValue {
	return postgresJSON("(" + v.document + " -> " + b.arg(name) + "::text)")
}

func (postgres) jsonElements(v jsonValue, alias string) (from string, element jsonValue) {
	list := fmt.Sprintf("CASE WHEN %s = 'array' THEN %s END", v.kind, v.document)
	return fmt.Sprintf("jsonb_array_elements(%s) AS %s(value)", list, alias), postgresJSON(alias + ".value")
}

func (postgres) jsonIs(v jsonValue, kind jsonKind) string {
	if kind == jsonTrue || kind == jsonFalse {
		return fmt.Sprintf("%s = '%t'::jsonb", v.document, kind == jsonTrue)
	}
	return jsonNames{jsonNull: {"null"}, jsonString: {"string"}, jsonNumber: {"number"}, jsonArray: {"array"}, jsonObject: {"object"}}.is(v, kind)
}

func (postgres) refusesMember(string) string { return "" }

func (postgres) textIs(b *binder, text, operator, value string) string {
	return fmt.Sprintf(`%s COLLATE "C" %s %s::text`, text, operator, b.arg(value))
}

func (postgres) textAmong(b *binder, text string, values []string) string {
	return fmt.Sprintf(`%s COLLATE "C" = ANY(%s::text[])`, text, b.arg(values))
}

func (p postgres) numberIs(b *binder, v jsonValue, operator string, value any) string {
	return fmt.Sprintf("%s %s to_jsonb(%s)", v.number, operator, p.arg(b, value))
}

func (postgres) numberAmong(b *binder, v jsonValue, values []int64) string {
	return fmt.Sprintf("%s IN (SELECT jsonb_array_elements(%s::jsonb))", v.number, b.arg(jsonText(values)))
}
