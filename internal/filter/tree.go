// Package filter holds list filters: conditions on the stored properties of records, in one neutral form
// that encoders turn into query languages.
//
// A Tree says when something is true and has no third value: where the expression that it comes from is
// false or in error, the tree is just not true. Negations stand at the leaves, so an encoder that writes
// every leaf such that it holds exactly when the leaf does, and joins them with AND and OR, lets through
// exactly what the evaluation allows; leaves that are NULL in a database do not let through.
package filter

import "slices"

// Op is what a node of a Tree does.
type Op string

// The operators. Compared values are nil, bool, int64, float64 or string.
const (
	// True and False are constant.
	True  Op = "true"
	False Op = "false"
	// And and Or join Args.
	And Op = "and"
	Or  Op = "or"
	// Eq and Ne compare Field with Value, or with Other. Values of different types are not equal, numbers
	// compare by what they are worth, null equals null.
	Eq Op = "eq"
	Ne Op = "ne"
	// Lt, Le, Gt and Ge compare two numbers, two strings (by code points) or two bools; nothing else is in
	// an order, so nothing else is let through.
	Lt Op = "lt"
	Le Op = "le"
	Gt Op = "gt"
	Ge Op = "ge"
	// In holds when Field equals one of Values, NotIn when it equals none.
	In    Op = "in"
	NotIn Op = "nin"
	// StartsWith, EndsWith and Contains look for Value, a string, in Field; Negated turns them around. A
	// Field that is no string is not let through either way.
	StartsWith Op = "startswith"
	EndsWith   Op = "endswith"
	Contains   Op = "contains"
	// Element holds when Field is a list with an element that equals Value, or an object with that key;
	// Negated turns it around, but for a Field that is neither.
	Element Op = "element"
	// Link is what user permissions ask of a link field: see Tree.Links.
	Link Op = "link"
	// Any holds when Field is a list with an element for which the one of Args holds, Every when it is a list of which
	// that holds for each element; an object stands for the list of its keys. The fields in Args are the element's.
	Any   Op = "any"
	Every Op = "every"
	// Has holds when Field leads somewhere; Negated, when what it is a member of is an object without it.
	Has Op = "has"
	// Opaque is an expression that only its own language can say.
	Opaque Op = "opaque"
)

// Tree is a condition on one record, or on an element of a list.
type Tree struct {
	Op   Op
	Args []*Tree
	// Field is the property that a leaf is about; Other the second one, where two are compared.
	Field, Other *Field
	Value        any
	Values       []any
	Negated      bool
	// Timed says of a comparison that it is one of moments: Field is one as a text in RFC 3339, or as the seconds since
	// 1970, and is not let through where it is none; Value is a text in UTC.
	Timed bool
	// EmptyPasses says of a Link that null and "" pass.
	EmptyPasses bool
	// Source is the CEL text of an Opaque leaf, over resource alone; empty where it needs more than the
	// record.
	Source string
	// OfObjects says of an Opaque leaf that it is true only where a property holds an object: never of columns.
	OfObjects bool
	// Eval evaluates an Opaque leaf.
	Eval func(id string, properties map[string]any) bool
}

// Field is the record's id, or the path of a property.
type Field struct {
	ID   bool
	Path []string
	// Element says that the path starts at the element that an Any or Every is about, which an empty one is itself.
	Element bool
}

// IDField is the record's id.
var IDField = &Field{ID: true}

// Constant is the tree that always or never lets through.
func Constant(value bool) *Tree {
	if value {
		return &Tree{Op: True}
	}
	return &Tree{Op: False}
}

// All joins trees with And, leaving out what does not matter; of no tree it is True.
func All(trees ...*Tree) *Tree { return join(And, True, False, trees) }

// AnyOf joins trees with Or, leaving out what does not matter; of no tree it is False.
func AnyOf(trees ...*Tree) *Tree { return join(Or, False, True, trees) }

func join(op, neutral, absorbing Op, trees []*Tree) *Tree {
	var args []*Tree
	for _, t := range trees {
		switch t.Op {
		case neutral:
		case absorbing:
			return t
		case op:
			args = append(args, t.Args...)
		default:
			args = append(args, t)
		}
	}
	switch len(args) {
	case 0:
		return &Tree{Op: neutral}
	case 1:
		return args[0]
	}
	return &Tree{Op: op, Args: args}
}

// Leaves calls visit with every leaf.
func (t *Tree) Leaves(visit func(*Tree)) {
	if t.Op != And && t.Op != Or {
		visit(t)
		return
	}
	for _, arg := range t.Args {
		arg.Leaves(visit)
	}
}

