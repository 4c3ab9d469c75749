package server

import (
	"time"
)

const evaluationsPath = "/access/v1/evaluations"

// maxEvaluations is the length of the longest batch.
const maxEvaluations = 1000

// Values of options.evaluations_semantic.
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// decisionList is the answer to a batch, in its order.
type decisionList struct {
	Evaluations []*Decision `json:"evaluations"`
}

// evaluations answers AuthZEN batches. All of a batch is decided from one state of the domain, at one time. A body
// without evaluations is a single one.
func (c *call) evaluations() (any, error) {
	body, err := readBody(c.Request)
	if err != nil {
		return nil, err
	}
	asked, err := parseEvaluations(body)
	if err != nil {
		return nil, err
	}
	if len(asked.batch) == 0 {
		return c.evaluateOne(asked)
	}
	explain, err := c.wantsTrace(&asked.options)
	if err != nil {
		return nil, err
	}
	if err := c.state(asked.options.revision); err != nil {
		return nil, err
	}
	now := c.now()
	answer := append(make([]byte, 0, len(asked.batch)*usualDecision), `{"evaluations":[`...)
	for i := range asked.batch {
		if i > 0 {
			answer = append(answer, ',')
		}
		var allow bool
		if answer, allow, err = c.evaluateItem(answer, &asked.batch[i], now, explain); err != nil {
			return nil, err
		}
		if asked.options.semantic == denyOnFirstDeny && !allow || asked.options.semantic == permitOnFirstPermit && allow {
			break
		}
	}
	return encoded(append(answer, "]}"...)), nil
}

// evaluateItem decides one evaluation of a batch, and appends the decision to the answer. One that cannot be made is a
// deny that says so.
func (c *call) evaluateItem(to []byte, e *evaluation, now time.Time, explain bool) (answer []byte, allow bool, err error) {
	decided, trace, err := c.evaluate(e, now, explain)
	if err != nil {
		c.decided(&e.Request, denied, malformedReason, nil, c.now())
		return appendProblem(to, err), false, nil
	}
	answer, err = appendDecision(to, &decided, trace, c.domain.Revision)
	return answer, decided.Allow, err
}

// isSemantic says whether options.evaluations_semantic may be this. Nothing is executeAll.
func isSemantic(semantic string) bool {
	switch semantic {
	case "", executeAll, denyOnFirstDeny, permitOnFirstPermit:
		return true
	}
	return false
}
