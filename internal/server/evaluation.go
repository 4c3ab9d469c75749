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

type traceEntry struct {
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	Said   string `json:"said"`
}

// evaluation answers AuthZEN access evaluations.
func (c *call) evaluation() (any, error) {
	body, err := readObject(c.Request)
	if err != nil {
		return nil, err
	}
	return c.evaluateOne(body)
}

// evaluateOne answers a body that is one evaluation.
func (c *call) evaluateOne(body object) (any, error) {
	explain, err := c.wantsTrace(body)
	if err != nil {
		return nil, err
	}
	if err := c.state(body); err != nil {
		return nil, err
	}
	return c.evaluate(body, c.now(), explain)
}

// evaluate decides one evaluation. On an error there is no decision.
func (c *call) evaluate(evaluation object, now time.Time, explain bool) (*Decision, error) {
	req, err := evaluation.request()
	if err != nil {
		return nil, err
	}
	if req.Resource.ID == "" {
		return nil, malformed("resource.id", "is required")
	}
	decided, trace, err := c.decide(req, now, explain)
	if err != nil {
		return nil, err
	}
	return NewDecision(&decided, trace, c.domain.Revision), nil
}

// wantsTrace reads options.explain and the query's explain; either will do.
func (c *call) wantsTrace(body object) (bool, error) {
	explain := body.object("options").bool("explain")
	if query := c.URL.Query().Get("explain"); query != "" {
		asked, err := strconv.ParseBool(query)
		if err != nil {
			return false, malformed("explain", "must be true or false")
		}
		explain = explain || asked
	}
	return explain, body.err()
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
		said := traceStage{Stage: stage.Stage, Name: stage.Name, Outcome: stage.Outcome}
		for _, entry := range stage.Entries {
			e := traceEntry{Field: entry.Field, Said: entry.Said}
			if entry.Object != (engine.Ref{}) {
				e.Object = entry.Object.String()
			}
			said.Entries = append(said.Entries, e)
		}
		d.Context.Trace = append(d.Context.Trace, said)
	}
	return d
}
