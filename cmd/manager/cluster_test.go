package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/hack/render"
	"github.com/remit-authz/remit/internal/testobjects"
)

const (
	home     = "remit-system"
	operator = "remit-controller-manager"
	identity = "system:serviceaccount:" + home + ":" + operator
)

// cluster is a real API server with config/default in it, but for what would run in nodes: the test itself is the
// node, on which the manager is one process.
type cluster struct {
	client.Client
	env     *envtest.Environment
	args    []string // of the Deployment
	rights  []right  // of the manager's service account
	audit   string   // the file in which the API server writes down what the manager asked of it
	certs   string   // the folder that a pod has the Secret at
	webhook string   // the address that the API server calls the manager at
}

// right is a verb on a resource of a group, which may be one of a namespace.
type right struct{ namespace, group, resource, verb string }

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(t.Output())))
	c := &cluster{audit: filepath.Join(t.TempDir(), "audit.log"), certs: t.TempDir(), webhook: freeAddress(t)}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(`{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
		"rules": [{"level": "Metadata", "users": ["`+identity+`"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true}
	c.env.ControlPlane.GetAPIServer().Configure().Append("audit-policy-file", policy).Append("audit-log-path", c.audit)
	config, err := c.env.Start()
	t.Cleanup(func() {
		if err := c.env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	if c.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	c.install(t)
	return c
}

// install applies config/default. The API server finds the manager by the name of its Service, as in a cluster, at an
// address of this machine.
func (c *cluster) install(t *testing.T) {
	t.Helper()
	objects, err := render.Installation("../../config")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(c.webhook)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		switch object.GetKind() {
		case "Deployment":
			var deployment appsv1.Deployment
			into(t, object, &deployment)
			c.args = deployment.Spec.Template.Spec.Containers[0].Args
		case "ClusterRole", "Role":
			if object.GetName() == "remit-manager-role" || object.GetName() == "remit-certificates-role" || object.GetKind() == "Role" {
				var role rbacv1.ClusterRole // a Role has the same rules
				role.Rules = rulesOf(t, object)
				c.rights = append(c.rights, rightsOf(object.GetNamespace(), role.Rules)...)
			}
		case "Service":
			if object.GetName() == "remit-webhook-service" {
				object.Object["spec"] = map[string]any{"type": "ExternalName", "externalName": host}
			}
		case "ValidatingWebhookConfiguration":
			for _, webhook := range object.Object["webhooks"].([]any) {
				service := webhook.(map[string]any)["clientConfig"].(map[string]any)["service"].(map[string]any)
				service["port"] = number
			}
		}
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

func into(t *testing.T, object *unstructured.Unstructured, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
}

func rulesOf(t *testing.T, object *unstructured.Unstructured) []rbacv1.PolicyRule {
	t.Helper()
	if object.GetKind() == "Role" {
		var role rbacv1.Role
		into(t, object, &role)
		return role.Rules
	}
	var role rbacv1.ClusterRole
	into(t, object, &role)
	return role.Rules
}

func rightsOf(namespace string, rules []rbacv1.PolicyRule) []right {
	var rights []right
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rights = append(rights, right{namespace, group, resource, verb})
				}
			}
		}
	}
	return rights
}

// kubeconfig is a file by which the manager is who it is in a cluster.
func (c *cluster) kubeconfig(t *testing.T) string {
	t.Helper()
	user, err := c.env.AddUser(envtest.User{Name: identity, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + home}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// token makes a service account and gives a token of it. It may do what a ClusterRole says, in the namespace default.
func (c *cluster) token(t *testing.T, name, role string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: name}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	c.create(t, account,
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, RoleRef: ref, Subjects: subjects},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: ref, Subjects: subjects})
	request := &authenticationv1.TokenRequest{}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatalf("a token of %s: %v", name, err)
	}
	return request.Status.Token
}

func (c *cluster) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if namespace := object.GetNamespace(); namespace == "" || namespace == testobjects.Namespace {
			object.SetNamespace("default")
		}
		object.SetGeneration(0)
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// secret gives the Secret that the manager keeps its certificate in.
func (c *cluster) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: home, Name: "remit-certs"}, &secret); err != nil {
		t.Fatal(err)
	}
	return &secret
}

// mount does what the node does to a pod that has the Secret mounted: some time after it changes, so do the files.
func (c *cluster) mount(t *testing.T) {
	t.Helper()
	secret := c.secret(t)
	for _, name := range []string{"ca.crt", "tls.crt", "tls.key"} {
		file := filepath.Join(c.certs, name)
		if len(secret.Data[name]) == 0 {
			t.Fatalf("the Secret has no %s", name)
		}
		if err := os.WriteFile(file+"~", secret.Data[name], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
}

// authority is what callers of the manager trust, as the Secret has it.
func (c *cluster) authority(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.secret(t).Data["ca.crt"]) {
		t.Fatal("the Secret has no authority")
	}
	return pool
}

// requests are what the manager asked of the API server, and the answers that forbade it.
func (c *cluster) requests(t *testing.T) (asked map[right]bool, forbidden []string) {
	t.Helper()
	file, err := os.Open(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	asked = map[right]bool{}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return asked, forbidden // a line that has no end yet is of no interest: the manager has stopped
		}
		if err != nil {
			t.Fatalf("audit log: %v", err)
		}
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("audit log: %v", err)
		}
		if event.ResponseStatus != nil && event.ResponseStatus.Code == 403 {
			forbidden = append(forbidden, event.Verb+" "+event.RequestURI+": "+event.ResponseStatus.Message)
		}
		if ref := event.ObjectRef; ref != nil {
			resource := ref.Resource
			if ref.Subresource != "" {
				resource += "/" + ref.Subresource
			}
			asked[right{ref.Namespace, ref.APIGroup, resource, event.Verb}] = true
		}
	}
}

// unused are rights that the manager made no use of. One of a whole cluster may be used in any namespace. Who watches
// sees everything, so to get and to list what may be watched is no more; clients do it when there is nothing to watch.
func unused(rights []right, asked map[right]bool) []string {
	anywhere := map[right]bool{}
	for r := range asked {
		anywhere[right{"", r.group, r.resource, r.verb}] = true
	}
	var left []string
	for _, r := range rights {
		if r.verb == "get" || r.verb == "list" {
			watch := right{r.namespace, r.group, r.resource, "watch"}
			if slices.Contains(rights, watch) {
				continue
			}
		}
		if used := asked[r] || r.namespace == "" && anywhere[r]; !used {
			left = append(left, strings.TrimSpace(fmt.Sprintf("%s %s.%s %s", r.verb, r.resource, r.group, r.namespace)))
		}
	}
	return left
}

// replica is a manager that runs with the flags of the Deployment.
type replica struct {
	probes, decisions, metrics, decisionLog string

	stop  context.CancelFunc
	ended chan error
}

// replica makes one, and the flags of the Deployment for it, with those that say that it is not in a pod.
func (c *cluster) replica(t *testing.T, webhook string) (m *replica, args []string) {
	t.Helper()
	m = &replica{
		probes: freeAddress(t), decisions: freeAddress(t), metrics: freeAddress(t), decisionLog: filepath.Join(t.TempDir(), "decisions.json"),
		ended: make(chan error, 1),
	}
	host, port, err := net.SplitHostPort(webhook)
	if err != nil {
		t.Fatal(err)
	}
	return m, append(slices.Clone(c.args),
		"--kubeconfig="+c.kubeconfig(t), "--namespace="+home, "--health-probe-bind-address="+m.probes,
		"--drain-duration=0", "--cert-overlap="+certOverlap.String(), "--webhook-host="+host, "--webhook-port="+port, "--webhook-cert-dir="+c.certs,
		"--decision-bind-address="+m.decisions, "--decision-cert-dir="+c.certs, "--decision-log="+m.decisionLog,
		"--metrics-bind-address="+m.metrics)
}

// start runs a replica.
func (c *cluster) start(t *testing.T) *replica {
	t.Helper()
	m, args := c.replica(t, c.webhook)
	cfg, err := parse(args, t.Output())
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	m.stop = sync.OnceFunc(func() {
		stop()
		select {
		case err := <-m.ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("run did not end")
		}
	})
	go func() { m.ended <- run(ctx, cfg) }()
	t.Cleanup(m.stop)
	return m
}

func eventually(t *testing.T, what string, holds func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		last = holds()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited for this in vain: %s: %v", what, last)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it listened for its address only
	return listener.Addr().String()
}
