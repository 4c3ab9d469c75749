package filter_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// The formats ucast and cerbos are read by libraries that see null in different ways. Two of each kind are
// written down here, from their documentation: one that computes on objects as JavaScript does, where a
// property may also be missing, and one that writes SQL, where a comparison with NULL is neither true nor
// false.

// condition is what a reader makes of either format.
type condition struct {
	operator string
	args     []*condition
	// field and against are operands of a leaf, in the order in which they were written.
	operands []operand
}

// operand is a path, or a value. The id is a path of its own.
type operand struct {
	isField bool
	isID    bool
	path    []string
	value   any
}

// decode reads an encoded condition as any program would.
func decode(encoded any) (any, error) {
	text, err := json.Marshal(encoded)
	if err != nil {
		return nil, err
	}
	return expr.ParseJSON(text)
}

func readUCAST(node any) (*condition, error) {
	members, ok := node.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is no condition", node)
	}
	operator, _ := members["operator"].(string)
	value, hasValue := members["value"]
	if !hasValue {
		return nil, fmt.Errorf("no value in %v", node)
	}
	switch members["type"] {
	case "compound":
		c := &condition{operator: operator}
		for _, member := range value.([]any) {
			arg, err := readUCAST(member)
			if err != nil {
				return nil, err
			}
			c.args = append(c.args, arg)
		}
		return c, nil
	case "field":
		field, _ := members["field"].(string)
		names := map[string]string{"lte": "le", "gte": "ge", "startswith": "startsWith", "endswith": "endsWith"}
		if name, ok := names[operator]; ok {
			operator = name
		}
		left := operand{isField: true, isID: field == "id", path: strings.Split(field, ".")}
		return &condition{operator: operator, operands: []operand{left, {value: value}}}, nil
	}
	return nil, fmt.Errorf("%v is no condition", node)
}

func readCerbos(node any) (*condition, error) {
	expression, ok := node.(map[string]any)["expression"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is no expression", node)
	}
	c := &condition{operator: expression["operator"].(string)}
	for _, member := range expression["operands"].([]any) {
		members := member.(map[string]any)
		if len(members) != 1 {
			return nil, fmt.Errorf("%v is no operand", member)
		}
		if _, ok := members["expression"]; ok {
			arg, err := readCerbos(member)
			if err != nil {
				return nil, err
			}
			c.args = append(c.args, arg)
			continue
		}
		if value, ok := members["value"]; ok {
			c.operands = append(c.operands, operand{value: value})
			continue
		}
		variable, _ := members["variable"].(string)
		path, isAttribute := strings.CutPrefix(variable, "request.resource.attr.")
		if !isAttribute && variable != "request.resource.id" {
			return nil, fmt.Errorf("no variable %q", variable)
		}
		c.operands = append(c.operands, operand{isField: true, isID: !isAttribute, path: strings.Split(path, ".")})
	}
	return c, nil
}

// missing is what JavaScript calls undefined.
type missing struct{}

func (o operand) of(r *record) any {
	switch {
	case !o.isField:
		return o.value
	case o.isID:
		return r.id
	}
	var value any = r.properties
	for _, name := range o.path {
		object, ok := value.(map[string]any)
		if !ok {
			return missing{}
		}
		if value, ok = object[name]; !ok {
			return missing{}
		}
	}
	return value
}

// javaScript evaluates as @ucast/js does, with operators on texts added; Cerbos' operators mean the same.
func javaScript(c *condition, r *record) bool {
	holds := func(arg *condition) bool { return javaScript(arg, r) }
	switch c.operator {
	case "and":
		return !slices.ContainsFunc(c.args, func(arg *condition) bool { return !holds(arg) })
	case "or":
		return slices.ContainsFunc(c.args, holds)
	case "not":
		return !holds(c.args[0])
	}
	left, right := c.operands[0].of(r), c.operands[1].of(r)
	switch c.operator {
	case "eq":
		return javaScriptEqual(left, right, c.operands[0])
	case "ne":
		return !javaScriptEqual(left, right, c.operands[0])
	case "lt":
		return javaScriptCompare(left, right) == -1
	case "le":
		return javaScriptCompare(left, right) != 1
	case "gt":
		return javaScriptCompare(left, right) == 1
	case "ge":
		return javaScriptCompare(left, right) != -1
	case "in", "nin":
		list, ok := right.([]any)
		return ok && slices.ContainsFunc(list, func(value any) bool { return javaScriptCompare(left, value) == 0 }) != (c.operator == "nin")
	}
	text, isText := left.(string)
	part, isPart := right.(string)
	return isText && isPart && found(c.operator, text, part)
}

func found(operator, text, part string) bool {
	return map[string]func(string, string) bool{
		"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
	}[operator](text, part)
}

