package server

import (
	"net/http"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// effectivePermissions are what the status of the user's EffectivePermissions shows, computed now.
type effectivePermissions struct {
	User string `json:"user"`
	v1alpha1.EffectivePermissionsStatus
	Revision string `json:"revision,omitempty"`
}

// effectivePermissions answers what a known user may do. With the query's resource it tells of that type alone,
// even when that is nothing.
func (c *call) effectivePermissions() (any, error) {
	if err := c.state(""); err != nil {
		return nil, err
	}
	domain, user, now := c.domain.Domain, c.PathValue("user"), c.now()
	if !domain.Knows(user) {
		return nil, statusErrorf(http.StatusNotFound, "nothing in the domain %q names the user %q", c.domain.Namespace, user)
	}
	status, err := domain.Effective(user, now)
	if err != nil {
		return nil, err
	}
	if resource := c.URL.Query().Get("resource"); resource != "" {
		permission, ok, err := domain.EffectiveOn(user, resource, now)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, statusErrorf(http.StatusNotFound, "resource: the domain %q has no resource type %q", c.domain.Namespace, resource)
		}
		status.Permissions = []v1alpha1.EffectivePermission{permission}
	}
	return effectivePermissions{user, status, c.domain.Revision}, nil
}
