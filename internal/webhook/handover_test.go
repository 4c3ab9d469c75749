package webhook_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
	"github.com/remit-authz/remit/internal/webhook"
)

// manifest is an object as it stands in a repository.
func manifest(namespace string, object client.Object) *unstructured.Unstructured {
	GinkgoHelper()
	kind, ok := kinds.Of(object)
	Expect(ok).To(BeTrue())
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
	u.SetGroupVersionKind(kind.GVK())
	u.SetNamespace(namespace)
	u.SetName(object.GetName())
	return u
}

func applyOne(ctx context.Context, c client.Client, object *unstructured.Unstructured, options ...client.ApplyOption) error {
	options = append(options, client.FieldOwner("gitops"), client.ForceOwnership)
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), options...)
}

// tryAll has the API server try all objects, four at a time; the first that it refuses ends it.
func tryAll(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	tries, ctx := errgroup.WithContext(ctx)
	tries.SetLimit(4)
	for _, object := range objects {
		tries.Go(func() error { return applyOne(ctx, c, object, client.DryRunAll) })
	}
	return tries.Wait()
}

// applyAll does as Flux does: it tries all objects, then applies them one after the other, by kind and name.
func applyAll(ctx context.Context, c client.Client, namespace string, objects ...client.Object) error {
	GinkgoHelper()
	var manifests []*unstructured.Unstructured
	for _, object := range objects {
		manifests = append(manifests, manifest(namespace, object))
	}
	slices.SortFunc(manifests, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(a.GetName(), b.GetName()))
	})
	if err := tryAll(ctx, c, manifests); err != nil {
		return err
	}
	for _, object := range manifests {
		if err := applyOne(ctx, c, object); err != nil {
			return err
		}
	}
	return nil
}

var _ = Describe("A commit that replaces the last admin", func() {
	boss := testobjects.MakeRole("boss").AdminAccess().Obj()
	clerk := testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj()
	user := func(name, role string) *v1alpha1.User { return testobjects.MakeUser(name).Roles(role).Obj() }
	policy := func(admin string) *v1alpha1.PermissionPolicy {
		return testobjects.MakePolicy().Spec(func(spec *v1alpha1.PermissionPolicySpec) { spec.AdminRole = admin }).Obj()
	}
	try := func(ctx context.Context, c client.Client, namespace string, object client.Object) error {
		return applyOne(ctx, c, manifest(namespace, object), client.DryRunAll)
	}
	apply := func(ctx context.Context, c client.Client, namespace string, object client.Object) error {
		return applyOne(ctx, c, manifest(namespace, object))
	}

	given := func(ctx context.Context, namespace string, objects ...client.Object) {
		GinkgoHelper()
		Expect(applyAll(ctx, cluster, namespace, objects...)).To(Succeed())
		settle(ctx, namespace)
	}

	DescribeTable("is applied as a whole", func(ctx SpecContext, before, after []client.Object, last string) {
		namespace := newNamespace(ctx)
		flux := as("flux")
		given(ctx, namespace, before...)
		Expect(applyAll(ctx, flux, namespace, after...)).To(Succeed())
		Expect(flux.Delete(ctx, in(namespace, testobjects.MakeUser(last).Obj()))).To(beRefused(last+" is the last admin", "(A2)"), "it is as before")
		Expect(applyAll(ctx, flux, namespace, after...)).To(Succeed(), "nothing is to be done")
	},
		Entry("to one later in the alphabet",
			[]client.Object{boss, clerk, user("bob", "boss"), user("clara", "clerk")},
			[]client.Object{boss, clerk, user("bob", "clerk"), user("clara", "boss")}, "clara"),
		Entry("to one earlier in the alphabet",
			[]client.Object{boss, clerk, user("bob", "clerk"), user("clara", "boss")},
			[]client.Object{boss, clerk, user("bob", "boss"), user("clara", "clerk")}, "bob"),
		Entry("to one who is new", []client.Object{boss, clerk, user("bob", "boss")}, []client.Object{boss, clerk, user("bob", "clerk"), user("dan", "boss")}, "dan"),
		Entry("by the name of the admin role",
			[]client.Object{policy("boss"), boss, user("chloe", "boss")},
			[]client.Object{policy("chief"), testobjects.MakeRole("chief").AdminAccess().Obj(), user("chloe", "chief")}, "chloe"),
	)

	It("is refused where the other half does not come", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		flux := as("flux")
		given(ctx, namespace, boss, clerk, user("bob", "boss"), user("clara", "clerk"))
		beLast := beRefused("bob is the last admin", "(A2)")
		bob, clara := user("bob", "clerk"), user("clara", "boss")

		By("nobody having tried it")
		Expect(try(ctx, flux, namespace, bob)).To(beLast)
		Expect(apply(ctx, flux, namespace, bob)).To(beLast)
		By("somebody else having tried it")
		Expect(try(ctx, as("argo"), namespace, clara)).To(Succeed())
		Expect(apply(ctx, flux, namespace, bob)).To(beLast)
		By("having tried to make somebody admin who is disabled")
		Expect(try(ctx, flux, namespace, testobjects.MakeUser("clara").Roles("boss").Disabled().Obj())).To(Succeed())
		Expect(apply(ctx, flux, namespace, bob)).To(beLast)
		By("having tried it too long ago")
		Expect(try(ctx, flux, namespace, clara)).To(Succeed())
		now.set(time.Now().Add(webhook.PromiseTTL + time.Second))
		defer now.set(time.Time{})
		Expect(apply(ctx, flux, namespace, bob)).To(beLast)
		By("the object having changed since")
		now.set(time.Time{})
		Expect(try(ctx, flux, namespace, clara)).To(Succeed())
		Expect(apply(ctx, as("argo"), namespace, testobjects.MakeUser("clara").Roles("clerk").Staff().Obj())).To(Succeed())
		Expect(apply(ctx, flux, namespace, bob)).To(beLast)

		By("having tried it just now")
		Expect(try(ctx, flux, namespace, clara)).To(Succeed())
		warnings.take()
		Expect(apply(ctx, flux, namespace, bob)).To(Succeed())
		Expect(warnings.take()).To(ContainElement(ContainSubstring("nobody is until what you have tried in a dry run is stored")))
		Expect(apply(ctx, flux, namespace, clara)).To(Succeed())
	})

	It("does not count what was made and deleted again", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		flux := as("flux")
		given(ctx, namespace, boss, user("bob", "boss"))
		dan := user("dan", "boss")
		Expect(try(ctx, flux, namespace, dan)).To(Succeed())
		Expect(apply(ctx, flux, namespace, dan)).To(Succeed())
		Expect(flux.Delete(ctx, in(namespace, dan.DeepCopy()))).To(Succeed())
		settle(ctx, namespace)
		Expect(apply(ctx, flux, namespace, user("bob", "clerk"))).To(beRefused("bob is the last admin", "(A2)"))
	})

	It("is refused if its writer could not make another admin then (A7)", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		given(ctx, namespace, boss, clerk, user("bob", "boss"), user("clara", "clerk"), testobjects.MakePolicy().PreventEscalation().Obj())
		bob := as("bob")
		Expect(try(ctx, bob, namespace, user("clara", "boss"))).To(Succeed())
		Expect(apply(ctx, bob, namespace, user("bob", "clerk"))).To(beRefused("bob is the last admin", "(A2)"))
		Expect(apply(ctx, bob, namespace, user("clara", "boss"))).To(Succeed())
		Expect(apply(ctx, bob, namespace, user("bob", "clerk"))).To(Succeed())
	})
})

