package importer

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Directus reads its filter rules in two ways, and so does this file.
//
// The item permissions of reading, updating, deleting and sharing become SQL: a comparison with a null is not
// true, whether it is negative or not. Here such a comparison says so: x != null && x != "archived". A property
// that a request does not give is unknown, which Directus does not have: every item has all its columns. It
// makes a comparison false, in _null too, for nobody says that it is null.
//
// Validations are about the payload: what is not in it passes every operator but _submitted, and what is null
// passes the negative ones.

// untranslatable is a part of a filter that CEL cannot say as Directus means it.
type untranslatable struct{ path, why string }

func (e *untranslatable) Error() string { return e.path + ": " + e.why }

// filterTranslator turns filter rules into CEL.
type filterTranslator struct {
	// fieldType is the Directus type of a field of the collection; empty where it is not known.
	fieldType func(field string) string
	// key is the name of the primary key: the record's id.
	key string
	// attribute tells that the expression reads an attribute of the subject.
	attribute func(name string)
	// submitted is the object that a validation reads a field from; nil: the filter is an item permission.
	submitted func(field string) submitted
}

// submitted is what a validation looks at.
type submitted struct {
	// object holds the fields.
	object string
	// absent is true where the field is not in the payload.
	absent clause
}

// translate gives the condition that a filter rule is. The error is an *untranslatable.
func (t *filterTranslator) translate(filter any, path string) (clause, error) {
	return t.group(coerce(filter), t.root(), path)
}

// scope is the object whose fields a part of a filter is about.
type scope struct {
	object string
	// known are the clauses that must hold for the object to be there.
	known []clause
	// strict leaves an unknown property an error instead of false, so that not() cannot turn it into true.
	strict bool
	// top is true for the record itself.
	top bool
}

func (t *filterTranslator) root() scope { return scope{object: "resource.properties", top: true} }

// coerce does what Directus does before it looks at a filter: these texts are values.
func coerce(v any) any {
	switch v := v.(type) {
	case string:
		switch v {
		case "true":
			return true
		case "false":
			return false
		case "null", "NULL":
			return nil
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = coerce(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = coerce(v[key])
		}
		return out
	}
	return v
}

// group translates an object of fields and logical operators, which must all hold.
func (t *filterTranslator) group(filter any, in scope, path string) (clause, error) {
	members, ok := filter.(map[string]any)
	if filter == nil {
		return always, nil
	}
	if !ok {
		return never, &untranslatable{path, "is not an object"}
	}
	var parts []clause
	for _, key := range sorted(members) {
		var part clause
		var err error
		at := path + "." + key
		switch {
		case key == "_and" || key == "_or":
			part, err = t.logical(key, members[key], at, func(v any, at string) (clause, error) { return t.group(v, in, at) })
		case strings.HasPrefix(key, "_"):
			err = &untranslatable{at, "an operator without a field"}
		case strings.ContainsAny(key, "()"):
			err = &untranslatable{at, "functions of fields have no counterpart; keep the result in a property of its own"}
		case strings.ContainsAny(key, ":."):
			err = &untranslatable{at, "paths in a field's name have no counterpart"}
		default:
			part, err = t.field(key, members[key], in, at)
		}
		if err != nil {
			return never, err
		}
		parts = append(parts, part)
	}
	return and(parts...), nil
}

// logical translates _and and _or.
func (t *filterTranslator) logical(key string, v any, path string, each func(any, string) (clause, error)) (clause, error) {
	list, ok := v.([]any)
	switch {
	case !ok:
		return never, &untranslatable{path, "is not a list"}
	case len(list) == 0 && key == "_or":
		return never, &untranslatable{path, "an _or without alternatives, which Directus ignores"}
	}
	var parts []clause
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if object, ok := element.(map[string]any); t.submitted != nil && ok && len(object) == 0 {
			return never, &untranslatable{at, "an empty rule, on which Directus fails"}
		}
		part, err := each(element, at)
		if err != nil {
			return never, err
		}
		parts = append(parts, part)
	}
	if key == "_or" {
		return or(parts...), nil
	}
	return and(parts...), nil
}

