package wire

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
)

// MaxEvaluations is the length of the longest batch.
const MaxEvaluations = 1000

// Body is what the body of a request says.
type Body struct {
	// Evaluation is the request, as far as there is one; in a batch, what evaluations that lack a part get.
	Evaluation
	// Batch has the evaluations of a batch, each complete. Empty: the body is no batch.
	Batch []Evaluation
	// Rest has the other members of the body, the options among them.
	Rest Object
}

// Evaluation is an evaluation request. Which of its parts are required is for the engine to say.
type Evaluation struct {
	engine.Request
	// Err says why this is no request; nil if it is one.
	Err error
	// given are the parts that the evaluation has itself.
	given members
	// noObject is an element of a batch that is no evaluation at all.
	noObject bool
}

// member is a member of a body, or of an object inside.
type member uint

const (
	// The parts of an evaluation, for each of which a batch may hold a default.
	subject member = iota
	action
	resource
	context

	evaluations
	typ
	id
	name
	properties
	other
)

// parts are the names of the parts of an evaluation.
var parts = [...]string{subject: "subject", action: "action", resource: "resource", context: "context"}

func memberOf(text string) member {
	switch text {
	case "subject":
		return subject
	case "action":
		return action
	case "resource":
		return resource
	case "context":
		return context
	case "evaluations":
		return evaluations
	case "type":
		return typ
	case "id":
		return id
	case "name":
		return name
	case "properties":
		return properties
	}
	return other
}

// members is a set of members, by a bit for each.
type members uint

const (
	partMembers   members = 1<<subject | 1<<action | 1<<resource | 1<<context
	entityMembers members = 1<<typ | 1<<id | 1<<properties
	actionMembers members = 1<<name | 1<<properties
)

func (m members) has(one member) bool { return m&(1<<one) != 0 }

// Parse reads a body. Where batch is false, its member "evaluations" is one that nobody knows.
func Parse(text string, batch bool) (*Body, error) {
	known := partMembers
	if batch {
		known |= 1 << evaluations
	}
	p := parser{reader: reader{text: text}}
	b := &Body{}
	var problems [len(parts)]error
	var noList error
	ok := p.members(known, func(m member, name string) bool {
		switch m {
		case other:
			return b.Rest.read(name, &p.reader)
		case evaluations:
			if p.peek() == '[' {
				return p.evaluations(&b.Batch)
			}
			p.problem = nil
			ok := p.skip(name, "must be a list")
			noList = p.problem
			return ok
		}
		ok := p.part(m, &b.Evaluation)
		problems[m] = p.problem
		return ok
	})
	if !ok || !p.end() {
		return nil, p.failure()
	}
	if noList != nil {
		return nil, noList
	}
	for part, problem := range problems {
		if problem != nil && !b.given.has(member(part)) && len(b.Batch) > 0 {
			return nil, problem // a default that is no object is everybody's problem, not that of single evaluations
		}
		if b.Err == nil {
			b.Err = problem
		}
	}
	for i := range b.Batch {
		e := &b.Batch[i]
		e.complete(b)
		for part, problem := range problems {
			if b.Err != nil && e.Err == nil && !e.given.has(member(part)) {
				e.Err = problem
			}
		}
	}
	return b, nil
}

// complete takes what an evaluation lacks from its batch, each part as a whole.
func (e *Evaluation) complete(batch *Body) {
	if e.noObject {
		return
	}
	if !e.given.has(subject) {
		e.Subject = batch.Subject
	}
	if !e.given.has(action) {
		e.Action = batch.Action
	}
	if !e.given.has(resource) {
		e.Resource = batch.Resource
	}
	if !e.given.has(context) {
		e.Context = batch.Context
	}
}

// parser reads evaluations. Those of a batch often repeat a part: one that is written as in the evaluation before is
// not read again. Requests are not changed, so they may share it.
type parser struct {
	reader
	// problem is what is wrong with the part that was read last, which is JSON all the same.
	problem error

	subject  lastParsed[engine.Subject]
	action   lastParsed[engine.Action]
	resource lastParsed[engine.Resource]
	context  lastParsed[map[string]any]
}

