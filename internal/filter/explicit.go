package filter

import (
	"slices"
	"time"
)

// explicit gives an equal tree that says what it means about null in so many words, for readers that have
// their own ideas about it: a database, to which a comparison with null is neither true nor false, and
// JavaScript, to which null is less than 5 and differs from "x". Below, every leaf is false for null in the
// eyes of both, but for Eq and Ne with null itself, Ne and NotIn, which stand beside one of these. Links are
// lists of ids.
func explicit(t *Tree, format Format) (*Tree, error) {
	switch t.Op {
	case And, Or:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			var err error
			if args[i], err = explicit(arg, format); err != nil {
				return nil, err
			}
		}
		if t.Op == And {
			return All(args...), nil
		}
		return AnyOf(args...), nil
	case True, False:
		return t, nil
	case Opaque, Any, Every, Has:
		return nil, unsupported(format, t, "the format has no operator for it; write the condition with comparisons, or ask about single records instead")
	}
	if reason := misread(t); reason != "" {
		return nil, unsupported(format, t, reason)
	}
	switch {
	case t.Timed && format == FormatUCAST:
		return textMoments(t)
	case t.Timed:
		return All(null(Ne, t.Field), t), nil
	}
	switch t.Op {
	case Ne, NotIn:
		if t.Other != nil {
			return AnyOf(t, All(null(Eq, t.Field), null(Ne, t.Other)), All(null(Ne, t.Field), null(Eq, t.Other))), nil
		}
		if t.Op == NotIn || t.Value != nil {
			return AnyOf(t, null(Eq, t.Field)), nil
		}
	case Eq:
		if t.Other != nil {
			return AnyOf(t, All(null(Eq, t.Field), null(Eq, t.Other))), nil
		}
	case Lt, Le, Gt, Ge:
		return All(null(Ne, t.Field), null(Ne, t.Other), t), nil
	case StartsWith, EndsWith, Contains, Element:
		if t.Negated {
			return All(null(Ne, t.Field), null(Ne, t.Other), t), nil
		}
	case Link:
		return explicitLink(t), nil
	}
	return t, nil
}

// textMoments compares moments for readers that compare their texts, or hand these to a database. Where the texts are in
// UTC, those of one second that have a fraction stand before the one that has none, so that what is in a second is
// let through as a whole or, where the bound is in it, without its fractions.
func textMoments(t *Tree) (*Tree, error) {
	bound, _ := momentOf(t.Value) // a valid tree has one
	second := bound.Truncate(time.Second)
	compared := func(op Op, moment time.Time) *Tree {
		return &Tree{Op: op, Field: t.Field, Value: MomentText(moment)}
	}
	present := null(Ne, t.Field)
	switch t.Op {
	case Lt, Le:
		before := compared(Le, second.Add(-time.Second))
		if t.Op == Lt && bound.Equal(second) {
			return All(present, before), nil
		}
		return All(present, AnyOf(before, compared(Eq, second))), nil
	case Gt, Ge:
		if t.Op == Ge && bound.Equal(second) {
			return All(present, compared(Ge, second)), nil
		}
		return All(present, compared(Gt, second)), nil
	}
	return nil, unsupported(FormatUCAST, t, "readers compare the texts of moments, of which one moment has several; compare with <, <=, > or >= instead")
}

// null compares a field with null, which the id never is; nor is a field that is not there.
func null(op Op, field *Field) *Tree {
	if field == nil || field.ID {
		return Constant(op == Ne)
	}
	return &Tree{Op: op, Field: field}
}

// explicitLink is a link as a list of ids; "" is one of them where it passes.
func explicitLink(t *Tree) *Tree {
	ids, _ := t.linkIDs()
	passes := t.EmptyPasses && !t.Field.ID
	if passes {
		ids = slices.Insert(ids, 0, "")
	}
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	link := simplifyList(&Tree{Op: In, Field: t.Field, Values: values})
	if passes {
		return AnyOf(link, null(Eq, t.Field))
	}
	return link
}

// misread says why a reader would let through what a leaf does not. A path that leads nowhere is not let
// through whatever is asked of its end; to a reader there is null at the end of it, or something like it.
func misread(t *Tree) string {
	fields := []*Field{t.Field}
	if t.Other != nil {
		fields = append(fields, t.Other)
	}
	for _, field := range fields {
		if field.ID || len(field.Path) == 1 {
			continue
		}
		switch t.Op {
		case Eq:
			if t.Value != nil {
				continue
			}
		case In:
			continue
		case StartsWith, EndsWith, Contains, Element:
			if !t.Negated {
				continue
			}
		case Link:
			return "a link below another property may lead through lists, every element of which counts, and readers take any; " +
				"keep the link at the top of the record, or ask about single records instead"
		}
		return "the property stands below another one, and where that is missing, readers take it for null and may let the record through; " +
			"keep the property at the top of the record, compare it with == or in, or ask about single records instead"
	}
	return ""
}