var _ = Describe("A domain with preventEscalation", func() {
	whole := func() []client.Object {
		return []client.Object{
			testobjects.MakePolicy().PreventEscalation().Obj(), testobjects.MakeResourceType("order").Areas("sales").Obj(),
			testobjects.MakeRole("admin").AdminAccess().Obj(), testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj(),
			testobjects.MakeUser("clara").Roles("clerk").Obj(), testobjects.MakeUser("flux").Roles("admin").Obj(),
			testobjects.MakeGroup("team").Members("dan").Roles("clerk").Obj(), testobjects.MakeUserPermission("p", "order", "1").User("clara").Obj(),
			testobjects.MakeSpecialPermission("s", "clara").On(v1alpha1.AccessReadOnly, "order").Obj(),
			testobjects.MakeRecordSet("orders", "order").Record("1", "", nil).Obj(),
		}
	}
	allow := func(ctx context.Context, namespace, name string) {
		GinkgoHelper()
		Expect(cluster.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "escalate"}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"roles"}, Verbs: []string{"escalate"},
		}}})).To(Succeed())
		Expect(cluster.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "escalate"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "escalate"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
		})).To(Succeed())
	}

	It("is restored in any order by who may escalate roles, and by nobody else", func(ctx SpecContext) {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same orders each time
		for order := range 4 {
			namespace := newNamespace(ctx)
			allow(ctx, namespace, "restorer")
			objects := whole()
			switch order {
			case 0: // the policy first
			case 1:
				slices.Reverse(objects)
			default:
				random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
			}
			restorer := as("restorer")
			for _, object := range objects {
				// The API server's authorizer hears of the binding in a moment.
				Eventually(func() error { return applyOne(ctx, restorer, manifest(namespace, object)) }).Should(Succeed(), "order %d", order)
			}
			settle(ctx, namespace)
			Expect(as("stranger").Create(ctx, in(namespace, testobjects.MakeUser("more").Roles("clerk").Obj()))).To(beRefused("(A7)"))
		}
	})

	It("is bootstrapped in one commit", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		allow(ctx, namespace, "tool")
		tool := as("tool")
		Expect(applyOne(ctx, tool, manifest(namespace, testobjects.MakePolicy().PreventEscalation().Obj()))).To(Succeed())
		Eventually(func() error { return applyAll(ctx, tool, namespace, whole()...) }).Should(Succeed())
		Expect(applyAll(ctx, as("flux"), namespace, append(whole(), testobjects.MakeUser("eve").Roles("admin").Obj())...)).To(Succeed(), "flux is an admin now")
	})
})
