// Package config_test holds what is installed against a real API server.
package config_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/hack/render"
	"github.com/remit-authz/remit/internal/kinds"
)

const (
	namespace = "remit-system"
	operator  = "system:serviceaccount:remit-system:remit-controller-manager"
)

// foreign are the groups of kinds that other operators bring, which no plain API server knows.
var foreign = []string{"cert-manager.io", "monitoring.coreos.com"}

// warnings are what the API server said besides its answers.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// take gives the warnings since the last time.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.text
	w.text = nil
	return text
}

// cluster is a real API server.
type cluster struct {
	client.Client
	config   *rest.Config
	warnings *warnings
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	log.SetLogger(zap.New(zap.WriteTo(t.Output())))
	env := &envtest.Environment{CRDDirectoryPaths: []string{"crd/bases"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	c := &cluster{config: config, warnings: &warnings{}}
	config.WarningHandlerWithContext = c.warnings
	c.Client = c.as(t, "")
	return c
}

// as is a client of a user; of the administrator, if it has no name.
func (c *cluster) as(t *testing.T, user string) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(c.config)
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	}
	as, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(as, metav1.FieldValidationStrict)
}

// apply applies objects as kubectl does, strictly.
func (c *cluster) apply(t *testing.T, objects []*unstructured.Unstructured, opts ...client.ApplyOption) {
	t.Helper()
	opts = append(opts, client.FieldOwner("kubectl"), client.ForceOwnership)
	for _, object := range objects {
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()), opts...); err != nil {
			t.Errorf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
		if said := c.warnings.take(); len(said) > 0 {
			t.Errorf("apply %s %s: the API server warns: %q", object.GetKind(), object.GetName(), said)
		}
	}
}

func (c *cluster) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited for this in vain: %s: %v", what, last)
	}
}

func installation(t *testing.T, components ...string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := render.Installation(".", components...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(objects, func(object *unstructured.Unstructured) bool {
		return slices.Contains(foreign, object.GroupVersionKind().Group)
	})
}

// find gives the one object of a kind, which has a name unless there is just one.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string, into any) {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && (name == "" || object.GetName() == name) {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
				t.Fatalf("%s %s: %v", kind, object.GetName(), err)
			}
			return
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
}

// TestInstallation applies what config/default installs, then what each component makes of it, and asks of it what a
// platform team asks.
func TestInstallation(t *testing.T) {
	c := newCluster(t)
	objects := installation(t)
	// The webhooks are not there to be called: only the API server's opinion of their configuration is asked.
	webhooks := func(object *unstructured.Unstructured) bool {
		return object.GetKind() == "ValidatingWebhookConfiguration"
	}
	c.apply(t, slices.DeleteFunc(slices.Clone(objects), webhooks))
	c.apply(t, objects, client.DryRunAll)

	for _, components := range [][]string{
		{"certmanager"}, {"prometheus"}, {"network-policy"}, {"autoscaling"}, {"high-priority"},
		{"certmanager", "prometheus", "network-policy", "autoscaling", "high-priority"},
	} {
		t.Run(strings.Join(components, " "), func(t *testing.T) {
			changed := installation(t, components...)
			c.apply(t, changed, client.DryRunAll)
			c.admitPods(t, changed)
		})
	}
	c.admitPods(t, objects)
	t.Run("EffectivePermissions", func(t *testing.T) { testEffectivePermissions(t, c) })
	t.Run("people's rights", func(t *testing.T) { testPeople(t, c) })
}

// admitPods makes a pod as the Deployment does; the namespace admits restricted pods only.
func (c *cluster) admitPods(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	var labels corev1.Namespace
	find(t, objects, "Namespace", namespace, &labels)
	if got := labels.Labels["pod-security.kubernetes.io/enforce"]; got != "restricted" {
		t.Errorf("the namespace enforces %q, want restricted", got)
	}
	deployment := &unstructured.Unstructured{}
	for _, object := range objects {
		if object.GetKind() == "Deployment" {
			deployment = object
		}
	}
	template, found, err := unstructured.NestedMap(deployment.Object, "spec", "template")
	if !found || err != nil {
		t.Fatalf("the Deployment has no template: %v", err)
	}
	pod := &unstructured.Unstructured{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetNamespace(namespace)
	pod.SetGenerateName("remit-")
	if err := c.Create(t.Context(), pod.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("create a pod as the Deployment does: %v", err)
	}
	// The namespace would refuse one with less care.
	container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	delete(container["securityContext"].(map[string]any), "allowPrivilegeEscalation")
	if err := c.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("create a pod that may escalate privileges: got error %v, want it forbidden", err)
	}
}

