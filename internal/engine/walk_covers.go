package engine

import (
	"reflect"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// This file compares what grants ask for, without a request: differences and A7 fold over it.

// RuleCovers reports whether one rule, where it grants an action of a class, gives at least what another gives: on the
// same records or on all, as many fields, asking for no more validations, with the same presets. Only the same condition
// covers a condition. Which types and actions the rules name is not compared. An empty class means any action.
func RuleCovers(outer, inner *v1alpha1.Rule, class v1alpha1.ActionClass) bool {
	var ignored []Problem
	a, b, of := compileRule(0, "", outer, &ignored), compileRule(0, "", inner, &ignored), &action{class: class}
	return a.asksNoMore(b, of, (*condition).covers) && (class == v1alpha1.ClassDelete || a.fields.includes(b.fields))
}

// asksNoMore reports whether the rule grants an action wherever another does, and sets the same presets: all of
// RuleCovers but the fields. Covers says whether a condition, which may be nil, holds wherever another does.
func (r *rule) asksNoMore(other *rule, a *action, covers func(c, other *condition) bool) bool {
	if !covers(r.condition, other.condition) {
		return false
	}
	if a.class != "" && !a.writes() {
		return true
	}
	return !slices.ContainsFunc(r.validations, func(v validation) bool {
		return !slices.ContainsFunc(other.validations, func(w validation) bool { return covers(&v.condition, &w.condition) })
	}) && reflect.DeepEqual(r.presetValues(), other.presetValues()) && slices.EqualFunc(r.computed, other.computed, func(p, q computedPreset) bool {
		return p.key == q.key && p.text == q.text
	})
}

// presetValues are the presets; an empty map where there are none.
func (r *rule) presetValues() map[string]any {
	if r.presets == nil {
		return map[string]any{}
	}
	return r.presets
}

// covers reports whether the condition holds wherever another does.
func (c *condition) covers(other *condition) bool {
	return c == nil || other != nil && c.text == other.text
}

// impliedBy is covers, and looks at what the conditions say: one that holds for less is covered by one that holds for more.
func (c *condition) impliedBy(other *condition) bool {
	return c.covers(other) || other != nil && c.program != nil && other.program != nil && other.program.Implies(c.program)
}

// guardsCover reports whether each of some guards holds wherever all of others do.
func guardsCover(guards, others []string) bool {
	return !slices.ContainsFunc(guards, func(guard string) bool {
		return !slices.ContainsFunc(others, func(other string) bool {
			if guard == other {
				return true
			}
			outer, err := expr.Compile(expr.Validation, guard)
			inner, otherErr := expr.Compile(expr.Validation, other)
			return err == nil && otherErr == nil && inner.Implies(outer)
		})
	})
}

// RestrictionsCover reports whether one set of restrictions of a role holds wherever another does (S3); nil is none.
func RestrictionsCover(outer, inner *v1alpha1.Restrictions) bool {
	if outer == nil {
		return true
	}
	if inner == nil {
		inner = &v1alpha1.Restrictions{}
	}
	if outer.RequireMFA && !inner.RequireMFA {
		return false
	}
	if len(outer.AllowedCIDRs) == 0 {
		return true
	}
	return len(inner.AllowedCIDRs) > 0 && !slices.ContainsFunc(inner.AllowedCIDRs, func(network v1alpha1.CIDR) bool {
		return !slices.ContainsFunc(outer.AllowedCIDRs, func(around v1alpha1.CIDR) bool { return networkCovers(around, network) })
	})
}

// networkCovers reports whether one network contains another. Of what does not parse only the same text does.
func networkCovers(outer, inner v1alpha1.CIDR) bool {
	if outer == inner {
		return true
	}
	out, outErr := parseNetwork(string(outer))
	in, inErr := parseNetwork(string(inner))
	return outErr == nil && inErr == nil && in.Bits() >= out.Bits() && out.Contains(in.Addr())
}