// field translates what stands under the name of a field: operators, logical operators, or fields of the
// records that it links to.
func (t *filterTranslator) field(name string, v any, in scope, path string) (clause, error) {
	operators, ok := v.(map[string]any)
	if !ok {
		operators = map[string]any{"_eq": v} // the short form
	}
	var parts []clause
	for _, key := range sorted(operators) {
		at := path + "." + key
		var part clause
		var err error
		switch {
		case key == "_and" || key == "_or":
			part, err = t.logical(key, operators[key], at, func(v any, at string) (clause, error) { return t.field(name, v, in, at) })
		case key == "_some" || key == "_none":
			part, err = t.related(name, key, operators[key], in, at)
		case strings.HasPrefix(key, "_"):
			part, err = t.operator(name, key, operators[key], in, at)
		default:
			part, err = t.nested(name, key, operators[key], in, at)
		}
		if err != nil {
			return never, err
		}
		parts = append(parts, part)
	}
	return and(parts...), nil
}

// nested translates a field of the record that a field links to. Its id is the value of the link itself.
func (t *filterTranslator) nested(name, key string, v any, in scope, path string) (clause, error) {
	switch {
	case t.submitted != nil:
		return never, &untranslatable{path, "validations of linked records have no counterpart"}
	case key == "id":
		return t.field(name, v, in, path)
	}
	below := scope{object: member(in.object, name), strict: in.strict}
	if !in.strict {
		below.known = append(slices.Clone(in.known), has(in.object, name))
	}
	return t.group(map[string]any{key: v}, below, strings.TrimSuffix(path, "."+key))
}

// related translates _some and _none on the list of records that link to this one.
func (t *filterTranslator) related(name, key string, v any, in scope, path string) (clause, error) {
	if t.submitted != nil || !in.top {
		return never, &untranslatable{path, "only on a field of the record itself"}
	}
	list := member(in.object, name)
	if key == "_some" {
		each, err := t.group(v, scope{object: "e"}, path)
		if err != nil {
			return never, err
		}
		return and(has(in.object, name), atom("%s.exists(e, %s)", list, each.text)), nil
	}
	each, err := t.group(v, scope{object: "e", strict: true}, path)
	if err != nil {
		return never, err
	}
	return and(has(in.object, name), atom("%s.all(e, %s)", list, not(each).text)), nil
}

// operator translates one operator on a field.
func (t *filterTranslator) operator(name, op string, v any, in scope, path string) (clause, error) {
	f := leaf{translator: t, op: op, path: path}
	if in.top {
		f.fieldType = t.fieldType(name)
	}
	if t.submitted != nil {
		payload := t.submitted(name)
		f.x = member(payload.object, name)
		if op == "_submitted" {
			return not(payload.absent), nil
		}
		holds, err := f.validation(v)
		if err != nil {
			return never, err
		}
		return or(payload.absent, holds), nil
	}
	if in.top && name == t.key {
		if c, ok := identity(op, v); ok {
			return c, nil
		}
	}
	f.x = member(in.object, name)
	holds, err := f.item(v)
	if err != nil || in.strict || holds == always || holds == never {
		return holds, err
	}
	return and(append(slices.Clone(in.known), has(in.object, name), holds)...), nil
}

// identity says of the record's id, which is a text, that it is one of some values; false for what it cannot say.
func identity(op string, v any) (clause, bool) {
	list := []any{v}
	if elements, ok := v.([]any); ok && op == "_in" && len(elements) > 0 {
		list = elements
	} else if op != "_eq" {
		return never, false
	}
	same := make([]string, len(list))
	for i, element := range list {
		switch element := element.(type) {
		case int64:
			same[i] = literal(literal(element))
		case string:
			same[i] = literal(element)
			if element == "$CURRENT_USER" {
				same[i] = currentUser
			} else if strings.HasPrefix(element, "$") {
				return never, false
			}
		default:
			return never, false
		}
	}
	if op == "_eq" {
		return atom("resource.id == %s", same[0]), true
	}
	return atom("resource.id in [%s]", strings.Join(same, ", ")), true
}

// leaf is one operator on one field.
type leaf struct {
	translator *filterTranslator
	// x is the expression of the field.
	x         string
	op        string
	path      string
	fieldType string
}

func (f *leaf) cannot(format string, args ...any) error {
	return &untranslatable{f.path, fmt.Sprintf(format, args...)}
}

func (f *leaf) is(format string, args ...any) clause {
	return atom(f.x+" "+format, args...)
}

