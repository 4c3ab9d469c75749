package server

import (
	"fmt"
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

// entityKeys are the parts of an evaluation for which a batch may hold defaults.
var entityKeys = []string{"subject", "action", "resource", "context"}

// evaluations answers AuthZEN batches. All of a batch is decided from one state of the domain, at one time. A body
// without evaluations is a single one.
func (c *call) evaluations() (any, error) {
	body, err := readObject(c.Request)
	if err != nil {
		return nil, err
	}
	items := body.list("evaluations")
	for _, key := range entityKeys {
		body.object(key) // a default that is no object is everybody's problem, not that of single evaluations
	}
	if err := body.err(); err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return c.evaluateOne(body)
	}
	if len(items) > maxEvaluations {
		return nil, malformed("evaluations", fmt.Sprintf("must be at most %d", maxEvaluations))
	}
	semantic, err := semanticOf(body)
	if err != nil {
		return nil, err
	}
	explain, err := c.wantsTrace(body)
	if err != nil {
		return nil, err
	}
	if err := c.state(body); err != nil {
		return nil, err
	}
	now := c.now()
	list := decisionList{Evaluations: make([]*Decision, 0, len(items))}
	for i, item := range items {
		d := c.evaluateItem(body, i, item, now, explain)
		list.Evaluations = append(list.Evaluations, d)
		if semantic == denyOnFirstDeny && !d.Decision || semantic == permitOnFirstPermit && d.Decision {
			break
		}
	}
	return list, nil
}

func semanticOf(body object) (string, error) {
	switch semantic := body.object("options").string("evaluations_semantic"); semantic {
	case "":
		return executeAll, body.err()
	case executeAll, denyOnFirstDeny, permitOnFirstPermit:
		return semantic, nil
	}
	return "", malformed("options.evaluations_semantic",
		fmt.Sprintf("must be %s, %s or %s", executeAll, denyOnFirstDeny, permitOnFirstPermit))
}

// evaluateItem decides one evaluation of a batch, for which the batch gives the entities that it lacks, each as a
// whole. One that cannot be made is a deny that says so.
func (c *call) evaluateItem(batch object, index int, item any, now time.Time, explain bool) *Decision {
	evaluation := newObject(make(map[string]any, len(entityKeys)))
	fields, ok := item.(map[string]any)
	if !ok {
		return c.cannotMake(evaluation, malformed(fmt.Sprintf("evaluations[%d]", index), "must be an object"))
	}
	for _, key := range entityKeys {
		if evaluation.fields[key] = fields[key]; fields[key] == nil {
			evaluation.fields[key] = batch.fields[key]
		}
	}
	d, err := c.evaluate(evaluation, now, explain)
	if err != nil {
		return c.cannotMake(evaluation, err)
	}
	return d
}

// cannotMake is the deny of an evaluation of a batch that could not be made.
func (c *call) cannotMake(evaluation object, err error) *Decision {
	req, _ := evaluation.request() // as much of it as is there
	c.decided(req, denied, malformedReason, nil, 0)
	status, message := classify(err)
	return &Decision{Context: decisionContext{Error: &evaluationError{status, message}}}
}
