package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// RecordsOptions are those of `records`.
type RecordsOptions struct {
	inquiry
	action          string
	showPermissions bool

	user, resourceType string
}

func (t Tool) newRecords() *cobra.Command {
	o := &RecordsOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "records USER TYPE",
		Short: "List the records that a user may read (Permitted Documents for User)",
		Long: `List the records of a type that a user may read: the report Permitted Documents for User.

Records are those that RecordSets hold. For what only the application's database knows, see filter.`,
		Example: `  # On the cluster
  kubectl remit records jan@northwind.example company -n erp

  # From manifests
  kubectl remit records jan@northwind.example company -f config/samples/erp

  # With what else the user may do to each, for a spreadsheet
  kubectl remit records jan@northwind.example customer --show-permissions -o csv -f config/samples/erp`,
		Args: exactly("USER", "TYPE"),
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestUsers, suggestTypes),
	}
	o.addFlags(c)
	c.Flags().StringVar(&o.action, "action", "", "The action that counts (default: read, or else the type's first of class Read)")
	c.Flags().BoolVar(&o.showPermissions, "show-permissions", false, "Add a column for each action")
	return c
}

// Complete takes the arguments.
func (o *RecordsOptions) Complete(args []string) error {
	o.user, o.resourceType = args[0], args[1]
	return o.circumstances.complete(o.Clock)
}

// permittedRecord is a record that the user may read.
type permittedRecord struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	// Actions are those that the user may take, where they were asked for.
	Actions []string `json:"actions,omitempty"`
}

// Run searches the records and prints them.
func (o *RecordsOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	actions := newActionTable(d)
	action, records, err := o.permitted(d, actions)
	if err != nil {
		return err
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		return printValue(o.Out, o.output.format, map[string]any{"results": records})
	case outputName:
		ids := make([]string, len(records))
		for i := range records {
			ids[i] = records[i].ID
		}
		return printLines(o.Out, ids)
	case outputCSV:
		return o.printCSV(actions.byType[o.resourceType], records)
	}
	return o.printTable(d, actions.byType[o.resourceType], action, records)
}

// permitted finds the records, and says which action counts.
func (o *RecordsOptions) permitted(d domain, actions *actionTable) (string, []permittedRecord, error) {
	action, err := actions.reading(o.resourceType, o.action)
	if err != nil {
		return "", nil, err
	}
	request := o.circumstances.request(d, o.user, action, o.resourceType, "")
	ids, err := d.SearchResources(request, o.circumstances.at.time)
	if err != nil {
		return "", nil, err
	}
	records := make([]permittedRecord, len(ids))
	for i, id := range ids {
		records[i] = permittedRecord{Type: o.resourceType, ID: id}
		if o.showPermissions {
			request.Resource.ID = id
			if records[i].Actions, err = d.SearchActions(request, o.circumstances.at.time); err != nil {
				return "", nil, err
			}
		}
	}
	return action, records, nil
}

func (o *RecordsOptions) printTable(d domain, actions []v1alpha1.Action, action string, records []permittedRecord) error {
	if len(records) > 0 {
		var out table
		head := plain("ID")
		if o.showPermissions {
			for i := range actions {
				head = append(head, cell{text: strings.ToUpper(string(actions[i].Name))})
			}
		}
		out.row(head...)
		for i := range records {
			row := plain(records[i].ID)
			if o.showPermissions {
				for n := range actions {
					mark := denied
					if slices.Contains(records[i].Actions, string(actions[n].Name)) {
						mark = allowed
					}
					row = append(row, marks[mark])
				}
			}
			out.row(row...)
		}
		out.print(o.Out, o.palette())
	}
	return printLines(o.Out, o.summary(d, action, len(records)))
}

// summary says how many of the records these are, and where there are none why.
func (o *RecordsOptions) summary(d domain, action string, found int) []string {
	known := len(suggestRecords(d, nil, o.resourceType+"/"))
	lines := []string{fmt.Sprintf("%d of %s that RecordSets hold: %s %s.", found, countOf(known, "record", "records"), action, o.resourceType)}
	if decided, err := d.Filter(o.circumstances.request(d, o.user, action, o.resourceType, ""), o.circumstances.at.time); err == nil &&
		decided.Reason != "" && found == 0 {
		lines = append(lines, (&engine.Decision{Reason: decided.Reason, DecidedBy: decided.DecidedBy}).Message())
	}
	return lines
}

func (o *RecordsOptions) printCSV(actions []v1alpha1.Action, records []permittedRecord) error {
	w := csv.NewWriter(o.Out)
	row := []string{"user", "resource", "id"}
	if o.showPermissions {
		for i := range actions {
			row = append(row, string(actions[i].Name))
		}
	}
	if err := w.Write(row); err != nil {
		return err
	}
	for i := range records {
		row = append(row[:0], o.user, records[i].Type, records[i].ID)
		if o.showPermissions {
			for n := range actions {
				mark := denied
				if slices.Contains(records[i].Actions, string(actions[n].Name)) {
					mark = allowed
				}
				row = append(row, string(mark))
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// countOf is a number of things: 1 record, 2 records, 1,024 records.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number sets commas between thousands.
func number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
