package server

import (
	"net/http"
	"testing"

	"github.com/go-logr/logr"
)

// TestForeignHostsAreRefused: the page of a stranger, whose name was made to mean this machine, asks in vain.
func TestForeignHostsAreRefused(t *testing.T) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, LoopbackHosts: true, Log: logr.Discard()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for host, want := range map[string]int{
		"localhost": http.StatusOK, "localhost:8180": http.StatusOK, "127.0.0.1:8180": http.StatusOK, "[::1]:8180": http.StatusOK, "[::1]": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "evil.example:8180": http.StatusMisdirectedRequest, "127.0.0.1.evil.example": http.StatusMisdirectedRequest,
		"localhost.evil.example": http.StatusMisdirectedRequest, "192.0.2.1:8180": http.StatusMisdirectedRequest, "0.0.0.0:8180": http.StatusMisdirectedRequest,
		"": http.StatusMisdirectedRequest,
	} {
		r := request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation)
		r.Host = host
		if got := serve(s, r); got.Code != want {
			t.Errorf("Host %q: status %d, want %d: %s", host, got.Code, want, got.Body)
		}
	}
}
