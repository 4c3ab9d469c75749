package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// jsonValue is a value in JSON, as expressions of a database. All of them are NULL where there is none.
type jsonValue struct {
	// kind names its type, text is the text of a string or number, number what a number is compared by.
	kind, text, number string
	// document and path say where it is, as the dialect likes to have it.
	document, path string
}

// jsonKind is a type of JSON.
type jsonKind int

const (
	jsonNull jsonKind = iota
	jsonTrue
	jsonFalse
	jsonString
	jsonNumber
	jsonArray
	jsonObject
)

// jsonDialect writes about JSON for one database.
type jsonDialect interface {
	// jsonColumn is the JSON in a column; where it is none, there is no value.
	jsonColumn(c column) jsonValue
	// jsonMember is a member of an object. Where it is none, there is no value.
	jsonMember(b *binder, v jsonValue, name string) jsonValue
	// jsonElements are the elements of an array, as what stands after FROM; of no array there are none.
	jsonElements(v jsonValue, alias string) (from string, element jsonValue)
	// jsonIs says of which type a value is.
	jsonIs(v jsonValue, kind jsonKind) string
	// refusesMember says why a name is none of a member; empty where it is.
	refusesMember(name string) string

	// textIs compares a text, of which it is known that it is one, with another, byte for byte; textAmong with several.
	textIs(b *binder, text, operator, value string) string
	textAmong(b *binder, text string, values []string) string
	// found looks for a part of a text.
	found(b *binder, text string, op Op, part string) string
	// numberIs compares a number with another; numberAmong with whole ones that nothing rounds.
	numberIs(b *binder, v jsonValue, operator string, value any) string
	numberAmong(b *binder, v jsonValue, values []int64) string
	// momentIs compares the moment that a text is with another; it is not true of what is none.
	momentIs(b *binder, text, operator string, value time.Time) string
}

// onJSON writes a leaf about a value in a column of JSON.
func (e *sqlEncoder) onJSON(t *Tree, s *scope) (string, error) {
	var v jsonValue
	path := t.Field.Path
	switch {
	case s.element != nil:
		v = *s.element
	case len(path) == 0:
		return "", unsupported(e.format, t, "the list is one of records, which are not compared as a whole")
	default:
		v, path = e.dialect.jsonColumn(e.column(t.Field, s)), path[1:]
	}
	above := v
	for _, name := range path {
		if strings.ContainsRune(name, 0) {
			return "", unsupported(e.format, t, "a name has a NUL character; rename the property")
		}
		if reason := e.dialect.refusesMember(name); reason != "" {
			return "", unsupported(e.format, t, reason)
		}
		above, v = v, e.dialect.jsonMember(&e.binder, v, name)
	}
	switch t.Op {
	case Any, Every:
		return e.onElements(t, s, v)
	case Has:
		if t.Negated {
			return fmt.Sprintf("(%s AND %s IS NULL)", e.dialect.jsonIs(above, jsonObject), v.kind), nil
		}
		return fmt.Sprintf("(%s AND %s IS NOT NULL)", e.dialect.jsonIs(above, jsonObject), v.kind), nil
	}
	return e.jsonLeaf(t, v), nil
}

func (e *sqlEncoder) onElements(t *Tree, s *scope, v jsonValue) (string, error) {
	alias := e.dialect.quote(e.alias())
	from, element := e.dialect.jsonElements(v, alias)
	holds, err := e.where(t.Args[0], &scope{path: s.pathTo(t.Field.Path), element: &element})
	if err != nil {
		return "", err
	}
	if t.Op == Any {
		return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s)", from, holds), nil
	}
	return fmt.Sprintf("(%s AND NOT EXISTS (SELECT 1 FROM %s WHERE (%s) IS NOT TRUE))", e.dialect.jsonIs(v, jsonArray), from, holds), nil
}

