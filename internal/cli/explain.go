package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
)

// ExplainOptions are those of `explain`.
type ExplainOptions struct{ question }

func (t Tool) newExplain() *cobra.Command {
	o := &ExplainOptions{t.newQuestion()}
	return o.ask(&cobra.Command{
		Use:   "explain USER ACTION TYPE[/ID]",
		Short: "Show how a decision comes about, and what would change it",
		Long: `Show how a decision comes about: the way from the user over groups and roles to the rule, what else was looked
at and why it did not count, and for a no the smallest changes that would make it a yes.

Each change has been tried: it was applied to a copy of the domain, and the question was asked again. The
narrowest come first, with how many other users would be affected, and what the user would gain or lose besides.
Existing roles are never widened, since a grant to the one user is always narrower.

Exit codes: 0 yes, 1 no, 2 an error.`,
		Example: `  # Why not?
  kubectl remit explain richard read purchase-order/PO-1 -n cin7

  # On manifests, with a property that nobody stored
  kubectl remit explain jan@northwind.example delete sales-order/SO-1002 --property docstatus=0 -f config/samples/erp

  # What an update would store
  kubectl remit explain finn update articles/a-1 --property status=draft --property author=finn --action-property 'values={"status":"approved"}' -f config/samples/cms

  # With the objects that would have to be applied
  kubectl remit explain olga@northwind.example read sales-order/SO-1001 -o yaml -f config/samples/erp`,
		RunE: run(o),
	})
}

// explanation is the answer, as JSON and YAML have it.
type explanation struct {
	wire.Decision `json:",inline"`
	// Chain is the way to what decided, one for each rule or object.
	Chain []string `json:"chain,omitempty"`
	// Hints are about the request.
	Hints []string `json:"hints,omitempty"`
	// Remedies would allow it, the narrowest first.
	Remedies []remedy `json:"remedies,omitempty"`
}

// Run asks the engine for the trace, looks for remedies, and prints both.
func (o *ExplainOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	return o.explain(d)
}

// explain prints the explanation; it gives errNegative for a no.
func (o *ExplainOptions) explain(d domain) error {
	request := o.circumstances.request(d, o.user, o.action, o.resourceType, o.id)
	decision, trace, err := d.Explain(request, o.circumstances.at.time)
	if err != nil {
		return err
	}
	lines := &chains{domain: d.Domain, user: o.user, trace: trace, now: o.circumstances.at.time}
	answer := explanation{
		Decision: *wire.NewDecision(&decision, trace, ""),
		Chain:    lines.all(&decision),
		Hints:    hints(d.Domain, request, &decision),
	}
	if !decision.Allow {
		answer.Remedies = remedies(d.Domain, request, &decision, o.circumstances.at.time)
		for i := range answer.Remedies {
			answer.Remedies[i].Apply = printable(answer.Remedies[i].Apply, d.namespace)
		}
	}
	if o.output.format == outputTable {
		o.print(d.Domain, &decision, trace, &answer)
	} else if err := printValue(o.Out, o.output.format, answer); err != nil {
		return err
	}
	if !decision.Allow {
		return errNegative
	}
	return nil
}

func (o *ExplainOptions) print(d *engine.Domain, decision *engine.Decision, trace []engine.TraceStage, answer *explanation) {
	p := o.palette()
	printDecision(o.Out, p, decision)
	title := func(text string) { fmt.Fprintf(o.Out, "\n%s\n", p.paint(bold, text)) }
	if len(answer.Chain) > 0 {
		title("What decided")
		for _, line := range answer.Chain {
			fmt.Fprintf(o.Out, "  %s\n", line)
		}
	}
	title("What was looked at, stage by stage")
	for _, stage := range trace {
		outcome := p.paint(map[engine.StageOutcome]style{engine.StageAllow: green, engine.StageDeny: red}[stage.Outcome], stage.Text())
		fmt.Fprintf(o.Out, "  %-3s %s: %s\n", stage.Stage, stage.Name, outcome)
		for _, entry := range stage.Entries {
			fmt.Fprintf(o.Out, "        %s %s\n", entryPlace(entry), entry.Text())
			for line := range strings.Lines(expression(d, entry)) {
				fmt.Fprintf(o.Out, "          %s\n", p.paint(faint, strings.TrimSpace(line)))
			}
		}
	}
	if decision.Allow {
		return
	}
	title("What would allow it")
	for _, hint := range answer.Hints {
		fmt.Fprintf(o.Out, "  - %s\n", hint)
	}
	for i := range answer.Remedies {
		o.printRemedy(i+1, &answer.Remedies[i])
	}
	if len(answer.Remedies) == 0 {
		fmt.Fprintln(o.Out, "  No small change of objects does; see above what the request lacks.")
	}
}

func (o *ExplainOptions) printRemedy(n int, r *remedy) {
	for i, s := range r.Steps {
		mark := fmt.Sprintf("%d.", n)
		if i > 0 {
			mark = "  and"
		}
		where := s.Object
		if s.Field != "" {
			where += " " + s.Field
		}
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(o.Out, "  %s %s%s\n", mark, where, s.Change)
	}
	fmt.Fprintf(o.Out, "     %s\n", sideEffects(o.user, r))
}

// sideEffects says what a remedy changes besides.
func sideEffects(user string, r *remedy) string {
	parts := []string{"no other user is affected"}
	if r.OthersAffected > 0 {
		parts[0] = "affects " + counted(r.OthersAffected, "other user")
	}
	if r.Gained > 0 {
		parts = append(parts, fmt.Sprintf("%s gains %s besides", user, counted(r.Gained, "action")))
	}
	if r.Lost > 0 {
		parts = append(parts, fmt.Sprintf("%s loses %s", user, counted(r.Lost, "action")))
	}
	return strings.Join(parts, "; ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// entryPlace is where an entry of a trace looked.
func entryPlace(entry engine.TraceEntry) string {
	place := "the request"
	if entry.Object != (engine.Ref{}) {
		place = entry.Object.String()
	}
	if entry.Field != "" {
		place += " " + entry.Field
	}
	return place
}

// hints are what the request lacks, in the words of the command line.
func hints(d *engine.Domain, request *engine.Request, decision *engine.Decision) []string {
	var hints []string
	say := func(format string, args ...any) { hints = append(hints, fmt.Sprintf(format, args...)) }
	switch decision.Reason {
	case engine.ReasonUnknownResourceType:
		say("there is no resource type %s; there are %s", request.Resource.Type, strings.Join(d.ResourceTypes(), ", "))
	case engine.ReasonUnknownAction:
		say("%s declares no action %s; it has %s", request.Resource.Type, request.Action.Name, strings.Join(declaredActions(d, request.Resource.Type), ", "))
	}
	for _, property := range decision.MissingProperties {
		say("the record's %s is not known; give it with --property %s=VALUE, or store it in a RecordSet", property, property)
	}
	for _, message := range decision.ValidationMessages {
		say("submit other values: %s", message)
	}
	return hints
}

func declaredActions(d *engine.Domain, resourceType string) []string {
	object, _ := d.Lookup(engine.Ref{Kind: engine.KindResourceType, Name: resourceType})
	known, ok := object.(*v1alpha1.ResourceType)
	if !ok {
		return nil
	}
	var names []string
	for _, action := range engine.ActionsOf(known) {
		names = append(names, string(action.Name))
	}
	return names
}
