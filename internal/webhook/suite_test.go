package webhook_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/webhook"
)

const (
	patience = time.Minute
	often    = 10 * time.Millisecond
	// operator is the user that the replicas are.
	operator = "remit-operator"
)

var (
	environment *envtest.Environment
	// admin is the configuration of a member of system:masters.
	admin *rest.Config
	// operatorConfig is that of the replicas.
	operatorConfig *rest.Config
	// cluster writes as that administrator of a real API server, which asks the webhooks of two replicas in turn.
	cluster client.Client
	// warnings are what the API server told that client besides its answers.
	warnings = &collector{}
	replicas [2]*replica
	// front is what the API server takes for our webhooks.
	front = &service{}
	// now is the time of both replicas.
	now = &setClock{}
)

func TestWebhooks(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Webhooks")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(GinkgoLogr)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(often)
	environment = &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		WebhookInstallOptions: envtest.WebhookInstallOptions{Paths: []string{filepath.Join("..", "..", "config", "webhook", "manifests.yaml")}},
	}
	DeferCleanup(func() error { return environment.Stop() })
	var err error
	admin, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	cluster = newClient(admin, warnings)

	// Who may write is not what is tested here.
	everything := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "everything"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"*"}, Resources: []string{"*"}, // all but escalate, which A7 asks about
		Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
	}}}
	Expect(cluster.Create(ctx, everything)).To(Succeed())
	Expect(cluster.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everything"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: everything.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
	})).To(Succeed())

	serving := environment.WebhookInstallOptions
	user, err := environment.AddUser(envtest.User{Name: operator}, admin)
	Expect(err).NotTo(HaveOccurred())
	operatorConfig = user.Config()
	for i := range replicas {
		replicas[i] = startReplica(ctx, operatorConfig, serving.LocalServingCertDir)
	}
	front.use(replicas[:]...)
	front.start(net.JoinHostPort(serving.LocalServingHost, strconv.Itoa(serving.LocalServingPort)), serving.LocalServingCertDir)
	DeferCleanup(func() { front.stop() })
})

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	return scheme
}

func newClient(config *rest.Config, hears rest.WarningHandlerWithContext) client.Client {
	GinkgoHelper()
	config = rest.CopyConfig(config)
	config.WarningHandlerWithContext = hears
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: newScheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// as is a client for another user, impersonated.
func as(user string, groups ...string) client.Client {
	GinkgoHelper()
	config := rest.CopyConfig(admin)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return newClient(config, warnings)
}

// newNamespace makes a namespace for one spec.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(cluster.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// in puts an object into a namespace, to be created there.
func in[T client.Object](namespace string, object T) T {
	object.SetNamespace(namespace)
	object.SetGeneration(0)
	return object
}

// create creates objects, and waits until all replicas know them.
func create(ctx context.Context, namespace string, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(cluster.Create(ctx, in(namespace, object))).To(Succeed(), "%T %s", object, object.GetName())
	}
	settle(ctx, namespace)
	warnings.take()
}

// settle waits until all replicas know as many objects as there are.
func settle(ctx context.Context, namespace string) {
	GinkgoHelper()
	count := 0
	for _, kind := range kinds.Table {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GVK())
		Expect(cluster.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		count += meta.LenList(list)
	}
	for _, replica := range replicas {
		Eventually(func() int { return replica.objects(namespace) }).Should(Equal(count))
	}
}

// replica is a manager with a store and the webhooks.
type replica struct {
	store *store.Store
	url   *url.URL
}

