package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/remit-authz/remit/internal/engine"
)

// A second evaluator of Directus' rules, as plain as can be: items are records with the values that their columns
// hold, a filter is true, false or unknown of them, as the SQL that Directus makes of it. What is imported of an
// export, of which parts may be missing or unknown, never allows more.

// naiveSchema is the schema of the exports: types by collection and field.
var naiveSchema = map[string]map[string]string{
	"articles": {
		"id": "integer", "title": "string", "code": "uuid", "stars": "integer", "price": "decimal", "serial": "bigInteger",
		"flag": "boolean", "day": "date", "at": "timestamp", "local": "dateTime", "clock": "time", "labels": "csv", "secret": "hash",
		"owner": "uuid", "team": "integer", "remarks": "alias", "crew": "alias",
	},
	"remarks":        {"id": "integer", "stars": "integer", "text": "string", "author": "uuid", "article": "integer"},
	"crew":           {"id": "integer", "person": "uuid", "role": "string", "article": "integer"},
	"teams":          {"id": "integer", "name": "string", "region": "integer", "budget": "decimal"},
	"regions":        {"id": "integer", "name": "string"},
	"directus_users": {"id": "uuid", "email": "string", "team": "integer", "level": "integer", "role": "uuid", "status": "string"},
}

var (
	naiveLinks = map[string]map[string]string{
		"articles": {"owner": "directus_users", "team": "teams"},
		"remarks":  {"author": "directus_users", "article": "articles"},
		"crew":     {"person": "directus_users", "article": "articles"},
		"teams":    {"region": "regions"}, "directus_users": {"team": "teams"},
	}
	naiveLists = map[string]map[string]string{"articles": {"remarks": "remarks", "crew": "crew"}}
)

// Two users, by id.
const (
	userA = "a0000000-0000-4000-8000-00000000000a"
	userB = "b0000000-0000-4000-8000-00000000000b"
)

// columnValues are what columns may hold.
var columnValues = map[string][]any{
	"string": {"draft", "Draft", "DRAFT ", "5", "a%b", "é", "", "open"},
	"uuid":   {userA, userB}, "integer": {int64(0), int64(3), int64(5)}, "decimal": {0.5, 5.0, 3.0},
	"bigInteger": {int64(9007199254740993), int64(9007199254740992), int64(5)}, "boolean": {true, false},
	"date": {"2026-01-31", "2026-02-01"}, "timestamp": {"2026-01-31T00:00:00Z", "2027-01-01T12:30:00Z"},
	"dateTime": {"2026-01-31T00:00:00", "2026-01-31T08:00:00"}, "time": {"08:00:00", "09:30:00"},
	"csv": {"red", "blue,red", "", "Red"}, "hash": {"x"},
}

// operandValues are what filters compare with, besides.
var operandValues = []any{
	"draft", "DRAFT", "a", "5", int64(5), int64(3), "3", 0.5, "5.00", true, "false", int64(1), nil, "2026-01-31", "2026-01-31T00:00:00.000Z",
	"2026-01-31T01:00:00+01:00", "08:00", "2026-01-31T00:00:00", "red", strings.ToUpper(userA), userB, "9007199254740993",
	"$CURRENT_USER", "$CURRENT_USER.id", "$CURRENT_USER.team", "$CURRENT_USER.level", "$CURRENT_ROLE", "$NOW", "$NOW(-1 day)",
}

// record is an item: values of columns, records that it links to, and lists of records.
type record map[string]any

func drawRecord(t *rapid.T, collection string, depth int) record {
	r := record{}
	for _, field := range sorted(naiveSchema[collection]) {
		if to, ok := naiveLists[collection][field]; ok {
			list := []record{}
			if depth > 0 {
				for range rapid.IntRange(0, 2).Draw(t, "list") {
					list = append(list, drawRecord(t, to, depth-1))
				}
			}
			r[field] = list
			continue
		}
		fieldType := naiveSchema[collection][field]
		if field != "id" && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			r[field] = nil
			continue
		}
		if to, ok := naiveLinks[collection][field]; ok && depth > 0 && to != "articles" {
			r[field] = drawRecord(t, to, depth-1)
			continue
		}
		r[field] = rapid.SampledFrom(columnValues[fieldType]).Draw(t, field)
	}
	return r
}

