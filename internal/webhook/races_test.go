package webhook_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
	"github.com/remit-authz/remit/internal/webhook"
)

// raceRounds is how often each race is run: REMIT_RACE_ROUNDS, or a few.
func raceRounds() int {
	if rounds, err := strconv.Atoi(os.Getenv("REMIT_RACE_ROUNDS")); err == nil {
		return rounds
	}
	return 8
}

// race runs all writes at once, and gives how many were admitted. The replicas are asked in turn, so two writes are
// judged by two of them.
func race(writes ...func() error) int {
	GinkgoHelper()
	errs := make([]error, len(writes))
	start := make(chan struct{})
	var done sync.WaitGroup
	for i, write := range writes {
		done.Go(func() {
			<-start
			errs[i] = write()
		})
	}
	close(start)
	done.Wait()
	admitted := 0
	for _, err := range errs {
		if err == nil {
			admitted++
			continue
		}
		Expect(err).To(Or(Satisfy(apierrors.IsInvalid), Satisfy(apierrors.IsConflict)))
	}
	return admitted
}

var _ = Describe("Changes that race", func() {
	patch := func(ctx context.Context, object client.Object, text string) func() error {
		return func() error {
			return cluster.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(text)))
		}
	}
	remove := func(ctx context.Context, object client.Object) func() error {
		return func() error { return cluster.Delete(ctx, object) }
	}
	add := func(ctx context.Context, object client.Object) func() error {
		return func() error { return cluster.Create(ctx, object) }
	}

	It("do not both take an admin of two (A2)", func(ctx SpecContext) {
		for round := range raceRounds() {
			namespace := newNamespace(ctx)
			ann := testobjects.MakeUser("ann").Superuser().Obj()
			bob := testobjects.MakeUser("bob").Roles("chief").Obj()
			chief := testobjects.MakeRole("chief").AdminAccess().Obj()
			team := testobjects.MakeGroup("team").Members("cyd").Roles("chief").Obj()
			create(ctx, namespace, testobjects.MakePolicy().Obj(), chief, bob)
			var one, other func() error
			switch round % 4 {
			case 0:
				create(ctx, namespace, ann)
				one, other = remove(ctx, ann), remove(ctx, bob)
			case 1:
				create(ctx, namespace, ann)
				one, other = patch(ctx, ann, `{"spec":{"disabled":true}}`), patch(ctx, bob, `{"spec":{"roles":[]}}`)
			case 2:
				create(ctx, namespace, ann)
				one, other = patch(ctx, ann, `{"spec":{"superuser":false}}`), patch(ctx, chief, `{"spec":{"adminAccess":false}}`)
			default:
				create(ctx, namespace, team)
				one, other = remove(ctx, team), remove(ctx, bob)
			}
			Expect(race(one, other)).To(Equal(1), "round %d", round)
		}
	})

	It("do not both take an id (A3)", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		for round := range raceRounds() {
			id := fmt.Sprintf("ann-%d@example.com", round)
			var writes []func() error
			for i := range 4 {
				writes = append(writes, add(ctx, in(namespace, testobjects.MakeUser(fmt.Sprintf("ann-%d-%d", round, i)).ID(id).Obj())))
			}
			Expect(race(writes...)).To(Equal(1), "round %d", round)
		}
	})

	It("do not both set a default, nor allow a value twice (A4, A5)", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		for round := range raceRounds() {
			user := fmt.Sprintf("ann-%d", round)
			one := testobjects.MakeUserPermission(user+"-one", "company", "east").User(user).Default("east")
			two := testobjects.MakeUserPermission(user+"-two", "company", "west").User(user).Default("west")
			if round%2 == 1 {
				two = testobjects.MakeUserPermission(user+"-two", "company", "east").User(user)
			}
			Expect(race(add(ctx, in(namespace, one.Obj())), add(ctx, in(namespace, two.Obj())))).To(Equal(1), "round %d", round)
		}
	})

	It("do not make everybody admin (A1)", func(ctx SpecContext) {
		for round := range raceRounds() {
			namespace := newNamespace(ctx)
			guest := testobjects.MakeRole("guest").Obj()
			create(ctx, namespace, guest, testobjects.MakeUser("ann").Superuser().Obj())
			policy := testobjects.MakePolicy().Spec(func(spec *v1alpha1.PermissionPolicySpec) { spec.PublicRole = "guest" }).Obj()
			Expect(race(add(ctx, in(namespace, policy)), patch(ctx, guest, `{"spec":{"adminAccess":true}}`))).To(Equal(1), "round %d", round)
		}
	})

	It("all pass when they have nothing to do with each other", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		var writes []func() error
		for i := range 30 {
			writes = append(writes, add(ctx, in(namespace, testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Obj())))
		}
		Expect(race(writes...)).To(Equal(len(writes)))
	})
})

