package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/server"
)

// off is the bind address of a server that is not to run.
const off = "0"

// logOff is the decision log that is none.
const logOff = "off"

// list is a flag with values that are separated by commas.
type list []string

// String gives the values as they may be written.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set reads the values.
func (l *list) Set(text string) error {
	*l = nil
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			*l = append(*l, value)
		}
	}
	return nil
}

// podNamespace is where a pod finds the name of the namespace that it runs in.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// config is what the flags say.
type config struct {
	namespace        string
	probeBindAddress string

	metricsBindAddress string
	metricsSecure      bool
	pprofBindAddress   string

	leaderElect bool

	webhookHost    string
	webhookPort    int
	drain          time.Duration
	webhookCertDir string

	certSecret           string
	certOverlap          time.Duration
	certServices         list
	webhookConfiguration string
	webhookPathSecret    string
	webhookClientCA      string

	domainMemoryLimit int64 // bytes; 0: none

	decisionBindAddress  string
	decisionCertDir      string
	decisionAuthn        string
	insecureDecisionBind bool
	defaultDomain        string
	decisionURL          string
	publicMetadata       bool

	decisionAudiences     list
	decisionMaxConcurrent int
	decisionLog           string
	decisionLogAllowEvery int
	decisionLogMask       list

	zap     zap.Options
	version bool
}