// lastParsed is a part as it was last written, and what that was read as.
type lastParsed[T any] struct {
	text  string
	value T
}

// read reads a part into a value, by a function, unless it is written as before.
func (l *lastParsed[T]) read(p *parser, into *T, read func() bool) bool {
	if l.text != "" && strings.HasPrefix(p.text[p.pos:], l.text) {
		p.pos += len(l.text)
		*into = l.value
		return true
	}
	start := p.pos
	if !read() {
		return false
	}
	if p.problem == nil {
		l.text, l.value = p.text[start:p.pos], *into
	}
	return true
}

// likelyBatch is for how many evaluations there is room at once, at most.
const likelyBatch = 128

func (p *parser) evaluations(batch *[]Evaluation) bool {
	*p = parser{reader: p.reader} // forgets the defaults, which may nest deeper than parts of a batch
	start := p.pos
	return p.elements(func() bool {
		n := len(*batch)
		switch n {
		case 1: // make room for as many as there are if all are as long as the first
			size := p.pos - start
			*batch = slices.Grow(*batch, min((len(p.text)-p.pos)/size+1, likelyBatch))
		case MaxEvaluations:
			p.err = malformed("evaluations", fmt.Sprintf("must be at most %d", MaxEvaluations))
			return false
		}
		*batch = append(*batch, Evaluation{})
		e := &(*batch)[n]
		if p.peek() != '{' {
			e.noObject = true
			e.Err = malformed(fmt.Sprintf("evaluations[%d]", n), "must be an object")
			return p.discard()
		}
		return p.members(partMembers, func(m member, _ string) bool {
			if m == other {
				return p.discard()
			}
			ok := p.part(m, e)
			if e.Err == nil {
				e.Err = p.problem
			}
			return ok
		})
	})
}

// part reads a part of an evaluation.
func (p *parser) part(part member, e *Evaluation) bool {
	p.problem = nil
	path := parts[part]
	if p.peek() != '{' {
		return p.skip(path, "must be an object")
	}
	e.given |= 1 << part
	switch part {
	case subject:
		return p.subject.read(p, &e.Subject, func() bool {
			return p.entity(path, entityMembers, &e.Subject.Type, &e.Subject.ID, &e.Subject.Properties)
		})
	case action:
		return p.action.read(p, &e.Action, func() bool {
			return p.entity(path, actionMembers, &e.Action.Name, nil, &e.Action.Properties)
		})
	case resource:
		return p.resource.read(p, &e.Resource, func() bool {
			return p.entity(path, entityMembers, &e.Resource.Type, &e.Resource.ID, &e.Resource.Properties)
		})
	}
	return p.context.read(p, &e.Context, func() (ok bool) {
		e.Context, ok = p.object()
		return ok
	})
}

// entity reads a subject or resource, which have a type and an id, or an action, which has a name.
func (p *parser) entity(path string, known members, typeOrName, idText *string, into *map[string]any) bool {
	return p.members(known, func(m member, name string) (ok bool) {
		text := typeOrName
		switch m {
		case other:
			return p.discard()
		case properties:
			if p.peek() != '{' {
				return p.skip(path+"."+name, "must be an object")
			}
			*into, ok = p.object()
			return ok
		case id:
			text = idText
		}
		if p.peek() != '"' {
			return p.skip(path+"."+name, "must be a string")
		}
		*text, ok = p.string()
		return ok
	})
}

// skip reads what should be there and is not: null, which means that it is absent, or a value of the wrong type.
func (p *parser) skip(path, message string) bool {
	value, ok := p.value()
	if value != nil && p.problem == nil {
		p.problem = malformed(path, message)
	}
	return ok
}

// discard reads a value that nobody knows.
func (r *reader) discard() bool {
	_, ok := r.value()
	return ok
}
