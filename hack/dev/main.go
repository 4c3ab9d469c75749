// Command dev runs Remit on this machine, for `make run`: etcd and kube-apiserver on free loopback ports,
// kube-controller-manager for garbage collection and the deletion of namespaces, the CRDs and webhooks, the
// manager with the rights that config/default gives it, and the samples. It shows what the samples' users may
// do, then waits. On SIGINT or SIGTERM it stops everything in order and removes what it stored; when one of
// the processes ends by itself, it says so with the end of its log, stops the others and fails.
//
// It runs in the project's root, with bin/manager built.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/remit-authz/remit/hack/render"
)

const (
	// folder is where everything lies that a run leaves behind for the reader: kubeconfig and logs.
	folder = "bin/dev"
	// patience is how long any one step of the start may take.
	patience = 2 * time.Minute
)

func main() {
	assets := flag.String("assets", os.Getenv("KUBEBUILDER_ASSETS"), "folder with kube-apiserver, kube-controller-manager and etcd")
	port := flag.Int("decision-port", 8443, "port of the decision server, on 127.0.0.1")
	flag.Parse()

	ctrl.SetLogger(logr.Discard())
	interrupted := interruptible()
	if err := run(interrupted, *assets, *port); err != nil && interrupted.Err() == nil {
		fmt.Fprintln(os.Stderr, "\nmake run:", err)
		os.Exit(1)
	}
}

// interruptible ends when the user wants an end. Who reads the output of `make run | tee log` is ended by the same Ctrl-C:
// writing to the pipe then must not end this process before it has stopped the others, and a pipe that nobody reads ends
// it like Ctrl-C.
func interruptible() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	return ctx
}

// run starts everything and returns nil when ctx ends, or why it could not go on. Either way it leaves no
// process behind.
func run(ctx context.Context, assets string, port int) (failure error) {
	release, err := lock()
	if err != nil {
		return err
	}
	defer release()
	decisions := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := free(ctx, decisions); err != nil {
		return fmt.Errorf("the decision server cannot listen on %s: %w; choose another port: make run DECISION_PORT=18443", decisions, err)
	}

	defer say("Stopped")

	// The context also ends, with the cause, when a process ends that should not.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer func() {
		// Whatever failed afterwards failed because of it.
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			failure = cause
		}
	}()

	objects, err := render.Kustomization("config/default")
	if err != nil {
		return err
	}
	webhooks, err := webhooksAmong(objects)
	if err != nil {
		return err
	}
	say("Starting etcd and kube-apiserver")
	plane, err := startControlPlane(ctx, assets, webhooks, fail)
	if err != nil {
		return err
	}
	defer plane.stop()

	if err := apply(ctx, plane.client, rulesAmong(objects)); err != nil {
		return fmt.Errorf("the manager's rights: %w", err)
	}

	say("Starting the manager")
	manager, err := startManager(ctx, plane, decisions, fail)
	if err != nil {
		return err
	}
	defer manager.stop()

	say("Applying config/samples")
	samples, err := render.Kustomization("config/samples")
	if err != nil {
		return err
	}
	if err := apply(ctx, plane.client, samples); err != nil {
		return fmt.Errorf("the samples: %w", err)
	}
	if err := waitForUsers(ctx, plane.client, samples); err != nil {
		return err
	}

	show(ctx, plane.client, decisions)
	<-ctx.Done()
	return nil
}

// lock sees to it that one run at a time uses the folder, and empties it.
func lock() (release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(folder+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close() //nolint:errcheck // nothing was written
		return nil, errors.New("another make run is at work in this checkout; end it first")
	}
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	// The control plane's own temporary folders belong to the data as well.
	data, err := filepath.Abs(filepath.Join(folder, "data"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Setenv("TMPDIR", data); err != nil {
		return nil, err
	}
	return func() {
		if err := os.RemoveAll(data); err != nil {
			fmt.Fprintln(os.Stderr, "make run:", err)
		}
		file.Close() //nolint:errcheck // it ends the lock; nothing was written
	}, nil
}

// free says why the address cannot be listened on, if it cannot.
func free(ctx context.Context, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return errors.New("the port is in use")
	}
	if err != nil {
		return err
	}
	return listener.Close()
}

var started = time.Now()

// say tells the reader what is going on, with the time since the start.
func say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}
