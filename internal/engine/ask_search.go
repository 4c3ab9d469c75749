package engine

import (
	"errors"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// SearchSubjects finds the known users, sorted, that a request would be allowed for; its subject.id does not
// count. The properties of the request apply to every candidate. Unknown names give an empty result.
func (d *Domain) SearchSubjects(req *Request, now time.Time) ([]string, error) {
	if err := req.validate(requirements{action: true}); err != nil {
		return nil, err
	}
	if err := d.checkSubmitted(req); err != nil || !d.policy.isUser(req.Subject.Type) {
		return nil, err
	}
	candidate := *req
	return d.search(d.Users(), now, func(id string) *Request { candidate.Subject.ID = id; return &candidate })
}

// SearchResources finds the ids, sorted, of the records in RecordSets that a request would be allowed for;
// its resource.id does not count.
func (d *Domain) SearchResources(req *Request, now time.Time) ([]string, error) {
	if err := req.validate(everythingNamed); err != nil {
		return nil, err
	}
	of, ok := d.records.get(req.Resource.Type)
	if err := d.checkSubmitted(req); err != nil || !ok {
		return nil, err
	}
	candidate := *req
	return d.search(of.byID.keys(), now, func(id string) *Request { candidate.Resource.ID = id; return &candidate })
}

// SearchActions finds the names, sorted, of the declared actions that a request would be allowed for; its
// action.name does not count. An action for which the request is malformed, such as a Create whose values
// have a dot in their names, is not allowed.
func (d *Domain) SearchActions(req *Request, now time.Time) ([]string, error) {
	if err := req.validate(requirements{subject: true}); err != nil {
		return nil, err
	}
	t, ok := d.typeIndex[req.Resource.Type]
	if !ok {
		return nil, nil
	}
	candidate := *req
	var found []string
	for _, name := range t.names {
		candidate.Action.Name = name
		decision, err := d.Decide(&candidate, now)
		if malformed := (*RequestError)(nil); err != nil && !errors.As(err, &malformed) {
			return nil, err
		}
		if err == nil && decision.Allow {
			found = append(found, name)
		}
	}
	return found, nil
}

func (d *Domain) search(candidates []string, now time.Time, request func(candidate string) *Request) ([]string, error) {
	var found []string
	for _, candidate := range candidates {
		req := request(candidate)
		if req.Interrupt != nil {
			if err := req.Interrupt(); err != nil {
				return nil, err
			}
		}
		decision, err := d.Decide(req, now)
		if err != nil {
			return nil, err
		}
		if decision.Allow {
			found = append(found, candidate)
		}
	}
	return found, nil
}

// checkSubmitted finds a malformed submission whether or not there is a candidate to try it on.
func (d *Domain) checkSubmitted(req *Request) error {
	t := d.typeIndex[req.Resource.Type]
	if t == nil {
		return nil
	}
	a, ok := t.actions[req.Action.Name]
	if !ok || !a.writes() {
		return nil
	}
	_, err := req.submitted(a.class == v1alpha1.ClassCreate)
	return err
}
