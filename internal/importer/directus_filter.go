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

// Directus reads its filter rules in two ways, and so does the importer.
//
// The item permissions of reading, updating, deleting and sharing become SQL (this file): a comparison with a
// null is not true, whether it is negative or not, and values are compared as the type of their column. A
// condition here is true only where the SQL is: values that come in another shape than the column's type has
// are compared with nothing. A property that a request does not give is unknown, which Directus does not have:
// nothing is true of it.
//
// Validations are about the payload (directus_validation.go).

// untranslatable is a part of a filter that CEL cannot say as Directus means it.
type untranslatable struct{ path, why string }

func (e *untranslatable) Error() string { return e.path + ": " + e.why }

func cannotAt(path, format string, args ...any) error {
	return &untranslatable{path, fmt.Sprintf(format, args...)}
}

// filterNode is a filter rule whose logical operators stand above its fields.
type filterNode struct {
	kind  nodeKind
	parts []*filterNode
	// path are the fields on the way to what is tested, the tested one last.
	path []string
	op   string
	v    any
	at   string
}

type nodeKind int

const (
	nodeAll  nodeKind = iota // every part holds; without parts, always
	nodeAny                  // some part holds
	nodeTest                 // op and v, on the field at path
	nodeSome                 // some record of the list at path fulfils the part
	nodeNone                 // none does
)

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

// parseFilter reads a filter rule. What stands under a field's name may be operators, logical operators, or
// fields of the records that it links to. The error is an *untranslatable.
func parseFilter(v any, at string) (*filterNode, error) {
	return parseGroup(coerce(v), nil, at)
}

func parseGroup(v any, fields []string, at string) (*filterNode, error) {
	if v == nil && len(fields) == 0 {
		return &filterNode{at: at}, nil
	}
	members, ok := v.(map[string]any)
	if !ok {
		if len(fields) == 0 {
			return nil, cannotAt(at, "is not an object")
		}
		members = map[string]any{"_eq": v} // the short form
		at = strings.TrimSuffix(at, "._eq")
	}
	all := &filterNode{at: at}
	for _, key := range sorted(members) {
		part, err := parseMember(key, members[key], fields, at+"."+key)
		if err != nil {
			return nil, err
		}
		all.parts = append(all.parts, part)
	}
	if len(all.parts) == 1 {
		return all.parts[0], nil
	}
	return all, nil
}

func parseMember(key string, v any, fields []string, at string) (*filterNode, error) {
	switch {
	case key == "_and" || key == "_or":
		list, ok := v.([]any)
		switch {
		case !ok:
			return nil, cannotAt(at, "is not a list")
		case len(list) == 0 && key == "_or":
			return nil, cannotAt(at, "an _or without alternatives, which Directus ignores")
		}
		node := &filterNode{at: at}
		if key == "_or" {
			node.kind = nodeAny
		}
		for i, element := range list {
			part, err := parseGroup(element, fields, fmt.Sprintf("%s[%d]", at, i))
			if err != nil {
				return nil, err
			}
			node.parts = append(node.parts, part)
		}
		return node, nil
	case len(fields) == 0 && strings.HasPrefix(key, "_"):
		return nil, cannotAt(at, "an operator without a field")
	case key == "_some" || key == "_none":
		inner, err := parseGroup(v, nil, at)
		if err != nil {
			return nil, err
		}
		node := &filterNode{kind: nodeSome, parts: []*filterNode{inner}, path: fields, at: at}
		if key == "_none" {
			node.kind = nodeNone
		}
		return node, nil
	case strings.HasPrefix(key, "_"):
		return &filterNode{kind: nodeTest, path: fields, op: key, v: v, at: at}, nil
	case strings.ContainsAny(key, "()"):
		return nil, cannotAt(at, "functions of fields have no counterpart; keep the result in a property of its own")
	case strings.ContainsAny(key, ":.") || strings.HasPrefix(key, "item__"):
		return nil, cannotAt(at, "paths in a field's name have no counterpart")
	}
	return parseGroup(v, append(slices.Clone(fields), key), at)
}

// itemTranslator turns item permissions of a collection into CEL.
type itemTranslator struct {
	schema     *directusSchema
	collection string
	// attribute is told which attributes of the subject the expression reads, reads the paths of the record.
	attribute func(name string)
	reads     func(path []string, link bool)
	variables int
}

// scope is the record whose fields a part of a filter is about: the record itself, or one of a list.
type scope struct {
	collection string
	// object is its expression, path where it stands below the record.
	object string
	path   []string
	top    bool
	// fails asks for a condition under which the filter is not true, instead of one under which it is.
	fails bool
	// bound are the expressions of the records that lists on the way stand for, by path; empty: for none.
	bound map[string]string
}

func (t *itemTranslator) translate(filter any, path string) (clause, error) {
	node, err := parseFilter(filter, path)
	if err != nil {
		return never, err
	}
	return t.clause(node, scope{collection: t.collection, object: "resource.properties", top: true})
}

func (t *itemTranslator) clause(n *filterNode, in scope) (clause, error) {
	switch n.kind {
	case nodeTest:
		return t.test(n, in)
	case nodeSome, nodeNone:
		return t.related(n, in)
	}
	all := n.kind == nodeAll
	if all && !in.fails {
		if list := t.sharedList(n, in); list != nil {
			return t.sharing(n, in, list)
		}
	}
	var parts []clause
	for _, part := range n.parts {
		c, err := t.clause(part, in)
		if err != nil {
			return never, err
		}
		parts = append(parts, c)
	}
	if all != in.fails {
		return and(parts...), nil
	}
	return or(parts...), nil
}

