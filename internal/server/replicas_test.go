package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/internal/server/wire"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

// TestARevisionHoldsOnEveryReplica writes, reads the revision from one replica, and asks another one with it.
func TestARevisionHoldsOnEveryReplica(t *testing.T) {
	a := newCluster(t)
	mustCreate(t, a.admin.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	replicas := []*Server{a.replica(), a.replica()}
	a.put(testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj())
	for i := range 10 {
		user := "user-" + string(rune('a'+i))
		a.put(testobjects.MakeUser(user).Roles("clerk").Obj())
		one, other := replicas[i%2], replicas[(i+1)%2]
		evaluation := `"subject": {"type": "user", "id": "` + user + `"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`
		var answer wire.Decision
		eventually(t, "one replica allows", func() bool {
			got := post(one, "/domains/shop/access/v1/evaluation", "{"+evaluation)
			return got.Code == 200 && json.Unmarshal(got.Body.Bytes(), &answer) == nil && answer.Decision
		})
		got := post(other, "/domains/shop/access/v1/evaluation", `{"options": {"at_least_revision": "`+answer.Context.Revision+`"}, `+evaluation)
		mustDecode(t, got, &answer)
		if !answer.Decision {
			t.Errorf("the other replica denies %s at revision %s", user, answer.Context.Revision)
		}
	}
	status := domainStatus{}
	mustDecode(t, get(replicas[0], "/domains/shop/status"), &status)
	if status.Objects != 12 || status.Users != 10 || status.Made.IsZero() || status.BehindSeconds > time.Minute.Seconds()*2 {
		t.Errorf("status %+v", status)
	}
}

// TestAnAPIServerThatIsAwayChangesNoDecision has an application ask all the time.
func TestAnAPIServerThatIsAwayChangesNoDecision(t *testing.T) {
	a := newCluster(t)
	mustCreate(t, a.admin.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	listener := listen(t)
	replica := a.replica(func(o *Options) {
		o.Listener, o.PlainHTTP, o.Authn, o.Kubernetes = listener, true, AuthnKubernetes, a.config
	})
	domains, ok := replica.domains.(*store.Store)
	if !ok {
		t.Fatalf("the replica has %T", replica.domains)
	}
	t.Cleanup(a.run(replica))
	token := a.callerToken()
	const path = "/domains/shop/access/v1/evaluation"
	question := func(user string) string {
		return `{"subject": {"type": "user", "id": "` + user + `"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`
	}
	answer := func(user string) []byte {
		return askAs(replica, token, request(http.MethodPost, path, question(user))).Body.Bytes()
	}
	allows := func(user string) bool { return bytes.Contains(answer(user), []byte(`"decision":true`)) }
	status := func() (s domainStatus) {
		mustDecode(t, askAs(replica, token, httptest.NewRequest(http.MethodGet, "/domains/shop/status", nil)), &s)
		return s
	}
	a.put(testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj(), testobjects.MakeUser("ann").Roles("clerk").Obj())
	eventually(t, "ann is allowed", func() bool { return allows("ann") })
	before := status()

	// Everything but the revision, which moves on in the end.
	same, _, ok := bytes.Cut(answer("ann"), []byte(`"revision"`))
	if !ok {
		t.Fatalf("the answer %s has no revision", same)
	}
	ask := &asker{url: "http://" + listener.Addr().String() + path, token: token, question: question("ann"), answer: same}
	asking, stopAsking := context.WithCancel(t.Context())
	var asked sync.WaitGroup
	asked.Go(func() { ask.run(asking) })
	var unready atomic.Int64
	asked.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ; asking.Err() == nil; <-tick.C {
			if domains.ReadyzCheck(nil) != nil {
				unready.Add(1)
			}
		}
	})
	apiServer := a.environment.ControlPlane.APIServer
	// While somebody watches it takes its time to stop, and is killed in the end.
	if err := apiServer.Stop(); err != nil && !strings.Contains(err.Error(), "timeout waiting") {
		t.Fatalf("stop the API server: %v", err)
	}
	away := time.NewTimer(*outageTime)
	defer away.Stop()
	answered := ask.took.count()
	<-away.C
	now := status()
	if now.Revision != before.Revision {
		t.Errorf("revision %s, want %s as before", now.Revision, before.Revision)
	}
	if now.BehindSeconds < outageTime.Seconds() {
		t.Errorf("%v seconds behind after %s without the API server", now.BehindSeconds, *outageTime)
	}
	answered = ask.took.count() - answered

	if err := apiServer.Start(); err != nil {
		t.Fatalf("start the API server again: %v", err)
	}
	back := time.Now()
	a.put(testobjects.MakeUser("bob").Roles("clerk").Obj())
	// Watches are tried again ever more seldom, up to twice in a minute.
	within(t, 2*time.Minute, "what was written since is served", func() bool {
		snapshot, ok := domains.Domain("shop")
		return ok && snapshot.Domain.Knows("bob")
	})
	caughtUp := time.Since(back)
	if !allows("bob") {
		t.Error("bob is not allowed")
	}
	stopAsking()
	asked.Wait()
	ask.mustBeRight(t)
	if n := unready.Load(); n > 0 {
		t.Errorf("not ready %d times", n)
	}
	t.Logf("%d requests answered while the API server was away for %s, %d in all, half within %s, 99 of 100 within %s; %d failed, %d were answered differently; "+
		"not ready %d times; said to be %.1f s behind at the end; caught up %s after the API server was back",
		answered, *outageTime, ask.took.count(), ask.took.quantile(.5), ask.took.quantile(.99), ask.failed.Load(), ask.change.Load(), unready.Load(),
		now.BehindSeconds, caughtUp.Round(time.Millisecond))
}
