package controllers_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// haveConditions matches objects with exactly these conditions, each written as Type=Status/Reason.
func haveConditions(want ...string) types.GomegaMatcher {
	return WithTransform(func(object client.Object) ([]string, error) {
		conditions, err := conditionsOf(object)
		got := []string{}
		for _, c := range conditions {
			got = append(got, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
		}
		return got, err
	}, ConsistOf(want))
}

// haveMessage matches objects with a condition whose message contains a text.
func haveMessage(conditionType, text string) types.GomegaMatcher {
	return WithTransform(func(object client.Object) (string, error) {
		conditions, err := conditionsOf(object)
		if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
			return c.Message, err
		}
		return "", err
	}, ContainSubstring(text))
}

func conditionsOf(object client.Object) ([]metav1.Condition, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	var typed struct {
		Status v1alpha1.CommonStatus `json:"status"`
	}
	err = runtime.DefaultUnstructuredConverter.FromUnstructured(content, &typed)
	return typed.Status.Conditions, err
}

const (
	served   = "Ready=True/Served"
	resolved = "ReferencesResolved=True/AllFound"
	dangling = "ReferencesResolved=False/NotFound"
)

var _ = Describe("Status", func() {
	It("counts and says that decisions follow", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		d.create(ctx,
			testobjects.MakeRecordSet("companies", "company").Record("north", "", nil).Record("west", "north", nil).Obj(),
			testobjects.MakeUserPermission("north-only", "company", "north").Group("everybody").Obj(),
			testobjects.MakeSpecialPermission("freeze", "leisa@example.com").On(v1alpha1.AccessNone, "order", "company").Obj(),
			testobjects.MakePolicy().Obj(),
		)
		for object, want := range map[client.Object]types.GomegaMatcher{
			testobjects.MakeResourceType("order").Obj(): And(haveConditions(served, resolved),
				HaveField("Status.Actions", int32(4)), HaveField("Status.Rules", int32(2))),
			testobjects.MakeResourceType("company").Obj(): And(haveConditions(served, resolved), HaveField("Status.Records", int32(2))),
			testobjects.MakeRole("reader").Obj():          And(haveConditions(served, resolved), HaveField("Status.Users", int32(2)), HaveField("Status.Groups", int32(1))),
			testobjects.MakeRole("buyer").Obj():           And(haveConditions(served, resolved), HaveField("Status.Users", int32(1)), HaveField("Status.Groups", int32(0))),
			testobjects.MakeGroup("everybody").Obj():      And(haveConditions(served, resolved), HaveField("Status.Members", int32(2))),
			testobjects.MakeUser("richard").Obj():         And(haveConditions(served, resolved), HaveField("Status.EffectivePermissions", "richard")),
			testobjects.MakeUserPermission("north-only", "company").Obj(): And(haveConditions(served, resolved, "InForce=True/Active"),
				HaveField("Status.Users", int32(2))),
			testobjects.MakeSpecialPermission("freeze", "").Obj(): And(haveConditions(served, resolved, "InForce=True/Active"),
				HaveField("Status.ResourceTypes", int32(2))),
			testobjects.MakeRecordSet("companies", "").Obj(): And(haveConditions(served, resolved), HaveField("Status.Records", int32(2))),
			testobjects.MakePolicy().Obj():                   And(haveConditions(served, resolved, "Served=True/AllReplicas"), HaveField("Status.Users", int32(2)), HaveField("Status.Admins", int32(0))),
			testobjects.MakeRole("admin").Obj():              And(haveConditions(served, resolved), HaveField("Spec.AdminAccess", true)),
			testobjects.MakeRole("public").Obj():             And(haveConditions(served, resolved), HaveField("Spec", v1alpha1.RoleSpec{})),
		} {
			Eventually(reading(ctx, d, object)).Should(And(want, WithTransform(client.Object.GetGeneration, Equal(int64(1)))), "%T", object)
		}
	})

	It("follows references that come and go", func(ctx SpecContext) {
		d := newDomain(ctx)
		user := testobjects.MakeUser("richard").Roles("buyer").Obj()
		role := testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj()
		d.create(ctx, user)
		Eventually(reading(ctx, d, user)).Should(And(haveConditions(served, dangling), haveMessage("ReferencesResolved", "Role/buyer")))

		d.create(ctx, role)
		Eventually(reading(ctx, d, user)).Should(haveConditions(served, resolved))
		Eventually(reading(ctx, d, role)).Should(And(haveConditions(served, dangling), haveMessage("ReferencesResolved", "ResourceType/order")))
		d.create(ctx, testobjects.MakeResourceType("order").Obj())
		Eventually(reading(ctx, d, role)).Should(haveConditions(served, resolved))
		Expect(d.decide("richard", "read", nil)).To(Equal(engine.ReasonRule))

		By("renaming the role")
		d.create(ctx, testobjects.MakeRole("purchaser").Rule(testobjects.Full("order")).Obj())
		d.remove(ctx, role)
		Eventually(reading(ctx, d, user)).Should(haveConditions(served, dangling))
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessNone)))
		change(ctx, d, user, func(u *v1alpha1.User) { u.Spec.Roles[0].Name = "purchaser" })
		Eventually(reading(ctx, d, user)).Should(And(haveConditions(served, resolved), HaveField("Status.ObservedGeneration", int64(2))))
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
	})

	It("stalls a bad object and none of its neighbours", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		bad := testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Access(v1alpha1.AccessFull).Condition("resource.properties.x ==").Obj()).Obj()
		d.create(ctx, bad, testobjects.MakeUser("bob").Roles("bad").Obj())

		Eventually(reading(ctx, d, bad)).Should(And(
			haveConditions("Ready=False/NotServed", "Stalled=True/InvalidExpression", resolved),
			haveMessage("Stalled", "spec.rules[0].condition"),
		))
		Expect(d.decide("bob", "read", nil)).To(Equal(engine.ReasonConditionNotMet))
		Expect(d.decide("richard", "update", nil)).To(Equal(engine.ReasonRule))
		Eventually(reading(ctx, d, testobjects.MakeRole("buyer").Obj())).Should(haveConditions(served, resolved))
		Eventually(reading(ctx, d, testobjects.MakeUser("bob").Obj())).Should(haveConditions(served, resolved))

		By("mending it")
		change(ctx, d, bad, func(r *v1alpha1.Role) { r.Spec.Rules[0].Condition = "resource.properties.x == 1" })
		Eventually(reading(ctx, d, bad)).Should(haveConditions(served, resolved))
		Expect(d.decide("bob", "read", map[string]any{"x": int64(1)})).To(Equal(engine.ReasonRule))
	})

	It("tells the loser of a conflict", func(ctx SpecContext) {
		d := newDomain(ctx)
		first := testobjects.MakeUser("alice").ID("alice@example.com").Superuser().Obj()
		second := testobjects.MakeUser("alice-again").ID("alice@example.com").Obj()
		records := testobjects.MakeRecordSet("a", "company").Record("north", "", nil).Obj()
		others := testobjects.MakeRecordSet("b", "company").Record("north", "", nil).Record("south", "", nil).Obj()
		d.create(ctx, testobjects.MakeResourceType("company").Obj(), first, second, records, others)

		conflict := "Stalled=True/Conflict"
		Eventually(reading(ctx, d, second)).Should(And(haveConditions("Ready=False/NotServed", conflict, resolved), haveMessage("Stalled", "User/alice")))
		Eventually(reading(ctx, d, first)).Should(haveConditions(served, resolved))
		Eventually(reading(ctx, d, others)).Should(And(haveConditions("Ready=False/NotServed", conflict, resolved),
			haveMessage("Stalled", "north"), HaveField("Status.Records", int32(1))))
		Eventually(reading(ctx, d, records)).Should(And(haveConditions(served, resolved), HaveField("Status.Records", int32(1))))
		Eventually(d.users(ctx)).Should(ConsistOf("alice@example.com"))

		By("deleting the winner")
		d.remove(ctx, first, records)
		Eventually(reading(ctx, d, second)).Should(haveConditions(served, resolved))
		Eventually(reading(ctx, d, others)).Should(And(haveConditions(served, resolved), HaveField("Status.Records", int32(2))))
		Eventually(d.effective(ctx, "alice@example.com")).Should(HaveField("Superuser", false))
	})

	It("reports records that are their own ancestors", func(ctx SpecContext) {
		d := newDomain(ctx)
		cycle := testobjects.MakeRecordSet("cycle", "company").Record("a", "b", nil).Record("b", "a", nil).Record("c", "", nil).Obj()
		d.create(ctx, testobjects.MakeResourceType("company").Obj(), cycle, testobjects.MakeUser("richard").Obj(),
			testobjects.MakeRecordSet("fine", "company").Record("d", "c", nil).Obj())
		Eventually(reading(ctx, d, cycle)).Should(And(haveConditions("Ready=False/NotServed", "Stalled=True/ParentCycle", resolved), haveMessage("Stalled", "a, b")))
		Eventually(reading(ctx, d, testobjects.MakeRecordSet("fine", "").Obj())).Should(haveConditions(served, resolved))

		change(ctx, d, cycle, func(s *v1alpha1.RecordSet) { s.Spec.Records[0].Parent = "" })
		Eventually(reading(ctx, d, cycle)).Should(haveConditions(served, resolved))
	})

	It("advises", func(ctx SpecContext) {
		d := newDomain(ctx)
		pointless := testobjects.MakeRole("owner").AdminAccess().Rule(testobjects.Full("order")).Obj()
		partial := testobjects.MakeRole("reader").Rule(testobjects.MakeRule("order").Access(v1alpha1.AccessReadOnly).Fields("status").Obj()).Obj()
		d.create(ctx, testobjects.MakeResourceType("order").RequiredReadFields("id").Obj(), pointless, partial)
		Eventually(reading(ctx, d, pointless)).Should(haveConditions(served, resolved, "Advice=True/PointlessRules"))
		Eventually(reading(ctx, d, partial)).Should(And(haveConditions(served, resolved, "Advice=True/MissingReadFields"), haveMessage("Advice", "id")))

		change(ctx, d, pointless, func(r *v1alpha1.Role) { r.Spec.Rules = nil })
		Eventually(reading(ctx, d, pointless)).Should(haveConditions(served, resolved))
	})

	It("makes the built-in roles, and leaves them alone", func(ctx SpecContext) {
		d := newDomain(ctx)
		admin, public := testobjects.MakeRole("owner").Obj(), testobjects.MakeRole("guest").Obj()
		policy := testobjects.MakePolicy().Spec(func(s *v1alpha1.PermissionPolicySpec) { s.AdminRole, s.PublicRole = "owner", "guest" }).Obj()
		d.create(ctx, policy, testobjects.MakeUser("richard").Roles("owner").Obj())
		Eventually(reading(ctx, d, admin)).Should(And(haveConditions(served, resolved), HaveField("Spec.AdminAccess", true),
			HaveField("Labels", HaveKeyWithValue("app.kubernetes.io/managed-by", "remit")), HaveField("OwnerReferences", BeEmpty())))
		Eventually(reading(ctx, d, public)).Should(haveConditions(served, resolved))
		Eventually(reading(ctx, d, policy)).Should(HaveField("Status.Admins", int32(1)))

		By("changing one, and deleting the other")
		change(ctx, d, public, func(r *v1alpha1.Role) { r.Spec.Description, r.Labels = "Whoever comes by.", nil })
		uid := admin.UID
		d.remove(ctx, admin)
		Eventually(reading(ctx, d, admin)).Should(HaveField("UID", Not(Equal(uid))))
		Eventually(reading(ctx, d, public)).Should(And(haveConditions(served, resolved), HaveField("Status.ObservedGeneration", int64(2))))
		Expect(public.Spec.Description).To(Equal("Whoever comes by."))
		Expect(public.Labels).To(BeEmpty())

		By("deleting the policy")
		d.remove(ctx, policy)
		Eventually(func() bool { snapshot, ok := d.store.Domain(d.namespace); return ok && snapshot.Domain.HasPolicy() }).Should(BeFalse())
		Consistently(reading(ctx, d, admin)).Should(HaveField("DeletionTimestamp", BeNil()))
	})

	It("comes to rest", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		d.create(ctx, testobjects.MakePolicy().Obj(), testobjects.MakeUser("bad").Roles("nosuch").Obj(),
			testobjects.MakeSpecialPermission("freeze", "richard").On(v1alpha1.AccessNone, "order").Obj())
		versions := func() (map[string]string, error) {
			found := map[string]string{}
			for _, kind := range append([]engine.Kind{"EffectivePermissions"}, engine.Kinds...) {
				list := &metav1.PartialObjectMetadataList{}
				list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(kind) + "List"))
				if err := d.List(ctx, list, client.InNamespace(d.namespace)); err != nil {
					return nil, err
				}
				for _, o := range list.Items {
					found[string(kind)+"/"+o.Name] = o.ResourceVersion
				}
			}
			return found, nil
		}
		var last map[string]string
		Eventually(func(g Gomega) {
			before := last
			var err error
			last, err = versions()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(last).To(HaveLen(len(shop()) + 5 + 3)) // with the built-in roles and the users
			g.Expect(last).To(Equal(before))
		}).WithPolling(aMoment).Should(Succeed())
		Consistently(versions).WithTimeout(2 * aMoment).Should(Equal(last))
	})

	It("never says what decisions do not do yet", func(ctx SpecContext) {
		d := newDomain(ctx)
		role := testobjects.MakeRole("buyer").Obj()
		d.create(ctx, testobjects.MakeResourceType("order").Obj(), role, testobjects.MakeUser("richard").Roles("buyer").Obj())
		roles, err := d.Watch(ctx, &v1alpha1.RoleList{}, client.InNamespace(d.namespace))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(roles.Stop)
		effective, err := d.Watch(ctx, &v1alpha1.EffectivePermissionsList{}, client.InNamespace(d.namespace))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(effective.Stop)

		const generations = 50
		go func() {
			defer GinkgoRecover()
			for generation := 2; generation <= generations; generation++ {
				change(ctx, d, role.DeepCopy(), func(r *v1alpha1.Role) {
					r.Spec.Description = fmt.Sprint(generation)
					r.Spec.Rules = nil
					if generation%2 == 0 {
						r.Spec.Rules = []v1alpha1.Rule{testobjects.Full("order")}
					}
				})
			}
		}()
		seen := int64(0)
		for seen < generations {
			var e watch.Event
			select {
			case e = <-roles.ResultChan():
			case e = <-effective.ResultChan():
			case <-ctx.Done():
				Fail("the last generation was not observed")
			}
			snapshot, ok := d.store.Domain(d.namespace)
			Expect(ok).To(BeTrue())
			switch o := e.Object.(type) {
			case *v1alpha1.Role:
				report, _ := snapshot.Domain.Report(engine.Ref{Kind: engine.KindRole, Name: o.Name})
				if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
					Expect(report.Generation).To(BeNumerically(">=", o.Status.ObservedGeneration))
					seen = o.Status.ObservedGeneration
				}
			case *v1alpha1.EffectivePermissions:
				// Resource versions of one length compare as text.
				Expect(len(snapshot.ResourceVersion)).To(BeNumerically(">=", len(o.Status.ObservedRevision)))
				if len(snapshot.ResourceVersion) == len(o.Status.ObservedRevision) {
					Expect(strings.Compare(snapshot.ResourceVersion, o.Status.ObservedRevision)).To(BeNumerically(">=", 0))
				}
			}
		}
	}, SpecTimeout(largePatience))
})
