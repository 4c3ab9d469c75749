package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestMetadata(t *testing.T) {
	tests := map[string]struct {
		url  string
		want string
	}{
		"of a domain": {"https://pdp.example.com/.well-known/authzen-configuration/domains/shop", `{
			"policy_decision_point": "https://pdp.example.com/domains/shop",
			"access_evaluation_endpoint": "https://pdp.example.com/domains/shop/access/v1/evaluation",
			"access_evaluations_endpoint": "https://pdp.example.com/domains/shop/access/v1/evaluations",
			"search_subject_endpoint": "https://pdp.example.com/domains/shop/access/v1/search/subject",
			"search_resource_endpoint": "https://pdp.example.com/domains/shop/access/v1/search/resource",
			"search_action_endpoint": "https://pdp.example.com/domains/shop/access/v1/search/action"}`},
		"of the default domain": {"http://localhost:8180/.well-known/authzen-configuration", `{
			"policy_decision_point": "http://localhost:8180",
			"access_evaluation_endpoint": "http://localhost:8180/access/v1/evaluation",
			"access_evaluations_endpoint": "http://localhost:8180/access/v1/evaluations",
			"search_subject_endpoint": "http://localhost:8180/access/v1/search/subject",
			"search_resource_endpoint": "http://localhost:8180/access/v1/search/resource",
			"search_action_endpoint": "http://localhost:8180/access/v1/search/action"}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := get(newTestServer(t), tc.url)
			mustAnswer(t, got, http.StatusOK, tc.want)
		})
	}
	mustAnswer(t, get(newTestServer(t), "/.well-known/authzen-configuration/domains/nowhere"), http.StatusNotFound,
		errorBody(`the domain "nowhere" does not exist`))
	nameless := httptest.NewRequest(http.MethodGet, "/.well-known/authzen-configuration", nil)
	nameless.Host = ""
	mustAnswer(t, serve(newTestServer(t), nameless), http.StatusBadRequest, errorBody("Host: is required, to say where the interfaces are"))
}
