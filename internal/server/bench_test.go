package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

const anUpdate = `{"subject": {"type": "user", "id": "bob", "properties": {"amr": ["pwd", "mfa"]}}, "action": {"name": "update", "properties": {"values": {"status": "draft"}}},
	"resource": {"type": "order", "id": "o-1", "properties": {"company": "north", "status": "draft"}}, "context": {"ip": "10.0.0.1"}}`

// BenchmarkHTTP asks over connections of this machine, as many at a time as there are processors. The bare server
// decodes and encodes the same JSON and decides nothing: what it takes is not ours.
func BenchmarkHTTP(b *testing.B) {
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, Log: logr.Discard()})
	if err != nil {
		b.Fatalf("New: %v", err)
	}
	answer := post(s, "/domains/shop/access/v1/evaluation", anUpdate)
	if !strings.Contains(answer.Body.String(), `"decision":true`) {
		b.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	var same Decision
	if err := json.Unmarshal(answer.Body.Bytes(), &same); err != nil {
		b.Fatal(err)
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question map[string]any
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			b.Errorf("decode: %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(&same); err != nil {
			b.Errorf("encode: %v", err)
		}
	})
	for name, handler := range map[string]http.Handler{"evaluation": s.Handler(), "bare": bare} {
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
