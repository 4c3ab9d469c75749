package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
	"github.com/remit-authz/remit/internal/webhook"
)

// ledgerOf reads the ledger of a domain.
func ledgerOf(ctx context.Context, namespace string) map[string]any {
	GinkgoHelper()
	var lease coordinationv1.Lease
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "admission-" + namespace}, &lease)).To(Succeed())
	var ledger map[string]any
	Expect(json.Unmarshal([]byte(lease.Annotations[webhook.LedgerAnnotation]), &ledger)).To(Succeed())
	return ledger
}

// putLedger stores the ledger of a domain, as another version of Remit may have written it.
func putLedger(ctx context.Context, namespace, text string) {
	GinkgoHelper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "admission-" + namespace}}
	Expect(client.IgnoreNotFound(cluster.Delete(ctx, lease.DeepCopy()))).To(Succeed())
	lease.Annotations = map[string]string{webhook.LedgerAnnotation: text}
	Expect(cluster.Create(ctx, lease)).To(Succeed())
}

var _ = Describe("Replicas of two versions of Remit", func() {
	It("judge in one order, and wait for nothing that one of them does not know", func(ctx SpecContext) {
		fewer := slices.DeleteFunc(slices.Clone(kinds.Table), func(row *kinds.Row) bool { return row.Kind == kinds.SpecialPermission })
		older := startReplica(ctx, operatorConfig, environment.WebhookInstallOptions.LocalServingCertDir, fewer...)
		newer := replicas[0]
		namespace := newNamespace(ctx)
		create(ctx, namespace, testobjects.MakePolicy().Obj(), testobjects.MakeUser("ann").Superuser().Obj(), testobjects.MakeUser("bob").Superuser().Obj())

		By("changing what only the newer one knows")
		DeferCleanup(front.use(newer))
		freeze := in(namespace, testobjects.MakeSpecialPermission("freeze", "ann").On(v1alpha1.AccessNone, "order").Obj())
		Expect(cluster.Create(ctx, freeze)).To(Succeed())
		freeze.Spec.Reason = "a ticket"
		Expect(cluster.Update(ctx, freeze)).To(Succeed())
		revision := ledgerOf(ctx, namespace)["revision"]
		Expect(revision).To(ContainSubstring("sp="))

		By("writing through the older one")
		front.use(older)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("cyd").ID("cyd@example.com").Obj()))).To(Succeed())
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("other").ID("cyd@example.com").Obj()))).To(beRefused("(A3)"))
		Expect(ledgerOf(ctx, namespace)["revision"]).To(ContainSubstring("sp="), "the older one keeps what it does not know")

		By("writing through both")
		front.use(older, newer)
		for i := range 6 {
			Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Obj()))).To(Succeed())
		}
		ann, bob := in(namespace, testobjects.MakeUser("ann").Obj()), in(namespace, testobjects.MakeUser("bob").Obj())
		Expect(race(
			func() error { return cluster.Delete(ctx, ann) },
			func() error { return cluster.Delete(ctx, bob) },
		)).To(Equal(1), "an admin remains")
	})

	It("read a ledger that knows one kind more", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		create(ctx, namespace, testobjects.MakeUser("ann").Obj())
		admitted := time.Now().UTC().Format(time.RFC3339)
		putLedger(ctx, namespace, `{"revision": "ni=zzzzz", "pending": [
			{"Kind": "Ninth", "Name": "created", "claims": [{"key": "id bob"}], "admitted": "`+admitted+`", "later": 1},
			{"Kind": "Ninth", "Name": "changed", "uid": "1", "resourceVersion": "5", "generation": 1, "claims": [{"key": "id cyd"}], "admitted": "`+admitted+`"}
		]}`)
		for _, name := range []string{"bob", "cyd", "dan"} {
			Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser(name).Obj()))).To(Succeed(), "its outcome is nothing that this version judges by")
		}
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("again").ID("bob").Obj()))).To(beRefused("(A3)"))

		By("letting time pass")
		now.set(time.Now().Add(3 * time.Minute))
		defer now.set(time.Time{})
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("eve").Obj()))).To(Succeed())
		ledger := ledgerOf(ctx, namespace)
		Expect(ledger["revision"]).To(ContainSubstring("ni=zzzzz"))
		Expect(ledger["pending"]).To(ContainElements(HaveKeyWithValue("Name", "created"), HaveKeyWithValue("Name", "changed")), "for who knows the kind")
	})

	It("read a ledger from before revisions had keys, or that knows fewer kinds", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		ann := testobjects.MakeUser("ann").Obj()
		create(ctx, namespace, ann)
		version, err := strconv.ParseUint(ann.ResourceVersion, 10, 64)
		Expect(err).NotTo(HaveOccurred())
		number := strconv.FormatUint(version, 36)
		for i, revision := range []string{"0-0-0-" + number + "-0-0-0-0", "us=" + number} {
			putLedger(ctx, namespace, `{"revision": "`+revision+`"}`)
			user := in(namespace, testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Obj())
			Expect(cluster.Create(ctx, user)).To(Succeed(), revision)
			user.Spec.Staff = true
			Expect(cluster.Update(ctx, user)).To(Succeed(), revision)
			Expect(ledgerOf(ctx, namespace)["revision"]).To(And(ContainSubstring("us="), Not(ContainSubstring("-"))))
		}
		putLedger(ctx, namespace, `{"revision": "0-0-0-zzzzzzzzzzz-0-0-0-0"}`)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("late").Obj()))).
			To(MatchError(ContainSubstring("has not seen what was written before")), "it is waited for as it always was")
	})
})
