package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

// BenchmarkHTTP asks over connections of this machine, as many at a time as there are processors. TestLoad measures for
// longer.
func BenchmarkHTTP(b *testing.B) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, Log: logr.Discard()})
	if err != nil {
		b.Fatalf("New: %v", err)
	}
	answer := post(s, "/domains/shop/access/v1/evaluation", anUpdate)
	if !strings.Contains(answer.Body.String(), `"decision":true`) {
		b.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	for name, handler := range map[string]http.Handler{"evaluation": s.Handler(), "bare": bare(b, answer.Body.Bytes())} {
		b.Run(name, func(b *testing.B) {
			listener := httptest.NewServer(handler)
			defer listener.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * runtime.GOMAXPROCS(0)}}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					response, err := client.Post(listener.URL+"/domains/shop/access/v1/evaluation", "application/json", strings.NewReader(anUpdate))
					if err != nil {
						b.Errorf("ask: %v", err)
						return
					}
					_, err = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					if err != nil || response.StatusCode != http.StatusOK {
						b.Errorf("status %d, error %v", response.StatusCode, err)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
		})
	}
}
