package enginetest

import (
	"slices"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// SearchSubjects evaluates the request for every known user.
func (n *Naive) SearchSubjects(req *engine.Request, now time.Time) ([]string, error) {
	settings, _ := n.policy()
	ask := *req
	ask.Subject.ID = "anybody"
	if err := n.malformed(&ask); err != nil {
		return nil, err
	}
	if !slices.Contains(settings.SubjectTypes, v1alpha1.Token(req.Subject.Type)) {
		return nil, nil
	}
	return n.allowed(n.Users(), now, func(user string) *engine.Request {
		ask := *req
		ask.Subject.ID = user
		return &ask
	}), nil
}

// SearchResources evaluates the request for every record of the type.
func (n *Naive) SearchResources(req *engine.Request, now time.Time) ([]string, error) {
	if err := n.malformed(req); err != nil {
		return nil, err
	}
	var ids []string
	for _, set := range objectsOf[*v1alpha1.RecordSet](n) {
		if string(set.Spec.ResourceType) != req.Resource.Type {
			continue
		}
		for _, record := range set.Spec.Records {
			ids = append(ids, string(record.ID))
		}
	}
	return n.allowed(sortedSet(ids), now, func(id string) *engine.Request {
		ask := *req
		ask.Resource.ID = id
		return &ask
	}), nil
}

// SearchActions evaluates the request for every action of the type. One for which it is malformed is not
// allowed.
func (n *Naive) SearchActions(req *engine.Request, now time.Time) ([]string, error) {
	ask := *req
	ask.Action.Name = "any action" // no type declares it
	if err := n.malformed(&ask); err != nil {
		return nil, err
	}
	t, ok := n.resourceType(req.Resource.Type)
	if !ok {
		return nil, nil
	}
	var declared []string
	for _, a := range actions(t) {
		declared = append(declared, string(a.Name))
	}
	return n.allowed(sortedSet(declared), now, func(name string) *engine.Request {
		ask := *req
		ask.Action.Name = name
		return &ask
	}), nil
}

// allowed are the candidates whose evaluation allows.
func (n *Naive) allowed(candidates []string, now time.Time, request func(string) *engine.Request) []string {
	var found []string
	for _, candidate := range candidates {
		if d, err := n.Decide(request(candidate), now); err == nil && d.Allow {
			found = append(found, candidate)
		}
	}
	return found
}
