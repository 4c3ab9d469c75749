package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/internal/webhookconfig"
)

// guarded is an API server with the Secret and the configuration of the webhook, and replicas that keep its path.
type guarded struct {
	client.Client
	t        *testing.T
	clock    *clocktesting.FakePassiveClock
	pair     webhookconfig.Pair
	replicas []*keeper
}

// pathServer is a real API server, which stands until all tests have run.
var pathServer envtest.Environment

var pathClient = sync.OnceValues(func() (client.Client, error) {
	config, err := pathServer.Start()
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{})
})

func TestMain(m *testing.M) {
	code := m.Run()
	if pathServer.Config != nil {
		if err := pathServer.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

func newGuarded(t *testing.T, replicas int, webhooks ...admissionregistrationv1.ValidatingWebhook) *guarded {
	t.Helper()
	c, err := pathClient()
	if err != nil {
		t.Fatalf("start an API server: %v", err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "path-"}}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{GenerateName: "remit-"}, Webhooks: webhooks}
	for _, object := range []client.Object{secret, configuration} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	g := &guarded{
		Client: c, t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)),
		pair: PathOptions{Secret: secret.Name, Configuration: configuration.Name}.pair(secret.Namespace),
	}
	for range replicas {
		g.replicas = append(g.replicas, &keeper{Client: c, clock: g.clock, secret: g.pair.Secret})
	}
	return g
}

// reconcile lets a replica take its next step.
func (g *guarded) reconcile(k *keeper) {
	g.t.Helper()
	if _, err := g.pair.Reconciler(k.Client, k.step).Reconcile(g.t.Context(), reconcile.Request{}); err != nil {
		g.t.Fatalf("Reconcile: %v", err)
	}
}

// settle lets all replicas step until none has anything to do now.
func (g *guarded) settle() {
	g.t.Helper()
	for range 3 {
		for _, k := range g.replicas {
			g.reconcile(k)
		}
	}
}

func (g *guarded) secretNow() *corev1.Secret {
	g.t.Helper()
	secret := &corev1.Secret{}
	if err := g.Get(g.t.Context(), g.pair.Secret, secret); err != nil {
		g.t.Fatal(err)
	}
	return secret
}

// urlPath is the path at which the API server calls the webhook.
func (g *guarded) urlPath() string {
	g.t.Helper()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := g.Get(g.t.Context(), client.ObjectKey{Name: g.pair.Configuration}, configuration); err != nil {
		g.t.Fatal(err)
	}
	return ptr.Deref(configuration.Webhooks[0].ClientConfig.Service.Path, "/")
}

// answers reports whether a replica answers at a path.
func (g *guarded) answers(k *keeper, path string) bool {
	g.t.Helper()
	w := httptest.NewRecorder()
	asked := false
	request := httptest.NewRequestWithContext(g.t.Context(), http.MethodPost, path, http.NoBody)
	k.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true })).ServeHTTP(w, request)
	if !asked && w.Code != http.StatusNotFound {
		g.t.Errorf("%s: status %d, want 404", path, w.Code)
	}
	return asked
}

func byService(name string) admissionregistrationv1.ValidatingWebhook {
	return configured(name, admissionregistrationv1.WebhookClientConfig{
		Service: &admissionregistrationv1.ServiceReference{Namespace: "remit-system", Name: "webhook"},
	})
}

// configured is a webhook that the API server takes and never calls.
func configured(name string, by admissionregistrationv1.WebhookClientConfig) admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name: name + ".permissions.remit.dev", ClientConfig: by,
		SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
	}
}

func TestPathOfANewInstallation(t *testing.T) {
	g := newGuarded(t, 2, byService("one"), byService("two"))
	if err := g.replicas[0].check(nil); err == nil {
		t.Error("a replica without a token is ready")
	}
	g.settle()
	if err := g.replicas[0].check(nil); err != nil {
		t.Errorf("a replica with a token is not ready: %v", err)
	}
	at := g.urlPath()
	if len(at) < len(path)+26 {
		t.Fatalf("the API server is told %q, which can be guessed", at)
	}
	for _, k := range g.replicas {
		if !g.answers(k, at) {
			t.Error("a replica does not answer the API server")
		}
		for _, guess := range []string{"/", path, "//" + path, at[:len(at)-len(path)], at + "/", at[1:len(at)-len(path)] + path + path, "/" + path + at} {
			if guess[0] == '/' && guess != at && g.answers(k, guess) {
				t.Errorf("a replica answers at %q", guess)
			}
		}
	}
}

