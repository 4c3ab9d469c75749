package server

import (
	"strconv"
	"time"

	"github.com/remit-authz/remit/internal/engine"
)

const evaluationPath = "/access/v1/evaluation"

// Decision is an AuthZEN decision, as JSON.
type Decision struct {
	Decision bool            `json:"decision"`
	Context  decisionContext `json:"context"`
}

// decisionContext says why, and what goes with the decision. What does not apply is left out.
type decisionContext struct {
	Reason             engine.Reason  `json:"reason,omitempty"`
	Message            string         `json:"message,omitempty"`
	Revision           string         `json:"revision,omitempty"`
	Fields             []string       `json:"fields,omitempty"`
	Presets            map[string]any `json:"presets,omitempty"`
	MissingProperties  []string       `json:"missing_properties,omitempty"`
	Violations         []violation    `json:"violations,omitempty"`
	ValidationMessages []string       `json:"validation_messages,omitempty"`
	StepUp             []string       `json:"step_up,omitempty"`
	Trace              []traceStage   `json:"trace,omitempty"`
	// Error is set instead of all others on an evaluation of a batch that could not be made.
	Error *evaluationError `json:"error,omitempty"`
}

type violation struct {
	Field string                `json:"field"`
	Value any                   `json:"value,omitempty"`
	Allow string                `json:"allow"`
	Cause engine.ViolationCause `json:"cause"`
}

type evaluationError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// traceStage is what a stage looked at, and what came of it.
type traceStage struct {
	Stage   string       `json:"stage"`
	Name    string       `json:"name"`
	Outcome string       `json:"outcome"`
	Entries []traceEntry `json:"entries,omitempty"`
}

// traceEntry is what a stage found in an object: a code for programs, and a clause for people.
type traceEntry struct {
	Code   engine.TraceCode `json:"code"`
	Object string           `json:"object,omitempty"`
	Field  string           `json:"field,omitempty"`
	Said   string           `json:"said"`
}

// evaluation answers AuthZEN access evaluations.
func (c *call) evaluation() (any, error) {
	body, err := readBody(c.Request)
	if err != nil {
		return nil, err
	}
	asked, err := parseEvaluation(body)
	if err != nil {
		return nil, err
	}
	return c.evaluateOne(asked)
}

// evaluateOne answers a body that is one evaluation.
func (c *call) evaluateOne(asked *asked) (any, error) {
	explain, err := c.wantsTrace(&asked.options)
	if err != nil {
		return nil, err
	}
	if err := c.state(asked.options.revision); err != nil {
		return nil, err
	}
	decided, trace, err := c.evaluate(&asked.one, c.now(), explain)
	if err != nil {
		return nil, err
	}
	answer, err := appendDecision(make([]byte, 0, 2*usualDecision), &decided, trace, c.domain.Revision)
	return encoded(answer), err
}

// evaluate decides one evaluation. On an error there is no decision.
func (c *call) evaluate(e *evaluation, now time.Time, explain bool) (engine.Decision, []engine.TraceStage, error) {
	if e.problem != nil {
		return engine.Decision{}, nil, e.problem
	}
	if e.Resource.ID == "" {
		return engine.Decision{}, nil, malformed("resource.id", "is required")
	}
	return c.decide(&e.Request, now, explain)
}

// wantsTrace reads options.explain and the query's explain; either will do.
func (c *call) wantsTrace(opts *evaluationOptions) (bool, error) {
	if c.URL.RawQuery == "" {
		return opts.explain, nil
	}
	query := c.URL.Query().Get("explain")
	if query == "" {
		return opts.explain, nil
	}
	explain, err := strconv.ParseBool(query)
	if err != nil {
		return false, malformed("explain", "must be true or false")
	}
	return explain || opts.explain, nil
}

// NewDecision is what the engine decided as AuthZEN writes it, with the trace and the revision where they are
// given. The command line prints the same.
func NewDecision(decided *engine.Decision, trace []engine.TraceStage, revision string) *Decision {
	d := &Decision{
		Decision: decided.Allow,
		Context: decisionContext{
			Reason:             decided.Reason,
			Message:            decided.Message(),
			Revision:           revision,
			Fields:             decided.Fields,
			Presets:            decided.Presets,
			MissingProperties:  decided.MissingProperties,
			ValidationMessages: decided.ValidationMessages,
			StepUp:             decided.StepUp,
		},
	}
	for _, v := range decided.Violations {
		d.Context.Violations = append(d.Context.Violations, violation(v))
	}
	for _, stage := range trace {
		said := traceStage{Stage: stage.Stage, Name: stage.Name, Outcome: stage.Text()}
		for _, entry := range stage.Entries {
			e := traceEntry{Code: entry.Code, Field: entry.Field, Said: entry.Text()}
			if entry.Object != (engine.Ref{}) {
				e.Object = entry.Object.String()
			}
			said.Entries = append(said.Entries, e)
		}
		d.Context.Trace = append(d.Context.Trace, said)
	}
	return d
}
