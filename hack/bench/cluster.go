package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// process is a program that is measured. It logs to a file in the folder.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
}

func start(name, path string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	p := &process{name: name, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches it through stop
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

var errEnded = errors.New("has ended")

// hasEnded is nil while the process runs.
func (p *process) hasEnded() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s %w (%s); see %s", p.name, errEnded, p.cmd.ProcessState, filepath.Join(folder, p.name+".log"))
	default:
		return nil
	}
}

// cpu is the processor time that the process has used, in user and system mode.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // USER_HZ is 100 on Linux
}

// memory is the resident memory of the process in bytes: now, and at its highest.
func (p *process) memory() (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib << 10
		case "VmHWM:":
			peak = kib << 10
		}
	}
	return now, peak
}

// waitUntil tries every few milliseconds until it works, or a process has ended that it needs.
func waitUntil(ctx context.Context, patience time.Duration, what string, try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errEnded):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("waited %s for %s: %w", patience, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// get is nil when a URL answers 200.
func get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// cluster is a real API server with our CRDs, and webhooks once they are asked for.
type cluster struct {
	env    *envtest.Environment
	config *rest.Config
	client client.Client
	data   string // temporary files
	// managerPath is the program that startManager starts.
	managerPath string
}

// namespace is the domain that is measured.
const namespace = "bench"

func startCluster(ctx context.Context) (_ *cluster, err error) {
	c := &cluster{managerPath: "bin/manager", env: &envtest.Environment{
		CRDDirectoryPaths: []string{"config/crd/bases"}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}}
	if c.data, err = os.MkdirTemp("", "remit-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	// Half a million objects and their history are more than etcd's usual 2 GiB.
	c.env.ControlPlane.GetAPIServer()
	c.env.ControlPlane.Etcd = &envtest.Etcd{}
	c.env.ControlPlane.Etcd.Configure().Set("quota-backend-bytes", "17179869184")
	if c.config, err = c.env.Start(); err != nil {
		return nil, err
	}
	c.config.QPS = -1
	scheme := runtime.NewScheme()
	if err = errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if c.client, err = client.New(c.config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	return c, c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}

func (c *cluster) stop() {
	if c.config != nil {
		if err := c.env.Stop(); err != nil {
			say("Stopping the API server: %v", err)
		}
	}
	_ = os.RemoveAll(c.data)
}

// installWebhooks has the API server ask a manager about every change from now on.
func (c *cluster) installWebhooks() error {
	c.env.WebhookInstallOptions.Paths = []string{"config/webhook/manifests.yaml"}
	return c.env.WebhookInstallOptions.Install(c.config)
}

// manager is the real manager, with the rights that it has in a cluster.
type manager struct {
	*process
	probes, decisions, metrics, profiles string // addresses
	// ready is how long it took from the start of the process until /readyz said so.
	ready time.Duration
}

// The manager's identity in a cluster, as config/default makes it.
const (
	managerNamespace = "remit-system"
	managerUser      = "system:serviceaccount:" + managerNamespace + ":remit-controller-manager"
)

// startManager starts the manager and waits until it is ready. installWebhooks must have been called.
func (c *cluster) startManager(ctx context.Context, patience time.Duration, args ...string) (_ *manager, err error) {
	if err := c.grantManager(ctx); err != nil {
		return nil, fmt.Errorf("the manager's rights: %w", err)
	}
	user, err := c.env.AddUser(envtest.User{Name: managerUser, Groups: []string{"system:serviceaccounts"}}, nil)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(c.data, "manager-kubeconfig")
	if err := writeKubeconfig(kubeconfig, user.Config()); err != nil {
		return nil, err
	}
	m := &manager{}
	for _, address := range []*string{&m.probes, &m.decisions, &m.metrics, &m.profiles} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	webhooks := c.env.WebhookInstallOptions
	began := time.Now()
	m.process, err = start("manager", c.managerPath, append([]string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect",
		"--namespace=" + managerNamespace,
		"--webhook-host=" + webhooks.LocalServingHost,
		"--webhook-port=" + strconv.Itoa(webhooks.LocalServingPort),
		"--webhook-cert-dir=" + webhooks.LocalServingCertDir,
		"--decision-bind-address=" + m.decisions,
		"--health-probe-bind-address=" + m.probes,
		"--metrics-bind-address=" + m.metrics,
		"--metrics-secure=false",
		"--pprof-bind-address=" + m.profiles,
	}, args...)...)
	if err != nil {
		return nil, err
	}
	err = waitUntil(ctx, patience, "the manager to be ready", func() error {
		if err := m.hasEnded(); err != nil {
			return err
		}
		return get("http://" + m.probes + "/readyz")
	})
	if err != nil {
		m.stop()
		return nil, err
	}
	m.ready = time.Since(began)
	return m, nil
}

// grantManager gives the manager's user the rights of config/rbac.
func (c *cluster) grantManager(ctx context.Context) error {
	if err := c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: managerNamespace}}); err != nil {
		return err
	}
	names := strings.NewReplacer("namespace: system", "namespace: "+managerNamespace, "name: controller-manager", "name: remit-controller-manager")
	for _, path := range []string{"config/rbac/role.yaml", "config/rbac/role_binding.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for document := range strings.SplitSeq(names.Replace(string(text)), "\n---\n") {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(document), object); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if err := c.client.Create(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// callerToken is the token of an application that may ask for decisions in the domain.
func (c *cluster) callerToken(ctx context.Context) (string, error) {
	role := &rbacv1.ClusterRole{}
	if err := readYAML("config/rbac/decision_caller_role.yaml", role); err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "application"}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "application"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account.Name}},
	}
	for _, object := range []client.Object{role, account, binding} {
		if err := c.client.Create(ctx, object); err != nil {
			return "", err
		}
	}
	request := &authenticationv1.TokenRequest{}
	if err := c.client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(text, into)
}

// writeKubeconfig writes a file by which a program uses the API server as config says.
func writeKubeconfig(path string, config *rest.Config) error {
	const name = "bench"
	out := clientcmdapi.NewConfig()
	out.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	out.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	out.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	out.CurrentContext = name
	return clientcmd.WriteToFile(*out, path)
}
