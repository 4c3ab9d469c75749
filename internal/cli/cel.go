package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// CELOptions are those of `cel`.
type CELOptions struct {
	inquiry
	expression string
	alone      bool
}

func (t Tool) newCEL() *cobra.Command {
	o := &CELOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML)}
	c := &cobra.Command{
		Use:   "cel EXPRESSION [USER ACTION TYPE[/ID]]",
		Short: "Evaluate an expression of a rule with a request",
		Long: `Evaluate an expression with a request, as a rule would: a condition, a validation or a computed preset.

The output has the value, what the expression reads, what of it is not there, and what the evaluation cost in CEL's units. Without a
user, an action and a type, it is evaluated with the flags alone.

Exit codes: 0 there is a value, 1 the evaluation is in error, 2 an error.`,
		Example: `  # With the flags alone
  kubectl remit cel 'resource.properties.amount <= 1000 && "sales" in subject.properties.groups' --property amount=900 --subject-property 'groups=["sales"]'

  # With a user and a record of a domain
  kubectl remit cel 'resource.properties.owner == subject.id' jan@northwind.example read sales-order/SO-1002 -f config/samples/erp`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 4 {
				return usagef("takes EXPRESSION, or EXPRESSION USER ACTION TYPE[/ID], not %d arguments", len(args))
			}
			return nil
		},
		RunE: run(o),
	}
	o.addFlags(c)
	return c
}

// Complete takes the arguments apart.
func (o *CELOptions) Complete(args []string) error {
	o.expression, o.alone = args[0], len(args) == 1
	if o.alone {
		o.asked.User, o.asked.Action, o.asked.Type, o.asked.ID = "user", "read", "record", "id"
		return nil
	}
	o.asked.User, o.asked.Action = args[1], args[2]
	o.asked.Type, o.asked.ID, _ = strings.Cut(args[3], "/")
	return nil
}

// Run evaluates the expression.
func (o *CELOptions) Run(ctx context.Context) error {
	d := domain{Domain: engine.Compile(nil)}
	if !o.alone || len(o.source.filenames) > 0 {
		var err error
		if d, err = o.source.load(ctx, o.ErrOut); err != nil {
			return err
		}
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	found, err := d.EvaluateExpression(o.expression, asked.Request, asked.At)
	if err != nil {
		return err
	}
	if o.output.format == outputTable {
		o.print(&found)
	} else if err := printValue(o.Out, o.output.format, celAnswer(&found)); err != nil {
		return err
	}
	if found.Err != nil {
		return errNegative
	}
	return nil
}

func celAnswer(found *engine.Evaluated) map[string]any {
	answer := map[string]any{"reads": append([]string{}, found.Reads...), "cost": found.Cost}
	if found.Err != nil {
		answer["error"] = found.Err.Error()
	} else {
		answer["value"] = found.Value
	}
	if len(found.Missing) > 0 {
		answer["missing"] = found.Missing
	}
	return answer
}

func (o *CELOptions) print(found *engine.Evaluated) {
	if found.Err != nil {
		fmt.Fprintf(o.Out, "error: %v\n", found.Err)
	} else {
		fmt.Fprintln(o.Out, expr.FormatJSON(found.Value))
	}
	if len(found.Reads) > 0 {
		fmt.Fprintf(o.Out, "  reads: %s\n", strings.Join(found.Reads, ", "))
	}
	if len(found.Missing) > 0 {
		fmt.Fprintf(o.Out, "  not there: %s\n", strings.Join(found.Missing, ", "))
	}
	fmt.Fprintf(o.Out, "  cost: %d\n", found.Cost)
}
