package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// TestRun runs the manager as config/default does, with the rights, the webhooks and the flags that it has in a cluster,
// and asks what is asked of it from outside. In the end the API server's audit log tells which rights it used.
func TestRun(t *testing.T) {
	c := newCluster(t)
	t.Run("refusal", func(t *testing.T) { testRefusal(t, c) })
	m := c.start(t)
	nobody := caller{}

	eventually(t, "the manager has made a certificate", func() error {
		if len(c.secret(t).Data["tls.key"]) == 0 {
			return errors.New("the Secret is empty")
		}
		return nil
	})
	// The pod sees it some time later. Until then nobody asks this replica, and nobody kills it.
	status, body := nobody.get(t, "http://"+m.probes+"/readyz?verbose")
	if status != http.StatusInternalServerError || !strings.Contains(body, "[-]webhooks failed") || !strings.Contains(body, "[-]decisions failed") {
		t.Errorf("/readyz without a certificate: status %d: %s, want webhooks and decisions to fail", status, body)
	}
	if status, _ := nobody.get(t, "http://"+m.probes+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz without a certificate: status %d, want 200", status)
	}
	c.mount(t)
	eventually(t, "the manager is ready", func() error {
		status, body := nobody.get(t, "http://"+m.probes+"/readyz")
		return answered(status, body, "ok")
	})

	// Objects of every kind. The API server asks the webhooks about each.
	order := testobjects.MakeResourceType("order").Obj()
	order.Namespace, order.Generation = "default", 0
	eventually(t, "the API server trusts the webhooks", func() error { return c.Create(t.Context(), order.DeepCopy(), client.DryRunAll) })
	user := testobjects.MakeUser("richard").Roles("buyer").Obj()
	c.create(t, order, user,
		testobjects.MakeRole("buyer").Rule(testobjects.Full("order")).Obj(),
		testobjects.MakeGroup("sales").Members("richard", "ann").Obj(),
		testobjects.MakePolicy().Obj(),
		testobjects.MakeRecordSet("orders", "order").Record("o-1", "", nil).Obj(),
		testobjects.MakeUserPermission("elsewhere", "warehouse", "w-1").User("richard").Obj(),
		testobjects.MakeSpecialPermission("freeze", "ann").On("None", "order").Obj(),
		testobjects.MakeUserSet("many", testobjects.MakeUser("leisa")),
		testobjects.MakeUserPermissionSet("many", testobjects.MakeUserPermission("l", "order", "o-1").User("leisa")),
	)
	bad := testobjects.MakeRole("bad").Rule(testobjects.MakeRule("order").Access("Full").Condition("1 +").Obj()).Obj()
	bad.Namespace, bad.Generation = "default", 0
	if err := c.Create(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "spec.rules[0].condition") {
		t.Errorf("create a role with a bad condition: got error %v, want one that names the condition", err)
	}
	eventually(t, "status is written", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(user), user); err != nil || user.Status.EffectivePermissions != "richard" {
			return fmt.Errorf("the user has %+v, error %w", user.Status, err)
		}
		return nil
	})

	// An application knows whom it asks, and says who it is.
	shop := caller{token: c.token(t, "shop", "remit-decision-caller"), authority: c.authority(t)}
	eventually(t, "richard may read orders", func() error { return shop.mayRead(t, m) })
	if status, _ := (caller{authority: shop.authority}).get(t, "https://"+m.decisions+"/domains/default/effective-permissions/richard"); status != http.StatusUnauthorized {
		t.Errorf("effective permissions for nobody in particular: status %d, want 401", status)
	}
	prometheus := caller{token: c.token(t, "prometheus", "remit-metrics-reader")}
	for _, want := range []string{
		"remit_store_ready 1", `remit_domain_objects{domain="default"} 12`, // with the two built-in roles
		`remit_domain_admins{domain="default"} 0`, `remit_unresolved_objects{domain="default",kind="UserPermission"} 1`,
		`remit_decisions_total{decision="allow",domain="default",interface="evaluation",reason="rule"} 1`,
	} {
		eventually(t, "the metrics have "+want, func() error {
			status, body := prometheus.get(t, "https://"+m.metrics+"/metrics")
			return answered(status, body, want+"\n")
		})
	}

	if _, body := prometheus.get(t, "https://"+m.metrics+"/metrics"); !strings.Contains(body, "remit_certificate_expiration_timestamp_seconds{certificate=\"authority\"} ") {
		t.Error("there is no metric of when the authority ends")
	}

	t.Run("forgery", func(t *testing.T) { testForgery(t, c) })
	t.Run("GitOps", func(t *testing.T) { testGitOps(t, c) })
	t.Run("kstatus", func(t *testing.T) { testCurrent(t, c, m, shop) })

	t.Run("rotation", func(t *testing.T) { testRotation(t, c, m, shop) })

	// Somebody goes, and with them what was computed of them; the last admin may not.
	root := testobjects.MakeUser("root").Roles("admin").Obj()
	c.create(t, root)
	eventually(t, "the last admin stays", func() error {
		if err := c.Delete(t.Context(), root, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "admin") {
			return fmt.Errorf("delete it: got error %w, want one that says why not", err)
		}
		return nil
	})
	key := client.ObjectKey{Namespace: "default", Name: "ann"}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"labels": null}}`))
	if err := c.Patch(t.Context(), &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}, patch); err != nil {
		t.Errorf("take the labels from effective permissions: %v", err)
	}
	var effective v1alpha1.EffectivePermissions
	eventually(t, "they have their label again", func() error {
		if err := c.Get(t.Context(), key, &effective); err != nil || len(effective.Labels) == 0 {
			return fmt.Errorf("labels %v, error %w", effective.Labels, err)
		}
		return nil
	})
	ann := testobjects.MakeSpecialPermission("freeze", "ann").Obj()
	ann.Namespace = "default"
	sales := testobjects.MakeGroup("sales").Obj()
	sales.Namespace = "default"
	if err := errors.Join(c.Delete(t.Context(), ann), c.Delete(t.Context(), sales)); err != nil {
		t.Errorf("delete what names ann: %v", err)
	}
	eventually(t, "ann has no effective permissions", func() error {
		if err := c.Get(t.Context(), key, &effective); !apierrors.IsNotFound(err) {
			return fmt.Errorf("there are: %w", err)
		}
		return nil
	})

	m.stop()
	if text, err := os.ReadFile(m.decisionLog); err != nil || !strings.Contains(string(text), `"subject_id":"richard"`) {
		t.Errorf("the decision log has %q, error %v", text, err)
	}
	asked, forbidden := c.requests(t)
	if len(forbidden) > 0 {
		t.Errorf("the manager lacks rights:\n%s", strings.Join(forbidden, "\n"))
	}
	if left := unused(c.rights, asked); len(left) > 0 {
		t.Errorf("the manager has rights that it makes no use of:\n%s", strings.Join(left, "\n"))
	}
}

// testRefusal: a manager that would let everybody ask does not start.
func testRefusal(t *testing.T, c *cluster) {
	cfg, err := parse([]string{"--kubeconfig=" + c.kubeconfig(t), "--decision-authn=none", "--health-probe-bind-address=0", "--webhook-port=0"}, t.Output())
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if err := run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--insecure-decision-bind") {
		t.Errorf("run: got error %v, want one that names --insecure-decision-bind", err)
	}
}

// testForgery: a review that is not the API server's, at the path that the repository shows to everybody and at the one of
// another installation, tells its sender nothing about the domain, and holds up nobody.
func testForgery(t *testing.T, c *cluster) {
	review, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "6e4c7d1e-0000-4000-8000-000000000000", Operation: admissionv1.Create, Name: "ghost", Namespace: "forgery",
			Kind:     metav1.GroupVersionKind(v1alpha1.GroupVersion.WithKind("User")),
			UserInfo: authenticationv1.UserInfo{Username: "mallory", Groups: []string{"system:masters"}},
			Object: runtime.RawExtension{Raw: []byte(`{"apiVersion": "permissions.remit.dev/v1alpha1", "kind": "User",
				"metadata": {"name": "ghost", "namespace": "forgery"}, "spec": {"id": "richard", "superuser": true}}`)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := c.Get(t.Context(), client.ObjectKey{Name: "remit-validating-webhook-configuration"}, &configuration); err != nil {
		t.Fatal(err)
	}
	secret := *configuration.Webhooks[0].ClientConfig.Service.Path
	const guessable = "/validate-permissions-remit-dev-v1alpha1"
	if !strings.HasSuffix(secret, guessable) || len(secret) < len(guessable)+26 {
		t.Errorf("the API server calls the webhook at %q, which can be guessed", secret)
	}
	nobody := caller{}
	for _, at := range []string{guessable, "/" + strings.Repeat("a", 26) + guessable, guessable + "-user", "/"} {
		status, body := nobody.ask(t, http.MethodPost, "https://"+c.webhook+at, string(review))
		if status != http.StatusNotFound || strings.Contains(body, "richard") {
			t.Errorf("a forged review at %s: status %d: %s, want 404 and nothing else", at, status, body)
		}
	}
	c.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "forgery"}})
	for _, name := range []string{"boss", "deputy"} { // whoever gives admin rights waits for others who do
		boss := testobjects.MakeUser(name).Superuser().Obj()
		boss.Namespace = "forgery"
		c.create(t, boss)
	}
}

// caller asks from outside.
type caller struct {
	token     string         // a bearer token; empty: none
	authority *x509.CertPool // of the server's certificate for its Service; nil: it may have any
}

func (c caller) get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return c.ask(t, http.MethodGet, url, "")
}

// ask is a request from outside; status 0 is no answer, and the body then says why.
func (c caller) ask(t *testing.T, method, url, question string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: c.authority, ServerName: "remit-decisions.remit-system.svc", InsecureSkipVerify: c.authority == nil,
	}}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// mayRead asks whether richard may read an order, and is nil if so.
func (c caller) mayRead(t *testing.T, m *replica) error {
	t.Helper()
	const evaluation = `{"subject": {"type": "user", "id": "richard"}, "action": {"name": "read"}, "resource": {"type": "order", "id": "o-1"}}`
	status, body := c.ask(t, http.MethodPost, "https://"+m.decisions+"/domains/default/access/v1/evaluation", evaluation)
	return answered(status, body, `"decision":true`)
}

// answered is nil for an answer that contains a text.
func answered(status int, body, want string) error {
	if status != http.StatusOK || !strings.Contains(body, want) {
		return fmt.Errorf("status %d: %s", status, body)
	}
	return nil
}
