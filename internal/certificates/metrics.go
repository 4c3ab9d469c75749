package certificates

import (
	"crypto/x509"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	certutil "k8s.io/client-go/util/cert"
)

var expiration = prometheus.NewDesc("remit_certificate_expiration_timestamp_seconds",
	"When the certificate that this replica serves, and the authority that signed it, end, in seconds since 1970.", []string{"certificate"}, nil)

// Expiration are the metrics of the certificate that is served, whoever made it, and of the authority that signed it. What is not
// there has no metric.
type Expiration struct {
	// Served returns the certificate; nil if there is none. Where it is nil itself, tls.crt of the folder is served.
	Served func() *x509.Certificate
	// Dir is the folder that has the authority, in ca.crt. Empty: there is none.
	Dir string
}

var _ prometheus.Collector = &Expiration{}

// Describe sends the metrics' descriptions.
func (*Expiration) Describe(to chan<- *prometheus.Desc) { to <- expiration }

// Collect reads the files.
func (e *Expiration) Collect(to chan<- prometheus.Metric) {
	served := e.served()
	if served == nil {
		return
	}
	send := func(which string, cert *x509.Certificate) {
		to <- prometheus.MustNewConstMetric(expiration, prometheus.GaugeValue, float64(cert.NotAfter.Unix()), which)
	}
	send("server", served)
	if e.Dir == "" {
		return
	}
	authorities, err := certutil.CertsFromFile(filepath.Join(e.Dir, authoritiesKey))
	if err != nil {
		return
	}
	for _, authority := range authorities {
		if served.CheckSignatureFrom(authority) == nil {
			send("authority", authority)
			return
		}
	}
}

func (e *Expiration) served() *x509.Certificate {
	if e.Served != nil {
		return e.Served()
	}
	if e.Dir == "" {
		return nil
	}
	certs, err := certutil.CertsFromFile(filepath.Join(e.Dir, certificateKey))
	if err != nil {
		return nil
	}
	return certs[0]
}
