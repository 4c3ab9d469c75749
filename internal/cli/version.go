package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// VersionOptions are those of `version`.
type VersionOptions struct{ Tool }

func (t Tool) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  exactly(),
		RunE:  run(&VersionOptions{t}),
	}
}

// Complete has nothing to fill in.
func (o *VersionOptions) Complete([]string) error { return nil }

// Validate has nothing to check.
func (o *VersionOptions) Validate() error { return nil }

// Run prints one line.
func (o *VersionOptions) Run(context.Context) error {
	_, err := fmt.Fprintf(o.Out, "kubectl-remit %s %s %s/%s\n", o.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
