package filter

import "math"

// maxExactNumber is where float64 begins to leave out whole numbers.
const maxExactNumber = 1 << 53

// simplify gives an equal tree whose leaves need fewer cases in an encoder:
//
//   - whole numbers are int64 while a float64 leaves none out;
//   - comparisons of bools with <, <=, >, >= are Eq or In;
//   - In and NotIn have two or more different values, none of them null;
//   - text operators look for a string, or for what stands in another field;
//   - the id, a string, is compared with strings or fields only;
//   - constants are folded, and only ever the whole tree.
func simplify(t *Tree) *Tree {
	switch t.Op {
	case And, Or:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			args[i] = simplify(arg)
		}
		if t.Op == And {
			return All(args...)
		}
		return AnyOf(args...)
	case Eq, Ne:
		if t.Other != nil || t.Timed {
			return t
		}
		return simplifyEqual(t)
	case Lt, Le, Gt, Ge:
		if t.Other != nil || t.Timed {
			return t
		}
		return simplifyOrder(t)
	case Any, Every:
		if t.Field.ID {
			return Constant(false)
		}
		of := simplify(t.Args[0])
		if t.Op == Any && of.Op == False {
			return of
		}
		return &Tree{Op: t.Op, Field: t.Field, Args: []*Tree{of}}
	case Has:
		if !t.Field.Element && len(t.Field.Path) == 1 {
			return Constant(!t.Negated)
		}
	case In, NotIn:
		return simplifyList(t)
	case StartsWith, EndsWith, Contains:
		if _, ok := t.Value.(string); !ok && t.Other == nil {
			return Constant(false)
		}
	case Element:
		if t.Field.ID {
			return Constant(false)
		}
		simple := *t
		simple.Value = simpleNumber(t.Value)
		return &simple
	}
	return t
}

func simplifyEqual(t *Tree) *Tree {
	if _, ok := t.Value.(string); !ok && t.Field.ID {
		return Constant(t.Op == Ne)
	}
	simple := *t
	simple.Value = simpleNumber(t.Value)
	return &simple
}

func simplifyOrder(t *Tree) *Tree {
	simple := *t
	simple.Value = simpleNumber(t.Value)
	switch value := simple.Value.(type) {
	case string:
		return &simple
	case int64, float64:
		if t.Field.ID {
			return Constant(false)
		}
		return &simple
	case bool:
		var in []any
		for _, candidate := range []bool{false, true} {
			if ordered(t.Op, candidate, value) {
				in = append(in, candidate)
			}
		}
		return simplifyList(&Tree{Op: In, Field: t.Field, Values: in})
	}
	return Constant(false) // null is in no order
}

func simplifyList(t *Tree) *Tree {
	single, join := Eq, AnyOf
	if t.Op == NotIn {
		single, join = Ne, All
	}
	var values []any
	var rest []*Tree
	seen := map[any]bool{}
	for _, value := range t.Values {
		value = simpleNumber(value)
		_, isString := value.(string)
		switch {
		case seen[value] || t.Field.ID && !isString:
		case value == nil:
			rest = append(rest, &Tree{Op: single, Field: t.Field})
		default:
			values = append(values, value)
		}
		seen[value] = true
	}
	switch {
	case len(values) == 1:
		rest = append([]*Tree{{Op: single, Field: t.Field, Value: values[0]}}, rest...)
	case len(values) > 1:
		rest = append([]*Tree{{Op: t.Op, Field: t.Field, Values: values}}, rest...)
	}
	if len(rest) == 0 && t.Op == NotIn && t.Field.Element && len(t.Field.Path) > 0 {
		return &Tree{Op: Has, Field: t.Field}
	}
	if len(rest) == 0 && t.Op == NotIn && len(t.Field.Path) > 1 {
		return &Tree{Op: Eq, Field: t.Field, Other: t.Field} // unless the path leads nowhere
	}
	return join(rest...)
}

// simpleNumber makes numbers the same that every number equals both of.
func simpleNumber(value any) any {
	if f, ok := value.(float64); ok && f == math.Trunc(f) && isExact(f) {
		return int64(f)
	}
	return value
}

// isExact says of a number of a simple tree that neither a float64 nor a database rounds it.
func isExact(value any) bool {
	switch v := value.(type) {
	case int64:
		return v > -maxExactNumber && v < maxExactNumber
	case float64:
		return math.Abs(v) < maxExactNumber
	}
	return true
}
