package cli

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// starter are the files that init writes.
//
//go:embed starter
var starter embed.FS

// InitOptions are those of `init`.
type InitOptions struct {
	Tool
	dir string
}

func (t Tool) newInit() *cobra.Command {
	o := &InitOptions{Tool: t}
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a small domain with tests and a CI job, to start from",
		Long: `Write a small permission domain with tests and a job for GitHub Actions, to start from, into a folder: the present one,
or DIR. Files that are there are left alone, and then nothing is written.`,
		Example: `  # Into a new folder
  kubectl remit init permissions-demo`,
		Args: oneFolder,
		RunE: run(o),
	}
}

// Complete takes the folder.
func (o *InitOptions) Complete(args []string) error {
	if o.dir = "."; len(args) > 0 {
		o.dir = args[0]
	}
	return nil
}

// Validate has nothing to check.
func (o *InitOptions) Validate() error { return nil }

// Run writes the files.
func (o *InitOptions) Run(context.Context) error {
	type file struct {
		path string
		data []byte
	}
	var files []file
	err := fs.WalkDir(starter, "starter", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := starter.ReadFile(path)
		name := strings.TrimPrefix(path, "starter/")
		if rest, ok := strings.CutPrefix(name, "github/"); ok { // embed takes no hidden folders
			name = ".github/workflows/" + rest
		}
		files = append(files, file{filepath.Join(o.dir, filepath.FromSlash(name)), data})
		return err
	})
	if err != nil {
		return err
	}
	var there []error
	for _, f := range files {
		if _, err := os.Lstat(f.path); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, fmt.Errorf("%s is there already; remove it, or choose another folder", f.path))
		}
	}
	if len(there) > 0 {
		return errors.Join(there...)
	}
	for _, f := range files {
		if err := writeTold(o.Out, f.path, f.data); err != nil {
			return err
		}
	}
	manifests, tests := filepath.Join(o.dir, "permissions"), filepath.Join(o.dir, "tests")
	fmt.Fprintf(o.Out, `
Next:
  kubectl remit test %s
  kubectl remit can ann read order -f %[2]s
  kubectl remit serve -f %[2]s
`, tests, manifests)
	return nil
}
