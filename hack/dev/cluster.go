package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// controlPlane is etcd, kube-apiserver and kube-controller-manager, with our CRDs and webhooks installed.
type controlPlane struct {
	env         *envtest.Environment
	client      client.Client
	controllers *process
	endWatch    context.CancelFunc
}

// startControlPlane returns when the API server serves our kinds. fail is told when one of the processes ends.
func startControlPlane(
	ctx context.Context, assets string, webhooks []*admissionregistrationv1.ValidatingWebhookConfiguration, fail context.CancelCauseFunc,
) (_ *controlPlane, err error) {
	plane := &controlPlane{endWatch: func() {}}
	defer func() {
		if err != nil {
			plane.stop()
		}
	}()

	etcdLog, err := os.Create(logFile("etcd"))
	if err != nil {
		return nil, err
	}
	apiServerLog, err := os.Create(logFile("kube-apiserver"))
	if err != nil {
		return nil, err
	}
	plane.env = &envtest.Environment{
		ControlPlane: envtest.ControlPlane{
			Etcd:      &envtest.Etcd{Out: etcdLog, Err: etcdLog},
			APIServer: &envtest.APIServer{Out: apiServerLog, Err: apiServerLog},
		},
		BinaryAssetsDirectory:    assets,
		CRDDirectoryPaths:        []string{"config/crd/bases"},
		ErrorIfCRDPathMissing:    true,
		WebhookInstallOptions:    envtest.WebhookInstallOptions{ValidatingWebhooks: webhooks},
		ControlPlaneStartTimeout: patience,
		ControlPlaneStopTimeout:  grace,
	}
	config, err := plane.env.Start()
	if err != nil {
		return nil, fmt.Errorf("%w\nThe end of %s:\n%s", err, logFile("kube-apiserver"), tail(logFile("kube-apiserver"), 15))
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if plane.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if err := writeKubeconfig(filepath.Join(folder, "kubeconfig"), config); err != nil {
		return nil, err
	}

	// These two controllers are all that the operator's users notice: objects go with their owners, and
	// namespaces go when they are deleted.
	if plane.controllers, err = start("kube-controller-manager", fail, filepath.Join(assets, "kube-controller-manager"),
		"--kubeconfig="+filepath.Join(folder, "kubeconfig"),
		"--controllers=garbage-collector-controller,namespace-controller",
		"--leader-elect=false",
		"--secure-port=0",
	); err != nil {
		return nil, err
	}

	var watching context.Context
	watching, plane.endWatch = context.WithCancel(ctx)
	go watchAPIServer(watching, config, fail)
	return plane, nil
}

// watchAPIServer tells fail when the API server has not answered three times in a row: envtest does not say
// when etcd or kube-apiserver end.
func watchAPIServer(ctx context.Context, config *rest.Config, fail context.CancelCauseFunc) {
	config = rest.CopyConfig(config)
	config.Timeout = 5 * time.Second
	server := discovery.NewDiscoveryClientForConfigOrDie(config).RESTClient()
	missed := 0
	for ctx.Err() == nil {
		if _, err := server.Get().AbsPath("/livez").DoRaw(ctx); err == nil {
			missed = 0
		} else if missed++; missed == 3 && ctx.Err() == nil {
			fail(fmt.Errorf("the API server no longer answers: %w\nThe end of %s:\n%s\nThe end of %s:\n%s", err,
				logFile("etcd"), tail(logFile("etcd"), 5), logFile("kube-apiserver"), tail(logFile("kube-apiserver"), 10)))
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// stop ends the control plane, what depends on others first.
func (p *controlPlane) stop() {
	say("Stopping the control plane")
	p.endWatch()
	if p.controllers != nil {
		p.controllers.stop()
	}
	if p.env != nil {
		if err := p.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "make run:", err)
		}
	}
}

// managerUser is the identity that the manager has in a cluster: the service account of config/default. Here
// it has it by a client certificate, so that it runs with exactly the rights that it has there.
const managerUser = "system:serviceaccount:" + managerNamespace + ":remit-controller-manager"

// managerNamespace is the namespace that config/default installs the manager in.
const managerNamespace = "remit-system"

// startManager returns when the manager is ready: it has read every object and serves decisions and webhooks.
func startManager(ctx context.Context, plane *controlPlane, decisions string, fail context.CancelCauseFunc) (_ *process, err error) {
	user, err := plane.env.AddUser(envtest.User{Name: managerUser, Groups: []string{"system:serviceaccounts"}}, nil)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(folder, "data", "manager-kubeconfig")
	if err := writeKubeconfig(kubeconfig, user.Config()); err != nil {
		return nil, err
	}
	probes, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	// The absolute path lets `ps` tell the managers of two checkouts apart.
	binary, err := filepath.Abs("bin/manager")
	if err != nil {
		return nil, err
	}
	webhooks := plane.env.WebhookInstallOptions
	manager, err := start("manager", fail, binary,
		"--kubeconfig="+kubeconfig,
		"--leader-elect",
		"--namespace="+managerNamespace,
		"--webhook-host="+webhooks.LocalServingHost,
		"--webhook-port="+strconv.Itoa(webhooks.LocalServingPort),
		"--webhook-cert-dir="+webhooks.LocalServingCertDir,
		"--webhook-path-secret="+pathSecret,
		"--decision-bind-address="+decisions,
		"--decision-authn=none",
		"--health-probe-bind-address="+probes,
		"--metrics-bind-address=0",
		"--drain-duration=0", // nobody balances load here
	)
	if err != nil {
		return nil, err
	}
	err = waitFor(ctx, "the manager to be ready; see "+logFile("manager"), func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probes+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // only read
		if response.StatusCode == http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return errors.Join(fmt.Errorf("/readyz: %s %s", response.Status, body), err)
	})
	if err != nil {
		manager.stop()
		return nil, err
	}
	return manager, nil
}

// waitFor tries until it works, and gives up with the last error after a while.
func waitFor(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("waited %s for %s: %w", patience, what, last)
}

// freeAddress gives a loopback address that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// writeKubeconfig writes a file by which kubectl and others use the API server as config says.
func writeKubeconfig(path string, config *rest.Config) error {
	const name = "remit-dev"
	out := clientcmdapi.NewConfig()
	out.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	out.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	out.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	out.CurrentContext = name
	return clientcmd.WriteToFile(*out, path)
}
