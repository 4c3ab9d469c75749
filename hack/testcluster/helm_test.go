package testcluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

const (
	release   = "remit-system"
	domain    = "shop"
	endpoints = "remit-decisions" // the Service
)

// run runs a program of bin/ against the control plane.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../bin", name))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+plane.kubeconfig, "HOME="+plane.folder)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestHelmRelease installs the chart with --wait on the stand-in for a node, lets an application ask with its pod's token,
// upgrades under load – of decisions, and of changes that the webhook reviews – without a failure, and uninstalls.
func TestHelmRelease(t *testing.T) {
	ctx := t.Context()
	// The namespace outlives the release, as it does with --create-namespace.
	for _, namespace := range []string{release, domain} {
		if err := plane.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	startNode(t, release)
	const chart = "dist/chart"
	run(t, "helm", "install", "remit", chart, "-n", release, "--set", "metrics.enabled=true", "--wait", "--timeout", "4m")

	token := application(t)
	if err := plane.Create(ctx, &v1alpha1.ResourceType{ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: "order"}}); err != nil {
		t.Fatal(err)
	}
	role := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: "clerk"}, Spec: v1alpha1.RoleSpec{Rules: []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{"order"}, Access: v1alpha1.AccessFull}}}}
	user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: "ann"}, Spec: v1alpha1.UserSpec{Account: v1alpha1.Account{Roles: []v1alpha1.RoleRef{{Name: "clerk"}}}}}
	for _, object := range []client.Object{role, user} {
		if err := plane.Create(ctx, object); err != nil {
			t.Fatal(err)
		}
	}
	asks := newLoad(t, token)
	eventually(t, "ann may read orders", func() error { return asks.ask(ctx, 0) })

	if _, err := exec.LookPath("curl"); err == nil {
		run(t, "helm", "test", "remit", "-n", release, "--timeout", "1m")
	} else {
		t.Log("there is no curl for helm test")
	}

	t.Run("upgrade under load", func(t *testing.T) {
		loading, stop := context.WithCancel(ctx)
		var callers sync.WaitGroup
		for i := range 4 {
			callers.Go(func() {
				every(loading, 20*time.Millisecond, func() { asks.count(loading, asks.ask(loading, i)) })
			})
		}
		var writes, refused atomic.Int64
		callers.Go(func() {
			every(loading, 100*time.Millisecond, func() {
				text := fmt.Sprint(writes.Add(1))
				patch := fmt.Appendf(nil, `{"spec":{"displayName":%q}}`, text)
				if err := plane.Patch(loading, user.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil && loading.Err() == nil {
					refused.Add(1)
					t.Logf("write %s: %v", text, err)
				}
			})
		})
		run(t, "helm", "upgrade", "remit", chart, "-n", release, "--reuse-values", "--set", "podAnnotations.example\\.com/rollout=two", "--wait", "--timeout", "4m")
		eventually(t, "the old replicas are gone", func() error {
			pods := &corev1.PodList{}
			if err := plane.List(ctx, pods, client.InNamespace(release)); err != nil {
				return err
			}
			for i := range pods.Items {
				if pods.Items[i].Annotations["example.com/rollout"] != "two" {
					return fmt.Errorf("%s runs", pods.Items[i].Name)
				}
			}
			return nil
		})
		stop()
		callers.Wait()
		t.Logf("%d decisions, %d of them failed; %d changes, %d of them refused", asks.asked.Load(), asks.failed.Load(), writes.Load(), refused.Load())
		if asks.failed.Load() > 0 || refused.Load() > 0 || asks.asked.Load() < 100 || writes.Load() < 10 {
			t.Error("want none to fail, of at least 100 decisions and 10 changes")
		}
	})

	t.Run("the tutorial's last step", tutorial)

	t.Run("metrics", func(t *testing.T) {
		if err := plane.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "remit-metrics-reader"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: domain, Name: "application"}},
		}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "Prometheus may scrape", func() error {
			addresses := asks.addresses.Load()
			body, err := asks.send(ctx, http.MethodGet, "https://"+(*addresses)[0]+":8080/metrics", nil, caller(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec // it has a certificate of its own
			if err != nil {
				return err
			}
			problems, err := promlint.New(bytes.NewReader(body)).Lint()
			for _, problem := range problems {
				if strings.HasPrefix(problem.Metric, "remit_") {
					t.Errorf("%s: %s", problem.Metric, problem.Text)
				}
			}
			return err
		})
	})

	run(t, "helm", "uninstall", "remit", "-n", release, "--wait", "--timeout", "2m")
	if err := plane.Get(ctx, client.ObjectKeyFromObject(user), user); err != nil {
		t.Errorf("uninstalling took the objects: %v", err)
	}
}

