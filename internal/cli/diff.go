package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/internal/diff"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/query"
)

// DiffOptions are those of `diff`.
type DiffOptions struct {
	Tool
	source    source // of the state before, where --from names none
	from      []string
	filenames []string
	prune     bool
	failOn    string
	at        moment
	output    output
}

// The values of --fail-on.
const (
	failOnGain = "gain"
	failOnLoss = "loss"
	failOnAny  = "any"
)

var failOns = []string{failOnGain, failOnLoss, failOnAny}

func (t Tool) newDiff() *cobra.Command {
	o := &DiffOptions{Tool: t, source: newSource(), output: newOutput(outputTable, outputJSON, outputYAML)}
	c := &cobra.Command{
		Use:   "diff -f NEW [--from DIR]",
		Short: "Say who gains and who loses what if manifests were applied",
		Long: `Say who gains and who loses what if manifests were applied to the cluster, or with --from to other manifests.

  -  somebody loses something    +  somebody gains something    ~  both, or it depends

A change of a condition is a loss where the new one holds for less, a gain where it holds for more, and both where
that cannot be told; it is shown as what decided before, and what decides after. What one cause does to many users is one entry, with their number; JSON and YAML name them all. Besides the known users there are
those whom no object names, who is not signed in, and members of groups by their claims.

Nothing is changed. With --prune, objects that the manifests do not have count as deleted. Changes that admission
refuses are named, with what to do: some are taken when the others are stored.

Exit codes: 0 nobody's permissions differ, 1 some do, 2 an error. With --fail-on gain or loss, 1 only if
somebody gains, or loses; a change that may be either counts as both. With --fail-on, every later moment counts
at which a time window begins or ends, and those that differ are shown.`,
		Example: `  # What would applying this folder do to the cluster?
  kubectl remit diff -f permissions -n erp --prune

  # Between two checkouts; in CI, fail if somebody gains something
  kubectl remit diff --from main/permissions -f permissions --prune --fail-on gain

  # What the exceptions of this folder change, of themselves
  kubectl remit diff --from config/samples/cin7/types.yaml --from config/samples/cin7/roles.yaml --from config/samples/cin7/people.yaml -f config/samples/cin7 -n cin7`,
		Args: exactly(),
		RunE: run(o),
	}
	o.source.addClusterFlags(c)
	c.Flags().StringArrayVarP(&o.filenames, "filename", "f", nil, "The manifests that would be applied: a file, a folder with everything below it, or - for standard input; may be repeated")
	c.Flags().StringArrayVar(&o.from, "from", nil, "Manifests that they would be applied to, in place of the cluster; may be repeated")
	c.Flags().BoolVar(&o.prune, "prune", false, "Count what the new manifests do not have as deleted")
	c.Flags().StringVar(&o.failOn, "fail-on", "", "What gives exit code 1, at present or at any later moment: "+strings.Join(failOns, ", "))
	completeFlag(c, "fail-on", failOns)
	o.at.addFlag(c)
	o.output.addFlag(c)
	return c
}

// Complete reads the time.
func (o *DiffOptions) Complete([]string) error { return o.at.complete(o.Clock) }

// Validate checks the flags.
func (o *DiffOptions) Validate() error {
	if len(o.filenames) == 0 {
		return usagef("-f is required: the manifests that would be applied")
	}
	if err := onceFromStdin(o.from, o.filenames); err != nil {
		return err
	}
	if o.failOn != "" && !slices.Contains(failOns, o.failOn) {
		return usagef("--fail-on is %q; it must be one of %s", o.failOn, strings.Join(failOns, ", "))
	}
	return o.output.validate()
}

