package cli

import (
	"context"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/explain"
)

// ExplainOptions are those of `explain`.
type ExplainOptions struct{ question }

func (t Tool) newExplain() *cobra.Command {
	o := &ExplainOptions{t.newQuestion()}
	return o.ask(&cobra.Command{
		Use:   "explain USER ACTION TYPE[/ID]",
		Short: "Explain a decision, and what would change it",
		Long: `Explain a decision: how the user gets from groups and roles to the rule that decided, what else was
considered and why it did not apply, and for a denial the smallest changes that would allow it.

Every change has been tried: it was made to a copy of the domain, and the request was decided again. The
narrowest come first, with the number of other users that would be affected, and what the user would gain or
lose besides. Existing roles are never widened, because a grant to the one user is always narrower.

Exit codes: 0 yes or always, 1 no or never, 2 an error, 3 some.`,
		Example: `  # Why not?
  kubectl remit explain richard read purchase-order/PO-1 -n cin7

  # On manifests, with a property that is not stored
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
	answer `json:",inline"`
	// Chain has the ways to what decided, one for each rule or object.
	Chain []string `json:"chain,omitempty"`
	// Hints are about the request.
	Hints []string `json:"hints,omitempty"`
	// Remedies would allow it, the narrowest first.
	Remedies []explain.Remedy `json:"remedies,omitempty"`
}

// Run explains the decision and prints it.
func (o *ExplainOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	found, err := explain.Explain(d.Domain, asked)
	if err != nil {
		return err
	}
	if o.output.format == outputTable {
		found.WriteText(o.Out, o.palette().emphasize)
		return exit(&found.Decision, found.About)
	}
	printed := explanation{answer: newAnswer(&found.Decision, found.Trace, found.About), Chain: found.Chains, Hints: found.Hints, Remedies: found.Remedies}
	for i := range printed.Remedies {
		printed.Remedies[i].Apply = printable(printed.Remedies[i].Apply, d.namespace)
	}
	if err := printValue(o.Out, o.output.format, printed); err != nil {
		return err
	}
	return exit(&found.Decision, found.About)
}

// printable are copies of objects as one applies them: of the domain's namespace, without what the API server
// keeps.
func printable(objects []engine.Object, namespace string) []engine.Object {
	copies := make([]engine.Object, 0, len(objects))
	for _, object := range objects {
		typed, ok := object.(runtime.Object)
		if !ok {
			continue
		}
		typed = typed.DeepCopyObject()
		kind, _ := engine.KindOf(object)
		typed.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(kind)))
		if fresh, ok := typed.(engine.Object); ok {
			fresh.SetNamespace(namespace)
			fresh.SetManagedFields(nil)
			fresh.SetResourceVersion("")
			fresh.SetUID("")
			fresh.SetGeneration(0)
			fresh.SetCreationTimestamp(metav1.Time{})
			copies = append(copies, fresh)
		}
	}
	return copies
}
