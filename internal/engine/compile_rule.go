package engine

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// rule is a compiled Rule.
type rule struct {
	index       int
	source      *v1alpha1.Rule // nil for those that no object has
	access      v1alpha1.Access
	actions     actionNames // where access is empty
	condition   *condition  // nil: every record
	fields      fieldSet
	validations []validation
	presets     map[string]any
	computed    []computedPreset // by key
}

// condition is a compiled expression that gives a bool. One that does not compile is in error.
type condition struct {
	text    string
	program *expr.Program
}

func (c *condition) holds(in *expr.Input) (bool, error) {
	if c.program == nil {
		return false, errNotCompiled
	}
	return c.program.Bool(in)
}

var errNotCompiled = errors.New("the expression does not compile")

type validation struct {
	condition
	message string
}

type computedPreset struct {
	key     string
	text    string
	program *expr.Program // nil: it does not compile, and so leaves what was there
}

// ruleSet is the compiled rules of one object, found by the type that they name.
type ruleSet struct {
	source []Ref // exactly one, in the form that decisions need
	rules  []*rule
	named  map[selector][]*rule
}

// compileRules compiles the rules at a path of an object. What is wrong is appended to problems.
func compileRules(source Ref, path string, rules []v1alpha1.Rule, problems *[]Problem) ruleSet {
	set := ruleSet{source: []Ref{source}}
	for i := range rules {
		set.add(compileRule(i, fmt.Sprintf("%s[%d]", path, i), &rules[i], problems), rules[i].Resources, rules[i].Areas)
	}
	return set
}

// add adds a rule that names types and areas.
func (s *ruleSet) add(r *rule, resources []v1alpha1.NameOrAny, areas []v1alpha1.Token) {
	s.rules = append(s.rules, r)
	for by := range selectors(resources, areas) {
		if s.named == nil {
			s.named = map[selector][]*rule{}
		}
		s.named[by] = append(s.named[by], r)
	}
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
		actions:   namesOfActions(source.Actions),
		condition: compileCondition(expr.Condition, at+".condition", source.Condition, problems),
		fields:    fieldsOf(source.Fields, source.ExceptFields),
		source:    source,
	}
	for i, field := range source.Fields {
		if field != v1alpha1.Any && !validPath(string(field)) {
			invalid(fmt.Sprintf(".fields[%d]", i), string(field), "must be a property's name, names joined by dots, or *")
		}
	}
	for i, field := range source.ExceptFields {
		switch {
		case field == v1alpha1.Any:
			invalid(fmt.Sprintf(".exceptFields[%d]", i), string(field), "must be a field; a rule that covers none has no use")
		case !validPath(string(field)):
			invalid(fmt.Sprintf(".exceptFields[%d]", i), string(field), "must be a property's name, or names joined by dots")
		}
	}
	if len(source.Fields) > 0 && len(source.ExceptFields) > 0 {
		invalid(".exceptFields", "", "give fields or exceptFields, not both; what both cover counts")
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
		r.computed = append(r.computed, computedPreset{key, string(source.PresetExpressions[key]), program})
	}
	return r
}

// expressions are the rule's expressions by their path in it, in its order; nil for one that does not compile.
func (r *rule) expressions() iter.Seq2[string, *expr.Program] {
	return func(yield func(string, *expr.Program) bool) {
		if r.condition != nil && !yield(".condition", r.condition.program) {
			return
		}
		for i := range r.validations {
			if !yield(fmt.Sprintf(".validations[%d].expression", i), r.validations[i].program) {
				return
			}
		}
		for i := range r.computed {
			if !yield(".presetExpressions["+r.computed[i].key+"]", r.computed[i].program) {
				return
			}
		}
	}
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
		return &condition{text: string(source)}
	}
	return &condition{string(source), program}
}

func parse(value v1alpha1.JSON) (any, error) {
	if len(value.Raw) == 0 {
		return nil, nil
	}
	return expr.ParseJSON(value.Raw)
}
