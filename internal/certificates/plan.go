package certificates

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The keys of the Secret. tls.crt, tls.key and ca.crt are as in a Secret of cert-manager's, but that ca.crt may have several
// authorities.
const (
	authoritiesKey  = "ca.crt"
	authorityKeyKey = "ca.key"
	certificateKey  = "tls.crt"
	certKeyKey      = "tls.key"
)

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 365 * 24 * time.Hour
	// renewBefore is how long before its end an authority or a certificate is replaced.
	renewBefore = 90 * 24 * time.Hour
	// grace is how long an authority is trusted after the certificate that it signed was replaced: until every pod has the new
	// one.
	grace = 10 * time.Minute
	// skew is how much earlier a certificate is valid than it is made, for clocks that are slow.
	skew = time.Hour
)

// pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// state is what the Secret has.
type state struct {
	// authorities are all that are to be trusted; that of signer is the first.
	authorities []*x509.Certificate
	// signer signs certificates; nil if the Secret has no key to one of the authorities.
	signer *pair
	// server is what is served; nil if there is none, or it has no key.
	server *pair
}

// read returns the state of a Secret. What cannot be read is not there. If there are no authorities at all, those count that
// the API server trusts.
func read(data map[string][]byte, trusted []byte) state {
	var s state
	s.authorities, _ = certutil.ParseCertsPEM(data[authoritiesKey])
	if len(s.authorities) == 0 {
		s.authorities, _ = certutil.ParseCertsPEM(trusted)
	}
	if key, err := keyutil.ParsePrivateKeyPEM(data[authorityKeyKey]); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			for i, authority := range s.authorities {
				if samePublic(authority.PublicKey, signer.Public()) {
					s.signer = &pair{authority, signer}
					s.authorities = slices.Insert(slices.Delete(s.authorities, i, i+1), 0, authority)
					break
				}
			}
		}
	}
	if served, err := tls.X509KeyPair(data[certificateKey], data[certKeyKey]); err == nil {
		if key, ok := served.PrivateKey.(crypto.Signer); ok {
			s.server = &pair{served.Leaf, key}
		}
	}
	return s
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// write returns the Secret's data for a state.
func (s *state) write() (map[string][]byte, error) {
	signer, err := keyutil.MarshalPrivateKeyToPEM(s.signer.key)
	if err != nil {
		return nil, err
	}
	server, err := keyutil.MarshalPrivateKeyToPEM(s.server.key)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		authoritiesKey: s.bundle(), authorityKeyKey: signer,
		certificateKey: encode(s.server.cert), certKeyKey: server,
	}, nil
}

// bundle is all authorities, as PEM.
func (s *state) bundle() []byte {
	var all bytes.Buffer
	for _, authority := range s.authorities {
		all.Write(encode(authority))
	}
	return all.Bytes()
}

func encode(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certutil.CertificateBlockType, Bytes: cert.Raw})
}

// next takes the next step, if one is due, and returns how long it is until another may be. overlap is how long a new
// authority is published before it signs what is served.
func (s *state) next(names []string, overlap time.Duration, now time.Time) (wait time.Duration, err error) {
	s.authorities = slices.DeleteFunc(s.authorities, func(authority *x509.Certificate) bool { return !now.Before(authority.NotAfter) })
	if s.signer == nil || left(s.signer, now) <= renewBefore {
		if s.signer, err = newAuthority(now); err != nil {
			return 0, fmt.Errorf("make an authority: %w", err)
		}
		s.authorities = slices.Insert(s.authorities, 0, s.signer.cert)
	}
	used := made(s.signer).Add(overlap) // from when on it signs what is served
	switch {
	case !s.serves(names, s.authorities, now),
		s.isBySigner() && left(s.server, now) <= renewBefore,
		!s.isBySigner() && (!now.Before(used) || left(s.server, now) <= skew):
		if s.server, err = newCertificate(s.signer, names, now); err != nil {
			return 0, fmt.Errorf("make a certificate: %w", err)
		}
	}
	wait = min(left(s.signer, now), left(s.server, now)) - renewBefore
	switch gone := made(s.server).Add(grace); {
	case !s.isBySigner():
		wait = min(used.Sub(now), left(s.server, now)-skew)
	case len(s.authorities) == 1:
	case now.Before(gone):
		wait = gone.Sub(now)
	default:
		s.authorities = s.authorities[:1]
	}
	return wait, nil
}

// left is how long a certificate is valid still.
func left(p *pair, now time.Time) time.Duration { return p.cert.NotAfter.Sub(now) }

// made is when a certificate was made.
func made(p *pair) time.Time { return p.cert.NotBefore.Add(skew) }

// serves reports whether the server's certificate is one for all names, by one of some authorities.
func (s *state) serves(names []string, authorities []*x509.Certificate, now time.Time) bool {
	if s.server == nil {
		return false
	}
	roots := x509.NewCertPool()
	for _, authority := range authorities {
		roots.AddCert(authority)
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := s.server.cert.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
		return err != nil
	})
}

// isBySigner reports whether the server's certificate is one of the signer's.
func (s *state) isBySigner() bool { return s.server.cert.CheckSignatureFrom(s.signer.cert) == nil }

// newAuthority makes an authority. Each has a name of its own: some clients find authorities by their names.
func newAuthority(now time.Time) (*pair, error) {
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: fmt.Sprintf("remit-ca-%d", now.Unix()), Organization: []string{"remit"}},
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	return sign(&template, nil, now)
}

func newCertificate(signer *pair, names []string, now time.Time) (*pair, error) {
	template := x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		DNSNames:    names,
		NotAfter:    now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return sign(&template, signer, now)
}

// sign makes a key and a certificate for it; by nil: signed by itself.
func sign(template *x509.Certificate, by *pair, now time.Time) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	template.NotBefore = now.Add(-skew)
	if by == nil {
		by = &pair{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &pair{cert, key}, nil
}
