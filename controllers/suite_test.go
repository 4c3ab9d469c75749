package controllers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/controllers"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/store"
)

const (
	// patience is how long a spec waits for what should come, and a moment how long it watches that what
	// should not come does not.
	patience = time.Minute
	aMoment  = time.Second
	often    = 20 * time.Millisecond
	// largePatience is for ten thousand objects.
	largePatience = 10 * time.Minute
)

// cluster is the API server that the specs share, but for those that stop one.
var cluster *testCluster

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	logf.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(often)
	SetDefaultConsistentlyDuration(aMoment)
	SetDefaultConsistentlyPollingInterval(often)
	cluster = startCluster()
})

// testCluster is an API server with our CRDs.
type testCluster struct {
	client.WithWatch
	env    *envtest.Environment
	config *rest.Config
}

func testScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	return scheme
}

func startCluster(options ...func(*envtest.Environment)) *testCluster {
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{"../config/crd/bases"},
		ErrorIfCRDPathMissing: true,
		// In a folder of our own its certificates outlive a restart.
		ControlPlane: envtest.ControlPlane{APIServer: &envtest.APIServer{CertDir: GinkgoT().TempDir()}},
	}
	for _, option := range options {
		option(env)
	}
	DeferCleanup(env.Stop)
	config, err := env.Start()
	Expect(err).NotTo(HaveOccurred())
	c, err := client.NewWithWatch(config, client.Options{Scheme: testScheme()})
	Expect(err).NotTo(HaveOccurred())
	return &testCluster{WithWatch: c, env: env, config: config}
}

// newNamespace makes a namespace for one spec.
func (c *testCluster) newNamespace(ctx context.Context) string {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(c.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// domain is a namespace, and a manager that serves it.
type domain struct {
	*testCluster
	*manager
	namespace string
}

func newDomain(ctx context.Context) *domain {
	return &domain{testCluster: cluster, manager: startManager(ctx, cluster, nil), namespace: cluster.newNamespace(ctx)}
}

// create creates objects in the domain's namespace.
func (d *domain) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		object.SetNamespace(d.namespace)
		object.SetGeneration(0)
		Expect(d.Create(ctx, object)).To(Succeed(), "%T %s", object, object.GetName())
	}
}

// change reads an object, changes it, and writes it.
func change[T client.Object](ctx context.Context, d *domain, object T, how func(T)) {
	GinkgoHelper()
	object.SetNamespace(d.namespace)
	Eventually(func() error {
		if err := d.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		how(object)
		return d.Update(ctx, object)
	}).Should(Succeed())
}

// remove deletes objects from the domain's namespace.
func (d *domain) remove(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		object.SetNamespace(d.namespace)
		Expect(d.Delete(ctx, object)).To(Succeed(), "%T %s", object, object.GetName())
	}
}

// reading returns an object as it is now, for Eventually.
func reading[T client.Object](ctx context.Context, d *domain, object T) func() (T, error) {
	object.SetNamespace(d.namespace)
	return func() (T, error) { return object, d.Get(ctx, client.ObjectKeyFromObject(object), object) }
}

// effective returns the status of a user's EffectivePermissions as it is now, for Eventually.
func (d *domain) effective(ctx context.Context, user string) func() (v1alpha1.EffectivePermissionsStatus, error) {
	var object v1alpha1.EffectivePermissions
	key := client.ObjectKey{Namespace: d.namespace, Name: v1alpha1.EffectivePermissionsName(user)}
	return func() (v1alpha1.EffectivePermissionsStatus, error) {
		err := d.Get(ctx, key, &object)
		return object.Status, err
	}
}

// users returns the users that have an EffectivePermissions object, for Eventually.
func (d *domain) users(ctx context.Context) func() ([]string, error) {
	return func() ([]string, error) {
		var list v1alpha1.EffectivePermissionsList
		err := d.List(ctx, &list, client.InNamespace(d.namespace))
		users := []string{}
		for i := range list.Items {
			users = append(users, string(list.Items[i].Spec.User))
		}
		return users, err
	}
}

// decide asks what the manager's store decides now about an order.
func (d *domain) decide(user, action string, properties map[string]any) engine.Reason {
	return d.manager.decide(d.namespace, user, action, properties)
}

// manager is a running manager with a store and the controllers.
type manager struct {
	store *store.Store
	cache cache.Cache
	stop  func()
	ended chan error
}

// startManager starts one on a cluster, until it is stopped or the spec ends. The options are about how it reaches
// the API server.
func startManager(ctx context.Context, c *testCluster, lease *leader.Lease, options ...func(*rest.Config)) *manager {
	GinkgoHelper()
	config := rest.CopyConfig(c.config)
	for _, option := range options {
		option(config)
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  testScheme(),
		Cache:   controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	Expect(err).NotTo(HaveOccurred())
	domains := store.New(mgr.GetCache(), logr.FromContextOrDiscard(ctx))
	Expect(mgr.Add(domains)).To(Succeed())
	Expect(controllers.SetupWithManager(mgr, domains, controllers.Options{Lease: lease})).To(Succeed())

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &manager{store: domains, cache: mgr.GetCache(), ended: make(chan error, 1)}
	go func() { m.ended <- mgr.Start(running) }()
	m.stop = func() {
		stop()
		Eventually(m.ended).Should(Receive(BeNil()))
		close(m.ended)
	}
	DeferCleanup(func() {
		stop()
		Eventually(m.ended).Should(Or(Receive(BeNil()), BeClosed()))
	})
	Eventually(domains.Synced()).Should(BeClosed())
	return m
}

func (m *manager) decide(namespace, user, action string, properties map[string]any) engine.Reason {
	snapshot, ok := m.store.Domain(namespace)
	if !ok {
		return "no domain"
	}
	decision, err := snapshot.Domain.Decide(&engine.Request{
		Subject:  engine.Subject{Type: v1alpha1.DefaultSubjectType, ID: user},
		Action:   engine.Action{Name: action},
		Resource: engine.Resource{Type: "order", ID: "1", Properties: properties},
	}, time.Now())
	if err != nil {
		return engine.Reason(fmt.Sprintf("error: %v", err))
	}
	return decision.Reason
}