var _ = Describe("Changes that follow each other at once", func() {
	It("are judged by what came before", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		for round := range raceRounds() {
			ann := in(namespace, testobjects.MakeUser(fmt.Sprintf("ann-%d", round)).ID("a").Superuser().Obj())
			bob := in(namespace, testobjects.MakeUser(fmt.Sprintf("bob-%d", round)).ID("b").Superuser().Obj())
			again := in(namespace, testobjects.MakeUser(fmt.Sprintf("again-%d", round)).ID("a").Obj())
			for _, write := range []func() error{
				func() error { return cluster.Create(ctx, ann) },
				func() error { return cluster.Create(ctx, bob) },
				func() error { return cluster.Delete(ctx, ann) },
				func() error { return cluster.Create(ctx, again) },
				func() error { return cluster.Delete(ctx, again) },
				func() error {
					return cluster.Create(ctx, in(namespace, testobjects.MakeUserPermission("east", "company", "east").User("b").Default("east").Obj()))
				},
				func() error {
					return cluster.Delete(ctx, in(namespace, testobjects.MakeUserPermission("east", "company").Obj()))
				},
				func() error {
					return cluster.Create(ctx, in(namespace, testobjects.MakeUserPermission("west", "company", "west").User("b").Default("west").Obj()))
				},
				func() error {
					return cluster.Delete(ctx, in(namespace, testobjects.MakeUserPermission("west", "company").Obj()))
				},
				func() error {
					return cluster.Create(ctx, in(namespace, testobjects.MakeUser(fmt.Sprintf("next-%d", round)).Superuser().Obj()))
				},
				func() error { return cluster.Delete(ctx, bob) },
			} {
				Expect(write()).To(Succeed())
			}
		}
	})
})

var _ = Describe("A replica that hears of nothing any more", func() {
	It("admits nothing that what it does not know is against", func(ctx SpecContext) {
		watches := newGate()
		config := rest.CopyConfig(operatorConfig)
		config.Wrap(watches.wrap)
		stale := startReplica(ctx, config, environment.WebhookInstallOptions.LocalServingCertDir)
		namespace := newNamespace(ctx)
		ann, bob := testobjects.MakeUser("ann").Superuser().Obj(), testobjects.MakeUser("bob").Superuser().Obj()
		create(ctx, namespace, testobjects.MakePolicy().Obj(), ann, bob)
		Eventually(func() int { return stale.objects(namespace) }).Should(Equal(3))

		watches.close()
		defer watches.open()
		create(ctx, namespace, testobjects.MakeUser("cyd").ID("cyd@example.com").Obj())
		Expect(cluster.Delete(ctx, ann)).To(Succeed())
		create(ctx, namespace, testobjects.MakeUser("dan").Obj())
		Expect(stale.objects(namespace)).To(Equal(3), "the replica knows nothing of it")

		defer front.use(stale)()
		Expect(cluster.Delete(ctx, bob)).NotTo(Succeed(), "bob is the last admin")
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("other").ID("cyd@example.com").Obj()))).NotTo(Succeed(), "cyd has that id")

		By("hearing again")
		watches.open()
		Eventually(func() int { return stale.objects(namespace) }).Should(Equal(4))
		Eventually(func() error { return cluster.Delete(ctx, bob) }).Should(beRefused("bob is the last admin", "(A2)"))
	})
})

var _ = Describe("A change that is admitted and not stored", func() {
	It("is waited for for a moment", func(ctx SpecContext) {
		now.set(time.Now())
		defer now.set(time.Time{})
		namespace := newNamespace(ctx)
		const users = "count/users.permissions.remit.dev"
		quota := in(namespace, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "no-users"}})
		quota.Spec.Hard = corev1.ResourceList{users: resource.MustParse("0")}
		Expect(cluster.Create(ctx, quota)).To(Succeed())
		quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: quota.Spec.Hard} // there is nobody else to do it
		Expect(cluster.Status().Update(ctx, quota)).To(Succeed())
		beOverQuota := MatchError(ContainSubstring("exceeded quota"))
		Eventually(func() error {
			return cluster.Create(ctx, in(namespace, testobjects.MakeUser("probe").Obj()), client.DryRunAll)
		}).Should(beOverQuota)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("refused").ID("ann").Obj()))).To(beOverQuota)
		Expect(cluster.Delete(ctx, quota)).To(Succeed())
		Eventually(func() error { return cluster.Create(ctx, in(namespace, testobjects.MakeUser("bob").Obj())) }).
			Should(Succeed(), "who has nothing to do with it does not wait")

		ann := in(namespace, testobjects.MakeUser("ann").Obj())
		err := cluster.Create(ctx, ann.DeepCopy())
		Expect(err).To(Satisfy(apierrors.IsConflict))
		Expect(err).To(MatchError(ContainSubstring("User/refused was changed")))
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("refused").ID("ann").Obj()), client.DryRunAll)).
			To(Succeed(), "nor does the same change again")

		By("letting time pass")
		now.set(time.Now().Add(3 * time.Second))
		Expect(cluster.Create(ctx, ann.DeepCopy())).To(Succeed())
	})

	It("leaves no trace of a dry run", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("one").ID("ann").Obj()), client.DryRunAll)).To(Succeed())
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("two").ID("ann").Obj()))).To(Succeed())
		var lease coordinationv1.Lease
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "admission-" + namespace}, &lease)).To(Succeed())
		Expect(lease.Annotations).To(HaveKeyWithValue(webhook.LedgerAnnotation, And(ContainSubstring(`"two"`), Not(ContainSubstring(`"one"`)))))
		Expect(lease.OwnerReferences).To(HaveExactElements(HaveField("Name", namespace)), "it goes with the namespace")
	})
})
