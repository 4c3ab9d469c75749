package server

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
)

const evaluationPath = "/access/v1/evaluation"

// evaluation answers AuthZEN access evaluations.
func (c *call) evaluation() (any, error) {
	body, err := c.parseBody(false)
	if err != nil {
		return nil, err
	}
	return c.evaluateOne(body)
}

// parseBody reads a body that wire.Parse reads.
func (c *call) parseBody(batch bool) (*wire.Body, error) {
	text, err := c.readBody()
	if err != nil {
		return nil, err
	}
	return wire.Parse(text, batch)
}

// evaluateOne answers a body that is one evaluation.
func (c *call) evaluateOne(body *wire.Body) (any, error) {
	explain, err := c.begin(body.Rest.Object("options"))
	if err != nil {
		return nil, err
	}
	decided, trace, err := c.evaluate(&body.Evaluation, c.now(), explain)
	if err != nil {
		return nil, err
	}
	answer, err := wire.AppendDecision(make([]byte, 0, 2*wire.DecisionSize), &decided, trace, c.domain.Revision)
	return json.RawMessage(answer), err
}

// begin reads the options of evaluations, finds the state to decide them from, and reports whether to explain them.
func (c *call) begin(options wire.Object) (explain bool, err error) {
	explain = options.Bool("explain")
	if c.URL.RawQuery != "" {
		if query := c.URL.Query().Get("explain"); query != "" {
			asked, err := strconv.ParseBool(query)
			if err != nil {
				return false, malformed("explain", "must be true or false")
			}
			explain = explain || asked
		}
	}
	return explain, c.stateFor(options)
}

// evaluate decides one evaluation. On an error there is no decision.
func (c *call) evaluate(e *wire.Evaluation, now time.Time, explain bool) (engine.Decision, []engine.TraceStage, error) {
	if e.Err != nil {
		return engine.Decision{}, nil, e.Err
	}
	if e.Resource.ID == "" {
		return engine.Decision{}, nil, malformed("resource.id", "is required")
	}
	return c.decide(&e.Request, now, explain)
}
