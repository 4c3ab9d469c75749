package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// scaleResults is bin/bench/scale.json. Times are in milliseconds where a name says ms, else in seconds.
type scaleResults struct {
	Sizes company `json:"sizes"`
	// Stopped is why some figures are missing; empty when all are there.
	Stopped string `json:"stopped,omitempty"`

	Load struct {
		Objects       int     `json:"objects"`
		Writers       int     `json:"writers"`
		Seconds       float64 `json:"seconds"`
		CreatesPerSec float64 `json:"creates_per_s"` // of User and UserPermission objects, without Remit running
	} `json:"load"`
	Engine struct {
		HeapBytes    int64   `json:"heap_bytes"`
		ObjectsBytes int64   `json:"objects_bytes"` // what the decoded objects alone take
		BytesPerUser float64 `json:"bytes_per_user"`
		CompileSec   float64 `json:"compile_s"`
	} `json:"engine"`
	ColdStartSec float64 `json:"cold_start_s"`
	Memory       struct {
		AtReady    int64 `json:"rss_at_ready_bytes"`
		AllCurrent int64 `json:"rss_all_current_bytes"`
		AtEnd      int64 `json:"rss_at_end_bytes"`
		Peak       int64 `json:"rss_peak_bytes"`
	} `json:"memory"`
	Status struct {
		Seconds      float64 `json:"seconds"` // from ready until every EffectivePermissions and condition was current
		Writes       int     `json:"writes"`  // the manager's, meanwhile
		WritesPerSec float64 `json:"writes_per_s"`
		UsersPerSec  float64 `json:"users_per_s"`
		// OfCreates is WritesPerSec as a part of Load.CreatesPerSec.
		OfCreates float64 `json:"of_create_throughput"`
	} `json:"status"`
	Decisions struct {
		WhileWriting latency `json:"while_writing_status"`
		Idle         latency `json:"idle"`
		// Of the bare handler of `bench server`, asked the same in the same way at the same time.
		BareWhileWriting latency `json:"bare_handler_while_writing_status"`
		BareIdle         latency `json:"bare_handler_idle"`
	} `json:"decision_latency"`
	Changes []change `json:"changes"`
}

// latency has percentiles in milliseconds.
type latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// change is how fast one kind of change got into decisions, from the write's answer on.
type change struct {
	What     string  `json:"what"`
	Write    latency `json:"write"` // the write itself, admission included
	Decision latency `json:"decision"`
	Informer latency `json:"informer"` // until a bare informer, in the process that wrote, knew it
	// Limit is the goal: 1.5 times the informer's p99 plus 20 ms.
	Limit float64 `json:"limit_ms"`
}

type scale struct {
	company
	writers, changes int
	managerPath      string
	profile          bool
	only             string

	results  scaleResults
	cluster  *cluster
	manager  *manager
	token    string
	decision *http.Client
}

