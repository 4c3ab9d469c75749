package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	utilcache "k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	testingclock "k8s.io/utils/clock/testing"
)

// TestAdmitRemembersWhoWasLetIn counts how often callers are really asked about.
func TestAdmitRemembersWhoWasLetIn(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	authenticated, authorized := 0, 0
	c := &callers{
		authenticator: authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
			authenticated++
			if r.Header.Get("Authorization") == "Bearer forged" {
				return nil, false, errors.New("invalid token")
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: r.Header.Get("Authorization")}}, true, nil
		}),
		authorizer: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			authorized++
			if a.GetNamespace() == "shop" && a.GetSubresource() == "" {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", nil
		}),
		admitted: utilcache.NewLRUExpireCacheWithClock(mostAdmitted, clock),
	}
	for i, step := range []struct {
		token, namespace string
		right            subresource
		wait             time.Duration
		want             bool
		// asked says that this one cannot be remembered.
		asked bool
	}{
		{token: "Bearer a", namespace: "shop", want: true, asked: true},
		{token: "Bearer a", namespace: "shop", want: true},
		{token: "Bearer b", namespace: "shop", want: true, asked: true},
		{token: "Bearer a", namespace: "bank", asked: true},
		{token: "Bearer a", namespace: "bank", asked: true},
		{token: "Bearer a", namespace: "shop", right: decisionSearches, asked: true},
		{token: "Bearer forged", namespace: "shop", asked: true},
		{token: "Bearer forged", namespace: "shop", asked: true},
		{token: "Bearer a", namespace: "shop", want: true},
		{token: "Bearer a", namespace: "shop", wait: admittedTTL + time.Second, want: true, asked: true},
	} {
		clock.Step(step.wait)
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", step.token)
		before := authenticated + authorized
		caller, err := c.admit(r, step.namespace, step.right)
		if (err == nil) != step.want || step.want && caller.GetName() != step.token {
			t.Errorf("step %d: admit = %v, %v, want it let in: %t", i, caller, err, step.want)
		}
		if asked := authenticated+authorized > before; asked != step.asked {
			t.Errorf("step %d: asked: %t, want %t", i, asked, step.asked)
		}
	}
}
