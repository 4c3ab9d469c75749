package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// soakResults is bin/bench/soak.json.
type soakResults struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"ordinary_per_s"`
	// Confined says how the manager's memory was limited, and LimitBytes to what; PeakBytes is the most that it took.
	Confined   string `json:"confined"`
	LimitBytes int64  `json:"limit_bytes"`
	PeakBytes  int64  `json:"peak_bytes"`
	// Quiet and Beside are latencies of ordinary requests: alone, and beside the hostile ones. Ratio is of their p99.
	Quiet  latency `json:"quiet"`
	Beside latency `json:"beside_hostile"`
	Ratio  float64 `json:"p99_ratio"`
	// Failed is how many ordinary requests had no answer or another than they should, and First what the first of these had.
	Failed int64  `json:"failed"`
	First  string `json:"first_failure,omitempty"`
	// Changes are ordinary writes that were admitted, and decided on.
	Changes int64 `json:"changes"`
	// Hostile counts what was sent by kind, and by how it was answered.
	Hostile map[string]map[string]int64 `json:"hostile"`
	// Ended says how the manager ended, if it did.
	Ended string `json:"ended,omitempty"`
}

type soak struct {
	duration, quiet time.Duration
	rate            float64
	limit           int64
	connections     int

	results  soakResults
	cluster  *cluster
	manager  *manager
	ordinary string // tokens
	hostile  string

	failed  atomic.Int64
	changes atomic.Int64
	mu      sync.Mutex // guards results.First
}

func soakCommand(ctx context.Context, args []string) error {
	s := &soak{}
	flags := flag.NewFlagSet("soak", flag.ExitOnError)
	flags.DurationVar(&s.duration, "duration", 30*time.Minute, "how long hostile and ordinary requests come together")
	flags.DurationVar(&s.quiet, "quiet", 30*time.Second, "how long ordinary requests come alone before")
	flags.Float64Var(&s.rate, "rate", 200, "ordinary requests a second")
	flags.Int64Var(&s.limit, "memory-mib", 512, "memory of the manager, in MiB")
	flags.IntVar(&s.connections, "connections", 32, "connections for ordinary requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.results.Rate, s.results.LimitBytes = s.rate, s.limit<<20
	err := s.run(ctx)
	s.results.Failed, s.results.Changes = s.failed.Load(), s.changes.Load()
	for _, line := range s.report() {
		fmt.Println(line)
	}
	switch {
	case err != nil:
	case s.results.Ended != "":
		err = errors.New("the manager ended: " + s.results.Ended)
	case s.results.Failed > 0:
		err = fmt.Errorf("%d ordinary requests failed, the first: %s", s.results.Failed, s.results.First)
	}
	return errors.Join(err, writeResults("soak", &s.results))
}

// The namespaces: of ordinary domains, of the hostile caller, of the hostile author of rules, and of those whose admission
// is forged.
const (
	ordinaryDomain, otherDomain              = "soak-shop", "soak-office"
	callersDomain, authorsDomain, forgedName = "soak-callers", "soak-authors", "soak-forged"
)

func (s *soak) run(ctx context.Context) (err error) {
	say("Starting the API server")
	if s.cluster, err = startCluster(ctx); err != nil {
		return err
	}
	defer s.cluster.stop()
	if err := s.cluster.installWebhooks(); err != nil {
		return err
	}
	if err := yieldProcessors(); err != nil {
		return err
	}
	say("Starting the manager in %d MiB", s.limit)
	confined, err := confine(s.limit << 20)
	if err != nil {
		return err
	}
	defer confined.remove()
	s.results.Confined = confined.how
	if s.cluster.managerPath, err = confined.program(s.cluster.managerPath); err != nil {
		return err
	}
	if s.manager, err = s.cluster.startManager(ctx, time.Minute, "--domain-memory-limit=48Mi"); err != nil {
		return err
	}
	defer s.manager.stop()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	say("Ordinary requests alone, for %s", s.quiet)
	took := s.ask(ctx, s.quiet)
	s.results.Quiet = latencyOf(took)
	say("Hostile and ordinary requests, for %s", s.duration)
	began := time.Now()
	attackers, err := s.startAttack()
	if err != nil {
		return err
	}
	changing, end := context.WithCancel(ctx)
	var changes sync.WaitGroup
	changes.Go(func() { s.change(changing) })
	took = s.ask(ctx, s.duration)
	end()
	changes.Wait()
	if s.results.Hostile, err = attackers.end(); err != nil {
		return err
	}
	s.results.Seconds = time.Since(began).Seconds()
	s.results.Beside = latencyOf(took)
	if s.results.Quiet.P99 > 0 {
		s.results.Ratio = s.results.Beside.P99 / s.results.Quiet.P99
	}
	s.results.PeakBytes = confined.peak(s.manager)
	if ended := s.manager.hasEnded(); ended != nil {
		s.results.Ended = ended.Error()
	}
	return ctx.Err()
}

const ordinaryManifests = `
{apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: company}, spec: {}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: order}, spec: {fields: [{name: company, linksTo: company}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: clerk}, spec: {rules: [
  {resources: [order], actions: [read, update], condition: "resource.properties.status in ['draft', 'open'] || resource.properties.owner == subject.id"}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: boss}, spec: {rules: [{resources: [order], access: Full}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: ann}, spec: {roles: [{name: clerk}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: bob}, spec: {roles: [{name: boss}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: root}, spec: {superuser: true}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: UserPermission, metadata: {name: bob-north}, spec: {user: bob, allow: company, forValues: [North]}}
`

// thrice loops over a list that the request brings, and over that again, twice.
const thrice = "context.l.exists(a, context.l.exists(b, context.l.exists(c, a == -%d)))"

// callersManifests are rules that cost as much as expressions may, over what the request brings.
func callersManifests() string {
	var rules []string
	for i := range 200 {
		rules = append(rules, fmt.Sprintf(`{resources: [report], actions: [read], condition: "`+thrice+`"}`, i+1))
	}
	return fmt.Sprintf(`
{apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: report}, spec: {}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: text}, spec: {}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: costly}, spec: {rules: [%s]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: large}, spec: {rules: [
  {resources: [text], actions: [read], condition: "resource.properties.s.replace('a', resource.properties.s).size() > 5"},
  {resources: [text], actions: [read], condition: "[[resource.properties.s]].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x)[0].join(resource.properties.s).size() > 5"}]}}
---
{apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: eve}, spec: {roles: [{name: costly}, {name: large}]}}
`, strings.Join(rules, ", "))
}

// prepare makes the namespaces, the domains and the callers.
func (s *soak) prepare(ctx context.Context) error {
	for _, name := range []string{ordinaryDomain, otherDomain, callersDomain, authorsDomain, forgedName} {
		if err := s.cluster.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	for name, manifests := range map[string]string{ordinaryDomain: ordinaryManifests, otherDomain: ordinaryManifests, callersDomain: callersManifests()} {
		for _, object := range objectsIn(manifests, name) {
			if err := waitUntil(ctx, time.Minute, "the webhook", func() error { return s.cluster.client.Create(ctx, object.DeepCopy()) }); err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
		}
	}
	role := &rbacv1.ClusterRole{}
	if err := readYAML("config/rbac/decision_caller_role.yaml", role); err != nil {
		return err
	}
	if err := s.cluster.client.Create(ctx, role); err != nil {
		return err
	}
	var err error
	if s.ordinary, err = s.caller(ctx, role.Name, "ordinary", ordinaryDomain, otherDomain); err != nil {
		return err
	}
	if s.hostile, err = s.caller(ctx, role.Name, "hostile", callersDomain); err != nil {
		return err
	}
	return waitUntil(ctx, time.Minute, "ordinary answers", func() error {
		for _, q := range s.questions() {
			if err := s.askOnce(q); err != nil {
				return err
			}
		}
		return nil
	})
}

func objectsIn(manifests, namespace string) []*unstructured.Unstructured {
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), object); err != nil {
			panic(err) // it is written here
		}
		object.SetNamespace(namespace)
		objects = append(objects, object)
	}
	return objects
}

// caller makes a service account that may ask about domains, and returns a token of it.
func (s *soak) caller(ctx context.Context, role, name string, domains ...string) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := s.cluster.client.Create(ctx, account); err != nil {
		return "", err
	}
	for _, domain := range domains {
		if err := s.cluster.client.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		}); err != nil {
			return "", err
		}
	}
	request := &authenticationv1.TokenRequest{}
	err := s.cluster.client.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}

// ordinaryQuestion is an ordinary request, and a text that has to be in its answer.
type ordinaryQuestion struct {
	request []byte
	want    string
}

func (s *soak) questions() []ordinaryQuestion {
	var all []ordinaryQuestion
	add := func(domain, path, body, want string) {
		all = append(all, ordinaryQuestion{s.request(s.ordinary, "/domains/"+domain+path, body), want})
	}
	const evaluation, filter = "/access/v1/evaluation", "/filter"
	asking := func(user, action, properties string) string {
		return fmt.Sprintf(`{"subject":{"type":"user","id":%q},"action":{"name":%q},"resource":{"type":"order","id":"o-1","properties":%s}}`, user, action, properties)
	}
	for _, domain := range []string{ordinaryDomain, otherDomain} {
		for body, want := range map[string]string{
			asking("ann", "read", `{"status":"draft","company":"North"}`):                `"decision":true`,
			asking("ann", "read", `{"status":"sent","owner":"ann","company":"South"}`):   `"decision":true`,
			asking("ann", "update", `{"status":"sent","owner":"bob","company":"North"}`): `"condition_not_met"`,
			asking("ann", "delete", `{"status":"draft"}`):                                `"no_rule"`,
			asking("bob", "delete", `{"company":"North"}`):                               `"decision":true`,
			asking("bob", "read", `{"company":"South"}`):                                 `"user_permission"`,
			asking("root", "delete", `{"company":"South"}`):                              `"superuser"`,
			asking("nobody", "read", `{"company":"South"}`):                              `"no_rule"`,
		} {
			for range 6 { // most are evaluations
				add(domain, evaluation, body, want)
			}
		}
		add(domain, "/access/v1/evaluations", strings.TrimSuffix(asking("ann", "read", `{"status":"draft"}`), "}")+`,"evaluations":[{},{"action":{"name":"delete"}}]}`, `"decision":true`)
		add(domain, "/access/v1/search/action", `{"subject":{"type":"user","id":"ann"},"resource":{"type":"order","id":"o-1","properties":{"status":"draft"}}}`, `"update"`)
		add(domain, filter, `{"subject":{"type":"user","id":"bob"},"action":{"name":"read"},"resource":{"type":"order"},"format":"postgres"}`, `"conditional"`)
	}
	return all
}

// request is a whole request, as it goes over the wire.
func (s *soak) request(token, path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		path, s.manager.decisions, token, len(body), body)
}

func (s *soak) target() *target { return &target{address: s.manager.decisions, secure: true} }

func (s *soak) askOnce(q ordinaryQuestion) error {
	c, err := s.target().connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return answeredWith(c, q)
}

func answeredWith(c *connection, q ordinaryQuestion) error {
	var answer bytes.Buffer
	if err := c.ask(q.request, &answer); err != nil {
		return err
	}
	if !bytes.Contains(answer.Bytes(), []byte(q.want)) {
		return fmt.Errorf("the answer lacks %s: %s", q.want, answer.String())
	}
	return nil
}

// ask sends ordinary requests by a schedule, whether earlier ones have been answered or not, as far as there are connections,
// and returns how long each took from when it was due. Each answer is compared with what it has to be.
func (s *soak) ask(ctx context.Context, d time.Duration) []time.Duration {
	questions := s.questions()
	total := int(s.rate * d.Seconds())
	took := make([]time.Duration, total)
	due := make([]time.Time, total)
	slots := make(chan int, total)
	go func() {
		defer close(slots)
		began := time.Now()
		for i := range total {
			due[i] = began.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
			sleepUntil(due[i])
			if ctx.Err() != nil || s.manager.hasEnded() != nil {
				return
			}
			slots <- i
		}
	}()
	var asking sync.WaitGroup
	for range s.connections {
		asking.Go(func() {
			var c *connection
			for i := range slots {
				var err error
				if c == nil {
					c, err = s.target().connect()
				}
				if err == nil {
					err = answeredWith(c, questions[i%len(questions)])
				}
				took[i] = time.Since(due[i])
				if err != nil {
					s.fail(err)
					if c != nil {
						_ = c.Close()
					}
					c = nil
				}
			}
			if c != nil {
				_ = c.Close()
			}
		})
	}
	asking.Wait()
	return slices.DeleteFunc(took, func(d time.Duration) bool { return d == 0 })
}

func (s *soak) fail(err error) {
	if s.failed.Add(1) == 1 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.results.First = err.Error()
	}
}

// change writes ordinary changes, and waits until decisions follow each.
func (s *soak) change(ctx context.Context) {
	role := false
	for ctx.Err() == nil {
		role = !role
		roles := []any{}
		want := `"decision":false`
		if role {
			roles, want = []any{map[string]any{"name": "boss"}}, `"decision":true`
		}
		user := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"displayName": "Changing", "roles": roles}}}
		user.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("User"))
		user.SetNamespace(ordinaryDomain)
		user.SetName("changing")
		if err := s.cluster.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(user), client.FieldOwner("soak"), client.ForceOwnership); err != nil {
			if ctx.Err() == nil {
				s.fail(fmt.Errorf("an ordinary change: %w", err))
			}
			continue
		}
		asked := ordinaryQuestion{s.request(s.ordinary, "/domains/"+ordinaryDomain+"/access/v1/evaluation",
			`{"subject":{"type":"user","id":"changing"},"action":{"name":"delete"},"resource":{"type":"order","id":"o-1"}}`), want}
		if err := waitUntil(ctx, 10*time.Second, "a change to be decided on", func() error { return s.askOnce(asked) }); err != nil {
			if ctx.Err() == nil {
				s.fail(err)
			}
			continue
		}
		s.changes.Add(1)
		pause(ctx, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// latencyOf gives the percentiles of some times.
func latencyOf(took []time.Duration) latency {
	if len(took) == 0 {
		return latency{}
	}
	slices.Sort(took)
	at := func(part float64) float64 {
		return took[min(int(part*float64(len(took))), len(took)-1)].Seconds() * 1e3
	}
	return latency{Count: len(took), P50: at(.5), P99: at(.99), P999: at(.999), Max: at(1)}
}

func (s *soak) report() []string {
	r := &s.results
	lines := []string{
		fmt.Sprintf("%.0f s; %.0f ordinary requests a second, %d beside the hostile ones; %d failed or were answered wrong; %d ordinary changes", r.Seconds, r.Rate, r.Beside.Count, r.Failed, r.Changes),
		fmt.Sprintf("quiet: p50 %.2f ms, p99 %.2f ms; beside hostile requests: p50 %.2f ms, p99 %.2f ms, max %.0f ms; ratio of p99 %.1f", r.Quiet.P50, r.Quiet.P99, r.Beside.P50, r.Beside.P99, r.Beside.Max, r.Ratio),
		fmt.Sprintf("memory: at most %d MiB of %d (%s)", r.PeakBytes>>20, r.LimitBytes>>20, r.Confined),
	}
	for name, answers := range r.Hostile {
		lines = append(lines, fmt.Sprintf("hostile: %s: %v", name, answers))
	}
	slices.Sort(lines[3:])
	if r.First != "" {
		lines = append(lines, "the first failure: "+r.First)
	}
	if r.Ended != "" {
		lines = append(lines, "the manager ended: "+r.Ended)
	}
	return lines
}