func scaleCommand(ctx context.Context, args []string) error {
	s := &scale{}
	flags := flag.NewFlagSet("scale", flag.ExitOnError)
	flags.IntVar(&s.Users, "users", 100_000, "User objects")
	flags.IntVar(&s.Groups, "groups", 1000, "groups; one of them has a tenth of the users")
	flags.IntVar(&s.Roles, "roles", 500, "roles; one of them is held by every user")
	flags.IntVar(&s.Types, "types", 200, "resource types")
	flags.IntVar(&s.UserPermissions, "user-permissions", 100_000, "user permissions")
	flags.IntVar(&s.Records, "records", 50_000, "records, in two trees")
	flags.IntVar(&s.writers, "writers", 16, "parallel writers that load the domain")
	flags.IntVar(&s.changes, "changes", 100, "changes of each kind")
	flags.StringVar(&s.managerPath, "manager", "bin/manager", "the manager's program")
	flags.BoolVar(&s.profile, "profile", false, "write profiles of the API server and of the manager")
	flags.StringVar(&s.only, "only", "", "the `kind` of objects to change; empty: of all kinds that are measured")
	bound := flags.Duration("bound", time.Hour, "after this, stop and write what there is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.UserPermissions > s.Users {
		return errors.New("at most one user permission for each user")
	}
	if s.Types < 4 || s.Roles < 2 || s.Groups < 2 || s.Users < 10 || s.Records < 100 {
		return errors.New("too small: at least 4 types, 2 roles, 2 groups, 10 users and 100 records")
	}
	bounded, cancel := context.WithTimeoutCause(ctx, *bound, fmt.Errorf("the bound of %s is reached", *bound))
	defer cancel()
	s.results.Sizes = s.company
	err := s.run(bounded)
	if err != nil {
		if cause := context.Cause(bounded); cause != nil {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		s.results.Stopped = err.Error()
	}
	if bounded.Err() == nil {
		err = errors.Join(err, writeResults("scale", &s.results))
	} else {
		err = writeResults("scale", &s.results)
		say("Stopped: %s", s.results.Stopped)
	}
	for _, line := range scaleTable(&s.results) {
		fmt.Println(line)
	}
	return err
}

// run goes through the phases. What is measured by then is in the results when it fails.
func (s *scale) run(ctx context.Context) (err error) {
	s.measureEngine()
	say("Starting the API server")
	if s.cluster, err = startCluster(ctx); err != nil {
		return err
	}
	defer s.cluster.stop()
	s.cluster.managerPath = s.managerPath
	if s.token, err = s.cluster.callerToken(ctx); err != nil {
		return err
	}
	s.decision = newHTTPClient(64)
	if err := s.load(ctx); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	if err := s.cluster.installWebhooks(); err != nil {
		return fmt.Errorf("installing webhooks: %w", err)
	}
	before, err := s.apiWrites(ctx)
	if err != nil {
		return err
	}
	say("Starting the manager")
	if s.manager, err = s.cluster.startManager(ctx, 10*time.Minute); err != nil {
		return err
	}
	defer s.manager.stop()
	s.results.ColdStartSec = s.manager.ready.Seconds()
	s.results.Memory.AtReady, _ = s.manager.memory()
	defer func() { s.results.Memory.AtEnd, s.results.Memory.Peak = s.manager.memory() }()
	s.profileHeap(ctx, "ready")
	say("Ready after %.1f s, with %d MiB", s.results.ColdStartSec, s.results.Memory.AtReady>>20)

	bare, bareEndpoint, err := startBareHandler("https", "-tls")
	if err != nil {
		return err
	}
	defer bare.stop()
	if err := waitFor(ctx, bare, bareEndpoint+"/healthz"); err != nil {
		return err
	}
	decisions := "https://" + s.manager.decisions + "/domains/" + namespace

	ready := time.Now()
	probing, probingBare := s.probe(ctx, decisions), s.probe(ctx, bareEndpoint)
	go s.profileAll(ctx, "status")
	idleSince, err := s.waitUntilCurrent(ctx)
	s.results.Decisions.WhileWriting, s.results.Decisions.BareWhileWriting = percentiles(probing()), percentiles(probingBare())
	if err != nil {
		idleSince = time.Now() // what was written by then is worth telling
	}
	after, writesErr := s.apiWrites(context.WithoutCancel(ctx))
	if writesErr != nil {
		return errors.Join(err, writesErr)
	}
	status := &s.results.Status
	status.Seconds = idleSince.Sub(ready).Seconds()
	status.Writes = after - before
	status.WritesPerSec = float64(status.Writes) / status.Seconds
	status.OfCreates = status.WritesPerSec / s.results.Load.CreatesPerSec
	if err != nil {
		return fmt.Errorf("waiting for status: %w", err)
	}
	status.UsersPerSec = float64(s.Users) / status.Seconds
	s.results.Memory.AllCurrent, _ = s.manager.memory()
	s.profileHeap(ctx, "current")
	say("All status is current after %.1f s: %d writes, %.0f/s, %.2f of %.0f creates/s; %d MiB", status.Seconds, status.Writes,
		status.WritesPerSec, status.OfCreates, s.results.Load.CreatesPerSec, s.results.Memory.AllCurrent>>20)

	probing, probingBare = s.probe(ctx, decisions), s.probe(ctx, bareEndpoint)
	if err := sleep(ctx, 10*time.Second); err != nil {
		return err
	}
	s.results.Decisions.Idle, s.results.Decisions.BareIdle = percentiles(probing()), percentiles(probingBare())
	return s.measureChanges(ctx)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measureEngine compiles the domain in this process, of objects as they come from the API server: decoded one
// by one, so that no two share a string.
func (s *scale) measureEngine() {
	say("Compiling the domain in this process")
	empty := heap()
	objects := make([]engine.Object, 0, s.Users+s.UserPermissions)
	add := func(object client.Object) {
		text, err := json.Marshal(object)
		if err != nil {
			panic(err)
		}
		decoded, _ := object.DeepCopyObject().(client.Object)
		switch o := decoded.(type) { // anew: decoding into the copy would keep its strings
		case *v1alpha1.User:
			*o = v1alpha1.User{}
		case *v1alpha1.UserPermission:
			*o = v1alpha1.UserPermission{}
		case *v1alpha1.RecordSet:
			*o = v1alpha1.RecordSet{}
		case *v1alpha1.Group:
			*o = v1alpha1.Group{}
		}
		if err := json.Unmarshal(text, decoded); err != nil {
			panic(err)
		}
		objects = append(objects, decoded)
	}
	for _, object := range s.few() {
		add(object)
	}
	for i := range s.Users {
		add(s.user(i))
	}
	for i := range s.UserPermissions {
		add(s.userPermission(i))
	}
	loaded := heap()
	began := time.Now()
	domain := engine.Compile(objects)
	s.results.Engine.CompileSec = time.Since(began).Seconds()
	clear(objects)
	objects = nil
	e := &s.results.Engine
	e.ObjectsBytes = loaded - empty
	e.HeapBytes = heap() - empty
	e.BytesPerUser = float64(e.HeapBytes) / float64(s.Users)
	say("Compiled in %.1f s: %d MiB with the objects it keeps (objects alone: %d MiB), %.0f bytes a user", e.CompileSec, e.HeapBytes>>20, e.ObjectsBytes>>20, e.BytesPerUser)
	writeHeapProfile("engine")
	runtime.KeepAlive(domain)
}

// heap is what is in use after garbage was collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// load creates all objects with several writers, before there are webhooks or a manager.
func (s *scale) load(ctx context.Context) error {
	began := time.Now()
	few := s.few()
	say("Creating %d types, roles, groups and record sets", len(few))
	if err := s.create(ctx, "objects", len(few), func(i int) client.Object { return few[i] }); err != nil {
		return err
	}
	many := time.Now()
	if err := s.create(ctx, "users", s.Users, func(i int) client.Object { return s.user(i) }); err != nil {
		return err
	}
	if err := s.create(ctx, "user permissions", s.UserPermissions, func(i int) client.Object { return s.userPermission(i) }); err != nil {
		return err
	}
	l := &s.results.Load
	l.Objects, l.Writers, l.Seconds = len(few)+s.Users+s.UserPermissions, s.writers, time.Since(began).Seconds()
	l.CreatesPerSec = float64(s.Users+s.UserPermissions) / time.Since(many).Seconds()
	say("Loaded %d objects in %.1f s; %.0f users and permissions a second", l.Objects, l.Seconds, l.CreatesPerSec)
	return nil
}

func (s *scale) create(ctx context.Context, what string, count int, object func(int) client.Object) error {
	writers, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range s.writers {
		writers.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return nil
				}
				if err := s.cluster.client.Create(ctx, object(i)); err != nil {
					return fmt.Errorf("%s %d: %w", what, i, err)
				}
				if i > 0 && i%10_000 == 0 {
					say("%d of %d %s", i, count, what)
				}
			}
		})
	}
	return writers.Wait()
}

