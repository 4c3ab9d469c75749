package server

import (
	"bytes"
	"context"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/go-logr/logr"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
)

const examples = "../../docs/examples/webhook-authorizer/"

// cluster is an API server that asks a decision server whether requests are allowed, by the documentation's
// example; the decision server follows the objects in that API server.
type cluster struct {
	t           *testing.T
	environment *envtest.Environment
	config      *rest.Config
	admin       kubernetes.Interface
	objects     client.Client
	log         *bytes.Buffer // the decision log; complete once stop has returned
	stop        func()
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	certificate := writeCertificate(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	a := &cluster{t: t, log: &bytes.Buffer{}, environment: &envtest.Environment{
		CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true, ControlPlaneStopTimeout: 5 * time.Second,
	}}
	configuration := filepath.Join(dir, "authorization-configuration.yaml")
	writeFile(t, configuration, []byte(withoutRemit))
	a.environment.ControlPlane.GetAPIServer().CertDir = t.TempDir() // which stays when it is stopped for a while
	a.environment.ControlPlane.GetAPIServer().Configure().Disable("authorization-mode").Set("authorization-config", configuration)
	writeFile(t, filepath.Join(dir, "ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	if a.config, err = a.environment.Start(); err != nil {
		t.Fatalf("start the API server (KUBEBUILDER_ASSETS must name the folder with its binaries): %v", err)
	}
	t.Cleanup(func() {
		if err := a.environment.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	a.admin = kubernetes.NewForConfigOrDie(a.config)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if a.objects, err = client.New(a.config, client.Options{Scheme: scheme}); err != nil {
		t.Fatalf("make a client: %v", err)
	}
	a.makeCaller()
	writeFile(t, filepath.Join(dir, "token"), []byte(a.callerToken()))

	options := store.CacheOptions()
	options.Scheme = scheme
	objects, err := cache.New(a.config, options)
	if err != nil {
		t.Fatalf("make a cache: %v", err)
	}
	domains := store.New(objects, logr.Discard())
	s, err := New(domains, Options{
		Listener: listener, CertDir: dir, Authn: AuthnKubernetes, Kubernetes: a.config, DecisionLog: DecisionLog{Writer: a.log}, Log: logr.Discard(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	a.stop = a.run(objects, domains, s)
	t.Cleanup(a.stop)
	eventually(t, "the domains are known", domains.Ready)
	writeExamples(t, dir, listener.Addr()) // the API server reads its configuration again
	return a
}

// withoutRemit is what an API server has to begin with, since Remit needs it before it can be asked.
const withoutRemit = `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers: [{type: Node, name: node}, {type: RBAC, name: rbac}]
`

// run starts everything, and gives what stops it, which may be called twice.
func (a *cluster) run(parts ...interface{ Start(context.Context) error }) (stop func()) {
	ctx, cancel := context.WithCancel(a.t.Context())
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part.Start(ctx) }()
	}
	return func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		for range parts {
			if err := <-ended; err != nil {
				a.t.Errorf("Start: %v", err)
			}
		}
	}
}

// writeExamples writes the documentation's example with other paths and addresses. Answers are kept for a shorter
// time: tests wait for changes.
func writeExamples(t *testing.T, dir string, address net.Addr) {
	t.Helper()
	replacer := strings.NewReplacer("/etc/kubernetes/remit", dir, "remit-decisions.remit-system.svc", address.String(), "TTL: 10s", "TTL: 100ms")
	for _, name := range []string{"kubeconfig.yaml", "authorization-configuration.yaml"} {
		text, err := os.ReadFile(examples + name)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), []byte(replacer.Replace(string(text))))
	}
}

// writeFile puts a whole file in the place of one that may be there.
func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".next", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

// makeCaller makes the service account of the example, with the rights that config/rbac and the example give it.
func (a *cluster) makeCaller() {
	a.t.Helper()
	mustCreate(a.t, a.admin.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "remit-system"}})
	role := &rbacv1.ClusterRole{}
	read(a.t, "../../config/rbac/decision_caller_role.yaml", role)
	role.Name = "remit-" + role.Name // as kustomize does
	mustCreate(a.t, a.admin.RbacV1().ClusterRoles().Create, role)
	account, binding := &corev1.ServiceAccount{}, &rbacv1.ClusterRoleBinding{}
	read(a.t, examples+"caller.yaml", account, binding)
	mustCreate(a.t, a.admin.CoreV1().ServiceAccounts(account.Namespace).Create, account)
	mustCreate(a.t, a.admin.RbacV1().ClusterRoleBindings().Create, binding)
}

// callerToken is a new token of that service account.
func (a *cluster) callerToken() string {
	a.t.Helper()
	account := &corev1.ServiceAccount{}
	read(a.t, examples+"caller.yaml", account, &rbacv1.ClusterRoleBinding{})
	token, err := a.admin.CoreV1().ServiceAccounts(account.Namespace).CreateToken(a.t.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		a.t.Fatalf("make a token: %v", err)
	}
	return token.Status.Token
}

// read reads the documents of a YAML file.
func read(t *testing.T, path string, objects ...any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(text), "\n---\n")
	if len(documents) != len(objects) {
		t.Fatalf("%s has %d documents, want %d", path, len(documents), len(objects))
	}
	for i, document := range documents {
		if err := yaml.UnmarshalStrict([]byte(document), objects[i]); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// put creates objects of the domain shop.
func (a *cluster) put(objects ...engine.Object) {
	a.t.Helper()
	for _, object := range objects {
		object.SetNamespace("shop")
		if err := a.objects.Create(a.t.Context(), object.(client.Object)); err != nil {
			a.t.Fatalf("create %s: %v", object.GetName(), err)
		}
	}
}

// as is a client for a user of the cluster.
func (a *cluster) as(user string) kubernetes.Interface {
	a.t.Helper()
	added, err := a.environment.AddUser(envtest.User{Name: user, Groups: []string{"people"}}, a.config)
	if err != nil {
		a.t.Fatalf("add the user %s: %v", user, err)
	}
	return kubernetes.NewForConfigOrDie(added.Config())
}

// replica is a further server over a store of its own, that everybody may ask unless the options say otherwise.
func (a *cluster) replica(options ...func(*Options)) *Server {
	a.t.Helper()
	cached := store.CacheOptions()
	cached.Scheme = a.objects.Scheme()
	objects, err := cache.New(a.config, cached)
	if err != nil {
		a.t.Fatalf("make a cache: %v", err)
	}
	domains := store.New(objects, logr.Discard())
	opts := Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, Log: logr.Discard()}
	for _, option := range options {
		option(&opts)
	}
	s, err := New(domains, opts)
	if err != nil {
		a.t.Fatalf("New: %v", err)
	}
	a.t.Cleanup(a.run(objects, domains))
	eventually(a.t, "the domains are known", domains.Ready)
	return s
}
