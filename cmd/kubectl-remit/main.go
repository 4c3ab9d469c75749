// Command kubectl-remit is kubectl's plugin for Remit, and a program of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/cli"
)

// version is stamped in by the build.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	tool := cli.Tool{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Clock:     clock.RealClock{}, Version: version,
	}
	code := tool.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
