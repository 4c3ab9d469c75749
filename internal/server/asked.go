package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
)

// asked is what the body of an evaluation asks, or of a batch of them.
type asked struct {
	// one is the single evaluation; in a batch, what it gives to the evaluations that lack it.
	one evaluation
	// batch has the evaluations of a batch. Empty: it is none.
	batch   []evaluation
	options evaluationOptions
}

// evaluation is a request, or as much of it as there is and the reason why that is none.
type evaluation struct {
	engine.Request
	problem error
	given   parts // of a plain body
}

// evaluationOptions are what evaluations may ask for besides.
type evaluationOptions struct {
	semantic string // of a batch
	explain  bool
	revision string // to be at least as new as; empty: any
}

// entityKeys are the parts of an evaluation for which a batch may hold defaults.
var entityKeys = []string{"subject", "action", "resource", "context"}

// parseEvaluation reads the body of a single evaluation.
func parseEvaluation(text string) (*asked, error) {
	if a, plain := parsePlainEvaluations(text, false); plain {
		return a, nil
	}
	body, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return body.evaluation()
}

// parseEvaluations reads the body of a batch, which is a single evaluation where it has none.
func parseEvaluations(text string) (*asked, error) {
	if a, plain := parsePlainEvaluations(text, true); plain {
		return a, nil
	}
	body, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return body.evaluations()
}

func (o object) evaluation() (*asked, error) {
	opts := o.object("options")
	a := &asked{options: evaluationOptions{explain: opts.bool("explain"), revision: opts.string(atLeastRevision)}}
	if err := o.err(); err != nil {
		return nil, err
	}
	a.one.read(o)
	return a, nil
}

func (o object) evaluations() (*asked, error) {
	items := o.list("evaluations")
	for _, key := range entityKeys {
		o.object(key) // a default that is no object is everybody's problem, not that of single evaluations
	}
	if err := o.err(); err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return o.evaluation()
	}
	if len(items) > maxEvaluations {
		return nil, malformed("evaluations", fmt.Sprintf("must be at most %d", maxEvaluations))
	}
	opts := o.object("options")
	a := &asked{batch: make([]evaluation, len(items))}
	a.options.semantic = opts.string("evaluations_semantic")
	if o.err() == nil && !isSemantic(a.options.semantic) {
		return nil, malformed("options.evaluations_semantic",
			fmt.Sprintf("must be %s, %s or %s", executeAll, denyOnFirstDeny, permitOnFirstPermit))
	}
	a.options.explain, a.options.revision = opts.bool("explain"), opts.string(atLeastRevision)
	if err := o.err(); err != nil {
		return nil, err
	}
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			a.batch[i].problem = malformed(fmt.Sprintf("evaluations[%d]", i), "must be an object")
			continue
		}
		whole := newObject(make(map[string]any, len(entityKeys)))
		for _, key := range entityKeys {
			if whole.fields[key] = fields[key]; fields[key] == nil {
				whole.fields[key] = o.fields[key]
			}
		}
		a.batch[i].read(whole)
	}
	return a, nil
}

// read reads an evaluation from its object.
func (e *evaluation) read(from object) {
	req, err := from.request()
	e.Request, e.problem = *req, err
}

// parts are some members of the body of an evaluation or a batch.
type parts uint

const (
	partSubject parts = 1 << iota
	partAction
	partResource
	partContext
	partEvaluations
	partOptions
)

// usualBatch is the length of a batch for which there is room at once.
const usualBatch = 128

// add adds a part, and says whether it is new.
func (p *parts) add(part parts) bool {
	had := *p&part != 0
	*p |= part
	return !had
}

// parsePlainEvaluations reads the body of an evaluation, or of a batch, straight into requests. Like parsePlain it is
// false for what is not plain, and besides for every body in which something is wrong, null or not known: objects know
// what to make of that, and of all else make the same.
func parsePlainEvaluations(text string, batch bool) (*asked, bool) {
	p := plainEvaluations{plain: plain{text: text}}
	a := &asked{}
	ok := p.members(func(name string) bool {
		switch name {
		case "evaluations":
			return batch && a.one.given.add(partEvaluations) && p.evaluations(&a.batch)
		case "options":
			return a.one.given.add(partOptions) && p.options(&a.options)
		}
		return p.part(name, &a.one)
	})
	if !ok || !p.end() || len(a.batch) > 0 && !isSemantic(a.options.semantic) {
		return nil, false
	}
	for i := range a.batch {
		a.batch[i].complete(&a.one)
	}
	return a, true
}

