package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/diff"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
)

// LintOptions are those of `lint`.
type LintOptions struct {
	Tool
	filenames []string
	from      []string
	namespace string
	strict    bool
	at        moment
	output    output
}

func (t Tool) newLint() *cobra.Command {
	o := &LintOptions{Tool: t, output: newOutput(outputTable, outputJSON, outputYAML)}
	c := &cobra.Command{
		Use:   "lint -f DIR",
		Short: "Check manifests by every rule of admission, offline",
		Long: `Check manifests as the API server and Remit's admission would if they were applied to an empty cluster: the
schema, the rules A1 to A6, and the warnings. Each finding names the file, the line, the object and the field. Hints
are for what works, and may let through more than its author thinks of.

A7 is about who writes, and A2 about what was before. With --from, the manifests are those that come after others, which
they replace as a whole, and it is checked that tools can apply the set: an error is what no order of steps brings, a
warning what needs two commits where a tool tries everything first, as Flux does, and a hint what is only taken when it
is applied again.

Exit codes: 0 nothing that admission would reject, with --strict nothing that it would warn of, 1 something, 2 the
files could not be read.`,
		Example: `  # A folder, every namespace in it
  kubectl remit lint -f config/samples

  # In CI: warnings fail, too
  kubectl remit lint -f config/samples --strict

  # In CI: can what is merged be applied to what is there?
  kubectl remit lint --from main/permissions -f permissions

  # For other programs
  kubectl remit lint -f config/samples/erp -o json`,
		Args: exactly(),
		RunE: run(o),
	}
	addFilenames(c, &o.filenames)
	c.Flags().Lookup("filename").Usage = "Manifests to check: a file, a folder with everything below it, or - for standard input; may be repeated"
	c.Flags().StringArrayVar(&o.from, "from", nil, "Manifests that they replace; may be repeated")
	c.Flags().StringVarP(&o.namespace, "namespace", "n", metav1.NamespaceDefault, "The namespace of objects that name none")
	c.Flags().BoolVar(&o.strict, "strict", false, "Fail on warnings, too (not on hints)")
	o.at.addFlag(c)
	o.output.addFlag(c)
	return c
}

// Complete reads the time.
func (o *LintOptions) Complete([]string) error { return o.at.complete(o.Clock) }

// Validate checks the flags.
func (o *LintOptions) Validate() error {
	if len(o.filenames) == 0 {
		return usagef("-f is required: the manifests to check")
	}
	if err := onceFromStdin(o.from, o.filenames); err != nil {
		return err
	}
	return o.output.validate()
}

// The severities of findings.
const (
	severityError   = "error"
	severityWarning = "warning"
	severityHint    = "hint"
)

// finding is one thing that admission would say.
type finding struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Severity is error, warning or hint.
	Severity string `json:"severity"`
	// Code is the rule broken, such as A4; empty for the schema and for warnings.
	Code   string `json:"code,omitempty"`
	Object string `json:"object,omitempty"`
	// Field is the path in the object, where there is one.
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func (f *finding) String() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	parts := []string{place, f.Severity}
	for _, part := range []string{f.Object, f.Field, f.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Run checks the manifests and prints what it finds.
func (o *LintOptions) Run(ctx context.Context) error {
	for _, name := range o.filenames {
		if _, err := os.Stat(name); err != nil && name != manifests.Stdin {
			return err
		}
	}
	items, err := manifests.Load(o.filenames, o.namespace)
	problems, ok := errors.AsType[manifests.Problems](err)
	if err != nil && !ok {
		return err
	}
	if len(items)+len(problems) == 0 {
		return fmt.Errorf("no objects of Remit in %s", strings.Join(o.filenames, ", "))
	}
	l := linter{now: o.at.time, documents: map[string][]*manifests.Document{}}
	for _, p := range problems {
		l.findings = append(l.findings, finding{File: p.File, Line: p.Line, Severity: severityError, Object: p.Object, Field: p.Path, Message: p.Message})
	}
	domains := map[string][]manifests.Item{}
	for _, item := range items {
		namespace := item.Object.GetNamespace()
		domains[namespace] = append(domains[namespace], item)
	}
	for _, namespace := range sortedKeys(domains) {
		if err := l.domain(ctx, domains[namespace]); err != nil {
			return err
		}
	}
	if err := o.compare(&l, domains); err != nil {
		return err
	}
	slices.SortStableFunc(l.findings, func(a, b finding) int { return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line) })
	failed := slices.ContainsFunc(l.findings, func(f finding) bool {
		return f.Severity == severityError || o.strict && f.Severity == severityWarning
	})
	if o.output.format == outputTable {
		o.print(l.findings, len(items))
	} else if err := printValue(o.Out, o.output.format, map[string]any{"findings": append([]finding{}, l.findings...)}); err != nil {
		return err
	}
	if failed {
		return errNegative
	}
	return nil
}

