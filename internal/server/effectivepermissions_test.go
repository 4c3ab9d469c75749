package server

import (
	"net/http"
	"testing"
)

func TestEffectivePermissions(t *testing.T) {
	tests := map[string]struct {
		path       string
		wantStatus int
		want       string
	}{
		"of a user": {"/effective-permissions/ann", http.StatusOK, `{
			"user": "ann", "revision": "17", "superuser": false, "admin": false, "disabled": false,
			"roles": [{"name": "clerk", "via": ["User/ann"]}],
			"summary": {"full": 1, "readOnly": 0, "custom": 1, "none": 3},
			"permissions": [
				{"resource": "notice", "access": "Full", "allowed": ["create", "delete", "read", "update"], "decidedBy": ["ResourceType/notice"]},
				{"resource": "order", "access": "Custom", "conditional": ["create", "read", "update"], "decidedBy": ["Role/clerk"],
				 "restrictedBy": ["UserPermission/ann-north"]}]}`},
		"on one type, even when that is nothing": {"/effective-permissions/max?resource=company", http.StatusOK, `{
			"user": "max", "revision": "17", "superuser": false, "admin": false, "disabled": false,
			"roles": [{"name": "clerk", "via": ["User/max"]}],
			"summary": {"full": 1, "readOnly": 0, "custom": 0, "none": 4},
			"permissions": [{"resource": "company", "access": "None"}]}`},
		"on a type that is none": {"/effective-permissions/ann?resource=planet", http.StatusNotFound,
			`{"error": "resource: the domain \"shop\" has no resource type \"planet\""}`},
		"of a user whom nothing names": {"/effective-permissions/a%2Fb@example.com", http.StatusNotFound,
			`{"error": "nothing in the domain \"shop\" names the user \"a/b@example.com\""}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			mustAnswer(t, get(newTestServer(t), "/domains/shop"+tc.path), tc.wantStatus, tc.want)
			mustAnswer(t, get(newTestServer(t), tc.path), tc.wantStatus, tc.want)
		})
	}
}
