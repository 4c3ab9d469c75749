package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// oneFolder is for the arguments of a command that writes into a folder, or does not.
func oneFolder(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("takes one folder at most")
	}
	return nil
}

// writeTold writes a file, with the folders above it, and tells so.
func writeTold(out io.Writer, path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // others may read what is for a repository
		return err
	}
	_, err := fmt.Fprintf(out, "wrote %s\n", path)
	return err
}
