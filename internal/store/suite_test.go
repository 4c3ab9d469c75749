package store_test

import (
	"context"
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
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

var (
	config *rest.Config
	c      client.Client
)

func TestStore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Store")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	env := newEnvironment()
	DeferCleanup(env.Stop)
	var err error
	config, err = env.Start()
	Expect(err).NotTo(HaveOccurred())
	c, err = client.New(config, client.Options{Scheme: newScheme()})
	Expect(err).NotTo(HaveOccurred())
})

func newEnvironment() *envtest.Environment {
	return &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true}
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
}

// newCache makes a cache as the manager has one.
func newCache(config *rest.Config) (cache.Cache, error) {
	options := store.CacheOptions()
	options.Scheme = newScheme()
	return cache.New(config, options)
}

// startStore runs a store until the spec ends.
func startStore(ctx context.Context) (*store.Store, cache.Cache) {
	GinkgoHelper()
	objects, err := newCache(config)
	Expect(err).NotTo(HaveOccurred())
	domains := store.New(objects, logr.Discard())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 2)
	go func() { ended <- objects.Start(running) }()
	go func() { ended <- domains.Start(running) }()
	DeferCleanup(func() {
		stop()
		Eventually(ended).Should(Receive(BeNil()))
		Eventually(ended).Should(Receive(BeNil()))
	})
	Eventually(domains.Synced()).Should(BeClosed())
	return domains, objects
}

func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(c.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

func create(ctx context.Context, namespace string, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		object.SetNamespace(namespace)
		object.SetGeneration(0)
		Expect(c.Create(ctx, object)).To(Succeed())
	}
}

var _ = Describe("The store", func() {
	It("serves what exists when it starts, each namespace by itself", func(ctx SpecContext) {
		one, two := newNamespace(ctx), newNamespace(ctx)
		create(ctx, one, testobjects.MakeUser("alice").Obj(), testobjects.MakeRole("clerk").Obj())
		create(ctx, two, testobjects.MakeUser("bob").Obj())
		domains, _ := startStore(ctx)

		Expect(domains.Namespaces()).To(ContainElements(one, two))
		first, ok := domains.Domain(one)
		Expect(ok).To(BeTrue())
		Expect(first.Domain.Users()).To(ConsistOf("alice"))
		Expect(first.Domain.Len()).To(Equal(2))
		second, ok := domains.Domain(two)
		Expect(ok).To(BeTrue())
		Expect(second.Domain.Users()).To(ConsistOf("bob"))
		_, ok = domains.Domain("nowhere")
		Expect(ok).To(BeFalse())
	})

	It("follows every kind", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		domains, _ := startStore(ctx)
		objects := []client.Object{
			testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("clerk").Obj(), testobjects.MakeGroup("clerks").Obj(),
			testobjects.MakeUser("alice").Obj(), testobjects.MakeUserPermission("north", "order", "1").User("alice").Obj(),
			testobjects.MakeUserSet("many", testobjects.MakeUser("bruce")),
			testobjects.MakeUserPermissionSet("many", testobjects.MakeUserPermission("south", "order", "2").User("bruce")),
			testobjects.MakeSpecialPermission("freeze", "alice").On(v1alpha1.AccessNone, "order").Obj(),
			testobjects.MakeRecordSet("orders", "order").Record("1", "", nil).Obj(), testobjects.MakePolicy().Obj(),
		}
		Expect(objects).To(HaveLen(len(engine.Kinds)))
		holds := func(object client.Object) func() int64 {
			kind, _ := engine.KindOf(object)
			return func() int64 {
				snapshot, ok := domains.Domain(namespace)
				if !ok {
					return 0
				}
				report, _ := snapshot.Domain.Report(engine.Ref{Kind: kind, Name: object.GetName()})
				return report.Generation
			}
		}
		for _, object := range objects {
			create(ctx, namespace, object)
			Eventually(holds(object)).Should(Equal(int64(1)), "%T", object)
		}
		user := objects[3].(*v1alpha1.User)
		user.Spec.Disabled = true
		Expect(c.Update(ctx, user)).To(Succeed())
		Eventually(holds(user)).Should(Equal(int64(2)))
		for _, object := range objects {
			Expect(c.Delete(ctx, object)).To(Succeed())
			Eventually(holds(object)).Should(BeZero(), "%T", object)
		}
		Eventually(domains.Namespaces).ShouldNot(ContainElement(namespace))
	})

	It("gives revisions that other replicas understand, deletions included", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		one, _ := startStore(ctx)
		two, _ := startStore(ctx)
		bob := testobjects.MakeUser("bob").Obj()
		create(ctx, namespace, testobjects.MakeUser("alice").Obj(), bob)
		knows := func(domains *store.Store, user string) func() bool {
			return func() bool {
				snapshot, ok := domains.Domain(namespace)
				return ok && snapshot.Domain.Knows(user)
			}
		}
		Eventually(knows(one, "bob")).Should(BeTrue())
		Expect(c.Delete(ctx, bob)).To(Succeed())
		Eventually(knows(one, "bob")).Should(BeFalse())

		after, _ := one.Domain(namespace)
		Expect(two.WaitFor(ctx, namespace, after.Revision)).To(Succeed())
		Expect(knows(two, "bob")()).To(BeFalse())
		same, _ := two.Domain(namespace)
		Expect(same.Revision).To(Equal(after.Revision))
		Expect(same.ResourceVersion).To(Equal(after.ResourceVersion))

		By("starting one later, that never saw bob")
		three, _ := startStore(ctx)
		waiting, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		Expect(three.WaitFor(waiting, namespace, after.Revision)).To(Succeed(), "its list is as new")
		Expect(three.WaitFor(waiting, namespace, one.Seen())).To(Succeed())
		joined, err := store.Join(after.Revision, "", store.RevisionOf(engine.KindUser, "99999999999"))
		Expect(err).NotTo(HaveOccurred())
		impatient, hurry := context.WithTimeout(ctx, 300*time.Millisecond)
		defer hurry()
		Expect(three.WaitFor(impatient, namespace, joined)).To(MatchError(context.DeadlineExceeded), "nobody has seen that")
	}, SpecTimeout(5*time.Minute))

	It("asks its cache for no managed fields", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		_, objects := startStore(ctx)
		alice := testobjects.MakeUser("alice").Obj()
		create(ctx, namespace, alice)
		Expect(alice.ManagedFields).NotTo(BeEmpty())
		cached := &v1alpha1.User{}
		Eventually(func() error { return objects.Get(ctx, client.ObjectKeyFromObject(alice), cached) }).Should(Succeed())
		Expect(cached.ManagedFields).To(BeEmpty())
	})

	It("leaves the objects of the cache as they are", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		domains, objects := startStore(ctx)
		role := testobjects.MakeRole("clerk").Rule(testobjects.MakeRule("order").Actions("read").Fields("b", "a").Condition("true").Obj()).AllowedCIDRs("10.0.0.0/8").Obj()
		create(ctx, namespace, role)
		Eventually(func() bool { _, ok := domains.Domain(namespace); return ok }).Should(BeTrue())
		cached := &v1alpha1.Role{}
		Expect(objects.Get(ctx, client.ObjectKeyFromObject(role), cached)).To(Succeed())
		Expect(cached.Spec).To(Equal(role.Spec))
	})
})
