package testcluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// node stands in for a node with its kubelet, and for the scheduler: it runs the manager's pods as processes of this machine,
// each with a token of its ServiceAccount that is bound to the pod, and no other rights; projects the Secret of the volume; asks
// the probes as often as the pod says; and tells the API server.
type node struct {
	name   string
	binary string
	mu     sync.Mutex
	pods   map[types.UID]bool
	number int
	wait   sync.WaitGroup
}

// startNode has the pods of a namespace run until the test ends.
func startNode(t *testing.T, namespace string) {
	t.Helper()
	binary, err := filepath.Abs("../../bin/manager")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: "stand-in", binary: binary, pods: map[types.UID]bool{}}
	object := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name}}
	if err := plane.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.wait.Go(func() { n.run(ctx, t, namespace) })
	t.Cleanup(func() {
		stop()
		n.wait.Wait()
	})
}

func (n *node) run(ctx context.Context, t *testing.T, namespace string) {
	every(ctx, 200*time.Millisecond, func() {
		pods := &corev1.PodList{}
		if err := plane.List(ctx, pods, client.InNamespace(namespace)); err != nil {
			return
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if n.pods[pod.UID] {
				continue
			}
			n.pods[pod.UID] = true
			n.number++
			address := podAddress(n.number)
			n.wait.Go(func() {
				if err := n.runPod(ctx, pod, address); err != nil && ctx.Err() == nil {
					t.Errorf("pod %s: %v", pod.Name, err)
				}
			})
		}
	})
}

// every calls f now and then until the context ends.
func every(ctx context.Context, period time.Duration, f func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// runPod returns when the pod is gone.
func (n *node) runPod(ctx context.Context, pod *corev1.Pod, address string) (err error) {
	if pod.Spec.NodeName == "" {
		if err := plane.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: n.name}}); err != nil {
			return err
		}
	}
	folder := filepath.Join(plane.folder, string(pod.UID))
	container := &pod.Spec.Containers[0]
	certs := filepath.Join(folder, "certs")
	if err := os.MkdirAll(certs, 0o700); err != nil {
		return err
	}
	if len(container.Command) > 0 {
		return n.runCommand(ctx, pod, address, certs)
	}
	// The ServiceAccount's token, and nothing else.
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}}
	if err := plane.SubResource("token").Create(ctx, account, token); err != nil {
		return fmt.Errorf("its token: %w", err)
	}
	tokenFile, kubeconfig := filepath.Join(folder, "token"), filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(tokenFile, []byte(token.Status.Token), 0o600); err != nil {
		return err
	}
	config := &rest.Config{Host: plane.config.Host, TLSClientConfig: rest.TLSClientConfig{CAData: plane.config.CAData}, BearerTokenFile: tokenFile}
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	args := []string{"--kubeconfig=" + kubeconfig, "--namespace=" + pod.Namespace, "--webhook-host=" + real(address)}
	for _, arg := range container.Args {
		arg = strings.Replace(arg, "address=:", "address="+real(address)+":", 1)
		args = append(args, strings.Replace(arg, "/certs", certs, 1))
	}
	cmd := exec.Command(n.binary, args...) //nolint:noctx // it is ended by a signal, as a kubelet does
	for _, variable := range container.Env {
		cmd.Env = append(cmd.Env, variable.Name+"="+variable.Value)
	}
	log, err := os.Create(filepath.Join(plane.folder, pod.Name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}

	alive, dies := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { every(alive, 2*time.Second, func() { _ = project(alive, pod, certs) }) })
	started, ready := false, false
	reported := n.report(ctx, pod, address, false) == nil
	every(alive, time.Second, func() {
		now := &corev1.Pod{}
		if err := plane.Get(alive, client.ObjectKeyFromObject(pod), now); apierrors.IsNotFound(err) || err == nil && (now.UID != pod.UID || now.DeletionTimestamp != nil) {
			dies()
			return
		}
		probe := container.ReadinessProbe
		if !started {
			probe = container.StartupProbe
		}
		answers := ask(alive, real(address), probe.HTTPGet.Path) == nil
		started = started || answers
		if answers != ready || !reported {
			ready = answers
			reported = n.report(alive, pod, address, ready) == nil
		}
	})
	dies()
	helpers.Wait()
	end(cmd)
	gone := plane.Delete(context.WithoutCancel(ctx), pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the manager ended with %d; %s", code, log.Name())
	}
	return client.IgnoreNotFound(gone)
}

// runCommand runs the pod of `helm test` as a command of this machine, which finds the Service by its endpoints.
func (n *node) runCommand(ctx context.Context, pod *corev1.Pod, address, certs string) error {
	if err := project(ctx, pod, certs); err != nil {
		return err
	}
	container := &pod.Spec.Containers[0]
	ready := readyEndpoints(ctx)
	if len(ready) == 0 {
		return errors.New("the Service has no endpoint")
	}
	args := []string{"--connect-to", "::" + ready[0] + ":8443"}
	for _, arg := range container.Command[1:] {
		args = append(args, strings.Replace(arg, "/certs", certs, 1))
	}
	phase := corev1.PodSucceeded
	out, err := exec.CommandContext(ctx, container.Command[0], args...).CombinedOutput()
	if err != nil {
		phase = corev1.PodFailed
		err = fmt.Errorf("%w: %s", err, out)
	}
	changed := pod.DeepCopy()
	changed.Status = corev1.PodStatus{Phase: phase, PodIP: address}
	return errors.Join(err, plane.Status().Patch(ctx, changed, client.MergeFrom(pod)))
}

// report writes the pod's status.
func (n *node) report(ctx context.Context, pod *corev1.Pod, address string, ready bool) error {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	now := metav1.Now()
	changed := pod.DeepCopy()
	changed.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}, StartTime: &now,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name, Ready: ready, Started: &ready, Image: pod.Spec.Containers[0].Image,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
	for _, condition := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
		changed.Status.Conditions = append(changed.Status.Conditions, corev1.PodCondition{Type: condition, Status: status, LastTransitionTime: now})
	}
	return plane.Status().Patch(ctx, changed, client.MergeFrom(pod))
}

// ask asks a probe.
func ask(ctx context.Context, address, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+":8081"+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Timeout: time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// project shows the Secret of the pod's volume as a kubelet does: files are links into a folder that is replaced at once.
func project(ctx context.Context, pod *corev1.Pod, folder string) error {
	volume := pod.Spec.Volumes[0].Secret
	secret := &corev1.Secret{}
	if err := plane.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: volume.SecretName}, secret); err != nil {
		return err
	}
	data := ".." + secret.ResourceVersion
	if now, err := os.Readlink(filepath.Join(folder, "..data")); err == nil && now == data {
		return nil
	}
	for _, item := range volume.Items {
		content, ok := secret.Data[item.Key]
		if !ok {
			return nil // it is optional
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(folder, data), 0o700), os.WriteFile(filepath.Join(folder, data, item.Path), content, 0o600)); err != nil {
			return err
		}
	}
	next := filepath.Join(folder, "..next")
	if err := errors.Join(os.Symlink(data, next), os.Rename(next, filepath.Join(folder, "..data"))); err != nil {
		return err
	}
	for _, item := range volume.Items {
		if err := os.Symlink(filepath.Join("..data", item.Path), filepath.Join(folder, item.Path)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// caller is a client of the decision server. The certificate has to be right.
func caller(certificates *tls.Config) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: certificates, MaxIdleConnsPerHost: 4}}
}
