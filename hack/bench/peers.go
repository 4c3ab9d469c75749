package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// peerResult is an element of bin/bench/peers.json: one engine on one workload.
type peerResult struct {
	Workload      string  `json:"workload"`
	About         string  `json:"about"`
	Engine        string  `json:"engine"`
	Version       string  `json:"version"`
	Unconditional bool    `json:"unconditional"`
	NsPerOp       float64 `json:"ns_per_op"` // the median of the repetitions
	NsMin         float64 `json:"ns_min"`
	NsMax         float64 `json:"ns_max"`
	AllocsPerOp   float64 `json:"allocs_per_op"`
	BytesPerOp    float64 `json:"bytes_per_op"`
	SetupMs       float64 `json:"setup_ms"`
	HeapBytes     int64   `json:"heap_bytes"` // what the engine holds after setting up
	RatioToRemit  float64 `json:"ratio_to_remit"`
	Repetitions   int     `json:"repetitions"`
}

// decide answers the request of that number of a workload.
type decide func(request int) (allow bool, err error)

const remitEngine = "remit"

// contender is an engine that is set up for a workload.
type contender struct {
	name, module string
	setUp        func() (decide, error)
}

// contest is a workload with all engines that run it.
type contest struct {
	name, about   string
	unconditional bool
	contenders    []contender
	requests      int // that are timed: the first ones
	all           int // that the engines must agree on
	// want is the answer, where it is known without an engine.
	want func(request int) (allow, known bool)
}

func contests(short bool) []contest {
	var list []contest
	for _, w := range workloads(short) {
		c := contest{
			name: w.name, about: w.about, unconditional: w.unconditional, requests: len(w.requests), all: len(w.requests),
			want: func(i int) (bool, bool) { return w.requests[i].want, true },
		}
		c.contenders = []contender{
			{remitEngine, "", func() (decide, error) { return setUpRemit(w) }},
			{"cedar-go", "github.com/cedar-policy/cedar-go", func() (decide, error) { return setUpCedar(w) }},
			{"opa", "github.com/open-policy-agent/opa", func() (decide, error) { return setUpOPA(w) }},
			{"casbin", "github.com/casbin/casbin/v3", func() (decide, error) { return setUpCasbin(w) }},
		}
		if strings.HasPrefix(w.name, "roles-") {
			c.contenders = slices.Insert(c.contenders, 2,
				contender{"cedar-go-data", "github.com/cedar-policy/cedar-go", func() (decide, error) { return setUpCedarData(w) }})
		}
		list = append(list, c)
	}
	k := bootstrapPolicy()
	requests := k.all()
	return append(list, contest{
		name: "kubernetes", about: "Kubernetes' BenchmarkAuthorize: its built-in roles and bindings, three requests of a node",
		unconditional: true, requests: len(k.timed()), all: len(requests),
		contenders: []contender{
			{remitEngine, "", func() (decide, error) { return k.setUpRemit(requests) }},
			{"kubernetes-rbac", "k8s.io/kubernetes", func() (decide, error) { return k.setUp(requests) }},
		},
		want: func(int) (bool, bool) { return false, false },
	})
}

func peersCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("peers", flag.ExitOnError)
	short := flags.Bool("short", false, "leave out the largest size, measure briefly, write no results, and fail on an allocation")
	only := flags.String("only", "", "the one `workload` to run; writes no results")
	profile := flags.String("cpuprofile", "", "`file` to write a profile of Remit's decisions to")
	repetitions := flags.Int("repetitions", 7, "of each measurement; the median counts")
	each := flags.Duration("time", 300*time.Millisecond, "of one repetition, at least")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *short {
		*repetitions, *each = 3, 5*time.Millisecond
	}
	var results []peerResult
	for _, c := range contests(*short) {
		if *only != "" && c.name != *only {
			continue
		}
		measured, err := c.run(ctx, *repetitions, *each, *profile)
		if err != nil {
			return fmt.Errorf("workload %s: %w", c.name, err)
		}
		results = append(results, measured...)
	}
	for _, line := range peersTable(results) {
		fmt.Println(line)
	}
	if *short {
		return noAllocations(results)
	}
	if *only != "" {
		return nil
	}
	return writeResults("peers", results)
}

// background is how often, for each decision, something else in the process may allocate meanwhile, such as the garbage
// collector.
const background = 0.01

