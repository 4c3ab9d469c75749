package server

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		var answer Decision
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

// TestAnAPIServerThatIsAwayChangesNoDecision has somebody ask all the time.
func TestAnAPIServerThatIsAwayChangesNoDecision(t *testing.T) {
	a := newCluster(t)
	mustCreate(t, a.admin.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	replica := a.replica()
	allows := func(user string) bool {
		got := post(replica, "/domains/shop/access/v1/evaluation",
			`{"subject": {"type": "user", "id": "`+user+`"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`)
		return strings.Contains(got.Body.String(), `"decision":true`)
	}
	a.put(testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj(), testobjects.MakeUser("ann").Roles("clerk").Obj())
	eventually(t, "ann is allowed", func() bool { return allows("ann") })
	status := func() (s domainStatus) {
		mustDecode(t, get(replica, "/domains/shop/status"), &s)
		return s
	}
	before := status()

	var asked, refused atomic.Int64
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if asked.Add(1); !allows("ann") {
				refused.Add(1)
			}
		}
	}()
	apiServer := a.environment.ControlPlane.APIServer
	// While somebody watches it takes its time to stop, and is killed in the end.
	if err := apiServer.Stop(); err != nil && !strings.Contains(err.Error(), "timeout waiting") {
		t.Fatalf("stop the API server: %v", err)
	}
	eventually(t, "time passes without the API server", func() bool { return status().BehindSeconds > before.BehindSeconds+3 })
	if now := status(); now.Revision != before.Revision {
		t.Errorf("revision %s, want %s as before", now.Revision, before.Revision)
	}

	if err := apiServer.Start(); err != nil {
		t.Fatalf("start the API server again: %v", err)
	}
	a.put(testobjects.MakeUser("bob").Roles("clerk").Obj())
	eventually(t, "what was written since is served", func() bool { return allows("bob") })
	end()
	<-ended
	if refused.Load() > 0 || asked.Load() < 100 {
		t.Errorf("%d of %d requests were not allowed", refused.Load(), asked.Load())
	}
}
