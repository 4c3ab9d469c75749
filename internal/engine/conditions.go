package engine

import (
	"maps"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// conditions is S8: it keeps the cases whose condition and validations hold.
func (e *evaluation) conditions() bool {
	failures := failures{}
	live := e.cases[:0:0]
	for i := range e.cases {
		c := &e.cases[i]
		if e.passes(c, e.proposedWith(c), &failures) {
			live = append(live, *c)
		}
	}
	// What is stored must itself be allowed. A case alone has passed with just its own presets.
	for e.action.writes() && len(live) > 1 {
		proposed := e.proposedOf(live)
		still := live[:0:0]
		for i := range live {
			if e.passes(&live[i], proposed, &failures) {
				still = append(still, live[i])
			}
		}
		if len(still) == len(live) {
			break
		}
		live = still
	}
	tried := e.cases
	e.cases = live
	if len(live) > 0 {
		return false
	}
	e.cases = tried
	if failures.byValidation {
		e.decision.ValidationMessages = sortedUnique(failures.messages)
		return e.deny(ReasonValidationFailed, e.caseSources()...)
	}
	e.decision.MissingProperties = sortedUnique(failures.missing)
	return e.deny(ReasonConditionNotMet, e.caseSources()...)
}

// failures is what the cases that are not live have to say.
type failures struct {
	byValidation bool // some case failed only by validation
	messages     []string
	missing      []string
}

// passes says whether a case's condition and validations hold, and notes why not. proposed gives what would
// be stored; it is called for Create and Update only.
func (e *evaluation) passes(c *kase, proposed func() expr.Properties, failed *failures) bool {
	r := c.rule
	if r.condition != nil {
		in := e.expressionInput()
		var missed []string
		if e.action.class == v1alpha1.ClassCreate {
			in.Resource.Properties = proposed()
		} else {
			in.Resource.Properties = e.stored()
		}
		in.Resource.Properties.Missed = &missed
		holds, err := r.condition.holds(in)
		if e.trace != nil {
			e.traceCondition(c, holds, err, missed)
		}
		if !holds {
			failed.missing = append(failed.missing, missed...)
			return false
		}
	}
	if !e.action.writes() || len(r.validations) == 0 {
		return true
	}
	in := e.expressionInput()
	in.Proposed = proposed()
	in.Resource.Properties = e.stored()
	if e.action.class == v1alpha1.ClassCreate {
		in.Resource.Properties = in.Proposed
	}
	valid := true
	for i := range r.validations {
		holds, err := r.validations[i].holds(in)
		if e.trace != nil {
			e.traceValidation(c, i, holds, err)
		}
		if !holds {
			valid = false
			failed.messages = append(failed.messages, r.validations[i].message)
		}
	}
	failed.byValidation = failed.byValidation || !valid
	return valid
}

// expressionInput is what expressions see; its Resource.Properties and Proposed are the caller's to set.
func (e *evaluation) expressionInput() *expr.Input {
	if e.input != nil {
		return e.input
	}
	e.input = e.memberInput()
	if e.anonymous {
		e.input.Subject.ID = ""
	}
	e.input.Subject.Groups = make([]string, len(e.groups))
	for i, g := range e.groups {
		e.input.Subject.Groups[i] = g.ref.Name
	}
	e.input.Subject.Roles = make([]string, 0, len(e.roles))
	for i := range e.roles {
		if e.roles[i].eligible() {
			e.input.Subject.Roles = append(e.input.Subject.Roles, e.roles[i].role.ref.Name)
		}
	}
	slices.Sort(e.input.Subject.Roles)
	e.input.Action = expr.Action{Name: e.request.Action.Name, Properties: e.request.Action.Properties}
	e.input.Resource = expr.Resource{Type: e.request.Resource.Type, ID: e.request.Resource.ID}
	return e.input
}

// stored are the record's stored properties: the RecordSet's overlaid by the request's.
func (e *evaluation) stored() expr.Properties {
	if !e.storedLooked {
		e.storedLooked = true
		of, _ := e.domain.records.get(e.resourceType.name)
		if r := of.get(e.request.Resource.ID); r != nil {
			e.storedRecord = r.properties
		}
	}
	return expr.Properties{Over: e.request.Resource.Properties, Base: e.storedRecord}
}

// proposedWith gives what would be stored with one case's presets.
func (e *evaluation) proposedWith(c *kase) func() expr.Properties {
	return func() expr.Properties { return e.propose(e.casePresets(c)) }
}

// proposedOf gives what would be stored with the presets of all live cases together.
func (e *evaluation) proposedOf(live []kase) func() expr.Properties {
	var made *expr.Properties
	return func() expr.Properties {
		if made == nil {
			proposed := e.propose(e.presetsOf(live))
			made = &proposed
		}
		return *made
	}
}

// propose overlays the stored properties (Update only) by the defaults (Create only), presets and the
// submitted values.
func (e *evaluation) propose(presets map[string]any) expr.Properties {
	var p expr.Properties
	defaults := e.defaults()
	over := make(map[string]any, len(defaults)+len(presets)+len(e.submitted))
	if e.action.class == v1alpha1.ClassUpdate {
		stored := e.stored()
		p.Base = stored.Base
		maps.Copy(over, stored.Over)
	}
	maps.Copy(over, defaults)
	maps.Copy(over, presets)
	maps.Copy(over, e.submitted)
	p.Over = over
	return p
}

// casePresets are a case's presets overlaid by its computed ones; those in error leave what was there.
func (e *evaluation) casePresets(c *kase) map[string]any {
	if c.made {
		return c.presets
	}
	c.made = true
	c.presets = c.rule.presets
	if len(c.rule.computed) == 0 {
		return c.presets
	}
	c.presets = make(map[string]any, len(c.rule.presets)+len(c.rule.computed))
	maps.Copy(c.presets, c.rule.presets)
	for _, preset := range c.rule.computed {
		if preset.program == nil {
			continue
		}
		value, err := preset.program.Value(e.expressionInput())
		if e.trace != nil {
			e.traceComputed(c, preset.key, err)
		}
		if err == nil {
			c.presets[preset.key] = value
		}
	}
	return c.presets
}

// presetsOf overlays the presets of cases, which stand in the order of S11: later wins.
func (e *evaluation) presetsOf(cases []kase) map[string]any {
	if len(cases) == 1 {
		return e.casePresets(&cases[0])
	}
	var together map[string]any
	for i := range cases {
		presets := e.casePresets(&cases[i])
		if len(presets) == 0 {
			continue
		}
		if together == nil {
			together = make(map[string]any, len(presets))
		}
		maps.Copy(together, presets)
	}
	return together
}

// defaults are the values of a Create's link fields that the user permissions give (S11).
func (e *evaluation) defaults() map[string]any {
	if e.defaultsMade || e.action.class != v1alpha1.ClassCreate {
		return e.defaultValues
	}
	e.defaultsMade = true
	for _, l := range e.resourceType.links {
		if l.ignored || len(l.path) > 1 {
			continue
		}
		for p := range e.restrictions(l.target) {
			if p.fallback == "" {
				continue
			}
			if e.defaultValues == nil {
				e.defaultValues = map[string]any{}
			}
			e.defaultValues[l.field] = p.fallback
			break
		}
	}
	return e.defaultValues
}

// presetsAndDefaults is S11.
func (e *evaluation) presetsAndDefaults() bool {
	if !e.action.writes() {
		return false
	}
	presets := map[string]any{}
	maps.Copy(presets, e.defaults())
	maps.Copy(presets, e.presetsOf(e.cases))
	maps.DeleteFunc(presets, func(key string, _ any) bool { _, submitted := e.submitted[key]; return submitted })
	if len(presets) > 0 {
		e.decision.Presets = presets
	}
	if e.trace != nil {
		e.tracePresets()
	}
	return false
}

func sortedUnique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
