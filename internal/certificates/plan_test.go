package certificates

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/util/keyutil"
)

var (
	start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	names = []string{"remit-webhook-service.remit-system.svc", "remit-decisions.remit-system.svc"}
)

const overlap = 24 * time.Hour

// step takes a step from what a Secret has, and returns what it has then.
func step(t *testing.T, data map[string][]byte, trusted []byte, now time.Time) (map[string][]byte, time.Duration) {
	t.Helper()
	s := read(data, trusted)
	wait, err := s.next(names, overlap, now)
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.write()
	if err != nil {
		t.Fatal(err)
	}
	return next, wait
}

// trusts reports whether who has some authorities trusts a certificate by all its names.
func trusts(t *testing.T, authorities, certificate []byte, now time.Time) bool {
	t.Helper()
	s := read(map[string][]byte{authoritiesKey: authorities}, nil)
	pool := x509.NewCertPool()
	for _, authority := range s.authorities {
		pool.AddCert(authority)
	}
	block := read(map[string][]byte{authoritiesKey: certificate}, nil).authorities[0]
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := block.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: now})
		return err != nil
	})
}

func count(data []byte) int { return strings.Count(string(data), "BEGIN CERTIFICATE") }

// For eleven years, whoever learns the authorities once a day trusts what is served, and so does who learned them just before.
func TestYears(t *testing.T) {
	data, wait := step(t, nil, nil, start)
	if count(data[authoritiesKey]) != 1 || !trusts(t, data[authoritiesKey], data[certificateKey], start) {
		t.Fatalf("at first there are %d authorities, and the certificate is not by one", count(data[authoritiesKey]))
	}
	const day = 23 * time.Hour // somebody's
	learned, learnedAt := data[authoritiesKey], start
	signers, certs, most := map[string]bool{}, map[string]bool{}, 0
	for now := start; now.Before(start.Add(11 * 365 * 24 * time.Hour)); {
		if wait <= 0 {
			t.Fatalf("the next step is due %v ago", -wait)
		}
		before := data[authoritiesKey]
		if bytes.Equal(learned, before) {
			now = now.Add(min(wait, 30*24*time.Hour))
			learnedAt = now // just before the step
		} else {
			now = now.Add(min(wait, day))
		}
		data, wait = step(t, data, nil, now)
		if !trusts(t, learned, data[certificateKey], now) {
			t.Fatalf("%v: who learned the authorities %v ago does not trust what is served", now, now.Sub(learnedAt))
		}
		if now.Sub(learnedAt) >= day {
			learned = data[authoritiesKey]
		}
		signers[string(data[authorityKeyKey])] = true
		certs[string(data[certificateKey])] = true
		most = max(most, count(data[authoritiesKey]))
	}
	if len(signers) != 2 || most != 2 || len(certs) < 12 || len(certs) > 18 {
		t.Errorf("there were %d authorities, %d at a time, and %d certificates", len(signers), most, len(certs))
	}
}

