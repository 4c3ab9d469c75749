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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
		undo := front.use(newer)
		freeze := in(namespace, testobjects.MakeSpecialPermission("freeze", "ann").On(v1alpha1.AccessNone, "order").Obj())
		Expect(cluster.Create(ctx, freeze)).To(Succeed())
		freeze.Spec.Reason = "a ticket"
		Expect(cluster.Update(ctx, freeze)).To(Succeed())
		undo()
		revision := ledgerOf(ctx, namespace)["revision"]
		Expect(revision).To(ContainSubstring("sp="))

		By("writing through the older one")
		undo = front.use(older)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("cyd").ID("cyd@example.com").Obj()))).To(Succeed())
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("other").ID("cyd@example.com").Obj()))).To(beRefused("(A3)"))
		undo()
		Expect(ledgerOf(ctx, namespace)["revision"]).To(ContainSubstring("sp="), "the older one keeps what it does not know")

		By("writing through both")
		defer front.use(older, newer)()
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
		const admitted = "2026-06-01T00:00:00Z"
		putLedger(ctx, namespace, `{"revision": "ni=zzzzz", "pending": [
			{"Kind": "Ninth", "Name": "created", "claims": [{"key": "id bob"}], "admitted": "`+admitted+`", "later": 1},
			{"Kind": "Ninth", "Name": "changed", "uid": "1", "resourceVersion": "5", "generation": 1, "claims": [{"key": "id cyd"}], "admitted": "`+admitted+`"}
		]}`)
		at, err := time.Parse(time.RFC3339, admitted)
		Expect(err).NotTo(HaveOccurred())
		now.set(at.Add(time.Second))
		defer now.set(time.Time{})
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("dan").Obj()))).To(Succeed())
		for _, name := range []string{"bob", "cyd"} {
			Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser(name).Obj()))).To(Satisfy(apierrors.IsConflict), "it may still be stored")
		}

		By("letting time pass")
		now.set(at.Add(3 * time.Minute))
		for _, name := range []string{"bob", "cyd"} {
			Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser(name).Obj()))).To(Succeed(), "nobody here will ever see what became of it")
		}
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("again").ID("bob").Obj()))).To(beRefused("(A3)"))
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
			Expect(ledgerOf(ctx, namespace)["revision"]).To(HavePrefix("us="))
		}
		putLedger(ctx, namespace, `{"revision": "0-0-0-zzzzzzzzzzz-0-0-0-0"}`)
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeUser("late").Obj()))).
			To(MatchError(ContainSubstring("has not seen what was written before")), "it is waited for as it always was")
	})
})