// notNull is for what SQL does not find true of null.
func (f *leaf) notNull(c clause) clause { return and(f.is("!= null"), c) }

// inverse are the operators that stand for another one when they are given false.
var inverse = map[string]string{"_null": "_nnull", "_nnull": "_null", "_empty": "_nempty", "_nempty": "_empty"}

// item translates an operator of an item permission.
func (f *leaf) item(v any) (clause, error) {
	op := f.op
	if other, ok := inverse[op]; ok && v == false {
		op = other
	}
	switch op {
	case "_null":
		return f.is("== null"), nil
	case "_nnull":
		return f.is("!= null"), nil
	case "_empty":
		return or(f.is("== null"), f.is(`== ""`)), nil
	case "_nempty":
		return f.notNull(f.is(`!= ""`)), nil
	case "_eq":
		return f.equal(v)
	case "_neq":
		return f.different(v)
	case "_in", "_nin":
		return f.among(v, op == "_nin")
	case "_gt", "_gte", "_lt", "_lte":
		c, err := f.compare(order[op], v)
		return f.notNull(c), err
	case "_between", "_nbetween":
		return f.between(v)
	}
	if test, ok := textTests[op]; ok {
		return f.text(test, v)
	}
	return never, f.cannot("the operator %s has no counterpart", op)
}

var order = map[string]string{"_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}

// equal translates _eq; null means to be null.
func (f *leaf) equal(v any) (clause, error) {
	if v == nil {
		return f.is("== null"), nil
	}
	if dynamic, err := f.variable(v); dynamic != "" || err != nil {
		return f.is("== %s", dynamic), err
	}
	if err := f.scalar(v); err != nil {
		return never, err
	}
	return f.is("== %s", literal(f.asColumn(v))), nil
}

// different translates _neq.
func (f *leaf) different(v any) (clause, error) {
	if v == nil {
		return f.is("!= null"), nil
	}
	switch dynamic, err := f.variable(v); {
	case err != nil:
		return never, err
	case dynamic == currentUser:
		return f.notNull(f.is("!= %s", dynamic)), nil
	case dynamic != "":
		return f.notNull(and(f.is("!= %s", dynamic), atom("type(%s) == type(%s)", f.x, dynamic))), nil
	}
	if err := f.scalar(v); err != nil {
		return never, err
	}
	return f.notNull(f.differs(f.asColumn(v))), nil
}

// asColumn turns text that is compared with a column of numbers into a number, as Directus does.
func (f *leaf) asColumn(v any) any {
	if s, ok := v.(string); ok && (f.fieldType == "integer" || f.fieldType == "float") {
		if number, ok := numeric(s); ok {
			return number
		}
	}
	return v
}

// differs is true for other values of the same type only: what looks alike in another type, such as "5" and 5,
// a database might well find equal.
func (f *leaf) differs(v any) clause {
	switch v := v.(type) {
	case bool:
		return f.is("== %t", !v)
	case string:
		if _, ok := numeric(v); !ok {
			return f.is("!= %s", literal(v))
		}
	}
	return or(f.is("< %s", literal(v)), f.is("> %s", literal(v)))
}

func (f *leaf) scalar(v any) error {
	switch v.(type) {
	case bool, int64, float64, string:
		return nil
	}
	return f.cannot("compares with an object or a list")
}

// among translates _in and _nin.
func (f *leaf) among(v any, negative bool) (clause, error) {
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case string:
		for _, part := range strings.Split(v, ",") {
			list = append(list, coerce(part))
		}
	case nil:
		list = []any{nil}
	default:
		list = []any{v}
	}
	if len(list) == 0 {
		if negative {
			return always, nil
		}
		return never, nil
	}
	var parts []clause
	var plain []any
	for _, element := range list {
		if element == nil { // nothing is equal to null in SQL, and nothing known to be different
			if negative {
				return never, nil
			}
			continue
		}
		if s, ok := element.(string); ok && s == "$CURRENT_ROLES" {
			f.translator.attribute("roles")
			if negative {
				parts = append(parts, not(f.is("in subject.attributes.roles")), atom("type(%s) == string", f.x))
			} else {
				parts = append(parts, f.is("in subject.attributes.roles"))
			}
			continue
		}
		dynamic, err := f.variable(element)
		if err != nil {
			return never, err
		}
		if dynamic == "" {
			if err := f.scalar(element); err != nil {
				return never, err
			}
			plain = append(plain, f.asColumn(element))
			continue
		}
		switch {
		case !negative && dynamic == currentUser:
			parts = append(parts, f.is("== %s", dynamic))
		case !negative: // the attribute may be a list
			parts = append(parts, f.is("== %s", dynamic), and(atom("type(%s) == list", dynamic), f.is("in %s", dynamic)))
		case dynamic == currentUser:
			parts = append(parts, f.is("!= %s", dynamic))
		default:
			return never, f.cannot("%s may be a list, or null", element)
		}
	}
	if negative {
		var texts []any
		for _, element := range plain {
			if s, ok := element.(string); ok {
				if _, number := numeric(s); !number {
					texts = append(texts, element)
					continue
				}
			}
			parts = append(parts, f.differs(element))
		}
		if len(texts) > 0 {
			parts = append([]clause{not(f.is("in %s", literal(texts)))}, parts...)
		}
		return f.notNull(and(parts...)), nil
	}
	if len(plain) > 0 {
		parts = append([]clause{f.is("in %s", literal(plain))}, parts...)
	}
	if len(parts) == 0 {
		return never, nil
	}
	return f.notNull(or(parts...)), nil
}

