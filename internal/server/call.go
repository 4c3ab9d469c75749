package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
	"github.com/remit-authz/remit/internal/store"
)

// waitForRevision is how long a request waits for the revision that it wants at least.
const waitForRevision = 2 * time.Second

// atLeastRevision is the option, and the parameter of the query, that asks for a state as new as a revision.
const atLeastRevision = "at_least_revision"

// call is one request while it is answered.
type call struct {
	*http.Request
	server *Server
	route  *route
	w      http.ResponseWriter
	began  time.Time
	// caller is who asks; nil where everybody may.
	caller user.Info
	// domain is the state that the answer comes from; its zero value until find has found it.
	domain store.Snapshot
	// status of the answer; 0 until there is one.
	status int
	// body is the text of the request's body, once it has been read.
	body string
	// work is the share of the replica that answering takes; see run.
	work *work
	// tally has the decisions that the metrics do not have yet.
	tally tally
}

// serve answers the requests to a route.
func (s *Server) serve(rt *route) http.Handler {
	return s.traced(rt, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, server: s, route: rt, w: w, began: s.opts.Clock.Now()}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		s.metrics.inFlight.Inc()
		defer c.end()
		defer c.recover()
		c.run()
	}))
}

// end notes that the call has been answered.
func (c *call) end() {
	m := c.server.metrics
	m.inFlight.Dec()
	c.count()          // those before a panic
	if c.status != 0 { // else the connection was cut off
		m.answered(c.route.name, c.domain.Namespace, c.status, c.server.opts.Clock.Since(c.began))
	}
}

// count counts the decisions that the call has made.
func (c *call) count() {
	c.server.metrics.decided(c.route.name, c.domain.Namespace, c.tally)
	c.tally = nil
}

// decided notes a decision that took from a time until now.
func (c *call) decided(req *engine.Request, decision string, reason engine.Reason, by []engine.Ref, began time.Time) {
	c.tally.add(decision, string(reason))
	traceID := c.traceDecision(decision, string(reason))
	if !c.server.decisionLog.wants(decision) {
		return
	}
	now := c.now()
	line := &decisionLine{
		Time: now.UTC(), RequestID: c.requestID(), TraceID: traceID, Interface: c.route.name, Domain: c.domain.Namespace,
		SubjectType: clip(req.Subject.Type), SubjectID: clip(req.Subject.ID), Action: clip(req.Action.Name),
		ResourceType: clip(req.Resource.Type), ResourceID: clip(req.Resource.ID),
		Decision: decision, Reason: string(reason), Revision: c.domain.Revision, LatencySeconds: now.Sub(began).Seconds(),
	}
	if c.caller != nil {
		line.Caller = c.caller.GetName()
	}
	line.DecidedBy = engine.RefTexts(by)
	c.server.decisionLog.add(line)
}

// decide makes a decision, with the trace if that is wanted, and notes it.
func (c *call) decide(req *engine.Request, now time.Time, explain bool) (decided engine.Decision, trace []engine.TraceStage, err error) {
	var began time.Time
	if c.server.decisionLog != nil { // nobody else wants to know
		began = c.now()
	}
	req.Interrupt = c.work.interrupt
	if explain {
		decided, trace, err = c.domain.Domain.Explain(req, now)
	} else {
		decided, err = c.domain.Domain.Decide(req, now)
	}
	if err != nil {
		return engine.Decision{}, nil, err
	}
	decision := denied
	if decided.Allow {
		decision = allowed
	}
	c.decided(req, decision, decided.Reason, decided.DecidedBy, began)
	return decided, trace, nil
}

// recover turns a panic into an error that tells the caller nothing, and the log everything.
func (c *call) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(cause)
	}
	c.server.metrics.panics.Inc()
	c.writeError(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
}

func (c *call) run() {
	if id := c.requestID(); id != "" {
		c.w.Header().Set(requestIDHeader, id)
	}
	if c.server.opts.LoopbackHosts && !isLoopbackHost(c.Host) {
		c.writeError(statusErrorf(http.StatusMisdirectedRequest, "Host: must be this machine's, such as localhost, not %.100q", c.Host))
		return
	}
	body, err := c.answer()
	c.count()
	if err != nil {
		c.writeError(err)
		return
	}
	if c.domain.Revision != "" {
		c.w.Header().Set(revisionHeader, c.domain.Revision)
	}
	c.writeJSON(body)
}