// sharedList is the shortest list that several parts of a conjunction are about. Directus joins it once, so the
// parts are about one and the same record of it.
func (t *itemTranslator) sharedList(n *filterNode, in scope) []string {
	seen := map[string]int{}
	var shortest []string
	for _, part := range n.parts {
		for key, path := range t.lists(part, in) {
			if seen[key]++; seen[key] < 2 {
				continue
			}
			if shortest == nil || len(path) < len(shortest) || len(path) == len(shortest) && slices.Compare(path, shortest) < 0 {
				shortest = path
			}
		}
	}
	return shortest
}

// lists are the lists that a part goes through without _some or _none, by their key.
func (t *itemTranslator) lists(n *filterNode, in scope) map[string][]string {
	found := map[string][]string{}
	if n.kind == nodeTest {
		collection := in.collection
		for i, field := range n.path {
			to, many, known := t.schema.relation(collection, field)
			key := pathKey(n.path[:i+1])
			if _, bound := in.bound[key]; many && !bound {
				found[key] = n.path[:i+1]
			}
			if !known {
				break
			}
			collection = to
		}
		return found
	}
	if n.kind == nodeAll || n.kind == nodeAny {
		for _, part := range n.parts {
			for key, path := range t.lists(part, in) {
				found[key] = path
			}
		}
	}
	return found
}

func pathKey(path []string) string { return strings.Join(path, "\x00") }

// sharing translates a conjunction for one record of a list, and for no record of it.
func (t *itemTranslator) sharing(n *filterNode, in scope, list []string) (clause, error) {
	object, collection := in.object, in.collection
	for i, field := range list {
		if expression, ok := in.bound[pathKey(list[:i])]; ok && i > 0 {
			if expression == "" {
				break
			}
			object = expression
		}
		to, _, _ := t.schema.relation(collection, field)
		object, collection = member(object, field), to
	}
	bind := func(expression string) scope {
		below := in
		below.bound = map[string]string{pathKey(list): expression}
		for key, v := range in.bound {
			below.bound[key] = v
		}
		return below
	}
	without, err := t.clause(n, bind(""))
	if err != nil {
		return never, err
	}
	variable := t.variable()
	with, err := t.clause(n, bind(variable))
	if err != nil {
		return never, err
	}
	if with == never {
		return without, nil
	}
	some := atom("%s.exists(%s, %s)", object, variable, with.text)
	if in.top {
		some = and(has(in.object, list[0]), some)
	}
	return or(without, some), nil
}

// variable names a record of a list.
func (t *itemTranslator) variable() string {
	t.variables++
	if t.variables == 1 {
		return "e"
	}
	return "e" + strconv.Itoa(t.variables)
}

// related translates _some and _none on the list of records that link to this one.
func (t *itemTranslator) related(n *filterNode, in scope) (clause, error) {
	if len(n.path) != 1 {
		return never, cannotAt(n.at, "only on a list of the record itself; Directus refuses it below a link")
	}
	field := n.path[0]
	to, many, known := t.schema.relation(in.collection, field)
	if !many && (known || t.schema.fields[in.collection][field].kind != kindUnknown) {
		return never, cannotAt(n.at, "%s is no list of records", field)
	}
	some := (n.kind == nodeSome) != in.fails
	variable := t.variable()
	below := scope{collection: to, object: variable, path: append(slices.Clone(in.path), field), fails: !some}
	inner, err := t.clause(n.parts[0], below)
	if err != nil {
		return never, err
	}
	t.read(in, []string{field}, false)
	list := member(in.object, field)
	var c clause
	switch {
	case some && inner == always:
		c = atom("size(%s) > 0", list)
	case some && inner == never:
		return never, nil
	case some:
		c = atom("%s.exists(%s, %s)", list, variable, inner.text)
	case inner == always:
		return always, nil
	case inner == never:
		c = atom("size(%s) == 0", list)
	default:
		c = atom("%s.all(%s, %s)", list, variable, inner.text)
	}
	if in.top {
		c = and(has(in.object, field), c)
	}
	return c, nil
}

// read tells of a path of the record that the expression reads.
func (t *itemTranslator) read(in scope, path []string, link bool) {
	if t.reads != nil {
		t.reads(append(slices.Clone(in.path), path...), link)
	}
}

// test translates one operator on a field, of the record or of those that it leads to.
func (t *itemTranslator) test(n *filterNode, in scope) (clause, error) {
	f := &leaf{translator: t, op: n.op, path: n.at, v: n.v, fails: in.fails}
	// Where the path leads, and what is at its end.
	collections := []string{in.collection}
	many := make([]bool, len(n.path))
	path := n.path
	for i := 0; i < len(path); i++ {
		collection := collections[i]
		to, list, known := t.schema.relation(collection, path[i])
		many[i] = list
		kind := t.schema.fields[collection][path[i]].kind
		switch {
		case list && !known:
			return never, cannotAt(n.at, "the snapshot does not say which records are in the list %s; add its relations", path[i])
		case i+1 < len(path) && !known && kind != kindUnknown:
			return never, cannotAt(n.at, "the snapshot does not say where %s leads; add its relations", path[i])
		}
		collections = append(collections, to)
		if i+2 == len(path) && path[i+1] == t.schema.key(to) { // the id of what is linked
			path = path[:i+1]
		}
	}
	last := len(path) - 1
	f.field = t.schema.fields[collections[last]][path[last]]
	if to, list, known := t.schema.relation(collections[last], path[last]); known || len(path) < len(n.path) {
		f.link, f.key = true, t.schema.key(to)
		if list {
			f.field = t.schema.fields[to][f.key]
		} else if f.field.kind == kindUnknown {
			f.field = t.schema.fields[to][f.key]
		}
	}
	if in.top && len(path) == 1 && path[0] == t.schema.key(in.collection) {
		c, said, err := f.identity()
		if said || err != nil {
			return c, err
		}
	}
	t.read(in, path, f.link)
	if many[last] && (f.op == "_null" || f.op == "_nnull" || n.v == nil && (f.op == "_eq" || f.op == "_neq")) {
		if len(path) == 1 || !slices.Contains(many[:last], true) {
			return t.emptiness(n, f, in, path)
		}
		return never, cannotAt(n.at, "whether a list in a list is empty cannot be said")
	}
	c, err := t.walk(f, in, path, many, 0, in.object, nil)
	if err != nil || c == always || c == never || !in.top || in.fails {
		return c, err
	}
	if _, bound := in.bound[pathKey(path[:1])]; bound {
		return c, nil
	}
	return and(has(in.object, path[0]), c), nil
}