// Run compares the two states.
func (o *DiffOptions) Run(ctx context.Context) error {
	before, objects, namespace, err := o.read(ctx)
	if err != nil {
		return err
	}
	warn(o.ErrOut, before)
	after, differing := diff.Apply(before, objects, o.prune, o.at.time)
	bar := o.newProgress(before.CountUsers(), "users")
	result := diff.Compare(before, after, differing, o.at.time, func(done, total int) {
		bar.total = total
		bar.advance(done)
	})
	bar.done()
	effect := map[string]diff.Effect{failOnGain: diff.Gain, failOnLoss: diff.Loss}[o.failOn]
	effect = cmp.Or(effect, diff.Change)
	if o.failOn != "" {
		if result.Later, err = diff.CompareLater(before, after, differing, o.at.time, effect, func(int, int) {}); err != nil {
			return err
		}
	}
	report := diffReport{result, o.at.refusedOf(before, differing)}
	if o.output.format == outputTable {
		o.print(namespace, result)
		printRefused(o.Out, o.palette(), report.Refused)
	} else if err := printValue(o.Out, o.output.format, report); err != nil {
		return err
	}
	if result.Has(effect) {
		return errNegative
	}
	return nil
}

// diffReport is what other programs read.
type diffReport struct {
	*diff.Result
	// Refused are the changes that a cluster refuses, at first or for good.
	Refused []refused `json:"refused,omitempty"`
}

// read gives the state before, and the objects that would be applied to it.
func (o *DiffOptions) read(ctx context.Context) (*engine.Domain, []engine.Object, string, error) {
	fallback := *o.source.kubeconfig.Namespace
	if len(o.from) == 0 {
		var err error
		if _, fallback, err = o.source.config(); err != nil {
			return nil, nil, "", err
		}
	}
	domains, err := readManifests(o.filenames, fallback)
	if err != nil {
		return nil, nil, "", err
	}
	namespace := cmp.Or(fallback, metav1.NamespaceDefault)
	if namespaces := sortedKeys(domains); *o.source.kubeconfig.Namespace == "" && len(namespaces) == 1 {
		namespace = namespaces[0]
	}
	objects, ok := domains[namespace]
	if !ok {
		return nil, nil, "", fmt.Errorf("no objects in the namespace %s; the manifests have %s: choose one with -n", namespace, strings.Join(sortedKeys(domains), ", "))
	}
	var held []engine.Object
	if len(o.from) > 0 {
		domains, err := readManifests(o.from, namespace)
		if err != nil {
			return nil, nil, "", err
		}
		held = domains[namespace]
	} else {
		config, _, err := o.source.config()
		if err != nil {
			return nil, nil, "", err
		}
		if held, err = readCluster(ctx, config, namespace); err != nil {
			return nil, nil, "", err
		}
	}
	return engine.Compile(held), objects, namespace, nil
}

// signs are how lines of the report begin, as those of a patch do.
var signs = map[any]cell{
	diff.Gain: {"+", green}, diff.Loss: {"-", red}, diff.Change: {"~", yellow},
	diff.Add: {"+", green}, diff.Remove: {"-", red}, diff.Update: {"~", yellow},
}

