package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/hack/render"
)

// gitOps is the name under which the objects are applied: that of a tool which keeps a cluster as a repository says.
const gitOps = client.FieldOwner("gitops")

// testGitOps: a domain may be applied and pruned in any order. Nothing is refused on the way, all of it comes to the
// same, and what the operator writes is nothing that the tool would have to write back.
func testGitOps(t *testing.T, c *cluster) {
	sample, err := render.Kustomization("../../config/samples/erp")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := render.Kustomization("../../config/samples/cin7")
	if err != nil {
		t.Fatal(err)
	}
	sample = append(sample, slices.DeleteFunc(sets, func(object *unstructured.Unstructured) bool {
		return !strings.HasSuffix(object.GetKind(), "Set") || object.GetKind() == "RecordSet"
	})...)
	sample = slices.DeleteFunc(sample, func(object *unstructured.Unstructured) bool { return object.GetKind() == "Namespace" })
	const admin = "administrator"
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same order each time
	orders := map[string]func([]*unstructured.Unstructured){
		"forwards":  func([]*unstructured.Unstructured) {},
		"backwards": func(objects []*unstructured.Unstructured) { slices.Reverse(objects) },
		"shuffled": func(objects []*unstructured.Unstructured) {
			random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		},
	}
	applied := map[string][]*unstructured.Unstructured{}
	for order, arrange := range orders {
		namespace := "gitops-" + order
		c.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		for _, object := range sample {
			object = object.DeepCopy()
			object.SetNamespace(namespace)
			applied[order] = append(applied[order], object)
		}
		arrange(applied[order])
		for _, object := range applied[order] {
			if _, err := c.applyAs(t.Context(), object); err != nil {
				t.Errorf("%s: apply %s %s: %v", order, object.GetKind(), object.GetName(), err)
			}
		}
	}
	for order, objects := range applied {
		for _, object := range objects {
			eventually(t, order+": "+object.GetName()+" is current", func() error { return c.isCurrent(t.Context(), object) })
		}
	}
	eventually(t, "every order gives everybody the same", func() error {
		want := c.effective(t, "gitops-forwards")
		if len(want) < 5 {
			return fmt.Errorf("there are %d users", len(want))
		}
		for order := range orders {
			if diff := cmp.Diff(want, c.effective(t, "gitops-"+order)); diff != "" {
				return fmt.Errorf("forwards and %s (-want +got):\n%s", order, diff)
			}
		}
		return nil
	})
	c.checkColumns(t, "gitops-forwards")
	for order, objects := range applied {
		for _, object := range objects {
			c.checkDrift(t, object)
		}
		orders[order](objects) // another order, but for forwards
		for _, object := range objects {
			err := c.Delete(t.Context(), object)
			if object.GetName() == admin {
				if err == nil || !strings.Contains(err.Error(), "the last admin") {
					t.Errorf("%s: prune the last admin: got error %v, want one that says so", order, err)
				}
			} else if err != nil {
				t.Errorf("%s: prune %s %s: %v", order, object.GetKind(), object.GetName(), err)
			}
		}
	}
	// A domain never loses its last admin, but with its namespace.
	for order := range orders {
		namespace := "gitops-" + order
		if err := c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Errorf("delete %s: %v", namespace, err)
		}
		eventually(t, order+": the last admin goes", func() error {
			last := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: admin}}
			return client.IgnoreNotFound(c.Delete(t.Context(), last))
		})
		eventually(t, order+": nobody is left", func() error {
			if left := c.effective(t, namespace); len(left) > 0 {
				return fmt.Errorf("%d users are", len(left))
			}
			return nil
		})
	}
}

// applyAs applies an object as the tool does, and gives what the API server then has.
func (c *cluster) applyAs(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	applied := object.DeepCopy()
	return applied, c.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), gitOps)
}

// isCurrent is nil when GitOps tools take an object for done.
func (c *cluster) isCurrent(ctx context.Context, object *unstructured.Unstructured) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	if err := c.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
		return err
	}
	result, err := status.Compute(live)
	if err != nil {
		return err
	}
	if result.Status != status.CurrentStatus {
		return fmt.Errorf("%s: %s", result.Status, result.Message)
	}
	return nil
}

