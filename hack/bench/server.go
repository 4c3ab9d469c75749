package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/internal/engine"
)

// serverResult is an element of bin/bench/server.json: one server.
type serverResult struct {
	Server  string `json:"server"`
	Version string `json:"version,omitempty"`
	// Endpoint is what was asked: AuthZEN, over plain HTTP or TLS, with or without authentication.
	Endpoint string `json:"endpoint"`
	TLS      bool   `json:"tls"`
	// Unavailable is why the server was not measured.
	Unavailable string `json:"unavailable,omitempty"`

	Single   []throughput `json:"single"` // at 1, 8 and 64 connections
	BestRPS  float64      `json:"best_requests_per_s"`
	OpenLoop struct {
		Rate        float64 `json:"requests_per_s"` // half the highest
		Connections int     `json:"connections"`
		latency
		// SentP99 is how late the client sent a request, which is a part of its latency.
		SentP99 float64 `json:"sent_p99_ms"`
	} `json:"open_loop"`
	Batch struct {
		Size              int     `json:"size"`
		Connections       int     `json:"connections"`
		RequestsPerSec    float64 `json:"requests_per_s"`
		DecisionsPerSec   float64 `json:"decisions_per_s"`
		CPUMicrosDecision float64 `json:"cpu_us_per_decision"`
		// OfSingle is DecisionsPerSec as a multiple of BestRPS.
		OfSingle float64 `json:"of_single"`
	} `json:"batch"`
}

type throughput struct {
	Connections    int     `json:"connections"`
	RequestsPerSec float64 `json:"requests_per_s"`
	CPUMicros      float64 `json:"cpu_us_per_request"` // of the server's process
}

const (
	batchSize = 100
	// batchConnections is how many send batches, openConnections how many the open loop has.
	batchConnections, openConnections = 8, 64
)

// contestant is a server that runs.
type contestant struct {
	*process
	result        serverResult
	single, batch *target
	// samples of each round, whose medians count.
	rps, cpu                 map[int][]float64
	p50, p99, p999, worst    []float64
	sent                     []float64
	batchRPS, batchCPU, rate []float64
}

func serverCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	rounds := flags.Int("rounds", 3, "of all servers in turn; the medians count")
	each := flags.Duration("time", 2*time.Second, "of each measurement")
	only := flags.String("only", "", "`servers` to measure, separated by commas; writes no results")
	openfga := flags.String("openfga", filepath.Join(folder, "openfga"), "OpenFGA's program")
	cerbos := flags.String("cerbos", filepath.Join(folder, "cerbos/node_modules/.bin/cerbos"), "Cerbos' program")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "remit-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	w := roleSizes("small", 100, 10, 1000)
	a := &arena{workload: w, data: data, openfga: *openfga, cerbos: *cerbos}
	defer func() {
		if a.cluster != nil {
			a.cluster.stop()
		}
	}()

	var running []*contestant
	var results []serverResult
	defer func() {
		for _, c := range running {
			c.stop()
		}
	}()
	for _, s := range []struct {
		name  string
		start func(context.Context) (*contestant, error)
	}{
		{"bare", a.startBare},
		{"bare-tls", a.startBareTLS},
		{"remit", a.startRemit},
		{"remit-authn", a.startRemitAuthn},
		{"cerbos", a.startCerbos},
		{"openfga", a.startOpenFGA},
	} {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		c, err := s.start(ctx)
		if err == nil {
			err = a.verify(c)
		}
		if c != nil && c.process != nil {
			running = append(running, c)
		}
		if errors.Is(err, errMissing) {
			say("%s is left out: %v", s.name, err)
			results = append(results, serverResult{Server: s.name, Unavailable: err.Error()})
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		c.result.Server = s.name
		say("%s %s runs", s.name, c.result.Version)
	}
	for round := range *rounds {
		for _, c := range running {
			if err := c.measure(ctx, *each); err != nil {
				return fmt.Errorf("%s: %w", c.result.Server, err)
			}
			say("Round %d: %s: %.0f requests/s, p99 %.2f ms, sent after %.2f ms", round+1, c.result.Server, c.highest(), c.p99[round], c.sent[round])
		}
	}
	for i, c := range running {
		c.summarize()
		results = slices.Insert(results, i, c.result)
	}
	for _, line := range serverTable(results) {
		fmt.Println(line)
	}
	if *only != "" {
		return nil
	}
	return writeResults("server", results)
}

