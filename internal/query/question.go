package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// Question is a request as a person writes it. Properties are name=value, where a value is JSON if it can be read as
// that, and text otherwise; see Flags for what the command line calls them.
type Question struct {
	User, Action, Type string
	// ID of the record; empty for a question about the type.
	ID string

	Properties, SubjectProperties, ActionProperties, Context []string
	// At is the time to answer for, such as 2026-01-31T12:00:00Z; empty for now.
	At string
}

// The flags of the command line that carry the properties of a question, and its time. Errors name them.
const (
	FlagProperty        = "property"
	FlagSubjectProperty = "subject-property"
	FlagActionProperty  = "action-property"
	FlagContext         = "context"
	FlagAt              = "at"
)

// Error is a mistake in how a question is written.
type Error struct{ message string }

func (e *Error) Error() string { return e.message }

func mistake(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Flags are the flags that say the same at the command line, with their values.
func (q *Question) Flags() []string {
	var flags []string
	for _, part := range q.parts() {
		for _, written := range part.written {
			flags = append(flags, "--"+part.flag, written)
		}
	}
	if q.At != "" {
		flags = append(flags, "--"+FlagAt, q.At)
	}
	return flags
}

// Resource is the record as the command line writes it: TYPE/ID, or TYPE for a question about the type.
func (q *Question) Resource() string {
	if q.ID == "" {
		return q.Type
	}
	return q.Type + "/" + q.ID
}

// part is one list of properties.
type part struct {
	flag    string
	written []string
	values  map[string]any
}

func (q *Question) parts() []part {
	return []part{
		{flag: FlagProperty, written: q.Properties}, {flag: FlagSubjectProperty, written: q.SubjectProperties},
		{flag: FlagActionProperty, written: q.ActionProperties}, {flag: FlagContext, written: q.Context},
	}
}

// Asked is a question that has been read.
type Asked struct {
	*engine.Request
	// At is the time to answer for.
	At time.Time
}

// IsAboutType reports whether the question names no record.
func (a *Asked) IsAboutType() bool { return a.Resource.ID == "" }

// Read reads a question that is asked now. The subject is of the domain's first type of subjects that are users. The
// error is an *Error; what a request lacks is for the engine to say.
func (q *Question) Read(d *engine.Domain, now time.Time) (*Asked, error) {
	parts := q.parts()
	for i := range parts {
		values, err := Properties(parts[i].flag, parts[i].written)
		if err != nil {
			return nil, err
		}
		parts[i].values = values
	}
	at, err := Time(q.At, now)
	if err != nil {
		return nil, err
	}
	return &Asked{At: at, Request: &engine.Request{
		Subject:  engine.Subject{Type: string(d.Policy().SubjectTypes[0]), ID: q.User, Properties: parts[1].values},
		Action:   engine.Action{Name: q.Action, Properties: parts[2].values},
		Resource: engine.Resource{Type: q.Type, ID: q.ID, Properties: parts[0].values},
		Context:  parts[3].values,
	}}, nil
}

// Check reports the first mistake in how a question is written.
func (q *Question) Check() error {
	for _, part := range q.parts() {
		if _, err := Properties(part.flag, part.written); err != nil {
			return err
		}
	}
	_, err := Time(q.At, time.Time{})
	return err
}

// Properties reads name=value of a flag. The error is an *Error.
func Properties(flag string, written []string) (map[string]any, error) {
	values := map[string]any{}
	for _, pair := range written {
		name, text, ok := strings.Cut(pair, "=")
		switch _, twice := values[name]; {
		case (!ok || name == "") && flag == FlagContext:
			return nil, mistake("--%s %s: must be name=value, such as mfa=true; a context of the kubeconfig is chosen with --kube-context", flag, pair)
		case !ok || name == "":
			return nil, mistake("--%s %s: must be name=value", flag, pair)
		case twice:
			return nil, mistake("--%s %s: %s is given twice", flag, pair, name)
		}
		value, err := expr.ParseJSON([]byte(text))
		if err != nil {
			value = text
		}
		values[name] = value
	}
	return values, nil
}

// Time reads the time to answer for; now if none is written. The error is an *Error.
func Time(written string, now time.Time) (time.Time, error) {
	if written == "" {
		return now, nil
	}
	at, err := time.Parse(time.RFC3339, written)
	if err != nil {
		return time.Time{}, mistake("--%s %s: must be a time such as 2026-01-31T12:00:00Z", FlagAt, written)
	}
	return at, nil
}
