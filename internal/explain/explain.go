// Package explain tells why a decision is what it is, and which smallest changes would make a denial an allow. It is
// the same for the command line and the console.
package explain

import (
	"fmt"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
)

// Explanation of a decision.
type Explanation struct {
	// About is the answer about the type, where the request names no record; otherwise nil.
	About    *engine.TypeAnswer
	Decision engine.Decision
	Trace    []engine.TraceStage
	// Chains are the ways from the user over groups and roles to what decided, one for each rule or object.
	Chains []string
	// Hints are about the request.
	Hints []string
	// Remedies would allow a denied request, the narrowest first.
	Remedies []Remedy

	domain *engine.Domain
	user   string
}

// Explain decides a request and tells why. The error is an *engine.RequestError.
func Explain(d *engine.Domain, asked *query.Asked) (*Explanation, error) {
	e := &Explanation{domain: d, user: asked.Subject.ID}
	var err error
	if e.Decision, e.Trace, err = d.Explain(asked.Request, asked.At); err != nil {
		return nil, err
	}
	if asked.IsAboutType() {
		about, err := d.AskType(asked.Request, asked.At)
		if err != nil {
			return nil, err
		}
		e.About = &about
	}
	c := &chains{domain: d, user: e.user, trace: e.Trace, now: asked.At}
	e.Chains = c.all(&e.Decision)
	e.Hints = hints(d, asked, &e.Decision, e.Trace)
	if !e.Decision.Allow {
		e.Remedies = FindRemedies(d, asked.Request, &e.Decision, asked.At)
	}
	return e, nil
}

// hints tell what the request lacks, in terms of the command line.
func hints(d *engine.Domain, asked *query.Asked, decision *engine.Decision, trace []engine.TraceStage) []string {
	hints := query.Unknown(d, asked.Subject.ID, asked.Action.Name, asked.Resource.Type)
	add := func(format string, args ...any) { hints = append(hints, fmt.Sprintf(format, args...)) }
	for _, property := range decision.MissingProperties {
		if asked.IsAboutType() {
			add("the answer depends on the record's %s; name a record as TYPE/ID, or give it with --property %s=VALUE", property, property)
			continue
		}
		add("the record's %s is unknown; give it with --property %s=VALUE, or store it in a RecordSet", property, property)
	}
	for _, name := range decision.MissingContext {
		add("the context does not say %s; give it with --context %s=VALUE", name, name)
	}
	if decision.Reason == engine.ReasonGuard {
		return append(hints, guardHints(trace)...)
	}
	for _, message := range decision.ValidationMessages {
		add("submit other values: %s", message)
	}
	return hints
}

// guardHints name the guards that are not true: no grant gets around them.
func guardHints(trace []engine.TraceStage) []string {
	var hints []string
	for i := range trace {
		for j := range trace[i].Entries {
			entry := &trace[i].Entries[j]
			switch entry.Code {
			case engine.TraceGuardFalse, engine.TraceGuardMissing, engine.TraceGuardUnknown, engine.TraceGuardError, engine.TraceGuardInvalid:
				hints = append(hints, fmt.Sprintf("nobody may, not even a superuser; see guard %s: %s", place(entry), entry.Message))
			default: // other stages, and guards that are true
			}
		}
	}
	return hints
}