// javaScriptEqual knows that what is compared with null may be missing, but not that its parent may.
func javaScriptEqual(left, right any, field operand) bool {
	if _, ok := left.(missing); ok && right == nil && len(field.path) == 1 {
		return true
	}
	return javaScriptCompare(left, right) == 0
}

// javaScriptCompare is a === b ? 0 : a > b ? 1 : -1.
func javaScriptCompare(a, b any) int {
	numberA, numberB := javaScriptNumber(a), javaScriptNumber(b)
	textA, isTextA := a.(string)
	textB, isTextB := b.(string)
	greater := numberA > numberB
	if isTextA && isTextB {
		order := slices.Compare(utf16.Encode([]rune(textA)), utf16.Encode([]rune(textB)))
		if order == 0 {
			return 0
		}
		greater = order > 0
	}
	switch {
	case !isTextA && !isTextB && fmt.Sprintf("%T", javaScriptType(a)) == fmt.Sprintf("%T", javaScriptType(b)) && (numberA == numberB || a == nil):
		return 0
	case greater:
		return 1
	}
	return -1
}

// javaScriptType knows one type of number.
func javaScriptType(value any) any {
	if i, ok := value.(int64); ok {
		return float64(i)
	}
	return value
}

func javaScriptNumber(value any) float64 {
	switch v := value.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case int64:
		return float64(v)
	case float64:
		return v
	case string:
		if strings.TrimSpace(v) == "" {
			return 0
		}
		if number, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return number
		}
	}
	return math.NaN()
}

// truth is one of the three truth values of SQL.
type truth int

const (
	isFalse truth = iota
	unknown
	isTrue
)

func truthOf(holds bool) truth {
	if holds {
		return isTrue
	}
	return isFalse
}

// relational evaluates as a database does what a reader wrote as SQL, knowing that a comparison with a null
// that is written down is IS NULL.
func relational(c *condition, r *record) truth {
	switch c.operator {
	case "and", "or":
		result := relational(c.args[0], r)
		for _, arg := range c.args[1:] {
			if c.operator == "and" {
				result = min(result, relational(arg, r))
			} else {
				result = max(result, relational(arg, r))
			}
		}
		return result
	case "not":
		return isTrue - relational(c.args[0], r)
	}
	column := func(o operand) any {
		value := o.of(r)
		if _, ok := value.(missing); ok {
			return nil
		}
		return value
	}
	left, right := column(c.operands[0]), column(c.operands[1])
	if !c.operands[1].isField && right == nil {
		return truthOf((left == nil) == (c.operator == "eq"))
	}
	if left == nil || right == nil {
		return unknown
	}
	tree := &filter.Tree{Op: filter.Op(c.operator), Field: &filter.Field{Path: []string{"left"}}, Value: right}
	switch c.operator {
	case "in", "nin":
		list := right.([]any)
		if slices.Contains(list, nil) {
			return unknown
		}
		tree.Values = list
	case "startsWith", "endsWith", "contains":
		tree.Op = filter.Op(strings.ToLower(c.operator))
	}
	return truthOf(tree.Matches("", map[string]any{"left": left}))
}

// readerRecords have properties of fitting types, null ones and missing ones, and some below others.
func readerRecords() []record {
	fitting := map[string][]any{
		"status": anys([]string{"", "a", "A", "a ", "ab", "12", "z", "😀", "10"}),
		"amount": {int64(0), int64(-1), int64(12), 12.5, 0.1, 1e15, -2.5},
		"open":   {true, false},
		"mixed":  {"a", "12", int64(12), int64(0), true, false, "", "1"},
		"ref":    {"a", "12", "", "A"},
	}
	var records []record
	for i := range 80 {
		r := record{id: ids[1+i%(len(ids)-1)] + strings.Repeat("x", i/(len(ids)-1)), properties: map[string]any{}}
		for j, name := range []string{"status", "amount", "open", "mixed", "ref"} {
			values := fitting[name]
			switch at := (i*(2*j+3) + j) % (len(values) + 2); at {
			case len(values):
				r.properties[name] = nil
			case len(values) + 1: // missing
			default:
				r.properties[name] = values[at]
			}
		}
		switch i % 7 {
		case 0:
			r.properties["owner"] = nil
		case 1:
			r.properties["owner"] = map[string]any{}
		case 2:
			r.properties["owner"] = map[string]any{"name": nil}
		case 3:
			r.properties["owner"] = map[string]any{"name": "a"}
		case 4:
			r.properties["owner"] = map[string]any{"name": "12"}
		case 5:
			r.properties["owner"] = "a"
		}
		records = append(records, r)
	}
	return records
}

