// Command manager is the operator: every replica watches the permission domains, answers decisions and judges
// what is written; one of them writes status.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/controllers"
	"github.com/remit-authz/remit/internal/certificates"
	"github.com/remit-authz/remit/internal/server"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/webhook"
)

// version is stamped in by the build.
var version = "unknown"

// endTimeout is how long traces that are left may take to be sent in the end.
const endTimeout = 5 * time.Second

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(corev1.AddToScheme(scheme)) // the Secrets with the certificate and the webhooks' path
	utilruntime.Must(admissionregistrationv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
}

func main() {
	cfg, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(2)
	case cfg.version:
		fmt.Println("remit", version)
		return
	}
	log := zap.New(zap.UseFlagOptions(&cfg.zap))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	if err := run(ctrl.SetupSignalHandler(), cfg); err != nil {
		log.Error(err, "Manager exited with an error")
		os.Exit(1)
	}
}

// run wires everything together and runs it until ctx is done, and for a while longer: it is not ready any more, and goes on
// answering until nobody sends it new connections.
func run(asked context.Context, cfg *config) error {
	log := ctrl.Log.WithName("remit")
	ctx, end := context.WithCancel(context.WithoutCancel(asked))
	defer end()
	defer context.AfterFunc(asked, func() {
		log.Info("Draining", "duration", cfg.drain.String())
		time.AfterFunc(cfg.drain, end)
	})()
	log.Info("Starting", "version", version)
	kubernetes, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	webhooks, err := cfg.webhookServer()
	if err != nil {
		return err
	}
	if cfg.webhookCertDir != "" {
		webhooks = &certifiedServer{webhooks, cfg.webhookCertDir}
	}
	caching := controllers.CacheOptions()
	var path webhook.PathOptions
	if cfg.webhookPort != 0 && cfg.webhookPathSecret != "" {
		namespace, err := cfg.ownNamespace()
		if err != nil {
			return fmt.Errorf("--webhook-path-secret: %w", err)
		}
		path = webhook.PathOptions{Secret: cfg.webhookPathSecret, Configuration: cfg.webhookConfiguration}
		maps.Copy(caching.ByObject, webhook.PathCache(namespace, path))
	}
	mgr, err := ctrl.NewManager(kubernetes, ctrl.Options{
		Scheme:                 scheme,
		Cache:                  caching,
		Metrics:                cfg.metrics(),
		HealthProbeBindAddress: cfg.probeBindAddress,
		PprofBindAddress:       cfg.pprofBindAddress,
		WebhookServer:          webhooks,
	})
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}

	domains := store.New(mgr.GetCache(), log.WithName("store"))
	if err := metrics.Registry.Register(domains); err != nil {
		return fmt.Errorf("register the store's metrics: %w", err)
	}
	defer metrics.Registry.Unregister(domains)
	expiration := &certificates.Expiration{Dir: cmp.Or(cfg.decisionCertDir, cfg.webhookCertDir)}
	if err := metrics.Registry.Register(expiration); err != nil {
		return fmt.Errorf("register the certificate's metrics: %w", err)
	}
	defer metrics.Registry.Unregister(expiration)
	lease, err := cfg.lease()
	if err != nil {
		return err
	}
	checks := map[string]healthz.Checker{"domains": domains.ReadyzCheck, "draining": func(*http.Request) error {
		if asked.Err() != nil {
			return errors.New("the manager is ending")
		}
		return nil
	}}
	errs := []error{
		mgr.Add(domains),
		controllers.SetupWithManager(mgr, domains, controllers.Options{Lease: lease, Registerer: metrics.Registry}),
		mgr.AddHealthzCheck("ping", healthz.Ping),
	}
	if cfg.certSecret != "" {
		errs = append(errs, addRotator(mgr, cfg))
	}
	if cfg.webhookPort != 0 {
		namespace, err := cfg.ownNamespace()
		errs = append(errs, err, webhook.SetupWithManager(mgr, domains, webhook.Options{Namespace: namespace, Path: path, MemoryLimit: cfg.domainMemoryLimit}))
		checks["webhooks"] = mgr.GetWebhookServer().StartedChecker()
	}
	if cfg.decisionBindAddress != off {
		decisionLog, closeLog, err := cfg.openDecisionLog()
		if err != nil {
			return err
		}
		traces, endTraces, err := server.NewTracerProvider(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("set up traces: %w", err), closeLog())
		}
		defer func() { // when everything has stopped
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
			defer cancel()
			if err := errors.Join(endTraces(ending), closeLog()); err != nil {
				log.Error(err, "Cannot write what was left of traces and decision log")
			}
		}()
		decisions, err := server.New(domains, server.Options{
			BindAddress:       cfg.decisionBindAddress,
			CertDir:           cfg.decisionCertDir,
			Authn:             server.Authn(cfg.decisionAuthn),
			AllowInsecureBind: cfg.insecureDecisionBind,
			Kubernetes:        kubernetes,
			Audiences:         cfg.decisionAudiences,
			DefaultDomain:     cfg.defaultDomain,
			URL:               cfg.decisionURL,
			PublicMetadata:    cfg.publicMetadata,
			MaxConcurrent:     cfg.decisionMaxConcurrent,
			DecisionLog:       server.DecisionLog{Writer: decisionLog, AllowEvery: cfg.decisionLogAllowEvery, Mask: cfg.decisionLogMask},
			TracerProvider:    traces,
			Registerer:        metrics.Registry,
			Log:               log.WithName("decisions"),
		})
		if err != nil {
			return err
		}
		expiration.Served = decisions.Certificate
		var server manager.Runnable = decisions
		if cfg.decisionCertDir != "" {
			server = &certified{decisions, cfg.decisionCertDir}
		}
		errs = append(errs, mgr.Add(server))
		checks["decisions"] = func(*http.Request) error {
			if decisions.Addr() == nil {
				return errors.New("not listening yet")
			}
			return nil
		}
	}
	for name, check := range checks {
		errs = append(errs, mgr.AddReadyzCheck(name, check))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	return mgr.Start(ctx)
}
