package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/permissiontest"
)

// SchemaOptions are those of `schema`.
type SchemaOptions struct {
	Tool
	dir string
}

func (t Tool) newSchema() *cobra.Command {
	o := &SchemaOptions{Tool: t}
	return &cobra.Command{
		Use:   "schema [DIR]",
		Short: "Write JSON Schemas of manifests and tests, for editors",
		Long: `Print a JSON Schema of all kinds of manifests and of PermissionTest, or write one for each kind, and the whole as
remit.json, into a folder. Editors complete and check YAML by it, such as those with yaml-language-server:

  # yaml-language-server: $schema=schemas/remit.json`,
		Example: `  # One for everything
  kubectl remit schema > remit.json

  # One for each kind
  kubectl remit schema schemas`,
		Args: oneFolder,
		RunE: run(o),
	}
}

// Complete takes the folder.
func (o *SchemaOptions) Complete(args []string) error {
	if len(args) > 0 {
		o.dir = args[0]
	}
	return nil
}

// Validate has nothing to check.
func (o *SchemaOptions) Validate() error { return nil }

// Run writes the schemas.
func (o *SchemaOptions) Run(context.Context) error {
	const draft = "http://json-schema.org/draft-07/schema#"
	whole := map[string]any{"$schema": draft, "title": "A manifest of permissions.remit.dev, or a PermissionTest"}
	files := map[string]map[string]any{"remit.json": whole}
	var all []any
	add := func(kind string, schema map[string]any) {
		all = append(all, schema)
		one := map[string]any{"$schema": draft}
		for key, value := range schema {
			one[key] = value
		}
		files[strings.ToLower(kind)+".json"] = one
	}
	for _, kind := range kinds.Names() {
		schema, err := manifests.JSONSchema(kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		add(string(kind), schema)
	}
	add(permissiontest.Kind, permissiontest.JSONSchema())
	whole["oneOf"] = all
	if o.dir == "" {
		return printValue(o.Out, outputJSON, whole)
	}
	for _, name := range sortedKeys(files) {
		text, err := json.MarshalIndent(files[name], "", "  ")
		if err != nil {
			return err
		}
		if err := writeTold(o.Out, filepath.Join(o.dir, name), append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}
