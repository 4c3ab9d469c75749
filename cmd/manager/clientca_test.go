package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// issuer is an authority that signs certificates of clients.
type issuer struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "admission"}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{certificate, key}
}

func (i *issuer) client(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	content, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: i.certificate.NotBefore, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, i.certificate, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}
}

// TestWebhookClientCA: with --webhook-client-ca nobody is heard but who has a certificate of that authority, and the manager
// still finds itself ready.
func TestWebhookClientCA(t *testing.T) {
	certs, authority := t.TempDir(), newIssuer(t)
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	clientCA := filepath.Join(t.TempDir(), "ca.crt")
	if err := errors.Join(
		os.WriteFile(filepath.Join(certs, "tls.crt"), certificate, 0o600), keyutil.WriteKey(filepath.Join(certs, "tls.key"), key),
		certutil.WriteCert(clientCA, encode(authority.certificate)),
	); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config{webhookHost: host, webhookPort: number, webhookCertDir: certs, webhookClientCA: clientCA}
	server, err := cfg.webhookServer()
	if err != nil {
		t.Fatalf("webhookServer: %v", err)
	}
	server.Register("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	eventually(t, "the server is ready", func() error { return server.StartedChecker()(nil) })

	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		want         bool
	}{
		"of the authority":      {[]tls.Certificate{authority.client(t)}, true},
		"of another authority":  {[]tls.Certificate{newIssuer(t).client(t)}, false},
		"without a certificate": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, Certificates: tc.certificates, //nolint:gosec // the client is tested, not the server
			}}
			response, err := (&http.Client{Transport: transport}).Do(request)
			if err == nil {
				defer response.Body.Close() //nolint:errcheck // there is none
			}
			if heard := err == nil && response.StatusCode == http.StatusTeapot; heard != tc.want {
				t.Errorf("heard: %t, want %t; error %v", heard, tc.want, err)
			}
		})
	}
}

func encode(certificate *x509.Certificate) []byte {
	content, err := certutil.EncodeCertificates(certificate)
	if err != nil {
		panic(err) // a certificate that was just made
	}
	return content
}

func TestWebhookClientCAThatCannotBeRead(t *testing.T) {
	cfg := &config{webhookPort: 1, webhookCertDir: t.TempDir(), webhookClientCA: filepath.Join(t.TempDir(), "missing.crt")}
	if _, err := cfg.webhookServer(); err == nil || !strings.Contains(err.Error(), "--webhook-client-ca") {
		t.Errorf("webhookServer: got error %v, want one that names --webhook-client-ca", err)
	}
}
