// Package cli is kubectl remit: the engine's answers at the terminal, from the objects of a cluster or from
// manifests alone.
//
// Every command is an Options struct with Complete, which fills in what arguments and flags mean, Validate,
// which refuses what does not fit together, and Run.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/query"
)

// The exit codes.
const (
	// ExitSuccess: the answer is yes, or what was asked is done.
	ExitSuccess = 0
	// ExitNegative: the answer is no, a test failed, something differs.
	ExitNegative = 1
	// ExitError: there is no answer.
	ExitError = 2
	// ExitSome: the answer is yes for some records of a type.
	ExitSome = 3
)

// errNegative ends a command that has printed its answer, a negative one; errSome one whose answer is some.
var (
	errNegative = errors.New("the answer is no")
	errSome     = errors.New("the answer is some")
)

// Tool is what all commands share.
type Tool struct {
	genericiooptions.IOStreams
	// Clock tells the time of answers that are asked for no other.
	Clock clock.PassiveClock
	// Version of the program.
	Version string

	noColor *bool // the flag, once there is a root command
}

// Main runs the command line and gives the exit code.
func (t Tool) Main(ctx context.Context, args []string) int {
	root := t.NewCommand()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	_, isUsage := errors.AsType[*usageError](err)
	_, isMistake := errors.AsType[*query.Error](err)
	switch {
	case err == nil:
		return ExitSuccess
	case errors.Is(err, errNegative):
		return ExitNegative
	case errors.Is(err, errSome):
		return ExitSome
	case isUsage || isMistake:
		fmt.Fprintf(t.ErrOut, "error: %v\nSee '%s --help'.\n", err, command.CommandPath())
	default:
		fmt.Fprintf(t.ErrOut, "error: %v\n", err)
	}
	return ExitError
}

// commands make those of the program, in the order of the help.
var commands = []func(Tool) *cobra.Command{
	Tool.newCan,
	Tool.newExplain,
	Tool.newWhoCan,
	Tool.newWhatCan,
	Tool.newEffective,
	Tool.newRecords,
	Tool.newFilter,
	Tool.newDiff,
	Tool.newLint,
	Tool.newTest,
	Tool.newCEL,
	Tool.newSchema,
	Tool.newInit,
	Tool.newReset,
	Tool.newImport,
	Tool.newServe,
	Tool.newUI,
	Tool.newVersion,
}

// NewCommand makes the root command.
func (t Tool) NewCommand() *cobra.Command {
	cobra.EnableCommandSorting = false
	t.noColor = new(bool)
	root := &cobra.Command{
		Use:   "kubectl-remit",
		Short: "Ask what permissions allow, and why",
		Long: `Ask what permissions allow, and why.

The objects of a permission domain come from a cluster, read with your own rights, or with -f from manifests
alone. Either way they are evaluated here, by the engine that answers applications in the cluster.

Exit codes: 0 allow or success, 1 deny, failed tests or differences, 2 an error, 3 allowed on some records.`,
		Example: `  # Can richard read this purchase order? And why?
  kubectl remit can richard read purchase-order/PO-1 -n cin7

  # The same, from manifests alone
  kubectl remit can richard read purchase-order/PO-1 -f config/samples/cin7

  # Everything that a user can do
  kubectl remit effective leisa -n cin7`,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl remit"},
		Args:        noSuchCommand,
		RunE:        func(c *cobra.Command, _ []string) error { return c.Help() },
		// Errors are Main's to print, usage only where it helps.
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
	}
	root.SetIn(t.In)
	root.SetOut(t.Out)
	root.SetErr(t.ErrOut)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolVar(t.noColor, "no-color", false, "Never colour the output; without it, only a terminal gets colours")
	for _, command := range commands {
		root.AddCommand(command(t))
	}
	root.InitDefaultCompletionCmd()
	return root
}

// usageError is a command line that cannot be meant.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// flagError is about a flag. In kubectl, --context chooses a cluster.
func flagError(c *cobra.Command, err error) error {
	message := err.Error()
	if c.Flags().Lookup("kube-context") != nil && strings.Contains(message, "unknown flag: --context") {
		message += "; a context of the kubeconfig is chosen with --kube-context"
	}
	return &usageError{message}
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("unknown command %q", args[0])
	if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
		message += fmt.Sprintf("; did you mean %q?", similar[0])
	}
	return &usageError{message}
}

// options are those of one command.
type options interface {
	// Complete fills in what the arguments mean.
	Complete(args []string) error
	// Validate refuses what does not fit together.
	Validate() error
	// Run does what the command is for.
	Run(ctx context.Context) error
}

// run is what cobra calls for a command with these options.
func run(o options) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := o.Complete(args); err != nil {
			return err
		}
		if err := o.Validate(); err != nil {
			return err
		}
		return o.Run(c.Context())
	}
}

// exactly refuses another number of arguments; the names tell which are meant.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usagef("takes %s, not %d arguments", cmp.Or(strings.Join(names, " "), "no arguments"), len(args))
		}
		return nil
	}
}
