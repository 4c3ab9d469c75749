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

// BenchmarkHandler answers without connections: what is left is the server's own.
func BenchmarkHandler(b *testing.B) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, Log: logr.Discard()})
	if err != nil {
		b.Fatalf("New: %v", err)
	}
	const evaluation = `{"action":{"name":"read"},"context":{"ip":"192.0.2.7"},"resource":{"id":"o-1","type":"order"},"subject":{"id":"bob","type":"user"}}`
	batch := `{"evaluations":[` + evaluation + strings.Repeat(","+evaluation, 99) + `]}`
	for name, tc := range map[string]struct {
		path, body string
		decisions  int
	}{
		"evaluation":           {"/domains/shop/access/v1/evaluation", evaluation, 1},
		"batch of 100":         {"/domains/shop/access/v1/evaluations", batch, 100},
		"batch of 100 updates": {"/domains/shop/access/v1/evaluations", strings.ReplaceAll(batch, evaluation, anUpdate), 100},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodPost, tc.path, nil)
			r.Header.Set("Content-Type", "application/json")
			for b.Loop() {
				w := httptest.NewRecorder()
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(tc.body)), int64(len(tc.body))
				s.Handler().ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tc.decisions), "ns/decision")
		})
	}
}
