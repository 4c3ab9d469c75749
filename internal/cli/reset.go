package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/query"
)

// ResetOptions are those of `reset`.
type ResetOptions struct {
	Tool
	source source
	to     string
	write  bool
	output output

	role string
}

// The values of --to.
const (
	resetNone        = "none"
	resetAppAccess   = "app-access-minimum"
	resetRecommended = "recommended"
)

var resets = []string{resetNone, resetAppAccess, resetRecommended}

// fieldManager is whose fields reset writes, as server-side apply tells them apart.
const fieldManager = "kubectl-remit"

func (t Tool) newReset() *cobra.Command {
	o := &ResetOptions{Tool: t, source: newSource(), output: newOutput(outputYAML, outputJSON)}
	c := &cobra.Command{
		Use:   "reset ROLE --to none|app-access-minimum|recommended",
		Short: "Give a role the rules of a preset",
		Long: `Print a role with the rules of a preset in place of its own, or with --write apply them.

  none                 no rules
  app-access-minimum   the policy's appAccessRules
  recommended          the policy's recommendedRules

All rules of the role are replaced, and nothing else of it. See what it would do with diff:

  kubectl remit reset ROLE --to none > role.yaml && kubectl remit diff -f role.yaml`,
		Example: `  # What the role would be
  kubectl remit reset editor --to recommended -f config/samples/cms

  # On the cluster, at once
  kubectl remit reset editor --to none --write -n cms`,
		Args: exactly("ROLE"),
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestObjects(engine.KindRole)),
	}
	o.source.addFlags(c)
	o.output.addFlag(c)
	c.Flags().StringVar(&o.to, "to", "", "The preset: "+strings.Join(resets, ", "))
	c.Flags().BoolVar(&o.write, "write", false, "Apply the rules to the role in the cluster")
	completeFlag(c, "to", resets)
	return c
}

// Complete takes the role.
func (o *ResetOptions) Complete(args []string) error {
	o.role = args[0]
	return nil
}

// Validate checks the flags.
func (o *ResetOptions) Validate() error {
	switch {
	case o.to == "":
		return usagef("--to is required: one of %s", strings.Join(resets, ", "))
	case !slices.Contains(resets, o.to):
		return usagef("--to is %q; it must be one of %s", o.to, strings.Join(resets, ", "))
	case o.write && len(o.source.filenames) > 0:
		return usagef("--write is for the cluster; of manifests, put what is printed in the place of the role")
	}
	return o.output.validate()
}

// Run prints the role, or applies its rules.
func (o *ResetOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	object, _ := d.Lookup(engine.Ref{Kind: engine.KindRole, Name: o.role})
	role, ok := object.(*v1alpha1.Role)
	if !ok {
		return fmt.Errorf("the domain %s has no Role %q; it has %s", d.namespace, o.role, query.Listed(suggestObjects(engine.KindRole)(d, nil, "")))
	}
	if o.to != resetNone && !d.HasPolicy() {
		return fmt.Errorf("the domain %s has no PermissionPolicy, whose rules the preset %s is", d.namespace, o.to)
	}
	policy := d.Policy()
	rules := map[string][]v1alpha1.Rule{resetNone: {}, resetAppAccess: policy.AppAccessRules, resetRecommended: policy.RecommendedRules}[o.to]
	if o.write {
		return o.apply(ctx, role, rules)
	}
	spec := *role.Spec.DeepCopy()
	spec.Rules = rules
	return printValue(o.Out, o.output.format, struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        map[string]string `json:"metadata"`
		Spec            v1alpha1.RoleSpec `json:"spec"`
	}{
		metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(engine.KindRole)},
		map[string]string{"name": role.Name, "namespace": role.Namespace}, spec,
	})
}

// apply replaces the rules of the role that was read: one that has changed since is left alone.
func (o *ResetOptions) apply(ctx context.Context, role *v1alpha1.Role, rules []v1alpha1.Rule) error {
	config, _, err := o.source.config()
	if err != nil {
		return err
	}
	writer, err := connect(config)
	if err != nil {
		return err
	}
	text, err := json.Marshal(append([]v1alpha1.Rule{}, rules...)) // [], where there are none
	if err != nil {
		return err
	}
	written, err := expr.ParseJSON(text)
	if err != nil {
		return err
	}
	patch := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"rules": written}}}
	patch.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(engine.KindRole)))
	patch.SetName(role.Name)
	patch.SetNamespace(role.Namespace)
	patch.SetResourceVersion(role.ResourceVersion)
	err = writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(patch), client.FieldOwner(fieldManager), client.ForceOwnership)
	if err != nil {
		return clusterError(err, fmt.Sprintf("apply the rules of Role %s", role.Name))
	}
	fmt.Fprintf(o.Out, "Role %s in %s has the rules of the preset %s: %s.\n", role.Name, role.Namespace, o.to, countOf(len(rules), "rule", "rules"))
	return nil
}
