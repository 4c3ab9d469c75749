package server

import (
	"fmt"
	"net/http"
	"time"

	"github.com/remit-authz/remit/internal/store"
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
func (s *Server) evaluations(r *http.Request, domain store.Snapshot) (any, error) {
	body, err := readObject(r)
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
		return s.evaluateOne(r, domain, body)
	}
	if len(items) > maxEvaluations {
		return nil, malformed("evaluations", fmt.Sprintf("must be at most %d", maxEvaluations))
	}
	semantic, err := semanticOf(body)
	if err != nil {
		return nil, err
	}
	explain, err := wantsTrace(r, body)
	if err != nil {
		return nil, err
	}
	now := s.opts.Clock.Now()
	list := decisionList{Evaluations: make([]*Decision, 0, len(items))}
	for i, item := range items {
		d := evaluateItem(domain, body, i, item, now, explain)
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
func evaluateItem(domain store.Snapshot, batch object, index int, item any, now time.Time, explain bool) *Decision {
	fields, ok := item.(map[string]any)
	if !ok {
		return failed(malformed(fmt.Sprintf("evaluations[%d]", index), "must be an object"))
	}
	evaluation := newObject(make(map[string]any, len(entityKeys)))
	for _, key := range entityKeys {
		if evaluation.fields[key] = fields[key]; fields[key] == nil {
			evaluation.fields[key] = batch.fields[key]
		}
	}
	d, err := evaluate(domain, evaluation, now, explain)
	if err != nil {
		return failed(err)
	}
	return d
}

func failed(err error) *Decision {
	status, message := classify(err)
	return &Decision{Context: decisionContext{Error: &evaluationError{status, message}}}
}