// jsonLeaf writes a comparison.
func (e *sqlEncoder) jsonLeaf(t *Tree, v jsonValue) string {
	b, d := &e.binder, e.dialect
	isText, isNumber := d.jsonIs(v, jsonString), d.jsonIs(v, jsonNumber)
	other := func(equal string) string { return fmt.Sprintf("(%s IS NOT NULL AND (%s) IS NOT TRUE)", v.kind, equal) }
	if t.Timed {
		moment, _ := momentOf(t.Value) // a valid tree has one
		return fmt.Sprintf("(%s AND %s)", isText, d.momentIs(b, v.text, sqlOperators[t.Op], moment))
	}
	switch t.Op {
	case Eq:
		return e.jsonEqual(v, t.Value)
	case Ne:
		return other(e.jsonEqual(v, t.Value))
	case In:
		return e.jsonAmong(v, t.Values)
	case NotIn:
		return other(e.jsonAmong(v, t.Values))
	case Lt, Le, Gt, Ge:
		if text, ok := t.Value.(string); ok {
			return fmt.Sprintf("(%s AND %s)", isText, d.textIs(b, v.text, sqlOperators[t.Op], text))
		}
		return fmt.Sprintf("(%s AND %s)", isNumber, d.numberIs(b, v, sqlOperators[t.Op], t.Value))
	case StartsWith, EndsWith, Contains:
		part, _ := t.Value.(string) // a simple tree looks for nothing else
		is := "IS TRUE"
		if t.Negated {
			is = "IS FALSE"
		}
		return fmt.Sprintf("(%s AND (%s) %s)", isText, d.found(b, v.text, t.Op, part), is)
	}
	ids, numbers := t.linkIDs()
	values := make([]any, 0, len(ids)+len(numbers))
	for _, id := range ids {
		values = append(values, id)
	}
	return e.jsonAmong(v, append(values, numbers...))
}

func (e *sqlEncoder) jsonEqual(v jsonValue, value any) string {
	d := e.dialect
	switch value := value.(type) {
	case nil:
		return d.jsonIs(v, jsonNull)
	case bool:
		return d.jsonIs(v, map[bool]jsonKind{true: jsonTrue, false: jsonFalse}[value])
	case string:
		return fmt.Sprintf("(%s AND %s)", d.jsonIs(v, jsonString), d.textIs(&e.binder, v.text, "=", value))
	}
	return fmt.Sprintf("(%s AND %s)", d.jsonIs(v, jsonNumber), d.numberIs(&e.binder, v, "=", value))
}

// jsonAmong compares with values, of which there is one at least and which are not null.
func (e *sqlEncoder) jsonAmong(v jsonValue, values []any) string {
	d := e.dialect
	var alternatives []string
	if texts := stringsOf(values); len(texts) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s AND %s)", d.jsonIs(v, jsonString), d.textAmong(&e.binder, v.text, texts)))
	}
	var whole []int64
	for _, value := range values {
		if number, ok := value.(int64); ok && isExact(number) {
			whole = append(whole, number)
		} else if _, isText := value.(string); !isText {
			alternatives = append(alternatives, e.jsonEqual(v, value))
		}
	}
	if len(whole) > 0 {
		alternatives = append(alternatives, fmt.Sprintf("(%s AND %s)", d.jsonIs(v, jsonNumber), d.numberAmong(&e.binder, v, whole)))
	}
	return joined(alternatives, " OR ")
}

// validDay is what texts of days look like that there are, and validTime those of times with their zone: what databases
// read as they are meant.
const (
	validDay = `((?!0000)[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))` +
		`|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([13579][26]|[2468][048]|0[48])00)-02-29)`
	validTime = `T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])`
)

// jsonNames are the names that a database has for the types of JSON.
type jsonNames map[jsonKind][]string

func (n jsonNames) is(v jsonValue, kind jsonKind) string {
	names := slices.Clone(n[kind])
	for i, name := range names {
		names[i] = "'" + name + "'"
	}
	if len(names) == 1 {
		return v.kind + " = " + names[0]
	}
	return v.kind + " IN (" + strings.Join(names, ", ") + ")"
}

// pathName writes a name as a part of a path into JSON.
func pathName(name string) string { return `."` + strings.ReplaceAll(name, "'", "''") + `"` }

// refusesPathName refuses names that a path would have to escape, which databases do differently.
func refusesPathName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return "the name of the property has a quote, a backslash or a control character; rename the property"
	}
	return ""
}

// decimalSeconds is a moment in seconds since 1970, as the sum of whole ones and a fraction.
func decimalSeconds(b *binder, value time.Time, whole, fraction string) string {
	return fmt.Sprintf("(%s%s + CAST(%s%s AS DECIMAL(10, 9)))",
		b.arg(value.Unix()), whole, b.arg(fmt.Sprintf("0.%09d", value.Nanosecond())), fraction)
}