// startReplica starts one that serves the given kinds, or all.
func startReplica(ctx context.Context, config *rest.Config, certDir string, of ...*kinds.Row) *replica {
	GinkgoHelper()
	address := freeAddress(ctx)
	host, port, err := net.SplitHostPort(address)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.Atoi(port)
	Expect(err).NotTo(HaveOccurred())
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:        newScheme(),
		Cache:         store.CacheOptions(),
		Metrics:       metricsserver.Options{BindAddress: "0"},
		WebhookServer: ctrlwebhook.NewServer(ctrlwebhook.Options{Host: host, Port: number, CertDir: certDir}),
	})
	Expect(err).NotTo(HaveOccurred())
	r := &replica{store: store.New(mgr.GetCache(), logr.Discard(), of...), url: &url.URL{Scheme: "https", Host: address}}
	Expect(mgr.Add(r.store)).To(Succeed())
	Expect(webhook.SetupWithManager(mgr, r.store, webhook.Options{Namespace: metav1.NamespaceDefault, Clock: now})).To(Succeed())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Expect(<-stopped).To(Succeed())
	})
	Eventually(r.store.Synced()).Should(BeClosed())
	Eventually(func() error { return mgr.GetWebhookServer().StartedChecker()(nil) }).Should(Succeed())
	return r
}

// objects is how many objects the replica knows in a namespace.
func (r *replica) objects(namespace string) int {
	snapshot, ok := r.store.Domain(namespace)
	if !ok {
		return 0
	}
	return snapshot.Domain.Len()
}

// gate holds back what watches tell while it is closed.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	g.open()
	return g
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wrap has a client's watches go through the gate.
func (g *gate) wrap(next http.RoundTripper) http.RoundTripper { return &gated{next, g} }

type gated struct {
	next http.RoundTripper
	gate *gate
}

// RoundTrip does a request.
func (t *gated) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err == nil && request.URL.Query().Has("watch") {
		response.Body = &gatedBody{response.Body, t.gate, request.Context()}
	}
	return response, err
}

type gatedBody struct {
	io.ReadCloser
	gate *gate
	ctx  context.Context //nolint:containedctx // of the request whose answer it is
}

// Read reads what came, once the gate is open.
func (b *gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if waited := b.gate.pass(b.ctx); waited != nil {
		return 0, waited
	}
	return n, err
}

func freeAddress(ctx context.Context) string {
	GinkgoHelper()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close() //nolint:errcheck // it listened for its address only
	return listener.Addr().String()
}

// service hands requests to the replicas in turn, as a Service of Kubernetes does with connections.
type service struct {
	backends atomic.Pointer[[]*replica]
	// open admits everything without asking a replica.
	open   atomic.Bool
	next   atomic.Uint64
	server *http.Server
	done   chan struct{}
	// restart starts it again after a stop.
	restart func()
}

func (s *service) start(address, certDir string) {
	GinkgoHelper()
	s.restart = func() { s.start(address, certDir) }
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(s.backend()) },
		// The replicas' certificates are not what is tested.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	s.server = &http.Server{Addr: address, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.open.Load() {
			admitAll(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	Expect(err).NotTo(HaveOccurred())
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.server.ServeTLS(listener, filepath.Join(certDir, "tls.crt"), filepath.Join(certDir, "tls.key")) // ends with an error in any case
	}()
}

// use has the service ask these replicas, and gives what undoes it.
func (s *service) use(backends ...*replica) (undo func()) {
	before := s.backends.Swap(&backends)
	return func() { s.backends.Store(before) }
}

func (s *service) backend() *url.URL {
	backends := *s.backends.Load()
	return backends[int(s.next.Add(1))%len(backends)].url
}

// stop ends the service at once.
func (s *service) stop() {
	_ = s.server.Close()
	<-s.done
}

func admitAll(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(&review) // who asked has gone
}

// setClock is the real time, unless a test sets another.
type setClock struct {
	clock.RealClock
	at atomic.Pointer[time.Time]
}

// Now is the time that was set, or the real one.
func (c *setClock) Now() time.Time {
	if at := c.at.Load(); at != nil {
		return *at
	}
	return c.RealClock.Now()
}

// set fixes the time; the zero time sets it free.
func (c *setClock) set(at time.Time) {
	if at.IsZero() {
		c.at.Store(nil)
		return
	}
	c.at.Store(&at)
}

// collector keeps warnings.
type collector struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeaderWithContext keeps a warning.
func (c *collector) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
}

// take gives the warnings since the last time.
func (c *collector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := c.texts
	c.texts = nil
	return texts
}
