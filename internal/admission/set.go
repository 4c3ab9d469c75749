package admission

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/internal/engine"
)

// Remedy is how a set of changes gets stored although one of them is refused at first.
type Remedy string

// The remedies.
const (
	// ApplyAgain: once the others are stored the change is admitted, and so it is at once where all changes are tried in a
	// dry run first.
	ApplyAgain Remedy = "ApplyAgain"
	// ApplyApart: the change is admitted once the others are stored; a dry run of it is refused until then, so that
	// tools that try everything in a dry run first store nothing.
	ApplyApart Remedy = "ApplyApart"
	// NoRemedy: the change is refused whatever comes first.
	NoRemedy Remedy = "None"
)

// Refusal is a change of a set that a cluster refuses, at first or for good.
type Refusal struct {
	Change engine.Ref
	Error  *field.Error
	Remedy Remedy
}

// ReviewSet judges changes that are stored together, as tools that apply files do: one after the other, deletions last, what
// was refused again. d is the domain before them. Who writes is not bound by A7. The refusals are in the order of the changes,
// one for each that is not admitted at once.
func ReviewSet(d *engine.Domain, changes []engine.Change, now time.Time) []Refusal {
	s := &set{now: now, first: map[engine.Ref]Refusal{}}
	puts := slices.DeleteFunc(slices.Clone(changes), func(c engine.Change) bool { return c.Object == nil })
	removals := slices.DeleteFunc(slices.Clone(changes), func(c engine.Change) bool { return c.Object != nil })
	if d.HasAdmin(now) {
		for _, c := range puts {
			if r, err := newReview(d, s.change(d, c)); err == nil && r.promises() {
				s.promised = append(s.promised, c.Object)
			}
		}
	}
	for _, c := range puts { // each by itself, as in a dry run of all
		if _, err := s.try(d, c, s.promised); err != nil {
			s.refuse(c.Ref, err, ApplyApart)
		}
	}
	left := slices.Concat(puts, removals)
	for count := len(left) + 1; len(left) > 0 && len(left) < count; {
		count = len(left)
		left = slices.DeleteFunc(left, func(c engine.Change) bool {
			next, err := s.try(d, c, nil)
			if err != nil {
				s.refuse(c.Ref, err, ApplyAgain)
				return false
			}
			d = next
			return true
		})
	}
	for _, c := range left {
		if _, err := s.try(d, c, nil); err != nil {
			s.first[c.Ref] = Refusal{c.Ref, err, NoRemedy}
		}
	}
	var refusals []Refusal
	for _, c := range changes {
		if refusal, ok := s.first[c.Ref]; ok {
			refusals = append(refusals, refusal)
		}
	}
	return refusals
}

// set is what ReviewSet finds.
type set struct {
	now      time.Time
	promised []engine.Object
	// first are the first refusals of changes.
	first map[engine.Ref]Refusal
}

func (s *set) refuse(change engine.Ref, err *field.Error, remedy Remedy) {
	if _, known := s.first[change]; !known {
		s.first[change] = Refusal{change, err, remedy}
	}
}

// change is that of an object as it is reviewed.
func (s *set) change(d *engine.Domain, c engine.Change) Change {
	change := Change{Operation: Delete, Now: s.now, User: UserInfo{Groups: []string{mastersGroup}}}
	old, exists := d.Lookup(c.Ref)
	switch {
	case c.Object == nil:
		change.Old = old
	case exists:
		change.Operation, change.Object, change.Old = Update, c.Object, old
	default:
		change.Operation, change.Object = Create, c.Object
	}
	return change
}

// try returns the domain after a change, or the first reason why it is refused.
func (s *set) try(d *engine.Domain, c engine.Change, promised []engine.Object) (*engine.Domain, *field.Error) {
	change := s.change(d, c)
	change.Promised = promised
	r, err := newReview(d, change)
	if err != nil {
		return d, err
	}
	if errs := r.refusals(); len(errs) > 0 {
		return d, errs[0]
	}
	return r.after, nil
}
