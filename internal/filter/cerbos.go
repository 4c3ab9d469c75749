package filter

import "strings"

// CerbosFilter is the filter of a PlanResources answer of Cerbos.
type CerbosFilter struct {
	// Kind is KIND_ALWAYS_ALLOWED, KIND_ALWAYS_DENIED or KIND_CONDITIONAL.
	Kind string `json:"kind"`
	// Condition is absent unless the kind is conditional.
	Condition *CerbosOperand `json:"condition,omitempty"`
}

// CerbosOperand is one of its members. A value that is null is a pointer to nil.
type CerbosOperand struct {
	Expression *CerbosExpression `json:"expression,omitempty"`
	// Variable is request.resource.id, or the name of a property after "request.resource.attr.".
	Variable string `json:"variable,omitempty"`
	Value    *any   `json:"value,omitempty"`
}

// CerbosExpression is an operator with what it works on.
type CerbosExpression struct {
	Operator string          `json:"operator"`
	Operands []CerbosOperand `json:"operands"`
}

func encodeCerbos(t *Tree, format Format, _ Relations) (Encoded, error) {
	t, err := explicit(t, format)
	if err != nil {
		return Encoded{}, err
	}
	condition, err := encoded(t, cerbos)
	if err != nil {
		return Encoded{}, err
	}
	switch condition.Kind {
	case KindAlways:
		condition.Condition = &CerbosFilter{Kind: "KIND_ALWAYS_ALLOWED"}
	case KindNever:
		condition.Condition = &CerbosFilter{Kind: "KIND_ALWAYS_DENIED"}
	case KindConditional: // it has one
	}
	return condition, nil
}

func cerbos(t *Tree) (*CerbosFilter, error) {
	condition, err := cerbosOperand(t)
	if err != nil {
		return nil, err
	}
	return &CerbosFilter{Kind: "KIND_CONDITIONAL", Condition: &condition}, nil
}

var cerbosOperators = map[Op]string{
	And: "and", Or: "or",
	Eq: "eq", Ne: "ne", Lt: "lt", Le: "le", Gt: "gt", Ge: "ge", In: "in", NotIn: "in",
	StartsWith: "startsWith", EndsWith: "endsWith", Contains: "contains", Element: "in",
}

func cerbosOperand(t *Tree) (CerbosOperand, error) {
	operator := cerbosOperators[t.Op]
	if t.Op == And || t.Op == Or {
		operands := make([]CerbosOperand, len(t.Args))
		for i, arg := range t.Args {
			var err error
			if operands[i], err = cerbosOperand(arg); err != nil {
				return CerbosOperand{}, err
			}
		}
		return cerbosExpression(operator, operands...), nil
	}
	if reason := jsonRefusal(t); reason != "" {
		return CerbosOperand{}, unsupported(FormatCerbos, t, reason)
	}
	field, against := cerbosVariable(t.Field), cerbosValue(t.Value)
	switch {
	case t.Other != nil:
		against = cerbosVariable(t.Other)
	case t.Op == In || t.Op == NotIn:
		against = cerbosValue(t.Values)
	case t.Op == Element:
		field, against = against, field
	case t.Timed:
		field, against = cerbosExpression("timestamp", field), cerbosExpression("timestamp", against)
	}
	leaf := cerbosExpression(operator, field, against)
	if t.Negated || t.Op == NotIn {
		return cerbosExpression("not", leaf), nil
	}
	return leaf, nil
}

func cerbosExpression(operator string, operands ...CerbosOperand) CerbosOperand {
	return CerbosOperand{Expression: &CerbosExpression{Operator: operator, Operands: operands}}
}

func cerbosVariable(f *Field) CerbosOperand {
	if f.ID {
		return CerbosOperand{Variable: "request.resource.id"}
	}
	return CerbosOperand{Variable: "request.resource.attr." + strings.Join(f.Path, ".")}
}

func cerbosValue(value any) CerbosOperand { return CerbosOperand{Value: &value} }
