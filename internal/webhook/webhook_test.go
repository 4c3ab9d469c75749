package webhook

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// beRefused matches the API server's answer to an object that is invalid, with these parts in its message.
func beRefused(parts ...string) OmegaMatcher {
	matchers := []OmegaMatcher{Satisfy(apierrors.IsInvalid)}
	for _, part := range parts {
		matchers = append(matchers, MatchError(ContainSubstring(part)))
	}
	return SatisfyAll(matchers...)
}

var _ = Describe("An object that is wrong by itself", func() {
	DescribeTable("is refused, with its place, its value and what to do",
		func(ctx SpecContext, object client.Object, parts ...string) {
			Expect(cluster.Create(ctx, object)).To(beRefused(parts...))
		},
		Entry("a condition that does not compile",
			testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Actions("read").Condition("resource.properties.x ==").Obj()).Obj(),
			`admission webhook "vrole.permissions.remit.dev" denied the request: Role.permissions.remit.dev "bad" is invalid`,
			`spec.rules[0].condition: Invalid value: "resource.properties.x ==": line 1, column 25: Syntax error`, "(A6)"),
		Entry("a condition that gives no bool",
			testobjects.MakeRole("bad").Rule(testobjects.Full("order"), testobjects.MakeRule("order").Actions("read").Condition("subject.id").Obj()).Obj(),
			`spec.rules[1].condition: Invalid value: "subject.id"`, "(A6)"),
		Entry("a condition on what it cannot see",
			testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Actions("update").Condition("proposed.status == 'x'").Obj()).Obj(),
			`spec.rules[0].condition: Invalid value: "proposed.status == 'x'": line 1, column 1: `, "(A6)"),
		Entry("a validation that does not compile",
			testobjects.MakeGroup("bad").Rule(testobjects.MakeRule("order").Actions("update").Validation("proposed.status = 'x'", "no").Obj()).Obj(),
			`spec.rules[0].validations[0].expression: Invalid value: "proposed.status = 'x'": line 1, column 17: `, "(A6)"),
		Entry("a preset that does not compile",
			testobjects.MakePolicy().AppAccessRule(testobjects.MakeRule("order").Actions("create").PresetExpression("owner", "subject.").Obj()).Obj(),
			`spec.appAccessRules[0].presetExpressions`, "(A6)"),
		Entry("a memberCondition on what it cannot see",
			testobjects.MakeGroup("bad").MemberCondition("resource.id == '1'").Obj(),
			`spec.memberCondition: Invalid value: "resource.id == '1'": line 1, column 1: `, "(A6)"),
		Entry("several at once",
			testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Actions("update").Condition("1").Validation("2", "").Obj()).Obj(),
			"spec.rules[0].condition", "spec.rules[0].validations[0].expression"),
	)

	// The CRD's own schema knows these; the API server does not even ask.
	DescribeTable("is refused by its schema, where that can tell",
		func(ctx SpecContext, object client.Object, parts ...string) {
			Expect(cluster.Create(ctx, object)).To(beRefused(parts...))
		},
		Entry("a network",
			testobjects.MakeRole("bad").AllowedCIDRs("10.0.0.0/8", "10.0.0.0/99").Obj(),
			`spec.restrictions.allowedCIDRs[1]: Invalid value: "10.0.0.0/99": must be a network such as 10.0.0.0/8`),
		Entry("a window that ends before it starts",
			testobjects.MakeSpecialPermission("bad", "ann").On(v1alpha1.AccessNone, "order").In("2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z").Obj(),
			"spec.expiresAt", "expiresAt must be after startsAt"),
		Entry("access and actions",
			testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Access(v1alpha1.AccessFull).Actions("read").Obj()).Obj(),
			"spec.rules[0]", "exactly one of access, actions"),
		Entry("a policy of another name",
			named(testobjects.MakePolicy().Obj(), "other"),
			"a domain has one PermissionPolicy, named default (A6)"),
	)

	It("is refused when it becomes so, and stays as it was", func(ctx SpecContext) {
		role := testobjects.MakeRole("turns-bad").Rule(testobjects.Full("order")).Obj()
		Expect(cluster.Create(ctx, role)).To(Succeed())
		bad := role.DeepCopy()
		bad.Spec.Rules[0].Condition = "subject.id =="
		Expect(cluster.Update(ctx, bad)).To(beRefused(`spec.rules[0].condition: Invalid value: "subject.id =="`, "(A6)"))
		Expect(cluster.Patch(ctx, bad, client.MergeFrom(role))).To(beRefused("spec.rules[0].condition", "(A6)"))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(role), bad)).To(Succeed())
		Expect(bad.Spec).To(Equal(role.Spec))
	})

	It("is refused in a dry run, too", func(ctx SpecContext) {
		role := testobjects.MakeRole("dry").Rule(testobjects.MakeRule("order").Actions("read").Condition("1").Obj()).Obj()
		Expect(cluster.Create(ctx, role, client.DryRunAll)).To(beRefused("spec.rules[0].condition"))
	})

	It("may lose a finalizer if it was stored before a rule forbade it", func(ctx SpecContext) {
		stored := testobjects.MakeRole("old").Rule(testobjects.MakeRule("order").Actions("read").Condition("1").Obj()).Obj()
		released := stored.DeepCopy()
		stored.Finalizers = []string{"example.com/keep"}
		Expect((&validator[*v1alpha1.Role]{domains: shop{}}).ValidateUpdate(ctx, stored, released)).To(BeEmpty())
	})
})

