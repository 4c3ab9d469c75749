package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// TestMetadataName: the metadata name the server as callers reach it.
func TestMetadataName(t *testing.T) {
	for name, tc := range map[string]struct{ url, path, want string }{
		"as it was asked":              {"", "/.well-known/authzen-configuration/domains/shop", "http://decisions.test/domains/shop"},
		"as it is told":                {"https://pdp.example:8443", "/.well-known/authzen-configuration/domains/shop", "https://pdp.example:8443/domains/shop"},
		"at the domain's own address":  {"https://pdp.example", "/domains/shop/.well-known/authzen-configuration", "https://pdp.example/domains/shop"},
		"of the default domain's root": {"https://pdp.example", "/.well-known/authzen-configuration", "https://pdp.example"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, DefaultDomain: "shop", URL: tc.url})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, tc.path, nil)
			r.Host = "decisions.test"
			var got metadata
			if err := json.Unmarshal(serve(s, r).Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.PolicyDecisionPoint != tc.want || got.AccessEvaluationEndpoint != tc.want+"/access/v1/evaluation" {
				t.Errorf("%+v, want %s", got, tc.want)
			}
		})
	}
	for url, want := range map[string]string{
		"pdp.example":              "must be an https or http URL",
		"ftp://pdp.example":        "must be an https or http URL",
		"https://":                 "must be an https or http URL",
		"https://pdp.example/":     "no path",
		"https://pdp.example?a=b":  "no path",
		"https://eve@pdp.example":  "no path",
		"https://pdp.example/#top": "no path",
		"https://%zz":              "invalid URL",
	} {
		if _, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// TestPublicMetadata: without a token the metadata are there if the server is told so, tell nothing of which domains exist, and
// nothing else is there.
func TestPublicMetadata(t *testing.T) {
	api := newAPIServer(t)
	close(api.hold)
	status := func(public bool, path string) int {
		s, err := New(fixed{"shop": shop()}, Options{
			BindAddress: "127.0.0.1:0", Authn: AuthnKubernetes, Kubernetes: &rest.Config{Host: api.URL}, URL: "https://pdp.example", PublicMetadata: public,
		})
		if err != nil {
			t.Fatal(err)
		}
		return serve(s, httptest.NewRequest(http.MethodGet, path, nil)).Code
	}
	const found, atBase, unknown = "/.well-known/authzen-configuration/domains/shop", "/domains/shop/.well-known/authzen-configuration", "/.well-known/authzen-configuration/domains/nowhere"
	for _, tc := range []struct {
		public bool
		path   string
		want   int
	}{
		{false, found, 401}, {false, atBase, 401}, {false, unknown, 401}, {false, "/domains/shop/status", 401},
		{true, found, 200}, {true, atBase, 200}, {true, unknown, 200}, {true, "/domains/shop/status", 401}, {true, "/openapi.json", 401},
	} {
		if got := status(tc.public, tc.path); got != tc.want {
			t.Errorf("public %t, %s: status %d, want %d", tc.public, tc.path, got, tc.want)
		}
	}
}
