package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
)

func TestGate(t *testing.T) {
	g := newGate(1, 1, time.Hour)
	if err := g.enter(t.Context(), ""); err != nil {
		t.Fatalf("the first: %v", err)
	}
	waits := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { waits <- g.enter(ctx, "") }()
	eventually(t, "the second waits", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.all == 2
	})
	if err := g.enter(t.Context(), ""); !errors.Is(err, errBusy) {
		t.Errorf("the third: %v, want it turned away", err)
	}
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("the second, whose caller has gone: %v", err)
	}
	g.leave("")
	if err := g.enter(t.Context(), ""); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	g.leave("")
	if g.all != 0 || len(g.askers) != 0 {
		t.Errorf("in the end it counts %d questions, of %v", g.all, g.askers)
	}

	impatient := newGate(1, 1, time.Nanosecond)
	if err := impatient.enter(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := impatient.enter(t.Context(), ""); !errors.Is(err, errBusy) {
		t.Errorf("who waits longer than it should: %v, want it turned away", err)
	}

	shared := newGate(4, 0, time.Hour)
	for range 2 {
		if err := shared.enter(t.Context(), "mallory"); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.enter(t.Context(), "mallory"); !errors.Is(err, errBusy) {
		t.Errorf("more than half for one: %v, want it turned away", err)
	}
	if err := shared.enter(t.Context(), "ann"); err != nil {
		t.Errorf("another one beside: %v", err)
	}
}

// apiServer accepts the token "good", and gives its user rights in the namespace shop. It holds back what it is asked about
// others while hold is set.
type apiServer struct {
	*httptest.Server
	hold chan struct{}

	mu         sync.Mutex
	held, most int
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	api := &apiServer{hold: make(chan struct{})}
	api.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		var stranger bool
		if strings.HasSuffix(r.URL.Path, "tokenreviews") {
			review := &authenticationv1.TokenReview{}
			stranger = json.NewDecoder(r.Body).Decode(review) != nil || review.Spec.Token != "good" && review.Spec.Token != "nosy"
			if !stranger {
				review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: review.Spec.Token}}
			}
			answer = review
		} else {
			review := &authorizationv1.SubjectAccessReview{}
			stranger = json.NewDecoder(r.Body).Decode(review) != nil || review.Spec.User != "good"
			review.Status.Allowed = !stranger
			answer = review
		}
		if stranger {
			api.mu.Lock()
			api.held++
			api.most = max(api.most, api.held)
			api.mu.Unlock()
			<-api.hold
			api.mu.Lock()
			api.held--
			api.mu.Unlock()
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(answer) // who asked may have gone
	}))
	t.Cleanup(api.Close)
	return api
}

// TestStrangersTakeNothingFromCallers: however many unknown tokens there are, or domains that a caller may not ask, the API
// server is asked about few at a time, most are turned away, no place of those who are answered is taken, and a caller that
// is known is answered.
func TestStrangersTakeNothingFromCallers(t *testing.T) {
	for name, ask := range map[string]func(i int) (token, domain string){
		"unknown tokens": func(i int) (string, string) { return fmt.Sprintf("garbage-%d", i), "shop" },
		"a caller who asks every domain": func(i int) (string, string) {
			return "nosy", fmt.Sprintf("domain-%d", i)
		},
	} {
		t.Run(name, func(t *testing.T) {
			api := newAPIServer(t)
			release := sync.OnceFunc(func() { close(api.hold) })
			t.Cleanup(release) // before the server is closed
			s, err := New(fixed{"shop": shop()}, Options{
				Authn: AuthnKubernetes, Kubernetes: &rest.Config{Host: api.URL}, MaxConcurrent: 4, Clock: testingclock.NewFakePassiveClock(now),
			})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			evaluate := func(token, domain string) *httptest.ResponseRecorder {
				return askAs(s, token, request(http.MethodPost, "/domains/"+domain+"/access/v1/evaluation", goodEvaluation))
			}
			if got := evaluate("good", "shop"); got.Code != http.StatusOK {
				t.Fatalf("a caller: status %d: %s", got.Code, got.Body)
			}
			const flood = strangersAtOnce + strangersWaiting + 50
			var turnedAway atomic.Int64
			var asking sync.WaitGroup
			for i := range flood {
				asking.Go(func() {
					token, domain := ask(i)
					got := evaluate(token, domain)
					switch got.Code {
					case http.StatusTooManyRequests:
						turnedAway.Add(1)
						if !strings.Contains(got.Body.String(), errBusy.Error()) || got.Header().Get("Retry-After") == "" {
							t.Errorf("turned away with Retry-After %q: %s", got.Header().Get("Retry-After"), got.Body)
						}
					case http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable:
					default:
						t.Errorf("a stranger: status %d: %s", got.Code, got.Body)
					}
				})
			}
			eventually(t, "strangers are turned away", func() bool { return turnedAway.Load() >= 50 })
			if got := evaluate("good", "shop"); got.Code != http.StatusOK {
				t.Errorf("a caller that is known, meanwhile: status %d: %s", got.Code, got.Body)
			}
			if s.load.all != 0 {
				t.Errorf("%d places are taken", s.load.all)
			}
			release()
			asking.Wait()
			if api.most > strangersAtOnce {
				t.Errorf("the API server was asked about %d at a time, want at most %d", api.most, strangersAtOnce)
			}
		})
	}
}

// TestKnownQuestionsPassTheGate: what the API server has granted before is asked again without waiting for strangers.
func TestKnownQuestionsPassTheGate(t *testing.T) {
	api := &reviewer{status: http.StatusCreated, body: `{"status":{"authenticated":true}}`}
	r := newReviews(api)
	r.tokens = newGate(1, 0, time.Hour)
	send := func(token string) error {
		response, err := r.RoundTrip(httptest.NewRequest(http.MethodPost, tokenReviews, strings.NewReader(`{"spec":{"token":"`+token+`"}}`)))
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	if err := send("known"); err != nil {
		t.Fatal(err)
	}
	if err := r.tokens.enter(t.Context(), ""); err != nil { // a stranger
		t.Fatal(err)
	}
	if err := send("known"); err != nil {
		t.Errorf("a token that is known: %v", err)
	}
	if err := send("unknown"); !errors.Is(err, errBusy) {
		t.Errorf("a token that is not: %v, want it turned away", err)
	}
	r.tokens.leave("")
	if err := send("unknown"); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}
