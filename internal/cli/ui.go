package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/console"
	"github.com/remit-authz/remit/internal/engine"
)

// UIOptions are those of `ui`.
type UIOptions struct {
	Tool
	source      source
	bindAddress string
	// flags repeat, for other commands, where the objects come from.
	flags []string

	mu    sync.Mutex
	state *console.State // of manifests: the last good one
}

func (t Tool) newUI() *cobra.Command {
	o := &UIOptions{Tool: t, source: newSource()}
	c := &cobra.Command{
		Use:   "ui",
		Short: "Show the permissions of a domain in the browser",
		Long: `Show the permissions of a domain in the browser: users and what they can do, resource types and who can use
them, explanations of decisions, and Permitted Documents for User.

The console serves this machine alone, until Ctrl-C. It changes nothing. The address that it prints contains a
token that signs the browser in. On a cluster, every page reads the objects anew with your own credentials;
manifests are read again when they change.`,
		Example: `  # On the cluster
  kubectl remit ui -n cin7

  # From manifests
  kubectl remit ui -f config/samples/erp`,
		Args: exactly(),
	}
	o.source.addFlags(c)
	c.Flags().StringVar(&o.bindAddress, "bind-address", "127.0.0.1:8181", "Where to listen; port 0 takes a free one")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.flags = o.source.sameFlags(c)
		return run(o)(c, args)
	}
	return c
}

// sameFlags repeat those that say where objects come from; none of them is a secret.
func (s *source) sameFlags(c *cobra.Command) []string {
	var flags []string
	for _, filename := range s.filenames {
		flags = append(flags, "-f", filename)
	}
	for _, name := range []string{"namespace", "kubeconfig", "kube-context", "cluster", "user", "server", "as", "as-uid"} {
		if flag := c.Flags().Lookup(name); flag != nil && flag.Changed {
			flags = append(flags, "--"+name, flag.Value.String())
		}
	}
	for _, group := range *s.kubeconfig.ImpersonateGroup {
		flags = append(flags, "--as-group", group)
	}
	return flags
}

// Complete has nothing to fill in.
func (o *UIOptions) Complete([]string) error { return nil }

// Validate refuses to show permissions to other machines.
func (o *UIOptions) Validate() error { return validateLoopback(o.bindAddress, "127.0.0.1:8181") }

// Run serves the console until ctx is done.
func (o *UIOptions) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var changes <-chan struct{}
	var err error
	if len(o.source.filenames) > 0 {
		if changes, err = watch(ctx, o.source.filenames); err != nil { // before reading: no change is missed
			return fmt.Errorf("watch the manifests: %w", err)
		}
	}
	first, err := o.read(ctx)
	if err != nil {
		return err
	}
	warn(o.ErrOut, first.Domain)
	o.state = first
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.bindAddress)
	if err != nil {
		return err
	}
	c := &console.Console{Options: console.Options{
		State: o.current, Source: o.from(), Flags: o.flags, Clock: o.Clock, Token: rand.Text(),
	}}
	fmt.Fprintf(o.Out, "The console shows the domain %s at\n  %s\nCtrl-C stops it.\n", first.Namespace, c.URL(listener))
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		for range changes {
			o.reload(ctx)
		}
	}()
	err = c.Serve(ctx, listener)
	stop()
	if changes != nil {
		<-reloaded
	}
	return err
}

// from says where the objects come from.
func (o *UIOptions) from() string {
	if len(o.source.filenames) > 0 {
		return strings.Join(o.source.filenames, ", ")
	}
	if config, _, err := o.source.config(); err == nil {
		return "the cluster " + config.Host
	}
	return "the cluster"
}

// read reads and compiles the domain. Who may read all but records is shown what does not depend on them.
func (o *UIOptions) read(ctx context.Context) (*console.State, error) {
	at := o.Clock.Now()
	objects, namespace, err := o.source.read(ctx)
	var incomplete error
	if forbidden, ok := errors.AsType[*forbiddenError](err); ok && slices.Equal(forbidden.resources, []string{"recordsets." + v1alpha1.GroupName}) {
		incomplete = err
		objects, namespace, err = o.source.read(ctx, engine.KindRecordSet)
	}
	if err != nil {
		return nil, err
	}
	return &console.State{Domain: engine.Compile(objects), Namespace: namespace, Read: at, Incomplete: incomplete}, nil
}

// current is the state that a page shows: that of the manifests as last read, or that of the cluster now.
func (o *UIOptions) current(ctx context.Context) (*console.State, error) {
	if len(o.source.filenames) == 0 {
		return o.read(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state, nil
}

// reload takes the manifests as they are now, or says why they cannot be read.
func (o *UIOptions) reload(ctx context.Context) {
	next, err := o.read(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		outdated := *o.state
		outdated.Outdated = err
		o.state = &outdated
		fmt.Fprintf(o.ErrOut, "error: %v\nThe last good state is still shown.\n", err)
		return
	}
	o.state = next
}