func TestSteps(t *testing.T) {
	first, _ := step(t, nil, nil, start)
	without := func(keys ...string) map[string][]byte {
		data := map[string][]byte{}
		for key, value := range first {
			if !slices.Contains(keys, key) {
				data[key] = value
			}
		}
		return data
	}
	later := start.Add(time.Hour)

	t.Run("nothing is due", func(t *testing.T) {
		if next, wait := step(t, first, nil, later); string(next[certificateKey]) != string(first[certificateKey]) || wait < 270*24*time.Hour {
			t.Errorf("something changed, or will in %v", wait)
		}
	})
	t.Run("the authority's key is taken away", func(t *testing.T) {
		both, wait := step(t, without(authorityKeyKey), nil, later)
		if count(both[authoritiesKey]) != 2 || string(both[certificateKey]) != string(first[certificateKey]) || wait != overlap {
			t.Fatalf("there are %d authorities, and another step in %v", count(both[authoritiesKey]), wait)
		}
		early, _ := step(t, both, nil, later.Add(overlap-time.Second))
		if string(early[certificateKey]) != string(first[certificateKey]) {
			t.Error("the certificate changed before the overlap was over")
		}
		switched, wait := step(t, both, nil, later.Add(overlap))
		if count(switched[authoritiesKey]) != 2 || string(switched[certificateKey]) == string(first[certificateKey]) || wait != grace {
			t.Fatalf("there are %d authorities, and another step in %v", count(switched[authoritiesKey]), wait)
		}
		for name, certificate := range map[string][]byte{"old": first[certificateKey], "new": switched[certificateKey]} {
			if !trusts(t, both[authoritiesKey], certificate, later.Add(overlap)) {
				t.Errorf("who learned both does not trust the %s certificate", name)
			}
		}
		alone, _ := step(t, switched, nil, later.Add(overlap+grace))
		if count(alone[authoritiesKey]) != 1 || !trusts(t, alone[authoritiesKey], switched[certificateKey], later.Add(overlap)) {
			t.Errorf("in the end there are %d authorities", count(alone[authoritiesKey]))
		}
	})
	t.Run("the Secret is emptied", func(t *testing.T) {
		next, wait := step(t, nil, first[authoritiesKey], later)
		if count(next[authoritiesKey]) != 2 || !trusts(t, next[authoritiesKey], first[certificateKey], later) || !trusts(t, next[authoritiesKey], next[certificateKey], later) || wait != grace {
			t.Errorf("there are %d authorities, and another step in %v", count(next[authoritiesKey]), wait)
		}
	})
	t.Run("the certificate is no more", func(t *testing.T) {
		next, _ := step(t, without(certificateKey), nil, later)
		if count(next[authoritiesKey]) != 1 || !trusts(t, first[authoritiesKey], next[certificateKey], later) {
			t.Error("the new certificate is not by the same authority")
		}
	})
	t.Run("what is no certificate", func(t *testing.T) {
		next, _ := step(t, map[string][]byte{authoritiesKey: []byte("x"), authorityKeyKey: []byte("y"), certificateKey: []byte("z"), certKeyKey: nil}, []byte("w"), later)
		if !trusts(t, next[authoritiesKey], next[certificateKey], later) {
			t.Error("there is no good certificate")
		}
	})
	t.Run("other names", func(t *testing.T) {
		s := read(first, nil)
		if _, err := s.next([]string{"other.svc"}, overlap, later); err != nil || s.server.cert.VerifyHostname("other.svc") != nil || len(s.authorities) != 1 {
			t.Errorf("the certificate is for %v, error %v", s.server.cert.DNSNames, err)
		}
	})
}

// A Secret that an older version filled, with RSA keys, stays as it is until something is due.
func TestOlderSecrets(t *testing.T) {
	issue := func(template *x509.Certificate, parent *x509.Certificate, by *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		template.NotBefore, template.SerialNumber = start, big.NewInt(1)
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	ca, caKey := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "remit-ca"}, NotAfter: start.Add(authorityLife), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	cert, key := issue(&x509.Certificate{DNSNames: names, NotAfter: start.Add(certificateLife), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca, caKey)
	data := map[string][]byte{authoritiesKey: encode(ca), certificateKey: encode(cert)}
	for name, k := range map[string]*rsa.PrivateKey{authorityKeyKey: caKey, certKeyKey: key} {
		text, err := keyutil.MarshalPrivateKeyToPEM(k)
		if err != nil {
			t.Fatal(err)
		}
		data[name] = text
	}
	next, wait := step(t, data, nil, start.Add(time.Hour))
	for name := range data {
		if string(next[name]) != string(data[name]) {
			t.Errorf("%s changed", name)
		}
	}
	if wait <= 0 {
		t.Errorf("the next step is due in %v", wait)
	}
	if _, err := tls.X509KeyPair(next[certificateKey], next[certKeyKey]); err != nil {
		t.Error(err)
	}
}

func TestExpiration(t *testing.T) {
	dir := t.TempDir()
	if got := testutil.CollectAndCount(&Expiration{Dir: dir}); got != 0 {
		t.Errorf("there are %d metrics of no certificate", got)
	}
	data, _ := step(t, nil, nil, start)
	other, _ := step(t, nil, nil, start.Add(time.Hour))
	data[authoritiesKey] = append(other[authoritiesKey], data[authoritiesKey]...)
	for name, content := range data {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const want = `
# HELP remit_certificate_expiration_timestamp_seconds When the certificate that this replica serves, and the authority that signed it, end, in seconds since 1970.
# TYPE remit_certificate_expiration_timestamp_seconds gauge
remit_certificate_expiration_timestamp_seconds{certificate="authority"} 2.0956320e+09
remit_certificate_expiration_timestamp_seconds{certificate="server"} 1.811808e+09
`
	if err := testutil.CollectAndCompare(&Expiration{Dir: dir}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	none := &Expiration{Dir: dir, Served: func() *x509.Certificate { return nil }}
	if got := testutil.CollectAndCount(none); got != 0 {
		t.Errorf("there are %d metrics of a server that serves nothing yet", got)
	}
	if problems, err := testutil.CollectAndLint(&Expiration{Dir: dir}); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}