// tutorial puts the folder of docs/tutorial.md on the cluster, as its last step says.
func tutorial(t *testing.T) {
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Skip("there is no kubectl")
	}
	page, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, found := range regexp.MustCompile("(?s)```yaml\n# (permissions/[a-z.]+)\n(.*?)```").FindAllSubmatch(page, -1) {
		file := filepath.Join(folder, string(found[1]))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, found[2], 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	found := regexp.MustCompile("(?s)```sh\n(kubectl create namespace clinic\n.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatal("docs/tutorial.md has no such step")
	}
	plugins, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	step := exec.CommandContext(ctx, "bash", "-o", "errexit", "-c", string(found[1]))
	step.Dir = folder
	step.Env = append(step.Environ(), "KUBECONFIG="+plane.kubeconfig, "HOME="+plane.folder, "PATH="+plugins+":"+os.Getenv("PATH"))
	out, err := step.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "appointment") {
		t.Errorf("%v\n%s", err, out)
	}
}

// application makes a ServiceAccount that may ask for decisions, and gives a token of it.
func application(t *testing.T) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: "application"}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: domain, Name: "application"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "remit-decision-caller"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: domain, Name: account.Name}},
	}
	for _, object := range []client.Object{account, binding} {
		if err := plane.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	token := &authenticationv1.TokenRequest{}
	if err := plane.SubResource("token").Create(t.Context(), account, token); err != nil {
		t.Fatal(err)
	}
	return token.Status.Token
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var last error
	every(ctx, 100*time.Millisecond, func() {
		if last = try(); last == nil {
			stop()
		}
	})
	if last != nil {
		t.Fatalf("waited in vain: %s: %v", what, last)
	}
}

// load asks for decisions as an application does that knows the endpoints of the Service a second late.
type load struct {
	token     string
	addresses atomic.Pointer[[]string]
	clients   []*http.Client
	asked     atomic.Int64
	failed    atomic.Int64
	t         *testing.T
}

func newLoad(t *testing.T, token string) *load {
	t.Helper()
	secret := &corev1.Secret{}
	if err := plane.Get(t.Context(), types.NamespacedName{Namespace: release, Name: "remit-certs"}, secret); err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(secret.Data["ca.crt"])
	l := &load{token: token, t: t}
	for i := range 4 {
		client := caller(&tls.Config{RootCAs: authorities, ServerName: endpoints + "." + release + ".svc", MinVersion: tls.VersionTLS12})
		client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0 //nolint:forcetypeassert // caller made it
		l.clients = append(l.clients, client)
	}
	l.addresses.Store(&[]string{})
	var done sync.WaitGroup
	done.Go(func() { every(t.Context(), time.Second, func() { l.resolve(t.Context()) }) })
	return l
}

// resolve finds out which replicas are ready.
func (l *load) resolve(ctx context.Context) {
	if ready := readyEndpoints(ctx); ready != nil {
		l.addresses.Store(&ready)
	}
}

// readyEndpoints are the Service's endpoints; nil if they cannot be read.
func readyEndpoints(ctx context.Context) []string {
	slices := &discoveryv1.EndpointSliceList{}
	if err := plane.List(ctx, slices, client.InNamespace(release), client.MatchingLabels{discoveryv1.LabelServiceName: endpoints}); err != nil {
		return nil
	}
	ready := []string{}
	for i := range slices.Items {
		for _, endpoint := range slices.Items[i].Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				ready = append(ready, real(endpoint.Addresses[0]))
			}
		}
	}
	return ready
}

// ask asks whether ann may read an order, and fails unless she may.
func (l *load) ask(ctx context.Context, caller int) error {
	addresses := *l.addresses.Load()
	if len(addresses) == 0 {
		return fmt.Errorf("the Service has no endpoint")
	}
	address := addresses[(int(l.asked.Load())+caller)%len(addresses)]
	body := []byte(`{"subject":{"type":"user","id":"ann"},"action":{"name":"read"},"resource":{"type":"order","id":"1"}}`)
	answer, err := l.send(ctx, http.MethodPost, "https://"+address+":8443/domains/"+domain+"/access/v1/evaluation", body, l.clients[caller])
	if err != nil {
		return err
	}
	var decision struct{ Decision bool }
	if err := json.Unmarshal(answer, &decision); err != nil {
		return err
	}
	if !decision.Decision {
		return fmt.Errorf("denied: %s", answer)
	}
	return nil
}

func (l *load) send(ctx context.Context, method, url string, body []byte, client *http.Client) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, err
}

// count counts an answer, unless the load has ended meanwhile.
func (l *load) count(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.asked.Add(1)
	if err != nil {
		l.failed.Add(1)
		l.t.Logf("ask: %v", err)
	}
}
