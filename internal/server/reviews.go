package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	utilcache "k8s.io/apimachinery/pkg/util/cache"
)

const (
	// outageTTL is how long what the API server last granted a caller holds while it cannot be asked again.
	outageTTL = time.Hour
	// outageTimeout is how long to wait for it where there is an answer to fall back on.
	outageTimeout = 2 * time.Second
	// mostReviews is how many answers are remembered; maxReview bounds the size of each, in bytes.
	mostReviews = 4096
	maxReview   = 1 << 20
)

// reviews is how TokenReviews and SubjectAccessReviews get to the API server. It remembers the last answer to each
// that granted something, and gives it again while the API server cannot be reached: callers that are known go on
// being answered. While the API server is down nobody can take rights away; where only this replica cannot reach it,
// rights taken away hold here as permissions do, by the last state that was seen, but no longer than outageTTL. What
// was refused is asked for each time, a bounded number of times at once, and a token that says itself when it expires is known until then.
type reviews struct {
	next    http.RoundTripper
	granted *utilcache.LRUExpireCache // by a hash of path and review
	now     func() time.Time
	// tokens and rights bound the questions about strangers: who shows a token that the API server has not accepted, and who
	// asks for a right that it has not granted.
	tokens, rights *gate
}

func newReviews(next http.RoundTripper) *reviews {
	return &reviews{
		next: next, granted: utilcache.NewLRUExpireCache(mostReviews), now: time.Now,
		tokens: newGate(strangersAtOnce, strangersWaiting, strangersWait), rights: newGate(strangersAtOnce, strangersWaiting, strangersWait),
	}
}

// reviewed is what matters of both kinds of reviews.
type reviewed struct {
	Spec struct {
		Token string `json:"token"`
		User  string `json:"user"`
	} `json:"spec"`
	Status struct {
		Authenticated bool `json:"authenticated"`
		Allowed       bool `json:"allowed"`
	} `json:"status"`
}

// RoundTrip sends a review, or gives the answer that there was to the same one.
func (r *reviews) RoundTrip(request *http.Request) (*http.Response, error) {
	question, err := readAll(request.Body)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(append([]byte(request.URL.Path+"\n"), question...))
	before, known := r.granted.Get(key)
	ctx := request.Context()
	if known {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, outageTimeout)
		defer cancel() // the answer is read here
	} else {
		gate, asker := r.gateOf(question)
		if err := gate.enter(ctx, asker); err != nil {
			return nil, err
		}
		defer gate.leave(asker)
	}
	sent := request.Clone(ctx)
	sent.Body = io.NopCloser(bytes.NewReader(question))
	response, err := r.next.RoundTrip(sent)
	var answer []byte
	if err == nil {
		answer, err = readAll(response.Body)
	}
	if err != nil || response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests {
		if granted, ok := before.([]byte); ok && !r.expired(question) && request.Context().Err() == nil {
			return &http.Response{
				Status: "201 Created", StatusCode: http.StatusCreated, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{"Content-Type": {"application/json"}}, Request: request,
				Body: io.NopCloser(bytes.NewReader(granted)), ContentLength: int64(len(granted)),
			}, nil
		}
		if err != nil {
			return nil, err
		}
	} else {
		var said reviewed
		if json.Unmarshal(answer, &said) == nil && response.StatusCode == http.StatusCreated && (said.Status.Authenticated || said.Status.Allowed) {
			r.granted.Add(key, answer, outageTTL)
		} else {
			r.granted.Remove(key)
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	return response, nil
}

// gateOf is the gate that a question about a stranger has to pass, and who asks, if that is known.
func (r *reviews) gateOf(question []byte) (g *gate, asker string) {
	var asked reviewed
	if json.Unmarshal(question, &asked) == nil && asked.Spec.User != "" {
		return r.rights, asked.Spec.User
	}
	return r.tokens, ""
}

// expired says whether a review is of a token that has an end, which has come.
func (r *reviews) expired(question []byte) bool {
	var asked reviewed
	if json.Unmarshal(question, &asked) != nil {
		return true
	}
	parts := strings.Split(asked.Spec.Token, ".")
	if len(parts) != 3 {
		return false // no JSON Web Token
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var token struct {
		Expires float64 `json:"exp"` // seconds since 1970; 0: never
	}
	return json.Unmarshal(claims, &token) == nil && token.Expires > 0 && !r.now().Before(time.Unix(int64(token.Expires), 0))
}

// readAll reads a body to its end, closes it, and fails when it is too long.
func readAll(body io.ReadCloser) ([]byte, error) {
	defer body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(body, maxReview))
	if err == nil && len(text) == maxReview {
		err = io.ErrShortBuffer
	}
	return text, err
}