// parse reads the flags. Its errors tell whoever starts the manager what to change.
func parse(args []string, out io.Writer) (*config, error) {
	cfg := &config{certServices: list{"remit-webhook-service", "remit-decisions"}}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says enough
	flags.Usage = func() {}
	ctrl.RegisterFlags(flags) // --kubeconfig
	flags.StringVar(&cfg.namespace, "namespace", "", "the manager's own `namespace`, of its leases and its certificate; empty: the pod's")
	flags.StringVar(&cfg.probeBindAddress, "health-probe-bind-address", ":8081", "`host:port` of /healthz and /readyz; 0 turns them off")
	flags.StringVar(&cfg.metricsBindAddress, "metrics-bind-address", off, "`host:port` of /metrics; 0 turns it off")
	flags.BoolVar(&cfg.metricsSecure, "metrics-secure", true, "serve /metrics over TLS, to whom the API server lets read it")
	flags.StringVar(&cfg.pprofBindAddress, "pprof-bind-address", off, "`host:port`, on loopback, of Go's profiles at /debug/pprof; 0 turns them off")
	flags.BoolVar(&cfg.leaderElect, "leader-elect", false, "have replicas agree on one that writes status; all of them decide either way")
	flags.StringVar(&cfg.webhookHost, "webhook-host", "", "`address` to serve admission webhooks at; empty: every address")
	flags.DurationVar(&cfg.drain, "drain-duration", 10*time.Second, "how long the manager goes on answering, not ready any more, after it was asked to end: until nobody sends it new connections")
	flags.IntVar(&cfg.webhookPort, "webhook-port", 9443, "`port` to serve admission webhooks at; 0 turns them off")
	flags.StringVar(&cfg.webhookCertDir, "webhook-cert-dir", "", "`folder` with tls.crt and tls.key of the webhooks, read again when they change")
	flags.StringVar(&cfg.certSecret, "cert-secret", "", "`Secret`, in the manager's own namespace, to keep a certificate in that the manager makes and renews; "+
		"it is mounted at --webhook-cert-dir and --decision-cert-dir; empty: who installs the manager brings the certificates")
	flags.Var(&cfg.certServices, "cert-services", "`Services`, in the manager's own namespace and separated by commas, that the certificate of --cert-secret is for")
	flags.DurationVar(&cfg.certOverlap, "cert-overlap", 24*time.Hour, "how long callers have to learn a new authority of --cert-secret, beside the old one in ca.crt, before the certificate is one of it")
	flags.StringVar(&cfg.webhookConfiguration, "webhook-configuration", "remit-validating-webhook-configuration", "`ValidatingWebhookConfiguration` to put the authority of --cert-secret and the path of --webhook-path-secret in")
	flags.StringVar(&cfg.webhookPathSecret, "webhook-path-secret", "", "`Secret`, in the manager's own namespace, with the token in the webhooks' path: the manager makes it, replaces it "+
		"each day and gives it to the API server; empty: a path that anybody can guess")
	flags.StringVar(&cfg.webhookClientCA, "webhook-client-ca", "", "`file` with the authority that has to have signed the certificate of whoever calls the webhooks; "+
		"empty: no certificate is asked for")
	flags.Func("domain-memory-limit", "how much `memory` a domain may take, such as 64Mi, as remit_domain_memory_bytes estimates it: "+
		"changes that would make one larger are refused; empty: no limit", cfg.setDomainMemoryLimit)
	flags.StringVar(&cfg.decisionBindAddress, "decision-bind-address", server.DefaultBindAddress, "`host:port` of the decision server; 0 turns it off")
	flags.StringVar(&cfg.decisionCertDir, "decision-cert-dir", "", "`folder` with tls.crt and tls.key of the decision server, read again when they change; "+
		"empty: a certificate that it makes for itself")
	flags.StringVar(&cfg.decisionAuthn, "decision-authn", string(server.AuthnKubernetes), "who may ask for decisions: kubernetes (bearer tokens and RBAC) or none (everybody)")
	flags.BoolVar(&cfg.insecureDecisionBind, "insecure-decision-bind", false, "allow --decision-authn=none at addresses that other machines can reach")
	flags.StringVar(&cfg.defaultDomain, "default-domain", "", "`namespace` whose domain is served at the root too")
	flags.StringVar(&cfg.decisionURL, "decision-url", "", "`URL` at which callers reach the decision server, for AuthZEN's metadata; empty: the host that each of them asks")
	flags.BoolVar(&cfg.publicMetadata, "public-metadata", false, "serve AuthZEN's metadata without a token, the same for every domain, whether it exists or not")
	flags.Var(&cfg.decisionAudiences, "decision-audiences", "`audiences`, separated by commas, of which a caller's token must be for one; empty: the API server's")
	flags.IntVar(&cfg.decisionMaxConcurrent, "decision-max-concurrent", server.DefaultMaxConcurrent, "how many `requests` for decisions are answered at the same time; more are turned away")
	flags.StringVar(&cfg.decisionLog, "decision-log", logOff, "where to log each decision as a line of JSON: stdout, stderr, a `file` to append to, or off")
	flags.IntVar(&cfg.decisionLogAllowEvery, "decision-log-allow-every", 1, "`how many` allows there are for each that is logged; denies always are")
	flags.Var(&cfg.decisionLogMask, "decision-log-mask", "`members` of the decision log's lines to hide, separated by commas, of "+strings.Join(server.MaskableFields(), ", "))
	flags.BoolVar(&cfg.version, "version", false, "print the version and end")
	cfg.zap.BindFlags(flags)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(out, "Usage: manager [flags]")
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: there are only flags", flags.Arg(0))
	}
	return cfg, cfg.validate()
}

func (c *config) validate() error {
	return errors.Join(
		bindAddress("health-probe-bind-address", c.probeBindAddress),
		bindAddress("metrics-bind-address", c.metricsBindAddress),
		bindAddress("decision-bind-address", c.decisionBindAddress),
		loopback("pprof-bind-address", c.pprofBindAddress),
		port("webhook-port", c.webhookPort),
		c.validateCertificates(),
		c.validateWebhooks(),
		namespace("namespace", c.namespace),
		namespace("default-domain", c.defaultDomain),
		positive("decision-max-concurrent", c.decisionMaxConcurrent),
		notNegative("drain-duration", c.drain),
		notNegative("cert-overlap", c.certOverlap),
		positive("decision-log-allow-every", c.decisionLogAllowEvery),
	)
}

