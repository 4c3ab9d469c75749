package webhook

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

var (
	// cluster writes as the administrator of a real API server that asks our webhooks.
	cluster client.Client
	// warnings are what the API server told the client besides its answers.
	warnings = &collector{}
)

func TestWebhooks(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Webhooks")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(GinkgoLogr)
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		WebhookInstallOptions: envtest.WebhookInstallOptions{Paths: []string{filepath.Join("..", "..", "config", "webhook", "manifests.yaml")}},
	}
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(environment.Stop)

	scheme := runtime.NewScheme()
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	Expect(corev1.AddToScheme(scheme)).To(Succeed())

	serving := environment.WebhookInstallOptions
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: serving.LocalServingHost, Port: serving.LocalServingPort, CertDir: serving.LocalServingCertDir,
		}),
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(SetupWithManager(mgr, shop{})).To(Succeed())
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Expect(<-stopped).To(Succeed())
	})
	Eventually(func() error { return mgr.GetWebhookServer().StartedChecker()(nil) }).WithContext(ctx).Should(Succeed())

	config = rest.CopyConfig(config)
	config.WarningHandlerWithContext = warnings
	cluster, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testobjects.Namespace}})).To(Succeed())
})

// shop is the one domain: Ann is its user, and has an account.
type shop struct{}

func (shop) Domain(namespace string) (store.Snapshot, bool) {
	return store.Snapshot{Namespace: namespace, Domain: engine.Compile([]engine.Object{
		testobjects.MakeResourceType("order").Obj(),
		testobjects.MakeUser("ann").Obj(),
	})}, namespace == testobjects.Namespace
}

// collector keeps warnings.
type collector struct {
	mu    sync.Mutex
	texts []string
}

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

// key names an object in a failure.
func key(object client.Object) string { return fmt.Sprintf("%T %s", object, object.GetName()) }
