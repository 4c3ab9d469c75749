package server

import (
	"time"

	"github.com/remit-authz/remit/internal/engine"
)

// Paths of the searches.
const (
	searchSubjectPath  = "/access/v1/search/subject"
	searchResourcePath = "/access/v1/search/resource"
	searchActionPath   = "/access/v1/search/action"
)

// search is one of AuthZEN's searches: for the one entity, given the two others.
type search struct {
	name, path, summary string
	body                schema
	// needsID says that the resource is given, with its id.
	needsID bool
	find    func(*engine.Domain, *engine.Request, time.Time) ([]string, error)
	// result turns what was found into an entity.
	result func(*engine.Request, string) entity
}

// entity is a subject or resource (type and id), or an action (name).
type entity struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

var searches = []search{
	{
		name: "search_subject", path: searchSubjectPath, summary: "Who may take the action on the resource? (AuthZEN subject search)",
		body: searchSubjectBody, needsID: true, find: (*engine.Domain).SearchSubjects,
		result: func(req *engine.Request, id string) entity { return entity{Type: req.Subject.Type, ID: id} },
	},
	{
		name: "search_resource", path: searchResourcePath, summary: "On which resources may the subject take the action? (AuthZEN resource search)",
		body: searchResourceBody, find: (*engine.Domain).SearchResources,
		result: func(req *engine.Request, id string) entity { return entity{Type: req.Resource.Type, ID: id} },
	},
	{
		name: "search_action", path: searchActionPath, summary: "Which actions may the subject take on the resource? (AuthZEN action search)",
		body: searchActionBody, needsID: true, find: (*engine.Domain).SearchActions,
		result: func(_ *engine.Request, name string) entity { return entity{Name: name} },
	},
}

// searchResults is the answer to a search: one page of it.
type searchResults struct {
	Page    page          `json:"page"`
	Context searchContext `json:"context"`
	Results []entity      `json:"results"`
}

type searchContext struct {
	Revision string `json:"revision,omitempty"`
}

// answer answers one of AuthZEN's searches.
func (s search) answer(c *call) (any, error) {
	body, err := c.parseBody(false)
	if err != nil {
		return nil, err
	}
	if body.Err != nil {
		return nil, body.Err
	}
	req := &body.Request
	if s.needsID && req.Resource.ID == "" {
		return nil, malformed("resource.id", "is required")
	}
	if err := c.stateFor(body.Rest.Object("options")); err != nil {
		return nil, err
	}
	cursor, err := cursorOf(body, s.path, c.domain)
	if err != nil {
		return nil, err
	}
	req.Interrupt = c.work.interrupt
	found, err := s.find(c.domain.Domain, req, c.now())
	if err != nil {
		return nil, err
	}
	here, page := cursor.cut(found)
	results := make([]entity, len(here))
	for i, id := range here {
		results[i] = s.result(req, id)
	}
	return searchResults{page, searchContext{c.domain.Revision}, results}, nil
}
