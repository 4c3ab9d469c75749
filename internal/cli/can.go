package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
)

// question is what `can` and `explain` have in common: a user, an action and a record.
type question struct {
	inquiry

	user, action, resourceType, id string
}

func (t Tool) newQuestion() question {
	return question{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML)}
}

// ask lets a command take the question's arguments and flags.
func (q *question) ask(c *cobra.Command) *cobra.Command {
	c.Args = exactly("USER", "ACTION", "TYPE[/ID]")
	c.ValidArgsFunction = q.source.completeArgs(suggestUsers, suggestActions, suggestRecords)
	q.addFlags(c)
	return c
}

// Complete takes the arguments apart.
func (q *question) Complete(args []string) error {
	q.user, q.action = args[0], args[1]
	q.resourceType, q.id, _ = strings.Cut(args[2], "/")
	return q.circumstances.complete(q.Clock)
}

// CanOptions are those of `can`.
type CanOptions struct{ question }

func (t Tool) newCan() *cobra.Command {
	o := &CanOptions{t.newQuestion()}
	return o.ask(&cobra.Command{
		Use:   "can USER ACTION TYPE[/ID]",
		Short: "Say whether a user may take an action, and why",
		Long: `Say whether a user may take an action on a record, or with TYPE alone on no record in particular, and why.

Properties of the record that are not in a RecordSet come from --property. A property that a rule needs and
nobody gives counts as unknown: the answer is no, and says what is missing.

Exit codes: 0 yes, 1 no, 2 an error.`,
		Example: `  # On the cluster, in the namespace cin7
  kubectl remit can richard read purchase-order/PO-1 -n cin7

  # On manifests, with a property that a rule's condition looks at
  kubectl remit can jan@northwind.example delete sales-order/SO-1002 --property docstatus=0 -f config/samples/erp

  # What an update would store
  kubectl remit can edith update articles/a-4 --action-property 'values={"status":"approved"}' -f config/samples/cms

  # From another address, with a second factor
  kubectl remit can pavel update articles/a-4 --context ip=192.0.2.1 --context mfa=true -f config/samples/cms

  # When the special permission has ended; as AuthZEN says it
  kubectl remit can leisa update purchase-order/PO-1 --at 2031-01-01T00:00:00Z -o json -f config/samples/cin7`,
		RunE: run(o),
	})
}

// Run asks the engine and prints its answer.
func (o *CanOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	request := o.circumstances.request(d, o.user, o.action, o.resourceType, o.id)
	decision, err := d.Decide(request, o.circumstances.at.time)
	if err != nil {
		return err
	}
	if o.output.format == outputTable {
		printDecision(o.Out, o.palette(), &decision)
	} else if err := printValue(o.Out, o.output.format, wire.NewDecision(&decision, nil, "")); err != nil {
		return err
	}
	if !decision.Allow {
		return errNegative
	}
	return nil
}

// printDecision prints the answer, its reason, and what else a person should know.
func printDecision(w io.Writer, p palette, d *engine.Decision) {
	answer := p.paint(red, "no")
	if d.Allow {
		answer = p.paint(green, "yes")
	}
	fmt.Fprintf(w, "%s: %s\n", answer, d.Message())
	detail := func(name string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", name, strings.Join(values, ", "))
		}
	}
	detail("reason", []string{string(d.Reason)})
	if d.Allow {
		detail("fields", d.Fields)
		var presets []string
		for _, name := range sortedKeys(d.Presets) {
			presets = append(presets, name+"="+compactJSON(d.Presets[name]))
		}
		detail("presets", presets)
		return
	}
	detail("missing properties", d.MissingProperties)
	for _, v := range d.Violations {
		fmt.Fprintf(w, "  %s, a link to %s: %s\n", v.Field, v.Allow, violationText(v))
	}
	detail("step up", d.StepUp)
}

func violationText(v engine.Violation) string {
	switch v.Cause {
	case engine.CauseStrict:
		return compactJSON(v.Value) + " needs a user permission, because the type is strict"
	case engine.CauseEmpty:
		return "it is empty, and empty links are denied"
	case engine.CauseMissing:
		return "it is unknown; give it with --property"
	case engine.CauseNotAllowed:
	}
	return compactJSON(v.Value) + " is none of the permitted ones"
}
