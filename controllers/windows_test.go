package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// lateness is how late status may be on a machine that does much else; its times have no fractions.
const lateness = 2 * time.Second

var _ = Describe("Time windows", func() {
	It("take effect and lapse on the second, in decisions as in status", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		Eventually(d.effective(ctx, "leisa@example.com")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessReadOnly)))

		starts := time.Now().Truncate(time.Second).Add(8 * time.Second)
		ends := starts.Add(6 * time.Second)
		from, to := starts.Format(time.RFC3339), ends.Format(time.RFC3339)
		special := testobjects.MakeSpecialPermission("promoted", "leisa@example.com").On(v1alpha1.AccessFull, "order").In(from, to).Obj()
		restriction := testobjects.MakeUserPermission("north-only", "company", "north").User("richard").In(from, to).Obj()
		temps := testobjects.MakeGroup("temps").Member("temp", from, to).Roles("buyer").Obj()
		d.create(ctx, special, restriction, temps)

		By("before")
		Eventually(reading(ctx, d, special)).Should(And(haveConditions(served, resolved, "InForce=False/NotStarted"), haveMessage("InForce", starts.UTC().Format(time.RFC3339))))
		Eventually(reading(ctx, d, restriction)).Should(And(haveConditions(served, resolved, "InForce=False/NotStarted"), HaveField("Status.Users", int32(0))))
		Eventually(d.effective(ctx, "leisa@example.com")).Should(HaveField("NextTransition.Time", BeTemporally("==", starts)))
		Eventually(d.effective(ctx, "temp")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessNone)))
		Expect(time.Now()).To(BeTemporally("<", starts), "this machine is too slow for this spec")

		By("within")
		inForce := "InForce=True/Active"
		Eventually(reading(ctx, d, special)).Should(And(haveConditions(served, resolved, inForce), HaveField("Status.ResourceTypes", int32(1))))
		Eventually(reading(ctx, d, restriction)).Should(And(haveConditions(served, resolved, inForce), HaveField("Status.Users", int32(1))))
		Eventually(reading(ctx, d, temps)).Should(HaveField("Status.Members", int32(1)))
		Eventually(reading(ctx, d, testobjects.MakeRole("buyer").Obj())).Should(HaveField("Status.Users", int32(2)))
		Eventually(d.effective(ctx, "leisa@example.com")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Eventually(d.effective(ctx, "temp")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Expect(d.decide("temp", "update", nil)).To(Equal(engine.ReasonRule))
		Expect(d.decide("richard", "read", map[string]any{"company": "south"})).To(Equal(engine.ReasonUserPermission))
		Expect(time.Now()).To(BeTemporally("<", ends), "status came too late")
		for _, object := range []*metav1.Condition{inForceOf(special.Status.Conditions), inForceOf(restriction.Status.Conditions)} {
			Expect(object.LastTransitionTime.Time).To(And(BeTemporally(">=", starts), BeTemporally("<", starts.Add(lateness))))
		}

		By("after")
		Eventually(reading(ctx, d, special)).Should(haveConditions(served, resolved, "InForce=False/Expired"))
		Eventually(reading(ctx, d, restriction)).Should(And(haveConditions(served, resolved, "InForce=False/Expired"), HaveField("Status.Users", int32(0))))
		Eventually(reading(ctx, d, temps)).Should(HaveField("Status.Members", int32(0)))
		Eventually(d.effective(ctx, "leisa@example.com")).Should(And(WithTransform(orderAccess, Equal(v1alpha1.AccessReadOnly)), HaveField("NextTransition", BeNil())))
		Eventually(d.effective(ctx, "temp")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessNone)))
		Expect(d.decide("temp", "update", nil)).To(Equal(engine.ReasonNoRule))
		Expect(d.decide("richard", "read", map[string]any{"company": "south"})).To(Equal(engine.ReasonRule))
		for _, object := range []*metav1.Condition{inForceOf(special.Status.Conditions), inForceOf(restriction.Status.Conditions)} {
			Expect(object.LastTransitionTime.Time).To(And(BeTemporally(">=", ends), BeTemporally("<", ends.Add(lateness))))
		}
	})
})

func inForceOf(conditions []metav1.Condition) *metav1.Condition {
	GinkgoHelper()
	for i := range conditions {
		if conditions[i].Type == v1alpha1.ConditionInForce {
			return &conditions[i]
		}
	}
	Fail("no condition InForce")
	return nil
}
