package webhook

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Who may escalate is asked for once in a while, and an API server that gives no answer is a no that does not hold up
// others.
func TestMayEscalate(t *testing.T) {
	var asked atomic.Int32
	var silent atomic.Bool
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if silent.Load() {
			select {
			case <-r.Context().Done():
			case <-gone:
			}
			return
		}
		var review authorizationv1.SubjectAccessReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		of := review.Spec.ResourceAttributes
		review.Status.Allowed = review.Spec.User == "ann" && of.Verb == "escalate" && of.Group == "permissions.remit.dev" && of.Resource == "roles" && of.Namespace == "shop"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(&review) // who asked has gone
	}))
	defer server.Close()
	defer close(gone)
	client, err := authorizationv1client.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	now := clocktesting.NewFakePassiveClock(time.Unix(1000, 0))
	e, err := newEscalation(client, now)
	if err != nil {
		t.Fatal(err)
	}
	by := func(user, namespace string) ctrladmission.Request {
		return ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Namespace: namespace, UserInfo: authenticationv1.UserInfo{Username: user}}}
	}
	check := func(user, namespace string, want bool, requests int32) {
		t.Helper()
		asked.Store(0)
		if got := e.may(t.Context(), by(user, namespace)); got != want {
			t.Errorf("%s in %s: got %t, want %t", user, namespace, got, want)
		}
		if asked.Load() != requests {
			t.Errorf("%s in %s: the API server was asked %d times, want %d", user, namespace, asked.Load(), requests)
		}
	}
	check("ann", "shop", true, 1)
	check("ann", "shop", true, 0)
	check("ann", "clinic", false, 1)
	check("bob", "shop", false, 1)

	silent.Store(true)
	check("cyd", "shop", false, 1)
	check("dan", "shop", false, 0)
	silent.Store(false)
	now.SetTime(now.Now().Add(escalateRest))
	check("dan", "shop", false, 1)
}
