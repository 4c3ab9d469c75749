package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/explain"
	"github.com/remit-authz/remit/internal/query"
	"github.com/remit-authz/remit/internal/server/wire"
)

// question is what `can` and `explain` have in common: a user, an action and a record.
type question struct{ inquiry }

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
	q.asked.User, q.asked.Action = args[0], args[1]
	q.asked.Type, q.asked.ID, _ = strings.Cut(args[2], "/")
	return nil
}

// CanOptions are those of `can`.
type CanOptions struct{ question }

func (t Tool) newCan() *cobra.Command {
	o := &CanOptions{t.newQuestion()}
	return o.ask(&cobra.Command{
		Use:   "can USER ACTION TYPE[/ID]",
		Short: "Say whether a user can take an action, and why",
		Long: `Say whether a user can take an action on a record, and why.

With TYPE alone, the question is about every record of the type, and the answer is one of

  always   on every record
  some     on some records, with the filter that tells which, and what restricts it
  never    on no record

Properties of the record that are not in a RecordSet come from --property. A property that a rule needs and
that is unknown makes the answer no; the output says what is missing.

Exit codes: 0 yes or always, 1 no or never, 2 an error, 3 some.`,
		Example: `  # On the cluster, in the namespace cin7
  kubectl remit can richard read purchase-order/PO-1 -n cin7

  # Is there a sales order that jan can delete?
  kubectl remit can jan@northwind.example delete sales-order -f config/samples/erp

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
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	var decision engine.Decision
	var about *engine.TypeAnswer
	if asked.IsAboutType() {
		found, err := d.AskType(asked.Request, asked.At)
		if err != nil {
			return err
		}
		decision, about = found.Decision, &found
	} else if decision, err = d.Decide(asked.Request, asked.At); err != nil {
		return err
	}
	o.note(query.Unknown(d.Domain, o.asked.User, o.asked.Action, o.asked.Type))
	switch {
	case o.output.format != outputTable:
		if err := printValue(o.Out, o.output.format, newAnswer(&decision, nil, about)); err != nil {
			return err
		}
	case about != nil:
		explain.WriteTypeAnswer(o.Out, o.palette().emphasize, about)
	default:
		explain.WriteDecision(o.Out, o.palette().emphasize, &decision)
	}
	return exit(&decision, about)
}

// answer is a decision as JSON and YAML have it: as AuthZEN writes it, and beside it the answer about a type.
type answer struct {
	wire.Decision `json:",inline"`
	// Answer is always, some or never, where the question is about a type; the decision is then that on every record.
	Answer engine.Extent `json:"answer,omitempty"`
	// RestrictedBy are the user permissions and strict types that limit some.
	RestrictedBy []string `json:"restrictedBy,omitempty"`
	// Filter, in CEL, tells the records; where none can, NoFilter says why.
	Filter   string `json:"filter,omitempty"`
	NoFilter string `json:"noFilter,omitempty"`
}

func newAnswer(d *engine.Decision, trace []engine.TraceStage, about *engine.TypeAnswer) answer {
	a := answer{Decision: *wire.NewDecision(d, trace, "")}
	if about == nil {
		return a
	}
	a.Answer = about.Extent
	a.RestrictedBy = engine.RefTexts(about.RestrictedBy)
	condition, err := explain.Condition(about)
	if err != nil {
		a.NoFilter = err.Error()
	}
	a.Filter = condition
	return a
}

// exit is the error that makes the exit code of an answer.
func exit(d *engine.Decision, about *engine.TypeAnswer) error {
	switch {
	case d.Allow:
		return nil
	case about != nil && about.Extent == engine.Some:
		return errSome
	}
	return errNegative
}
