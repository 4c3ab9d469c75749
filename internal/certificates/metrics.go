package certificates

import (
	"crypto/x509"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	certutil "k8s.io/client-go/util/cert"
)

var expiration = prometheus.NewDesc("remit_certificate_expiration_timestamp_seconds",
	"When the certificate that this replica serves, and the authority that signed it, end, in seconds since 1970.", []string{"certificate"}, nil)

// Expiration are the metrics of the certificate in a folder, whoever made it: tls.crt, and the authority in ca.crt that signed
// it. What is not there has no metric.
type Expiration struct{ Dir string }

var _ prometheus.Collector = Expiration{}

// Describe sends the metrics' descriptions.
func (Expiration) Describe(to chan<- *prometheus.Desc) { to <- expiration }

// Collect reads the files.
func (e Expiration) Collect(to chan<- prometheus.Metric) {
	served, err := certutil.CertsFromFile(filepath.Join(e.Dir, certificateKey))
	if err != nil {
		return
	}
	send := func(which string, cert *x509.Certificate) {
		to <- prometheus.MustNewConstMetric(expiration, prometheus.GaugeValue, float64(cert.NotAfter.Unix()), which)
	}
	send("server", served[0])
	authorities, err := certutil.CertsFromFile(filepath.Join(e.Dir, authoritiesKey))
	if err != nil {
		return
	}
	for _, authority := range authorities {
		if served[0].CheckSignatureFrom(authority) == nil {
			send("authority", authority)
			return
		}
	}
}
