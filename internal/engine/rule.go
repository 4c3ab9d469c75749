package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// rule is a compiled Rule.
type rule struct {
	index  int
	access v1alpha1.Access
	// anyAction and actions count where access is empty.
	anyAction bool
	actions   []string
	condition *condition // nil: every record
	// allFields says that the rule covers every field; else fields are those covered, sorted.
	allFields   bool
	fields      []string
	validations []validation
	presets     map[string]any
	computed    []computedPreset // by key
}

// condition is a compiled expression that gives a bool. One that does not compile is false.
type condition struct{ program *expr.Program }

func (c *condition) holds(in *expr.Input) (bool, error) {
	if c.program == nil {
		return false, nil
	}
	return c.program.Bool(in)
}

type validation struct {
	condition
	message string
}

type computedPreset struct {
	key     string
	program *expr.Program // nil: it does not compile, and so leaves what was there
}

// ruleSet is the compiled rules of one object, found by the type that they name.
type ruleSet struct {
	source []Ref // exactly one, in the form that decisions need
	rules  []*rule
	byType map[string][]*rule
	byArea map[string][]*rule
	any    []*rule
}

// compileRules compiles the rules at a path of an object. What is wrong is appended to problems.
func compileRules(source Ref, path string, rules []v1alpha1.Rule, problems *[]Problem) ruleSet {
	set := ruleSet{source: []Ref{source}}
	for i := range rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		compiled := compileRule(i, at, &rules[i], problems)
		set.rules = append(set.rules, compiled)
		for _, name := range rules[i].Resources {
			if name == v1alpha1.Any {
				set.any = append(set.any, compiled)
				continue
			}
			if set.byType == nil {
				set.byType = map[string][]*rule{}
			}
			set.byType[string(name)] = append(set.byType[string(name)], compiled)
		}
		for _, area := range rules[i].Areas {
			if set.byArea == nil {
				set.byArea = map[string][]*rule{}
			}
			set.byArea[string(area)] = append(set.byArea[string(area)], compiled)
		}
	}
	return set
}

func compileRule(index int, at string, source *v1alpha1.Rule, problems *[]Problem) *rule {
	invalid := func(field, value, message string) {
		*problems = append(*problems, Problem{Reason: v1alpha1.ReasonInvalid, Path: at + field, Value: value, Message: message})
	}
	if len(source.Resources) == 0 && len(source.Areas) == 0 {
		invalid("", "", "names nothing; give resources, areas, or both")
	}
	switch {
	case source.Access != "" && len(source.Actions) > 0:
		invalid(".access", string(source.Access), "give access or actions, not both; access counts")
	case source.Access == "" && len(source.Actions) == 0:
		invalid("", "", "gives nothing; set access (Full, ReadOnly, None) or actions")
	}
	r := &rule{
		index:     index,
		access:    source.Access,
		actions:   texts(source.Actions),
		condition: compileCondition(expr.Condition, at+".condition", source.Condition, problems),
		allFields: len(source.Fields) == 0 || slices.Contains(source.Fields, v1alpha1.Any),
		fields:    texts(source.Fields),
	}
	r.anyAction = slices.Contains(r.actions, v1alpha1.Any)
	slices.Sort(r.fields)
	for i, field := range source.Fields {
		if field != v1alpha1.Any && !validPath(string(field)) {
			invalid(fmt.Sprintf(".fields[%d]", i), string(field), "must be a property's name, names joined by dots, or *")
		}
	}
	for i, v := range source.Validations {
		compiled := validation{message: v.Message}
		if compiled.message == "" {
			compiled.message = string(v.Expression)
		}
		if c := compileCondition(expr.Validation, fmt.Sprintf("%s.validations[%d].expression", at, i), v.Expression, problems); c != nil {
			compiled.condition = *c
		} // an empty expression does not compile: it is false
		r.validations = append(r.validations, compiled)
	}
	for key, value := range source.Presets {
		if r.presets == nil {
			r.presets = make(map[string]any, len(source.Presets))
		}
		parsed, err := parse(value)
		if err != nil {
			invalid(".presets["+key+"]", string(value.Raw), err.Error())
			continue
		}
		r.presets[key] = parsed
	}
	for _, key := range slices.Sorted(maps.Keys(source.PresetExpressions)) {
		program, err := expr.Compile(expr.Preset, string(source.PresetExpressions[key]))
		if err != nil {
			*problems = append(*problems, Problem{
				Reason: v1alpha1.ReasonInvalidExpression, Path: at + ".presetExpressions[" + key + "]",
				Value: string(source.PresetExpressions[key]), Message: err.Error(),
			})
		}
		r.computed = append(r.computed, computedPreset{key, program})
	}
	return r
}

// compileCondition compiles an expression that gives a bool; nil where there is none.
func compileCondition(place expr.Place, path string, source v1alpha1.Expression, problems *[]Problem) *condition {
	if source == "" {
		if place == expr.Validation {
			*problems = append(*problems, Problem{Reason: v1alpha1.ReasonInvalidExpression, Path: path, Message: "is required"})
		}
		return nil
	}
	program, err := expr.Compile(place, string(source))
	if err != nil {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalidExpression, Path: path, Value: string(source), Message: err.Error(),
		})
		return &condition{}
	}
	return &condition{program}
}

func parse(value v1alpha1.JSON) (any, error) {
	if len(value.Raw) == 0 {
		return nil, nil
	}
	return expr.ParseJSON(value.Raw)
}

// naming gives the rules that name the type, by name, area or "*", in their written order.
func (s *ruleSet) naming(t *resourceType) []*rule {
	found := s.byType[t.name]
	merged := false
	for i := -1; i < len(t.areas); i++ {
		more := s.any
		if i >= 0 {
			more = s.byArea[t.areas[i]]
		}
		if len(more) == 0 {
			continue
		}
		if len(found) == 0 {
			found = more
			continue
		}
		found = append(slices.Clip(found), more...)
		merged = true
	}
	if merged {
		slices.SortFunc(found, func(a, b *rule) int { return a.index - b.index })
		found = slices.Compact(found)
	}
	return found
}

// gives says whether the rule gives the action of a type that it names (S7).
func (r *rule) gives(a *action) bool {
	switch r.access {
	case v1alpha1.AccessFull:
		return true
	case v1alpha1.AccessReadOnly:
		return a.class == v1alpha1.ClassRead
	case "":
		return r.anyAction || slices.ContainsFunc(a.givenBy, func(name string) bool { return slices.Contains(r.actions, name) })
	}
	return false
}

// gives says whether any rule gives the action of the type.
func (s *ruleSet) gives(t *resourceType, a *action) bool {
	return slices.ContainsFunc(s.naming(t), func(r *rule) bool { return r.gives(a) })
}

// covers says whether the rule covers a field: by its name, or by that of one above it in its path.
func (r *rule) covers(field string) bool {
	if r.allFields {
		return true
	}
	if field == v1alpha1.Any {
		return false
	}
	return slices.ContainsFunc(r.fields, func(covered string) bool {
		return field == covered || strings.HasPrefix(field, covered) && field[len(covered)] == '.'
	})
}

// unconditional says whether the rule gives the action on every record, all fields, whatever is submitted.
func (r *rule) unconditional(a *action) bool {
	return r.condition == nil &&
		(len(r.validations) == 0 || !a.writes()) &&
		(r.allFields || a.class == v1alpha1.ClassDelete)
}
