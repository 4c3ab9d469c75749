// Command mutate checks that the tests prove something: it changes the meaning of the code, one change at a time, and
// runs the tests on each. A change that no test notices is a rule that is not proved.
//
//	make mutate MUTATE='S9|walk_covers'
//
// It builds on overlays, so that the working tree stays as it is, and tests only the packages that testedBy names,
// until one fails. What it has caught is kept in a file, and not tried again until the changed file changes: an
// interrupted run goes on where it was, and after adding a test only the survivors run. It prints which test noticed
// each change, and exits with 1 if one survived or does not compile.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // it is the program's own
	defer stop()
	only := flag.String("only", "", "run the changes whose rule, name or file match this `regular expression`")
	caught := flag.String("caught", "bin/mutate-caught.txt", "the `file` that keeps what has been caught")
	flag.Parse()
	if err := run(ctx, os.Stdout, *only, *caught); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, out io.Writer, only, caughtFile string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	r := runner{builds: map[string]bool{}}
	if r.root, err = os.Getwd(); err != nil {
		return err
	}
	if r.folder, err = os.MkdirTemp("", "mutate"); err != nil {
		return err
	}
	defer os.RemoveAll(r.folder) //nolint:errcheck // it is temporary
	known, err := readCaught(caughtFile)
	if err != nil {
		return err
	}
	caught, notRun := 0, 0
	var survivors []string
	for i := range mutations {
		m := &mutations[i]
		if !wanted.MatchString(m.String()) {
			continue
		}
		if ctx.Err() != nil {
			notRun++
			continue
		}
		mutated, err := m.apply(r.root)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("%x", sha256.Sum256(append([]byte(m.file+"\n"), mutated...)))
		test, before := known[key]
		if !before {
			if test, err = r.try(ctx, m, mutated); ctx.Err() != nil {
				notRun++
				continue
			} else if err != nil {
				test = ""
				fmt.Fprintf(out, "%s: %v\n", m, err)
			}
		}
		if test == "" {
			survivors = append(survivors, m.String())
			fmt.Fprintf(out, "SURVIVED  %s\n", m)
			continue
		}
		caught++
		if !before {
			fmt.Fprintf(out, "caught    %s: %s\n", m, test)
			if err := addCaught(caughtFile, key, test); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(out, "%d changes: %d caught, %d survived, %d not run\n", caught+len(survivors)+notRun, caught, len(survivors), notRun)
	if len(survivors) > 0 {
		return fmt.Errorf("not noticed:\n  %s", strings.Join(survivors, "\n  "))
	}
	return ctx.Err()
}

func (m *mutation) String() string { return fmt.Sprintf("%s, %s (%s)", m.rule, m.what, m.file) }

// apply returns the changed file. The text to change must be in it once.
func (m *mutation) apply(root string) ([]byte, error) {
	sound, err := os.ReadFile(m.path(root))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(sound, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: the text to change is there %d times, bring the list up to date", m, n)
	}
	return bytes.Replace(sound, []byte(m.old), []byte(m.with), 1), nil
}

func (m *mutation) path(root string) string { return filepath.Join(root, "internal", m.file) }

// runner builds and runs tests on changes.
type runner struct {
	root, folder string
	builds       map[string]bool // packages whose tests have passed on the code as it is
}

// try returns the first test that notices a change; empty if none does.
func (r *runner) try(ctx context.Context, m *mutation, mutated []byte) (test string, err error) {
	changed, overlay := filepath.Join(r.folder, "changed.go"), filepath.Join(r.folder, "overlay.json")
	if err := os.WriteFile(changed, mutated, 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{m.path(r.root): changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	for _, name := range testedBy(m.file) {
		if !r.builds[name] {
			switch test, err := r.test(ctx, name, ""); {
			case err != nil:
				return "", err
			case test != "":
				return "", fmt.Errorf("%s fails in internal/%s without any change", test, name)
			}
			r.builds[name] = true
		}
		if test, err = r.test(ctx, name, overlay); err != nil || test != "" {
			return test, err
		}
	}
	return "", nil
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test returns the first test of a package that fails; empty if none does.
func (r *runner) test(ctx context.Context, name, overlay string) (string, error) {
	binary := filepath.Join(r.folder, "tests")
	// Optimising takes longer than the tests do.
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-gcflags=-N -l -dwarf=false",
		"-overlay="+overlay, "-o", binary, "./internal/"+name)
	build.Dir = r.root
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, text)
	}
	for _, tests := range [][]string{{"-test.run=^Test", "-test.skip=" + slowTests}, {"-test.run=" + slowTests}} {
		command := exec.CommandContext(ctx, binary, append(tests, "-test.short", "-test.failfast", "-test.timeout=4m")...)
		command.Dir = filepath.Join(r.root, "internal", name)
		command.Env = append(os.Environ(), "REMIT_PROOF_DOMAINS=60", "REMIT_PROOF_REQUESTS=9000")
		text, err := command.CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil:
			continue
		case !errors.As(err, &exit) || ctx.Err() != nil:
			return "", err
		}
		if found := failure.FindAllSubmatch(text, 2); len(found) > 0 {
			return string(found[len(found)-1][1]), nil
		}
		return "panic or timeout", nil
	}
	return "", nil
}

// readCaught reads the tests that noticed changes, by the changed files' hashes.
func readCaught(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, test, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			known[key] = test
		}
	}
	return known, nil
}

func addCaught(path, key, test string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s\n", key, test)
	return errors.Join(err, file.Close())
}
