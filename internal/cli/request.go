package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/query"
)

// moment is the flag --at.
type moment struct {
	written string
	time    time.Time
}

func (m *moment) addFlag(c *cobra.Command) { addAtFlag(c, &m.written) }

func addAtFlag(c *cobra.Command, written *string) {
	c.Flags().StringVar(written, query.FlagAt, "", "The time to answer for, as 2026-01-31T12:00:00Z (default: now)")
}

func (m *moment) complete(clock clock.PassiveClock) error {
	var err error
	m.time, err = query.Time(m.written, clock.Now())
	return err
}

// inquiry is what commands have in common that ask about requests: where, what, and how to print the answer.
type inquiry struct {
	Tool
	source source
	asked  query.Question
	output output
}

func (t Tool) newInquiry(formats ...string) inquiry {
	return inquiry{Tool: t, source: newSource(), output: newOutput(formats...)}
}

func (i *inquiry) addFlags(c *cobra.Command) {
	i.source.addFlags(c)
	for _, flag := range []struct {
		name, usage string
		values      *[]string
	}{
		{query.FlagProperty, "A property of the record,", &i.asked.Properties},
		{query.FlagSubjectProperty, "A property of the user, such as a claim,", &i.asked.SubjectProperties},
		{query.FlagActionProperty, "A property of the action, such as values or fields,", &i.asked.ActionProperties},
		{query.FlagContext, "A circumstance, such as ip or mfa,", &i.asked.Context},
	} {
		c.Flags().StringArrayVar(flag.values, flag.name, nil, flag.usage+" as name=value; the value is JSON or text; may be repeated")
	}
	addAtFlag(c, &i.asked.At)
	i.output.addFlag(c)
}

// Validate checks the format and how the question is written; what a request needs is for the engine to say.
func (i *inquiry) Validate() error {
	if err := i.output.validate(); err != nil {
		return err
	}
	return i.asked.Check()
}

// read reads the question.
func (i *inquiry) read(d domain) (*query.Asked, error) { return i.asked.Read(d.Domain, i.Clock.Now()) }

// note prints notes on standard error.
func (t Tool) note(notes []string) {
	for _, note := range notes {
		fmt.Fprintf(t.ErrOut, "Note: %s\n", note)
	}
}