// emptiness translates _null and _nnull on a list.
func (t *itemTranslator) emptiness(n *filterNode, f *leaf, in scope, path []string) (clause, error) {
	null := f.nullTest() == isNull
	switch {
	case !t.schema.before12() && (null || in.fails):
		return never, cannotAt(n.at, "whether a list is empty depends on the version of Directus; add a snapshot, which names it")
	}
	list := in.object
	var nulls []clause
	for i, field := range path {
		list = member(list, field)
		if i < len(path)-1 {
			nulls = append(nulls, atom("%s == null", list))
		}
	}
	_, bound := in.bound[pathKey(path)]
	switch {
	case bound && null:
		return never, nil
	case bound && in.bound[pathKey(path)] != "":
		return always, nil
	case bound:
		return never, nil
	}
	empty := null != in.fails
	c := atom("size(%s) > 0", list)
	if empty {
		c = or(append(nulls, atom("size(%s) == 0", list))...)
	}
	if in.top && !in.fails {
		c = and(has(in.object, path[0]), c)
	}
	return c, nil
}

// walk goes along a path: through links, which may be null, and lists, some element of which has to fulfil the
// test.
func (t *itemTranslator) walk(f *leaf, in scope, path []string, many []bool, i int, object string, nulls []clause) (clause, error) {
	here := member(object, path[i])
	if many[i] {
		expression, bound := in.bound[pathKey(path[:i+1])]
		switch {
		case bound && expression == "":
			return never, nil
		case bound && i == len(path)-1:
			f.x = expression
			return f.clause()
		case bound:
			return t.walk(f, in, path, many, i+1, expression, nil)
		}
		variable := t.variable()
		var inner clause
		var err error
		if i == len(path)-1 {
			f.x = variable
			inner, err = f.clause()
		} else {
			inner, err = t.walk(f, in, path, many, i+1, variable, nil)
		}
		if err != nil {
			return never, err
		}
		switch {
		case !in.fails && inner == never:
			return never, nil
		case !in.fails:
			return atom("%s.exists(%s, %s)", here, variable, inner.text), nil
		case f.mayNull(): // an empty list has a null
			return and(atom("size(%s) > 0", here), atom("%s.all(%s, %s)", here, variable, inner.text)), nil
		}
		return or(append(nulls, atom("%s.all(%s, %s)", here, variable, inner.text))...), nil
	}
	if i < len(path)-1 {
		return t.walk(f, in, path, many, i+1, here, append(slices.Clone(nulls), atom("%s == null", here)))
	}
	f.x = here
	c, err := f.clause()
	if err != nil {
		return never, err
	}
	// Of a link that is null, every field is null.
	if !in.fails && f.onNull() || in.fails && !f.mayNull() {
		c = or(append(nulls, c)...)
	}
	return c, nil
}

// leaf is one operator on one field.
type leaf struct {
	translator *itemTranslator
	// x is the expression of the field.
	x    string
	op   string
	v    any
	path string
	// field is what the column holds. A link may come as the id, or as the record with the key.
	field directusField
	link  bool
	key   string
	fails bool
}

func (f *leaf) cannot(format string, args ...any) error { return cannotAt(f.path, format, args...) }

type nullness int

const (
	noNullTest nullness = iota
	isNull
	isNotNull
)

// nullTest says whether the operator asks for null.
func (f *leaf) nullTest() nullness {
	test := map[string]nullness{"_null": isNull, "_nnull": isNotNull}[f.op]
	if test != noNullTest && f.v == false {
		test = isNull + isNotNull - test
	}
	if f.v == nil {
		switch f.op {
		case "_eq":
			return isNull
		case "_neq":
			return isNotNull
		}
	}
	return test
}

// onNull reports whether the operator is true of null.
func (f *leaf) onNull() bool {
	switch f.op {
	case "_empty":
		return f.v != false
	case "_nempty":
		return f.v == false
	case "_nin": // of nothing is everything, null too
		list, ok := f.v.([]any)
		return ok && len(list) == 0
	}
	return f.nullTest() == isNull
}

// mayNull reports whether the operator may be true of null: _eq of a variable that is null.
func (f *leaf) mayNull() bool {
	s, _ := f.v.(string)
	return f.onNull() || f.op == "_eq" && strings.HasPrefix(s, "$CURRENT_") && s != "$CURRENT_USER"
}

// negated are the operators that are true where others are false; nothing is true of null but what asks for it.
var negated = map[string]string{
	"_eq": "_neq", "_neq": "_eq", "_in": "_nin", "_nin": "_in", "_gt": "_lte", "_lte": "_gt", "_gte": "_lt", "_lt": "_gte",
	"_between": "_nbetween", "_nbetween": "_between", "_null": "_nnull", "_nnull": "_null", "_empty": "_nempty", "_nempty": "_empty",
	"_contains": "_ncontains", "_ncontains": "_contains", "_icontains": "_nicontains",
	"_starts_with": "_nstarts_with", "_nstarts_with": "_starts_with", "_istarts_with": "_nistarts_with", "_nistarts_with": "_istarts_with",
	"_ends_with": "_nends_with", "_nends_with": "_ends_with", "_iends_with": "_niends_with", "_niends_with": "_iends_with",
}

