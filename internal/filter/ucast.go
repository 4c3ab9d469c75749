package filter

import "strings"

// UCAST is a condition as the ucast project's tree: a "compound" condition joins others, a "field" condition
// compares a property.
type UCAST struct {
	Type     string `json:"type"`
	Operator string `json:"operator"`
	// Field is the name of a property, with dots where it stands below others, or "id" for the record's id.
	Field string `json:"field,omitempty"`
	// Value is a []*UCAST for "compound", else what the field is compared with.
	Value any `json:"value"`
}

func encodeUCAST(t *Tree, format Format, _ Relations) (Encoded, error) {
	t, err := explicit(t, format)
	if err != nil {
		return Encoded{}, err
	}
	return encoded(t, ucast)
}

var ucastOperators = map[Op]string{
	And: "and", Or: "or",
	Eq: "eq", Ne: "ne", Lt: "lt", Le: "lte", Gt: "gt", Ge: "gte", In: "in", NotIn: "nin",
	StartsWith: "startswith", EndsWith: "endswith", Contains: "contains",
}

func ucast(t *Tree) (*UCAST, error) {
	if t.Op == And || t.Op == Or {
		args := make([]*UCAST, len(t.Args))
		for i, arg := range t.Args {
			var err error
			if args[i], err = ucast(arg); err != nil {
				return nil, err
			}
		}
		return ucastCompound(t.Op, args...), nil
	}
	if reason := ucastRefusal(t); reason != "" {
		return nil, unsupported(FormatUCAST, t, reason)
	}
	field := "id"
	if !t.Field.ID {
		field = strings.Join(t.Field.Path, ".")
	}
	condition := &UCAST{Type: "field", Operator: ucastOperators[t.Op], Field: field, Value: t.Value}
	switch {
	case t.Op == In || t.Op == NotIn:
		condition.Value = t.Values
	case t.Negated:
		return ucastCompound("not", condition), nil
	}
	return condition, nil
}

func ucastCompound(operator Op, args ...*UCAST) *UCAST {
	return &UCAST{Type: "compound", Operator: string(operator), Value: args}
}

func ucastRefusal(t *Tree) string {
	switch {
	case t.Other != nil:
		return "two fields are compared, and most readers of ucast would take the second one's name for a value; ask about single records instead"
	case t.Op == Element:
		return "to some readers of ucast lists have elements, to others they are text; ask about single records instead"
	}
	return jsonRefusal(t)
}

// jsonRefusal says why a leaf cannot be sent to a reader in JavaScript or the like, whose names of fields are
// paths and whose numbers are all floating.
func jsonRefusal(t *Tree) string {
	for _, field := range []*Field{t.Field, t.Other} {
		if field == nil {
			continue
		}
		for _, name := range field.Path {
			if name == "" || strings.Contains(name, ".") {
				return "the name of the property is empty or has a dot, which readers take for a path; rename the property"
			}
		}
	}
	for _, value := range append([]any{t.Value}, t.Values...) {
		if i, ok := value.(int64); ok && !isExact(i) {
			return "readers round whole numbers beyond 2^53; hold the value as text instead"
		}
	}
	return ""
}