// validateCertificates sees to it that a certificate that the manager makes is for somebody, and found again.
func (c *config) validateCertificates() error {
	switch {
	case c.certSecret == "":
		return nil
	case c.webhookCertDir == "":
		return errors.New("--cert-secret needs --webhook-cert-dir, where the Secret is mounted")
	case len(c.certServices) == 0:
		return errors.New("--cert-secret needs --cert-services: a certificate is for somebody")
	}
	return nil
}

// validateWebhooks sees to it that who is to protect the webhooks has said all that it takes.
func (c *config) validateWebhooks() error {
	switch {
	case c.webhookPathSecret != "" && c.webhookConfiguration == "":
		return errors.New("--webhook-path-secret needs --webhook-configuration, from which the API server has the path")
	case c.webhookClientCA != "" && c.webhookCertDir == "":
		return errors.New("--webhook-client-ca needs --webhook-cert-dir")
	}
	return nil
}

// setDomainMemoryLimit reads a quantity of bytes.
func (c *config) setDomainMemoryLimit(text string) error {
	if c.domainMemoryLimit = 0; text == "" {
		return nil
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil || quantity.Sign() <= 0 {
		return errors.New("it must be a quantity such as 64Mi, or empty for no limit")
	}
	c.domainMemoryLimit = quantity.Value()
	return nil
}

func bindAddress(flag, value string) error {
	if _, _, err := net.SplitHostPort(value); err != nil && value != off {
		return fmt.Errorf("--%s is %q; it must be host:port, :port, or 0 for none", flag, value)
	}
	return nil
}

// loopback is about what anybody who reaches it may read.
func loopback(flag, value string) error {
	if value == off {
		return nil
	}
	host, _, err := net.SplitHostPort(value)
	if err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("--%s is %q; it must be localhost:port, 127.0.0.1:port or [::1]:port, or 0 for none", flag, value)
	}
	return nil
}

func port(flag string, value int) error {
	if value < 0 || value > 65535 {
		return fmt.Errorf("--%s is %d; it must be a port, or 0 for none", flag, value)
	}
	return nil
}

func positive(flag string, value int) error {
	if value < 1 {
		return fmt.Errorf("--%s is %d; it must be 1 or more", flag, value)
	}
	return nil
}

func notNegative(flag string, value time.Duration) error {
	if value < 0 {
		return fmt.Errorf("--%s is %s; it must be 0 or more", flag, value)
	}
	return nil
}

func namespace(flag, value string) error {
	if value != "" && len(validation.IsDNS1123Label(value)) > 0 {
		return fmt.Errorf("--%s is %q; it must be the name of a namespace", flag, value)
	}
	return nil
}

// lease is what replicas compete for; nil when they do not.
func (c *config) lease() (*leader.Lease, error) {
	if !c.leaderElect {
		return nil, nil
	}
	name, err := c.ownNamespace()
	if err != nil {
		return nil, fmt.Errorf("--leader-elect: %w", err)
	}
	return &leader.Lease{Namespace: name}, nil
}

// ownNamespace is where the manager's leases and its certificate are.
func (c *config) ownNamespace() (string, error) {
	if c.namespace != "" {
		return c.namespace, nil
	}
	name, err := os.ReadFile(podNamespace)
	if err != nil {
		return "", fmt.Errorf("outside a cluster, --namespace says which is the manager's own: %w", err)
	}
	return strings.TrimSpace(string(name)), nil
}

func (c *config) metrics() metricsserver.Options {
	options := metricsserver.Options{BindAddress: c.metricsBindAddress, SecureServing: c.metricsSecure}
	if c.metricsSecure {
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return options
}

// openDecisionLog gives what the decision log writes to, nil where there is none, and closes it.
func (c *config) openDecisionLog() (to io.Writer, closeLog func() error, err error) {
	nothing := func() error { return nil }
	switch c.decisionLog {
	case logOff, "":
		return nil, nothing, nil
	case "stdout":
		return os.Stdout, nothing, nil
	case "stderr":
		return os.Stderr, nothing, nil
	}
	file, err := os.OpenFile(c.decisionLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nothing, fmt.Errorf("--decision-log: %w", err)
	}
	return file, file.Close, nil
}