// clause is the test, or with fails, the condition under which it is not true.
func (f *leaf) clause() (clause, error) {
	if !f.fails {
		return f.holds(f.op)
	}
	other, ok := negated[f.op]
	if !ok {
		return never, f.cannot("the operator %s has no counterpart", f.op)
	}
	if _, err := f.holds(f.op); err != nil { // what cannot be said cannot be said not to be so
		return never, err
	}
	c, err := f.holds(other)
	if err != nil || f.nullTest() != noNullTest || f.mayNull() || other == "_empty" || other == "_nempty" {
		return c, err
	}
	return or(f.is("== null"), c), nil
}

func (f *leaf) is(format string, args ...any) clause { return atom(f.x+" "+format, args...) }

// either says something of a link that comes as an id, or as a record. The test must not be true of the other.
func (f *leaf) either(test func(x string) clause) clause {
	c := test(f.x)
	if !f.link || c == always || c == never {
		return c
	}
	return or(c, and(has(f.x, f.key), test(member(f.x, f.key))))
}

// operators of a type are those that Directus lets be asked of it; it refuses the whole request otherwise.
var (
	orderOperatorsOf = []string{"_gt", "_gte", "_lt", "_lte", "_between", "_nbetween"}
	plainOperatorsOf = []string{"_eq", "_neq", "_in", "_nin"}
	textOperatorsOf  = []string{
		"_contains", "_ncontains", "_icontains", "_starts_with", "_nstarts_with", "_istarts_with", "_nistarts_with",
		"_ends_with", "_nends_with", "_iends_with", "_niends_with",
	}
	emptyOperatorsOf = []string{"_empty", "_nempty"}

	operatorsOf = map[valueKind][]string{
		kindUnknown:   slices.Concat(plainOperatorsOf, orderOperatorsOf, textOperatorsOf, emptyOperatorsOf),
		kindText:      slices.Concat(plainOperatorsOf, textOperatorsOf, emptyOperatorsOf),
		kindCSV:       slices.Concat(plainOperatorsOf, textOperatorsOf, emptyOperatorsOf),
		kindUUID:      plainOperatorsOf,
		kindBool:      {"_eq", "_neq"},
		kindInteger:   slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindNumber:    slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindBigInt:    slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindDate:      slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindDateTime:  slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindTime:      slices.Concat(plainOperatorsOf, orderOperatorsOf),
		kindTimestamp: slices.Concat(plainOperatorsOf, orderOperatorsOf),
	}
)

// holds is the condition under which an operator is true.
func (f *leaf) holds(op string) (clause, error) {
	g := *f
	g.op = op
	switch g.nullTest() {
	case isNull:
		return f.is("== null"), nil
	case isNotNull:
		if f.field.kind == kindUnknown { // it may be a list of records, which is null when it is empty
			return and(f.is("!= null"), atom("type(%s) != list", f.x)), nil
		}
		return f.is("!= null"), nil
	}
	asked := op
	if f.fails { // asked the other way round
		asked = f.op
	}
	if !slices.Contains(operatorsOf[f.field.kind], asked) {
		switch {
		case f.field.kind == kindClosed || f.field.kind == kindList:
			return never, f.cannot("what is in the field cannot be compared, only whether it is there")
		case slices.Contains(operatorsOf[kindUnknown], asked):
			return never, f.cannot("Directus refuses %s on a field of this type", asked)
		case slices.Contains([]string{"_ieq", "_nieq", "_nicontains"}, asked):
			return never, f.cannot("Directus refuses %s of items", asked)
		}
		return never, f.cannot("the operator %s has no counterpart", asked)
	}
	switch op {
	case "_empty", "_nempty":
		return f.empty((op == "_empty") == (f.v != false)), nil
	case "_eq":
		return f.equal(f.v)
	case "_neq":
		return f.different(f.v)
	case "_in", "_nin":
		return f.among(f.v, op == "_nin")
	case "_gt", "_gte", "_lt", "_lte":
		return f.compare(order[op], f.v)
	case "_between", "_nbetween":
		return f.between(f.v, op == "_nbetween")
	}
	return f.like(textTests[op], f.v)
}

var order = map[string]string{"_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}

// csvText is a list of texts as the text that the column holds.
func csvText(x string) string { return fmt.Sprintf(`(type(%s) == list ? %s.join(",") : %s)`, x, x, x) }

func (f *leaf) empty(empty bool) clause {
	x := f.x
	if f.field.kind == kindCSV {
		x = csvText(x)
	}
	if empty {
		return or(f.is("== null"), atom(`%s == ""`, x))
	}
	if f.field.kind == kindUnknown {
		return and(f.is("!= null"), f.is(`!= ""`), atom("type(%s) != list", f.x))
	}
	return and(f.is("!= null"), atom(`%s != ""`, x))
}

// currentUser is what $CURRENT_USER becomes.
const currentUser = "subject.id"

// variable is the expression of a dynamic variable; empty for other values.
func (f *leaf) variable(v any) (string, error) {
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, "$") {
		return "", nil
	}
	name, err := dynamicVariable(s, f.translator.schema)
	switch {
	case err != "":
		return "", f.cannot("%s", err)
	case name == "" && strings.HasPrefix(s, "$NOW"):
		return "", f.cannot("%s can be compared by order only", s)
	case name == "":
		return "", nil
	}
	kind := kindUUID // of users and roles
	if attribute, ok := strings.CutPrefix(name, "subject.attributes."); ok {
		f.translator.attribute(attribute)
		if attribute != "role" {
			kind = f.translator.schema.fields["directus_users"][attribute].kind
		}
	}
	if a, b := family(kind), family(f.field.kind); a != kindUnknown && b != kindUnknown && a != b {
		return "", f.cannot("the database does not compare the field with %s, which is of another type", s)
	}
	return name, nil
}