// measure is one round.
func (c *contestant) measure(ctx context.Context, each time.Duration) error {
	if _, _, err := c.closed(ctx, c.single, 8, each/4); err != nil { // warm
		return err
	}
	if c.rps == nil {
		c.rps, c.cpu = map[int][]float64{}, map[int][]float64{}
	}
	for _, count := range []int{1, 8, 64} {
		rps, cpu, err := c.closed(ctx, c.single, count, each)
		if err != nil {
			return err
		}
		c.rps[count], c.cpu[count] = append(c.rps[count], rps), append(c.cpu[count], cpu)
	}
	if err := c.open(ctx, c.highest()/2, each*3/2); err != nil {
		return err
	}
	rps, cpu, err := c.closed(ctx, c.batch, batchConnections, each)
	c.batchRPS, c.batchCPU = append(c.batchRPS, rps), append(c.batchCPU, cpu)
	return err
}

// closed asks over some connections for a time. It gives the requests that were answered in a second, and what each cost
// the server's process, in microseconds of a processor.
func (c *contestant) closed(ctx context.Context, t *target, count int, d time.Duration) (rps, cpu float64, err error) {
	all, err := t.open(count)
	if err != nil {
		return 0, 0, err
	}
	defer all.close()
	before, began := c.process.cpu(), time.Now()
	answered, err := t.closedLoop(ctx, all, d)
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	return float64(answered) / took.Seconds(), float64((c.process.cpu() - before).Microseconds()) / float64(answered), nil
}

// open asks by a schedule.
func (c *contestant) open(ctx context.Context, rate float64, d time.Duration) error {
	all, err := c.single.open(openConnections)
	if err != nil {
		return err
	}
	defer all.close()
	took, late, err := c.single.openLoop(ctx, all, rate, d)
	if err != nil {
		return err
	}
	l := percentiles(took)
	c.result.OpenLoop.Count += l.Count
	c.rate, c.p50, c.p99, c.p999, c.worst = append(c.rate, rate), append(c.p50, l.P50), append(c.p99, l.P99), append(c.p999, l.P999), append(c.worst, l.Max)
	c.sent = append(c.sent, percentiles(late).P99)
	return nil
}

// highest is the best rate of the last round.
func (c *contestant) highest() float64 {
	best := 0.0
	for _, rates := range c.rps {
		best = max(best, rates[len(rates)-1])
	}
	return best
}

func (c *contestant) summarize() {
	r := &c.result
	for _, connections := range []int{1, 8, 64} {
		t := throughput{connections, median(c.rps[connections]), median(c.cpu[connections])}
		r.Single = append(r.Single, t)
		r.BestRPS = max(r.BestRPS, t.RequestsPerSec)
	}
	r.OpenLoop.Rate, r.OpenLoop.Connections = median(c.rate), openConnections
	r.OpenLoop.P50, r.OpenLoop.P99, r.OpenLoop.P999, r.OpenLoop.Max = median(c.p50), median(c.p99), median(c.p999), slices.Max(c.worst)
	r.OpenLoop.SentP99 = median(c.sent)
	r.Batch.Size, r.Batch.Connections = batchSize, batchConnections
	r.Batch.RequestsPerSec = median(c.batchRPS)
	r.Batch.DecisionsPerSec = batchSize * r.Batch.RequestsPerSec
	r.Batch.CPUMicrosDecision = median(c.batchCPU) / batchSize
	r.Batch.OfSingle = r.Batch.DecisionsPerSec / r.BestRPS
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// errMissing is that a server cannot be had here.
var errMissing = errors.New("not installed")

// arena starts the servers, all with the same workload.
type arena struct {
	*workload
	data            string // temporary files
	openfga, cerbos string
	cluster         *cluster
}

// bodies are the evaluations, and batches of them. change puts them into a server's own words.
func (a *arena) bodies(change func(r *request, evaluation map[string]any)) (single, batches [][]byte) {
	var evaluations []any
	for i := range a.requests {
		r := &a.requests[i]
		e := map[string]any{
			"subject":  map[string]any{"type": "user", "id": r.user},
			"action":   map[string]any{"name": r.action},
			"resource": map[string]any{"type": r.resourceType, "id": r.id},
			"context":  map[string]any{"ip": "192.0.2.7"},
		}
		if change != nil {
			change(r, e)
		}
		single = append(single, encode(e))
		evaluations = append(evaluations, e)
	}
	for first := range a.requests {
		var batch []any
		for i := range batchSize {
			batch = append(batch, evaluations[(first+i)%len(evaluations)])
		}
		batches = append(batches, encode(map[string]any{"evaluations": batch}))
	}
	return single, batches
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of values that are made here
	}
	return text
}

