package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/query"
)

// RecordsOptions are those of `records`.
type RecordsOptions struct {
	inquiry
	showPermissions bool
}

func (t Tool) newRecords() *cobra.Command {
	o := &RecordsOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "records USER TYPE",
		Short: "List the records that a user can read (Permitted Documents for User)",
		Long: `List the records of a type that a user can read: the report Permitted Documents for User.

Records are those that RecordSets hold. For what only the application's database knows, see filter.`,
		Example: `  # On the cluster
  kubectl remit records jan@northwind.example company -n erp

  # From manifests
  kubectl remit records jan@northwind.example company -f config/samples/erp

  # With what else the user can do to each, for a spreadsheet
  kubectl remit records jan@northwind.example customer --show-permissions -o csv -f config/samples/erp`,
		Args: exactly("USER", "TYPE"),
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestUsers, suggestTypes),
	}
	o.addFlags(c)
	c.Flags().StringVar(&o.asked.Action, "action", "", "The action that counts (default: read, or else the type's first of class Read)")
	c.Flags().BoolVar(&o.showPermissions, "show-permissions", false, "Add a column for each action")
	return c
}

// Complete takes the arguments.
func (o *RecordsOptions) Complete(args []string) error {
	o.asked.User, o.asked.Type = args[0], args[1]
	return nil
}

// Run searches the records and prints them.
func (o *RecordsOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	records, err := query.PermittedRecords(d.Domain, asked, o.showPermissions)
	if err != nil {
		return err
	}
	o.note(query.Unknown(d.Domain, o.asked.User, "", ""))
	switch o.output.format {
	case outputJSON, outputYAML:
		return printValue(o.Out, o.output.format, map[string]any{"results": records.Found})
	case outputName:
		ids := make([]string, len(records.Found))
		for i := range records.Found {
			ids[i] = records.Found[i].ID
		}
		return printLines(o.Out, ids)
	}
	var actions []string
	if o.showPermissions {
		actions = query.ActionNames(d.Domain, o.asked.Type)
	}
	if o.output.format == outputCSV {
		return o.printCSV(actions, records.Found)
	}
	o.printTable(actions, records.Found)
	return printLines(o.Out, records.Notes)
}

// levelOf is what the user can do with an action of a record that was found.
func levelOf(record *query.RecordFound, action string) level {
	if slices.Contains(record.Actions, action) {
		return allowed
	}
	return denied
}

func (o *RecordsOptions) printTable(actions []string, records []query.RecordFound) {
	if len(records) == 0 {
		return
	}
	var out table
	head := plain("ID")
	for _, action := range actions {
		head = append(head, cell{text: strings.ToUpper(action)})
	}
	out.row(head...)
	for i := range records {
		row := plain(records[i].ID)
		for _, action := range actions {
			row = append(row, marks[levelOf(&records[i], action)])
		}
		out.row(row...)
	}
	out.print(o.Out, o.palette())
}

func (o *RecordsOptions) printCSV(actions []string, records []query.RecordFound) error {
	rows := [][]string{append([]string{"user", "resource", "id"}, actions...)}
	for i := range records {
		row := []string{o.asked.User, records[i].Type, records[i].ID}
		for _, action := range actions {
			row = append(row, string(levelOf(&records[i], action)))
		}
		rows = append(rows, row)
	}
	return printCSV(o.Out, rows...)
}

// countOf is a number of things: 1 record, 2 records, 1,024 records.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return query.Number(n) + " " + many
}
