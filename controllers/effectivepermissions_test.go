package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// orderAccess picks the access to orders out of a status.
func orderAccess(status v1alpha1.EffectivePermissionsStatus) v1alpha1.Access {
	for _, p := range status.Permissions {
		if p.Resource == "order" {
			return p.Access
		}
	}
	return v1alpha1.AccessNone
}

// shop are the objects of a small domain: richard is a buyer, and leisa reads.
func shop() []client.Object {
	return []client.Object{
		testobjects.MakeResourceType("order").Link("company", "company").Obj(),
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj(),
		testobjects.MakeRole("reader").Rule(testobjects.ReadOnly("order")).Obj(),
		testobjects.MakeGroup("everybody").Members("richard", "leisa@example.com").Roles("reader").Obj(),
		testobjects.MakeUser("richard").Roles("buyer").Obj(),
	}
}

var _ = Describe("EffectivePermissions", func() {
	It("has one object for each known user, current as decisions are", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)

		Eventually(d.users(ctx)).Should(ConsistOf("richard", "leisa@example.com"))
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Eventually(d.effective(ctx, "leisa@example.com")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessReadOnly)))
		Expect(d.decide("leisa@example.com", "update", nil)).To(Equal(engine.ReasonNoRule))

		By("overriding what the roles say")
		d.create(ctx, testobjects.MakeSpecialPermission("freeze", "richard").On(v1alpha1.AccessNone, "order").Obj())
		Eventually(d.effective(ctx, "richard")).Should(HaveField("Permissions", ConsistOf(And(
			HaveField("Access", v1alpha1.AccessNone),
			HaveField("DecidedBy", ConsistOf("SpecialPermission/freeze")), HaveField("Overridden", ConsistOf("Role/buyer", "Role/reader")),
		))))
		Expect(d.decide("richard", "read", nil)).To(Equal(engine.ReasonSpecialPermission))

		By("removing the object of who is named no more")
		change(ctx, d, testobjects.MakeGroup("everybody").Obj(), func(g *v1alpha1.Group) { g.Spec.Members = g.Spec.Members[:1] })
		Eventually(d.users(ctx)).Should(ConsistOf("richard"))
	})

	It("describes itself", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		object := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Name: "richard"}}
		Eventually(reading(ctx, d, object)).Should(And(
			HaveField("Labels", HaveKeyWithValue("app.kubernetes.io/managed-by", "remit")),
			HaveField("Spec.User", Equal(v1alpha1.UserID("richard"))),
			HaveField("Status.ObservedGeneration", Equal(int64(1))),
			HaveField("Status.ObservedRevision", Not(BeEmpty())),
			HaveField("Status.Conditions", ConsistOf(And(HaveField("Type", "Ready"), HaveField("Status", metav1.ConditionTrue)))),
			HaveField("Status.Roles", HaveLen(2)),
		))
		user := testobjects.MakeUser("richard").Obj()
		Eventually(reading(ctx, d, user)).Should(HaveField("Status.EffectivePermissions", "richard"))
	})

	It("is repaired when somebody edits or deletes it", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		object := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "richard"}}

		By("adding to the status")
		Eventually(func() error {
			if err := d.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
				return err
			}
			object.Status.Superuser = true
			object.Status.Groups = append(object.Status.Groups, "owners")
			object.Status.Permissions[0].DecidedBy = []string{"Role/another"}
			return d.Status().Update(ctx, object)
		}).Should(Succeed())
		Eventually(d.effective(ctx, "richard")).Should(And(
			HaveField("Superuser", false), HaveField("Groups", ConsistOf("everybody")),
			HaveField("Permissions", ConsistOf(HaveField("DecidedBy", ConsistOf("Role/buyer", "Role/reader")))),
		))

		By("emptying the status")
		Expect(d.Status().Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`)))).To(Succeed())
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))

		By("taking the label away")
		change(ctx, d, object, func(o *v1alpha1.EffectivePermissions) { o.Labels = nil })
		Eventually(reading(ctx, d, object)).Should(HaveField("Labels", HaveKeyWithValue("app.kubernetes.io/managed-by", "remit")))

		By("deleting it")
		uid := object.UID
		d.remove(ctx, object)
		Eventually(reading(ctx, d, object)).Should(And(HaveField("UID", Not(Equal(uid))), HaveField("Status.Permissions", HaveLen(1))))
	})

	It("is the operator's alone to make", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.users(ctx)).Should(ConsistOf("richard", "leisa@example.com"))
		made := func(name, user string) *v1alpha1.EffectivePermissions {
			return &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(user)}}
		}
		d.create(ctx, made("stranger", "stranger"), made("second", "richard"))
		Eventually(d.users(ctx)).Should(ConsistOf("richard", "leisa@example.com"))

		By("finding another's object at a user's name")
		d.create(ctx, made("newcomer", "richard"), testobjects.MakeUser("newcomer").Obj())
		Eventually(d.users(ctx)).Should(ConsistOf("richard", "leisa@example.com", "newcomer"))
		Eventually(d.effective(ctx, "newcomer")).Should(HaveField("Conditions", Not(BeEmpty())))
	})

	It("goes where users went while no manager ran", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.users(ctx)).Should(ConsistOf("richard", "leisa@example.com"))
		d.stop()
		d.remove(ctx, testobjects.MakeGroup("everybody").Obj())
		d.create(ctx, testobjects.MakeUser("mary").Obj())

		d.manager = startManager(ctx, d.testCluster, nil)
		Eventually(d.users(ctx)).Should(ConsistOf("richard", "mary"))
	})

	It("goes with the domain", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.users(ctx)).Should(HaveLen(2))
		d.remove(ctx, shop()...)
		Eventually(d.users(ctx)).Should(BeEmpty())
		Expect(d.store.Namespaces()).NotTo(ContainElement(d.namespace))
	})

	It("is not made anew in a namespace that is being deleted", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, append(shop(), testobjects.MakePolicy().Obj())...)
		Eventually(d.users(ctx)).Should(HaveLen(2))
		role := testobjects.MakeRole("public").Obj()
		Eventually(reading(ctx, d, role)).Should(HaveField("Status.Conditions", Not(BeEmpty())))
		// Nothing deletes what is in a namespace here, so that it stays as it is.
		Expect(d.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: d.namespace}})).To(Succeed())

		d.remove(ctx, &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Name: "richard"}}, role)
		Consistently(d.users(ctx)).Should(ConsistOf("leisa@example.com"))
		Expect(apierrors.IsNotFound(d.Get(ctx, client.ObjectKeyFromObject(role), role))).To(BeTrue())

		By("still removing what goes")
		d.remove(ctx, testobjects.MakeGroup("everybody").Obj())
		Eventually(d.users(ctx)).Should(BeEmpty())
	})

	It("serves a group of ten thousand", func(ctx SpecContext) {
		const members = 10_000
		c := startCluster() // of its own: ten thousand objects would slow down every other spec
		d := &domain{testCluster: c, manager: startManager(ctx, c, nil), namespace: c.newNamespace(ctx)}
		users := make([]string, members)
		for i := range users {
			users[i] = fmt.Sprintf("user-%05d", i)
		}
		started := time.Now()
		d.create(ctx, testobjects.MakeResourceType("order").Obj(), testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj(),
			testobjects.MakeGroup("all").Members(users...).Roles("buyer").Obj())
		Eventually(func() engine.Reason { return d.decide("user-09999", "update", nil) }).Should(Equal(engine.ReasonRule))
		decided := time.Since(started)
		Eventually(reading(ctx, d, testobjects.MakeGroup("all").Obj())).Should(HaveField("Status.Members", int32(members)))
		counted := time.Since(started)

		Eventually(func() (int, error) { // by the conditions, as the cache has no more of the status
			var list v1alpha1.EffectivePermissionsList
			err := d.cache.List(ctx, &list, client.InNamespace(d.namespace))
			current := 0
			for i := range list.Items {
				current += len(list.Items[i].Status.Conditions)
			}
			return current, err
		}).WithTimeout(largePatience).WithPolling(time.Second).Should(Equal(members))
		var list v1alpha1.EffectivePermissionsList
		Eventually(func() (int, error) {
			err := d.List(ctx, &list, client.InNamespace(d.namespace))
			current := 0
			for i := range list.Items {
				if orderAccess(list.Items[i].Status) == v1alpha1.AccessFull {
					current++
				}
			}
			return current, err
		}).WithTimeout(largePatience).WithPolling(time.Second).Should(Equal(members))
		AddReportEntry("ten thousand members", fmt.Sprintf("decided after %s, counted after %s, all written after %s", decided, counted, time.Since(started)))

		By("still serving others at once")
		d.create(ctx, testobjects.MakeSpecialPermission("freeze", "user-00001").On(v1alpha1.AccessNone, "order").Obj())
		Eventually(d.effective(ctx, "user-00001")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessNone)))
	})
})