// waitUntilCurrent waits until every user has its EffectivePermissions and the manager has nothing more to write. It
// gives when that was.
func (s *scale) waitUntilCurrent(ctx context.Context) (time.Time, error) {
	for {
		idleSince, err := s.waitUntilIdle(ctx)
		if err != nil {
			return time.Time{}, err
		}
		missing, err := s.notCurrent(ctx)
		if missing == 0 || err != nil {
			return idleSince, err
		}
		say("Nothing is queued, but %d users have no current EffectivePermissions", missing)
	}
}

// waitUntilIdle waits until nothing has been queued in the manager for two seconds, and gives since when.
func (s *scale) waitUntilIdle(ctx context.Context) (idleSince time.Time, err error) {
	told := time.Now()
	for {
		if err := s.manager.hasEnded(); err != nil {
			return time.Time{}, err
		}
		depth, err := s.queued(ctx)
		if err != nil {
			return time.Time{}, err
		}
		switch {
		case depth > 0:
			idleSince = time.Time{}
			if time.Since(told) > 15*time.Second {
				told = time.Now()
				say("%.0f objects are queued for status", depth)
			}
		case idleSince.IsZero():
			idleSince = time.Now()
		case time.Since(idleSince) > 2*time.Second:
			return idleSince, nil
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}

// queued is how much the manager's controllers have queued or at work.
func (s *scale) queued(ctx context.Context) (float64, error) {
	sum := 0.0
	err := s.metrics(ctx, "http://"+s.manager.metrics+"/metrics", http.DefaultClient, func(line string, value float64) {
		if strings.HasPrefix(line, "workqueue_depth{") || strings.HasPrefix(line, "controller_runtime_active_workers{") {
			sum += value
		}
	})
	return sum, err
}

// apiWrites is how many writes of our objects the API server has taken since it started.
func (s *scale) apiWrites(ctx context.Context) (int, error) {
	c, err := rest.HTTPClientFor(s.cluster.config)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	err = s.metrics(ctx, strings.TrimSuffix(s.cluster.config.Host, "/")+"/metrics", c, func(line string, value float64) {
		if strings.HasPrefix(line, "apiserver_request_total{") && strings.Contains(line, `group="`+v1alpha1.GroupName+`"`) &&
			(strings.Contains(line, `verb="POST"`) || strings.Contains(line, `verb="PATCH"`) || strings.Contains(line, `verb="APPLY"`) || strings.Contains(line, `verb="PUT"`)) {
			sum += value
		}
	})
	return int(sum), err
}

// profileAll writes what the API server and the manager spend their time on for a while, where that was asked for.
func (s *scale) profileAll(ctx context.Context, during string) {
	if !s.profile {
		return
	}
	c, err := rest.HTTPClientFor(s.cluster.config)
	if err != nil {
		return
	}
	const seconds = "/debug/pprof/profile?seconds=10"
	var both sync.WaitGroup
	both.Go(func() {
		s.writeProfile(ctx, c, strings.TrimSuffix(s.cluster.config.Host, "/")+seconds, "kube-apiserver-"+during)
	})
	both.Go(func() {
		s.writeProfile(ctx, http.DefaultClient, "http://"+s.manager.profiles+seconds, "manager-"+during)
	})
	both.Wait()
}

// profileHeap writes what the manager's memory is used for, where that was asked for.
func (s *scale) profileHeap(ctx context.Context, when string) {
	if s.profile {
		s.writeProfile(ctx, http.DefaultClient, "http://"+s.manager.profiles+"/debug/pprof/heap?gc=1", "manager-heap-"+when)
	}
}

func (s *scale) writeProfile(ctx context.Context, c *http.Client, url, name string) {
	if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	for { // while another profile is being taken, this one is refused
		response, err := c.Do(request)
		if err != nil {
			return
		}
		profile, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK {
			_ = os.WriteFile(filepath.Join(folder, name+".prof"), profile, 0o644)
			return
		}
		if sleep(ctx, time.Second) != nil {
			return
		}
	}
}

// metrics calls see with every sample of a Prometheus endpoint.
func (s *scale) metrics(ctx context.Context, url string, c *http.Client, see func(line string, value float64)) error {
	if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if value, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
				see(line, value)
			}
		}
	}
	return lines.Err()
}

