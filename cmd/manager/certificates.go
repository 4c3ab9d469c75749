package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	certutil "k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/remit-authz/remit/internal/certificates"
)

// The rotator reads one Secret and one webhook configuration, and writes them.
//
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,resourceNames=remit-certs,verbs=list;watch;update
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,resourceNames=remit-validating-webhook-configuration,verbs=list;watch;patch

// addRotator keeps a certificate of the manager's own in a Secret, renews it in time, and tells the API server whom to
// trust when it calls the webhooks.
func addRotator(mgr ctrl.Manager, cfg *config) error {
	namespace, err := cfg.ownNamespace()
	if err != nil {
		return fmt.Errorf("--cert-secret: %w", err)
	}
	return certificates.SetupWithManager(mgr, certificates.Options{
		Secret:        types.NamespacedName{Namespace: namespace, Name: cfg.certSecret},
		Names:         cfg.certNames(namespace),
		Configuration: cfg.webhookConfiguration,
		Overlap:       cfg.certOverlap,
	})
}

// certNames are the names by which the certificate's services are called from within the cluster.
func (c *config) certNames(namespace string) []string {
	var names []string
	for _, service := range c.certServices {
		host := service + "." + namespace + ".svc"
		names = append(names, host, host+".cluster.local")
	}
	return names
}

// webhookServer is the server of admission webhooks, which asks its callers for a certificate if there is an authority.
func (c *config) webhookServer() (ctrlwebhook.Server, error) {
	options := ctrlwebhook.Options{Host: c.webhookHost, Port: c.webhookPort, CertDir: c.webhookCertDir}
	if c.webhookClientCA != "" {
		// The library wants its name within the folder of the certificate, which is a volume of its own.
		name, err := relative(c.webhookCertDir, c.webhookClientCA)
		if err != nil {
			return nil, fmt.Errorf("--webhook-client-ca: %w", err)
		}
		options.ClientCAName = name
		if _, err := certutil.NewPool(c.webhookClientCA); err != nil {
			return nil, fmt.Errorf("--webhook-client-ca: %w", err)
		}
	}
	return ctrlwebhook.NewServer(options), nil
}

// relative is the path of a file as seen from a folder.
func relative(folder, file string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(folder, file)
}

// certifiedServer is the webhook server once there is a certificate: in a new cluster somebody has yet to make it.
type certifiedServer struct {
	ctrlwebhook.Server
	dir string
}

// Start waits for the certificate, then serves until ctx is done.
func (s *certifiedServer) Start(ctx context.Context) error {
	return startCertified(ctx, s.dir, s.Server)
}

// certified is another server once there is a certificate.
type certified struct {
	manager.Runnable
	dir string
}

// Start waits for the certificate, then serves until ctx is done.
func (s *certified) Start(ctx context.Context) error {
	return startCertified(ctx, s.dir, s.Runnable)
}

// NeedLeaderElection says that every replica serves.
func (s *certified) NeedLeaderElection() bool { return false }

// startCertified starts a server when the folder holds a certificate and its key. Until then, which may be for ever, the
// server is not ready.
func startCertified(ctx context.Context, dir string, server manager.Runnable) error {
	crt, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	waiting := false
	found := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		_, err := tls.LoadX509KeyPair(crt, key)
		if err != nil && !waiting {
			ctrl.Log.WithName("remit").Info("Waiting for a certificate", "folder", dir, "reason", err.Error())
			waiting = true
		}
		return err == nil, nil
	})
	if found != nil {
		return nil //nolint:nilerr // ctx is done, which is no failure
	}
	return server.Start(ctx)
}
