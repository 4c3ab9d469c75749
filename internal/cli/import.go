package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/importer"
)

// ImportOptions are those of `import`.
type ImportOptions struct {
	Tool
	system    importer.System
	paths     []string
	folder    string
	namespace string
	sets      bool
}

// imported tells of one system what its subcommand's help says.
type imported struct {
	system         importer.System
	title, exports string
	example        string
}

var importedSystems = []imported{
	{importer.Directus, "Directus", `FILEs are the JSON of /roles, /policies, /permissions, /access and /users (Directus 10 and later), one
combined file with these as members, and schema snapshots (JSON or YAML); FOLDERs those of directus-sync.
Collections become resource types, policies roles, roles groups, filter rules conditions in CEL.`,
		"kubectl remit import directus roles.json policies.json permissions.json access.json users.json snapshot.yaml"},
	{importer.InvenTree, "InvenTree", `FILE is a fixture, as "invoke export-records" or "manage.py dumpdata auth users" writes it. Groups become groups
with rules, their rule sets areas, the tables of these resource types.`,
		"kubectl remit import inventree data.json"},
	{importer.ERPNext, "ERPNext", `FILEs are documents as JSON (fixtures, or answers of the REST interface) or CSV: Role, DocPerm and Custom DocPerm,
User Permission, User and Has Role, DocType with Custom Field, Property Setter and exported customizations, System
Settings, Workflow, and the documents of trees; FOLDERs those of apps, such as a bench. Without the DocTypes less is
imported. Document types become resource types, permissions rules, User Permissions user permissions.`,
		`kubectl remit import erpnext role.json custom_docperm.csv "User Permission.csv" doctype.json`},
	{importer.Cin7, "Cin7", `FILEs are CSV: areas by roles (Area, then a column for each role, or the other way round), users (User, Roles,
and perhaps Name and Status), and special permissions (User, Area, Access). Levels are Full access, Read-only
access, No access and N/A.`,
		"kubectl remit import cin7 roles.csv users.csv special-permissions.csv --out manifests"},
}

func (t Tool) newImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import SYSTEM FILE|FOLDER…",
		Short: "Turn an export of another system into manifests",
		Long: `Turn an export of another permission system into manifests: on standard output, or with --out as files in a
folder.

Nothing becomes wider than it was. What cannot be said is left out, and told on standard error with its file and
path; parts that restrict somebody and cannot be said are an error. docs/import.md says what becomes of what.

Exit codes: 0 everything is imported, 1 something is left out, 2 an error.`,
		Example: `  # What becomes of an export of Directus, and what does not
  kubectl remit import directus roles.json policies.json permissions.json access.json users.json > domain.yaml

  # As files, to be committed
  kubectl remit import cin7 roles.csv users.csv --out manifests -n erp`,
		Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, system := range importedSystems {
		c.AddCommand(t.newImportOf(system))
	}
	return c
}

func (t Tool) newImportOf(of imported) *cobra.Command {
	o := &ImportOptions{Tool: t, system: of.system}
	c := &cobra.Command{
		Use:   string(of.system) + " FILE|FOLDER…",
		Short: "Turn an export of " + of.title + " into manifests",
		Long: "Turn an export of " + of.title + " into manifests.\n\n" + of.exports + `

What cannot be imported is left out, and told on standard error.

Exit codes: 0 everything is imported, 1 something is left out, 2 an error.`,
		Example: "  " + of.example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("takes one or more files or folders")
			}
			return nil
		},
		RunE: run(o),
	}
	c.Flags().StringVar(&o.folder, "out", "", "Write files into this folder, which is made where it is missing, instead of standard output")
	c.Flags().StringVarP(&o.namespace, "namespace", "n", "", "The namespace that the objects name (default: they name none)")
	c.Flags().BoolVar(&o.sets, "sets", false, "Put users and user permissions into UserSets and UserPermissionSets instead of an object for each")
	return c
}

// Complete takes the files.
func (o *ImportOptions) Complete(args []string) error {
	o.paths = args
	return nil
}

// Validate has nothing to check.
func (o *ImportOptions) Validate() error { return nil }

// Run reads the export, writes what became of it, and tells what did not.
func (o *ImportOptions) Run(context.Context) error {
	files, found, err := readExport(o.paths)
	if err != nil {
		return err
	}
	result, err := importer.Import(o.system, files, found...)
	if err != nil {
		return err
	}
	if len(result.Objects) == 0 {
		for i := range result.Findings {
			fmt.Fprintln(o.ErrOut, &result.Findings[i])
		}
		return fmt.Errorf("nothing to import in %s", strings.Join(o.paths, ", "))
	}
	if o.sets {
		result.Objects = importer.IntoSets(result.Objects)
	}
	if o.folder == "" {
		err = o.write(o.Out, result.Objects)
	} else {
		err = o.writeFolder(result.Objects)
	}
	if err != nil {
		return err
	}
	for i := range result.Findings {
		fmt.Fprintln(o.ErrOut, &result.Findings[i])
	}
	if result.LeftOut() {
		return errNegative
	}
	return nil
}

// readExport reads the files of an export, and those found in its folders: all JSON, YAML and CSV files below them, by
// name.
func readExport(paths []string) (files, found []importer.File, err error) {
	for _, named := range paths {
		err := filepath.WalkDir(named, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && path != named && strings.HasPrefix(entry.Name(), "."), path != named && entry.Name() == "node_modules":
				return fs.SkipDir
			case entry.IsDir():
				return nil
			case path != named && !slices.Contains([]string{".json", ".yaml", ".yml", ".csv"}, strings.ToLower(filepath.Ext(path))):
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if file := (importer.File{Name: path, Data: data}); path == named {
				files = append(files, file)
			} else {
				found = append(found, file)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return files, found, nil
}

// write writes objects as YAML documents.
func (o *ImportOptions) write(w io.Writer, objects []engine.Object) error {
	for i, object := range objects {
		object.SetNamespace(o.namespace)
		text, err := importer.Manifest(object)
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(w, "---")
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// writeFolder writes a file for each kind. It replaces no file.
func (o *ImportOptions) writeFolder(objects []engine.Object) error {
	if err := os.MkdirAll(o.folder, 0o755); err != nil {
		return err
	}
	byKind := map[engine.Kind][]engine.Object{}
	for _, object := range objects {
		kind, _ := engine.KindOf(object)
		byKind[kind] = append(byKind[kind], object)
	}
	var written []string
	for _, kind := range engine.Kinds {
		if len(byKind[kind]) == 0 {
			continue
		}
		var text bytes.Buffer
		if err := o.write(&text, byKind[kind]); err != nil {
			return err
		}
		path := filepath.Join(o.folder, strings.ToLower(string(kind))+".yaml")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if os.IsExist(err) {
			return fmt.Errorf("%s is there already; choose another folder with --out, or remove it", path)
		}
		if err != nil {
			return err
		}
		_, err = file.Write(text.Bytes())
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		written = append(written, fmt.Sprintf("%s (%d)", path, len(byKind[kind])))
	}
	fmt.Fprintf(o.Out, "Wrote %s\n", strings.Join(written, ", "))
	return nil
}