// compare adds what tools would meet that apply the manifests, by namespace, in place of those of --from.
func (o *LintOptions) compare(l *linter, domains map[string][]manifests.Item) error {
	if len(o.from) == 0 {
		return nil
	}
	held, err := readManifests(o.from, o.namespace)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	severities := map[admission.Remedy]string{admission.NoRemedy: severityError, admission.ApplyApart: severityWarning, admission.ApplyAgain: severityHint}
	for _, namespace := range sortedKeys(domains) {
		if held[namespace] == nil {
			continue // it is new
		}
		items := map[string]manifests.Item{}
		for _, item := range domains[namespace] {
			kind, _ := engine.KindOf(item.Object)
			items[engine.Ref{Kind: kind, Name: item.Object.GetName()}.String()] = item
		}
		before := engine.Compile(held[namespace])
		_, differing := diff.Apply(before, manifests.Objects(domains[namespace]), true, l.now)
		for _, r := range o.at.refusedOf(before, differing) {
			item, ok := items[r.Object]
			if !ok { // it is removed
				l.findings = append(l.findings, finding{File: o.from[0], Severity: severities[r.Remedy], Code: codeOf(r.Message), Object: r.Object, Field: r.Field, Message: r.Message})
				continue
			}
			l.add(item, severities[r.Remedy], r.Field, r.Message)
		}
	}
	return nil
}

// codeOf is the rule that a message ends with; empty if it ends with none.
func codeOf(message string) string {
	if n := len(message); strings.HasSuffix(message, ")") && n > 4 && message[n-4] == '(' {
		return message[n-3 : n-1]
	}
	return ""
}

func (o *LintOptions) print(findings []finding, objects int) {
	p := o.palette()
	colors := map[string]style{severityError: red, severityWarning: yellow, severityHint: faint}
	counts := map[string]int{}
	for i := range findings {
		severity := findings[i].Severity
		counts[severity]++
		fmt.Fprintln(o.Out, strings.Replace(findings[i].String(), severity, p.paint(colors[severity], severity), 1))
	}
	fmt.Fprintf(o.Out, "%s: %s, %s", countOf(objects, "object", "objects"), countOf(counts[severityError], "error", "errors"),
		countOf(counts[severityWarning], "warning", "warnings"))
	if hints := counts[severityHint]; hints > 0 {
		fmt.Fprintf(o.Out, ", %s", countOf(hints, "hint", "hints"))
	}
	fmt.Fprintln(o.Out)
}

// linter judges objects as admission does.
type linter struct {
	now      time.Time
	findings []finding
	// documents are those of the files with findings, read again for the lines of fields.
	documents map[string][]*manifests.Document
}

// writtenBy is who may write everything: A7 is not judged.
var writtenBy = admission.UserInfo{Groups: []string{"system:masters"}}

// domain judges the objects of one namespace: the rules for each as if it were created after those before it,
// the policy and the types first, so that of two objects that exclude one another one is told; the warnings
// once all are there.
func (l *linter) domain(ctx context.Context, items []manifests.Item) error {
	order := append([]engine.Kind{engine.KindPermissionPolicy}, engine.Kinds...)
	sorted := slices.Clone(items)
	rank := func(item manifests.Item) int {
		kind, _ := engine.KindOf(item.Object)
		return slices.Index(order, kind)
	}
	slices.SortStableFunc(sorted, func(a, b manifests.Item) int { return rank(a) - rank(b) })
	whole := engine.Compile(manifests.Objects(items))
	emptyLinks, hintAtLinks, _ := whole.EmptyLinksHint()
	d := engine.Compile(nil)
	for _, item := range sorted {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		change := admission.Change{Operation: admission.Create, Object: item.Object, User: writtenBy, Now: l.now}
		rejected := admission.Review(d, change)
		for _, err := range rejected.Errors {
			l.add(item, severityError, manifests.Path(err), manifests.Message(err))
		}
		change.Operation, change.Old = admission.Update, item.Object
		for _, warning := range admission.Review(whole, change).Warnings {
			path, message, ok := strings.Cut(warning, ": ")
			if !ok || strings.Contains(path, " ") {
				path, message = "", warning
			}
			l.add(item, severityWarning, path, message)
		}
		kind, _ := engine.KindOf(item.Object)
		ref := engine.Ref{Kind: kind, Name: item.Object.GetName()}
		for _, hint := range whole.Hints(ref) {
			l.add(item, severityHint, hint.Path, hint.Message)
		}
		if ref == emptyLinks {
			l.add(item, severityHint, hintAtLinks.Path, hintAtLinks.Message)
		}
		if len(rejected.Errors) == 0 {
			l.stalls(whole, item)
			d, _ = d.With(engine.Put(item.Object))
		}
	}
	return nil
}

// stalls adds what keeps parts of an admitted object from taking effect.
func (l *linter) stalls(whole *engine.Domain, item manifests.Item) {
	kind, _ := engine.KindOf(item.Object)
	report, _ := whole.Report(engine.Ref{Kind: kind, Name: item.Object.GetName()})
	for _, problem := range report.Problems {
		if problem.Reason == v1alpha1.ReasonConflict && kind == engine.KindUser {
			continue // A3 says it of the other
		}
		l.add(item, severityWarning, problem.Path, problem.Message)
	}
}

// add notes a finding at the line of the field.
func (l *linter) add(item manifests.Item, severity, path, message string) {
	kind, _ := engine.KindOf(item.Object)
	f := finding{
		File: item.File, Line: item.Line, Severity: severity, Object: engine.Ref{Kind: kind, Name: item.Object.GetName()}.String(),
		Field: path, Message: message,
	}
	if severity == severityError {
		f.Code = codeOf(message)
	}
	documents, ok := l.documents[item.File]
	if !ok {
		documents, _ = manifests.ReadFile(item.File) // it has been read before
		l.documents[item.File] = documents
	}
	for _, document := range documents {
		if document.Line == item.Line {
			f.Line = document.Problem(path, "").Line
		}
	}
	l.findings = append(l.findings, f)
}
