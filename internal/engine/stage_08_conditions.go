package engine

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// conditions is S8: it keeps the cases whose condition and validations hold.
func (e *evaluation) conditions() bool {
	e.findSettable()
	var failed failures
	live := 0
	for i := range e.matched {
		c := &e.matched[i]
		alone := storing{matched: e.matched[i : i+1]}
		if c.dead = !e.passes(c, &alone, &failed); !c.dead {
			live++
		}
	}
	// What is stored must itself be allowed. A case alone has passed with just its own presets.
	for again := e.action.writes(); again && live > 1; {
		together := storing{matched: e.matched}
		again = false
		for i := range e.matched {
			if c := &e.matched[i]; !c.dead && !e.passes(c, &together, &failed) {
				c.dead, again = true, true
				live--
			}
		}
	}
	if live > 0 {
		e.matched = slices.DeleteFunc(e.matched, func(m matchedRule) bool { return m.dead })
		return false
	}
	if failed.byValidation {
		e.decision.ValidationMessages = sortedUnique(failed.messages)
		e.nameMissing(failed.ofValidations)
		return e.deny(ReasonValidationFailed, e.matchedSources()...)
	}
	e.decision.MissingProperties = sortedUnique(failed.missing)
	e.nameMissing(failed.ofRequest)
	return e.deny(ReasonConditionNotMet, e.matchedSources()...)
}

// failures collects the messages and missing names of rules that do not pass, and of guards that are not true.
type failures struct {
	byValidation bool // some case failed only by validation
	messages     []string
	missing      []string // properties
	// Parts of the request besides the record: by paths, those that conditions and guards missed, and validations.
	ofRequest, ofValidations []string
}

// takeMissed adds what the last condition looked up and did not find.
func (f *failures) takeMissed(e *evaluation) {
	f.missing = append(f.missing, e.missed...)
	f.ofRequest = append(f.ofRequest, e.missedOfRequest...)
}

// nameMissing puts paths of the request into the decision, but for those that the policy ignores.
func (e *evaluation) nameMissing(paths []string) {
	d := &e.decision
	for _, path := range sortedUnique(paths) {
		name, ofContext := strings.CutPrefix(path, "context.")
		switch {
		case ofContext:
			d.MissingContext = append(d.MissingContext, name)
		case e.policy.trustsCallers() || !strings.HasPrefix(path, "subject."):
			d.MissingRequest = append(d.MissingRequest, path)
		}
	}
}

// passes reports whether a case's condition and validations hold, given what would be stored, and notes why not.
func (e *evaluation) passes(c *matchedRule, s *storing, failed *failures) bool {
	r := c.rule
	create := e.action.class == v1alpha1.ClassCreate
	if r.condition != nil {
		in := e.expressionInput()
		if create {
			in.Resource.Properties = e.proposed(s)
		} else {
			in.Resource.Properties = e.stored()
		}
		e.noteMissed(in)
		holds, err := r.condition.holds(in)
		in.Missed = nil
		if e.trace != nil {
			e.traceCondition(c, holds, err)
		}
		if !holds {
			failed.takeMissed(e)
			return false
		}
	}
	if !e.action.writes() || len(r.validations) == 0 {
		return true
	}
	in := e.expressionInput()
	in.Proposed = e.proposed(s)
	in.Resource.Properties = e.stored()
	if create {
		in.Resource.Properties = in.Proposed
	}
	valid := true
	in.Missed = &e.missedOfRequest
	for i := range r.validations {
		e.missedOfRequest = e.missedOfRequest[:0]
		holds, err := r.validations[i].holds(in)
		if e.trace != nil {
			e.traceValidation(c, i, holds, err)
		}
		if !holds {
			valid = false
			failed.messages = append(failed.messages, r.validations[i].message)
			failed.ofValidations = append(failed.ofValidations, e.missedOfRequest...)
		}
	}
	in.Missed = nil
	failed.byValidation = failed.byValidation || !valid
	return valid
}

// noteMissed has the next evaluation note what it looks up of the record and of the rest of the request, and does not find.
func (e *evaluation) noteMissed(in *expr.Input) {
	e.missed, e.missedOfRequest = e.missed[:0], e.missedOfRequest[:0]
	in.Resource.Properties.Missed, in.Proposed.Missed, in.Missed = &e.missed, &e.missed, &e.missedOfRequest
}

// memberInput is what member conditions see (S3).
func (e *evaluation) memberInput() *expr.Input {
	in := &e.input
	if e.inputFilled >= filledMember {
		return in
	}
	e.inputFilled = filledMember
	in.Subject.Type, in.Subject.ID = e.request.Subject.Type, e.request.Subject.ID
	if e.anonymous {
		in.Subject.ID = ""
	}
	in.Subject.Staff = e.staff
	in.Subject.Properties = e.subjectProperties()
	if account := e.account(); account != nil {
		in.Subject.Attributes = account.attributes.get()
	}
	in.Context, in.Now, in.Budget = e.request.Context, e.now, cmp.Or(e.shared, &e.budget)
	return in
}

// expressionInput is what all other expressions see; Resource.Properties and Proposed are the caller's to set.
func (e *evaluation) expressionInput() *expr.Input {
	in := e.memberInput()
	if e.inputFilled >= filledAll {
		return in
	}
	e.inputFilled = filledAll
	for _, g := range e.groups {
		in.Subject.Groups = append(in.Subject.Groups, g.ref.Name)
	}
	for i := range e.roles {
		if e.roles[i].eligible() {
			in.Subject.Roles = append(in.Subject.Roles, e.roles[i].role.ref.Name)
		}
	}
	slices.Sort(in.Subject.Roles)
	in.Action = expr.Action{Name: e.request.Action.Name, Properties: e.request.Action.Properties}
	in.Resource = expr.Resource{
		Type: e.request.Resource.Type, ID: e.request.Resource.ID, Records: recordsOf{e.domain}, Unknown: e.unknown,
	}
	return in
}

// stored are the record's stored properties: the RecordSet's overlaid by the request's.
func (e *evaluation) stored() expr.Properties {
	if e.unknown != nil {
		return expr.Properties{Over: e.request.Resource.Properties, Unknown: e.unknown}
	}
	if !e.storedLooked {
		e.storedLooked = true
		e.storedRecord = e.domain.storedRecord(e.resourceType, e.request.Resource.ID)
	}
	return expr.Properties{Over: e.request.Resource.Properties, Base: e.storedRecord}
}

// storedRecord are the properties that a RecordSet gives a record, if any.
func (d *Domain) storedRecord(t *resourceType, id string) map[string]any {
	of, _ := d.records.get(t.name)
	if r := of.get(id); r != nil {
		return r.properties.get()
	}
	return nil
}

// storing is what would be stored with the presets of the rules that still pass.
type storing struct {
	matched  []matchedRule
	made     bool
	proposed expr.Properties
}

// proposed is what would be stored; it is made when it is first asked for.
func (e *evaluation) proposed(s *storing) expr.Properties {
	if !s.made {
		s.made = true
		s.proposed = e.propose(e.presetsOf(s.matched))
	}
	return s.proposed
}

// propose overlays the stored properties (Update only) by the defaults (Create only), presets and the
// submitted values.
func (e *evaluation) propose(presets map[string]any) expr.Properties {
	if e.unknown != nil {
		return e.proposeUnknown(e.settable)
	}
	return e.proposeOver(e.defaults(), presets)
}

// proposeOver is propose for a record that is known, with some defaults and presets.
func (e *evaluation) proposeOver(defaults, presets map[string]any) expr.Properties {
	var p expr.Properties
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
