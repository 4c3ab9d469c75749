package webhook_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
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

var _ = Describe("An object that is wrong by itself", Ordered, func() {
	var namespace string
	BeforeAll(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	DescribeTable("is refused, with its place, its value and what to do",
		func(ctx SpecContext, object client.Object, parts ...string) {
			Expect(cluster.Create(ctx, in(namespace, object))).To(beRefused(parts...))
		},
		Entry("a condition that does not compile",
			testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Actions("read").Condition("resource.properties.x ==").Obj()).Obj(),
			`admission webhook "validate.permissions.remit.dev" denied the request: Role.permissions.remit.dev "bad" is invalid`,
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
			Expect(cluster.Create(ctx, in(namespace, object))).To(beRefused(parts...))
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
		role := in(namespace, testobjects.MakeRole("turns-bad").Rule(testobjects.Full("order")).Obj())
		Expect(cluster.Create(ctx, role)).To(Succeed())
		bad := role.DeepCopy()
		bad.Spec.Rules[0].Condition = "subject.id =="
		Expect(cluster.Update(ctx, bad)).To(beRefused(`spec.rules[0].condition: Invalid value: "subject.id =="`, "(A6)"))
		Expect(cluster.Patch(ctx, bad, client.MergeFrom(role))).To(beRefused("spec.rules[0].condition", "(A6)"))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(role), bad)).To(Succeed())
		Expect(bad.Spec).To(Equal(role.Spec))
	})

	It("is refused in a dry run, too", func(ctx SpecContext) {
		role := in(namespace, testobjects.MakeRole("dry").Rule(testobjects.MakeRule("order").Actions("read").Condition("1").Obj()).Obj())
		Expect(cluster.Create(ctx, role, client.DryRunAll)).To(beRefused("spec.rules[0].condition"))
	})
})

var _ = Describe("A good object", Ordered, func() {
	var namespace string
	BeforeAll(func(ctx SpecContext) {
		namespace = newNamespace(ctx)
		create(ctx, namespace, testobjects.MakeResourceType("order").Obj(), testobjects.MakeUser("ann").Obj())
	})

	good := map[kinds.Kind]client.Object{
		kinds.ResourceType: testobjects.MakeResourceType("invoice").Areas("sales").Link("order", "order").Tree("parent").Obj(),
		kinds.Role: testobjects.MakeRole("good").AllowedCIDRs("10.0.0.0/8", "2001:db8::1").
			Rule(testobjects.MakeRule("order").Actions("update").Condition("resource.properties.owner == subject.id").Validation("proposed.total > 0", "").Obj()).Obj(),
		kinds.Group:             testobjects.MakeGroup("good").Members("ann").MemberCondition("subject.attributes.department == 'Sales'").Obj(),
		kinds.User:              testobjects.MakeUser("zoe").Attribute("department", "Sales").Obj(),
		kinds.UserSet:           testobjects.MakeUserSet("good", testobjects.MakeUser("yan@example.com").Staff(), testobjects.MakeUser("xia").Attribute("department", "Sales")),
		kinds.UserPermissionSet: testobjects.MakeUserPermissionSet("good", testobjects.MakeUserPermission("e", "order", "o-2").User("ann")),
		kinds.UserPermission:    testobjects.MakeUserPermission("good", "order", "o-1").User("ann").In("", "2099-01-01T00:00:00Z").Obj(),
		kinds.SpecialPermission: testobjects.MakeSpecialPermission("good", "ann").On(v1alpha1.AccessReadOnly, "order").Obj(),
		kinds.RecordSet:         testobjects.MakeRecordSet("good", "order").Record("o-1", "", map[string]any{"status": "draft"}).Obj(),
		kinds.PermissionPolicy:  testobjects.MakePolicy().Obj(),
	}
	for _, kind := range kinds.Table {
		It(fmt.Sprintf("is stored, changed and deleted (%s)", kind.Kind), func(ctx SpecContext) {
			object, ok := good[kind.Kind]
			Expect(ok).To(BeTrue(), "this test has no %s", kind.Kind)
			Expect(cluster.Create(ctx, in(namespace, object))).To(Succeed())
			Expect(warnings.take()).To(BeEmpty())
			object.SetLabels(map[string]string{"example.com/touched": "yes"})
			Expect(cluster.Update(ctx, object)).To(Succeed())
			Expect(cluster.Delete(ctx, object)).To(Succeed())
		})
	}

	It("passes a dry run, which stores nothing", func(ctx SpecContext) {
		role := in(namespace, testobjects.MakeRole("dry").Rule(testobjects.Full("order")).Obj())
		Expect(cluster.Create(ctx, role, client.DryRunAll)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Satisfy(apierrors.IsNotFound))
	})

	It("is warned about when it names what does not exist", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, in(namespace, testobjects.MakeRole("early").Rule(testobjects.Full("planet")).Obj()))).To(Succeed())
		Expect(warnings.take()).To(ConsistOf(ContainSubstring("ResourceType planet does not exist")))
	})
})