// noAllocations fails when an unconditional decision of Remit allocated.
func noAllocations(results []peerResult) error {
	var errs []error
	for _, r := range results {
		if r.Engine == remitEngine && r.Unconditional && r.AllocsPerOp > background {
			errs = append(errs, fmt.Errorf("workload %s: an unconditional decision allocates %.2f times; want 0", r.Workload, r.AllocsPerOp))
		}
	}
	return errors.Join(errs...)
}

// run sets up the engines, has them agree, and times them in turns.
func (c *contest) run(ctx context.Context, repetitions int, each time.Duration, profile string) ([]peerResult, error) {
	say("%s: %s", c.name, c.about)
	results := make([]peerResult, len(c.contenders))
	engines := make([]decide, len(c.contenders))
	for i, contender := range c.contenders {
		before, began := heap(), time.Now()
		decide, err := contender.setUp()
		if err != nil {
			return nil, fmt.Errorf("setting up %s: %w", contender.name, err)
		}
		setup := time.Since(began)
		engines[i] = decide
		results[i] = peerResult{
			Workload: c.name, About: c.about, Unconditional: c.unconditional, Engine: contender.name, Version: version(contender.module),
			SetupMs: milliseconds(setup), HeapBytes: heap() - before, Repetitions: repetitions,
		}
	}
	if err := c.agree(engines); err != nil {
		return nil, err
	}
	if profile != "" {
		return nil, profileRemit(profile, engines[0], c.requests)
	}
	samples := make([][]sample, len(engines))
	for range repetitions {
		for i, decide := range engines {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], measure(decide, c.requests, each))
		}
	}
	for i := range results {
		results[i].take(samples[i])
		results[i].RatioToRemit = results[i].NsPerOp / results[0].NsPerOp
	}
	return results, nil
}

// agree fails unless all engines give the same answer to every request, and the right one. There must be some of both
// answers: engines that know nothing would agree as well.
func (c *contest) agree(engines []decide) error {
	var wrong []error
	allowed := 0
	for request := range c.all {
		want, known := c.want(request)
		for i, decide := range engines {
			got, err := decide(request)
			if err != nil {
				return fmt.Errorf("request %d: %s: %w", request, c.contenders[i].name, err)
			}
			if !known {
				want, known = got, true // the others must agree with the first
			}
			if got && i == 0 {
				allowed++
			}
			if got != want {
				wrong = append(wrong, fmt.Errorf("request %d: %s says %t, want %t", request, c.contenders[i].name, got, want))
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the engines disagree on %d answers: %w", len(wrong), errors.Join(wrong[:min(len(wrong), 10)]...))
	}
	if allowed == 0 || allowed == c.all {
		return fmt.Errorf("%d of %d requests are allowed; want some, and not all", allowed, c.all)
	}
	return nil
}

type sample struct{ ns, allocs, bytes float64 }

// measure asks all requests in turn, again and again, for at least a time.
func measure(decide decide, requests int, least time.Duration) sample {
	round := func(rounds int) {
		for range rounds {
			for request := range requests {
				if _, err := decide(request); err != nil {
					panic(err) // it had no error before
				}
			}
		}
	}
	rounds := 1
	began := time.Now()
	round(1)
	for took := time.Since(began); took < least/10; took = time.Since(began) {
		rounds *= 2
		began = time.Now()
		round(rounds)
	}
	rounds = max(1, int(float64(rounds)*float64(least)/float64(max(time.Since(began), 1))))

	runtime.GC() // of what others left
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began = time.Now()
	round(rounds)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	asked := float64(rounds * requests)
	return sample{float64(took.Nanoseconds()) / asked, float64(after.Mallocs-before.Mallocs) / asked, float64(after.TotalAlloc-before.TotalAlloc) / asked}
}

// take sets the medians. Allocations are the fewest of a repetition: others may be of the runtime.
func (r *peerResult) take(samples []sample) {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.ns, b.ns) })
	r.NsPerOp, r.NsMin, r.NsMax = samples[len(samples)/2].ns, samples[0].ns, samples[len(samples)-1].ns
	r.AllocsPerOp, r.BytesPerOp = samples[0].allocs, samples[0].bytes
	for _, s := range samples {
		r.AllocsPerOp, r.BytesPerOp = min(r.AllocsPerOp, s.allocs), min(r.BytesPerOp, s.bytes)
	}
	if r.AllocsPerOp < 0.01 {
		r.AllocsPerOp, r.BytesPerOp = 0, 0 // the runtime's own, now and then
	}
}

// version of a module in this program; empty for Remit itself.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return ""
}

// profileRemit writes what Remit's decisions spend their time on.
func profileRemit(path string, decide decide, requests int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	measure(decide, requests, 5*time.Second)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