// print writes the report for people.
func (o *DiffOptions) print(namespace string, result *diff.Result) {
	p := o.palette()
	sign := func(of any) string { return p.paint(signs[of].style, signs[of].text) }
	if len(result.Objects) == 0 {
		fmt.Fprintf(o.Out, "No object of the domain %s differs.\n", namespace)
		return
	}
	fmt.Fprintf(o.Out, "%s of the domain %s %s:\n", countOf(len(result.Objects), "object", "objects"), namespace, verb(len(result.Objects), "differs", "differ"))
	const most = 50
	for i := range result.Objects[:min(len(result.Objects), most)] {
		object := &result.Objects[i]
		fmt.Fprintf(o.Out, "  %s %s\n", sign(object.Operation), object.Object)
	}
	if more := len(result.Objects) - most; more > 0 {
		fmt.Fprintf(o.Out, "  and %s more\n", query.Number(more))
	}
	fmt.Fprintln(o.Out)
	for i := range result.Changes {
		entry := &result.Changes[i]
		fmt.Fprintf(o.Out, "%s %s\n", sign(entry.Effect), headline(entry))
		fmt.Fprintf(o.Out, "    before: %s\n", stateText(&entry.Before, &entry.After))
		fmt.Fprintf(o.Out, "    after:  %s\n", stateText(&entry.After, &entry.Before))
		if len(entry.Users)+len(entry.Others) > 1 {
			fmt.Fprintf(o.Out, "    users:  %s\n", query.Listed(slices.Concat(entry.Others, entry.Users)))
		}
		if len(entry.Parts) > 0 {
			fmt.Fprintln(o.Out, "            not all of it for each of them; -o json tells")
		}
	}
	for i := range result.Records {
		records := &result.Records[i]
		var parts []string
		for _, part := range []struct {
			name string
			ids  []string
		}{{"new", records.Added}, {"changed", records.Changed}, {"gone", records.Removed}} {
			if len(part.ids) > 0 {
				parts = append(parts, part.name+": "+query.Listed(part.ids))
			}
		}
		fmt.Fprintf(o.Out, "%s records of %s: %s\n    conditions that look at them may decide otherwise\n", sign(diff.Change), records.Resource, strings.Join(parts, "; "))
	}
	if len(result.Settings) > 0 {
		fmt.Fprintf(o.Out, "%s %s\n    act by what callers say: decisions about any caller may differ\n", sign(diff.Change), strings.Join(result.Settings, ", "))
	}
	if len(result.Changes)+len(result.Records)+len(result.Settings) > 0 {
		fmt.Fprintln(o.Out)
	}
	fmt.Fprintln(o.Out, summary(result))
	for i := range result.Later {
		later := &result.Later[i]
		fmt.Fprintf(o.Out, "From %s on:\n", later.At.UTC().Format(time.RFC3339))
		for j := range later.Changes {
			fmt.Fprintf(o.Out, "  %s %s\n", sign(later.Changes[j].Effect), headline(&later.Changes[j]))
		}
	}
	if result.NextTransition != nil && len(result.Later) == 0 {
		fmt.Fprintf(o.Out, "Time windows change something at %s; --at shows it.\n", result.NextTransition.UTC().Format(time.RFC3339))
	}
}