// complete takes what an evaluation lacks from the defaults of its batch, each part as a whole.
func (e *evaluation) complete(defaults *evaluation) {
	if e.given&partSubject == 0 {
		e.Subject = defaults.Subject
	}
	if e.given&partAction == 0 {
		e.Action = defaults.Action
	}
	if e.given&partResource == 0 {
		e.Resource = defaults.Resource
	}
	if e.given&partContext == 0 {
		e.Context = defaults.Context
	}
}

// plainEvaluations reads evaluations. A batch often says the same again and again: what is, to the letter, as in the
// evaluation before is not read again. Requests are not changed, so they may share it.
type plainEvaluations struct {
	plain
	subject  again[engine.Subject]
	action   again[engine.Action]
	resource again[engine.Resource]
	context  again[map[string]any]
}

// again is an object of the evaluation before, and how it was written.
type again[T any] struct {
	text  string
	value T
}

// read reads an object into a value, by a function, unless it is the same again.
func (a *again[T]) read(p *plain, into *T, read func(*T) bool) bool {
	p.space()
	if a.text != "" && strings.HasPrefix(p.text[p.at:], a.text) {
		p.at += len(a.text)
		*into = a.value
		return true
	}
	start := p.at
	if !read(into) {
		return false
	}
	a.text, a.value = p.text[start:p.at], *into
	return true
}

func (p *plainEvaluations) evaluations(list *[]evaluation) bool {
	*p = plainEvaluations{plain: p.plain} // the defaults, which are less deep, are no evaluation before
	began := p.at
	return p.elements(func() bool {
		if len(*list) == 1 { // make room for as many as there are if all are as long as the first
			size := p.at - began
			*list = slices.Grow(*list, min((len(p.text)-p.at)/size+1, usualBatch))
		}
		*list = append(*list, evaluation{})
		e := &(*list)[len(*list)-1]
		return len(*list) <= maxEvaluations && p.members(func(name string) bool { return p.part(name, e) })
	})
}

// part reads a part of an evaluation.
func (p *plainEvaluations) part(name string, e *evaluation) bool {
	switch name {
	case "subject":
		return e.given.add(partSubject) && p.subject.read(&p.plain, &e.Subject, func(s *engine.Subject) bool {
			return p.entity(&s.Properties, func(name string) *string {
				switch name {
				case "type":
					return &s.Type
				case "id":
					return &s.ID
				}
				return nil
			})
		})
	case "action":
		return e.given.add(partAction) && p.action.read(&p.plain, &e.Action, func(a *engine.Action) bool {
			return p.entity(&a.Properties, func(name string) *string {
				if name == "name" {
					return &a.Name
				}
				return nil
			})
		})
	case "resource":
		return e.given.add(partResource) && p.resource.read(&p.plain, &e.Resource, func(r *engine.Resource) bool {
			return p.entity(&r.Properties, func(name string) *string {
				switch name {
				case "type":
					return &r.Type
				case "id":
					return &r.ID
				}
				return nil
			})
		})
	case "context":
		return e.given.add(partContext) && p.context.read(&p.plain, &e.Context, p.properties)
	}
	return false
}

// entity reads an entity: its properties, and texts to where their names say.
func (p *plain) entity(properties *map[string]any, text func(name string) *string) bool {
	return p.members(func(name string) bool {
		if name == "properties" {
			return *properties == nil && p.properties(properties)
		}
		into := text(name)
		return into != nil && p.textInto(into)
	})
}

// textInto reads a text that is not empty, unless it has been read before.
func (p *plain) textInto(into *string) (ok bool) {
	if *into != "" {
		return false
	}
	*into, ok = p.string()
	return ok && *into != ""
}

func (p *plain) properties(into *map[string]any) (ok bool) {
	*into, ok = p.object()
	return ok
}

func (p *plain) options(o *evaluationOptions) bool {
	explains := false
	return p.members(func(name string) (ok bool) {
		switch name {
		case "evaluations_semantic":
			return p.textInto(&o.semantic)
		case atLeastRevision:
			return p.textInto(&o.revision)
		case "explain":
			if explains {
				return false
			}
			explains = true
			o.explain, ok = p.bool()
			return ok
		}
		return false
	})
}
