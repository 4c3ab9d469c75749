package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inFolder gives the test a project's root of its own, with the folder for logs.
func inFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestProcessThatEndsByItselfIsReported(t *testing.T) {
	inFolder(t)
	failed := make(chan error, 1)
	p, err := start("victim", func(cause error) { failed <- cause }, "/bin/sh", "-c", "echo one; echo two >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	cause := (<-failed).Error()
	for _, want := range []string{"victim is gone", "exit status 3", logFile("victim"), "one\n  two"} {
		if !strings.Contains(cause, want) {
			t.Errorf("the cause is %q, want it to contain %q", cause, want)
		}
	}
	p.stop() // after the end, it returns at once
}

func TestProcessThatIsStoppedIsNotReported(t *testing.T) {
	inFolder(t)
	p, err := start("sleeper", func(cause error) { t.Errorf("reported: %v", cause) }, "/bin/sh", "-c", "exec sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	if state := p.cmd.ProcessState; state == nil || state.Success() {
		t.Errorf("after stop the process is %v, want it ended by a signal", state)
	}
}

func TestFreeTellsThatAPortIsInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := free(t.Context(), address); err == nil || err.Error() != "the port is in use" {
		t.Errorf("free gives %v while somebody listens", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := free(t.Context(), address); err != nil {
		t.Errorf("free gives %v when nobody listens", err)
	}
}

func TestTailGivesTheLastLines(t *testing.T) {
	inFolder(t)
	tests := map[string]struct{ content, want string }{
		"fewer than asked for": {"a\nb\n", "  a\n  b"},
		"more than asked for":  {"a\nb\nc\nd\n", "  b\n  c\n  d"},
		"nothing":              {"", "  "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(logFile("x"), []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := tail(logFile("x"), 3); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// brokenPipe names, to the test's own process, the file that says that it came to its end.
const brokenPipe = "REMIT_DEV_BROKEN_PIPE"

// TestBrokenPipeEndsInOrder: who reads the output is gone, and what has to be stopped is stopped all the same.
func TestBrokenPipeEndsInOrder(t *testing.T) {
	if file := os.Getenv(brokenPipe); file != "" {
		ctx := interruptible()
		for ctx.Err() == nil {
			say("still here")
		}
		say("Stopping")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ended")
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestBrokenPipeEndsInOrder$")
	command.Env = append(os.Environ(), brokenPipe+"="+file)
	command.Stdout, command.Stderr = write, write
	failure := command.Run() // its own last words fail, too
	if _, err := os.Stat(file); err != nil {
		t.Errorf("it did not come to its end: %v, %v", failure, err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
}