// Matches says whether a record is let through. A property that it lacks is null.
func (t *Tree) Matches(id string, properties map[string]any) bool {
	return t.matches(&subject{id: id, properties: properties})
}

// subject is what a tree is about.
type subject struct {
	id         string
	properties map[string]any
	// element is the one that an Any or Every is about.
	element any
}

func (t *Tree) matches(s *subject) bool {
	matches := func(arg *Tree) bool { return arg.matches(s) }
	switch t.Op {
	case True:
		return true
	case False:
		return false
	case And:
		return !slices.ContainsFunc(t.Args, func(arg *Tree) bool { return !matches(arg) })
	case Or:
		return slices.ContainsFunc(t.Args, matches)
	case Link:
		return t.linkHolds(s.id, s.properties)
	case Opaque:
		return t.Eval(s.id, s.properties)
	case Has:
		return t.hasHolds(s)
	}
	value, ok := t.Field.of(s)
	if !ok {
		return false
	}
	against := t.Value
	if t.Other != nil {
		if against, ok = t.Other.of(s); !ok {
			return false
		}
	}
	switch t.Op {
	case Eq, Ne, Lt, Le, Gt, Ge:
		if t.Timed {
			return t.momentHolds(value)
		}
		return compared(t.Op, value, against)
	case In:
		return slices.ContainsFunc(t.Values, func(v any) bool { return equal(value, v) })
	case NotIn:
		return !slices.ContainsFunc(t.Values, func(v any) bool { return equal(value, v) })
	case StartsWith, EndsWith, Contains:
		return t.textHolds(value, against)
	case Element:
		return t.elementHolds(value)
	case Any, Every:
		return t.elementsHold(s, value)
	}
	return false
}

func compared(op Op, value, against any) bool {
	switch op {
	case Eq:
		return equal(value, against)
	case Ne:
		return !equal(value, against)
	}
	return ordered(op, value, against)
}

func (t *Tree) elementsHold(s *subject, value any) bool {
	var elements []any
	switch v := value.(type) {
	case []any:
		elements = v
	case map[string]any:
		for key := range v {
			elements = append(elements, key)
		}
	default:
		return false
	}
	holds := func(element any) bool {
		of := *s
		of.element = element
		return t.Args[0].matches(&of)
	}
	if t.Op == Any {
		return slices.ContainsFunc(elements, holds)
	}
	return !slices.ContainsFunc(elements, func(element any) bool { return !holds(element) })
}

func (t *Tree) hasHolds(s *subject) bool {
	last := len(t.Field.Path) - 1
	above := Field{Path: t.Field.Path[:last], Element: t.Field.Element}
	if !above.Element && last == 0 {
		return !t.Negated // every property of a record is known
	}
	value, ok := above.of(s)
	object, isObject := value.(map[string]any)
	if !ok || !isObject {
		return false
	}
	_, has := object[t.Field.Path[last]]
	return has != t.Negated
}

// Of gives the value at a field of a record, as of does.
func (f *Field) Of(id string, properties map[string]any) (any, bool) {
	return f.of(&subject{id: id, properties: properties})
}

// of gives the value at a field; false where the path leads through something that is no object, or to a
// key that the object lacks.
func (f *Field) of(s *subject) (any, bool) {
	if f.ID {
		return s.id, true
	}
	value, path := s.element, f.Path
	if !f.Element {
		value, path = s.properties[f.Path[0]], f.Path[1:]
	}
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// IsConstant reports whether the tree lets every record through, or none.
func (t *Tree) IsConstant() bool { return t.Op == True || t.Op == False }

// Given is the tree for records that have these properties, in its simplest form: leaves that are about nothing else
// are constant. An Opaque leaf stays as it is.
func (t *Tree) Given(properties map[string]any) *Tree { return simplify(t.given(properties)) }

func (t *Tree) given(properties map[string]any) *Tree {
	isGiven := func(f *Field) bool {
		if f == nil || f.ID {
			return f == nil
		}
		_, ok := properties[f.Path[0]]
		return ok
	}
	switch t.Op {
	case True, False, Opaque:
		return t
	case And, Or:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			args[i] = arg.given(properties)
		}
		if t.Op == And {
			return All(args...)
		}
		return AnyOf(args...)
	}
	if isGiven(t.Field) && isGiven(t.Other) {
		return Constant(t.Matches("", properties))
	}
	return t
}
