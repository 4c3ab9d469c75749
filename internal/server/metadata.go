package server

import (
	"net/http"
	"strings"

	"github.com/remit-authz/remit/internal/store"
)

// metadataPath comes before the path of the domain that the metadata are about.
const metadataPath = "/.well-known/authzen-configuration"

// metadata are AuthZEN's, of one domain.
type metadata struct {
	PolicyDecisionPoint       string `json:"policy_decision_point"`
	AccessEvaluationEndpoint  string `json:"access_evaluation_endpoint"`
	AccessEvaluationsEndpoint string `json:"access_evaluations_endpoint"`
	SearchSubjectEndpoint     string `json:"search_subject_endpoint"`
	SearchResourceEndpoint    string `json:"search_resource_endpoint"`
	SearchActionEndpoint      string `json:"search_action_endpoint"`
}

// metadata answers where the interfaces of a domain are: on the host that the caller has asked, by whatever name.
func (s *Server) metadata(r *http.Request, _ store.Snapshot) (any, error) {
	if r.Host == "" {
		return nil, malformed("Host", "is required, to say where the interfaces are")
	}
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	base := scheme + "://" + r.Host + strings.TrimPrefix(r.URL.EscapedPath(), metadataPath)
	return metadata{
		PolicyDecisionPoint:       base,
		AccessEvaluationEndpoint:  base + evaluationPath,
		AccessEvaluationsEndpoint: base + evaluationsPath,
		SearchSubjectEndpoint:     base + searchSubjectPath,
		SearchResourceEndpoint:    base + searchResourcePath,
		SearchActionEndpoint:      base + searchActionPath,
	}, nil
}