// sent is what an application may send of an item, in one of several shapes.
func sent(t *rapid.T, collection string, r record, vendor string, top bool) map[string]any {
	out := map[string]any{}
	for _, field := range sorted(r) {
		if top && rapid.IntRange(0, 19).Draw(t, "unsent") == 0 {
			continue
		}
		odd := rapid.IntRange(0, 2).Draw(t, "shape") == 0
		switch v := r[field].(type) {
		case record:
			out[field] = sent(t, naiveLinks[collection][field], v, vendor, false)
			if odd {
				out[field] = v["id"]
			}
		case []record:
			list := []any{}
			for _, element := range v {
				list = append(list, sent(t, naiveLists[collection][field], element, vendor, false))
			}
			out[field] = list
		case string:
			out[field] = v
			switch fieldType := naiveSchema[collection][field]; {
			case fieldType == "csv" && !odd:
				list := []any{}
				for _, part := range strings.Split(v, ",") {
					if v != "" {
						list = append(list, part)
					}
				}
				out[field] = list
			case fieldType == "timestamp" && odd:
				moment, err := time.Parse(time.RFC3339, v)
				if err != nil {
					t.Fatal(err)
				}
				out[field] = moment.In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05.000Z07:00")
			case fieldType == "uuid" && odd && vendor == "postgres":
				out[field] = strings.ToUpper(v)
			case fieldType == "hash":
				out[field] = "**********"
			}
		case float64:
			out[field] = v
			if odd {
				out[field] = strconv.FormatFloat(v, 'f', 5, 64)
			}
		case int64:
			out[field] = v
			if odd && naiveSchema[collection][field] == "bigInteger" {
				out[field] = strconv.FormatInt(v, 10)
			}
		default:
			out[field] = v
		}
	}
	return out
}

// naive is the evaluation of one filter for one user.
type naive struct {
	vendor string
	user   map[string]any
	// refused: Directus, or the database, answers the whole request with an error.
	refused bool
}

// allows says whether an item is in the answer.
func (n *naive) allows(collection string, filter any, r record) bool {
	holds := n.some(collection, filter, r)
	return holds && !n.refused
}

// some says whether a filter is true of an item joined with some record of each list that it goes through, or with
// nulls where a list is empty.
func (n *naive) some(collection string, filter any, r record) bool {
	paths := map[string][]string{}
	n.joins(collection, filter, nil, paths)
	keys := slices.SortedFunc(maps.Keys(paths), func(a, b string) int { return len(paths[a]) - len(paths[b]) })
	joined := map[string]record{}
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(keys) {
			return n.group(collection, filter, nil, r, joined) == isTrue
		}
		list, _ := n.at(r, paths[keys[i]], joined).([]record)
		if len(list) == 0 {
			list = []record{nil}
		}
		found := false
		for _, element := range list {
			joined[keys[i]] = element
			found = try(i+1) || found // all of them, for what is refused
		}
		return found
	}
	return try(0)
}

// joins collects the lists that a filter goes through without _some and _none.
func (n *naive) joins(collection string, filter any, path []string, paths map[string][]string) {
	members, _ := filter.(map[string]any)
	for key, v := range members {
		switch {
		case key == "_and" || key == "_or":
			for _, part := range v.([]any) {
				n.joins(collection, part, path, paths)
			}
		case strings.HasPrefix(key, "_"):
		default:
			here := append(slices.Clone(path), key)
			to := naiveLinks[collection][key]
			if list, ok := naiveLists[collection][key]; ok {
				to = list
				inner, _ := v.(map[string]any)
				_, some := inner["_some"]
				_, none := inner["_none"]
				if !some && !none {
					paths[strings.Join(here, ".")] = here
				}
			}
			n.joins(to, v, here, paths)
		}
	}
}

// at is what stands at a path: of a null, null.
func (n *naive) at(r record, path []string, joined map[string]record) any {
	var here any = r
	for i, field := range path {
		if element, ok := joined[strings.Join(path[:i], ".")]; ok && i > 0 {
			here = element
		}
		of, ok := here.(record)
		switch {
		case !ok && field == "id": // a record that is known by its id alone
			continue
		case of == nil:
			return nil
		}
		here = of[field]
	}
	return here
}