func named[T client.Object](object T, name string) T {
	object.SetName(name)
	return object
}

var _ = Describe("A change that other objects are against", Ordered, func() {
	var namespace string
	BeforeAll(func(ctx SpecContext) {
		namespace = newNamespace(ctx)
		create(ctx, namespace,
			testobjects.MakeResourceType("order").Obj(), testobjects.MakePolicy().Obj(),
			testobjects.MakeRole("admin").AdminAccess().Obj(), testobjects.MakeRole("public").Obj(),
			testobjects.MakeUser("ann").Roles("admin").Obj(), testobjects.MakeUser("bea").ID("bea@example.com").Obj(),
			testobjects.MakeUserPermission("bea-east", "company", "east").User("bea@example.com").Default("east").Obj(),
		)
	})

	DescribeTable("is refused, with the path, the value, the other object and what to do",
		func(ctx SpecContext, write writing, object client.Object, parts ...string) {
			Expect(write(ctx, in(namespace, object))).To(beRefused(parts...))
		},
		Entry("deleting a built-in role", writing(deleting), testobjects.MakeRole("admin").Obj(),
			`admission webhook "validate.permissions.remit.dev" denied the request: Role.permissions.remit.dev "admin" is invalid`,
			`metadata.name: Invalid value: "admin": the role is built in: PermissionPolicy default needs it as its adminRole`, "(A1)"),
		Entry("taking adminAccess from the admin role", patching(`{"spec":{"adminAccess":false}}`), testobjects.MakeRole("admin").Obj(),
			"spec.adminAccess: Invalid value: false", "(A1)"),
		Entry("deleting the last admin", writing(deleting), testobjects.MakeUser("ann").Obj(),
			`metadata.name: Invalid value: "ann": ann is the last admin of the domain`, "(A2)"),
		Entry("disabling the last admin", patching(`{"spec":{"disabled":true}}`), testobjects.MakeUser("ann").Obj(),
			"spec.disabled: Invalid value: true: ann is the last admin", "(A2)"),
		Entry("an id that another user has", writing(creating), testobjects.MakeUser("bea-again").ID("bea@example.com").Obj(),
			`spec.id: Invalid value: "bea@example.com": User bea already has the id`, "(A3)"),
		Entry("a second default", writing(creating), testobjects.MakeUserPermission("bea-west", "company", "west").User("bea@example.com").Default("west").Obj(),
			"spec.default: Invalid value: \"west\": UserPermission bea-east already gives", "(A4)"),
		Entry("the same value again", writing(creating), testobjects.MakeUserPermission("bea-again", "company", "east").User("bea@example.com").Obj(),
			"spec.forValues[0]: Invalid value: \"east\": UserPermission bea-east already allows", "(A5)"),
		Entry("a dry run of one", writing(dryRunning), testobjects.MakeUser("ann").Obj(), "(A2)"),
	)

	It("is refused in a whole collection, object by object", func(ctx SpecContext) {
		Expect(cluster.DeleteAllOf(ctx, &v1alpha1.User{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": "ann"})).
			To(beRefused("last admin", "(A2)"))
	})

	It("is let through where it touches no spec", func(ctx SpecContext) {
		ann := in(namespace, testobjects.MakeUser("ann").Obj())
		Expect(cluster.Patch(ctx, ann, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`)))).To(Succeed())
	})
})

var _ = Describe("A namespace that is being deleted", func() {
	It("loses its last admin and its built-in roles, which one that lives does not", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		ann := testobjects.MakeUser("ann").Roles("admin").Obj()
		role := testobjects.MakeRole("admin").AdminAccess().Obj()
		create(ctx, namespace, testobjects.MakePolicy().Obj(), role, ann)
		Expect(cluster.Delete(ctx, ann)).To(beRefused("(A2)"))
		Expect(cluster.Delete(ctx, role)).To(beRefused("(A1)"))
		Expect(cluster.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		By("as whoever empties it")
		Expect(cluster.Delete(ctx, role)).To(Succeed())
		By("as the namespace controller, about which no webhook is asked")
		front.stop()
		defer front.restart()
		controller := as("system:serviceaccount:kube-system:namespace-controller", "system:serviceaccounts")
		Expect(controller.DeleteAllOf(ctx, &v1alpha1.User{}, client.InNamespace(namespace))).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(ann), ann)).To(Satisfy(apierrors.IsNotFound))
	})
})

var _ = Describe("Escalation", func() {
	It("is refused to everybody but those who hold what they give, masters, and the operator itself (A7)", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		create(ctx, namespace, testobjects.MakePolicy().PreventEscalation().Obj(), testobjects.MakeResourceType("order").Obj(),
			testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj(), testobjects.MakeUser("buyer").Roles("buyer").Obj(),
			testobjects.MakeUser("ann").Superuser().Obj())
		given := func(name string) client.Object {
			return in(namespace, testobjects.MakeRole(name).Rule(testobjects.Full("order")).Obj())
		}
		all := func(name string) client.Object { return in(namespace, testobjects.MakeRole(name).AdminAccess().Obj()) }

		Expect(as("nobody").Create(ctx, given("one"))).To(beRefused("which the writer nobody does not hold on every record", "(A7)"))
		Expect(as("buyer").Create(ctx, given("two"))).To(Succeed())
		Expect(as("buyer").Create(ctx, all("three"))).To(beRefused("only an admin may write", "(A7)"))
		Expect(as("ann").Create(ctx, all("three"))).To(Succeed())
		Expect(as("nobody", "system:masters").Create(ctx, all("four"))).To(Succeed())
		Expect(as(operator).Create(ctx, all("five"))).To(Succeed())
		Expect(as(operator+"-too").Create(ctx, all("six"))).To(beRefused("(A7)"))
	})
})

var _ = Describe("Webhooks that are down", func() {
	It("let nothing through, and the answer says what to look at", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		ann := testobjects.MakeUser("ann").Obj()
		create(ctx, namespace, ann)
		front.stop()
		defer front.restart()
		for _, err := range []error{
			cluster.Create(ctx, in(namespace, testobjects.MakeUser("bea").Obj())),
			cluster.Patch(ctx, ann, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"superuser":true}}`))),
			cluster.Delete(ctx, ann),
		} {
			Expect(err).To(MatchError(ContainSubstring(`failed calling webhook "validate.permissions.remit.dev"`)))
		}
		Expect(cluster.Patch(ctx, ann, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`)))).
			To(Succeed(), "labels are none of their business")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(ann), ann)).To(Succeed())
		Expect(ann.Spec.Superuser).To(BeFalse())
	})
})

// writing is a way to write an object.
type writing func(context.Context, client.Object) error

func creating(ctx context.Context, object client.Object) error { return cluster.Create(ctx, object) }

func deleting(ctx context.Context, object client.Object) error { return cluster.Delete(ctx, object) }

func dryRunning(ctx context.Context, object client.Object) error {
	return cluster.Delete(ctx, object, client.DryRunAll)
}

func patching(patch string) writing {
	return func(ctx context.Context, object client.Object) error {
		return cluster.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
	}
}