var _ = Describe("A good object", func() {
	DescribeTable("of each kind is stored",
		func(ctx SpecContext, object client.Object) {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			Expect(warnings.take()).To(BeEmpty())
			object.SetLabels(map[string]string{"example.com/touched": "yes"})
			Expect(cluster.Update(ctx, object)).To(Succeed())
			Expect(cluster.Delete(ctx, object)).To(Succeed())
		},
		key,
		Entry(nil, testobjects.MakeResourceType("invoice").Areas("sales").Link("order", "order").Tree("parent").Obj()),
		Entry(nil, testobjects.MakeRole("good").AllowedCIDRs("10.0.0.0/8", "2001:db8::1").
			Rule(testobjects.MakeRule("order").Actions("update").Condition("resource.properties.owner == subject.id").Validation("proposed.total > 0", "").Obj()).Obj()),
		Entry(nil, testobjects.MakeGroup("good").Members("ann").MemberCondition("subject.attributes.department == 'Sales'").Obj()),
		Entry(nil, testobjects.MakeUser("zoe").Attribute("department", "Sales").Obj()),
		Entry(nil, testobjects.MakeUserPermission("good", "order", "o-1").User("ann").In("", "2099-01-01T00:00:00Z").Obj()),
		Entry(nil, testobjects.MakeSpecialPermission("good", "ann").On(v1alpha1.AccessReadOnly, "order").Obj()),
		Entry(nil, testobjects.MakeRecordSet("good", "order").Record("o-1", "", map[string]any{"status": "draft"}).Obj()),
		Entry(nil, testobjects.MakePolicy().Obj()),
	)

	It("passes a dry run, which stores nothing", func(ctx SpecContext) {
		role := testobjects.MakeRole("dry").Rule(testobjects.Full("order")).Obj()
		Expect(cluster.Create(ctx, role, client.DryRunAll)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Satisfy(apierrors.IsNotFound))
	})

	It("is warned about when it names what does not exist", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, testobjects.MakeRole("early").Rule(testobjects.Full("planet")).Obj())).To(Succeed())
		Expect(warnings.take()).To(ConsistOf(ContainSubstring("ResourceType planet does not exist")))
	})

	It("is warned about when another object is against it", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, testobjects.MakeUser("ann-again").ID("ann").Obj())).To(Succeed())
		Expect(warnings.take()).To(ConsistOf(SatisfyAll(ContainSubstring("spec.id"), ContainSubstring("(A3)"))))
	})
})

func named[T client.Object](object T, name string) T {
	object.SetName(name)
	return object
}