// answer gives the body of the answer, once it is known that the caller may have it.
func (c *call) answer() (any, error) {
	if err := c.checkMethod(); err != nil {
		return nil, err
	}
	if c.route.open || c.route.public && c.server.opts.PublicMetadata {
		return c.route.answer(c)
	}
	if err := c.letIn(); err != nil {
		return nil, err
	}
	if c.route.method == http.MethodPost {
		var err error
		if c.body, err = c.readBody(); err != nil {
			return nil, err
		}
	}
	// Whoever is slow to say who it is and what it asks has taken nothing from others until here.
	ctx, cancel := context.WithTimeout(c.Context(), answerTimeout)
	defer cancel()
	c.Request = c.WithContext(ctx)
	work, err := c.server.load.begin(ctx, c.callerName(), c.domainName())
	if err != nil {
		return nil, err
	}
	c.work = work
	defer work.end()
	return c.route.answer(c)
}

// callerName is the name of who asks; empty if everybody may.
func (c *call) callerName() string {
	if c.caller == nil {
		return ""
	}
	return c.caller.GetName()
}

// domainName is the namespace of the domain that the route is about; empty if it finds out by itself.
func (c *call) domainName() string {
	namespace, _ := c.namespace()
	return namespace
}

// namespace is the domain that the route is about; false for a route that is about none, or finds out by itself.
func (c *call) namespace() (string, bool) {
	if !c.route.ofDomain() {
		return "", false
	}
	if namespace := c.PathValue("domain"); namespace != "" {
		return namespace, true
	}
	return c.server.opts.DefaultDomain, true
}

// checkMethod refuses other methods than the one a route has, except HEAD where that is GET.
func (c *call) checkMethod() error {
	want, allow := c.route.method, c.route.method
	if want == http.MethodGet {
		allow += ", " + http.MethodHead
	}
	if want == "" || c.Method == want || c.Method == http.MethodHead && want == http.MethodGet {
		return nil
	}
	c.w.Header().Set("Allow", allow)
	return statusErrorf(http.StatusMethodNotAllowed, "%s is not possible here, only %s", c.Method, allow)
}

// letIn finds out who asks, and refuses who may not ask about the route's domain, if it has one.
func (c *call) letIn() error {
	if c.server.callers == nil {
		return nil
	}
	var err error
	if namespace, ok := c.namespace(); ok {
		c.caller, err = c.server.callers.admit(c.Request, namespace, c.route.right)
	} else {
		c.caller, err = c.server.callers.authenticate(c.Request)
	}
	return err
}

// authorize returns nil for a caller who may ask the domain of a namespace, and the error to answer for all others.
func (c *call) authorize(namespace string, right subresource) error {
	if c.server.callers == nil {
		return nil
	}
	return c.server.callers.authorize(c.Context(), c.caller, namespace, right)
}

// state finds the state of the route's domain from which to answer. It is at least as new as a revision that the body
// asks for, if it does.
func (c *call) state(revision string) error {
	namespace, _ := c.namespace()
	found, err := c.find(namespace, revision)
	if err == nil && !found {
		err = statusErrorf(http.StatusNotFound, "the domain %q does not exist", namespace)
	}
	return err
}

// stateFor finds the state that a body's options ask for, unless there is something wrong with what was read of them.
func (c *call) stateFor(options wire.Object) error {
	revision := options.String(atLeastRevision)
	if err := options.Err(); err != nil {
		return err
	}
	return c.state(revision)
}

// find finds the state of a domain from which to answer; false where there is no such domain. It is at least as new
// as the revisions that the body's options and the query's at_least_revision ask for, where they do.
func (c *call) find(namespace, revision string) (found bool, err error) {
	if err := c.wait(namespace, revision, "options."+atLeastRevision); err != nil {
		return false, err
	}
	if c.URL.RawQuery != "" {
		if err := c.wait(namespace, c.URL.Query().Get(atLeastRevision), atLeastRevision); err != nil {
			return false, err
		}
	}
	if c.domain, found = c.server.domains.Domain(namespace); !found && c.server.domains.LastContact().IsZero() {
		return false, statusErrorf(http.StatusServiceUnavailable, "this replica does not know the domains yet")
	}
	return found, nil
}

// wait waits until a domain is at least as new as a revision, if that is not empty.
func (c *call) wait(namespace, revision, field string) error {
	if revision == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Context(), waitForRevision)
	defer cancel()
	err := c.server.domains.WaitFor(ctx, namespace, revision)
	switch {
	case errors.Is(err, store.ErrRevision):
		return malformed(field, "is no revision that this server gave")
	case err != nil:
		return statusErrorf(http.StatusServiceUnavailable, "this replica is not as new as that revision yet")
	}
	return nil
}

// now is the time of the call's decisions.
func (c *call) now() time.Time { return c.server.opts.Clock.Now() }
