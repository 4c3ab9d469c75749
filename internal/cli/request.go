package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// properties is a flag that takes name=value many times. A value is JSON where it can be read as that, and
// text otherwise.
type properties struct {
	flag    string
	written []string
	values  map[string]any
}

func (p *properties) addFlag(c *cobra.Command, flag, usage string) {
	p.flag = flag
	c.Flags().StringArrayVar(&p.written, flag, nil, usage+" as name=value; the value is JSON or text; may be repeated")
}

func (p *properties) complete() error {
	p.values = map[string]any{}
	for _, written := range p.written {
		name, text, ok := strings.Cut(written, "=")
		if !ok || name == "" {
			return usagef("--%s %s: must be name=value", p.flag, written)
		}
		if _, twice := p.values[name]; twice {
			return usagef("--%s %s: %s is given twice", p.flag, written, name)
		}
		value, err := expr.ParseJSON([]byte(text))
		if err != nil {
			value = text
		}
		p.values[name] = value
	}
	return nil
}

// moment is the flag --at.
type moment struct {
	written string
	time    time.Time
}

func (m *moment) addFlag(c *cobra.Command) {
	c.Flags().StringVar(&m.written, "at", "", "The time to answer for, as 2026-01-31T12:00:00Z (default: now)")
}

func (m *moment) complete(clock clock.PassiveClock) error {
	if m.written == "" {
		m.time = clock.Now()
		return nil
	}
	var err error
	if m.time, err = time.Parse(time.RFC3339, m.written); err != nil {
		return usagef("--at %s: must be a time such as 2026-01-31T12:00:00Z", m.written)
	}
	return nil
}

// inquiry is what commands have in common that ask about requests: where, under what circumstances, and how to
// print the answer.
type inquiry struct {
	Tool
	source        source
	circumstances circumstances
	output        output
}

func (t Tool) newInquiry(formats ...string) inquiry {
	return inquiry{Tool: t, source: newSource(), output: newOutput(formats...)}
}

func (i *inquiry) addFlags(c *cobra.Command) {
	i.source.addFlags(c)
	i.circumstances.addFlags(c)
	i.output.addFlag(c)
}

// Validate checks the format; what a request needs is for the engine to say.
func (i *inquiry) Validate() error { return i.output.validate() }

// circumstances are what flags add to a request.
type circumstances struct {
	subject, action, resource, context properties
	at                                 moment
}

func (q *circumstances) addFlags(c *cobra.Command) {
	q.resource.addFlag(c, "property", "A property of the record,")
	q.subject.addFlag(c, "subject-property", "A property of the user, such as a claim,")
	q.action.addFlag(c, "action-property", "A property of the action, such as values or fields,")
	q.context.addFlag(c, "context", "A circumstance, such as ip or mfa,")
	q.at.addFlag(c)
}

func (q *circumstances) complete(clock clock.PassiveClock) error {
	for _, p := range []*properties{&q.subject, &q.action, &q.resource, &q.context} {
		if err := p.complete(); err != nil {
			return err
		}
	}
	return q.at.complete(clock)
}

// request asks whether a user may take an action on a record, or on no record in particular.
func (q *circumstances) request(d domain, user, action, resourceType, id string) *engine.Request {
	return &engine.Request{
		Subject:  engine.Subject{Type: subjectType(d), ID: user, Properties: q.subject.values},
		Action:   engine.Action{Name: action, Properties: q.action.values},
		Resource: engine.Resource{Type: resourceType, ID: id, Properties: q.resource.values},
		Context:  q.context.values,
	}
}

// subjectType is the domain's first type of subjects that are users.
func subjectType(d domain) string { return string(d.Policy().SubjectTypes[0]) }
