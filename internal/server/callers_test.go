package server

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TestCallers asks as service accounts of a real API server, which is stopped at the end.
func TestCallers(t *testing.T) {
	environment := &envtest.Environment{}
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("start the API server (KUBEBUILDER_ASSETS must name the folder with its binaries): %v", err)
	}
	running := true
	stop := func() {
		if running {
			running = false
			if err := environment.Stop(); err != nil {
				t.Errorf("stop the API server: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	cluster := kubernetes.NewForConfigOrDie(config)
	for _, namespace := range []string{"shop", "other"} {
		mustCreate(t, cluster.CoreV1().Namespaces().Create, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	// The application may ask the shop, but for searches.
	mustCreate(t, cluster.CoreV1().ServiceAccounts("other").Create, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "app"}})
	mustCreate(t, cluster.RbacV1().Roles("shop").Create, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "caller"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"decisions", "decisions/effectivepermissions"}, Verbs: []string{"create"},
		}},
	})
	mustCreate(t, cluster.RbacV1().RoleBindings("shop").Create, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "other", Name: "app"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "caller"},
	})
	eventually(t, "the API server knows the application's rights", func() bool {
		review, err := cluster.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:other:app",
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: "shop", Verb: "create", Group: v1alpha1.GroupName, Resource: "decisions",
				},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatalf("review: %v", err)
		}
		return review.Status.Allowed
	})
	token := tokenFor(t, cluster)
	s := newServerWithCallers(t, config)

	evaluation := func(s *Server, domain, token string) *httptest.ResponseRecorder {
		return askAs(s, token, request(http.MethodPost, "/domains/"+domain+"/access/v1/evaluation", goodEvaluation))
	}
	mustRefuse := func(t *testing.T, got *httptest.ResponseRecorder, status int, message string) {
		t.Helper()
		mustAnswer(t, got, status, errorBody(message))
		if challenge := got.Header().Get("WWW-Authenticate"); (challenge != "") != (status == http.StatusUnauthorized) {
			t.Errorf("status %d with WWW-Authenticate %q", status, challenge)
		}
	}
	const unknown = "a bearer token that the API server accepts is required"

	t.Run("no token", func(t *testing.T) { mustRefuse(t, evaluation(s, "shop", ""), http.StatusUnauthorized, unknown) })
	t.Run("no good token", func(t *testing.T) { mustRefuse(t, evaluation(s, "shop", "x"+token), http.StatusUnauthorized, unknown) })
	t.Run("a token where only a websocket would have it", func(t *testing.T) {
		for _, shown := range []string{"", "Basic eA=="} {
			r := request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation)
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io."+
				base64.RawURLEncoding.EncodeToString([]byte(token))+", another")
			if shown != "" {
				r.Header.Set("Authorization", shown)
			}
			mustRefuse(t, serve(s, r), http.StatusUnauthorized, unknown)
			mustRefuse(t, evaluation(s, "shop", ""), http.StatusUnauthorized, unknown)
		}
	})
	t.Run("a domain that the caller may ask", func(t *testing.T) {
		if got := evaluation(s, "shop", token); got.Code != http.StatusOK {
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
		if got := askAs(s, token, httptest.NewRequest(http.MethodGet, "/domains/shop/effective-permissions/ann", nil)); got.Code != http.StatusOK {
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
		if got := askAs(s, token, httptest.NewRequest(http.MethodGet, "/.well-known/authzen-configuration/domains/shop", nil)); got.Code != http.StatusOK {
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
	})
	t.Run("a domain that the caller may not ask, whether it exists or not", func(t *testing.T) {
		for _, domain := range []string{"other", "nowhere"} {
			mustRefuse(t, evaluation(s, domain, token), http.StatusForbidden,
				`"system:serviceaccount:other:app" may not create decisions.permissions.remit.dev in the namespace "`+domain+`"`)
		}
	})
	t.Run("a subresource that the caller may not use", func(t *testing.T) {
		got := askAs(s, token, request(http.MethodPost, "/domains/shop/access/v1/search/subject", goodEvaluation))
		mustRefuse(t, got, http.StatusForbidden,
			`"system:serviceaccount:other:app" may not create decisions/search.permissions.remit.dev in the namespace "shop"`)
	})
	t.Run("the domain of a review's namespace", func(t *testing.T) {
		for namespace, want := range map[string]int{"shop": http.StatusOK, "other": http.StatusForbidden, "nowhere": http.StatusForbidden} {
			body := review(`{"user": "ann", "resourceAttributes": {"verb": "read", "resource": "order", "namespace": "` + namespace + `"}}`)
			if got := askAs(s, token, request(http.MethodPost, "/subjectaccessreview", body)); got.Code != want {
				t.Errorf("%s: status %d, want %d: %s", namespace, got.Code, want, got.Body)
			}
		}
	})
	t.Run("a token for an audience", func(t *testing.T) {
		particular := newServerWithCallers(t, config, "remit")
		mustRefuse(t, evaluation(particular, "shop", token), http.StatusUnauthorized, unknown)
		if got := evaluation(particular, "shop", tokenFor(t, cluster, "remit")); got.Code != http.StatusOK {
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
		mustRefuse(t, evaluation(s, "shop", tokenFor(t, cluster, "remit")), http.StatusUnauthorized, unknown)
	})
	t.Run("the API server is away", func(t *testing.T) {
		another := tokenFor(t, cluster)
		stop()
		if got := evaluation(s, "shop", token); got.Code != http.StatusOK {
			t.Errorf("a caller whom it knows: status %d: %s", got.Code, got.Body)
		}
		mustRefuse(t, evaluation(s, "shop", another), http.StatusServiceUnavailable, "the API server cannot say who you are")
		mustRefuse(t, evaluation(s, "elsewhere", token), http.StatusServiceUnavailable, "the API server cannot say whether you may ask")
	})
}

func newServerWithCallers(t *testing.T, config *rest.Config, audiences ...string) *Server {
	t.Helper()
	s, err := New(fixed{"shop": shop(), "other": shop()}, Options{
		Authn: AuthnKubernetes, Kubernetes: config, Audiences: audiences, Clock: testingclock.NewFakePassiveClock(now),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func askAs(s *Server, token string, r *http.Request) *httptest.ResponseRecorder {
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return serve(s, r)
}

// tokenFor is a new token of the application.
func tokenFor(t *testing.T, cluster kubernetes.Interface, audiences ...string) string {
	t.Helper()
	made, err := cluster.CoreV1().ServiceAccounts("other").CreateToken(t.Context(), "app",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("make a token: %v", err)
	}
	return made.Status.Token
}

func mustCreate[T any](t *testing.T, create func(context.Context, *T, metav1.CreateOptions) (*T, error), object *T) {
	t.Helper()
	if _, err := create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatalf("create %T: %v", object, err)
	}
}
