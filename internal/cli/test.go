package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/permissiontest"
	"github.com/remit-authz/remit/internal/query"
)

// TestOptions are those of `test`.
type TestOptions struct {
	Tool
	paths    []string
	junit    string
	only     string
	watch    bool
	verbose  bool
	strict   bool
	coverage bool

	matching *regexp.Regexp
}

func (t Tool) newTest() *cobra.Command {
	o := &TestOptions{Tool: t}
	cmd := &cobra.Command{
		Use:   "test FILE|DIR…",
		Short: "Run PermissionTest files",
		Long: `Run PermissionTest files: expectations of what manifests decide. In a folder all of them are found, however
deep; files that hold none are skipped.

Failures are printed with what was expected and what came; the last line counts. A file that cannot be read
counts as one failure; the others run all the same. A name that the manifests do not have is warned of, with the
nearest that they do, unless the test expects a reason that says so.

Exit codes: 0 all passed, 1 some failed, or with --strict some warned, 2 a file could not be read.`,
		Example: `  # All tests of the samples
  kubectl remit test config/samples

  # One file
  kubectl remit test config/samples/cin7/tests/cin7.test.yaml

  # Those of a name, each with its result, and what no test of the samples uses
  kubectl remit test config/samples --run 'erp/.*order' -v
  kubectl remit test config/samples --coverage

  # While writing them
  kubectl remit test permissions --watch

  # In CI
  kubectl remit test config/samples --junit report.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("takes one or more files or folders")
			}
			return nil
		},
		RunE: run(o),
	}
	cmd.Flags().StringVar(&o.junit, "junit", "", "Write a JUnit report to this file, too")
	cmd.Flags().StringVar(&o.only, "run", "", "Run only tests whose name, as PERMISSIONTEST/TEST, matches this regular expression")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "Print the tests that pass, too")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "Fail on names that the manifests do not have")
	cmd.Flags().BoolVar(&o.coverage, "coverage", false, "Tell which roles, special permissions and user permissions decide in no test, and which actions none asks about")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Run again whenever the files, or the manifests that they name, change; ends with Ctrl-C")
	return cmd
}

// Complete takes the paths.
func (o *TestOptions) Complete(args []string) error {
	o.paths = args
	return nil
}

// Validate reads --run.
func (o *TestOptions) Validate() error {
	if o.only == "" {
		return nil
	}
	var err error
	if o.matching, err = regexp.Compile(o.only); err != nil {
		return usagef("--run: %v", err)
	}
	return nil
}

// Run runs the tests, once or, with --watch, after every change until ctx is done.
func (o *TestOptions) Run(ctx context.Context) error {
	if !o.watch {
		return o.runOnce(ctx)
	}
	for {
		until, stop := context.WithCancel(ctx)
		changes, err := watch(until, slices.Concat(o.paths, permissiontest.Manifests(o.paths)))
		if err != nil {
			stop()
			return fmt.Errorf("watch the files: %w", err)
		}
		if err := o.runOnce(until); err != nil && !errors.Is(err, errNegative) && ctx.Err() == nil {
			fmt.Fprintf(o.ErrOut, "error: %v\n", err)
		}
		fmt.Fprintf(o.Out, "%s Waiting for changes.\n\n", o.Clock.Now().Format(time.TimeOnly))
		_, more := <-changes
		stop() // what the tests name may have changed, too
		if !more {
			return nil
		}
	}
}

// runOnce runs file by file and prints what failed.
func (o *TestOptions) runOnce(ctx context.Context) error {
	runner := permissiontest.Runner{Clock: o.Clock, Only: o.matching}
	passed, failed, warned := 0, 0, 0
	var all []permissiontest.Result
	var unreadable []error
	problem := func(err error) {
		unreadable = append(unreadable, err)
		fmt.Fprintf(o.Out, "%s %s\n\n", o.palette().paint(red, "ERROR"), indented(err.Error()))
	}
	for _, path := range o.paths {
		files, err := manifests.Files([]string{path})
		if err != nil {
			problem(err)
			continue
		}
		found := false
		for _, file := range files {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			results, err := runner.Run(file)
			if err != nil {
				problem(err)
			}
			found = found || len(results) > 0 || err != nil || o.matching != nil
			all = append(all, results...)
			for i := range results {
				warned += o.printWarnings(&results[i])
				if results[i].Passed() {
					passed++
					o.printPassed(&results[i])
					continue
				}
				failed++
				o.printFailure(&results[i])
			}
		}
		if !found {
			problem(fmt.Errorf("%s: no %s in it", path, permissiontest.Kind))
		}
	}
	if o.matching != nil && len(all)+len(unreadable) == 0 {
		problem(fmt.Errorf("--run %s: no test has such a name, as PERMISSIONTEST/TEST", o.only)) // a check of nothing would pass
	}
	if o.coverage {
		o.printCoverage(runner.Coverage())
	}
	fmt.Fprintf(o.Out, "%d passed, %d failed\n", passed, failed+len(unreadable))
	if err := o.writeJUnit(all, unreadable); err != nil {
		return err
	}
	switch {
	case len(unreadable) > 0:
		return errors.New("some tests could not be run")
	case failed > 0, o.strict && warned > 0:
		return errNegative
	}
	return nil
}

// writeJUnit writes the report that --junit asks for.
func (o *TestOptions) writeJUnit(results []permissiontest.Result, unreadable []error) error {
	if o.junit == "" {
		return nil
	}
	file, err := os.Create(o.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return errors.Join(permissiontest.WriteJUnit(file, results, unreadable), file.Close())
}

// printFailure prints where the test is, and every key that is not as expected.
func (o *TestOptions) printFailure(r *permissiontest.Result) {
	fmt.Fprintf(o.Out, "%s  %s:%d: %s\n", o.palette().paint(red, "FAIL"), r.File, r.Line, r.Test)
	for _, line := range r.Lines() {
		fmt.Fprintf(o.Out, "      %s\n", indented(line))
	}
	fmt.Fprintln(o.Out)
}

// printWarnings prints the names that the manifests do not have, and returns their number.
func (o *TestOptions) printWarnings(r *permissiontest.Result) int {
	for _, warning := range r.Warnings {
		fmt.Fprintf(o.ErrOut, "%s:%d: warning: %s: %s\n", r.File, r.Line, r.Test, warning)
	}
	return len(r.Warnings)
}

func (o *TestOptions) printPassed(r *permissiontest.Result) {
	if o.verbose {
		fmt.Fprintf(o.Out, "%s  %s:%d: %s\n", o.palette().paint(green, "ok  "), r.File, r.Line, r.Test)
	}
}

// printCoverage prints what no test uses.
func (o *TestOptions) printCoverage(all []permissiontest.Coverage) {
	for i := range all {
		c := &all[i]
		fmt.Fprintf(o.Out, "%s:\n", query.Listed(c.Manifests))
		for _, line := range []struct {
			what       string
			used, rest []string
		}{
			{"roles, special permissions and user permissions that decide in a test", c.Deciding, c.Others},
			{"actions of resource types that a test asks about", c.Asked, c.Unasked},
		} {
			fmt.Fprintf(o.Out, "  %d of %d %s\n", len(line.used), len(line.used)+len(line.rest), line.what)
			if len(line.rest) > 0 {
				fmt.Fprintf(o.Out, "    not: %s\n", query.Listed(line.rest))
			}
		}
		fmt.Fprintln(o.Out)
	}
}

// indented sets the further lines of a text below its first, behind FAIL and ERROR.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n      ") }
