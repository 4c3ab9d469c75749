package server

import "strings"

// metadataPath comes before the path of the domain that the metadata are about (AuthZEN 1.0, 9.2), or after it.
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

// metadata answers where the interfaces of a domain are: at the server's URL, or on the host that the caller has asked, by
// whatever name.
func (c *call) metadata() (any, error) {
	if !c.server.opts.PublicMetadata {
		if err := c.state(""); err != nil {
			return nil, err
		}
	}
	server := c.server.opts.URL
	switch {
	case server != "":
	case c.Host == "":
		return nil, malformed("Host", "is required, to say where the interfaces are")
	case c.TLS == nil:
		server = "http://" + c.Host
	default:
		server = "https://" + c.Host
	}
	path := strings.TrimSuffix(strings.TrimPrefix(c.URL.EscapedPath(), metadataPath), metadataPath)
	base := server + path
	return metadata{
		PolicyDecisionPoint:       base,
		AccessEvaluationEndpoint:  base + evaluationPath,
		AccessEvaluationsEndpoint: base + evaluationsPath,
		SearchSubjectEndpoint:     base + searchSubjectPath,
		SearchResourceEndpoint:    base + searchResourcePath,
		SearchActionEndpoint:      base + searchActionPath,
	}, nil
}