// family is what values are compared with each other.
func family(kind valueKind) valueKind {
	switch kind {
	case kindUUID, kindCSV:
		return kindText
	case kindNumber, kindBigInt:
		return kindInteger
	case kindClosed, kindList:
		return kindUnknown
	}
	return kind
}

// dynamicVariable is the expression of a variable that stands for one value; empty for what is none.
func dynamicVariable(s string, schema *directusSchema) (name, problem string) {
	switch {
	case s == "$CURRENT_USER":
		return currentUser, ""
	case s == "$CURRENT_ROLE":
		return "subject.attributes.role", ""
	case strings.HasPrefix(s, "$CURRENT_USER."):
		field := strings.TrimPrefix(s, "$CURRENT_USER.")
		if field == schema.key("directus_users") {
			return currentUser, ""
		}
		if link, key, ok := strings.Cut(field, "."); ok { // the id of a record that the user links to
			if to, isLink := schema.links["directus_users"][link]; isLink && key == schema.key(to) || !isLink && key == "id" && !schema.known["directus_users"] {
				field = link
			}
		}
		if !plainName(field) {
			return "", s + " reads a record that the user links to; keep the value in an attribute of the user"
		}
		return "subject.attributes." + field, ""
	case strings.HasPrefix(s, "$CURRENT_"):
		return "", s + " has no counterpart here"
	}
	return "", ""
}

// equal translates _eq of a value that is not null.
func (f *leaf) equal(v any) (clause, error) {
	dynamic, err := f.variable(v)
	if err != nil {
		return never, err
	}
	if dynamic != "" {
		if f.field.kind == kindCSV {
			return never, f.cannot("a list of texts cannot be compared with %s", v)
		}
		switch f.field.kind {
		case kindNumber:
			return f.either(func(x string) clause { return atom("double(%s) == double(%s)", x, dynamic) }), nil
		case kindBigInt:
			return f.either(func(x string) clause { return atom("int(%s) == int(%s)", x, dynamic) }), nil
		}
		return f.either(func(x string) clause { return atom("%s == %s", x, dynamic) }), nil
	}
	c, err := f.constant(v)
	if err != nil {
		return never, err
	}
	return f.either(c.equal), nil
}

// different translates _neq of a value that is not null. What it says is not true of null, nor of values of
// another shape.
func (f *leaf) different(v any) (clause, error) {
	dynamic, err := f.variable(v)
	if err != nil {
		return never, err
	}
	if dynamic == "" {
		c, err := f.constant(v)
		if err != nil {
			return never, err
		}
		if c.different == nil {
			return never, f.cannot("%s", c.why)
		}
		return f.either(c.different), nil
	}
	switch f.field.kind {
	case kindUUID:
		return f.either(func(x string) clause { return atom("%s.lowerAscii() != %s.lowerAscii()", x, dynamic) }), nil
	case kindUnknown:
		if dynamic == currentUser {
			return f.either(func(x string) clause { return atom("%s.lowerAscii() != %s.lowerAscii()", x, dynamic) }), nil
		}
		return never, f.cannot("without the type of the field, what differs from %s is not known; add a schema snapshot", v)
	case kindText:
		if f.translator.schema.caseBlind(false) {
			return f.either(func(x string) clause {
				return and(printable(x), atom("%s.lowerAscii().trim() != %s.lowerAscii().trim()", x, dynamic), printable(dynamic))
			}), nil
		}
		return f.either(func(x string) clause { return or(atom("%s < %s", x, dynamic), atom("%s > %s", x, dynamic)) }), nil
	case kindInteger:
		return f.either(func(x string) clause { return or(atom("%s < %s", x, dynamic), atom("%s > %s", x, dynamic)) }), nil
	}
	return never, f.cannot("a field of this type cannot be told from %s", v)
}

// printable is true of texts that every database compares alike, but for their case and spaces at their end.
func printable(x string) clause { return atom(`%s.matches("^[ -~]*$")`, x) }

// constant is a value of a filter as the type of its column: how to say of an expression that it is equal, and
// that it differs. Both are false, or an error, of values of another shape. Without different, why says why.
type constant struct {
	equal, different func(x string) clause
	why              string
}

