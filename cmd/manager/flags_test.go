package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"
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
		"serve":                                   `unexpected argument "serve"`,
		"--decision-bind-address=8443":            `--decision-bind-address is "8443"; it must be host:port`,
		"--metrics-bind-address=localhost":        `--metrics-bind-address is "localhost"`,
		"--health-probe-bind-address=":            `--health-probe-bind-address is ""`,
		"--webhook-port=70000":                    "--webhook-port is 70000",
		"--webhook-port=-1":                       "--webhook-port is -1",
		"--default-domain=Sales":                  `--default-domain is "Sales"; it must be the name of a namespace`,
		"--leader-election-namespace=a.b":         `--leader-election-namespace is "a.b"`,
		"--decision-port=1":                       "flag provided but not defined",
		"--webhook-port=70000 --default-domain=A": "--default-domain",
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

func TestLease(t *testing.T) {
	cfg, err := parse([]string{"--leader-elect", "--leader-election-namespace=remit-system"}, &bytes.Buffer{})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if lease, err := cfg.lease(); err != nil || lease == nil || lease.Namespace != "remit-system" {
		t.Errorf("lease() = %+v, %v, want one in remit-system", lease, err)
	}
	cfg.leaderElectionNamespace = ""
	if lease, err := cfg.lease(); err == nil || !strings.Contains(err.Error(), "--leader-election-namespace") {
		t.Errorf("lease() outside a cluster = %+v, %v, want an error that names the flag", lease, err)
	}
}
