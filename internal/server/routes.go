package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/remit-authz/remit/internal/store"
)

// revisionHeader carries the revision of the state that an answer comes from.
const revisionHeader = "Remit-Revision"

// requestIDHeader is chosen by the caller, to find a request again in the logs of both sides.
const requestIDHeader = "X-Request-ID"

// maxRequestID is the length, in bytes, of the longest request id that is echoed.
const maxRequestID = 256

// answer gives the body of the answer to a request, from one state of the domain that was asked.
type answer func(r *http.Request, domain store.Snapshot) (any, error)

// routes are all interfaces: those of each domain below its path, and those of the default domain at the root.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	bases := []string{"/domains/{domain}"}
	if s.opts.DefaultDomain != "" {
		bases = append(bases, "")
	}
	for _, base := range bases {
		mux.Handle(base+evaluationPath, s.ask(http.MethodPost, decisions, s.evaluation))
		mux.Handle(base+evaluationsPath, s.ask(http.MethodPost, decisions, s.evaluations))
		for _, search := range searches {
			mux.Handle(base+search.path, s.ask(http.MethodPost, decisionSearches, s.search(search)))
		}
		mux.Handle(metadataPath+base, s.ask(http.MethodGet, decisions, s.metadata))
		mux.Handle(base+"/effective-permissions/{user}", s.ask(http.MethodGet, decisionEffectivePermissions, s.effectivePermissions))
	}
	mux.Handle("/domains/{domain}/subjectaccessreview", s.ask(http.MethodPost, decisions, s.subjectAccessReview))
	mux.Handle("/subjectaccessreview", method(http.MethodPost, http.HandlerFunc(s.subjectAccessReviewByNamespace)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, r, statusErrorf(http.StatusNotFound, "there is nothing at %s", r.URL.Path))
	})
	return mux
}

// ask lets callers who have the right ask the domain that the path names, or else the default one.
func (s *Server) ask(verb string, right subresource, answer answer) http.Handler {
	return method(verb, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace := r.PathValue("domain")
		if namespace == "" {
			namespace = s.opts.DefaultDomain
		}
		s.answer(w, r, namespace, right, answer)
	}))
}

// answer answers one request to the domain of a namespace. Whether that exists is told only to who may ask it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, namespace string, right subresource, answer answer) {
	if err := s.authorize(r, namespace, right); err != nil {
		s.writeError(w, r, err)
		return
	}
	domain, ok := s.domains.Domain(namespace)
	if !ok {
		s.writeError(w, r, statusErrorf(http.StatusNotFound, "the domain %q does not exist", namespace))
		return
	}
	s.respond(w, r, domain, answer)
}

// respond answers from a state of a domain that the caller may ask.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, domain store.Snapshot, answer answer) {
	body, err := answer(r, domain)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	w.Header().Set(revisionHeader, domain.Revision)
	s.writeJSON(w, r, http.StatusOK, body)
}

// method refuses other methods than the one a path has, except HEAD where that is GET.
func method(verb string, next http.Handler) http.Handler {
	allow := verb
	if verb == http.MethodGet {
		allow += ", " + http.MethodHead
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == verb || r.Method == http.MethodHead && verb == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		writeErrorBody(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not possible here, only %s", r.Method, allow))
	})
}

// identified echoes the request id. One that is too long, or has other than printable ASCII characters, is left out.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(requestIDHeader); isRequestID(id) {
			w.Header().Set(requestIDHeader, id)
		}
		next.ServeHTTP(w, r)
	})
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// recovered turns a panic into an error that tells the caller nothing, and the log everything.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
				panic(cause)
			}
			s.writeError(w, r, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}()
		next.ServeHTTP(w, r)
	})
}

// writeError answers with an error, and logs what is the server's fault.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, message := classify(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="remit"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusInternalServerError:
		s.opts.Log.Error(err, "Cannot answer", "method", r.Method, "path", r.URL.Path, "requestID", w.Header().Get(requestIDHeader))
	}
	writeErrorBody(w, status, message)
}

func writeErrorBody(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(map[string]string{"error": message})
	if err != nil {
		body = []byte(`{"error":"internal error"}`) // strings always marshal
	}
	writeBody(w, status, body)
}

// writeJSON answers with a value. Nothing is sent before all of it is known to be JSON.
func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // it is no web page
	if err := encoder.Encode(value); err != nil {
		s.writeError(w, r, fmt.Errorf("encode the answer: %w", err))
		return
	}
	writeBody(w, status, body.Bytes())
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // the next answer may be another
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone cannot be told
}