func (n *naive) group(collection string, filter any, path []string, r record, joined map[string]record) truth {
	members, ok := filter.(map[string]any)
	if !ok {
		if len(path) == 0 {
			return isTrue
		}
		members = map[string]any{"_eq": filter}
	}
	result := isTrue
	for key, v := range members {
		part := isUnknown
		switch {
		case key == "_and" || key == "_or":
			part = of(key == "_and")
			for _, element := range v.([]any) {
				one := n.group(collection, element, path, r, joined)
				if key == "_and" {
					part = min(part, one)
				} else {
					part = max(part, one)
				}
			}
		case key == "_some" || key == "_none":
			to, list := naiveLists[collection][path[len(path)-1]]
			if len(path) != 1 || !list {
				n.refused = true
				break
			}
			found := false
			elements, _ := r[path[0]].([]record)
			for _, element := range elements {
				found = n.some(to, v, element) || found
			}
			part = of(found == (key == "_some"))
		case strings.HasPrefix(key, "_"):
			part = n.operator(collection, key, v, path, r, joined)
		default:
			if naiveSchema[collectionAt(collection, path)][key] == "" {
				n.refused = true
				break
			}
			part = n.group(collection, v, append(slices.Clone(path), key), r, joined)
		}
		result = min(result, part)
	}
	return result
}

// collectionAt is where a path leads.
func collectionAt(collection string, path []string) string {
	for _, field := range path {
		if to, ok := naiveLists[collection][field]; ok {
			collection = to
		} else {
			collection = naiveLinks[collection][field]
		}
	}
	return collection
}

func (n *naive) operator(collection, op string, operand any, path []string, r record, joined map[string]record) truth {
	holder, field := collectionAt(collection, path[:len(path)-1]), path[len(path)-1]
	fieldType := naiveSchema[holder][field]
	x := n.at(r, path, joined)
	if to, ok := naiveLists[holder][field]; ok { // of a list, the key of the record that is joined
		fieldType, x = naiveSchema[to]["id"], n.at(r, append(slices.Clone(path), "id"), joined)
	}
	if linked, ok := x.(record); ok {
		x = linked["id"]
		if linked == nil {
			x = nil
		}
	}
	if !slices.Contains(naiveOperators(fieldType), op) {
		n.refused = true
		return isUnknown
	}
	switch {
	case op == "_null" && operand != false, op == "_nnull" && operand == false:
		return of(x == nil)
	case op == "_nnull" || op == "_null":
		return of(x != nil)
	case op == "_empty" && operand != false, op == "_nempty" && operand == false:
		return max(of(x == nil), n.compared(fieldType, x, "", func(order int) bool { return order == 0 }))
	case op == "_nempty" || op == "_empty":
		return min(of(x != nil), n.compared(fieldType, x, "", func(order int) bool { return order != 0 }))
	}
	list, isList := operand.([]any)
	values := []any{operand}
	if isList {
		values = list
	}
	for i := range values {
		values = slices.Clone(values)
		values[i] = n.dynamic(values[i])
	}
	switch op {
	case "_eq", "_neq":
		if values[0] == nil {
			return of((x == nil) == (op == "_eq"))
		}
		return n.compared(fieldType, x, values[0], func(order int) bool { return (order == 0) == (op == "_eq") })
	case "_in", "_nin":
		found := isFalse
		for _, v := range values {
			one := isUnknown
			if v != nil {
				one = n.compared(fieldType, x, v, func(order int) bool { return order == 0 })
			}
			found = max(found, one)
		}
		if op == "_nin" {
			return isTrue - found
		}
		return found
	case "_gt", "_gte", "_lt", "_lte":
		return n.compared(fieldType, x, values[0], func(order int) bool {
			return map[string]bool{"_gt": order > 0, "_gte": order >= 0, "_lt": order < 0, "_lte": order <= 0}[op]
		})
	case "_between", "_nbetween":
		inside := min(n.compared(fieldType, x, values[0], func(order int) bool { return order >= 0 }),
			n.compared(fieldType, x, values[1], func(order int) bool { return order <= 0 }))
		if op == "_nbetween" {
			return isTrue - inside
		}
		return inside
	}
	return n.like(op, x, values[0])
}

