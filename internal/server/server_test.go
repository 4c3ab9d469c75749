package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/remit-authz/remit/internal/store"
)

func TestNewRefusesWhatIsNotSafe(t *testing.T) {
	tests := map[string]struct {
		opts Options
		want string // part of the error; empty: none
	}{
		"nobody is asked who they are, on all addresses": {Options{Authn: AuthnNone}, "--insecure-decision-bind"},
		"on one that others reach":                       {Options{Authn: AuthnNone, BindAddress: "192.0.2.1:8443"}, "--decision-authn"},
		"on a name":                                      {Options{Authn: AuthnNone, BindAddress: "pdp.example.com:8443"}, "--insecure-decision-bind"},
		"on no address":                                  {Options{Authn: AuthnNone, BindAddress: "127.0.0.1"}, "--insecure-decision-bind"},
		"on all addresses, as was said":                  {Options{Authn: AuthnNone, AllowInsecureBind: true}, ""},
		"on the loopback address":                        {Options{Authn: AuthnNone, BindAddress: "127.0.0.1:0"}, ""},
		"on that of IPv6":                                {Options{Authn: AuthnNone, BindAddress: "[::1]:0"}, ""},
		"on localhost":                                   {Options{Authn: AuthnNone, BindAddress: "localhost:0"}, ""},
		"the API server is asked":                        {Options{Authn: AuthnKubernetes, Kubernetes: &rest.Config{Host: "https://127.0.0.1:1"}}, ""},
		"the API server is asked, but there is none":     {Options{Authn: AuthnKubernetes}, "no API server"},
		"nothing is said":                                {Options{}, "it must be kubernetes or none"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(fixed{}, tc.opts)
			if tc.want == "" && err != nil {
				t.Fatalf("New: %v", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("New: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// started runs a server on a free loopback port until the test ends. It returns where, and a function that stops it
// and gives what Start returned.
func started(t *testing.T, domains Domains, opts Options) (address string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	opts.Listener, opts.Authn = listener, AuthnNone
	s, err := New(domains, opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	stop = func() error {
		cancel()
		err := <-done
		done <- err // for the next one who asks
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	return listener.Addr().String(), stop
}

func ask(client *http.Client, url string) (*http.Response, error) {
	return client.Post(url+"/domains/shop/access/v1/evaluation", "application/json", strings.NewReader(goodEvaluation))
}

func TestStartListens(t *testing.T) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, PlainHTTP: true})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if s.Addr() != nil || s.NeedLeaderElection() {
		t.Errorf("before the start: address %v, needs leader election: %t", s.Addr(), s.NeedLeaderElection())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	eventually(t, "the server listens", func() bool { return s.Addr() != nil })
	response, err := ask(http.DefaultClient, "http://"+s.Addr().String())
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("answer %v, error %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	other, err := New(fixed{}, Options{BindAddress: s.Addr().String(), Authn: AuthnNone, PlainHTTP: true})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := other.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the address is taken: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Start: %v", err)
	}
}

// eventually waits for a condition that others bring about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, condition)
}

// within waits until a condition holds, for so long.
func within(t *testing.T, long time.Duration, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(long)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}

// gated are domains that answer when they are let.
type gated struct {
	fixed
	entered, leave chan struct{}
}

func (g gated) Domain(namespace string) (store.Snapshot, bool) {
	g.entered <- struct{}{}
	<-g.leave
	return g.fixed.Domain(namespace)
}

func TestStoppingFinishesWhatRuns(t *testing.T) {
	domains := gated{fixed{"shop": shop()}, make(chan struct{}), make(chan struct{})}
	address, stop := started(t, domains, Options{PlainHTTP: true})
	status := make(chan int, 1)
	go func() {
		response, err := ask(http.DefaultClient, "http://"+address)
		if err != nil {
			t.Errorf("the running request: %v", err)
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	<-domains.entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	eventually(t, "new connections are refused", func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	})
	close(domains.leave)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the running request: status %d", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Start: %v", err)
	}
}

func TestOwnCertificate(t *testing.T) {
	address, _ := started(t, fixed{"shop": shop()}, Options{})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	// What the server shows is its own authority.
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is looked at below
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = connection.Close() }()
	shown := connection.ConnectionState().PeerCertificates[0]
	authorities := x509.NewCertPool()
	authorities.AddCert(shown)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: authorities}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		}}
		response, err := ask(client, "https://"+net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("ask %s: %v", host, err)
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
			t.Errorf("%s: status %d over %s", host, response.StatusCode, response.Proto)
		}
	}
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"::1", hostname} {
		if err := shown.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if _, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authorities, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // must fail
		t.Error("TLS 1.1 is accepted")
	}
}

// writeCertificate writes a new certificate, as a mounted Secret changes: the files at once take the place of others.
func writeCertificate(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	made, err := ownCertificate("127.0.0.1:0", now)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatalf("marshal its key: %v", err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: made.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		writeFile(t, filepath.Join(dir, name), pem.EncodeToMemory(block))
	}
	return made.Leaf
}

func TestCertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	first := writeCertificate(t, dir)
	address, _ := started(t, fixed{"shop": shop()}, Options{CertDir: dir})
	shows := func(want *x509.Certificate) func() bool {
		return func() bool {
			connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // compared below
			if err != nil {
				t.Fatalf("connect: %v", err)
			}
			defer func() { _ = connection.Close() }()
			return connection.ConnectionState().PeerCertificates[0].Equal(want)
		}
	}
	if !shows(first)() {
		t.Error("the server does not show the certificate of the files")
	}
	second := writeCertificate(t, dir)
	eventually(t, "the server shows the new certificate", shows(second))
}

func TestStartNeedsTheCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := New(fixed{}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, CertDir: dir})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "tls.crt and tls.key in "+dir) {
		t.Errorf("Start: %v", err)
	}
}
