package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// attacker is a process of `bench soak` that sends what is hostile, at the lowest priority: in a cluster it would be another
// machine, and its work is none of the manager's.
type attacker struct {
	// Decisions and Webhook are addresses of the manager, Token is one of a caller, and Kubeconfig a file by which to write
	// objects.
	Decisions, Webhook, Token, Kubeconfig string

	client  client.Client
	mu      sync.Mutex
	answers map[string]map[string]int64
}

// attackers is that process, as the one sees it that has started it.
type attackers struct {
	cmd    *exec.Cmd
	input  io.Closer
	output bytes.Buffer
}

// startAttack starts it.
func (s *soak) startAttack() (*attackers, error) {
	serving := s.cluster.env.WebhookInstallOptions
	plan := &attacker{
		Decisions: s.manager.decisions, Webhook: net.JoinHostPort(serving.LocalServingHost, strconv.Itoa(serving.LocalServingPort)),
		Token: s.hostile, Kubeconfig: filepath.Join(s.cluster.data, "attacker-kubeconfig"),
	}
	if err := writeKubeconfig(plan.Kubeconfig, s.cluster.config); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &attackers{cmd: exec.Command("nice", "-n", "19", self, "attack")}
	a.cmd.Stdout, a.cmd.Stderr = &a.output, os.Stderr
	input, err := a.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	a.input = input
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	return a, json.NewEncoder(input).Encode(plan)
}

// end ends it, and returns how what it sent was answered.
func (a *attackers) end() (answers map[string]map[string]int64, err error) {
	if err := errors.Join(a.input.Close(), a.cmd.Wait()); err != nil {
		return nil, err
	}
	return answers, json.Unmarshal(a.output.Bytes(), &answers)
}