// contestant makes one of a process that serves AuthZEN below a URL.
func (a *arena) contestant(p *process, base, token string, change func(*request, map[string]any)) (*contestant, error) {
	single, batches := a.bodies(change)
	c := &contestant{process: p}
	c.result.Endpoint, c.result.TLS = "AuthZEN evaluation", strings.HasPrefix(base, "https:")
	var errs [2]error
	c.single, errs[0] = newTarget(base+"/access/v1/evaluation", token, single)
	c.batch, errs[1] = newTarget(base+"/access/v1/evaluations", token, batches)
	return c, errors.Join(errs[:]...)
}

// verify has the server answer every request, and compares. The bare handler does not decide.
func (a *arena) verify(c *contestant) error {
	if c.result.Version == bareVersion {
		return nil
	}
	type answer struct {
		Decision    bool
		Evaluations []struct{ Decision bool }
	}
	ask := func(t *target, i int) (*answer, error) {
		connection, err := t.connect()
		if err != nil {
			return nil, err
		}
		defer connection.Close()
		var text bytes.Buffer
		if err := connection.ask(t.requests[i], &text); err != nil {
			return nil, err
		}
		got := &answer{}
		return got, json.Unmarshal(text.Bytes(), got)
	}
	for i := range a.requests {
		one, err := ask(c.single, i)
		if err != nil {
			return err
		}
		if one.Decision != a.requests[i].want {
			return fmt.Errorf("request %d: it says %t, want %t", i, one.Decision, a.requests[i].want)
		}
		many, err := ask(c.batch, i)
		if err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		if len(many.Evaluations) != batchSize {
			return fmt.Errorf("batch %d: %d answers, want %d", i, len(many.Evaluations), batchSize)
		}
		for j, e := range many.Evaluations {
			if want := a.requests[(i+j)%len(a.requests)].want; e.Decision != want {
				return fmt.Errorf("batch %d, evaluation %d: it says %t, want %t", i, j, e.Decision, want)
			}
		}
	}
	return nil
}

// bareVersion marks the server that decides nothing.
const bareVersion = "net/http"

func (a *arena) startBare(ctx context.Context) (*contestant, error) {
	return a.bare(ctx, "http")
}

func (a *arena) startBareTLS(ctx context.Context) (*contestant, error) {
	return a.bare(ctx, "https", "-tls")
}

func (a *arena) bare(ctx context.Context, scheme string, args ...string) (*contestant, error) {
	p, endpoint, err := startBareHandler(scheme, args...)
	if err != nil {
		return nil, err
	}
	c, err := a.contestant(p, endpoint, "", nil)
	c.result.Version = bareVersion
	return c, errors.Join(err, waitFor(ctx, p, endpoint+"/healthz"))
}

// startBareHandler starts the server that decides nothing, in a process of its own.
func startBareHandler(scheme string, args ...string) (p *process, endpoint string, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	p, err = start("bare-"+scheme, self, append([]string{"bare", "-address", address}, args...)...)
	return p, scheme + "://" + address, err
}

