package engine

import (
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// Evaluated is what an expression comes to with a request.
type Evaluated struct {
	// Value is a JSON value; Err why there is none.
	Value any
	Err   error
	// Reads are the paths of variables that the expression names; Missing those of the request and the record that it looked
	// up and that are not there.
	Reads, Missing []string
	// Cost is what the evaluation cost, in CEL's units.
	Cost int
}

// EvaluateExpression evaluates an expression as a rule of the resource type would: a condition or a validation, which sees
// what would be stored, or a computed preset. The error is that it does not compile, or that the request is malformed.
func (d *Domain) EvaluateExpression(source string, req *Request, now time.Time) (Evaluated, error) {
	program, err := expr.Compile(expr.Validation, source)
	if err != nil {
		preset, presetErr := expr.Compile(expr.Preset, source)
		if presetErr != nil {
			return Evaluated{}, err
		}
		program = preset
	}
	if err := req.validate(everythingNamed); err != nil {
		return Evaluated{}, err
	}
	e := newEvaluation(d, req, now, nil)
	e.runStages(func(s *stage) bool { return !s.record })
	if err := e.failure(); err != nil {
		return Evaluated{}, err
	}
	in := *e.expressionInput()
	in.Resource.Properties, in.Proposed = expr.Properties{Over: req.Resource.Properties}, expr.Properties{Over: req.Resource.Properties}
	if e.resourceType != nil && e.action != nil {
		in.Resource.Properties = e.stored()
		if e.action.writes() {
			in.Proposed = e.propose(nil)
		}
		if e.action.class == v1alpha1.ClassCreate {
			in.Resource.Properties = in.Proposed
		}
	}
	var missing, missingOfRequest []string
	in.Resource.Properties.Missed, in.Proposed.Missed, in.Missed = &missing, &missing, &missingOfRequest
	budget := &expr.Budget{}
	in.Budget = budget
	found := Evaluated{Reads: program.Variables()}
	found.Value, found.Err = program.Value(&in)
	for _, name := range missing {
		missingOfRequest = append(missingOfRequest, "resource.properties."+name)
	}
	slices.Sort(missingOfRequest)
	found.Missing, found.Cost = slices.Compact(missingOfRequest), budget.Spent()
	return found, nil
}
