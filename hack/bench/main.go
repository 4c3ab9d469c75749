// Command bench measures Remit beside other engines and servers, and at the size of a large company. It runs
// in the project's root; docs/benchmarks.md tells what is measured and how.
//
//	bench peers     the same questions to Remit's engine and to other engines, in this process
//	bench server    the same client against Remit's decision server and other servers
//	bench scale     the manager with a domain of 100,000 users, on a real API server
//	bench soak      hostile and ordinary requests together, against a manager with little memory
//	bench report    the results as tables in docs/benchmarks.md
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// folder is where results, logs and the programs of other projects are.
const folder = "bin/bench"

func main() {
	commands := map[string]func(context.Context, []string) error{
		"peers": peersCommand, "server": serverCommand, "scale": scaleCommand, "soak": soakCommand, "report": reportCommand,
		"bare": bareCommand, "attack": attackCommand, // processes of `bench server` and `bench soak`
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "Usage: bench peers|server|scale|soak|report [flags]; -h after a command shows its flags")
		os.Exit(2)
	}
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// resultFile is where the results of a command are.
func resultFile(command string) string { return filepath.Join(folder, command+".json") }

func writeResults(command string, results any) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(resultFile(command), append(text, '\n'), 0o644)
}

var started = time.Now()

// say tells the reader what is going on, with the time since the start.
func say(format string, args ...any) {
	fmt.Printf("%7.1fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}