// waitFor waits until a server answers a GET.
func waitFor(ctx context.Context, p *process, url string) error {
	client := newHTTPClient(1)
	return waitUntil(ctx, 30*time.Second, p.name+" to answer", func() error {
		if err := p.hasEnded(); err != nil {
			return err
		}
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
}

// startRemit serves manifests over plain HTTP, to everybody.
func (a *arena) startRemit(ctx context.Context) (*contestant, error) {
	folder := filepath.Join(a.data, "manifests")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, object := range remitObjects(a.workload) {
		kind, _ := engine.KindOf(object)
		document := map[string]any{}
		if err := json.Unmarshal(encode(object), &document); err != nil {
			return nil, err
		}
		document["apiVersion"], document["kind"] = "permissions.remit.dev/v1alpha1", string(kind)
		delete(document, "status")
		written, err := yaml.Marshal(document)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "---\n%s", written)
	}
	if err := os.WriteFile(filepath.Join(folder, "domain.yaml"), text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := start("kubectl-remit", "bin/kubectl-remit", "serve", "-f", folder, "--bind-address", address)
	if err != nil {
		return nil, err
	}
	c, err := a.contestant(p, "http://"+address+"/domains/"+namespace, "", nil)
	c.result.Endpoint += ", `kubectl remit serve`"
	return c, errors.Join(err, waitFor(ctx, p, "http://"+address+"/openapi.json"))
}

// startRemitAuthn is the manager in its usual configuration, on a real API server that knows the caller.
func (a *arena) startRemitAuthn(ctx context.Context) (*contestant, error) {
	var err error
	if a.cluster, err = startCluster(ctx); err != nil {
		return nil, err
	}
	for _, object := range remitObjects(a.workload) {
		o, _ := object.(client.Object)
		if err := a.cluster.client.Create(ctx, o); err != nil {
			return nil, err
		}
	}
	token, err := a.cluster.callerToken(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.cluster.installWebhooks(); err != nil {
		return nil, err
	}
	m, err := a.cluster.startManager(ctx, time.Minute)
	if err != nil {
		return nil, err
	}
	c, err := a.contestant(m.process, "https://"+m.decisions+"/domains/"+namespace, token, nil)
	c.result.Endpoint += ", manager, bearer token"
	if err != nil {
		return c, err
	}
	s := &scale{cluster: a.cluster, manager: m}
	_, err = s.waitUntilIdle(ctx) // writing status is not what is measured
	return c, err
}

// startCerbos has a resource policy for each type, and requests that name the subject's roles: it keeps none.
func (a *arena) startCerbos(ctx context.Context) (*contestant, error) {
	if _, err := os.Stat(a.cerbos); err != nil {
		return nil, fmt.Errorf("%w: %w", errMissing, err)
	}
	policies := filepath.Join(a.data, "cerbos")
	if err := os.Mkdir(policies, 0o700); err != nil {
		return nil, err
	}
	rules := map[string][]any{}
	for _, r := range a.roles {
		for _, rule := range r.rules {
			rules[rule.resourceType] = append(rules[rule.resourceType], map[string]any{
				"actions": []string{rule.action}, "effect": "EFFECT_ALLOW", "roles": []string{r.name},
			})
		}
	}
	for name, list := range rules {
		policy := map[string]any{"apiVersion": "api.cerbos.dev/v1", "resourcePolicy": map[string]any{"resource": name, "version": "default", "rules": list}}
		if err := os.WriteFile(filepath.Join(policies, name+".json"), encode(policy), 0o600); err != nil {
			return nil, err
		}
	}
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(a.data, "cerbos.json") // JSON is YAML
	err := os.WriteFile(config, encode(map[string]any{
		"server": map[string]any{
			"httpListenAddr": addresses[0], "grpcListenAddr": addresses[1], "logRequestPayloads": false,
			"requestLimits": map[string]any{"maxActionsPerResource": batchSize, "maxResourcesPerRequest": batchSize},
		},
		"storage":   map[string]any{"driver": "disk", "disk": map[string]any{"directory": policies}},
		"telemetry": map[string]any{"disabled": true},
	}), 0o600)
	if err != nil {
		return nil, err
	}
	// The package's script starts another process, which is the one to measure.
	program := a.cerbos
	if native := filepath.Join(filepath.Dir(a.cerbos), "..", "@cerbos", "cerbos-linux-x64", "cerbos-linux-x64"); runtime.GOARCH == "amd64" {
		program = cmp.Or(existing(native), program)
	} else if native := filepath.Join(filepath.Dir(a.cerbos), "..", "@cerbos", "cerbos-linux-arm64", "cerbos-linux-arm64"); existing(native) != "" {
		program = native
	}
	p, err := start("cerbos", program, "server", "--config="+config, "--log-level=error", "--debug-listen-addr="+addresses[2])
	if err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, u := range a.users {
		roles[u.id] = u.roles
	}
	c, err := a.contestant(p, "http://"+addresses[0], "", func(r *request, e map[string]any) {
		e["subject"] = map[string]any{"type": "user", "id": r.user, "properties": map[string]any{"cerbos.roles": roles[r.user]}}
	})
	c.result.Endpoint += ", the roles in the request"
	c.result.Version = programVersion(program, "--version")
	return c, errors.Join(err, waitFor(ctx, p, "http://"+addresses[0]+"/_cerbos/health"))
}

func existing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// programVersion is the last word of the first line that a program prints.
func programVersion(program, argument string) string {
	output, err := exec.Command(program, argument).CombinedOutput()
	words := strings.Fields(strings.SplitN(string(output), "\n", 2)[0])
	if err != nil || len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// startOpenFGA has users that are members of roles, and roles that may read data; it stores all in memory.
func (a *arena) startOpenFGA(ctx context.Context) (*contestant, error) {
	if _, err := os.Stat(a.openfga); err != nil {
		return nil, fmt.Errorf("%w: %w", errMissing, err)
	}
	var addresses [2]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	p, err := start("openfga", a.openfga, "run", "--experimentals=authzen", "--datastore-engine=memory", "--log-level=error", "--metrics-enabled=false",
		"--http-addr="+addresses[0], "--grpc-addr="+addresses[1], "--authzen-base-url=http://"+addresses[0],
		fmt.Sprintf("--max-checks-per-batch-check=%d", batchSize), "--playground-enabled=false")
	if err != nil {
		return nil, err
	}
	failed := &contestant{process: p}
	base := "http://" + addresses[0]
	if err := waitFor(ctx, p, base+"/healthz"); err != nil {
		return failed, err
	}
	var store struct{ ID string }
	if err := post(base+"/stores", map[string]any{"name": "bench"}, &store); err != nil {
		return failed, err
	}
	base += "/stores/" + store.ID
	relation := func(user map[string]any) map[string]any {
		return map[string]any{"directly_related_user_types": []any{user}}
	}
	this := map[string]any{"this": map[string]any{}}
	model := map[string]any{"schema_version": "1.1", "type_definitions": []any{
		map[string]any{"type": "user"},
		map[string]any{
			"type": "role", "relations": map[string]any{"member": this},
			"metadata": map[string]any{"relations": map[string]any{"member": relation(map[string]any{"type": "user"})}},
		},
		map[string]any{
			"type": "data", "relations": map[string]any{"read": this},
			"metadata": map[string]any{"relations": map[string]any{"read": relation(map[string]any{"type": "role", "relation": "member"})}},
		},
	}}
	if err := post(base+"/authorization-models", model, nil); err != nil {
		return failed, err
	}
	var tuples []any
	for _, r := range a.roles {
		for _, rule := range r.rules {
			tuples = append(tuples, map[string]any{"user": "role:" + r.name + "#member", "relation": rule.action, "object": "data:" + rule.resourceType})
		}
	}
	for _, u := range a.users {
		for _, name := range u.roles {
			tuples = append(tuples, map[string]any{"user": "user:" + u.id, "relation": "member", "object": "role:" + name})
		}
	}
	for some := range slices.Chunk(tuples, 100) {
		if err := post(base+"/write", map[string]any{"writes": map[string]any{"tuple_keys": some}}, nil); err != nil {
			return failed, err
		}
	}
	c, err := a.contestant(p, base, "", func(r *request, e map[string]any) {
		e["resource"] = map[string]any{"type": "data", "id": r.resourceType}
	})
	c.result.Endpoint += " (experimental), in-memory store"
	c.result.Version = openFGAVersion()
	return c, err
}

// openFGAVersion is the one in its module.
func openFGAVersion() string {
	text, err := os.ReadFile("hack/bench/openfga/go.mod")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "github.com/openfga/openfga" {
			return fields[1]
		}
	}
	return ""
}

func post(url string, body, answer any) error {
	response, err := http.Post(url, "application/json", bytes.NewReader(encode(body)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", url, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
