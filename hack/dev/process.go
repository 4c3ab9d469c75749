package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a process may take to stop before it is killed.
const grace = 10 * time.Second

// process is a child that logs to a file in the folder.
type process struct {
	cmd      *exec.Cmd
	ended    chan struct{}
	stopping atomic.Bool
}

// logFile is where the process of that name logs.
func logFile(name string) string { return filepath.Join(folder, name+".log") }

// start runs a program in a process group of its own, so that the terminal's Ctrl-C reaches it only through
// stop, in its turn. If the program ends before that, fail is told.
func start(name string, fail context.CancelCauseFunc, path string, args ...string) (*process, error) {
	log, err := os.Create(logFile(name))
	if err != nil {
		return nil, err
	}
	defer log.Close()                                                           //nolint:errcheck // the child has its own descriptor
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})} //nolint:noctx // stop ends it, in its turn
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go func() {
		err := p.cmd.Wait()
		close(p.ended)
		if !p.stopping.Load() {
			fail(died(name, err))
		}
	}()
	return p, nil
}

// stop asks the process to end, insists after a while, and returns when it has ended.
func (p *process) stop() {
	p.stopping.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.ended
		return
	}
	select {
	case <-p.ended:
	case <-time.After(grace):
		say("%s does not stop; killing it", filepath.Base(p.cmd.Path))
		p.cmd.Process.Kill() //nolint:errcheck // it fails only when the process has just ended
		<-p.ended
	}
}

// died is the error that a process ended by itself, with the end of its log.
func died(name string, err error) error {
	why := "it ended by itself"
	if err != nil {
		why = err.Error()
	}
	return fmt.Errorf("%s is gone (%s). The end of %s:\n%s", name, why, logFile(name), tail(logFile(name), 15))
}

// tail gives the last lines of a file, indented.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "  " + err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return indent(strings.Join(all[max(0, len(all)-lines):], "\n"))
}
