package filter_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program finds a server's program on the PATH or in folders given as patterns.
func program(name string, folders ...string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err == nil && len(found) > 0 {
			return slices.Max(found), true
		}
	}
	return "", false
}

// serverFolder makes a folder for a server that refuses to be run by root, and gives the user to run it as.
func serverFolder(t *testing.T) (string, *syscall.SysProcAttr) {
	folder := t.TempDir()
	if os.Geteuid() != 0 {
		return folder, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("run by root, and there is no other user: %v", err)
	}
	uid, uidErr := strconv.Atoi(nobody.Uid)
	gid, gidErr := strconv.Atoi(nobody.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chmod(filepath.Dir(folder), 0o755), os.Chown(folder, uid, gid)); err != nil {
		t.Fatal(err)
	}
	return folder, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// run runs a program to its end.
func run(t *testing.T, folder string, as *syscall.SysProcAttr, name string, args ...string) {
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.SysProcAttr = folder, as
	command.Env = append(os.Environ(), "LC_ALL=C")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

// serve runs a server until the test ends, and waits for the line that says that it is ready.
func serve(t *testing.T, folder string, as *syscall.SysProcAttr, ready, name string, args ...string) {
	command := exec.Command(name, args...)
	command.Dir, command.SysProcAttr = folder, as
	command.Env = append(os.Environ(), "LC_ALL=C")
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	isReady, ended := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(io.TeeReader(output, &log))
		for lines.Scan() {
			if strings.Contains(lines.Text(), ready) {
				isReady <- true
				break
			}
		}
		if _, err := io.Copy(io.Discard, output); err != nil {
			return // the server has ended
		}
	}()
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stopping %s: %v", name, err)
		}
		<-ended
		if err := command.Wait(); err != nil {
			t.Logf("%s: %v", name, err)
		}
	})
	select {
	case <-isReady:
	case <-ended:
		t.Fatalf("%s ended:\n%s", name, &log)
	case <-time.After(time.Minute):
		t.Fatalf("%s is not ready after a minute", name)
	}
}
