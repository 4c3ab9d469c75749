package server

import (
	"net/http"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/store"
)

// effectivePermissions are what the status of the user's EffectivePermissions shows, computed now.
type effectivePermissions struct {
	User string `json:"user"`
	v1alpha1.EffectivePermissionsStatus
	Revision string `json:"revision,omitempty"`
}

// effectivePermissions answers what a known user may do. With the query's resource it tells of that type alone,
// even when that is nothing.
func (s *Server) effectivePermissions(r *http.Request, domain store.Snapshot) (any, error) {
	user, now := r.PathValue("user"), s.opts.Clock.Now()
	if !domain.Domain.Knows(user) {
		return nil, statusErrorf(http.StatusNotFound, "nothing in the domain %q names the user %q", domain.Namespace, user)
	}
	status := domain.Domain.Effective(user, now)
	if resource := r.URL.Query().Get("resource"); resource != "" {
		permission, ok := domain.Domain.EffectiveOn(user, resource, now)
		if !ok {
			return nil, statusErrorf(http.StatusNotFound, "resource: the domain %q has no resource type %q", domain.Namespace, resource)
		}
		status.Permissions = []v1alpha1.EffectivePermission{permission}
	}
	return effectivePermissions{user, status, domain.Revision}, nil
}
