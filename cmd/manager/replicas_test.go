package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// asManager is a variable of the environment that makes the tests' program the manager.
const asManager = "REMIT_TEST_AS_MANAGER"

func TestMain(m *testing.M) {
	if os.Getenv(asManager) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// spawn runs a replica as a process of its own, with its webhooks at an address. To kill it gives it no time for anything.
func (c *cluster) spawn(t *testing.T, webhook string) (m *replica, kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m, args := c.replica(t, webhook)
	process := exec.CommandContext(t.Context(), self, args...)
	process.Env = append(os.Environ(), asManager+"=yes")
	process.Stdout, process.Stderr = t.Output(), t.Output()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { m.ended <- process.Wait() }()
	kill = sync.OnceFunc(func() {
		if err := process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill a replica: %v", err)
		}
		if err := <-m.ended; err == nil {
			t.Error("a replica ended before it was killed")
		}
	})
	t.Cleanup(kill)
	return m, kill
}

// TestReplicas starts two replicas of a new installation at the same time, both of which want to make the certificate,
// and kills first one and then the other. At least one of them was the one that writes status.
func TestReplicas(t *testing.T) {
	c := newCluster(t)
	one, killOne := c.spawn(t, c.webhook)
	other, killOther := c.spawn(t, freeAddress(t))
	eventually(t, "there is a certificate", func() error {
		if len(c.secret(t).Data["tls.key"]) == 0 {
			return errors.New("the Secret is empty")
		}
		return nil
	})
	c.mount(t)
	certificate := c.secret(t).Data["tls.crt"]
	ready := func(m *replica) {
		eventually(t, "a replica is ready", func() error {
			status, body := caller{}.get(t, "http://"+m.probes+"/readyz")
			return answered(status, body, "ok")
		})
	}
	ready(one)
	ready(other)
	if !bytes.Equal(c.secret(t).Data["tls.crt"], certificate) {
		t.Error("a replica replaced the certificate that the other had made")
	}

	order := testobjects.MakeResourceType("order").Obj()
	order.Namespace, order.Generation = "default", 0
	eventually(t, "the API server trusts the webhooks", func() error { return c.Create(t.Context(), order.DeepCopy(), client.DryRunAll) })
	c.create(t, order,
		testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj(), testobjects.MakeUser("richard").Roles("buyer").Obj())
	shop := caller{token: c.token(t, "shop", "remit-decision-caller"), authority: c.authority(t)}
	serves := func(m *replica) {
		eventually(t, "a replica decides", func() error { return shop.mayRead(t, m) })
	}
	serves(one)
	serves(other)
	repaired := func() {
		effective := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "richard"}}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"labels": null}}`))
		eventually(t, "there are effective permissions", func() error { return c.Patch(t.Context(), effective, patch) })
		eventually(t, "somebody gives them their label back", func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(effective), effective); err != nil || len(effective.Labels) == 0 {
				return fmt.Errorf("labels %v, error %w", effective.Labels, err)
			}
			return nil
		})
	}
	repaired()

	killOne()
	if err := shop.mayRead(t, other); err != nil {
		t.Errorf("the replica that is left: %v", err)
	}
	repaired()
	another, _ := c.spawn(t, c.webhook)
	ready(another)
	serves(another)
	killOther()
	if err := shop.mayRead(t, another); err != nil {
		t.Errorf("the replica that came: %v", err)
	}
	repaired()
}
