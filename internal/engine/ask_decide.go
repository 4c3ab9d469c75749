package engine

import "time"

// Decide answers a request as of now. One without resource.id is a question about the type: it is allowed only if it is
// for every record, see AskType. The error is a *RequestError: the request is malformed, and there is no decision.
func (d *Domain) Decide(req *Request, now time.Time) (decision Decision, err error) {
	if err := req.validate(everythingNamed); err != nil {
		return Decision{}, err
	}
	var found lookup
	if d.decideByPlan(req, now, &found, &decision) {
		return decision, nil
	}
	return d.decide(req, now, found, nil)
}

// Explain is Decide with the trace of the stages: which objects each looked at, and what it found in them.
func (d *Domain) Explain(req *Request, now time.Time) (Decision, []TraceStage, error) {
	if err := req.validate(everythingNamed); err != nil {
		return Decision{}, nil, err
	}
	t := &trace{}
	decision, err := d.decide(req, now, lookup{}, t)
	return decision, t.stages, err
}
