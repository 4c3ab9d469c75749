package server

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
)

func review(spec string) string {
	return `{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": ` + spec + `}`
}

func TestSubjectAccessReview(t *testing.T) {
	tests := map[string]struct {
		spec string
		want authorizationv1.SubjectAccessReviewStatus
	}{
		"allowed": {
			`{"user": "ann", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1"}}`,
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "rule: A rule gives this action (Role/clerk)."},
		},
		"no rule is no opinion": {
			`{"user": "ann", "resourceAttributes": {"verb": "delete", "resource": "order", "name": "o-1"}}`,
			authorizationv1.SubjectAccessReviewStatus{Reason: "no_rule: No rule gives this action."},
		},
		"a special permission that refuses denies": {
			`{"user": "max", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1"}}`,
			authorizationv1.SubjectAccessReviewStatus{Denied: true,
				Reason: "special_permission: A special permission refuses this action (SpecialPermission/max-order)."},
		},
		"a disabled user is denied": {
			`{"user": "eve", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1"}}`,
			authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "user_disabled: The user is disabled."},
		},
		"groups are group claims; API groups and subresources are parts of names": {
			`{"user": "pat", "groups": ["ops"], "resourceAttributes": {"verb": "update", "group": "apps", "resource": "deployments", "subresource": "scale"}}`,
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "rule: A rule gives this action (Role/operator)."},
		},
		"extra is no group claim": {
			`{"user": "pat", "extra": {"groups": ["ops"]}, "resourceAttributes": {"verb": "update", "group": "apps", "resource": "deployments", "subresource": "scale"}}`,
			authorizationv1.SubjectAccessReviewStatus{Reason: "no_rule: No rule gives this action."},
		},
		"extra gives properties": {
			`{"user": "bob", "extra": {"amr": ["pwd", "mfa"]}, "resourceAttributes": {"verb": "delete", "resource": "order", "name": "o-1"}}`,
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "rule: A rule gives this action (Role/boss)."},
		},
		"no name stands for all records": {
			`{"user": "ann", "resourceAttributes": {"verb": "update", "resource": "order"}}`,
			authorizationv1.SubjectAccessReviewStatus{
				Reason: "condition_not_met: No rule's condition holds; these properties are unknown: status."},
		},
		"a URL": {
			`{"user": "pat", "groups": ["ops"], "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}`,
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "rule: A rule gives this action (Role/operator)."},
		},
		"every verb is not a verb": {
			`{"user": "root", "resourceAttributes": {"verb": "*", "resource": "order"}}`,
			authorizationv1.SubjectAccessReviewStatus{Reason: "unknown_action: The resource type does not declare this action."},
		},
		"a user may use what is open to users": {
			`{"user": "pat", "resourceAttributes": {"verb": "read", "resource": "notice"}}`,
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "unrestricted_type: The resource type is open to every user."},
		},
		"who is not signed in is no user": {
			`{"user": "system:anonymous", "groups": ["system:unauthenticated"], "resourceAttributes": {"verb": "read", "resource": "notice"}}`,
			authorizationv1.SubjectAccessReviewStatus{Reason: "no_rule: No rule gives this action."},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/domains/shop/subjectaccessreview", "/subjectaccessreview"} {
				got := post(newTestServer(t), path, review(tc.spec))
				var answer authorizationv1.SubjectAccessReview
				mustDecode(t, got, &answer)
				if diff := cmp.Diff(tc.want, answer.Status); diff != "" {
					t.Errorf("%s: status (-want +got):\n%s", path, diff)
				}
				if answer.APIVersion != "authorization.k8s.io/v1" || answer.Kind != "SubjectAccessReview" || got.Header().Get("Remit-Revision") != "17" {
					t.Errorf("%s: %s %s at revision %q", path, answer.APIVersion, answer.Kind, got.Header().Get("Remit-Revision"))
				}
			}
		})
	}
}

func TestSubjectAccessReviewByNamespace(t *testing.T) {
	domains := fixed{"shop": shop(), "empty": compiled("empty", "1")}
	tests := map[string]struct {
		path, namespace string
		want            string
	}{
		"the namespace names the domain":        {"/subjectaccessreview", "empty", "unknown_resource_type: The resource type does not exist in this domain."},
		"none is the default domain":            {"/subjectaccessreview", "", "rule: A rule gives this action (Role/clerk)."},
		"where no domain is, is no opinion":     {"/subjectaccessreview", "kube-system", `the domain "kube-system" does not exist`},
		"the domain of the path is what counts": {"/domains/shop/subjectaccessreview", "kube-system", "rule: A rule gives this action (Role/clerk)."},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(newServerFor(t, domains), tc.path,
				review(`{"user": "ann", "resourceAttributes": {"verb": "read", "resource": "order", "name": "o-1", "namespace": "`+tc.namespace+`"}}`))
			var answer authorizationv1.SubjectAccessReview
			mustDecode(t, got, &answer)
			if answer.Status.Reason != tc.want {
				t.Errorf("reason %q, want %q", answer.Status.Reason, tc.want)
			}
		})
	}
	got := post(newServerFor(t, domains), "/domains/nowhere/subjectaccessreview", review(`{"user": "ann"}`))
	mustAnswer(t, got, http.StatusNotFound, errorBody(`the domain "nowhere" does not exist`))
}

func TestSubjectAccessReviewRefusesMalformedRequests(t *testing.T) {
	const order = `"resourceAttributes": {"verb": "read", "resource": "order"}`
	tests := map[string]struct {
		body string
		want string
	}{
		"no JSON":          {`{`, "the body is not valid: unexpected end of JSON input"},
		"another version":  {`{"apiVersion": "authorization.k8s.io/v2", "kind": "SubjectAccessReview"}`, "apiVersion: must be authorization.k8s.io/v1 or authorization.k8s.io/v1beta1"},
		"another kind":     {`{"apiVersion": "authorization.k8s.io/v1", "kind": "TokenReview"}`, "kind: must be SubjectAccessReview"},
		"a number as user": {review(`{"user": 1, ` + order + `}`), "spec.user: cannot be a number"},
		"a name twice":     {review(`{"user": "ann", "user": "root", ` + order + `}`), `the body is not valid: duplicate field "spec.user"`},
		"no user":          {review(`{"groups": ["ops"], ` + order + `}`), "spec.user: is required"},
		"no attributes":    {review(`{"user": "ann"}`), "spec: must have one of resourceAttributes, nonResourceAttributes"},
		"both attributes":  {review(`{"user": "ann", ` + order + `, "nonResourceAttributes": {"verb": "get", "path": "/"}}`), "spec: must have one of resourceAttributes, nonResourceAttributes"},
		"no verb":          {review(`{"user": "ann", "resourceAttributes": {"resource": "order"}}`), "spec.resourceAttributes: must have a verb and a resource"},
		"no path":          {review(`{"user": "ann", "nonResourceAttributes": {"verb": "get"}}`), "spec.nonResourceAttributes: must have a verb and a path"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/domains/shop/subjectaccessreview", "/subjectaccessreview"} {
				mustAnswer(t, post(newTestServer(t), path, tc.body), http.StatusBadRequest, errorBody(tc.want))
			}
		})
	}
}