// currentUser is what $CURRENT_USER becomes.
const currentUser = "subject.id"

// variable is the expression of a dynamic variable; empty for other values.
func (f *leaf) variable(v any) (string, error) {
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, "$") {
		return "", nil
	}
	name, err := dynamicVariable(s)
	switch {
	case err != "":
		return "", f.cannot("%s", err)
	case name == "" && strings.HasPrefix(s, "$NOW"):
		return "", f.cannot("%s can be compared by order only", s)
	case name == "":
		return "", nil
	}
	if attribute, ok := strings.CutPrefix(name, "subject.attributes."); ok {
		f.translator.attribute(attribute)
	}
	return name, nil
}

// dynamicVariable is the expression of a variable that stands for one value; empty for what is none.
func dynamicVariable(s string) (name, problem string) {
	switch {
	case s == "$CURRENT_USER":
		return currentUser, ""
	case s == "$CURRENT_ROLE":
		return "subject.attributes.role", ""
	case strings.HasPrefix(s, "$CURRENT_USER."):
		field := strings.TrimPrefix(s, "$CURRENT_USER.")
		if !plainName(field) {
			return "", s + " reads a record that the user links to; keep the value in an attribute of the user"
		}
		return "subject.attributes." + field, ""
	case strings.HasPrefix(s, "$CURRENT_"):
		return "", s + " has no counterpart here"
	}
	return "", ""
}

// text tests.
type textTest struct {
	function          string
	negative, anyCase bool
}

var textTests = map[string]textTest{
	"_contains": {"contains", false, false}, "_ncontains": {"contains", true, false},
	"_icontains": {"contains", false, true}, "_nicontains": {"contains", true, true},
	"_starts_with": {"startsWith", false, false}, "_nstarts_with": {"startsWith", true, false},
	"_istarts_with": {"startsWith", false, true}, "_nistarts_with": {"startsWith", true, true},
	"_ends_with": {"endsWith", false, false}, "_nends_with": {"endsWith", true, false},
	"_iends_with": {"endsWith", false, true}, "_niends_with": {"endsWith", true, true},
	"_ieq": {"==", false, true}, "_nieq": {"==", true, true},
}

