package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/remit-authz/remit/internal/expr"
)

// A second reading of Directus' documentation, as plain as can be: a filter is true, false or unknown of an
// item, as in SQL. Nothing is known of a property that the item lacks.

type truth int

const (
	isFalse truth = iota
	isUnknown
	isTrue
)

func of(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// itemTruth is what a database says of an item.
func itemTruth(filter map[string]any, item map[string]any) truth {
	result := isTrue
	for key, v := range filter {
		var part truth
		switch key {
		case "_and", "_or":
			part = of(key == "_and")
			for _, element := range v.([]any) {
				one := itemTruth(element.(map[string]any), item)
				if key == "_and" {
					part = min(part, one)
				} else {
					part = max(part, one)
				}
			}
		default:
			for op, operand := range v.(map[string]any) {
				part = isTrue
				part = min(part, itemOperator(op, operand, item, key))
				result = min(result, part)
			}
		}
		result = min(result, part)
	}
	return result
}

func itemOperator(op string, operand any, item map[string]any, field string) truth {
	x, there := item[field]
	if list, ok := operand.([]any); ok && len(list) == 0 {
		return of(op == "_nin") // 1 = 0, and 1 = 1
	}
	if !there {
		return isUnknown
	}
	switch op {
	case "_null":
		return of(x == nil)
	case "_nnull":
		return of(x != nil)
	case "_empty":
		return of(x == nil || x == "")
	case "_nempty":
		return of(x != nil && x != "")
	case "_eq":
		if operand == nil {
			return of(x == nil)
		}
	case "_neq":
		if operand == nil {
			return of(x != nil)
		}
	}
	if x == nil {
		return isUnknown
	}
	operand = dynamicValue(operand)
	negative := func(t truth) truth { return isTrue - t }
	switch op {
	case "_eq":
		return of(compareValues(x, operand) == 0)
	case "_neq":
		return of(compareValues(x, operand) != 0)
	case "_gt":
		return of(compareValues(x, operand) > 0)
	case "_gte":
		return of(compareValues(x, operand) >= 0)
	case "_lt":
		return of(compareValues(x, operand) < 0)
	case "_lte":
		return of(compareValues(x, operand) <= 0)
	case "_in", "_nin":
		found := isFalse
		for _, element := range operand.([]any) {
			one := isUnknown
			if element = dynamicValue(element); element != nil {
				one = of(compareValues(x, element) == 0)
			}
			found = max(found, one)
		}
		if op == "_nin" {
			return negative(found)
		}
		return found
	case "_between", "_nbetween":
		bounds := operand.([]any)
		inside := of(compareValues(x, dynamicValue(bounds[0])) >= 0 && compareValues(x, dynamicValue(bounds[1])) <= 0)
		if op == "_nbetween" {
			return negative(inside)
		}
		return inside
	}
	s, word := x.(string), operand.(string)
	name := strings.TrimPrefix(op, "_")
	no := strings.HasPrefix(name, "n")
	name = strings.TrimPrefix(name, "n")
	if strings.HasPrefix(name, "i") {
		name, s, word = name[1:], strings.ToLower(s), strings.ToLower(word)
	}
	result := of(map[string]func(string, string) bool{
		"contains": strings.Contains, "starts_with": strings.HasPrefix, "ends_with": strings.HasSuffix,
		"eq": func(a, b string) bool { return a == b },
	}[name](s, word))
	if no {
		return negative(result)
	}
	return result
}

// The time of the evaluations is now; the user is me.
const me = "me"

func dynamicValue(v any) any {
	switch v {
	case "$CURRENT_USER":
		return me
	case "$NOW":
		return now.Format(time.RFC3339)
	case "$NOW(-2 days)":
		return now.AddDate(0, 0, -2).Format(time.RFC3339)
	}
	return v
}

// compareValues compares values of one column.
func compareValues(a, b any) int {
	if a == b {
		return 0
	}
	switch a := a.(type) {
	case bool:
		return 1
	case string:
		return strings.Compare(a, b.(string))
	}
	x, y := toFloat(a), toFloat(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func toFloat(v any) float64 {
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		panic(err)
	}
	return f
}

// columns are what filters and items are made of: by field, the values of its type.
var columns = map[string][]any{
	"text":   {"", "draft", "Draft", "review", "dra", me},
	"number": {int64(0), int64(5), 5.5, int64(-3)},
	"bool":   {true, false},
	"moment": {"2026-05-30T12:00:00Z", "2026-06-01T12:00:00Z", "2027-01-01T00:00:00Z"},
}

var (
	everyOperator  = []string{"_null", "_nnull", "_empty", "_nempty", "_eq", "_neq", "_in", "_nin"}
	orderOperators = []string{"_gt", "_gte", "_lt", "_lte", "_between", "_nbetween"}
	textOperators  = []string{
		"_contains", "_ncontains", "_icontains", "_nicontains", "_starts_with", "_nstarts_with", "_istarts_with",
		"_nistarts_with", "_ends_with", "_nends_with", "_iends_with", "_niends_with", "_ieq", "_nieq",
	}
)

// drawFilter draws a filter on the columns.
func drawFilter(t *rapid.T, depth int, operators func(field string) []string) map[string]any {
	if depth > 0 && rapid.Bool().Draw(t, "logical") {
		var list []any
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			list = append(list, drawFilter(t, depth-1, operators))
		}
		return map[string]any{rapid.SampledFrom([]string{"_and", "_or"}).Draw(t, "joint"): list}
	}
	field := rapid.SampledFrom(sorted(columns)).Draw(t, "field")
	return map[string]any{field: drawLeaf(t, field, operators(field))}
}

func drawLeaf(t *rapid.T, field string, operators []string) map[string]any {
	leaf := map[string]any{}
	for range rapid.IntRange(1, 2).Draw(t, "operators") {
		op := rapid.SampledFrom(operators).Draw(t, "operator")
		leaf[op] = drawOperand(t, field, op)
	}
	return leaf
}

func drawOperand(t *rapid.T, field, op string) any {
	values := columns[field]
	one := func() any { return rapid.SampledFrom(values).Draw(t, "value") }
	switch op {
	case "_null", "_nnull", "_empty", "_nempty", "_submitted":
		return true
	case "_in", "_nin":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, rapid.SampledFrom(append([]any{nil}, values...)).Draw(t, "element"))
		}
		return list
	case "_between", "_nbetween":
		return []any{one(), one()}
	case "_eq", "_neq":
		return rapid.SampledFrom(append([]any{nil}, values...)).Draw(t, "value")
	}
	return one()
}

