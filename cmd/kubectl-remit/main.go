// Command kubectl-remit is kubectl's plugin for Remit, and a program of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/cli"
)

// version is stamped in by the build.
var version = "unknown"

// gcPercent lets the memory grow to four times of what is in use: 10,000 users take 100 MB then.
const gcPercent = 300

func main() {
	// The program is over before memory matters: collecting garbage less often makes it half as fast again.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	tool := cli.Tool{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Clock:     clock.RealClock{}, Version: version,
	}
	code := tool.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
