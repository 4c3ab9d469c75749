package server

import "time"

// domainStatus says what this replica serves of a domain, and how new that is.
type domainStatus struct {
	Domain   string `json:"domain"`
	Revision string `json:"revision"`
	// Objects that the domain is made of, and users that it knows.
	Objects int `json:"objects"`
	Users   int `json:"users"`
	// Made is when the state that is served was compiled.
	Made time.Time `json:"made,omitzero"`
	// BehindSeconds have passed since the state was last known to be up to date. Up to about a minute means
	// nothing: so long may an API server keep silent.
	BehindSeconds float64 `json:"behind_seconds"`
}

// domainStatus answers what this replica serves.
func (c *call) domainStatus() (any, error) {
	if err := c.state(""); err != nil {
		return nil, err
	}
	behind := c.now().Sub(c.server.domains.LastContact())
	return domainStatus{
		Domain:        c.domain.Namespace,
		Revision:      c.domain.Revision,
		Objects:       c.domain.Domain.Len(),
		Users:         c.domain.Domain.CountUsers(),
		Made:          c.domain.Made.UTC(),
		BehindSeconds: max(0, behind.Seconds()),
	}, nil
}
