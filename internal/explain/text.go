package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/query"
)

// Emphasis is how a part of a text stands out.
type Emphasis int

// The emphases.
const (
	None Emphasis = iota
	Allowed
	Limited
	Denied
	Title
	Quiet
)

// Paint marks up a part of a text, for example with a colour. Nil leaves it plain.
type Paint func(Emphasis, string) string

func (p Paint) paint(e Emphasis, text string) string {
	if p == nil {
		return text
	}
	return p(e, text)
}

var extentEmphasis = map[engine.Extent]Emphasis{engine.Always: Allowed, engine.Some: Limited, engine.Never: Denied}

// WriteText writes the explanation as text for a person.
func (e *Explanation) WriteText(w io.Writer, paint Paint) {
	e.writeAnswer(w, paint)
	title := func(text string) { fmt.Fprintf(w, "\n%s\n", paint.paint(Title, text)) }
	if len(e.Chains) > 0 {
		title("What decided")
		for _, line := range e.Chains {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	title("What was considered, stage by stage")
	for i := range e.Trace {
		stage := &e.Trace[i]
		outcome := map[engine.StageOutcome]Emphasis{engine.StageAllow: Allowed, engine.StageDeny: Denied}[stage.Outcome]
		fmt.Fprintf(w, "  %-3s %s: %s\n", stage.Stage, stage.Name, paint.paint(outcome, stage.Text()))
		for i := range stage.Entries {
			entry := &stage.Entries[i]
			fmt.Fprintf(w, "        %s %s\n", place(entry), entry.Text())
			for line := range strings.Lines(Expression(e.domain, entry)) {
				fmt.Fprintf(w, "          %s\n", paint.paint(Quiet, strings.TrimSpace(line)))
			}
		}
	}
	if e.Decision.Allow {
		return
	}
	if e.About != nil {
		title("What would make it always")
	} else {
		title("What would allow it")
	}
	for _, hint := range e.Hints {
		fmt.Fprintf(w, "  - %s\n", hint)
	}
	for i := range e.Remedies {
		e.Remedies[i].write(w, i+1, e.user)
	}
	if len(e.Remedies) == 0 {
		fmt.Fprintln(w, "  No small change to the objects would; see above what the request lacks.")
	}
}

func (e *Explanation) writeAnswer(w io.Writer, paint Paint) {
	if e.About != nil {
		WriteTypeAnswer(w, paint, e.About)
		return
	}
	WriteDecision(w, paint, &e.Decision)
}

// WriteDecision writes a decision about a record: yes or no, the reason, and what else a person should know.
func WriteDecision(w io.Writer, paint Paint, d *engine.Decision) {
	answer := paint.paint(Denied, "no")
	if d.Allow {
		answer = paint.paint(Allowed, "yes")
	}
	fmt.Fprintf(w, "%s: %s\n", answer, d.Message())
	writeDetails(w, d)
}

// WriteTypeAnswer writes an answer about a type: always, some or never, the reason, and what limits it.
func WriteTypeAnswer(w io.Writer, paint Paint, a *engine.TypeAnswer) {
	fmt.Fprintf(w, "%s: %s\n", paint.paint(extentEmphasis[a.Extent], string(a.Extent)), query.Message(a.Extent, &a.Decision))
	writeDetails(w, &a.Decision)
	writeDetail(w, "restricted by", engine.RefTexts(a.RestrictedBy))
	if condition, err := Condition(a); err != nil {
		writeDetail(w, "no filter", []string{err.Error()})
	} else if condition != "" {
		writeDetail(w, "filter", []string{condition})
	}
}

// Condition is the filter of an answer about a type, in CEL; empty where there is none. The error says why no filter
// can tell the records.
func Condition(a *engine.TypeAnswer) (string, error) {
	if a.Filter == nil {
		return "", a.NoFilter
	}
	encoded, err := filter.Encode(a.Filter.Condition, filter.FormatCEL)
	if err != nil {
		return "", err
	}
	text, _ := encoded.Condition.(string)
	return text, nil
}

func writeDetail(w io.Writer, name string, values []string) {
	if len(values) > 0 {
		fmt.Fprintf(w, "  %s: %s\n", name, strings.Join(values, ", "))
	}
}

func writeDetails(w io.Writer, d *engine.Decision) {
	writeDetail(w, "reason", []string{string(d.Reason)})
	if d.Allow {
		writeDetail(w, "fields", d.Fields)
		writeDetail(w, "except fields", d.ExceptFields)
		var presets []string
		for name, value := range d.Presets {
			presets = append(presets, name+"="+expr.FormatJSON(value))
		}
		slices.Sort(presets)
		writeDetail(w, "presets", presets)
		return
	}
	writeDetail(w, "missing properties", d.MissingProperties)
	writeDetail(w, "missing context", d.MissingContext)
	writeDetail(w, "missing in the request", d.MissingRequest)
	for _, v := range d.Violations {
		if v.Field == "id" {
			fmt.Fprintf(w, "  the %s itself: %s\n", v.Allow, violationText(v))
			continue
		}
		fmt.Fprintf(w, "  %s, a link to %s: %s\n", v.Field, v.Allow, violationText(v))
	}
	writeDetail(w, "step up", d.StepUp)
}

func violationText(v engine.Violation) string {
	switch v.Cause {
	case engine.CauseStrict:
		return expr.FormatJSON(v.Value) + " requires a user permission, because the type is strict"
	case engine.CauseEmpty:
		return "it is empty, and empty links are denied"
	case engine.CauseMissing:
		if v.Field == "id" {
			return "the question names no record"
		}
		return "it is unknown; give it with --property"
	case engine.CauseNotAllowed:
	}
	return expr.FormatJSON(v.Value) + " is none of the permitted ones"
}

// place is where an entry of a trace looked.
func place(entry *engine.TraceEntry) string {
	place := "the request"
	if entry.Object != (engine.Ref{}) {
		place = entry.Object.String()
	}
	if entry.Field != "" {
		place += " " + entry.Field
	}
	return place
}

// write writes a remedy as the nth of a list.
func (r *Remedy) write(w io.Writer, n int, user string) {
	for i := range r.Steps {
		mark := fmt.Sprintf("%d.", n)
		if i > 0 {
			mark = "  and"
		}
		fmt.Fprintf(w, "  %s %s\n", mark, r.Steps[i].Text())
	}
	fmt.Fprintf(w, "     %s\n", r.SideEffects(user))
}

// Text is the step as a clause, with where it is to be taken.
func (s *Step) Text() string {
	where := s.Object
	if s.Field != "" {
		where += " " + s.Field
	}
	if where == "" {
		return s.Change
	}
	return where + ": " + s.Change
}

// SideEffects is a clause about what a remedy changes besides.
func (r *Remedy) SideEffects(user string) string {
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
