package webhook_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/testobjects"
)

var _ = Describe("Objects that an older version let through", func() {
	It("stay, keep nobody from working, and can be mended or removed", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		bad := testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Actions("read").Condition("1 +").Obj()).Obj()
		putObjects(ctx, namespace, []engine.Object{
			testobjects.MakeResourceType("order").Obj(), bad, testobjects.MakeRole("good").Rule(testobjects.Full("order")).Obj(),
			testobjects.MakeUser("ann").Roles("bad", "good").Superuser().Obj(),
			testobjects.MakeUser("one").ID("same").Roles("bad").Obj(), testobjects.MakeUser("two").ID("same").Roles("good").Obj(),
			testobjects.MakeUserPermission("p-1", "company", "east").User("same").Default("east").Obj(),
			testobjects.MakeUserPermission("p-2", "company", "east").User("same").Default("east").Obj(),
		})
		snapshot, ok := replicas[0].store.Domain(namespace)
		Expect(ok).To(BeTrue())
		report, ok := snapshot.Domain.Report(engine.Ref{Kind: engine.KindRole, Name: "bad"})
		Expect(ok).To(BeTrue())
		Expect(report.Problems).NotTo(BeEmpty(), "which becomes its condition Stalled")
		effective, err := snapshot.Domain.Effective("same", now.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(effective.Permissions).NotTo(BeEmpty(), "the older User counts")

		label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"},"finalizers":["example.com/keep"]}}`))
		for _, object := range []client.Object{
			testobjects.MakeRole("bad").Obj(), testobjects.MakeUser("one").Obj(), testobjects.MakeUserPermission("p-2", "company").Obj(),
		} {
			Expect(cluster.Patch(ctx, in(namespace, object), label)).To(Succeed())
		}
		patch := func(object client.Object, text string) error {
			return cluster.Patch(ctx, in(namespace, object), client.RawPatch(types.MergePatchType, []byte(text)))
		}
		Expect(patch(testobjects.MakeRole("good").Obj(), `{"spec":{"description":"neighbours change"}}`)).To(Succeed())
		Expect(patch(testobjects.MakeUser("one").Obj(), `{"spec":{"staff":true}}`)).To(Succeed())
		Expect(patch(testobjects.MakeRole("bad").Obj(), `{"spec":{"description":"still bad"}}`)).To(beRefused("spec.rules[0].condition", "(A6)"))
		Expect(patch(testobjects.MakeRole("bad").Obj(), `{"spec":{"rules":[]}}`)).To(Succeed())
		Expect(cluster.Delete(ctx, in(namespace, testobjects.MakeUserPermission("p-1", "company").Obj()))).To(Succeed())
		Expect(cluster.Delete(ctx, in(namespace, testobjects.MakeUser("two").Obj()))).To(Succeed())
	})
})

var _ = Describe("The CRDs", func() {
	It("keep what the types know, and nothing else", func(ctx SpecContext) {
		items, err := manifests.Load([]string{"../../config/samples"}, metav1.NamespaceDefault)
		Expect(err).NotTo(HaveOccurred())
		namespace := newNamespace(ctx)
		front.open.Store(true)
		defer front.open.Store(false)
		seen := map[engine.Kind]bool{}
		for i, object := range manifests.Objects(items) {
			kind, ok := engine.KindOf(object)
			Expect(ok).To(BeTrue())
			if kind == engine.KindPermissionPolicy && seen[kind] {
				continue // a domain has one
			}
			seen[kind] = true
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
			Expect(err).NotTo(HaveOccurred())
			written := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
			written.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(kind)))
			written.SetNamespace(namespace)
			written.SetName(object.GetName())
			if kind != engine.KindPermissionPolicy {
				written.SetName(fmt.Sprintf("object-%d", i))
			}
			want := written.DeepCopy().Object["spec"]
			Expect(unstructured.SetNestedField(written.Object, "x", "spec", "fieldOfALaterVersion")).To(Succeed())
			Expect(cluster.Create(ctx, written.DeepCopy(), client.FieldValidation(metav1.FieldValidationStrict))).NotTo(Succeed(), "strictly, it is refused")
			Expect(cluster.Create(ctx, written)).To(Succeed())
			stored := written.DeepCopy()
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(written), stored)).To(Succeed())
			Expect(stored.Object["spec"]).To(Equal(want), "%s %s", kind, object.GetName())
			Expect(stored.Object).NotTo(HaveKey("status"), "nothing is defaulted")
		}
		Expect(seen).To(HaveLen(len(engine.Kinds)))
	})
})