func (n *naive) dynamic(v any) any {
	switch v {
	case "$CURRENT_USER", "$CURRENT_USER.id":
		return n.user["id"]
	case "$CURRENT_USER.team":
		return n.user["team"]
	case "$CURRENT_USER.level":
		return n.user["level"]
	case "$CURRENT_ROLE":
		return n.user["role"]
	case "$NOW":
		return now.Format(time.RFC3339)
	case "$NOW(-1 day)":
		return now.AddDate(0, 0, -1).Format(time.RFC3339)
	case "true":
		return true
	case "false":
		return false
	}
	return v
}

// naiveOperators are those that Directus lets be asked of a type.
func naiveOperators(fieldType string) []string {
	null := []string{"_null", "_nnull"}
	plain := []string{"_null", "_nnull", "_eq", "_neq", "_in", "_nin"}
	switch fieldType {
	case "uuid":
		return plain
	case "boolean":
		return []string{"_null", "_nnull", "_eq", "_neq"}
	case "hash":
		return null
	case "string", "csv":
		return slices.Concat(plain, []string{
			"_empty", "_nempty", "_contains", "_ncontains", "_icontains", "_starts_with", "_nstarts_with", "_istarts_with",
			"_nistarts_with", "_ends_with", "_nends_with", "_iends_with", "_niends_with",
		})
	}
	return slices.Concat(plain, []string{"_gt", "_gte", "_lt", "_lte", "_between", "_nbetween"})
}

// compared compares a column with a value as the database does; what the database does not take is refused.
func (n *naive) compared(fieldType string, x, v any, holds func(order int) bool) truth {
	var order int
	if v == nil {
		return isUnknown
	}
	switch fieldType {
	case "integer", "decimal", "bigInteger":
		limit, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(v)), 64)
		if _, isBool := v.(bool); err != nil || isBool {
			n.refused = true
			return isUnknown
		}
		if x == nil {
			return isUnknown
		}
		order = compareValues(toFloat(x), limit)
		whole, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if i, ok := x.(int64); ok && err == nil {
			order = int(min(1, max(-1, i-whole)))
		}
	case "boolean":
		b, ok := map[any]bool{true: true, false: false, int64(1): true, int64(0): false, "1": true, "0": false}[v]
		if !ok {
			if _, known := v.(bool); !known {
				n.refused = true
				return isUnknown
			}
		}
		if x == nil {
			return isUnknown
		}
		order = compareValues(x, b)
	case "date", "dateTime", "time", "timestamp":
		forms := map[string][]string{
			"date": {time.DateOnly}, "dateTime": {"2006-01-02T15:04:05"}, "time": {time.TimeOnly, "15:04"}, "timestamp": {time.RFC3339},
		}[fieldType]
		limit, ok := parsed(v, forms)
		if !ok {
			n.refused = true
			return isUnknown
		}
		if x == nil {
			return isUnknown
		}
		moment, _ := parsed(x, forms)
		order = moment.Compare(limit)
	case "uuid":
		s, ok := v.(string)
		if !ok {
			n.refused = true
			return isUnknown
		}
		if x == nil {
			return isUnknown
		}
		if n.vendor == "postgres" {
			s = strings.ToLower(s)
		}
		order = strings.Compare(n.folded(x.(string)), n.folded(s))
	default:
		if x == nil {
			return isUnknown
		}
		if _, isText := v.(string); !isText && n.vendor == "mysql" { // compares numbers
			number := map[any]float64{true: 1, false: 0}[v]
			if _, isBool := v.(bool); !isBool {
				number = toFloat(v)
			}
			return of(holds(compareValues(leadingNumber(x.(string)), number)))
		}
		if _, isBool := v.(bool); isBool && n.vendor != "postgres" {
			v = map[any]string{true: "1", false: "0"}[v]
		}
		order = strings.Compare(n.folded(x.(string)), n.folded(fmt.Sprint(v)))
	}
	return of(holds(order))
}

// leadingNumber is the number that a text begins with, or 0.
func leadingNumber(s string) float64 {
	for end := len(s); end > 0; end-- {
		if number, err := strconv.ParseFloat(s[:end], 64); err == nil {
			return number
		}
	}
	return 0
}

