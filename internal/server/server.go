// Package server is the decision server: it answers over HTTP what permission domains allow, by the rules of
// package engine. Every interface has a file of its own: the AuthZEN 1.0 evaluations, searches and metadata,
// the effective permissions of a user, and the webhook authorizer of Kubernetes.
//
// A request takes one snapshot of its domain and answers from it alone. A deny is an answer (200); an error
// is never an answer, and an answer that fails is never an allow.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/store"
)

// DefaultBindAddress is where the server listens unless Options say otherwise.
const DefaultBindAddress = ":8443"

// Limits of connections. They are generous to slow networks, and keep a caller from holding a connection
// without using it.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	// answerTimeout is how long an answer may take. It is less than writeTimeout, so that the caller is told.
	answerTimeout  = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// maxStreams is how many requests one HTTP/2 connection may have open.
	maxStreams = 128
	// pingAfter is how long an HTTP/2 connection may be silent before it has to show that it is alive.
	pingAfter = 30 * time.Second

	// shutdownTimeout is how long requests may still run once the server is asked to stop.
	shutdownTimeout = 20 * time.Second
)

// DefaultMaxConcurrent is how many requests are answered at the same time unless Options say otherwise. It is many
// more than there are processors, since some wait for their caller's body, the API server, or a revision.
const DefaultMaxConcurrent = 512

// Authn says how callers are known.
type Authn string

// The ways to know callers.
const (
	// AuthnKubernetes asks the API server who a bearer token belongs to, and whether they may ask.
	AuthnKubernetes Authn = "kubernetes"
	// AuthnNone lets everybody ask who can connect.
	AuthnNone Authn = "none"
)

// Domains are the domains that the server answers for.
type Domains interface {
	// Domain gives the current state of a namespace's domain; false when the namespace has none.
	Domain(namespace string) (store.Snapshot, bool)
	// WaitFor returns nil as soon as a domain is at least as new as a revision. It returns the context's error when
	// that does not come in time, and store.ErrRevision for what is no revision.
	WaitFor(ctx context.Context, namespace, revision string) error
	// LastContact is when the domains were last known to be up to date; the zero time before they are known at all.
	LastContact() time.Time
}

// Options configure a server.
type Options struct {
	// BindAddress is host:port. Empty: DefaultBindAddress.
	BindAddress string
	// Listener takes the place of BindAddress.
	Listener net.Listener
	// CertDir holds tls.crt and tls.key, which are read again when they change. Empty: a certificate that the
	// server makes for itself, for this host only.
	CertDir string
	// PlainHTTP turns TLS off.
	PlainHTTP bool
	// Authn is required.
	Authn Authn
	// AllowInsecureBind allows AuthnNone at addresses that other machines can reach.
	AllowInsecureBind bool
	// Kubernetes is how to reach the API server. AuthnKubernetes requires it.
	Kubernetes *rest.Config
	// Audiences that a bearer token must be meant for one of. Empty: the API server's own.
	Audiences []string
	// LoopbackHosts refuses requests that name another host than this machine, as the page of a stranger does whose name
	// has come to mean this address (DNS rebinding).
	LoopbackHosts bool
	// DefaultDomain is the namespace of the domain that is served at the root, besides its own path. Empty: none.
	DefaultDomain string
	// URL is the address that the metadata name, such as https://decisions.example: what callers reach the server by, behind a
	// proxy or a gateway. It has no path, query or fragment. Empty: the host that a caller asks.
	URL string
	// PublicMetadata lets everybody ask for the metadata, as clients do that discover before they have a token. The answers
	// then say nothing but where interfaces would be: the same for domains that do not exist.
	PublicMetadata bool
	// MaxConcurrent is how many requests are answered at the same time; more get status 429. 0: DefaultMaxConcurrent.
	MaxConcurrent int
	// DecisionLog writes decisions down.
	DecisionLog DecisionLog
	// Registerer gets the server's metrics. Empty: nobody does.
	Registerer prometheus.Registerer
	// TracerProvider gets a span for each request; NewTracerProvider makes one. Empty: there are no traces.
	TracerProvider trace.TracerProvider
	// Clock gives the time of decisions. Empty: the real one.
	Clock clock.PassiveClock
	// Log gets what an operator should know, never what is asked or answered.
	Log logr.Logger
}

// Server answers decisions. It is a Runnable of controller-runtime's manager.
type Server struct {
	domains     Domains
	opts        Options
	callers     *callers // nil: everybody may ask
	metrics     *metrics
	decisionLog *decisionLog // nil: none
	load        *load
	document    schema // what /openapi.json answers
	handler     http.Handler
	addr        atomic.Pointer[net.Addr]
	certificate atomic.Pointer[certificates]
}

