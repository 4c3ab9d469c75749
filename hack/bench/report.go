package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// document is what reportCommand writes the tables into, between comments that name them.
const document = "docs/benchmarks.md"

// goal is what was to be reached, and what was.
type goal struct {
	what, want, got string
	met             bool
}

// reportCommand puts the results of all commands into the document.
func reportCommand(_ context.Context, _ []string) error {
	page, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	updated, err := between(string(page), "machine", []string{machine()})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name  string
		table func([]byte) ([]string, error)
	}{
		{"peers", tableOf(peersTable)},
		{"server", tableOf(serverTable)},
		{"scale", tableOf(func(r scaleResults) []string { return scaleTable(&r) })},
	} {
		text, err := os.ReadFile(resultFile(part.name))
		if errors.Is(err, os.ErrNotExist) {
			fmt.Printf("%s is not there: its table stays as it is; run make bench-%s\n", resultFile(part.name), part.name)
			continue
		}
		if err != nil {
			return err
		}
		lines, err := part.table(text)
		if err != nil {
			return fmt.Errorf("%s: %w", resultFile(part.name), err)
		}
		if updated, err = between(updated, part.name, lines); err != nil {
			return err
		}
	}
	return os.WriteFile(document, []byte(updated), 0o644)
}

func tableOf[R any](table func(R) []string) func([]byte) ([]string, error) {
	return func(text []byte) ([]string, error) {
		var results R
		err := json.Unmarshal(text, &results)
		return table(results), err
	}
}

// between replaces what stands between two comments.
func between(page, name string, lines []string) (string, error) {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	head, rest, ok := strings.Cut(page, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("%s has no %q and %q", document, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return head + begin + strings.Join(lines, "\n") + "\n" + end + tail, nil
}

// table is one in Markdown, which reads well on a terminal too: columns are as wide as their widest cell.
func table(head []string, rows [][]string) []string {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	line := func(row []string) string {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		return b.String() + "|"
	}
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
	}
	lines := []string{line(head), line(rule)}
	for _, row := range rows {
		lines = append(lines, line(row))
	}
	return lines
}

func goalTable(goals []goal) []string {
	var rows [][]string
	for _, g := range goals {
		met := "yes"
		if !g.met {
			met = "**no**"
		}
		rows = append(rows, []string{g.what, g.want, g.got, met})
	}
	return table([]string{"goal", "wanted", "reached", "met"}, rows)
}

// machine is where this runs, and when the last results were written.
func machine() string {
	var measured time.Time
	for _, command := range []string{"peers", "server", "scale"} {
		if file, err := os.Stat(resultFile(command)); err == nil && file.ModTime().After(measured) {
			measured = file.ModTime()
		}
	}
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf(", %.0f GiB", float64(kib)/(1<<20))
		}
	}
	return fmt.Sprintf("%d × %s%s; %s; %s.", runtime.NumCPU(), model, memory, runtime.Version(), measured.UTC().Format(time.DateOnly))
}

// Peers

func peersTable(results []peerResult) []string {
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{
			r.Workload, strings.TrimSpace(r.Engine + " " + r.Version), nanoseconds(r.NsPerOp), times(r.RatioToRemit), fmt.Sprintf("%.1f", r.AllocsPerOp),
			fmt.Sprintf("%.0f", r.BytesPerOp), fmt.Sprintf("%.0f ms", r.SetupMs), mebibytes(r.HeapBytes),
		})
	}
	lines := table([]string{"workload", "engine", "a decision", "to Remit", "allocations", "bytes", "set up", "held"}, rows)
	return slices.Concat(goalTable(peersGoals(results)), []string{""}, lines)
}