func parsed(v any, forms []string) (time.Time, bool) {
	s, _ := v.(string)
	for _, form := range forms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// folded is a text as MySQL's usual collation compares it.
func (n *naive) folded(s string) string {
	if n.vendor != "mysql" {
		return s
	}
	return strings.TrimRight(strings.ReplaceAll(strings.ToLower(s), "é", "e"), " ")
}

func (n *naive) like(op string, x, v any) truth {
	word, ok := v.(string)
	if !ok {
		n.refused = true
		return isUnknown
	}
	if x == nil {
		return isUnknown
	}
	name := strings.TrimPrefix(op, "_")
	no := strings.HasPrefix(name, "n")
	name = strings.TrimPrefix(name, "n")
	s := x.(string)
	if strings.HasPrefix(name, "i") || n.vendor != "postgres" {
		s, word = strings.ToLower(s), strings.ToLower(word)
	}
	if n.vendor == "mysql" {
		s, word = strings.ReplaceAll(s, "é", "e"), strings.ReplaceAll(word, "é", "e")
	}
	name = strings.TrimPrefix(name, "i")
	pattern := map[string]string{"contains": "%" + word + "%", "starts_with": word + "%", "ends_with": "%" + word}[name]
	return of(matches(pattern, s) != no)
}

// matches is LIKE.
func matches(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '%':
		return matches(pattern[1:], s) || s != "" && matches(pattern, s[1:])
	case '_':
		return s != "" && matches(pattern[1:], s[1:])
	}
	return s != "" && s[0] == pattern[0] && matches(pattern[1:], s[1:])
}

// drawRule draws a filter on a collection.
func drawRule(t *rapid.T, collection string, depth int) map[string]any {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "logical") == 0 {
		var list []any
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			list = append(list, drawRule(t, collection, depth-1))
		}
		return map[string]any{rapid.SampledFrom([]string{"_and", "_or"}).Draw(t, "joint"): list}
	}
	field := rapid.SampledFrom(sorted(naiveSchema[collection])).Draw(t, "field")
	link, isLink := naiveLinks[collection][field]
	list, isList := naiveLists[collection][field]
	below := rapid.IntRange(0, 3).Draw(t, "below")
	switch {
	case isList && below > 1 && depth > 0:
		return map[string]any{field: map[string]any{rapid.SampledFrom([]string{"_some", "_none"}).Draw(t, "quantifier"): drawRule(t, list, depth-1)}}
	case isList && below > 0 && depth > 0:
		return map[string]any{field: drawRule(t, list, depth-1)}
	case isLink && link != "articles" && below > 0 && depth > 0:
		return map[string]any{field: drawRule(t, link, depth-1)}
	}
	fieldType := naiveSchema[collection][field]
	if isList {
		fieldType = "integer"
	}
	operators := naiveOperators(fieldType)
	if rapid.IntRange(0, 15).Draw(t, "odd operator") == 0 {
		operators = []string{"_empty", "_gt", "_contains", "_regex", "_intersects", "_ieq", "_between"}
	}
	test := map[string]any{}
	for range rapid.IntRange(1, 10).Draw(t, "operators") / 9 * 1 {
		op := rapid.SampledFrom(operators).Draw(t, "operator")
		test[op] = drawValue(t, fieldType, op)
	}
	op := rapid.SampledFrom(operators).Draw(t, "operator")
	test[op] = drawValue(t, fieldType, op)
	return map[string]any{field: test}
}

func drawValue(t *rapid.T, fieldType, op string) any {
	one := func() any {
		if values := columnValues[fieldType]; rapid.IntRange(0, 2).Draw(t, "of the type") > 0 {
			return rapid.SampledFrom(values).Draw(t, "value")
		}
		return rapid.SampledFrom(operandValues).Draw(t, "operand")
	}
	switch op {
	case "_null", "_nnull", "_empty", "_nempty":
		return rapid.Bool().Draw(t, "asked")
	case "_in", "_nin":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, one())
		}
		return list
	case "_between", "_nbetween":
		return []any{one(), one()}
	}
	return one()
}

