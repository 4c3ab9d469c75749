package filter

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// encodeCEL writes a filter as one CEL expression over resource {id, properties}, for whoever evaluates it
// with every property known. As in a condition, an error means that the record is not let through.
func encodeCEL(t *Tree, _ Format, _ Relations) (Encoded, error) {
	return encoded(t, celText)
}

var celOperators = map[Op]string{Eq: "==", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">="}

var celFunctions = map[Op]string{StartsWith: "startsWith", EndsWith: "endsWith", Contains: "contains"}

func celText(t *Tree) (string, error) { return celAt(t, 0) }

// celAt writes a tree within so many Any and Every.
func celAt(t *Tree, depth int) (string, error) {
	switch t.Op {
	case And, Or:
		parts := make([]string, len(t.Args))
		for i, arg := range t.Args {
			part, err := celAt(arg, depth)
			if err != nil {
				return "", err
			}
			if arg.Op == And || arg.Op == Or {
				part = "(" + part + ")"
			}
			parts[i] = part
		}
		return strings.Join(parts, map[Op]string{And: " && ", Or: " || "}[t.Op]), nil
	case True, False:
		return string(t.Op), nil
	case Opaque:
		if t.Source == "" {
			return "", unsupported(FormatCEL, t, "it needs more than the record; ask about single records instead")
		}
		return "(" + t.Source + ")", nil
	}
	return celLeaf(t, depth)
}

func celLeaf(t *Tree, depth int) (string, error) {
	if t.Op != Any && t.Op != Every {
		return celComparison(t, depth), nil
	}
	of, err := celAt(t.Args[0], depth+1)
	if err != nil {
		return "", err
	}
	macro := map[Op]string{Any: "exists", Every: "all"}[t.Op]
	return fmt.Sprintf("%s.%s(%s, %s)", celField(t.Field, depth), macro, celElement(depth+1), of), nil
}

// celElement is what an element is called within so many Any and Every.
func celElement(depth int) string { return "e" + strconv.Itoa(depth) }

func celComparison(t *Tree, depth int) string {
	against := func() string {
		if t.Other != nil {
			return celField(t.Other, depth)
		}
		return Literal(t.Value)
	}
	negate := func(text string, negated bool) string {
		if negated {
			return "!(" + text + ")"
		}
		return text
	}
	field := celField(t.Field, depth)
	switch t.Op {
	case Has:
		return celHas(t, depth)
	case Eq, Ne, Lt, Le, Gt, Ge:
		if t.Timed {
			return "timestamp(" + field + ") " + celOperators[t.Op] + " timestamp(" + against() + ")"
		}
		return field + " " + celOperators[t.Op] + " " + against()
	case In, NotIn:
		return negate(field+" in "+celList(t.Values), t.Op == NotIn)
	case StartsWith, EndsWith, Contains:
		return negate(field+"."+celFunctions[t.Op]+"("+against()+")", t.Negated)
	case Element:
		return negate(Literal(t.Value)+" in "+field, t.Negated)
	}
	return celLink(t)
}

// celLink carries WalkLink over to CEL, but for a record, and for a list that stands directly in a list: they are in no
// list of ids, so it is not let through.
func celLink(t *Tree) string {
	ids, numbers := t.linkIDs()
	values := make([]any, 0, len(ids)+len(numbers)+2)
	for _, id := range ids {
		values = append(values, id)
	}
	if t.Field.ID {
		return celField(t.Field, 0) + " in " + celList(values)
	}
	values = append(values, numbers...)
	if t.EmptyPasses {
		values = append(values, nil, "")
	}
	list := celList(values)

	var walk func(value string, path []string, depth int) string
	walk = func(value string, path []string, depth int) string {
		element := celElement(depth)
		passes := element + " in " + list
		if len(path) > 0 {
			passes = walk(element+celMember(path[0]), path[1:], depth+1)
			if t.EmptyPasses {
				passes = fmt.Sprintf("%s in [null, \"\"] || %s", element, passes)
			}
		}
		return fmt.Sprintf("(type(%s) == list ? %s : [%s]).all(%s, %s)", value, value, value, element, passes)
	}
	return walk(celField(&Field{Path: t.Field.Path[:1]}, 0), t.Field.Path[1:], 1)
}

// celHas asks for a member of an object.
func celHas(t *Tree, depth int) string {
	last := len(t.Field.Path) - 1
	above := celField(&Field{Path: t.Field.Path[:last], Element: t.Field.Element}, depth)
	not := map[bool]string{true: "!"}[t.Negated]
	if member := celMember(t.Field.Path[last]); strings.HasPrefix(member, ".") && !t.Negated { // !has() is true of what is no object
		return fmt.Sprintf("has(%s%s)", above, member)
	}
	return fmt.Sprintf("(type(%s) == map && %s(%s in %[1]s))", above, not, strconv.Quote(t.Field.Path[last]))
}

func celField(f *Field, depth int) string {
	if f.ID {
		return "resource.id"
	}
	root := "resource.properties"
	if f.Element {
		root = celElement(depth)
	}
	members := make([]string, len(f.Path))
	for i, name := range f.Path {
		members[i] = celMember(name)
	}
	return root + strings.Join(members, "")
}

var (
	celIdentifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	celReserved   = map[string]bool{
		"as": true, "break": true, "const": true, "continue": true, "else": true, "false": true, "for": true,
		"function": true, "if": true, "import": true, "in": true, "let": true, "loop": true, "namespace": true,
		"null": true, "package": true, "return": true, "true": true, "var": true, "void": true, "while": true,
	}
)

func celMember(name string) string {
	if celIdentifier.MatchString(name) && !celReserved[name] {
		return "." + name
	}
	return "[" + strconv.Quote(name) + "]"
}

func celList(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = Literal(value)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// Literal writes a JSON value as CEL: nil, a bool, an int64, a float64, a string, a list or an object of these. Go's escapes
// of a string are CEL's too.
func Literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case string:
		return strconv.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = Literal(element)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, strconv.Quote(key)+": "+Literal(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	panic(fmt.Sprintf("filter: %T is no JSON value", value)) // a caller's mistake, never input
}

// describe names a leaf in an error: as CEL, shortened.
func (t *Tree) describe() string {
	const limit = 120
	var text string
	switch {
	case t.Op == Opaque && t.Source == "":
		return "a part that depends on more than the record"
	case t.Op == Opaque:
		text = t.Source
	case t.Op == Link:
		return "the link " + celField(t.Field, 0)
	default:
		var err error
		if text, err = celLeaf(t, 0); err != nil {
			return "a part that depends on more than the record"
		}
	}
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return text
}
