package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/remit-authz/remit/internal/testobjects"
)

// TestRun starts the manager as its command line does, on a real API server with the webhooks that are installed,
// and asks what is asked of it from outside.
func TestRun(t *testing.T) {
	ctrl.SetLogger(zap.New(zap.WriteTo(t.Output())))
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing: true,
		WebhookInstallOptions: envtest.WebhookInstallOptions{Paths: []string{"../../config/webhook/manifests.yaml"}},
	}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	probes, decisions, metrics := freeAddress(t), freeAddress(t), freeAddress(t)
	decisionLog := filepath.Join(t.TempDir(), "decisions.json")
	webhooks := env.WebhookInstallOptions
	cfg, err := parse([]string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect", "--leader-election-namespace=default",
		"--health-probe-bind-address=" + probes,
		"--webhook-host=" + webhooks.LocalServingHost,
		"--webhook-port=" + strconv.Itoa(webhooks.LocalServingPort),
		"--webhook-cert-dir=" + webhooks.LocalServingCertDir,
		"--decision-bind-address=" + decisions, "--decision-authn=none", "--decision-log=" + decisionLog,
		"--metrics-bind-address=" + metrics, "--metrics-secure=false",
	}, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, cfg) }()
	eventually(t, "the manager is ready", func() bool { status, _ := get(t, "http://"+probes+"/readyz"); return status == http.StatusOK })

	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	order := testobjects.MakeResourceType("order").Obj()
	role := testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj()
	user := testobjects.MakeUser("richard").Roles("buyer").Obj()
	for _, object := range []client.Object{order, role, user} {
		object.SetNamespace("default")
		object.SetGeneration(0)
		if err := c.Create(ctx, object); err != nil {
			t.Fatalf("create %T: %v", object, err)
		}
	}
	bad := testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Access("Full").Condition("1 +").Obj()).Obj()
	bad.SetNamespace("default")
	if err := c.Create(ctx, bad); err == nil || !strings.Contains(err.Error(), "spec.rules[0].condition") {
		t.Errorf("create a role with a bad condition: got error %v, want one that names the condition", err)
	}
	eventually(t, "the effective permissions can be had from the decision server", func() bool {
		status, body := get(t, "https://"+decisions+"/domains/default/effective-permissions/richard")
		return status == http.StatusOK && strings.Contains(body, `"order"`)
	})
	eventually(t, "status is written", func() bool {
		return c.Get(ctx, client.ObjectKeyFromObject(user), user) == nil && user.Status.EffectivePermissions == "richard"
	})

	const evaluation = `{"subject": {"type": "user", "id": "richard"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`
	if status, body := ask(t, http.MethodPost, "https://"+decisions+"/domains/default/access/v1/evaluation", evaluation); !strings.Contains(body, `"decision":true`) {
		t.Errorf("evaluation: status %d: %s", status, body)
	}
	_, measured := get(t, "http://"+metrics+"/metrics")
	for _, want := range []string{
		"remit_store_ready 1", `remit_domain_objects{domain="default"} 3`,
		`remit_decisions_total{decision="allow",domain="default",interface="evaluation",reason="rule"} 1`,
	} {
		if !strings.Contains(measured, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}

	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("run did not end")
	}
	if text, err := os.ReadFile(decisionLog); err != nil || !strings.Contains(string(text), `"subject_id":"richard"`) {
		t.Errorf("the decision log has %q, error %v", text, err)
	}
}

func TestRunRefusesToLetEverybodyAsk(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"https://127.0.0.1:1"}}],`+
		`"contexts":[{"name":"a","context":{"cluster":"a","user":"a"}}],"current-context":"a","users":[{"name":"a","user":{}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse([]string{"--kubeconfig=" + kubeconfig, "--decision-authn=none", "--health-probe-bind-address=0"}, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if err := run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--insecure-decision-bind") {
		t.Errorf("run: got error %v, want one that names --insecure-decision-bind", err)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return ask(t, http.MethodGet, url, "")
}

// ask is a request from outside; status 0 is no answer.
func ask(t *testing.T, method, url, question string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a certificate that the server made itself
		DisableKeepAlives: true,
	}}
	response, err := c.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(text)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return holds(), nil })
	if err != nil {
		t.Fatalf("waited for this in vain: %s", what)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it listened for its address only
	return listener.Addr().String()
}
