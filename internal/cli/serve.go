package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/server"
)

// ServeOptions are those of `serve`.
type ServeOptions struct {
	Tool
	filenames   []string
	namespace   string
	bindAddress string
	// defaultDomain is served at the root, too.
	defaultDomain string
	// url is what the metadata name.
	url string
}

func (t Tool) newServe() *cobra.Command {
	o := &ServeOptions{Tool: t}
	c := &cobra.Command{
		Use:   "serve -f DIR",
		Short: "Answer decisions over HTTP from manifests",
		Long: `Answer decisions over HTTP from manifests: the decision server of the cluster, for the development of
applications. Every namespace in the manifests is a domain.

Manifests are read again when they change. While they cannot be read, the last good state goes on being
served. Everybody who can connect may ask, so the server binds to this machine only.`,
		Example: `  # The four samples
  kubectl remit serve -f config/samples

  # Ask it
  curl -s -H 'Content-Type: application/json' http://127.0.0.1:8180/domains/cin7/access/v1/evaluation -d '
    {"subject": {"type": "user", "id": "richard"}, "action": {"name": "read"},
     "resource": {"type": "purchase-order", "id": "PO-1"}}'`,
		Args: exactly(),
		RunE: run(o),
	}
	addFilenames(c, &o.filenames)
	c.Flags().StringVarP(&o.namespace, "namespace", "n", "default", "The namespace of objects that name none")
	c.Flags().StringVar(&o.bindAddress, "bind-address", "127.0.0.1:8180", "Where to listen")
	c.Flags().StringVar(&o.defaultDomain, "default-domain", "", "The namespace of the domain that is served at the root, besides its own path")
	c.Flags().StringVar(&o.url, "decision-url", "", "The URL at which applications reach the server, for AuthZEN's metadata (default: the host that each of them asks)")
	return c
}

// Complete has nothing to fill in.
func (o *ServeOptions) Complete([]string) error { return nil }

// Validate refuses to let other machines ask.
func (o *ServeOptions) Validate() error {
	if len(o.filenames) == 0 {
		return usagef("-f is required: the manifests to serve")
	}
	return validateLoopback(o.bindAddress, "127.0.0.1:8180")
}

// validateLoopback refuses an address that other machines can connect to.
func validateLoopback(address, example string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return usagef("--bind-address %s: %v", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return usagef("--bind-address %s: must be an address of this machine alone, such as %s, because everybody who can connect may ask", address, example)
	}
	return nil
}

// Run serves until ctx is done.
func (o *ServeOptions) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes, err := watch(ctx, o.filenames) // before reading: no change is missed
	if err != nil {
		return fmt.Errorf("watch the manifests: %w", err)
	}
	objects, err := readManifests(o.filenames, o.namespace)
	if err != nil {
		return err
	}
	domains := newServed(o.Clock)
	if _, err := domains.put(objects); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.bindAddress)
	if err != nil {
		return err
	}
	s, err := server.New(domains, server.Options{
		Listener: listener, PlainHTTP: true, Authn: server.AuthnNone, Clock: o.Clock,
		LoopbackHosts: true, DefaultDomain: o.defaultDomain, URL: o.url,
		Log: logr.FromSlogHandler(slog.NewTextHandler(o.ErrOut, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "Serving %s at http://%s; Ctrl-C stops\n", domains, listener.Addr())
	for _, namespace := range sortedKeys(objects) {
		fmt.Fprintf(o.Out, "  http://%s/domains/%s/access/v1/evaluation\n", listener.Addr(), namespace)
	}
	domains.warn(o.ErrOut)

	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		for range changes {
			o.reload(domains)
		}
	}()
	err = s.Start(ctx)
	stop()
	<-reloaded
	return err
}

// reload serves what the manifests are now, and says so.
func (o *ServeOptions) reload(domains *served) {
	changed := false
	objects, err := readManifests(o.filenames, o.namespace)
	if err == nil {
		changed, err = domains.put(objects)
	}
	switch {
	case err != nil:
		domains.stale()
		fmt.Fprintf(o.ErrOut, "error: %v\nThe last good state is still served.\n", err)
	case changed:
		fmt.Fprintf(o.Out, "Reloaded: %s\n", domains)
		domains.warn(o.ErrOut)
	}
}