func TestPathOfAURL(t *testing.T) {
	g := newGuarded(t, 1, configured("url", admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:9443/")}))
	g.settle()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := g.Get(t.Context(), client.ObjectKey{Name: g.pair.Configuration}, configuration); err != nil {
		t.Fatal(err)
	}
	want := "https://127.0.0.1:9443/" + string(g.secretNow().Data[currentKey]) + path
	if got := *configuration.Webhooks[0].ClientConfig.URL; got != want {
		t.Errorf("the API server is told %s, want %s", got, want)
	}
}

// TestPathIsReplacedWithoutARefusal: whenever a token is replaced – in time, by hand, or since somebody emptied the Secret –
// every replica answers at the path that the API server has at any moment, and the token before ends.
func TestPathIsReplacedWithoutARefusal(t *testing.T) {
	for name, replace := range map[string]func(g *guarded){
		"by age": func(g *guarded) { g.clock.SetTime(g.clock.Now().Add(tokenLife)) },
		"by hand": func(g *guarded) {
			secret := g.secretNow()
			delete(secret.Data, currentKey)
			if err := g.Update(g.t.Context(), secret); err != nil {
				g.t.Fatal(err)
			}
		},
		"emptied": func(g *guarded) {
			secret := g.secretNow()
			secret.Data, secret.Annotations = nil, nil
			if err := g.Update(g.t.Context(), secret); err != nil {
				g.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, 3, byService("one"))
			g.settle()
			first := g.urlPath()
			replace(g)
			for second := range int((tokenSettle + tokenGrace) / time.Second * 2) {
				// One replica is slow: it steps each fifth second.
				for i, k := range g.replicas {
					if i == 2 && second%5 != 0 {
						continue
					}
					g.reconcile(k)
					at := g.urlPath()
					for n, other := range g.replicas {
						if !g.answers(other, at) {
							t.Fatalf("after %d s replica %d does not answer the API server", second, n)
						}
					}
				}
				g.clock.SetTime(g.clock.Now().Add(time.Second))
			}
			if g.urlPath() == first {
				t.Error("the path is the old one")
			}
			for n, k := range g.replicas {
				if g.answers(k, first) {
					t.Errorf("replica %d still answers at the old path", n)
				}
			}
		})
	}
}

// TestPathSurvivesWhatOthersWrite: a configuration that is applied again without the path, or with one of an older version,
// gets it back at once, and nobody becomes able to choose one.
func TestPathSurvivesWhatOthersWrite(t *testing.T) {
	g := newGuarded(t, 1, byService("one"))
	g.settle()
	want := g.urlPath()
	for _, at := range []*string{nil, ptr.To("/"), ptr.To(path), ptr.To("/guess" + path)} {
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := g.Get(t.Context(), client.ObjectKey{Name: g.pair.Configuration}, configuration); err != nil {
			t.Fatal(err)
		}
		configuration.Webhooks[0].ClientConfig.Service.Path = at
		if err := g.Update(t.Context(), configuration); err != nil {
			t.Fatal(err)
		}
		g.settle()
		if got := g.urlPath(); got != want {
			t.Errorf("after somebody wrote %q the path is %q, want %q", ptr.Deref(at, ""), got, want)
		}
	}
	secret := g.secretNow()
	secret.Data[currentKey] = []byte("guess")
	if err := g.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	g.settle()
	if k := g.replicas[0]; g.answers(k, "/guess"+path) {
		t.Error("a token that can be guessed is one")
	}
	if !g.answers(g.replicas[0], g.urlPath()) {
		t.Error("the replica does not answer the API server")
	}
}

// TestPathWaitsForNobody: without a configuration, or without the Secret, a replica goes on with what it has.
func TestPathWaitsForNobody(t *testing.T) {
	g := newGuarded(t, 1, byService("one"))
	g.settle()
	at := g.urlPath()
	if err := g.Delete(context.Background(), g.secretNow()); err != nil {
		t.Fatal(err)
	}
	g.settle()
	if !g.answers(g.replicas[0], at) {
		t.Error("without the Secret the replica does not answer any more")
	}
	without := newGuarded(t, 1)
	without.settle()
	if len(without.secretNow().Data[currentKey]) == 0 {
		t.Error("without a webhook there is no token")
	}
}