func peersGoals(results []peerResult) []goal {
	find := func(workload, engine string) *peerResult {
		for i := range results {
			if results[i].Workload == workload && results[i].Engine == engine {
				return &results[i]
			}
		}
		return nil
	}
	var goals []goal
	var sizes []*peerResult
	for _, size := range []string{"roles-small", "roles-medium", "roles-large"} {
		if r := find(size, remitEngine); r != nil {
			sizes = append(sizes, r)
			goals = append(goals, goal{
				"unconditional decision, " + size, "under 300 ns, 0 allocations", fmt.Sprintf("%s, %.1f", nanoseconds(r.NsPerOp), r.AllocsPerOp),
				r.NsPerOp < 300 && r.AllocsPerOp == 0,
			})
		}
	}
	if len(sizes) == 3 {
		ratio := sizes[2].NsPerOp / sizes[0].NsPerOp
		goals = append(goals, goal{"the largest size to the smallest", "at most 1.5×", times(ratio), ratio <= 1.5})
	}
	for _, g := range []struct {
		engine string
		least  float64
	}{{"cedar-go", 10}, {"cedar-go-data", 10}, {"opa", 100}, {"casbin", 100}, {"kubernetes-rbac", 5}} {
		for _, r := range results {
			if r.Engine == g.engine {
				goals = append(goals, goal{"faster than " + g.engine + ", " + r.Workload, fmt.Sprintf("at least %.0f×", g.least), times(r.RatioToRemit), r.RatioToRemit >= g.least})
			}
		}
	}
	if r := find("attribute", remitEngine); r != nil {
		goals = append(goals, goal{
			"one attribute condition", "under 1 µs, 0 allocations", fmt.Sprintf("%s, %.1f", nanoseconds(r.NsPerOp), r.AllocsPerOp), r.NsPerOp < 1000 && r.AllocsPerOp == 0,
		})
	}
	if r := find("tree", remitEngine); r != nil {
		goals = append(goals, goal{"record restriction in a tree of 10,000", "under 1 µs", nanoseconds(r.NsPerOp), r.NsPerOp < 1000})
	}
	return goals
}

// Server

func serverTable(results []serverResult) []string {
	var rows [][]string
	for _, r := range results {
		if r.Unavailable != "" {
			rows = append(rows, []string{r.Server, r.Unavailable, "", "", "", "", "", "", "", ""})
			continue
		}
		row := []string{strings.TrimSpace(r.Server + " " + r.Version)}
		cpu := 0.0
		for _, t := range r.Single {
			row = append(row, fmt.Sprintf("%.0f", t.RequestsPerSec))
			if t.RequestsPerSec == r.BestRPS {
				cpu = t.CPUMicros
			}
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f µs", cpu), fmt.Sprintf("%.0f", r.OpenLoop.Rate), millis(r.OpenLoop.P50), millis(r.OpenLoop.P99),
			millis(r.OpenLoop.P999), fmt.Sprintf("%.0f (%s)", r.Batch.DecisionsPerSec, times(r.Batch.OfSingle)), fmt.Sprintf("%.1f µs", r.Batch.CPUMicrosDecision)))
	}
	lines := table([]string{
		"server", "requests/s: 1", "8", "64 connections", "CPU each", "at half: requests/s", "p50", "p99", "p99.9", "decisions/s in batches", "CPU each",
	}, rows)
	return slices.Concat(goalTable(serverGoals(results)), []string{""}, lines)
}

func serverGoals(results []serverResult) []goal {
	by := map[string]*serverResult{}
	for i := range results {
		if results[i].Unavailable == "" {
			by[results[i].Server] = &results[i]
		}
	}
	var goals []goal
	remit, authn := by["remit"], by["remit-authn"]
	if authn != nil && by["bare-tls"] != nil {
		part := authn.BestRPS / by["bare-tls"].BestRPS
		goals = append(goals, goal{"authn on, throughput of the bare handler's (both TLS)", "at least 0.75", fmt.Sprintf("%.2f", part), part >= 0.75})
	}
	if remit != nil && by["bare"] != nil {
		part := remit.BestRPS / by["bare"].BestRPS
		goals = append(goals, goal{"authn off, throughput of the bare handler's (both plain)", "at least 0.75", fmt.Sprintf("%.2f", part), part >= 0.75})
	}
	if authn != nil {
		goals = append(goals, goal{"authn on, p99 at half the highest rate", "under 1 ms", millis(authn.OpenLoop.P99), authn.OpenLoop.P99 < 1})
	}
	for _, name := range []string{"cerbos", "openfga"} {
		peer := by[name]
		if peer == nil || remit == nil {
			continue
		}
		faster, slower := remit.BestRPS/peer.BestRPS, remit.OpenLoop.P99/peer.OpenLoop.P99
		goals = append(goals,
			goal{"throughput to " + name, "at least 3×", times(faster), faster >= 3},
			goal{"p99 to " + name + ", each at half its highest rate", "at most 0.33", fmt.Sprintf("%.2f", slower), slower <= 1.0/3})
	}
	for _, r := range []*serverResult{remit, authn} {
		if r != nil {
			goals = append(goals, goal{r.Server + ": decisions/s in batches of 100 to single ones", "at least 20×", times(r.Batch.OfSingle), r.Batch.OfSingle >= 20})
		}
	}
	return goals
}

// Scale