// drawItem draws values of the columns: of the type, null, or absent.
func drawItem(t *rapid.T) map[string]any {
	item := map[string]any{}
	for _, field := range sorted(columns) {
		switch rapid.IntRange(0, 4).Draw(t, field) {
		case 0:
		case 1:
			item[field] = nil
		default:
			item[field] = rapid.SampledFrom(columns[field]).Draw(t, "value")
		}
	}
	return item
}

func itemOperators(field string) []string {
	switch field {
	case "number":
		return append(orderOperators, "_null", "_nnull", "_eq", "_neq", "_in", "_nin")
	case "moment":
		return append(orderOperators, "_null", "_nnull")
	case "bool":
		return []string{"_null", "_nnull", "_eq", "_neq"}
	}
	return append(textOperators, everyOperator...)
}

func itemTranslator() *filterTranslator {
	return &filterTranslator{key: "id", fieldType: func(string) string { return "" }, attribute: func(string) {}}
}

// evaluates compiles and evaluates a condition.
func evaluates(t interface{ Fatalf(string, ...any) }, place expr.Place, text string, in *expr.Input) bool {
	program, err := expr.Compile(place, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	holds, _ := program.Bool(in) // an error is false
	return holds
}

func TestItemPermissionsProperty(t *testing.T) {
	for field, more := range map[string]string{"text": "$CURRENT_USER", "moment": "$NOW"} {
		columns[field] = append(columns[field], more)
	}
	columns["moment"] = append(columns["moment"], "$NOW(-2 days)")
	t.Cleanup(func() {
		columns["text"], columns["moment"] = columns["text"][:6], columns["moment"][:3]
	})
	textOnly := func(filter string) bool { return strings.Contains(filter, "$CURRENT_USER") }
	rapid.Check(t, func(t *rapid.T) {
		filter := drawFilter(t, 2, itemOperators)
		item := drawItem(t)
		for field, v := range item {
			item[field] = dynamicValue(v)
		}
		condition, err := itemTranslator().translate(filter, "permissions")
		if part, ok := errors.AsType[*untranslatable](err); ok && textOnly(fmt.Sprint(filter)) && strings.Contains(part.why, "variables in texts") {
			return // _contains "$CURRENT_USER"
		}
		if err != nil {
			t.Fatalf("%v: %v", filter, err)
		}
		in := &expr.Input{Subject: expr.Subject{Type: "user", ID: me}, Resource: expr.Resource{Properties: expr.Properties{Over: item}}, Now: now}
		got, want := evaluates(t, expr.Condition, condition.text, in), itemTruth(filter, item) == isTrue
		if got != want {
			t.Fatalf("filter %s\nitem %s\n%s\ngot %t, want %t", literal(filter), literal(item), condition.text, got, want)
		}
	})
}

// payloadPasses is what Directus' validation says of a payload.
func payloadPasses(filter map[string]any, payload map[string]any) bool {
	for key, v := range filter {
		switch key {
		case "_and":
			for _, element := range v.([]any) {
				if !payloadPasses(element.(map[string]any), payload) {
					return false
				}
			}
		case "_or":
			some := false
			for _, element := range v.([]any) {
				some = some || payloadPasses(element.(map[string]any), payload)
			}
			if !some {
				return false
			}
		default:
			for op, operand := range v.(map[string]any) {
				if x, there := payload[key]; !payloadOperator(op, operand, x, there) {
					return false
				}
			}
		}
	}
	return true
}

func payloadOperator(op string, operand, x any, there bool) bool {
	switch {
	case op == "_submitted":
		return there
	case !there:
		return true
	}
	switch op {
	case "_null":
		return x == nil
	case "_nnull":
		return x != nil
	case "_empty":
		return x == ""
	case "_nempty":
		return x != ""
	case "_eq":
		return x == operand
	case "_neq":
		return x != operand
	case "_in", "_nin":
		found := false
		for _, element := range operand.([]any) {
			found = found || x == element
		}
		return found == (op == "_in")
	}
	if x == nil || x == "" { // not of the type that the others ask for; texts must not be empty
		return false
	}
	return itemOperator(op, operand, map[string]any{"x": x}, "x") == isTrue
}

func validationOperators(field string) []string {
	always := []string{"_null", "_nnull", "_eq", "_neq", "_in", "_nin", "_submitted"}
	order := []string{"_gt", "_gte", "_lt", "_lte", "_between"}
	switch field {
	case "number", "moment":
		return append(always, order...)
	case "bool":
		return always
	}
	return append(always, "_empty", "_nempty", "_contains", "_ncontains", "_icontains", "_starts_with", "_nstarts_with",
		"_istarts_with", "_nistarts_with", "_ends_with", "_nends_with", "_iends_with", "_niends_with")
}

func TestValidationsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		filter := drawFilter(t, 2, validationOperators)
		payload := drawItem(t)
		d := &directus{importer: &importer{}, attributes: map[string]bool{}}
		for _, action := range []string{"create", "update"} {
			condition, err := d.translator("c", action).translate(filter, "validation")
			if err != nil {
				t.Fatalf("%v: %v", filter, err)
			}
			in := &expr.Input{Proposed: expr.Properties{Over: payload}, Now: now}
			if action == "update" { // what is stored does not count
				in.Action.Properties = map[string]any{"values": payload}
				in.Proposed.Over = drawItem(t)
			}
			if got, want := evaluates(t, expr.Validation, condition.text, in), payloadPasses(filter, payload); got != want {
				t.Fatalf("%s, filter %s\npayload %s\n%s\ngot %t, want %t", action, literal(filter), literal(payload), condition.text, got, want)
			}
		}
	})
}