var (
	timeLike = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}|[0-9]{1,2}:[0-9]{2})`)
	uuidLike = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

func (f *leaf) constant(v any) (constant, error) {
	switch v.(type) {
	case bool, int64, float64, string:
	default:
		return constant{}, f.cannot("compares with an object or a list")
	}
	schema := f.translator.schema
	ordered := func(convert func(x string) string, value string) constant {
		return constant{
			equal:     func(x string) clause { return atom("%s == %s", convert(x), value) },
			different: func(x string) clause { return atom("%s != %s", convert(x), value) },
		}
	}
	switch f.field.kind {
	case kindInteger:
		number, ok := asNumber(v)
		if !ok {
			return constant{}, f.cannot("%s is no number", literal(v))
		}
		return constant{
			equal: func(x string) clause { return atom("%s == %s", x, literal(number)) },
			different: func(x string) clause {
				return or(atom("%s < %s", x, literal(number)), atom("%s > %s", x, literal(number)))
			},
		}, nil
	case kindNumber:
		number, ok := asNumber(v)
		if !ok {
			return constant{}, f.cannot("%s is no number", literal(v))
		}
		return ordered(toDouble, double(number)), nil
	case kindBigInt:
		number, ok := asNumber(v)
		if _, whole := number.(int64); !ok || !whole {
			return constant{}, f.cannot("%s is no whole number", literal(v))
		}
		return ordered(toInt, literal(number)), nil
	case kindBool:
		b, ok := asBool(v)
		if !ok {
			return constant{}, f.cannot("%s is neither true nor false", literal(v))
		}
		return constant{
			equal:     func(x string) clause { return atom("%s == %t", x, b) },
			different: func(x string) clause { return atom("%s == %t", x, !b) },
		}, nil
	case kindDate:
		day, next, ok := daysOf(v)
		if !ok {
			return constant{}, f.cannot("%s is no date such as 2026-01-31", literal(v))
		}
		return constant{
			equal:     func(x string) clause { return atom("%s == %s", x, day) },
			different: func(x string) clause { return or(atom("%s < %s", x, day), atom("%s >= %s", x, next)) },
		}, nil
	case kindDateTime, kindTime, kindTimestamp:
		moment, convert, problem := f.momentOf(v)
		if problem != "" {
			return constant{}, f.cannot("%s", problem)
		}
		return ordered(convert, moment), nil
	}
	s, isText := v.(string)
	if !isText && f.field.kind == kindUUID {
		return constant{}, f.cannot("%s is no uuid", literal(v))
	}
	if !isText {
		if f.field.kind == kindUnknown {
			if b, ok := v.(bool); ok {
				return constant{
					equal:     func(x string) clause { return atom("%s == %t", x, b) },
					different: func(x string) clause { return atom("%s == %t", x, !b) },
				}, nil
			}
			return constant{
				equal:     func(x string) clause { return atom("%s == %s", x, literal(v)) },
				different: func(x string) clause { return or(atom("%s < %s", x, literal(v)), atom("%s > %s", x, literal(v))) },
			}, nil
		}
		if b, ok := v.(bool); ok {
			if !schema.isPostgres() {
				return constant{}, f.cannot("how the database compares texts with %t is not known", b)
			}
			s = strconv.FormatBool(b)
		} else {
			s = numberText(v)
		}
	}
	x := func(x string) string { return x }
	if f.field.kind == kindCSV {
		x = csvText
	}
	c := constant{equal: func(e string) clause { return atom("%s == %s", x(e), literal(s)) }}
	_, numeric := numeric(s)
	switch {
	case f.field.kind == kindUUID:
		lower := strings.ToLower(s)
		if schema.isPostgres() && lower != s {
			c.equal = func(e string) clause { return atom("%s == %s", e, literal(lower)) }
		}
		c.different = func(e string) clause { return atom("%s.lowerAscii() != %s", e, literal(lower)) }
	case !isText && !schema.convertsTexts():
		c.why = "how the database compares texts with numbers is not known"
	case f.field.kind == kindUnknown && (numeric || timeLike.MatchString(s)):
		c.why = fmt.Sprintf("without the type of the field, what differs from %q is not known; add a schema snapshot", s)
	case f.field.kind == kindUnknown && uuidLike.MatchString(s):
		c.different = func(e string) clause { return atom("%s.lowerAscii() != %s", e, literal(strings.ToLower(s))) }
	case schema.caseBlind(false) && !asciiText(s):
		c.why = "which letters beyond ASCII the database takes for others is not known"
	case schema.caseBlind(false):
		c.different = func(e string) clause {
			return and(printable(x(e)), atom("%s.lowerAscii().trim() != %s", x(e), literal(strings.ToLower(strings.TrimSpace(s)))))
		}
	default: // only texts are in an order with a text
		c.different = func(e string) clause { return and(atom(`%s >= ""`, x(e)), atom("%s != %s", x(e), literal(s))) }
	}
	return c, nil
}

func toDouble(x string) string { return "double(" + x + ")" }

// double is a number as a literal of CEL's type double.
func double(v any) string {
	text := numberText(v)
	if strings.ContainsAny(text, ".e") {
		return text
	}
	return text + ".0"
}

// daysOf are a date and the one after it: texts that begin with a date are in the order of their dates.
func daysOf(v any) (day, next string, ok bool) {
	s, _ := v.(string)
	t, err := time.Parse(time.DateOnly, s)
	return literal(s), literal(t.AddDate(0, 0, 1).Format(time.DateOnly)), err == nil && t.Year() < 9999
}

func toInt(x string) string { return "int(" + x + ")" }

// asNumber is the number that a value is, or that a text says, as Directus has it.
func asNumber(v any) (any, bool) {
	switch v := v.(type) {
	case int64, float64:
		return v, true
	case string:
		return numeric(v)
	}
	return nil, false
}

func asBool(v any) (value, ok bool) {
	switch v {
	case true, int64(1), "1":
		return true, true
	case false, int64(0), "0":
		return false, true
	}
	return false, false
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
	default:
		list = []any{v}
	}
	if len(list) == 0 {
		if negative {
			return always, nil
		}
		return never, nil
	}
	unknown := false
	var parts []clause
	var plain []any // texts, or numbers, that may stand in a list
	compact := f.field.kind == kindText && !f.translator.schema.caseBlind(false)
	for _, element := range list {
		if element == nil { // nothing is equal to null in SQL, and nothing known to be different
			unknown = true
			continue
		}
		if s, ok := element.(string); ok && f.field.kind == kindCSV && strings.Contains(s, ",") {
			return never, f.cannot("a list of texts with a comma in one of them cannot be compared")
		}
		if s, ok := element.(string); ok && s == "$CURRENT_ROLES" && slices.Contains([]valueKind{kindText, kindUUID, kindUnknown}, f.field.kind) {
			f.translator.attribute("roles")
			if negative {
				parts = append(parts, f.either(func(x string) clause { return not(atom("%s.lowerAscii() in subject.attributes.roles", x)) }))
			} else {
				parts = append(parts, f.either(func(x string) clause { return atom("%s in subject.attributes.roles", x) }))
			}
			continue
		}
		dynamic, err := f.variable(element)
		if err != nil {
			return never, err
		}
		switch {
		case dynamic != "" && dynamic != currentUser && negative:
			return never, f.cannot("%s may be a list, or null", element)
		case dynamic != "" && dynamic != currentUser: // the attribute may be a list
			parts = append(parts, f.either(func(x string) clause {
				return and(atom("%s != null", x), or(atom("%s == %s", x, dynamic), and(atom("type(%s) == list", dynamic), atom("%s in %s", x, dynamic))))
			}))
		case negative && compact && dynamic == "":
			c, err := f.constant(element)
			if err != nil {
				return never, err
			}
			if s, isText := element.(string); isText {
				plain = append(plain, s)
			} else if c.different == nil {
				return never, f.cannot("%s", c.why)
			} else {
				parts = append(parts, f.either(c.different))
			}
		case negative:
			c, err := f.different(element)
			if f.field.kind == kindCSV && err == nil {
				c, err = f.noneOf(element)
			}
			if err != nil {
				return never, err
			}
			parts = append(parts, c)
		default:
			c, err := f.equal(element)
			if err != nil {
				return never, err
			}
			if dynamic == "" && !f.link && (f.field.kind == kindText || f.field.kind == kindUnknown || f.field.kind == kindInteger) {
				value := element
				if number, ok := asNumber(element); ok && f.field.kind == kindInteger {
					value = number
				} else if _, isText := element.(string); !isText && f.field.kind == kindText {
					parts = append(parts, c)
					continue
				}
				plain = append(plain, value)
				continue
			}
			parts = append(parts, c)
		}
	}
	if negative && unknown {
		return never, nil
	}
	if negative {
		if len(plain) > 0 {
			none := func(x string) clause { return and(atom(`%s >= ""`, x), not(atom("%s in %s", x, literal(plain)))) }
			parts = append([]clause{f.either(none)}, parts...)
		}
		return and(parts...), nil
	}
	if len(plain) > 0 {
		parts = append([]clause{f.is("in %s", literal(plain))}, parts...)
	}
	return or(parts...), nil
}

// noneOf says that a value is not in a list of texts: since Directus 11.18 each of them is compared, before that
// the whole.
func (f *leaf) noneOf(element any) (clause, error) {
	s, ok := element.(string)
	if !ok || strings.ContainsAny(s, `%_\`) || !asciiText(s) {
		return never, f.cannot("whether %s is in a list of texts cannot be said", literal(element))
	}
	return atom(`!(%s.lowerAscii().split(",").exists(i, i.trim() == %s))`, csvText(f.x), literal(strings.ToLower(strings.TrimSpace(s)))), nil
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
}

// like translates the tests of a text, which are patterns of LIKE to a database.
func (f *leaf) like(test textTest, v any) (clause, error) {
	s, ok := v.(string)
	switch {
	case !ok:
		return never, f.cannot("needs a text")
	case strings.HasPrefix(s, "$"):
		return never, f.cannot("variables in texts have no counterpart")
	case strings.Contains(s, `\`), test.negative && strings.ContainsAny(s, `%_[`):
		return never, f.cannot("%%, _, [ and \\ are wildcards here, and not matching them cannot be said")
	case strings.Contains(s, "[") && !f.translator.schema.isPostgres():
		return never, f.cannot("[ is a wildcard of some databases")
	}
	blind := test.anyCase || test.negative && f.translator.schema.caseBlind(true)
	if blind && !asciiText(s) {
		return never, f.cannot("texts with letters beyond ASCII cannot be compared without their case")
	}
	return f.either(func(x string) clause {
		if f.field.kind == kindCSV {
			x = csvText(x)
		}
		subject, word := x, s
		if blind {
			subject, word = x+".lowerAscii()", strings.ToLower(s)
		}
		c := atom("%s.%s(%s)", subject, test.function, literal(word))
		switch {
		case test.negative && blind: // other letters may have these as their lower case
			return and(printable(x), clause{text: "!" + c.text})
		case test.negative:
			return clause{text: "!" + c.text}
		}
		return c
	}), nil
}

func asciiText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 || r < 32 })
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

// compare translates an order; of a value of another shape it is an error, so false.
func (f *leaf) compare(operator string, v any) (clause, error) {
	s, isText := v.(string)
	now := isText && strings.HasPrefix(s, "$NOW")
	if isText && strings.HasPrefix(s, "$") && !now {
		dynamic, err := f.variable(v)
		if err != nil {
			return never, err
		}
		if dynamic == "" || dynamic == currentUser || f.field.kind != kindInteger {
			return never, f.cannot("%s has no order here", s)
		}
		return f.either(func(x string) clause { return atom("%s %s %s", x, operator, dynamic) }), nil
	}
	convert := func(x string) string { return x }
	number, isNumber := asNumber(v)
	switch f.field.kind {
	case kindInteger, kindNumber, kindBigInt:
		if !isNumber {
			return never, f.cannot("needs a number")
		}
		switch f.field.kind {
		case kindNumber:
			convert = toDouble
		case kindBigInt:
			convert = toInt
		}
		limit := literal(number)
		switch _, whole := number.(int64); {
		case f.field.kind == kindNumber:
			limit = double(number)
		case f.field.kind == kindBigInt && !whole:
			return never, f.cannot("needs a whole number")
		}
		return f.either(func(x string) clause { return atom("%s %s %s", convert(x), operator, limit) }), nil
	case kindDate:
		day, next, ok := daysOf(v)
		if !ok {
			return never, f.cannot("%s is no date such as 2026-01-31; a field without a time zone cannot be compared with a moment", literal(v))
		}
		switch operator { // whatever stands behind the date
		case ">":
			operator, day = ">=", next
		case "<=":
			operator, day = "<", next
		}
		return f.either(func(x string) clause { return atom("%s %s %s", x, operator, day) }), nil
	case kindUnknown:
		if isNumber {
			return f.either(func(x string) clause { return atom("%s %s %s", x, operator, literal(number)) }), nil
		}
	}
	moment, convert, problem := f.momentOf(v)
	if problem != "" {
		return never, f.cannot("%s", problem)
	}
	return f.either(func(x string) clause { return atom("%s %s %s", convert(x), operator, moment) }), nil
}

// momentOf is the CEL of a moment as the type of the field has it, and what makes one of the field's value.
func (f *leaf) momentOf(v any) (moment string, convert func(x string) string, problem string) {
	s, ok := v.(string)
	if !ok {
		return "", nil, "needs a number or a time"
	}
	pieces := map[valueKind]struct{ before, after, form, example string }{
		kindDateTime: {"", "Z", "2006-01-02T15:04:05", "2026-01-31T08:00:00"},
		kindTime:     {"2000-01-01T", "Z", time.TimeOnly, "08:00:00"},
	}
	piece, zoneless := pieces[f.field.kind]
	switch {
	case zoneless && strings.HasPrefix(s, "$NOW"):
		return "", nil, "a field without a time zone cannot be compared with a moment"
	case zoneless:
		if f.field.kind == kindTime && len(s) == len("08:00") {
			s += ":00"
		}
		if f.field.kind == kindDateTime {
			s = strings.Replace(s, " ", "T", 1)
		}
		if _, err := time.Parse(piece.form, s); err != nil {
			return "", nil, fmt.Sprintf("%q is not of the field's type; give one such as %s", s, piece.example)
		}
		return "timestamp(" + literal(piece.before+s+piece.after) + ")", func(x string) string {
			if piece.before != "" {
				return fmt.Sprintf("timestamp(%s + %s + %s)", literal(piece.before), x, literal(piece.after))
			}
			return fmt.Sprintf("timestamp(%s + %s)", x, literal(piece.after))
		}, ""
	}
	moment, problem = momentOf(s, false)
	return moment, func(x string) string { return "timestamp(" + x + ")" }, problem
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
		return "", fmt.Sprintf("%q depends on the database; give a number, or a time with its zone such as 2026-01-31T00:00:00Z", s)
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
func bounds(v any) (from, to any, ok bool) {
	list, ok := v.([]any)
	if s, isText := v.(string); isText {
		list, ok = nil, true
		for _, part := range strings.Split(s, ",") {
			list = append(list, part)
		}
	}
	if !ok || len(list) != 2 {
		return nil, nil, false
	}
	return list[0], list[1], true
}

func (f *leaf) between(v any, outside bool) (clause, error) {
	from, to, ok := bounds(v)
	if !ok {
		return never, f.cannot("needs two values")
	}
	above, below, joint := ">=", "<=", and
	if outside {
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
	return joint(first, second), nil
}

// identity says something of the record's id, which is a text; false for what it cannot say.
func (f *leaf) identity() (clause, bool, error) {
	switch f.nullTest() {
	case isNull:
		return never, !f.fails, nil
	case isNotNull:
		return always, !f.fails, nil
	}
	list := []any{f.v}
	switch f.op {
	case "_in", "_nin":
		if elements, ok := f.v.([]any); ok {
			list = elements
		} else if s, ok := f.v.(string); ok {
			list = nil
			for _, part := range strings.Split(s, ",") {
				list = append(list, part)
			}
		}
		if len(list) == 0 || slices.Contains(list, any(nil)) {
			return never, false, nil
		}
	case "_eq", "_neq":
	default:
		return never, false, nil
	}
	if !slices.Contains(operatorsOf[f.field.kind], f.op) {
		return never, false, nil
	}
	g := *f
	g.x = "resource.id"
	var same, other []clause
	for _, element := range list {
		if element == "$CURRENT_ROLES" {
			f.translator.attribute("roles")
			same = append(same, atom("resource.id in subject.attributes.roles"))
			other = append(other, not(atom("resource.id.lowerAscii() in subject.attributes.roles")))
			continue
		}
		dynamic, err := f.variable(element)
		if err != nil {
			return never, false, err
		}
		number, isNumber := asNumber(element)
		_, whole := number.(int64)
		switch numbers := f.field.kind == kindInteger || f.field.kind == kindBigInt; {
		case dynamic == currentUser:
			same = append(same, atom("resource.id == subject.id"))
			other = append(other, atom("resource.id.lowerAscii() != subject.id.lowerAscii()"))
		case dynamic != "":
			return never, false, nil
		case isNumber && whole && (numbers || f.field.kind == kindUnknown): // the id is a text
			same = append(same, atom("resource.id == %s", literal(literal(number))))
			other = append(other, atom("resource.id != %s", literal(literal(number))))
		case numbers:
			return never, false, nil
		default:
			c, err := g.constant(element)
			if err != nil {
				return never, false, err
			}
			same = append(same, c.equal(g.x))
			if c.different == nil {
				c.different = func(string) clause { return never }
				if (f.op == "_eq" || f.op == "_in") == f.fails {
					return never, false, f.cannot("%s", c.why)
				}
			}
			other = append(other, c.different(g.x))
		}
	}
	if (f.op == "_eq" || f.op == "_in") != f.fails {
		return or(same...), true, nil
	}
	return and(other...), true, nil
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