// notCurrent counts the users without EffectivePermissions that are Ready.
func (s *scale) notCurrent(ctx context.Context) (int, error) {
	current := 0
	list := &v1alpha1.EffectivePermissionsList{}
	for {
		if err := s.cluster.client.List(ctx, list, client.InNamespace(namespace), client.Limit(2000), client.Continue(list.Continue)); err != nil {
			return 0, err
		}
		for i := range list.Items {
			for _, condition := range list.Items[i].Status.Conditions {
				if condition.Type == v1alpha1.ConditionReady && condition.Status == metav1.ConditionTrue {
					current++
				}
			}
		}
		if list.Continue == "" {
			return s.Users - current, nil
		}
	}
}

// ask evaluates, as an application does.
func (s *scale) ask(ctx context.Context, body []byte) (bool, error) {
	return s.askAt(ctx, "https://"+s.manager.decisions+"/domains/"+namespace, body)
}

// askAt asks the server at an endpoint.
func (s *scale) askAt(ctx context.Context, endpoint string, body []byte) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/access/v1/evaluation", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := s.decision.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err
	}
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s: %s", response.Status, answer)
	}
	var decision struct{ Decision bool }
	return decision.Decision, json.Unmarshal(answer, &decision)
}

// probe asks a server for decisions about many users, 100 a second, until the function that it gives is called, which
// returns how long each took from the moment at which it was due.
func (s *scale) probe(ctx context.Context, endpoint string) (stop func() []time.Duration) {
	const rate = 100
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var took []time.Duration
	var asking sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		began := time.Now()
		for i := 0; ; i++ {
			due := began.Add(time.Duration(i) * time.Second / rate)
			sleepUntil(due)
			if ctx.Err() != nil {
				return
			}
			body := question(userName(i*7919%s.Users), "read", orderType(i%(s.Types-3)), map[string]string{
				"unit": recordID(unitType, i%s.recordsOf(unitType)), "place": recordID(placeType, i),
			})
			asking.Go(func() {
				if _, err := s.askAt(ctx, endpoint, body); err != nil {
					if ctx.Err() == nil {
						say("A decision failed: %v", err)
					}
					return
				}
				d := time.Since(due)
				mu.Lock()
				defer mu.Unlock()
				took = append(took, d)
			})
		}
	}()
	return func() []time.Duration {
		cancel()
		<-done
		asking.Wait()
		return took
	}
}