// headline says in one line who gains or loses what.
func headline(e *diff.Entry) string {
	n := len(e.Users) + len(e.Others)
	who := countOf(len(e.Users), "user", "users")
	switch {
	case n == 1:
		who = slices.Concat(e.Users, e.Others)[0]
	case len(e.Users) == 0:
		who = "others"
	case len(e.Others) > 0:
		who += " and others"
	}
	what := fmt.Sprintf("%s on %s", strings.Join(e.Actions, ", "), query.Listed(e.Resources))
	switch {
	case e.Effect == diff.Loss && e.After.Access == diff.No:
		return fmt.Sprintf("%s %s %s", who, verb(n, "loses", "lose"), what)
	case e.Effect == diff.Loss:
		return fmt.Sprintf("%s %s less of %s", who, verb(n, "gets", "get"), what)
	case e.Effect == diff.Gain && e.Before.Access == diff.No:
		return fmt.Sprintf("%s %s %s", who, verb(n, "gains", "gain"), what)
	case e.Effect == diff.Gain:
		return fmt.Sprintf("%s %s more of %s", who, verb(n, "gets", "get"), what)
	}
	return fmt.Sprintf("%s: what decides %s is another", who, what)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// stateText says how it is on one side; other is how it is on the other.
func stateText(s, other *diff.State) string {
	const under = "\n            "
	var b strings.Builder
	b.WriteString(string(s.Access))
	switch s.Access {
	case diff.No:
		if len(s.RefusedBy) > 0 {
			b.WriteString(" (" + strings.Join(s.RefusedBy, ", ") + ")")
		}
	case diff.Always, diff.If:
		b.Reset()
		for i, grant := range s.Grants {
			if i > 0 {
				b.WriteString(under + "or ")
			}
			b.WriteString(grantText(grant))
		}
		switch {
		case len(s.Grants) == 0:
			b.WriteString(map[diff.Access]string{diff.Always: "always", diff.If: "under conditions"}[s.Access] + ", by others for each")
		case s.More:
			b.WriteString(under + "or otherwise, for some")
		}
	}
	for _, limit := range s.Restrictions {
		values := "none"
		if len(limit.Values) > 0 {
			values = query.Listed(limit.Values)
		}
		fmt.Fprintf(&b, "%swhere %s is %s (%s)", under, limit.Field, values, strings.Join(limit.By, ", "))
		if len(limit.Defaults) > 0 {
			fmt.Fprintf(&b, ", by default %s", strings.Join(limit.Defaults, ", "))
		}
		if limit.EmptyDenied {
			b.WriteString(", and not empty")
		}
	}
	for _, limit := range other.Restrictions {
		if !slices.ContainsFunc(s.Restrictions, func(l *diff.Restriction) bool { return l.Field == limit.Field }) && s.Access != diff.No {
			fmt.Fprintf(&b, "%swhatever %s is", under, limit.Field)
		}
	}
	for _, name := range sortedKeys(s.Subject) {
		fmt.Fprintf(&b, "%swith subject.%s = %s", under, name, expr.FormatJSON(s.Subject[name]))
	}
	return b.String()
}

// grantText is one thing that gives the action, and its terms.
func grantText(w *diff.Grant) string {
	var terms []string
	if w.If != "" {
		terms = append(terms, "if "+strings.Join(strings.Fields(w.If), " "))
	}
	if len(w.Fields) > 0 {
		terms = append(terms, "fields "+strings.Join(w.Fields, ", "))
	}
	if len(w.ExceptFields) > 0 {
		terms = append(terms, "all fields but "+strings.Join(w.ExceptFields, ", "))
	}
	for _, guard := range w.Guards {
		terms = append(terms, "guarded by "+strings.Join(strings.Fields(guard), " "))
	}
	for _, validation := range w.Validations {
		terms = append(terms, "provided that "+strings.Join(strings.Fields(validation), " "))
	}
	if len(w.Networks) > 0 {
		terms = append(terms, "from "+strings.Join(w.Networks, ", "))
	}
	if w.MFA {
		terms = append(terms, "with a second factor")
	}
	if w.StaffScope {
		terms = append(terms, "with a staff scope")
	}
	if len(terms) == 0 {
		terms = append(terms, "always")
	}
	if len(w.Presets) > 0 {
		terms = append(terms, "presets "+expr.FormatJSON(w.Presets))
	}
	return strings.Join(terms, "; ") + " (" + w.By + ")"
}

// summary counts users.
func summary(result *diff.Result) string {
	if len(result.Changes)+len(result.Records)+len(result.Settings) == 0 {
		return "Nobody's permissions differ."
	}
	users := map[diff.Effect]map[string]bool{diff.Loss: {}, diff.Gain: {}, diff.Change: {}}
	for i := range result.Changes {
		for _, user := range result.Changes[i].Users {
			users[result.Changes[i].Effect][user] = true
		}
	}
	var parts []string
	for _, part := range []struct {
		effect diff.Effect
		text   func(n int) string
	}{
		{diff.Loss, func(n int) string { return verb(n, "loses", "lose") + " something" }},
		{diff.Gain, func(n int) string { return verb(n, "gains", "gain") + " something" }},
		{diff.Change, func(n int) string { return verb(n, "gets", "get") + " it decided otherwise" }},
	} {
		if n := len(users[part.effect]); n > 0 {
			parts = append(parts, countOf(n, "user", "users")+" "+part.text(n))
		}
	}
	if len(parts) == 0 {
		return "No known user is concerned."
	}
	return strings.Join(parts, ", ") + "."
}