// naiveSnapshot is the snapshot of the schema; some of it may be missing.
func naiveSnapshot(t *rapid.T, vendor string, whole bool) []byte {
	missing := func(what string) bool { return !whole && rapid.IntRange(0, 5).Draw(t, what) == 0 }
	snapshot := map[string]any{"version": 1, "directus": "11.17.4"}
	if !missing("vendor") {
		snapshot["vendor"] = vendor
	}
	var fields, relations []any
	for _, collection := range sorted(naiveSchema) {
		for _, field := range sorted(naiveSchema[collection]) {
			if missing("field") {
				continue
			}
			fields = append(fields, map[string]any{
				"collection": collection, "field": field, "type": naiveSchema[collection][field], "meta": map[string]any{},
				"schema": map[string]any{"is_primary_key": field == "id"},
			})
		}
		for _, field := range sorted(naiveLinks[collection]) {
			if missing("relation") {
				continue
			}
			alias := any(nil)
			if to := naiveLinks[collection][field]; to == "articles" && naiveLists[to][collection] == collection {
				alias = collection
			}
			relations = append(relations, map[string]any{
				"collection": collection, "field": field, "related_collection": naiveLinks[collection][field], "meta": map[string]any{"one_field": alias},
			})
		}
	}
	snapshot["fields"], snapshot["relations"] = fields, relations
	return mustJSON(snapshot)
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// TestNeverWiderThanDirectus imports random exports and asks about random items.
func TestNeverWiderThanDirectus(t *testing.T) {
	allowed, narrower := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		vendor := rapid.SampledFrom([]string{"postgres", "mysql", "sqlite"}).Draw(t, "vendor")
		const rules = 8
		var roles, policies, access, users, permissions []any
		filters := make([]map[string]any, rules)
		people := make([]map[string]any, rules)
		for i := range rules {
			role, policy, id := fmt.Sprintf("r%d", i), fmt.Sprintf("p%d", i), userA
			if i > 0 {
				id = userA[:len(userA)-1] + strconv.Itoa(i)
			}
			user := map[string]any{"id": id, "status": "active", "role": role, "level": nil, "team": nil}
			if rapid.Bool().Draw(t, "team") {
				user["team"], user["level"] = rapid.SampledFrom(columnValues["integer"]).Draw(t, "team"), int64(3)
			}
			filters[i], people[i] = drawRule(t, "articles", 3), user
			roles = append(roles, map[string]any{"id": role, "name": role, "parent": nil})
			policies = append(policies, map[string]any{"id": policy, "name": policy})
			access = append(access, map[string]any{"policy": policy, "role": role, "user": nil})
			users = append(users, user)
			permission := map[string]any{"policy": policy, "collection": "articles", "action": "read", "permissions": filters[i], "fields": []any{"*"}}
			permissions = append(permissions, permission)
		}
		files := []File{
			{"roles.json", mustJSON(roles)}, {"policies.json", mustJSON(policies)}, {"access.json", mustJSON(access)},
			{"users.json", mustJSON(users)}, {"permissions.json", mustJSON(permissions)},
		}
		whole := rapid.Bool().Draw(t, "whole snapshot")
		if whole || rapid.IntRange(0, 9).Draw(t, "no snapshot") > 0 {
			files = append(files, File{"snapshot.json", naiveSnapshot(t, vendor, whole)})
		}
		result, err := Import(Directus, files)
		if err != nil {
			t.Fatal(err)
		}
		domain := engine.Compile(result.Objects)
		for range 4 {
			item := drawRecord(t, "articles", 2)
			for i := range rules {
				properties := sent(t, "articles", item, vendor, true)
				got, err := domain.Decide(&engine.Request{
					Subject: engine.Subject{Type: "user", ID: people[i]["id"].(string)}, Action: engine.Action{Name: "read"},
					Resource: engine.Resource{Type: "articles", ID: fmt.Sprint(item["id"]), Properties: properties},
				}, now)
				if err != nil {
					t.Fatal(err)
				}
				evaluator := &naive{vendor: vendor, user: people[i]}
				want := evaluator.allows("articles", coerce(any(filters[i])), item)
				switch {
				case evaluator.refused && !whole: // who does not know the types cannot know what Directus refuses
				case got.Allow && !want:
					condition := ""
					for _, object := range result.Objects {
						if object.GetName() == fmt.Sprintf("p%d", i) {
							condition = string(mustJSON(object))
						}
					}
					t.Fatalf("wider\n%s\nfilter %s\nsent %s\nitem %s\nuser %s\n%s", vendor, mustJSON(filters[i]), mustJSON(properties), mustJSON(item), mustJSON(people[i]), condition)
				case got.Allow:
					allowed++
				case want:
					narrower++
				}
			}
		}
	})
	t.Logf("%d decisions allow; %d are narrower", allowed, narrower)
	if allowed == 0 {
		t.Error("nothing was allowed")
	}
}
