package controllers_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// events lists the Events of an object as kubectl describe does, for Eventually: type, reason and message, and how
// often if more than once.
func (d *domain) events(ctx context.Context, object client.Object) func() ([]string, error) {
	return func() ([]string, error) {
		var list corev1.EventList
		err := d.List(ctx, &list, client.InNamespace(d.namespace), client.MatchingFields{"involvedObject.uid": string(object.GetUID())})
		lines := []string{}
		for _, e := range list.Items {
			line := fmt.Sprintf("%s %s %s", e.Type, e.Reason, e.Message)
			if e.Series != nil {
				line += fmt.Sprintf(" (x%d)", e.Series.Count)
			}
			lines = append(lines, line)
		}
		return lines, err
	}
}

// allEvents lists how many Events the domain has.
func (d *domain) allEvents(ctx context.Context) func() (int, error) {
	return func() (int, error) {
		var list corev1.EventList
		err := d.List(ctx, &list, client.InNamespace(d.namespace))
		return len(list.Items), err
	}
}

var _ = Describe("Events", func() {
	It("tell when an object stalls, and when it recovers", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		role := testobjects.MakeRole("broken").Rule(testobjects.MakeRule("order").Actions("read").Condition("1 +").Obj()).Obj()
		d.create(ctx, role)
		Eventually(d.events(ctx, role)).Should(ConsistOf(HavePrefix("Warning InvalidExpression Stalled: spec.rules[0].condition: ")))

		change(ctx, d, role, func(r *v1alpha1.Role) { r.Spec.Rules[0].Condition = "true" })
		Eventually(d.events(ctx, role)).Should(ConsistOf(
			HavePrefix("Warning InvalidExpression"), Equal("Normal Recovered No longer stalled: decisions follow this object."),
		))
		change(ctx, d, role, func(r *v1alpha1.Role) { r.Spec.Rules[0].Condition = "1 -" })
		Eventually(d.events(ctx, role)).Should(HaveLen(3))

		By("changing what has nothing to do with it, and restarting")
		change(ctx, d, role, func(r *v1alpha1.Role) { r.Labels = map[string]string{"a": "b"} })
		d.create(ctx, testobjects.MakeUser("mary").Roles("broken").Obj())
		Eventually(d.effective(ctx, "mary")).Should(HaveField("Roles", HaveLen(1)))
		d.stop()
		d.manager = startManager(ctx, d.testCluster, nil)
		d.create(ctx, testobjects.MakeUser("nina").Roles("broken").Obj())
		Eventually(d.effective(ctx, "nina")).Should(HaveField("Roles", HaveLen(1)))
		Consistently(d.allEvents(ctx)).Should(Equal(3), "everything else is routine")
	})

	It("tell what an object conflicts with", func(ctx SpecContext) {
		d := newDomain(ctx)
		older := testobjects.MakeUser("a-older").ID("ann").Obj()
		d.create(ctx, older)
		Eventually(reading(ctx, d, older)).Should(haveConditions(served, resolved))
		newer := testobjects.MakeUser("b-newer").ID("ann").Obj()
		d.create(ctx, newer)
		Eventually(d.events(ctx, newer)).Should(ConsistOf(
			"Warning Conflict Stalled: spec.id: the older User/a-older has this id already, and it counts; delete one of the two",
		))
		d.remove(ctx, older)
		Eventually(d.events(ctx, newer)).Should(ContainElement(HavePrefix("Normal Recovered ")))
	})

	It("tell when every replica serves a policy", func(ctx SpecContext) {
		d := newDomain(ctx)
		policy := testobjects.MakePolicy().Obj()
		d.create(ctx, policy)
		Eventually(d.events(ctx, policy)).Should(ConsistOf("Normal Served 1 of 1 replicas serve generation 1."))
		change(ctx, d, policy, func(p *v1alpha1.PermissionPolicy) { p.Spec.StrictUserPermissions = true })
		Eventually(d.events(ctx, policy)).Should(ConsistOf(
			"Normal Served 1 of 1 replicas serve generation 1.", "Normal Served 1 of 1 replicas serve generation 2.",
		))
		d.create(ctx, testobjects.MakeUser("ann").Obj()) // counted in its status
		Eventually(reading(ctx, d, policy)).Should(HaveField("Status.Users", int32(1)))
		Consistently(d.allEvents(ctx)).Should(Equal(2))
	})

	It("tell when EffectivePermissions are repaired", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Eventually(d.effective(ctx, "leisa@example.com")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessReadOnly)))
		object := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "richard"}}
		Expect(d.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		Consistently(d.allEvents(ctx)).Should(BeZero(), "what decisions change is routine")

		Expect(d.Status().Patch(ctx, object.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"superuser":true}}`)))).To(Succeed())
		Eventually(d.events(ctx, object)).Should(ConsistOf("Normal Repaired Replaced a status that somebody else wrote."))
		Expect(d.effective(ctx, "richard")()).To(HaveField("Superuser", false))
		change(ctx, d, object, func(o *v1alpha1.EffectivePermissions) { o.Labels = nil })
		Eventually(d.events(ctx, object)).Should(ConsistOf(
			"Normal Repaired Replaced a status that somebody else wrote.", "Normal Repaired Restored the label app.kubernetes.io/managed-by.",
		))

		By("changing what everybody may do")
		change(ctx, d, testobjects.MakeRole("reader").Obj(), func(r *v1alpha1.Role) { r.Spec.Rules[0].Access = v1alpha1.AccessFull })
		Eventually(d.effective(ctx, "leisa@example.com")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Consistently(d.allEvents(ctx)).Should(Equal(2))
	})
})
