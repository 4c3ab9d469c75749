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
		"_contains", "_ncontains", "_icontains", "_starts_with", "_nstarts_with", "_istarts_with",
		"_nistarts_with", "_ends_with", "_nends_with", "_iends_with", "_niends_with",
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

func newItemTranslator(vendor string, types map[string]string) *itemTranslator {
	schema := newDirectusSchema()
	schema.vendor, schema.version = vendor, "11.17.4"
	for field, fieldType := range types {
		schema.setField("c", field, directusField{kind: kindOf(fieldType)})
	}
	return &itemTranslator{schema: schema, collection: "c", attribute: func(string) {}}
}

var columnTypes = map[string]string{"text": "string", "number": "float", "bool": "boolean", "moment": "timestamp"}

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
		condition, err := newItemTranslator("postgres", columnTypes).translate(filter, "permissions")
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
		d := &directus{importer: &importer{}, schema: newDirectusSchema(), attributes: map[string]bool{}}
		for _, action := range []string{"create", "update"} {
			translator := &validationTranslator{schema: d.schema, attribute: func(string) {}, payload: d.payloadOf("c", action, &policyRole{})}
			condition, err := translator.translate(filter, "validation")
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
		"short form":      {`{"count": 5}`, `has(resource.properties.count) && resource.properties.count == 5`},
		"coerced":         {`{"flag": {"_eq": "true"}}`, `has(resource.properties.flag) && resource.properties.flag == true`},
		"not a number":    {`{"count": {"_neq": "5"}}`, `has(resource.properties.count) && (resource.properties.count < 5 || resource.properties.count > 5)`},
		"text, number":    {`{"x": {"_neq": 5}}`, `has(` + x + `) && ` + x + ` >= "" && ` + x + ` != "5"`},
		"quoted":          {`{"x": {"_eq": "a\"b\\\n"}}`, `has(` + x + `) && ` + x + ` == "a\"b\\\n"`},
		"an odd name":     {`{"a-b": {"_null": true}}`, `"a-b" in resource.properties && resource.properties["a-b"] == null`},
		"not null":        {`{"x": {"_null": false}}`, `has(` + x + `) && ` + x + ` != null`},
		"commas":          {`{"x": {"_in": "a,b"}}`, `has(` + x + `) && ` + x + ` in ["a", "b"]`},
		"not in":          {`{"x": {"_nin": ["a", "b"]}}`, `has(` + x + `) && ` + x + ` >= "" && !(` + x + ` in ["a", "b"])`},
		"roles":           {`{"x": {"_in": "$CURRENT_ROLES"}}`, `has(` + x + `) && ` + x + ` in subject.attributes.roles`},
		"role":            {`{"x": {"_eq": "$CURRENT_ROLE"}}`, `has(` + x + `) && ` + x + ` == subject.attributes.role`},
		"field of a user": {`{"x": {"_eq": "$CURRENT_USER.team"}}`, `has(` + x + `) && ` + x + ` == subject.attributes.team`},
		"the user's id":   {`{"x": {"_eq": "$CURRENT_USER.id"}}`, `has(` + x + `) && ` + x + ` == subject.id`},
		"the record's id": {`{"id": {"_in": ["7", 5]}}`, `resource.id == "7" || resource.id == "5"`},
		"not the id":      {`{"id": {"_neq": 5}}`, `resource.id != "5"`},
		"a link": {`{"owner": {"_eq": "$CURRENT_USER"}}`,
			`has(resource.properties.owner) && (resource.properties.owner == subject.id || (has(resource.properties.owner.id) && resource.properties.owner.id == subject.id))`},
		"id of a link": {`{"owner": {"id": {"_eq": "a"}}}`,
			`has(resource.properties.owner) && (resource.properties.owner == "a" || (has(resource.properties.owner.id) && resource.properties.owner.id == "a"))`},
		"linked record":     {`{"owner": {"email": {"_eq": "a"}}}`, `has(resource.properties.owner) && resource.properties.owner.email == "a"`},
		"null behind links": {`{"owner": {"email": {"_null": true}}}`, `has(resource.properties.owner) && (resource.properties.owner == null || resource.properties.owner.email == null)`},
		"some":              {`{"notes": {"_some": {"stars": {"_eq": 1}}}}`, `has(resource.properties.notes) && resource.properties.notes.exists(e, e.stars == 1)`},
		"some, not said":    {`{"notes": {"stars": {"_eq": 1}}}`, `has(resource.properties.notes) && resource.properties.notes.exists(e, e.stars == 1)`},
		"one for both": {`{"_and": [{"notes": {"stars": {"_gt": 1}}}, {"notes": {"text": {"_eq": "a"}}}]}`,
			`has(resource.properties.notes) && resource.properties.notes.exists(e, e.stars > 1 && e.text == "a")`},
		"one for each": {`{"_or": [{"notes": {"stars": {"_gt": 1}}}, {"notes": {"text": {"_eq": "a"}}}]}`,
			`(has(resource.properties.notes) && resource.properties.notes.exists(e, e.stars > 1)) || (has(resource.properties.notes) && resource.properties.notes.exists(e2, e2.text == "a"))`},
		"none":            {`{"notes": {"_none": {"stars": {"_eq": 1}}}}`, `has(resource.properties.notes) && resource.properties.notes.all(e, e.stars == null || e.stars < 1 || e.stars > 1)`},
		"there is one":    {`{"notes": {"_nnull": true}}`, `has(resource.properties.notes) && size(resource.properties.notes) > 0`},
		"there is none":   {`{"notes": {"id": {"_null": true}}}`, `has(resource.properties.notes) && size(resource.properties.notes) == 0`},
		"pushed down":     {`{"x": {"_or": [{"_eq": "a"}, {"_null": true}]}}`, `(has(` + x + `) && ` + x + ` == "a") || (has(` + x + `) && ` + x + ` == null)`},
		"an hour ago":     {`{"at": {"_gt": "$NOW(-1 hour)"}}`, `has(resource.properties.at) && timestamp(resource.properties.at) > now - duration("3600s")`},
		"another moment":  {`{"at": {"_neq": "2026-01-31T00:00:00Z"}}`, `has(resource.properties.at) && timestamp(resource.properties.at) != timestamp("2026-01-31T00:00:00Z")`},
		"a date":          {`{"day": {"_gt": "2026-01-31"}}`, `has(resource.properties.day) && resource.properties.day >= "2026-02-01"`},
		"a time":          {`{"clock": {"_neq": "08:00"}}`, `has(resource.properties.clock) && timestamp("2000-01-01T" + resource.properties.clock + "Z") != timestamp("2000-01-01T08:00:00Z")`},
		"a column's type": {`{"count": {"_in": ["1", 2]}}`, `has(resource.properties.count) && resource.properties.count in [1, 2]`},
		"a decimal":       {`{"price": {"_gt": 1}}`, `has(resource.properties.price) && double(resource.properties.price) > 1.0`},
		"a big integer":   {`{"serial": {"_eq": 9007199254740993}}`, `has(resource.properties.serial) && int(resource.properties.serial) == 9007199254740993`},
		"a list of texts": {`{"labels": {"_contains": "red"}}`, `has(resource.properties.labels) && (type(resource.properties.labels) == list ? resource.properties.labels.join(",") : resource.properties.labels).contains("red")`},
		"another uuid":    {`{"ref": {"_neq": "0A8C5E7A-1111-4222-8333-9A0B0C0D0E0F"}}`, `has(resource.properties.ref) && resource.properties.ref.lowerAscii() != "0a8c5e7a-1111-4222-8333-9a0b0c0d0e0f"`},
		"nobody's type":   {`{"y": {"_nnull": true}}`, `has(resource.properties.y) && resource.properties.y != null && type(resource.properties.y) != list`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			filter, err := expr.ParseJSON([]byte(tc.filter))
			if err != nil {
				t.Fatal(err)
			}
			got, err := typedTranslator("postgres").translate(filter, "permissions")
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

// typedTranslator translates filters of a collection with a field of every type, a link and a list.
func typedTranslator(vendor string) *itemTranslator {
	translator := newItemTranslator(vendor, map[string]string{
		"id": "integer", "x": "string", "count": "integer", "flag": "boolean", "owner": "uuid", "at": "timestamp", "day": "date",
		"clock": "time", "price": "decimal", "serial": "bigInteger", "labels": "csv", "ref": "uuid", "secret": "hash", "a-b": "string",
		"data": "json", "notes": "alias", "lost": "alias", "local": "dateTime",
	})
	set2(translator.schema.links, "c", "owner", "directus_users")
	set2(translator.schema.lists, "c", "notes", "notes")
	translator.schema.setField("notes", "id", directusField{kind: kindInteger})
	translator.schema.setField("notes", "stars", directusField{kind: kindInteger})
	translator.schema.setField("notes", "text", directusField{kind: kindText})
	return translator
}

// TestUntranslatable are filters that are left out, with the path of the part that is to blame.
func TestUntranslatable(t *testing.T) {
	tests := map[string]struct{ filter, path string }{
		"geometry":                 {`{"x": {"_intersects": {}}}`, ".x._intersects"},
		"geometry, not":            {`{"x": {"_nintersects_bbox": {}}}`, ".x._nintersects_bbox"},
		"json":                     {`{"data": {"_json": {"a": {"_eq": 1}}}}`, ".data._json"},
		"regex of items":           {`{"x": {"_regex": "^a"}}`, ".x._regex"},
		"no operator":              {`{"x": {"_like": "a"}}`, ".x._like"},
		"refused by Directus":      {`{"x": {"_gt": "a"}}`, ".x._gt"},
		"refused of uuids":         {`{"ref": {"_contains": "a"}}`, ".ref._contains"},
		"refused of texts":         {`{"x": {"_ieq": "a"}}`, ".x._ieq"},
		"what is hidden":           {`{"secret": {"_neq": "a"}}`, ".secret._neq"},
		"inside":                   {`{"_and": [{"x": 1}, {"_or": [{"y": {"_like": "a"}}]}]}`, "._and[1]._or[0].y._like"},
		"an _or of nothing":        {`{"_or": []}`, "._or"},
		"no list":                  {`{"_or": {}}`, "._or"},
		"an operator alone":        {`{"_eq": 1}`, "._eq"},
		"a function":               {`{"year(x)": {"_eq": 2026}}`, ".year(x)"},
		"another collection":       {`{"x:pages": {"y": 1}}`, ".x:pages"},
		"policies":                 {`{"x": {"_in": "$CURRENT_POLICIES"}}`, ".x._in"},
		"a record of the user's":   {`{"x": {"_eq": "$CURRENT_USER.team.name"}}`, ".x._eq"},
		"months":                   {`{"at": {"_gt": "$NOW(-1 month)"}}`, ".at._gt"},
		"now is no value":          {`{"at": {"_eq": "$NOW"}}`, ".at._eq"},
		"now without a zone":       {`{"local": {"_gt": "$NOW"}}`, ".local._gt"},
		"a zone too many":          {`{"local": {"_neq": "2026-01-31T00:00:00Z"}}`, ".local._neq"},
		"another type":             {`{"id": {"_eq": "$CURRENT_USER"}}`, ".id._eq"},
		"no date":                  {`{"day": {"_neq": "2026-02-30"}}`, ".day._neq"},
		"order of dates":           {`{"y": {"_gt": "2026-01-31"}}`, ".y._gt"},
		"no number":                {`{"count": {"_neq": "many"}}`, ".count._neq"},
		"no whole number":          {`{"serial": {"_neq": 1.5}}`, ".serial._neq"},
		"wildcards, not":           {`{"x": {"_ncontains": "a_b"}}`, ".x._ncontains"},
		"case beyond ASCII":        {`{"x": {"_icontains": "É"}}`, ".x._icontains"},
		"one bound":                {`{"count": {"_between": [1]}}`, ".count._between"},
		"three bounds":             {`{"count": {"_nbetween": "1,2,3"}}`, ".count._nbetween"},
		"an object":                {`{"x": {"_eq": {"a": 1}}}`, ".x._eq"},
		"lists of users, not":      {`{"x": {"_nin": ["$CURRENT_USER.desks"]}}`, ".x._nin"},
		"some below":               {`{"owner": {"policies": {"_some": {"z": 1}}}}`, ".owner.policies._some"},
		"some of a link":           {`{"owner": {"_some": {"email": 1}}}`, ".owner._some"},
		"where does it lead":       {`{"x": {"y": 1}}`, ".x.y._eq"},
		"which records":            {`{"lost": {"y": {"_eq": 1}}}`, ".lost.y._eq"},
		"a number, or its text":    {`{"y": {"_neq": "5"}}`, ".y._neq"},
		"a moment, or its text":    {`{"y": {"_nin": ["2026-01-31T00:00:00Z"]}}`, ".y._nin"},
		"what the user is, or has": {`{"y": {"_neq": "$CURRENT_USER.team"}}`, ".y._neq"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			translator := typedTranslator("postgres")
			checkUntranslatable(t, translator.translate, tc.filter, strings.TrimSuffix("f"+tc.path, "."))
		})
	}
}

func checkUntranslatable(t *testing.T, translate func(any, string) (clause, error), text, path string) {
	t.Helper()
	filter, err := expr.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := translate(filter, "f")
	part, ok := errors.AsType[*untranslatable](err)
	if !ok {
		t.Fatalf("translated to %s", got.text)
	}
	if part.path != path || part.why == "" {
		t.Errorf("got %v, want the path %s", part, path)
	}
}

func TestUntranslatableValidations(t *testing.T) {
	d := &directus{importer: &importer{}, schema: newDirectusSchema(), attributes: map[string]bool{}}
	translator := &validationTranslator{schema: d.schema, attribute: func(string) {}, payload: d.payloadOf("c", "create", &policyRole{})}
	tests := map[string]struct{ filter, path string }{
		"linked records":    {`{"x": {"y": {"_eq": 1}}}`, ".x.y._eq"},
		"some of them":      {`{"x": {"_some": {"y": {"_eq": 1}}}}`, ".x._some"},
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
			checkUntranslatable(t, translator.translate, tc.filter, "f"+tc.path)
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