func scaleTable(r *scaleResults) []string {
	lines := goalTable(scaleGoals(r))
	lines = append(lines, "")
	s := &r.Sizes
	lines = append(lines, fmt.Sprintf("%d users, %d groups, %d roles, %d types, %d user permissions, %d records; %d objects created by %d writers in %.0f s.",
		s.Users, s.Groups, s.Roles, s.Types, s.UserPermissions, s.Records, r.Load.Objects, r.Load.Writers, r.Load.Seconds), "")
	if r.Stopped != "" {
		lines = append(lines, "Stopped early, so figures are missing: "+r.Stopped, "")
	}
	rows := [][]string{
		{"cold start to ready", fmt.Sprintf("%.1f s", r.ColdStartSec)},
		{"manager resident: ready / all status current / highest", fmt.Sprintf("%s / %s / %s", mebibytes(r.Memory.AtReady), mebibytes(r.Memory.AllCurrent), mebibytes(r.Memory.Peak))},
		{"engine's heap, in a process of its own", fmt.Sprintf("%s, %.0f bytes a user; compiled in %.1f s", mebibytes(r.Engine.HeapBytes), r.Engine.BytesPerUser, r.Engine.CompileSec)},
		{"API server's creates, without Remit", fmt.Sprintf("%.0f/s", r.Load.CreatesPerSec)},
		{"all status current after", fmt.Sprintf("%.0f s: %d writes, %.0f/s; %.0f users/s", r.Status.Seconds, r.Status.Writes, r.Status.WritesPerSec, r.Status.UsersPerSec)},
		{"decisions while status is written: p50 / p99 / p99.9", r.Decisions.WhileWriting.text()},
		{"a bare handler's answers meanwhile: p50 / p99 / p99.9", r.Decisions.BareWhileWriting.text()},
		{"decisions otherwise: p50 / p99 / p99.9", r.Decisions.Idle.text()},
		{"a bare handler's answers otherwise: p50 / p99 / p99.9", r.Decisions.BareIdle.text()},
	}
	lines = append(lines, table([]string{"what", "measured"}, rows)...)
	lines = append(lines, "")
	rows = nil
	for _, c := range r.Changes {
		rows = append(rows, []string{
			c.What, strconv.Itoa(c.Decision.Count), millis(c.Decision.P50), millis(c.Decision.P99), millis(c.Informer.P50), millis(c.Informer.P99), millis(c.Write.P50), millis(c.Write.P99),
		})
	}
	return append(lines, table([]string{"change", "how often", "decided after: p50", "p99", "bare informer: p50", "p99", "the write itself: p50", "p99"}, rows)...)
}

func (l latency) text() string {
	return fmt.Sprintf("%s / %s / %s", millis(l.P50), millis(l.P99), millis(l.P999))
}

func scaleGoals(r *scaleResults) []goal {
	goals := []goal{
		{"manager resident at all times", "under 1 GiB", mebibytes(r.Memory.Peak), r.Memory.Peak > 0 && r.Memory.Peak < 1<<30},
		{"engine, each user", "under 1 KiB", fmt.Sprintf("%.0f bytes", r.Engine.BytesPerUser), r.Engine.BytesPerUser > 0 && r.Engine.BytesPerUser < 1024},
		{"cold start to ready", "under 60 s", fmt.Sprintf("%.1f s", r.ColdStartSec), r.ColdStartSec > 0 && r.ColdStartSec < 60},
	}
	for _, c := range r.Changes {
		goals = append(goals, goal{
			"decided after a change, p99: " + c.What, fmt.Sprintf("at most %s (1.5 × informer + 20 ms)", millis(c.Limit)), millis(c.Decision.P99), c.Decision.P99 <= c.Limit,
		})
	}
	during, idle, bare := r.Decisions.WhileWriting.P99, r.Decisions.Idle.P99, r.Decisions.BareWhileWriting.P99
	return append(goals,
		goal{"all status current: writes to the API server's own creates", "at least 0.8", fmt.Sprintf("%.2f", r.Status.OfCreates), r.Status.OfCreates >= 0.8},
		goal{"decisions meanwhile, p99", "at most twice that otherwise, " + millis(2*idle), millis(during), during > 0 && during <= 2*idle},
		goal{"decisions meanwhile, p99 beside that of the bare handler", "at most 1.5× " + millis(bare), millis(during), during > 0 && during <= 1.5*bare})
}

func nanoseconds(ns float64) string {
	switch {
	case ns < 1000:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
}

func millis(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func times(ratio float64) string {
	if ratio < 10 {
		return fmt.Sprintf("%.1f×", ratio)
	}
	return fmt.Sprintf("%.0f×", ratio)
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