// effective are the statuses of a namespace's users, but for what tells when they were computed.
func (c *cluster) effective(t *testing.T, namespace string) map[string]v1alpha1.EffectivePermissionsStatus {
	t.Helper()
	var list v1alpha1.EffectivePermissionsList
	if err := c.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	effective := map[string]v1alpha1.EffectivePermissionsStatus{}
	for _, item := range list.Items {
		item.Status.ObservedRevision = ""
		item.Status.Conditions = nil
		effective[string(item.Spec.User)] = item.Status
	}
	return effective
}

// checkDrift looks whether somebody wrote more than what was applied, or whether applying it again changes anything.
func (c *cluster) checkDrift(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	name := object.GetKind() + " " + object.GetName()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), live); err != nil {
		t.Fatalf("get %s: %v", name, err)
	}
	if diff := cmp.Diff(object.Object["spec"], live.Object["spec"]); diff != "" {
		t.Errorf("the spec of %s drifted (-applied +live):\n%s", name, diff)
	}
	if diff := cmp.Diff(object.GetLabels(), live.GetLabels()); diff != "" {
		t.Errorf("the labels of %s drifted (-applied +live):\n%s", name, diff)
	}
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != string(gitOps) && entry.Subresource != "status" {
			t.Errorf("%s writes more of %s than its status: %s", entry.Manager, name, entry.FieldsV1)
		}
	}
	again, err := c.applyAs(t.Context(), object)
	if err != nil {
		t.Fatalf("apply %s again: %v", name, err)
	}
	if again.GetGeneration() != live.GetGeneration() {
		t.Errorf("applying %s again changes it: generation %d, then %d", name, live.GetGeneration(), again.GetGeneration())
	}
}

// testCurrent: GitOps tools take a change for done when decisions follow it, neither before nor never.
func testCurrent(t *testing.T, c *cluster, m *replica, shop caller) {
	const namespace = "default"
	role := &unstructured.Unstructured{}
	role.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Role"))
	role.SetNamespace(namespace)
	role.SetName("current")
	user := role.DeepCopy()
	user.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("User"))
	user.Object["spec"] = map[string]any{"roles": []any{map[string]any{"name": "current"}}}
	if _, err := c.applyAs(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	const may = `{"subject": {"type": "user", "id": "current"}, "action": {"name": "update"}, "resource": {"type": "order", "id": "1"}}`
	for i, access := range []string{"Full", "ReadOnly", "Full", "None", "Full", "ReadOnly"} {
		role.Object["spec"] = map[string]any{"rules": []any{map[string]any{"resources": []any{"order"}, "access": access}}}
		if _, err := c.applyAs(t.Context(), role); err != nil {
			t.Fatalf("apply: %v", err)
		}
		eventually(t, "the role is current", func() error { return c.isCurrent(t.Context(), role) })
		code, answer := shop.ask(t, http.MethodPost, "https://"+m.decisions+"/domains/"+namespace+"/access/v1/evaluation", may)
		if want := fmt.Sprintf(`"decision":%t`, access == "Full"); code != http.StatusOK || !strings.Contains(answer, want) {
			t.Errorf("change %d, to %s, is current, but the decision is %d %s", i, access, code, answer)
		}
	}

	// What cannot take effect is not current: two sets define one record.
	set := role.DeepCopy()
	set.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RecordSet"))
	set.SetName("again")
	set.Object["spec"] = map[string]any{"resourceType": "order", "records": []any{map[string]any{"id": "o-1"}}}
	if _, err := c.applyAs(t.Context(), set); err != nil {
		t.Fatalf("apply: %v", err)
	}
	eventually(t, "the second set has failed", func() error {
		if err := c.isCurrent(t.Context(), set); err == nil || !strings.HasPrefix(err.Error(), string(status.FailedStatus)) {
			return fmt.Errorf("it is %w", err)
		}
		return nil
	})
	for _, object := range []*unstructured.Unstructured{role, user, set} {
		if err := c.Delete(t.Context(), object); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	eventually(t, "the user is gone", func() error {
		err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "current"}, &v1alpha1.EffectivePermissions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("there are effective permissions"), err)
	})
}