// attackCommand is that process. It ends with its input.
func attackCommand(ctx context.Context, _ []string) error {
	s := &attacker{answers: map[string]map[string]int64{}}
	input := json.NewDecoder(os.Stdin)
	if err := input.Decode(s); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	if s.client, err = client.New(config, client.Options{}); err != nil {
		return err
	}
	attacking, end := context.WithCancel(ctx)
	defer end()
	var all sync.WaitGroup
	for _, a := range s.attacks() {
		for range a.parallel {
			all.Go(func() { s.attack(attacking, a) })
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	end()
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(s.answers)
}

// attack is one kind of hostile request: how many send it at the same time, and how long each rests after one.
type attack struct {
	name     string
	parallel int
	rest     time.Duration
	// once sends one, and returns how it was answered.
	once func(ctx context.Context, n int) string
}

func (s *attacker) attack(ctx context.Context, a attack) {
	for n := 0; ctx.Err() == nil; n++ {
		answer := a.once(ctx, n)
		s.mu.Lock()
		if s.answers[a.name] == nil {
			s.answers[a.name] = map[string]int64{}
		}
		s.answers[a.name][answer]++
		s.mu.Unlock()
		pause(ctx, a.rest)
	}
}

// attacks are what the review of the product found, and what is like it.
func (s *attacker) attacks() []attack {
	web := &http.Client{Transport: newHTTPClient(64).Transport, Timeout: 40 * time.Second}
	post := func(ctx context.Context, url, token, body string) string {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := web.Do(request)
		if err != nil {
			return "no answer"
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.Status
	}
	base := "https://" + s.Decisions + "/domains/" + callersDomain
	numbers, _ := json.Marshal(make([]int, 55))
	costly := fmt.Sprintf(`"subject":{"type":"user","id":"eve"},"action":{"name":"read"},"resource":{"type":"report","id":"r"},"context":{"l":%s}`, numbers)
	text := strings.Repeat("a", 40_000)
	return []attack{
		{"unknown tokens", 8, 0, func(ctx context.Context, n int) string {
			return post(ctx, base+"/access/v1/evaluation", fmt.Sprintf("garbage-%d-%d", n, time.Now().UnixNano()), "{}")
		}},
		{"domains that the caller may not ask", 4, 0, func(ctx context.Context, n int) string {
			return post(ctx, fmt.Sprintf("https://%s/domains/other-%d/access/v1/evaluation", s.Decisions, n), s.Token, "{}")
		}},
		{"decisions at the limit of cost", 4, 0, func(ctx context.Context, _ int) string {
			return post(ctx, base+"/access/v1/evaluation", s.Token, "{"+costly+"}")
		}},
		{"batches whose caller goes away", 8, 50 * time.Millisecond, func(ctx context.Context, _ int) string {
			leaving, leave := context.WithTimeout(ctx, 200*time.Millisecond)
			defer leave()
			return post(leaving, base+"/access/v1/evaluations", s.Token, "{"+costly+`,"evaluations":[`+strings.Repeat("{},", 999)+"{}]}")
		}},
		{"texts that grow", 4, 0, func(ctx context.Context, _ int) string {
			return post(ctx, base+"/access/v1/evaluation", s.Token,
				`{"subject":{"type":"user","id":"eve"},"action":{"name":"read"},"resource":{"type":"text","id":"t","properties":{"s":"`+text+`"}}}`)
		}},
		{"bodies of a megabyte", 2, 20 * time.Millisecond, func(ctx context.Context, n int) string {
			bodies := []string{
				`{"subject":{"type":"user","id":"eve","properties":{"x":"` + strings.Repeat("x", 1_000_000) + `"}},"action":{"name":"read"},"resource":{"type":"text","id":"t"}}`,
				strings.Repeat("[", 1_000_000), `{"context":{` + strings.Repeat(`"a":1,`, 150_000) + `"b":1}}`, strings.Repeat("x", 1<<21),
			}
			return post(ctx, base+"/access/v1/evaluation", s.Token, bodies[n%len(bodies)])
		}},
		{"slow connections", 200, 0, func(ctx context.Context, _ int) string {
			c, err := (&target{address: s.Decisions, secure: true}).connect()
			if err != nil {
				return "no connection"
			}
			defer c.Close()
			_, _ = fmt.Fprintf(c, "POST /domains/%s/access/v1/evaluation HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 5000\r\n\r\n{",
				callersDomain, s.Decisions, s.Token)
			pause(ctx, 10*time.Second)
			return "held"
		}},
		{"member conditions at the limit of cost", 2, 500 * time.Millisecond, s.costlyGroup(numbers)},
		{"objects without end", 2, 100 * time.Millisecond, s.largeObject},
		{"forged reviews", 4, 20 * time.Millisecond, func(ctx context.Context, n int) string {
			review := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"00000000-0000-4000-8000-%012d","operation":"CREATE",
				"kind":{"group":"permissions.remit.dev","version":"v1alpha1","kind":"User"},"name":"ghost-%d","namespace":%q,
				"userInfo":{"username":"mallory","groups":["system:masters"]},
				"object":{"apiVersion":"permissions.remit.dev/v1alpha1","kind":"User","metadata":{"name":"ghost-%d","namespace":%q},"spec":{"superuser":true}}}}`,
				n, n, forgedName, n, forgedName)
			return post(ctx, "https://"+s.Webhook+"/validate-permissions-remit-dev-v1alpha1", "", review)
		}},
	}
}

// answerOf is how the API server answered a write.
func answerOf(err error) string {
	if err == nil {
		return "written"
	}
	if text := err.Error(); strings.Contains(text, "--domain-memory-limit") {
		return "refused: the domain's memory"
	}
	return "refused"
}

// costlyGroup writes users and groups whose memberships cost as much as they may.
func (s *attacker) costlyGroup(numbers []byte) func(context.Context, int) string {
	const group = `{apiVersion: permissions.remit.dev/v1alpha1, kind: Group, metadata: {name: costly-%d}, spec: {memberCondition: ` +
		`"subject.attributes.l.exists(a, subject.attributes.l.exists(b, subject.attributes.l.exists(c, a == -%d)))"}}`
	const user = `{apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: costly-%d}, spec: {attributes: {l: %s, n: %d}}}`
	return func(ctx context.Context, n int) string {
		for _, object := range slices.Concat(objectsIn(fmt.Sprintf(group, n%40, n), authorsDomain), objectsIn(fmt.Sprintf(user, n%40, numbers, n), authorsDomain)) {
			if err := s.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("soak"), client.ForceOwnership); err != nil {
				return answerOf(err)
			}
		}
		return "written"
	}
}

// largeObject writes sets of records as large as they may be, and deletes half of them again.
func (s *attacker) largeObject(ctx context.Context, n int) string {
	records := make([]any, 5000)
	for i := range records {
		records[i] = map[string]any{"id": fmt.Sprintf("r-%d-%d", n%30, i), "properties": map[string]any{"p": strings.Repeat("x", 100), "n": int64(n)}}
	}
	set := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"resourceType": "thing", "records": records}}}
	set.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RecordSet"))
	set.SetNamespace(authorsDomain)
	set.SetName(fmt.Sprintf("large-%d", n%30))
	if n%2 == 1 {
		return answerOf(client.IgnoreNotFound(s.client.Delete(ctx, set)))
	}
	return answerOf(s.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(set), client.FieldOwner("soak"), client.ForceOwnership))
}
