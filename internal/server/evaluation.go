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
	return wire.Parse(c.body, batch)
}

// evaluateOne answers a body that is one evaluation.
func (c *call) evaluateOne(body *wire.Body) (any, error) {
	shape, err := c.begin(body.Rest.Object("options"))
	if err != nil {
		return nil, err
	}
	decided, trace, err := c.evaluate(&body.Evaluation, c.now(), shape.explain)
	if err != nil {
		return nil, err
	}
	answer, err := shape.append(make([]byte, 0, 2*wire.DecisionSize), &decided, trace, c.domain.Revision)
	return json.RawMessage(answer), err
}

// answerShape is what callers want to know besides the decision.
type answerShape struct {
	// explain adds the trace, bare leaves the context out, but for the trace.
	explain, bare bool
}

func (s answerShape) append(to []byte, decided *engine.Decision, trace []engine.TraceStage, revision string) ([]byte, error) {
	if s.bare {
		return wire.AppendBare(to, decided, trace)
	}
	return wire.AppendDecision(to, decided, trace, revision)
}

// begin reads the options of evaluations, and finds the state to decide them from.
func (c *call) begin(options wire.Object) (shape answerShape, err error) {
	shape.explain = options.Bool("explain")
	context, field := options.String("context"), "options.context"
	if c.URL.RawQuery != "" {
		query := c.URL.Query()
		if text := query.Get("explain"); text != "" {
			asked, err := strconv.ParseBool(text)
			if err != nil {
				return shape, malformed("explain", "must be true or false")
			}
			shape.explain = shape.explain || asked
		}
		if text := query.Get("context"); text != "" {
			context, field = text, "context"
		}
	}
	switch context {
	case "":
	case "none":
		shape.bare = true
	default:
		return shape, malformed(field, "must be none")
	}
	return shape, c.stateFor(options)
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
