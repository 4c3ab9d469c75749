package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Names of the files in Options.CertDir, as in a Secret of type kubernetes.io/tls.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// ownCertificateLifetime is long, since nobody renews the certificate of a process but by starting it again.
const ownCertificateLifetime = 10 * 365 * 24 * time.Hour

// certificates gives the server's certificate: what the files hold now, or one that never changes.
type certificates struct {
	files *certwatcher.CertWatcher // nil: own
	own   *tls.Certificate
}

func (s *Server) certificates() (*certificates, error) {
	if s.opts.CertDir == "" {
		own, err := ownCertificate(s.bindAddress(), s.opts.Clock.Now())
		if err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		return &certificates{own: own}, nil
	}
	files, err := certwatcher.New(filepath.Join(s.opts.CertDir, certFile), filepath.Join(s.opts.CertDir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("read %s and %s in %s: %w", certFile, keyFile, s.opts.CertDir, err)
	}
	return &certificates{files: files}, nil
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c.files != nil {
				return c.files.GetCertificate(hello)
			}
			return c.own, nil
		},
	}
}

// served is the certificate that clients get now; nil if there is none.
func (c *certificates) served() *x509.Certificate {
	served := c.own
	if c.files != nil {
		served, _ = c.files.GetCertificate(nil)
	}
	if served == nil {
		return nil
	}
	return served.Leaf
}

// Certificate returns the certificate that clients get; nil until the server serves one.
func (s *Server) Certificate() *x509.Certificate {
	if certificates := s.certificate.Load(); certificates != nil {
		return certificates.served()
	}
	return nil
}

// watch reads the files again when they change, until ctx is done.
func (c *certificates) watch(ctx context.Context, log logr.Logger) {
	if c.files == nil {
		return
	}
	if err := c.files.Start(ctx); err != nil && ctx.Err() == nil {
		log.Error(err, "Certificate files are no longer watched; a new certificate needs a restart")
	}
}

// ownCertificate makes a certificate that is its own authority, for localhost, this host, and the address that
// the server is bound to.
func ownCertificate(bindAddress string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "remit decision server"},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.Add(ownCertificateLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		template.DNSNames = append(template.DNSNames, name)
	}
	if host, _, err := net.SplitHostPort(bindAddress); err == nil {
		if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
