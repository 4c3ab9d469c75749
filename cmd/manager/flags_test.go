package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/remit-authz/remit/hack/render"
)

func TestDefaults(t *testing.T) {
	cfg, err := parse(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if cfg.decisionBindAddress != ":8443" || cfg.decisionAuthn != "kubernetes" || cfg.insecureDecisionBind || !cfg.metricsSecure || cfg.metricsBindAddress != "0" {
		t.Errorf("parse() = %+v, want decisions at :8443 for known callers only, and no metrics", cfg)
	}
	if lease, err := cfg.lease(); lease != nil || err != nil {
		t.Errorf("lease() = %v, %v, want none", lease, err)
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for args, want := range map[string]string{
		"serve":                                                  `unexpected argument "serve"`,
		"--decision-bind-address=8443":                           `--decision-bind-address is "8443"; it must be host:port`,
		"--metrics-bind-address=localhost":                       `--metrics-bind-address is "localhost"`,
		"--health-probe-bind-address=":                           `--health-probe-bind-address is ""`,
		"--webhook-port=70000":                                   "--webhook-port is 70000",
		"--webhook-port=-1":                                      "--webhook-port is -1",
		"--default-domain=Sales":                                 `--default-domain is "Sales"; it must be the name of a namespace`,
		"--pprof-bind-address=:6060":                             `--pprof-bind-address is ":6060"; it must be localhost:port`,
		"--pprof-bind-address=10.0.0.1:1":                        `--pprof-bind-address is "10.0.0.1:1"`,
		"--decision-max-concurrent=0":                            "--decision-max-concurrent is 0; it must be 1 or more",
		"--decision-log-allow-every=0":                           "--decision-log-allow-every is 0; it must be 1 or more",
		"--namespace=a/b":                                        `--namespace is "a/b"`,
		"--cert-secret=certs":                                    "--cert-secret needs --webhook-cert-dir",
		"--cert-secret=a --webhook-cert-dir=/a --cert-services=": "--cert-secret needs --cert-services",
		"--webhook-path-secret=a --webhook-configuration=":       "--webhook-path-secret needs --webhook-configuration",
		"--webhook-client-ca=/ca.crt":                            "--webhook-client-ca needs --webhook-cert-dir",
		"--domain-memory-limit=-1":                               "-domain-memory-limit: it must be a quantity such as 64Mi",
		"--domain-memory-limit=much":                             "-domain-memory-limit: it must be a quantity such as 64Mi",
		"--decision-port=1":                                      "flag provided but not defined",
		"--webhook-port=70000 --default-domain=A":                "--default-domain",
	} {
		t.Run(args, func(t *testing.T) {
			_, err := parse(strings.Fields(args), &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("parse: got error %v, want one that contains %q", err, want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parse([]string{"--help"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("parse: got error %v, want flag.ErrHelp", err)
	}
	for _, want := range []string{"-kubeconfig", "-leader-elect", "-decision-authn", "-zap-log-level"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help lacks %s:\n%s", want, out.String())
		}
	}
}

func TestDomainMemoryLimit(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "64Mi": 64 << 20, "1G": 1e9, "1024": 1024} {
		cfg, err := parse([]string{"--domain-memory-limit=" + text}, &bytes.Buffer{})
		if err != nil || cfg.domainMemoryLimit != want {
			t.Errorf("--domain-memory-limit=%s: %d bytes, error %v; want %d", text, cfg.domainMemoryLimit, err, want)
		}
	}
}

func TestLease(t *testing.T) {
	cfg, err := parse([]string{"--leader-elect", "--namespace=remit-system"}, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if lease, err := cfg.lease(); err != nil || lease == nil || lease.Namespace != "remit-system" {
		t.Errorf("lease() = %+v, %v, want one in remit-system", lease, err)
	}
	cfg.namespace = ""
	if lease, err := cfg.lease(); err == nil || !strings.Contains(err.Error(), "--namespace") {
		t.Errorf("lease() outside a cluster = %+v, %v, want an error that names the flag", lease, err)
	}
}

// The Deployments that components make of config/default start with flags that make sense.
func TestFlagsOfComponents(t *testing.T) {
	for component, want := range map[string]config{
		"autoscaling": {certSecret: "remit-certs", metricsBindAddress: off},
		"certmanager": {certSecret: "", metricsBindAddress: off},
		"prometheus":  {certSecret: "remit-certs", metricsBindAddress: ":8080"},
	} {
		t.Run(component, func(t *testing.T) {
			objects, err := render.Installation("../../config", component)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				if object.GetKind() != "Deployment" {
					continue
				}
				var deployment appsv1.Deployment
				into(t, object, &deployment)
				cfg, err := parse(deployment.Spec.Template.Spec.Containers[0].Args, t.Output())
				if err != nil {
					t.Fatalf("parse: %v", err)
				}
				if cfg.certSecret != want.certSecret || cfg.metricsBindAddress != want.metricsBindAddress || cfg.decisionCertDir != "/certs" || !cfg.leaderElect {
					t.Errorf("the flags say %+v, want certificates of Secret %q and metrics at %s", cfg, want.certSecret, want.metricsBindAddress)
				}
			}
		})
	}
}

func TestLists(t *testing.T) {
	cfg, err := parse([]string{"--decision-audiences=remit, vault,", "--decision-log-mask="}, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if got := strings.Join(cfg.decisionAudiences, "|"); got != "remit|vault" || len(cfg.decisionLogMask) != 0 {
		t.Errorf("audiences %q, mask %q, want two and none", got, cfg.decisionLogMask)
	}
}

func TestDecisionLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "decisions.json")
	for range 2 { // the second time it is there already
		cfg := &config{decisionLog: file}
		to, closeLog, err := cfg.openDecisionLog()
		if err != nil {
			t.Fatalf("openDecisionLog: %v", err)
		}
		if _, err := to.Write([]byte("{}\n")); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := closeLog(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "{}\n{}\n" || err != nil {
		t.Errorf("the file has %q, error %v, want both lines", text, err)
	}
	for value, want := range map[string]io.Writer{"off": nil, "stdout": os.Stdout, "stderr": os.Stderr} {
		cfg := &config{decisionLog: value}
		if to, _, err := cfg.openDecisionLog(); to != want || err != nil {
			t.Errorf("%s: %v, error %v", value, to, err)
		}
	}
	cfg := &config{decisionLog: t.TempDir()}
	if _, _, err := cfg.openDecisionLog(); err == nil || !strings.Contains(err.Error(), "--decision-log") {
		t.Errorf("a folder: error %v, want one that names the flag", err)
	}
}
