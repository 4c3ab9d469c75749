package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/query"
)

// FilterOptions are those of `filter`.
type FilterOptions struct {
	inquiry
	format    string
	relations string
}

func (t Tool) newFilter() *cobra.Command {
	o := &FilterOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML)}
	formats := formatNames()
	c := &cobra.Command{
		Use:   "filter USER TYPE",
		Short: "Show the condition under which a user can read records of a type",
		Long: `Show the condition on a record under which a user can read it, for lists that a database makes.

What the format cannot say exactly is left out where something else lets records through, which is told, and an error
else; the condition is never looser than the decisions. Properties that lead to records of other tables are named by
--relations; without it, what has members or elements is a column of JSON.

Exit codes: 0 all records or some, 1 none, 2 an error.`,
		Example: `  # As a condition for PostgreSQL
  kubectl remit filter jan@northwind.example sales-order --format postgres -f config/samples/erp

  # As CEL; for deleting, on the cluster
  kubectl remit filter jan@northwind.example sales-order --action delete -n erp

  # With the lines of an order in a table of their own
  kubectl remit filter jan@northwind.example sales-order --format postgres -f config/samples/erp --relations '{"items": {"table": "sales_order_items", "key": "parent", "many": true}}'

  # What the decision server would answer
  kubectl remit filter edith articles --format ucast -o json -f config/samples/cms`,
		Args: exactly("USER", "TYPE"),
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestUsers, suggestTypes),
	}
	o.addFlags(c)
	c.Flags().StringVar(&o.asked.Action, "action", "", "The action, of class Read or Delete (default: read, or else the type's first of class Read)")
	c.Flags().StringVar(&o.format, "format", string(filter.FormatCEL), "The language of the condition: "+strings.Join(formats, ", "))
	c.Flags().StringVar(&o.relations, "relations", "", `The tables that properties lead to, for SQL, as JSON: {"PROPERTY": {"table": …, "key": …, "column": …, "many": true}}`)
	completeFlag(c, "format", formats)
	return c
}

// Complete takes the arguments.
func (o *FilterOptions) Complete(args []string) error {
	o.asked.User, o.asked.Type = args[0], args[1]
	return nil
}

// Validate checks the formats.
func (o *FilterOptions) Validate() error {
	if !slices.Contains(filter.Formats, filter.Format(o.format)) {
		return usagef("--format is %q; it must be one of %s", o.format, strings.Join(formatNames(), ", "))
	}
	return o.inquiry.Validate()
}

func formatNames() []string {
	names := make([]string, len(filter.Formats))
	for i, format := range filter.Formats {
		names[i] = string(format)
	}
	return names
}

// Run prints the condition.
func (o *FilterOptions) Run(ctx context.Context) error {
	relations, err := o.readRelations()
	if err != nil {
		return err
	}
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	if asked.Action.Name, err = query.ReadAction(d.Domain, o.asked.Type, o.asked.Action); err != nil {
		return err
	}
	found, err := d.Filter(asked.Request, asked.At)
	if err != nil {
		return err
	}
	o.note(query.Unknown(d.Domain, o.asked.User, "", ""))
	encoded, err := filter.EncodeRelated(found.Condition, filter.Format(o.format), relations)
	if err != nil {
		return err
	}
	for _, part := range found.Told(encoded) {
		fmt.Fprintf(o.ErrOut, "left out, so records are missing that only it lets through: %s: %s\n", part.Condition, part.Reason)
	}
	if o.output.format == outputTable {
		err = o.print(&found, encoded)
	} else {
		err = printValue(o.Out, o.output.format, o.answer(&found, encoded))
	}
	if err == nil && encoded.Kind == filter.KindNever {
		err = errNegative
	}
	return err
}

// readRelations reads --relations.
func (o *FilterOptions) readRelations() (filter.Relations, error) {
	if o.relations == "" {
		return nil, nil
	}
	var read map[string]struct {
		Table  string `json:"table"`
		Key    string `json:"key"`
		Column string `json:"column"`
		Many   bool   `json:"many"`
	}
	decoder := json.NewDecoder(strings.NewReader(o.relations))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return nil, usagef("--relations: %v", err)
	}
	relations := filter.Relations{}
	for property, r := range read {
		relations[property] = filter.Relation{Table: r.Table, Key: r.Key, Column: r.Column, Many: r.Many}
	}
	return relations, nil
}

// answer has the members of the decision server's.
func (o *FilterOptions) answer(found *engine.Filter, encoded filter.Encoded) map[string]any {
	answer := map[string]any{"kind": encoded.Kind}
	if found.Reason != "" {
		answer["reason"] = found.Reason
	}
	if len(found.Fields) > 0 && encoded.Kind != filter.KindNever {
		answer["fields"] = found.Fields
		if len(found.ExceptFields) > 0 {
			answer["except_fields"] = found.ExceptFields
		}
	}
	if encoded.Condition != nil {
		answer[o.format] = encoded.Condition
	}
	if told := found.Told(encoded); len(told) > 0 {
		answer["left_out"] = told
	}
	return answer
}

func (o *FilterOptions) print(found *engine.Filter, encoded filter.Encoded) error {
	p := o.palette()
	kinds := map[filter.Kind]string{
		filter.KindAlways:      p.paint(green, "every record"),
		filter.KindNever:       p.paint(red, "no record"),
		filter.KindConditional: p.paint(yellow, "the records for which this holds"),
	}
	fmt.Fprintln(o.Out, kinds[encoded.Kind])
	if encoded.Kind == filter.KindConditional {
		switch condition := encoded.Condition.(type) {
		case string:
			fmt.Fprintf(o.Out, "  %s\n", condition)
		case *filter.SQL:
			fmt.Fprintf(o.Out, "  where: %s\n  args: %s\n", condition.Where, expr.FormatJSON(condition.Args))
		case *filter.UCAST, *filter.CerbosFilter:
			fmt.Fprintf(o.Out, "  %s\n", expr.FormatJSON(condition))
		default:
			return errors.New("the condition is of an unknown kind")
		}
	}
	if found.Reason != "" {
		fmt.Fprintf(o.Out, "  reason: %s\n", found.Reason)
	}
	if len(found.DecidedBy) > 0 {
		fmt.Fprintf(o.Out, "  decided by: %s\n", strings.ReplaceAll(joinRefs(found.DecidedBy), " ", ", "))
	}
	if len(found.Fields) > 0 && encoded.Kind != filter.KindNever {
		fmt.Fprintf(o.Out, "  fields: %s\n", strings.Join(found.Fields, ", "))
		if len(found.ExceptFields) > 0 {
			fmt.Fprintf(o.Out, "  but not: %s\n", strings.Join(found.ExceptFields, ", "))
		}
	}
	return nil
}
