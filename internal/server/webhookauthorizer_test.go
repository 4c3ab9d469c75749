package server

import (
	"encoding/json"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// canI is what kubectl auth can-i asks.
func (a *cluster) canI(user kubernetes.Interface, verb, namespace string) authorizationv1.SubjectAccessReviewStatus {
	a.t.Helper()
	review, err := user.AuthorizationV1().SelfSubjectAccessReviews().Create(a.t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Resource: "configmaps", Name: "settings",
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		a.t.Fatalf("ask as a user: %v", err)
	}
	return review.Status
}

func TestAnAPIServerAsksRemit(t *testing.T) {
	a := newCluster(t)
	for _, namespace := range []string{"shop", "other"} {
		mustCreate(t, a.admin.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		mustCreate(t, a.admin.CoreV1().ConfigMaps(namespace).Create, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}})
		// RBAC lets some read, whatever Remit says.
		mustCreate(t, a.admin.RbacV1().Roles(namespace).Create, &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Name: "reader"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}},
		})
		mustCreate(t, a.admin.RbacV1().RoleBindings(namespace).Create, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "readers"},
			Subjects: []rbacv1.Subject{
				{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "eve"}, {Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "max"},
				{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "pat"},
			},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		})
	}
	a.put(
		testobjects.MakeResourceType("configmaps").
			Action("get", v1alpha1.ClassRead).Action("list", v1alpha1.ClassRead).Action("update", v1alpha1.ClassUpdate).Obj(),
		testobjects.MakeRole("operator").Rule(testobjects.MakeRule("configmaps").Actions("get").Condition("resource.id == 'settings'").Obj()).Obj(),
		testobjects.MakeRole("lister").Rule(testobjects.MakeRule("configmaps").Actions("list").Obj()).Obj(),
		testobjects.MakeGroup("people").ExternalGroups("people").Roles("lister").Obj(),
		testobjects.MakeUser("ann").Roles("operator").Obj(),
		testobjects.MakeUser("eve").Disabled().Obj(),
		testobjects.MakeUser("max").Obj(),
		testobjects.MakeSpecialPermission("max", "max").On(v1alpha1.AccessNone, "configmaps").Obj(),
	)
	ann, eve, maximilian, pat := a.as("ann"), a.as("eve"), a.as("max"), a.as("pat")

	eventually(t, "ann may get the settings", func() bool { return a.canI(ann, "get", "shop").Allowed })
	t.Run("Remit allows", func(t *testing.T) {
		if got := a.canI(ann, "get", "shop"); !strings.Contains(got.Reason, "rule: A rule gives this action (Role/operator).") {
			t.Errorf("can-i: %+v", got)
		}
		if _, err := ann.CoreV1().ConfigMaps("shop").Get(t.Context(), "settings", metav1.GetOptions{}); err != nil {
			t.Errorf("get: %v", err)
		}
		if _, err := ann.CoreV1().ConfigMaps("shop").List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("list, by the group that the API server tells: %v", err)
		}
	})
	t.Run("Remit has no opinion and neither has anybody else", func(t *testing.T) {
		for _, tc := range []struct{ verb, namespace string }{{"update", "shop"}, {"delete", "shop"}, {"get", "other"}} {
			if got := a.canI(ann, tc.verb, tc.namespace); got.Allowed || got.Denied {
				t.Errorf("can-i %s in %s: %+v", tc.verb, tc.namespace, got)
			}
		}
	})
	t.Run("Remit has no opinion and RBAC allows", func(t *testing.T) {
		for _, namespace := range []string{"shop", "other"} {
			eventually(t, "pat may get", func() bool { return a.canI(pat, "get", namespace).Allowed })
		}
	})
	t.Run("Remit denies what RBAC would allow", func(t *testing.T) {
		for reason, user := range map[string]kubernetes.Interface{"user_disabled": eve, "special_permission": maximilian} {
			if got := a.canI(user, "get", "shop"); got.Allowed || !got.Denied || !strings.Contains(got.Reason, reason) {
				t.Errorf("can-i: %+v, want it denied by %s", got, reason)
			}
			if _, err := user.CoreV1().ConfigMaps("shop").Get(t.Context(), "settings", metav1.GetOptions{}); err == nil {
				t.Errorf("get: allowed in spite of %s", reason)
			}
			if got := a.canI(user, "get", "other"); !got.Allowed {
				t.Errorf("can-i in another domain: %+v", got)
			}
		}
	})
	t.Run("a change of permissions shows", func(t *testing.T) {
		a.put(testobjects.MakeRole("writer").Rule(testobjects.Full("configmaps")).Obj())
		a.put(testobjects.MakeGroup("writers").Members("ann").Roles("writer").Obj())
		eventually(t, "ann may update", func() bool { return a.canI(ann, "update", "shop").Allowed })
	})
	t.Run("Remit is away", func(t *testing.T) {
		a.stop()
		eventually(t, "what only Remit allows is not allowed", func() bool { return !a.canI(ann, "get", "shop").Allowed })
		eventually(t, "what RBAC allows is allowed", func() bool { return a.canI(pat, "get", "shop").Allowed })
	})
	t.Run("Remit was never asked about the system's users", func(t *testing.T) {
		for text := range strings.Lines(a.log.String()) {
			line := decisionLine{}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line.SubjectID, "system:") || line.Caller != "system:serviceaccount:remit-system:webhook-authorizer" {
				t.Errorf("asked about %s by %s", line.SubjectID, line.Caller)
			}
		}
	})
}