// question is an AuthZEN evaluation about record 1 of a type.
func question(user, action, resourceType string, properties map[string]string) []byte {
	body, err := json.Marshal(map[string]any{
		"subject":  map[string]any{"type": "user", "id": user},
		"action":   map[string]any{"name": action},
		"resource": map[string]any{"type": resourceType, "id": "1", "properties": properties},
	})
	if err != nil {
		panic(err)
	}
	return body
}

// percentiles sorts what it is given.
func percentiles(took []time.Duration) latency {
	if len(took) == 0 {
		return latency{}
	}
	slices.Sort(took)
	at := func(part float64) float64 {
		i := min(int(part*float64(len(took))), len(took)-1)
		return float64(took[i].Microseconds()) / 1000
	}
	return latency{Count: len(took), P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

// measureChanges writes objects and waits, each time, until decisions follow.
func (s *scale) measureChanges(ctx context.Context) error {
	user := userName(0) // is in the crowd, and has the first user permission
	leaf := s.recordsOf(unitType) - 1
	from, inTree := recordID(unitType, (leaf-1)/branching), map[string]string{"unit": recordID(unitType, leaf)}
	leafSet, leafIndex := (s.recordsOf(unitType)-1)/perSet, (s.recordsOf(unitType)-1)%perSet
	reader := &v1alpha1.Role{ObjectMeta: meta("bench-reader"), Spec: v1alpha1.RoleSpec{
		Rules: []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{linkedType}, Access: v1alpha1.AccessReadOnly}},
	}}
	if err := s.cluster.client.Create(ctx, reader); err != nil {
		return err
	}
	grant := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"add","path":"/spec/roles/-","value":{"name":"bench-reader"}}]`))
	if err := s.cluster.client.Patch(ctx, s.user(0), grant); err != nil {
		return err
	}
	merge := func(spec any) client.Patch {
		patch, err := json.Marshal(map[string]any{"spec": spec})
		if err != nil {
			panic(err)
		}
		return client.RawPatch(types.MergePatchType, patch)
	}
	permit := func(id string) client.Patch { return merge(map[string]any{"forValues": []string{id}}) }
	parent := func(id string) client.Patch {
		return client.RawPatch(types.JSONPatchType, fmt.Appendf(nil, `[{"op":"replace","path":"/spec/records/%d/parent","value":%q}]`, leafIndex, id))
	}
	kinds := []struct {
		what, kind string
		object     client.Object
		question   []byte
		// patch makes the answer what it is told.
		patch func(allow bool) client.Patch
	}{
		{
			"user permission", "UserPermission", s.userPermission(0), question(user, "read", linkedType, map[string]string{"unit": from}),
			func(allow bool) client.Patch {
				if allow {
					return permit(from)
				}
				return permit(recordID(unitType, leaf)) // below it
			},
		},
		{
			"tree node", "RecordSet", &v1alpha1.RecordSet{ObjectMeta: meta(fmt.Sprintf("records-%d", leafSet))}, question(user, "read", linkedType, inTree),
			func(allow bool) client.Patch {
				if allow {
					return parent(from)
				}
				return parent(recordID(unitType, 0)) // above it
			},
		},
		{
			fmt.Sprintf("group of %d", s.crowdSize()), "Group", &v1alpha1.Group{ObjectMeta: meta(crowd)}, question(user, "delete", openType, nil),
			func(allow bool) client.Patch { return merge(map[string]any{"rules": s.crowd(allow).Spec.Rules}) },
		},
		{
			"role used by all", "Role", &v1alpha1.Role{ObjectMeta: meta(everybody)}, question(user, "update", openType, nil),
			func(allow bool) client.Patch { return merge(map[string]any{"rules": s.everybody(allow).Spec.Rules}) },
		},
	}
	for _, k := range kinds {
		if s.only != "" && s.only != k.kind {
			continue
		}
		// What the change before still has written would disturb this one.
		settled, cancel := context.WithTimeout(ctx, 3*time.Minute)
		_, err := s.waitUntilIdle(settled)
		cancel()
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err := s.cluster.client.Patch(ctx, s.userPermission(0), permit(from)); err != nil {
			return err
		}
		heard, stop, err := s.informer(ctx, k.kind, k.object.GetName())
		if err != nil {
			return fmt.Errorf("informer of %s: %w", k.kind, err)
		}
		go s.profileAll(ctx, k.kind)
		c, err := s.measureChange(ctx, k.object, k.question, k.patch, heard)
		stop()
		if err != nil {
			return fmt.Errorf("changing a %s: %w", k.what, err)
		}
		c.What = k.what
		c.Limit = 1.5*c.Informer.P99 + 20
		s.results.Changes = append(s.results.Changes, c)
		say("%s: decided after %.1f / %.1f ms (p50 / p99), informer %.1f / %.1f ms, write %.1f / %.1f ms", k.what,
			c.Decision.P50, c.Decision.P99, c.Informer.P50, c.Informer.P99, c.Write.P50, c.Write.P99)
	}
	return nil
}

// heard is a version of the object that a bare informer knows, and when it got to know it.
type heard struct {
	version int
	at      time.Time
}

// informer watches a whole kind as any controller does, and tells of one object.
func (s *scale) informer(ctx context.Context, kind, name string) (<-chan heard, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	objects, err := cache.New(s.cluster.config, cache.Options{Scheme: s.cluster.client.Scheme(), DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		cancel()
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = objects.Start(ctx)
	}()
	stop := func() {
		cancel()
		<-ended
	}
	informer, err := objects.GetInformerForKind(ctx, schema.GroupVersionKind{Group: v1alpha1.GroupName, Version: v1alpha1.GroupVersion.Version, Kind: kind})
	if err != nil {
		stop()
		return nil, nil, err
	}
	told := make(chan heard, 1000)
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{UpdateFunc: func(_, object any) {
		at := time.Now()
		if o, ok := object.(client.Object); ok && o.GetName() == name {
			version, _ := strconv.Atoi(o.GetResourceVersion())
			told <- heard{version, at}
		}
	}})
	return told, stop, err
}

func (s *scale) measureChange(ctx context.Context, object client.Object, question []byte, patch func(bool) client.Patch, told <-chan heard) (change, error) {
	var writes, decisions, informers []time.Duration
	const patience = 30 * time.Second
	for i := range s.changes + 2 {
		allow := i%2 == 0
		changed, _ := object.DeepCopyObject().(client.Object)
		began := time.Now()
		if err := s.cluster.client.Patch(ctx, changed, patch(allow)); err != nil {
			return change{}, err
		}
		answered := time.Now()
		for {
			got, err := s.ask(ctx, question)
			if err != nil {
				return change{}, err
			}
			if got == allow {
				break
			}
			if time.Since(answered) > patience {
				return change{}, fmt.Errorf("the decision is still %t, %s after the write", got, patience)
			}
			sleepUntil(time.Now().Add(500 * time.Microsecond))
		}
		decided := time.Now()
		version, _ := strconv.Atoi(changed.GetResourceVersion())
		var known heard
		for known.version < version && i > 0 {
			select {
			case known = <-told:
			case <-time.After(patience):
				return change{}, fmt.Errorf("the informer did not hear of version %d in %s", version, patience)
			}
		}
		if i < 2 {
			continue // the first may have changed nothing, and opened connections
		}
		writes = append(writes, answered.Sub(began))
		decisions = append(decisions, decided.Sub(answered))
		informers = append(informers, max(0, known.at.Sub(answered)))
	}
	return change{Write: percentiles(writes), Decision: percentiles(decisions), Informer: percentiles(informers)}, nil
}

func writeHeapProfile(name string) {
	file, err := os.Create(filepath.Join(folder, name+".heap.prof"))
	if err != nil {
		return
	}
	defer file.Close()
	_ = pprof.WriteHeapProfile(file)
}
