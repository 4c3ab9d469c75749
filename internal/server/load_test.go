package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/remit-authz/remit/internal/server/wire"
)

// How long the tests under load last. For figures that mean something:
//
//	go test ./internal/server -v -run TestLoad -load 30s
//	go test ./internal/server -v -run TestAnAPIServerThatIsAway -outage 60s
var (
	loadTime   = flag.Duration("load", 2*time.Second, "how long the server is under load, and the bare handler too")
	outageTime = flag.Duration("outage", 3*time.Second, "how long the API server is away")
)

const anUpdate = `{"subject": {"type": "user", "id": "bob", "properties": {"amr": ["pwd", "mfa"]}}, "action": {"name": "update", "properties": {"values": {"status": "draft"}}},
	"resource": {"type": "order", "id": "o-1", "properties": {"company": "north", "status": "draft"}}, "context": {"ip": "10.0.0.1"}}`

// bare is a handler that decodes and encodes the same JSON, and decides nothing: what it takes is not ours.
func bare(tb testing.TB, answer []byte) http.Handler {
	tb.Helper()
	var same wire.Decision
	if err := json.Unmarshal(answer, &same); err != nil {
		tb.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question map[string]any
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(&same) // whoever asks sees that it is not whole
	})
}

// asker asks the same all the time, over connections of this machine.
type asker struct {
	url, token, question string
	// answer is what every answer has to begin with; another one is a change.
	answer []byte

	took           latencies
	failed, change atomic.Int64
	first          atomic.Pointer[string] // what went wrong first
}

// run asks until ctx is done, with many requests at a time.
func (a *asker) run(ctx context.Context) {
	workers := 4 * runtime.GOMAXPROCS(0)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				answer, err := a.ask(client)
				a.took.add(time.Since(began))
				switch {
				case err != nil:
					a.failed.Add(1)
					a.note(err.Error())
				case !bytes.HasPrefix(answer, a.answer):
					a.change.Add(1)
					a.note(string(answer))
				}
			}
		})
	}
	running.Wait()
}

func (a *asker) note(what string) { a.first.CompareAndSwap(nil, &what) }

func (a *asker) ask(client *http.Client) ([]byte, error) {
	request, err := http.NewRequest(http.MethodPost, a.url, strings.NewReader(a.question))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("status %d: %s", response.StatusCode, answer))
	}
	return answer, errors.Join(err, response.Body.Close())
}

// mustBeRight fails the test unless every request was answered, and as it should.
func (a *asker) mustBeRight(t *testing.T) {
	t.Helper()
	if failed, changed := a.failed.Load(), a.change.Load(); failed+changed > 0 {
		t.Errorf("of %d requests, %d failed, and %d were answered differently, at first: %s", a.took.count(), failed, changed, *a.first.Load())
	}
}

// latencies is a histogram of which each bucket is a hundredth longer than the one before.
type latencies [2400]atomic.Int64

const bucketGrowth = 1.01

func (l *latencies) add(took time.Duration) {
	bucket := int(math.Log(float64(max(took.Microseconds(), 1))) / math.Log(bucketGrowth))
	l[min(bucket, len(l)-1)].Add(1)
}

func (l *latencies) count() (n int64) {
	for i := range l {
		n += l[i].Load()
	}
	return n
}

// quantile is how long the given part of the requests took at most.
func (l *latencies) quantile(part float64) time.Duration {
	left := int64(math.Ceil(part * float64(l.count())))
	for i := range l {
		if left -= l[i].Load(); left <= 0 {
			return time.Duration(math.Pow(bucketGrowth, float64(i+1))) * time.Microsecond
		}
	}
	return 0
}

// footprint is what the process holds on to.
type footprint struct {
	goroutines int
	heap       uint64
}

func footprintNow() footprint {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return footprint{runtime.NumGoroutine(), memory.HeapAlloc}
}

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %.1f MiB of heap", f.goroutines, float64(f.heap)/(1<<20))
}

// TestLoad asks as much as this machine can, in turns with a bare handler, so that both see the same machine.
func TestLoad(t *testing.T) {
	const (
		turns = 4
		// moreHeap is what the heap may have grown by in the end, whatever was asked in between.
		moreHeap = 16 << 20
	)
	s, err := New(fixed{"shop": shop()}, Options{
		Listener: listen(t), PlainHTTP: true, Authn: AuthnNone, Registerer: prometheus.NewRegistry(),
		DecisionLog: DecisionLog{Writer: io.Discard}, Log: logr.Discard(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	const path = "/domains/shop/access/v1/evaluation"
	answer := post(s, path, anUpdate).Body.Bytes()
	if !bytes.Contains(answer, []byte(`"decision":true`)) {
		t.Fatalf("the answer is %s", answer)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- s.Start(ctx) }()
	other := &http.Server{Handler: bare(t, answer), ReadHeaderTimeout: readHeaderTimeout}
	listener := listen(t)
	go func() { ended <- other.Serve(listener) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(other.Close(), ignore(<-ended, http.ErrServerClosed), ignore(<-ended, http.ErrServerClosed)); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	eventually(t, "the server listens", func() bool { return s.Addr() != nil })

	askers := map[string]*asker{
		"bare":   {url: "http://" + listener.Addr().String() + path, question: anUpdate, answer: answer},
		"server": {url: "http://" + s.Addr().String() + path, question: anUpdate, answer: answer},
	}
	load := func(name string, long time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		askers[name].run(ctx)
	}
	// What is made once is there after the first requests.
	load("bare", *loadTime/20)
	load("server", *loadTime/20)
	before := footprintNow()
	askers["bare"].took, askers["server"].took = latencies{}, latencies{}
	rates := map[string]float64{}
	for range turns {
		for name := range askers {
			load(name, *loadTime/turns)
		}
	}
	for name, a := range askers {
		a.mustBeRight(t)
		rates[name] = float64(a.took.count()) / loadTime.Seconds()
		t.Logf("%-6s %9.0f requests/s over %s: half take up to %s, 99 of 100 up to %s; %d failed, %d were answered differently",
			name, rates[name], *loadTime, a.took.quantile(.5), a.took.quantile(.99), a.failed.Load(), a.change.Load())
	}
	t.Logf("the server answers %.2f of what the bare handler does, on %d processors", rates["server"]/rates["bare"], runtime.GOMAXPROCS(0))
	var after footprint
	eventually(t, "no goroutine is left over", func() bool {
		after = footprintNow()
		return after.goroutines <= before.goroutines
	})
	t.Logf("before: %s; after: %s", before, after)
	if after.heap > before.heap+moreHeap {
		t.Errorf("the heap has grown from %d to %d bytes", before.heap, after.heap)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// ignore is nil for an error that is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
