package server

import (
	"net/http"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

// Paths of the searches.
const (
	searchSubjectPath  = "/access/v1/search/subject"
	searchResourcePath = "/access/v1/search/resource"
	searchActionPath   = "/access/v1/search/action"
)

// search is one of AuthZEN's searches: for the one entity, given the two others.
type search struct {
	path string
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
		path: searchSubjectPath, needsID: true, find: (*engine.Domain).SearchSubjects,
		result: func(req *engine.Request, id string) entity { return entity{Type: req.Subject.Type, ID: id} },
	},
	{
		path: searchResourcePath, find: (*engine.Domain).SearchResources,
		result: func(req *engine.Request, id string) entity { return entity{Type: req.Resource.Type, ID: id} },
	},
	{
		path: searchActionPath, needsID: true, find: (*engine.Domain).SearchActions,
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

// search answers one of AuthZEN's searches.
func (s *Server) search(search search) answer {
	return func(r *http.Request, domain store.Snapshot) (any, error) {
		body, err := readObject(r)
		if err != nil {
			return nil, err
		}
		req, err := body.request()
		if err != nil {
			return nil, err
		}
		if search.needsID && req.Resource.ID == "" {
			return nil, malformed("resource.id", "is required")
		}
		cursor, err := cursorOf(body, search.path, domain)
		if err != nil {
			return nil, err
		}
		found, err := search.find(domain.Domain, req, s.opts.Clock.Now())
		if err != nil {
			return nil, err
		}
		here, page := cursor.cut(found)
		results := make([]entity, len(here))
		for i, id := range here {
			results[i] = search.result(req, id)
		}
		return searchResults{page, searchContext{domain.Revision}, results}, nil
	}
}