// testEffectivePermissions: whatever rights somebody has, only the operator writes what is computed.
func testEffectivePermissions(t *testing.T, c *cluster) {
	object := func(name string) *v1alpha1.EffectivePermissions {
		return &v1alpha1.EffectivePermissions{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(name)},
		}
	}
	eventually(t, "the administrator may not make them", func() error {
		if err := c.Create(t.Context(), object("mallory"), client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "written by Remit alone") {
			return fmt.Errorf("got error %w, want one that forbids it and says why", err)
		}
		return nil
	})
	c.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everything"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "mallory"}},
	})
	ann := object("ann")
	if err := c.as(t, operator).Create(t.Context(), ann); err != nil {
		t.Fatalf("create them as the operator: %v", err)
	}
	forged := ann.DeepCopy()
	forged.Status.Superuser = true
	if err := c.as(t, "mallory").Status().Update(t.Context(), forged); !apierrors.IsForbidden(err) {
		t.Errorf("write a status as somebody with every right: got error %v, want it forbidden", err)
	}
	status := ann.DeepCopy()
	status.Status.ObservedRevision = "1"
	patch := client.MergeFrom(ann)
	if err := c.as(t, operator).Status().Patch(t.Context(), status, patch); err != nil {
		t.Errorf("write a status as the operator: %v", err)
	}
	labelled := status.DeepCopy()
	labelled.Labels = map[string]string{"team": "sales"}
	labelled.Spec.User = "bob"
	if err := c.as(t, "mallory").Update(t.Context(), labelled); !apierrors.IsInvalid(err) {
		t.Errorf("change whose they are: got error %v, want it invalid", err)
	}
	labelled.Spec.User = "ann"
	if err := c.as(t, "mallory").Update(t.Context(), labelled); err != nil {
		t.Errorf("label them: %v", err)
	}
	if err := c.as(t, "mallory").Delete(t.Context(), labelled); err != nil {
		t.Errorf("delete them: %v", err)
	}
}

// testPeople: what the roles for people give, and to whom of Kubernetes' own roles they are added.
func testPeople(t *testing.T, c *cluster) {
	read, write := []string{"get", "list", "watch"}, []string{"create", "update", "patch", "delete", "deletecollection"}
	var sources []string
	policy, computed := []string{"permissionpolicies"}, []string{"effectivepermissions"}
	for _, kind := range kinds.Table {
		if kind.Kind != kinds.PermissionPolicy {
			sources = append(sources, kind.Resource)
		}
	}
	all := slices.Concat(sources, policy, computed)
	c.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "binder"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings"}, Verbs: []string{"create"}},
	}})
	for role, tc := range map[string]struct {
		wantWrites  []string
		wantCallers bool
		wantLabels  map[string]string
	}{
		"remit-viewer": {wantLabels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
		"remit-editor": {wantWrites: sources, wantLabels: map[string]string{}},
		"remit-admin": {
			wantWrites: slices.Concat(sources, policy), wantCallers: true, wantLabels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-admin": "true"},
		},
	} {
		t.Run(role, func(t *testing.T) {
			c.create(t, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: role},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: role + "-user"}},
			})
			allowed := func(namespace, resource, verb string) bool {
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: role + "-user",
					ResourceAttributes: &authorizationv1.ResourceAttributes{
						Namespace: namespace, Group: v1alpha1.GroupName, Resource: resource, Verb: verb,
					},
				}}
				c.create(t, review)
				return review.Status.Allowed
			}
			// Kubernetes' admin may write RoleBindings; so may everybody here.
			c.create(t, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: role + "-binds"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "binder"},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: role + "-user"}},
			})
			eventually(t, "the binding works", func() error {
				if !allowed("default", "roles", "get") {
					return fmt.Errorf("%s may not get roles", role)
				}
				return nil
			})
			for _, resource := range all {
				for _, verb := range read {
					if !allowed("default", resource, verb) {
						t.Errorf("may not %s %s", verb, resource)
					}
				}
				for _, verb := range write {
					if got, want := allowed("default", resource, verb), slices.Contains(tc.wantWrites, resource); got != want {
						t.Errorf("may %s %s: %t, want %t", verb, resource, got, want)
					}
				}
			}
			if allowed("kube-system", "roles", "get") {
				t.Error("the rights of one namespace count in another")
			}
			err := c.as(t, role+"-user").Create(t.Context(), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "shop"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "remit-decision-caller"},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "shop"}},
			}, client.DryRunAll)
			if tc.wantCallers != (err == nil) {
				t.Errorf("let an application ask: got error %v, want none: %t", err, tc.wantCallers)
			}
			var object rbacv1.ClusterRole
			if err := c.Get(t.Context(), client.ObjectKey{Name: role}, &object); err != nil {
				t.Fatal(err)
			}
			labels := map[string]string{}
			for key, value := range object.Labels {
				if strings.HasPrefix(key, "rbac.authorization.k8s.io/") {
					labels[key] = value
				}
			}
			if diff := cmp.Diff(tc.wantLabels, labels); diff != "" {
				t.Errorf("labels of aggregation (-want +got):\n%s", diff)
			}
		})
	}
}
