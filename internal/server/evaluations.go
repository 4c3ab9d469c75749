package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/remit-authz/remit/internal/server/wire"
)

// maxAnswer is the size, in bytes, after which a batch gets no more decisions.
const maxAnswer = 4 << 20

const evaluationsPath = "/access/v1/evaluations"

// Values of options.evaluations_semantic.
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// decisionList is the answer to a batch, in its order.
type decisionList struct {
	Evaluations []*wire.Decision `json:"evaluations"`
}

// evaluations answers AuthZEN batches. All of a batch is decided from one state of the domain, at one time. A body
// without evaluations is a single one.
func (c *call) evaluations() (any, error) {
	body, err := c.parseBody(true)
	if err != nil {
		return nil, err
	}
	if len(body.Batch) == 0 {
		return c.evaluateOne(body)
	}
	options := body.Rest.Object("options")
	semantic := options.String("evaluations_semantic")
	switch semantic {
	case "", executeAll, denyOnFirstDeny, permitOnFirstPermit:
	default:
		return nil, malformed("options.evaluations_semantic",
			fmt.Sprintf("must be %s, %s or %s", executeAll, denyOnFirstDeny, permitOnFirstPermit))
	}
	shape, err := c.begin(options)
	if err != nil {
		return nil, err
	}
	now := c.now()
	answer := append(make([]byte, 0, len(body.Batch)*wire.DecisionSize), `{"evaluations":[`...)
	for i := range body.Batch {
		if i > 0 {
			answer = append(answer, ',')
		}
		var allow bool
		if answer, allow, err = c.evaluateItem(answer, &body.Batch[i], now, shape); err != nil {
			return nil, err
		}
		if semantic == denyOnFirstDeny && !allow || semantic == permitOnFirstPermit && allow {
			break
		}
	}
	return json.RawMessage(append(answer, "]}"...)), nil
}

// evaluateItem decides one evaluation of a batch, and appends the decision to the answer. One that cannot be made is a
// deny that says so.
func (c *call) evaluateItem(to []byte, e *wire.Evaluation, now time.Time, shape answerShape) (answer []byte, allow bool, err error) {
	if err := c.work.interrupt(); err != nil {
		return nil, false, err
	}
	decided, trace, err := c.evaluate(e, now, shape.explain)
	if c.Context().Err() != nil {
		return nil, false, stopped(c.Context().Err())
	}
	if err == nil && len(to) > maxAnswer {
		err = statusErrorf(http.StatusUnprocessableEntity, "the answers of this batch are larger than %d bytes; ask for fewer at once", maxAnswer)
	}
	if err != nil {
		c.decided(&e.Request, denied, malformedReason, nil, c.now())
		status, message := classify(err)
		return wire.AppendError(to, status, message), false, nil
	}
	answer, err = shape.append(to, &decided, trace, c.domain.Revision)
	return answer, decided.Allow, err
}