func (f *leaf) text(test textTest, v any) (clause, error) {
	c, err := f.textTest(test, v)
	if err != nil {
		return never, err
	}
	if s := text(v); test.negative && test.function != "==" && strings.ContainsAny(s, `%_\`) {
		return never, f.cannot("%%, _ and \\ are wildcards here, and not matching them cannot be said")
	}
	return f.notNull(c), nil
}

// textTest is the test of a value that is a text; of any other it is an error.
func (f *leaf) textTest(test textTest, v any) (clause, error) {
	s, ok := v.(string)
	switch {
	case !ok:
		return never, f.cannot("needs a text")
	case strings.HasPrefix(s, "$"):
		return never, f.cannot("variables in texts have no counterpart")
	}
	x := f.x
	if test.anyCase {
		if !ascii(s) {
			return never, f.cannot("texts with letters beyond ASCII cannot be compared without their case")
		}
		x, s = x+".lowerAscii()", strings.ToLower(s)
	}
	c := atom("%s.%s(%s)", x, test.function, literal(s))
	if test.function == "==" {
		c = atom("%s == %s", x, literal(s))
	}
	if test.negative {
		c = clause{text: "!" + c.text}
		if test.function == "==" {
			c = atom("%s != %s", x, literal(s))
		}
		if test.anyCase { // other letters may have these as their lower case
			c = and(atom(`%s.matches("^[[:ascii:]]*$")`, f.x), c)
		}
	}
	return c, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

var (
	decimal  = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	dateOnly = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// numeric reads a text that is a number.
func numeric(s string) (any, bool) {
	s = strings.TrimSpace(s)
	if !decimal.MatchString(s) {
		return nil, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	number, err := strconv.ParseFloat(s, 64)
	return number, err == nil
}

// compare translates an order; of a value of another type it is an error, so false.
func (f *leaf) compare(operator string, v any) (clause, error) {
	switch v := v.(type) {
	case int64, float64:
		return f.is("%s %s", operator, literal(v)), nil
	case string:
		if number, ok := numeric(v); ok {
			return f.is("%s %s", operator, literal(number)), nil
		}
		if strings.HasPrefix(v, "$") && !strings.HasPrefix(v, "$NOW") {
			return never, f.cannot("%s has no order here", v)
		}
		if f.fieldType == "date" && dateOnly.MatchString(v) {
			return f.is("%s %s", operator, literal(v)), nil
		}
		moment, problem := momentOf(v, f.translator.submitted != nil)
		switch {
		case problem != "":
			return never, f.cannot("%s", problem)
		case slices.Contains([]string{"date", "dateTime", "time"}, f.fieldType):
			return never, f.cannot("a field of type %s has no time zone, so it cannot be compared with a moment", f.fieldType)
		}
		return atom("timestamp(%s) %s %s", f.x, operator, moment), nil
	}
	return never, f.cannot("needs a number or a time")
}

// momentOf is the CEL of a moment: $NOW with an interval, or a time with its zone. In validations a date is its
// first moment in UTC, as JavaScript has it.
func momentOf(s string, validation bool) (moment, problem string) {
	if strings.HasPrefix(s, "$NOW") {
		return nowOf(s)
	}
	if validation && dateOnly.MatchString(s) {
		s += "T00:00:00Z"
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return "", fmt.Sprintf("the order of %q depends on the database; give a number, or a time with its zone such as 2026-01-31T00:00:00Z", s)
	}
	return "timestamp(" + literal(s) + ")", ""
}

var (
	nowVariable = regexp.MustCompile(`^\$NOW(?:\(\s*([+-]?)\s*([0-9]+)\s*([a-z]*)\s*\))?$`)
	// seconds of the units that are always as long.
	unitSeconds = map[string]int64{
		"seconds": 1, "second": 1, "secs": 1, "sec": 1, "s": 1,
		"minutes": 60, "minute": 60, "mins": 60, "min": 60, "m": 60,
		"hours": 3600, "hour": 3600, "hrs": 3600, "hr": 3600, "h": 3600,
		"days": 86400, "day": 86400, "d": 86400, "": 86400,
		"weeks": 604800, "week": 604800, "w": 604800,
	}
)

// nowOf is the CEL of $NOW and $NOW(-7 days).
func nowOf(s string) (moment, problem string) {
	parts := nowVariable.FindStringSubmatch(s)
	if parts == nil {
		return "", s + " is not a time that can be said here"
	}
	if parts[2] == "" {
		return "now", ""
	}
	amount, err := strconv.ParseInt(parts[2], 10, 32)
	seconds, ok := unitSeconds[strings.ToLower(parts[3])]
	if err != nil || !ok {
		return "", s + ": months and years are not always as long; give days"
	}
	sign := "+"
	if parts[1] == "-" {
		sign = "-"
	}
	return fmt.Sprintf(`now %s duration("%ds")`, sign, amount*seconds), ""
}

// bounds are the two values of _between.
func (f *leaf) bounds(v any) (from, to any, err error) {
	list, ok := v.([]any)
	if s, isText := v.(string); isText {
		list, ok = nil, true
		for _, part := range strings.Split(s, ",") {
			list = append(list, part)
		}
	}
	if !ok || len(list) != 2 {
		return nil, nil, f.cannot("needs two values")
	}
	return list[0], list[1], nil
}

func (f *leaf) between(v any) (clause, error) {
	from, to, err := f.bounds(v)
	if err != nil {
		return never, err
	}
	above, below, joint := ">=", "<=", and
	if f.op == "_nbetween" {
		above, below, joint = "<", ">", or
	}
	first, err := f.compare(above, from)
	if err != nil {
		return never, err
	}
	second, err := f.compare(below, to)
	if err != nil {
		return never, err
	}
	return f.notNull(joint(first, second)), nil
}

// validation translates an operator of a validation, for a field that is in the payload.
func (f *leaf) validation(v any) (clause, error) {
	if _, ok := inverse[f.op]; ok && v == false {
		return never, f.cannot("Directus ignores the false")
	}
	switch f.op {
	case "_null":
		return f.is("== null"), nil
	case "_nnull":
		return f.is("!= null"), nil
	case "_empty":
		return f.is(`== ""`), nil
	case "_nempty":
		return f.is(`!= ""`), nil
	case "_eq", "_neq":
		return f.sameOrNot(v)
	case "_in", "_nin":
		list, ok := v.([]any)
		if !ok {
			return never, f.cannot("needs a list")
		}
		for _, element := range list {
			if s, ok := element.(string); ok && strings.HasPrefix(s, "$") {
				return never, f.cannot("variables in lists have no counterpart in validations")
			}
			if _, ok := element.(map[string]any); ok {
				return never, f.cannot("compares with an object")
			}
		}
		if f.op == "_nin" {
			return not(f.is("in %s", literal(list))), nil
		}
		return f.is("in %s", literal(list)), nil
	case "_gt", "_gte", "_lt", "_lte":
		c, err := f.compare(order[f.op], v)
		return f.notNull(c), err
	case "_between":
		return f.between(v)
	case "_regex":
		pattern, err := regularExpression(text(v))
		if err != nil {
			return never, f.cannot("%v", err)
		}
		return and(f.is(`!= ""`), atom("%s.matches(%s)", f.x, literal(pattern))), nil
	case "_nbetween", "_ieq", "_nieq", "_nicontains":
		return never, f.cannot("Directus does not check %s in validations", f.op)
	}
	if test, ok := textTests[f.op]; ok {
		c, err := f.textTest(test, v)
		return and(f.is(`!= ""`), c), err
	}
	return never, f.cannot("the operator %s has no counterpart", f.op)
}

// sameOrNot translates _eq and _neq of a validation, where a number and its text are the same.
func (f *leaf) sameOrNot(v any) (clause, error) {
	dynamic, err := f.variable(v)
	if err != nil {
		return never, err
	}
	accepted := []string{dynamic}
	if dynamic == "" {
		if v != nil {
			if err := f.scalar(v); err != nil {
				return never, err
			}
		}
		accepted = []string{literal(v)}
		switch v := v.(type) {
		case int64, float64:
			accepted = append(accepted, strconv.Quote(numberText(v)))
		case string:
			trimmed := strings.TrimSpace(v)
			if number, ok := numeric(v); ok {
				accepted = append(accepted, literal(number))
			} else if trimmed == "" && v != "" || oddNumber.MatchString(trimmed) {
				return never, f.cannot("%q is a number to JavaScript alone", v)
			}
		}
	}
	if f.op == "_eq" {
		var same []clause
		for _, value := range accepted {
			same = append(same, f.is("== %s", value))
		}
		return or(same...), nil
	}
	var different []clause
	for _, value := range accepted {
		different = append(different, f.is("!= %s", value))
	}
	if dynamic != "" { // else a number and its text would differ
		different = append(different, or(f.is("== null"), atom("type(%s) == type(%s)", f.x, dynamic)))
	}
	return and(different...), nil
}

// numberText is a number as JavaScript writes it.
func numberText(v any) string {
	number, ok := v.(float64)
	if !ok {
		return literal(v)
	}
	if size := math.Abs(number); size != 0 && (size >= 1e21 || size < 1e-6) {
		return strings.Replace(strconv.FormatFloat(number, 'e', -1, 64), "e-0", "e-", 1)
	}
	return strconv.FormatFloat(number, 'f', -1, 64)
}

var oddNumber = regexp.MustCompile(`^([+-]?Infinity|0[xXbBoO].*)$`)