// New prepares a server. It fails when the options contradict each other, or would let other machines ask
// without saying who they are.
func New(domains Domains, opts Options) (*Server, error) {
	if opts.BindAddress == "" {
		opts.BindAddress = DefaultBindAddress
	}
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	if opts.MaxConcurrent == 0 {
		opts.MaxConcurrent = DefaultMaxConcurrent
	}
	if opts.MaxConcurrent < 0 {
		return nil, fmt.Errorf("MaxConcurrent must not be negative, got %d", opts.MaxConcurrent)
	}
	if err := checkURL(opts.URL); err != nil {
		return nil, fmt.Errorf("--decision-url is %q: %w", opts.URL, err)
	}
	s := &Server{domains: domains, opts: opts, load: newLoad(opts.MaxConcurrent)}
	switch opts.Authn {
	case AuthnNone:
		if address := s.bindAddress(); !opts.AllowInsecureBind && !isLoopback(address) {
			return nil, fmt.Errorf("--decision-authn=none would let everybody who can reach %s ask: bind to a loopback address, "+
				"use --decision-authn=kubernetes, or say --insecure-decision-bind", address)
		}
	case AuthnKubernetes:
		var err error
		if s.callers, err = newCallers(opts.Kubernetes, opts.Audiences); err != nil {
			return nil, fmt.Errorf("--decision-authn=kubernetes: %w", err)
		}
	default:
		return nil, fmt.Errorf("--decision-authn is %q; it must be %s or %s", opts.Authn, AuthnKubernetes, AuthnNone)
	}
	var err error
	if s.metrics, err = newMetrics(opts.Registerer); err != nil {
		return nil, fmt.Errorf("register the decision server's metrics: %w", err)
	}
	dropped := func(lines int) { s.metrics.dropped.Add(float64(lines)) }
	if s.decisionLog, err = newDecisionLog(opts.DecisionLog, dropped, opts.Log); err != nil {
		return nil, fmt.Errorf("decision log: %w", err)
	}
	s.document = s.openAPI()
	s.handler = s.mux()
	return s, nil
}

// checkURL refuses what is no address of a server; empty is none.
func checkURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return errors.New("it must be an https or http URL with a host, such as https://decisions.example")
	case u.Path != "", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return errors.New("it must have no path, query, fragment or user; give the scheme, host and port alone")
	}
	return nil
}

func (s *Server) bindAddress() string {
	if s.opts.Listener != nil {
		return s.opts.Listener.Addr().String()
	}
	return s.opts.BindAddress
}

// isLoopback says whether only this machine can reach an address. A name that is not localhost is not
// resolved: what it stands for may change.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// isLoopbackHost reports whether a Host header names this machine, with or without a port.
func isLoopbackHost(host string) bool {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "0")
	}
	return isLoopback(host)
}

// Handler gives the interfaces without a listener, for tests and for servers that have one of their own.
func (s *Server) Handler() http.Handler { return s.handler }

// Addr is where the server listens; nil before it does.
func (s *Server) Addr() net.Addr {
	if addr := s.addr.Load(); addr != nil {
		return *addr
	}
	return nil
}

// NeedLeaderElection says that every replica answers.
func (s *Server) NeedLeaderElection() bool { return false }

// Start listens and answers until ctx is done. Then it accepts no more, lets running requests finish for a
// bounded time, and returns nil if they did. From the first start on the process collects its garbage by the size of its
// heap, unless GOGC says how often.
func (s *Server) Start(ctx context.Context) error {
	tuneGarbage()
	listener := s.opts.Listener
	if listener == nil {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.opts.BindAddress); err != nil {
			return fmt.Errorf("decision server: %w", err)
		}
	}
	defer func() { _ = listener.Close() }() // closed twice on most paths, which does no harm
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter, WriteByteTimeout: pingAfter},
		// What clients get wrong about TLS or HTTP is theirs to log.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(s.opts.Log.V(1)), slog.LevelInfo),
	}
	if s.decisionLog != nil {
		defer background(context.WithoutCancel(ctx), s.decisionLog.run)() // until every request has been answered
	}
	serve := server.Serve
	if !s.opts.PlainHTTP {
		certificates, err := s.certificates()
		if err != nil {
			return fmt.Errorf("decision server: %w", err)
		}
		defer background(ctx, func(ctx context.Context) { certificates.watch(ctx, s.opts.Log) })()
		server.TLSConfig = certificates.config()
		s.certificate.Store(certificates)
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	addr := listener.Addr()
	s.addr.Store(&addr)
	s.opts.Log.Info("Answering decisions", "address", addr.String(), "tls", !s.opts.PlainHTTP, "authn", s.opts.Authn)

	failed := make(chan error, 1)
	go func() { failed <- serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("decision server: %w", err)
	case <-ctx.Done():
	}
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(finishing); err != nil {
		return errors.Join(fmt.Errorf("decision server: requests still running after %s: %w", shutdownTimeout, err), server.Close())
	}
	return nil
}

// background runs a function until the one that it gives is called, which waits for it.
func background(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() { cancel(); <-done }
}
