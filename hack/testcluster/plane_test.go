package testcluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// plane is the control plane of all tests: etcd, the API server, and Kubernetes' controllers that a Deployment needs.
var plane *controlPlane

type controlPlane struct {
	client.Client
	config     *rest.Config
	kubeconfig string // a file
	folder     string // of temporary files
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if runtime.GOOS != "linux" {
		fmt.Fprintln(os.Stderr, "the stand-in for a node needs Linux")
		os.Exit(1)
	}
	os.Exit(func() int {
		stop, err := startPlane()
		defer stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, "the control plane:", err)
			return 1
		}
		return m.Run()
	}())
}

// startPlane starts the control plane. The API server reaches Services through the stand-in for the nodes' network.
func startPlane() (stop func(), err error) {
	var stops []func()
	stop = func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}
	plane = &controlPlane{}
	if plane.folder, err = os.MkdirTemp("", "remit"); err != nil {
		return stop, err
	}
	stops = append(stops, func() { _ = os.RemoveAll(plane.folder) })

	socket := filepath.Join(plane.folder, "network.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return stop, err
	}
	network := &http.Server{Handler: http.HandlerFunc(tunnel), ReadHeaderTimeout: time.Minute}
	go func() { _ = network.Serve(listener) }()
	stops = append(stops, func() { _ = network.Close() })
	egress := filepath.Join(plane.folder, "egress.yaml")
	err = os.WriteFile(egress, fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection: {proxyProtocol: HTTPConnect, transport: {uds: {udsName: %q}}}
`, socket), 0o600)
	if err != nil {
		return stop, err
	}

	env := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute}
	env.ControlPlane.GetAPIServer().Configure().
		Append("egress-selector-config-file", egress).
		Append("enable-aggregator-routing", "true") // to a Service's endpoints, since nobody routes its address
	stops = append(stops, func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "the control plane:", err)
		}
	})
	if plane.config, err = env.Start(); err != nil {
		return stop, err
	}
	plane.config.QPS = -1
	scheme := apiruntime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return stop, err
	}
	if plane.Client, err = client.New(plane.config, client.Options{Scheme: scheme}); err != nil {
		return stop, err
	}
	plane.kubeconfig = filepath.Join(plane.folder, "kubeconfig")
	if err := writeKubeconfig(plane.kubeconfig, plane.config); err != nil {
		return stop, err
	}
	controllers := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-controller-manager"), //nolint:noctx // stop ends it
		"--kubeconfig="+plane.kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--controllers=deployment-controller,replicaset-controller,endpointslice-controller,garbage-collector-controller,namespace-controller,job-controller")
	log, err := os.Create(filepath.Join(plane.folder, "kube-controller-manager.log"))
	if err != nil {
		return stop, err
	}
	controllers.Stdout, controllers.Stderr = log, log
	if err := controllers.Start(); err != nil {
		return stop, err
	}
	stops = append(stops, func() { end(controllers) })
	return stop, nil
}

// end asks a process to end, and insists after a while.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(75*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait()
}

// writeKubeconfig writes a file by which programs use the API server as config says.
func writeKubeconfig(path string, config *rest.Config) error {
	out := clientcmdapi.NewConfig()
	out.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	out.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, TokenFile: config.BearerTokenFile}
	out.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	out.CurrentContext = "test"
	return clientcmd.WriteToFile(*out, path)
}

// Pods have addresses 10.x.y.z in the cluster. The API server refuses loopback addresses as endpoints, and without rights
// over the network there are no others, so each stands for 127.x.y.z. x and y tell runs on one machine apart.
var podNetwork = fmt.Sprintf("%d.%d.", 64+os.Getpid()>>8&127, os.Getpid()&255)

func podAddress(number int) string { return fmt.Sprintf("10.%s%d", podNetwork, number) }

// real is the address of this machine that an address of the cluster stands for.
func real(address string) string {
	if rest, ok := strings.CutPrefix(address, "10."); ok {
		return "127." + rest
	}
	return address
}

// tunnel is the network between the API server and pods: a proxy that understands CONNECT alone.
func tunnel(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	pod, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(r.Context(), "tcp", real(r.Host))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer pod.Close()
	caller, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer caller.Close()
	if _, err := io.WriteString(caller, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	for _, ends := range [][2]net.Conn{{pod, caller}, {caller, pod}} {
		go func() {
			_, _ = io.Copy(ends[0], ends[1])
			done <- struct{}{}
		}()
	}
	<-done
}