// readerGenerator makes filters that readers may see. As docs/filters.md says, properties are in an order with
// values of their own type only, and texts are looked for in texts.
func readerGenerator() generator {
	return generator{
		properties: []property{
			{with: []comparand{text, number, boolean, null}, ordered: []comparand{text}},
			{path: []string{"status"}, with: []comparand{text, null}},
			{path: []string{"amount"}, with: []comparand{number, null}, textless: true},
			{path: []string{"open"}, with: []comparand{boolean, null}, textless: true},
			{path: []string{"mixed"}, with: []comparand{text, number, boolean, null}, ordered: []comparand{null}, textless: true},
			{path: []string{"owner", "name"}, with: []comparand{text, null}},
		},
		links:     []property{{}, {path: []string{"status"}}, {path: []string{"ref"}}},
		operators: append([]filter.Op{filter.True, filter.False}, plainOperators...),
		texts:     texts, numbers: floats,
	}
}

// TestReaders holds what readers make of the formats ucast and cerbos against the filters.
func TestReaders(t *testing.T) {
	read := map[filter.Format]func(any) (*condition, error){filter.FormatUCAST: readUCAST, filter.FormatCerbos: readCerbos}
	evaluate := map[string]func(*condition, *record) bool{
		"on objects": javaScript,
		"as SQL":     func(c *condition, r *record) bool { return relational(c, r) == isTrue },
	}
	records := readerRecords()
	for format, read := range read {
		for name, evaluate := range evaluate {
			t.Run(string(format)+" "+name, func(t *testing.T) {
				g := readerGenerator()
				g.check(t, records, func(tree *filter.Tree) ([]string, error) {
					encoded, err := filter.Encode(tree, format)
					if refusal := (*filter.UnsupportedError)(nil); asRefusal(err, &refusal) && asks(tree, func(leaf *filter.Tree) bool { return !leaf.Field.ID && len(leaf.Field.Path) > 1 }) {
						return matching(tree, records), nil
					}
					if err != nil {
						return nil, err
					}
					if len(encoded.LeftOut) > 0 { // it lets through less: TestLeftOut
						return matching(tree, records), nil
					}
					condition, err := decode(encoded.Condition)
					if err != nil {
						return nil, err
					}
					if object, ok := condition.(map[string]any); ok && format == filter.FormatCerbos {
						kind := map[filter.Kind]string{filter.KindAlways: "KIND_ALWAYS_ALLOWED", filter.KindNever: "KIND_ALWAYS_DENIED", filter.KindConditional: "KIND_CONDITIONAL"}
						if object["kind"] != kind[encoded.Kind] {
							return nil, fmt.Errorf("%v is not %v", object["kind"], encoded.Kind)
						}
						condition = object["condition"]
					}
					var ids []string
					for i := range records {
						through := encoded.Kind == filter.KindAlways
						if encoded.Kind == filter.KindConditional {
							c, err := read(condition)
							if err != nil {
								return nil, err
							}
							through = evaluate(c, &records[i])
						}
						if through {
							ids = append(ids, records[i].id)
						}
					}
					return ids, nil
				})
			})
		}
	}
}

// TestCerbosFields holds comparisons of two fields, and elements of lists, against the filters.
func TestCerbosFields(t *testing.T) {
	var records []record
	add := func(properties map[string]any) {
		records = append(records, record{id: "a", properties: properties})
	}
	values := []any{nil, "a", "b", ""}
	for _, first := range values {
		for _, second := range values {
			add(map[string]any{"first": first, "second": second})
		}
	}
	for _, list := range []any{nil, []any{}, []any{"a"}, []any{"b", nil}} {
		add(map[string]any{"first": "a", "second": "b", "list": list})
	}
	var trees []*filter.Tree
	for _, op := range []filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge} {
		trees = append(trees,
			&filter.Tree{Op: op, Field: field("first"), Other: field("second")},
			&filter.Tree{Op: op, Field: field("first"), Other: filter.IDField},
			&filter.Tree{Op: op, Field: filter.IDField, Other: field("second")})
	}
	for _, negated := range []bool{false, true} {
		trees = append(trees,
			&filter.Tree{Op: filter.StartsWith, Field: field("first"), Other: field("second"), Negated: negated},
			&filter.Tree{Op: filter.Element, Field: field("list"), Value: "a", Negated: negated})
	}
	for _, tree := range trees {
		t.Run(describe(tree), func(t *testing.T) {
			encoded, err := filter.Encode(tree, filter.FormatCerbos)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := decode(encoded.Condition)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readCerbos(plan.(map[string]any)["condition"])
			if err != nil {
				t.Fatal(err)
			}
			for i := range records {
				r := &records[i]
				want := tree.Matches(r.id, r.properties)
				if got := javaScript(c, r); got != want {
					t.Errorf("on objects: let through %v, matches %v: %s", got, want, r)
				}
				if got := relational(c, r) == isTrue; tree.Op != filter.Element && got != want {
					t.Errorf("as SQL: let through %v, matches %v: %s", got, want, r)
				}
			}
		})
	}
}
