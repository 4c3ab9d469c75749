package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	utilcache "k8s.io/apimachinery/pkg/util/cache"
	testingclock "k8s.io/utils/clock/testing"
)

// reviewer answers in the place of an API server.
type reviewer struct {
	status int
	body   string
	err    error
	asked  int
}

// RoundTrip answers.
func (r *reviewer) RoundTrip(request *http.Request) (*http.Response, error) {
	r.asked++
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	recorder := httptest.NewRecorder()
	recorder.Code = r.status
	recorder.Body.WriteString(r.body)
	return recorder.Result(), nil
}

const (
	tokenReviews  = "/apis/authentication.k8s.io/v1/tokenreviews"
	accessReviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
)

func TestReviewsAreRememberedForOutages(t *testing.T) {
	clock := testingclock.NewFakeClock(now)
	api := &reviewer{}
	r := newReviews(api)
	r.granted, r.now = utilcache.NewLRUExpireCacheWithClock(mostReviews, clock), clock.Now
	// send gives the status and body of the answer, or the error.
	send := func(path, question string) string {
		t.Helper()
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(question))
		response, err := r.RoundTrip(request)
		if err != nil {
			return err.Error()
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", response.StatusCode, body)
	}
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, now.Add(30*time.Minute).Unix()))
	var (
		token   = `{"spec":{"token":"opaque"}}`
		expires = `{"spec":{"token":"e30.` + claims + `.signature"}}`
		access  = `{"spec":{"user":"ann","resourceAttributes":{"verb":"create"}}}`
		yes     = `{"status":{"authenticated":true,"user":{"username":"ann"}}}`
		granted = `{"status":{"allowed":true}}`
		no      = `{"status":{"authenticated":false}}`
	)
	answers := func(status int, body string) { api.status, api.body, api.err = status, body, nil }
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}

	answers(http.StatusCreated, yes)
	want("a token", send(tokenReviews, token), "201 "+yes)
	want("a token that expires", send(tokenReviews, expires), "201 "+yes)
	answers(http.StatusCreated, granted)
	want("a right", send(accessReviews, access), "201 "+granted)
	answers(http.StatusCreated, no)
	want("a token that is not good", send(tokenReviews, `{"spec":{"token":"bad"}}`), "201 "+no)

	for name, away := range map[string]func(){
		"an API server that is away":         func() { api.err = errors.New("connection refused") },
		"an API server that has no etcd":     func() { answers(http.StatusInternalServerError, "etcd is away") },
		"an API server that turns many away": func() { answers(http.StatusTooManyRequests, "later") },
	} {
		away()
		api.asked = 0
		want(name+": a token", send(tokenReviews, token), "201 "+yes)
		want(name+": a right", send(accessReviews, access), "201 "+granted)
		for _, unknown := range []string{`{"spec":{"token":"bad"}}`, `{"spec":{"token":"other"}}`, access} {
			if got := send(tokenReviews, unknown); strings.HasPrefix(got, "201") {
				t.Errorf("%s: %s is answered with %s", name, unknown, got)
			}
		}
		if api.asked != 5 {
			t.Errorf("%s is asked %d times, want each time", name, api.asked)
		}
	}
	api.err = errors.New("connection refused")
	clock.Step(30 * time.Minute)
	want("a token that has expired", send(tokenReviews, expires), "connection refused")
	want("a token that has not", send(tokenReviews, token), "201 "+yes)
	clock.Step(31 * time.Minute)
	want("a token after a long time", send(tokenReviews, token), "connection refused")

	answers(http.StatusCreated, granted)
	want("a right, again", send(accessReviews, access), "201 "+granted)
	answers(http.StatusForbidden, "no reviews for you")
	want("a right that cannot be asked for", send(accessReviews, access), "403 no reviews for you")
	answers(http.StatusServiceUnavailable, "away")
	want("a right that was not confirmed", send(accessReviews, access), "503 away")
}