// TestFilters are translations that a reader may want to see, and such as the columns above do not have.
func TestFilters(t *testing.T) {
	const x = "resource.properties.x"
	tests := map[string]struct{ filter, want string }{
		"nothing":         {`{}`, `true`},
		"null":            {`null`, `true`},
		"short form":      {`{"x": 5}`, `has(` + x + `) && ` + x + ` == 5`},
		"coerced":         {`{"x": {"_eq": "true"}}`, `has(` + x + `) && ` + x + ` == true`},
		"text as number":  {`{"x": {"_neq": "5"}}`, `has(` + x + `) && ` + x + ` != null && (` + x + ` < "5" || ` + x + ` > "5")`},
		"quoted":          {`{"x": {"_eq": "a\"b\\\n"}}`, `has(` + x + `) && ` + x + ` == "a\"b\\\n"`},
		"an odd name":     {`{"a-b": {"_null": true}}`, `"a-b" in resource.properties && resource.properties["a-b"] == null`},
		"not null":        {`{"x": {"_null": false}}`, `has(` + x + `) && ` + x + ` != null`},
		"commas":          {`{"x": {"_in": "a,b"}}`, `has(` + x + `) && ` + x + ` != null && ` + x + ` in ["a", "b"]`},
		"roles":           {`{"x": {"_in": "$CURRENT_ROLES"}}`, `has(` + x + `) && ` + x + ` != null && ` + x + ` in subject.attributes.roles`},
		"role":            {`{"x": {"_eq": "$CURRENT_ROLE"}}`, `has(` + x + `) && ` + x + ` == subject.attributes.role`},
		"field of a user": {`{"x": {"_eq": "$CURRENT_USER.team"}}`, `has(` + x + `) && ` + x + ` == subject.attributes.team`},
		"the record's id": {`{"id": {"_in": ["$CURRENT_USER", 5]}}`, `resource.id in [subject.id, "5"]`},
		"not the id":      {`{"id": {"_neq": 5}}`, `has(resource.properties.id) && resource.properties.id != null && (resource.properties.id < 5 || resource.properties.id > 5)`},
		"id of a link":    {`{"x": {"id": {"_eq": "$CURRENT_USER"}}}`, `has(` + x + `) && ` + x + ` == subject.id`},
		"linked record":   {`{"x": {"team": {"_eq": 1}}}`, `has(` + x + `) && has(` + x + `.team) && ` + x + `.team == 1`},
		"some":            {`{"x": {"_some": {"y": {"_eq": 1}}}}`, `has(` + x + `) && ` + x + `.exists(e, has(e.y) && e.y == 1)`},
		"none":            {`{"x": {"_none": {"y": {"_eq": 1}}}}`, `has(` + x + `) && ` + x + `.all(e, !(e.y == 1))`},
		"pushed down":     {`{"x": {"_or": [{"_eq": 1}, {"_null": true}]}}`, `(has(` + x + `) && ` + x + ` == 1) || (has(` + x + `) && ` + x + ` == null)`},
		"an hour ago":     {`{"x": {"_gt": "$NOW(-1 hour)"}}`, `has(` + x + `) && ` + x + ` != null && timestamp(` + x + `) > now - duration("3600s")`},
		"a date":          {`{"day": {"_gte": "2026-01-31"}}`, `has(resource.properties.day) && resource.properties.day != null && resource.properties.day >= "2026-01-31"`},
		"a column's type": {`{"count": {"_in": ["1", 2]}}`, `has(resource.properties.count) && resource.properties.count != null && resource.properties.count in [1, 2]`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			translator := itemTranslator()
			translator.fieldType = func(field string) string { return map[string]string{"day": "date", "count": "integer"}[field] }
			filter, err := expr.ParseJSON([]byte(tc.filter))
			if err != nil {
				t.Fatal(err)
			}
			got, err := translator.translate(filter, "permissions")
			if err != nil {
				t.Fatal(err)
			}
			if got.text != tc.want {
				t.Errorf("got  %s\nwant %s", got.text, tc.want)
			}
			if _, err := expr.Compile(expr.Condition, got.text); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUntranslatable are filters that are left out, with the path of the part that is to blame.
func TestUntranslatable(t *testing.T) {
	tests := map[string]struct{ filter, path string }{
		"geometry":               {`{"x": {"_intersects": {}}}`, ".x._intersects"},
		"geometry, not":          {`{"x": {"_nintersects_bbox": {}}}`, ".x._nintersects_bbox"},
		"json":                   {`{"x": {"_json": {"a": {"_eq": 1}}}}`, ".x._json"},
		"regex of items":         {`{"x": {"_regex": "^a"}}`, ".x._regex"},
		"no operator":            {`{"x": {"_like": "a"}}`, ".x._like"},
		"inside":                 {`{"_and": [{"x": 1}, {"_or": [{"y": {"_like": "a"}}]}]}`, "._and[1]._or[0].y._like"},
		"an _or of nothing":      {`{"_or": []}`, "._or"},
		"no list":                {`{"_or": {}}`, "._or"},
		"an operator alone":      {`{"_eq": 1}`, "._eq"},
		"a function":             {`{"year(x)": {"_eq": 2026}}`, ".year(x)"},
		"another collection":     {`{"x:pages": {"y": 1}}`, ".x:pages"},
		"policies":               {`{"x": {"_in": "$CURRENT_POLICIES"}}`, ".x._in"},
		"a record of the user's": {`{"x": {"_eq": "$CURRENT_USER.team.name"}}`, ".x._eq"},
		"months":                 {`{"x": {"_gt": "$NOW(-1 month)"}}`, ".x._gt"},
		"now is no value":        {`{"x": {"_eq": "$NOW"}}`, ".x._eq"},
		"order of texts":         {`{"x": {"_gt": "abc"}}`, ".x._gt"},
		"order of dates":         {`{"x": {"_gt": "2026-01-31"}}`, ".x._gt"},
		"now without a zone":     {`{"day": {"_gt": "$NOW"}}`, ".day._gt"},
		"wildcards, not":         {`{"x": {"_ncontains": "a_b"}}`, ".x._ncontains"},
		"case beyond ASCII":      {`{"x": {"_icontains": "É"}}`, ".x._icontains"},
		"one bound":              {`{"x": {"_between": [1]}}`, ".x._between"},
		"three bounds":           {`{"x": {"_nbetween": "1,2,3"}}`, ".x._nbetween"},
		"an object":              {`{"x": {"_eq": {"a": 1}}}`, ".x._eq"},
		"lists of users, not":    {`{"x": {"_nin": ["$CURRENT_USER.desks"]}}`, ".x._nin"},
		"some below":             {`{"x": {"y": {"_some": {"z": 1}}}}`, ".x.y._some"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			translator := itemTranslator()
			translator.fieldType = func(field string) string { return map[string]string{"day": "date"}[field] }
			checkUntranslatable(t, translator, tc.filter, "f"+tc.path)
		})
	}
}

func checkUntranslatable(t *testing.T, translator *filterTranslator, text, path string) {
	t.Helper()
	filter, err := expr.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := translator.translate(filter, "f")
	part, ok := errors.AsType[*untranslatable](err)
	if !ok {
		t.Fatalf("translated to %s", got.text)
	}
	if part.path != path || part.why == "" {
		t.Errorf("got %v, want the path %s", part, path)
	}
}

func TestUntranslatableValidations(t *testing.T) {
	d := &directus{importer: &importer{}, attributes: map[string]bool{}}
	tests := map[string]struct{ filter, path string }{
		"linked records":    {`{"x": {"y": {"_eq": 1}}}`, ".x.y"},
		"false is ignored":  {`{"x": {"_null": false}}`, ".x._null"},
		"not between":       {`{"x": {"_nbetween": [1, 2]}}`, ".x._nbetween"},
		"case, equal":       {`{"x": {"_ieq": "a"}}`, ".x._ieq"},
		"an empty rule":     {`{"_and": [{}]}`, "._and[0]"},
		"looks around":      {`{"x": {"_regex": "(?=a)b"}}`, ".x._regex"},
		"a group by name":   {`{"x": {"_regex": "(?<y>a)"}}`, ".x._regex"},
		"a back reference":  {`{"x": {"_regex": "(a)\\1"}}`, ".x._regex"},
		"an odd number":     {`{"x": {"_neq": "0x10"}}`, ".x._neq"},
		"variables in list": {`{"x": {"_in": ["$CURRENT_USER"]}}`, ".x._in"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			checkUntranslatable(t, d.translator("c", "create"), tc.filter, "f"+tc.path)
		})
	}
}

func TestRegularExpressions(t *testing.T) {
	for js, want := range map[string]string{
		`^[a-z]+$`:   `^[a-z]+$`,
		`/^a\/b/`:    `^a\/b`,
		`a.b`:        `a[^\n\r\x{2028}\x{2029}]b`,
		`[.]\.`:      `[.]\.`,
		`\u00e9\x41`: `\x{00e9}\x{41}`,
		`(?:a|b)\d`:  `(?:a|b)\d`,
	} {
		if got, err := regularExpression(js); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", js, got, err, want)
		}
	}
	for _, js := range []string{``, `a(`, `[]a]`, `[^]`, `[[:alpha:]]`, `a{,3}`, `\p{L}`, `\Qa\E`, `(?i)a`, `[\S]`, `a\`, `\1`} {
		if got, err := regularExpression(js); err == nil {
			t.Errorf("%s became %s", js, got)
		}
	}
}
