package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// confinement limits the memory of a process by a cgroup, as a pod's limit does: beyond it the kernel ends the process.
type confinement struct {
	// how tells the reader what limits the memory; folder is the cgroup's.
	how, folder string
	peakFile    string
}

// confine makes a cgroup below that of this process. Where none can be made, nothing is limited, and how says so.
func confine(bytes int64) (*confinement, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	var failed error
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		name := fmt.Sprintf("remit-soak-%d", os.Getpid())
		var c *confinement
		var limits map[string]int64
		switch fields[1] {
		case "memory":
			c = &confinement{how: "cgroup v1", folder: filepath.Join("/sys/fs/cgroup/memory", fields[2], name), peakFile: "memory.max_usage_in_bytes"}
			limits = map[string]int64{"memory.limit_in_bytes": bytes}
		case "":
			c = &confinement{how: "cgroup v2", folder: filepath.Join("/sys/fs/cgroup", fields[2], name), peakFile: "memory.peak"}
			limits = map[string]int64{"memory.max": bytes, "memory.swap.max": 0}
		default:
			continue
		}
		if err := c.make(limits); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		return c, nil
	}
	return &confinement{how: fmt.Sprintf("not limited, only watched: %v", failed)}, nil
}

func (c *confinement) make(limits map[string]int64) error {
	if err := os.Mkdir(c.folder, 0o755); err != nil {
		return err
	}
	for file, limit := range limits {
		if err := os.WriteFile(filepath.Join(c.folder, file), []byte(strconv.FormatInt(limit, 10)), 0o600); err != nil {
			c.remove()
			return err
		}
	}
	return nil
}

// program is a program that puts itself into the cgroup and then is another one.
func (c *confinement) program(path string) (string, error) {
	if c.folder == "" {
		return path, nil
	}
	wrapper := filepath.Join(folder, "confined.sh")
	script := fmt.Sprintf("#!/bin/sh\necho $$ > %s/cgroup.procs && exec %s \"$@\"\n", c.folder, path)
	return wrapper, os.WriteFile(wrapper, []byte(script), 0o700)
}

// peak is the most memory that the cgroup has had, or else the process.
func (c *confinement) peak(m *manager) int64 {
	if text, err := os.ReadFile(filepath.Join(c.folder, c.peakFile)); c.folder != "" && err == nil {
		if bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return bytes
		}
	}
	_, peak := m.memory()
	return peak
}

func (c *confinement) remove() {
	if c.folder != "" {
		_ = os.Remove(c.folder)
	}
}

// yieldProcessors gives the children of this process a low priority: etcd and the API server, which in a cluster would
// have processors of their own.
func yieldProcessors() error {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name may have spaces
		if fields := strings.Fields(rest); len(fields) < 2 || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		threads, err := filepath.Glob(filepath.Join(filepath.Dir(file), "task", "*"))
		errs = append(errs, err)
		for _, thread := range threads {
			id, err := strconv.Atoi(filepath.Base(thread))
			errs = append(errs, err, syscall.Setpriority(syscall.PRIO_PROCESS, id, 10)) // of the thread, for Linux
		}
	}
	return errors.Join(errs...)
}
