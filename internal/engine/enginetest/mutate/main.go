// Command mutate checks that the engine's tests prove something: it breaks the engine on purpose, one change
// at a time, in a work tree of its own, and runs the tests on each. A change that no test notices is a rule
// that is not proved.
//
//	go run ./internal/engine/enginetest/mutate [-only S9] [-ref HEAD] [-both]
//
// It prints for every change which named rule test and which property test noticed it first, and exits with
// 1 if one went unnoticed or does not apply to the code any more.
package main

import (
	"bytes"
	"context"
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
	only := flag.String("only", "", "run the changes whose `rule` matches this regular expression")
	ref := flag.String("ref", "HEAD", "the `commit` to break")
	both := flag.Bool("both", false, "run the property tests on changes that a rule test noticed, too")
	flag.Parse()
	if err := run(ctx, os.Stdout, *ref, *only, *both); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, out io.Writer, ref, only string, both bool) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	tree := filepath.Join(folder, "tree")
	if text, err := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", tree, ref).CombinedOutput(); err != nil {
		return fmt.Errorf("adding a work tree: %w: %s", err, text)
	}
	defer func() {
		// The context may be over; this has to run all the same.
		_ = exec.Command("git", "worktree", "remove", "--force", tree).Run() //nolint:noctx // see above
		_ = os.RemoveAll(folder)
	}()

	if err := fit(tree); err != nil {
		return err
	}
	caught, total := 0, 0
	var escaped []string
	for _, m := range mutations {
		if !wanted.MatchString(m.rule) {
			continue
		}
		total++
		v, err := try(ctx, tree, m, both)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-10s %-34s rules: %-44s proofs: %s\n", m.rule, m.what, v.rules, v.proofs)
		if v.caught() {
			caught++
		} else {
			escaped = append(escaped, m.rule+" "+m.what)
		}
	}
	fmt.Fprintf(out, "%d of %d changes were noticed\n", caught, total)
	if len(escaped) > 0 {
		return fmt.Errorf("not noticed: %s", strings.Join(escaped, "; "))
	}
	return nil
}

// fit says whether every change applies to the code as it is.
func fit(tree string) error {
	var stale []error
	for _, m := range mutations {
		sound, err := os.ReadFile(filepath.Join(tree, "internal", m.file))
		if err != nil {
			return err
		}
		if n := bytes.Count(sound, []byte(m.old)); n != 1 {
			stale = append(stale, fmt.Errorf("%s, %s: the text to change is %d times in %s: bring the list up to date", m.rule, m.what, n, m.file))
		}
	}
	return errors.Join(stale...)
}

// verdict is the first test of each sort that failed; "-" for none.
type verdict struct{ rules, proofs string }

func (v verdict) caught() bool { return v.rules != "-" || v.proofs != "-" }

// try applies a change, runs the tests and takes the change back.
func try(ctx context.Context, tree string, m mutation, both bool) (verdict, error) {
	path := filepath.Join(tree, "internal", m.file)
	sound, err := os.ReadFile(path)
	if err != nil {
		return verdict{}, err
	}
	if err := os.WriteFile(path, bytes.Replace(sound, []byte(m.old), []byte(m.with), 1), 0o600); err != nil {
		return verdict{}, err
	}
	v, err := test(ctx, tree, both)
	if err != nil {
		return verdict{}, fmt.Errorf("%s, %s: %w", m.rule, m.what, err)
	}
	return v, os.WriteFile(path, sound, 0o600)
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

func test(ctx context.Context, tree string, both bool) (verdict, error) {
	binary := filepath.Join(tree, "engine.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-o", binary, "./internal/engine")
	build.Dir = tree
	if text, err := build.CombinedOutput(); err != nil {
		return verdict{}, fmt.Errorf("it does not compile: %w\n%s", err, text)
	}
	first := func(arguments ...string) (string, error) {
		command := exec.CommandContext(ctx, binary, append(arguments, "-test.timeout=3m", "-test.failfast")...)
		command.Dir = filepath.Join(tree, "internal", "engine")
		command.Env = append(os.Environ(), "REMIT_PROOF_DOMAINS=60", "REMIT_PROOF_REQUESTS=9000")
		text, err := command.CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return "-", nil
		case !errors.As(err, &exit) || ctx.Err() != nil:
			return "", err
		}
		if found := failure.FindAllSubmatch(text, 2); len(found) > 0 {
			return string(found[len(found)-1][1]), nil
		}
		return "panic or timeout", nil
	}
	v := verdict{proofs: "not needed"}
	var err error
	if v.rules, err = first("-test.run=^Test", "-test.skip=^TestProof"); err == nil && (both || v.rules == "-") {
		v.proofs, err = first("-test.run=^TestProof")
	}
	return v, err
}
