package server

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"golang.org/x/net/http2"
)

func TestMoreRequestsThanAtOnceAreTurnedAway(t *testing.T) {
	domains := gated{fixed{"shop": shop()}, make(chan struct{}), make(chan struct{})}
	s, err := New(domains, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, MaxConcurrent: 2, Log: logr.Discard()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	answers := make(chan *httptest.ResponseRecorder)
	for range 2 {
		go func() { answers <- post(s, "/domains/shop/access/v1/evaluation", goodEvaluation) }()
		<-domains.entered
	}
	got := post(s, "/domains/shop/access/v1/evaluation", goodEvaluation)
	mustAnswer(t, got, http.StatusTooManyRequests, errorBody("this replica answers 2 requests already; ask again"))
	if got.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.Header().Get("Retry-After"))
	}
	close(domains.leave)
	for range 2 {
		if got := <-answers; got.Code != http.StatusOK {
			t.Errorf("status %d of what was already running: %s", got.Code, got.Body)
		}
	}
	go func() { <-domains.entered }()
	if got := post(s, "/domains/shop/access/v1/evaluation", goodEvaluation); got.Code != http.StatusOK {
		t.Errorf("status %d when there is room again: %s", got.Code, got.Body)
	}
}

// TestPanicsLeaveRoom has more panics than requests may run at once.
func TestPanicsLeaveRoom(t *testing.T) {
	s, err := New(panicking{with: "a defect"}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, MaxConcurrent: 1, Log: logr.Discard()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for range 3 {
		mustAnswer(t, post(s, "/domains/shop/access/v1/evaluation", goodEvaluation), http.StatusInternalServerError, errorBody("internal error"))
	}
}

func TestNewRefusesNoConcurrency(t *testing.T) {
	_, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, MaxConcurrent: -1})
	if err == nil || !strings.Contains(err.Error(), "MaxConcurrent must not be negative") {
		t.Errorf("New: %v, want an error", err)
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	address, _ := started(t, fixed{"shop": shop()}, Options{PlainHTTP: true})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/domains/shop/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		r.Header.Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1<<10))
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("ask: %v", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want %d", response.StatusCode, http.StatusRequestHeaderFieldsTooLarge)
	}
}

// TestHTTP2Limits reads what the server says when a connection begins.
func TestHTTP2Limits(t *testing.T) {
	address, _ := started(t, fixed{"shop": shop()}, Options{})
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // the certificate is not what is tested
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(connection, connection)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame, err := framer.ReadFrame()
	if err != nil {
		t.Fatalf("read the first frame: %v", err)
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the first frame is %v, want settings", frame)
	}
	if streams, ok := settings.Value(http2.SettingMaxConcurrentStreams); !ok || streams != maxStreams {
		t.Errorf("%d streams at once, want %d", streams, maxStreams)
	}
	if size, ok := settings.Value(http2.SettingMaxHeaderListSize); !ok || size > 2*maxHeaderBytes {
		t.Errorf("headers of %d bytes, want about %d at most", size, maxHeaderBytes)
	}
}
