package engine

import "k8s.io/apimachinery/pkg/types"

// compiled is an object in the form in which the domain stores it. A kind whose compiled form lacks one of these does not
// compile.
type compiled interface {
	// stored returns the object, as far as it decides anything.
	stored() Object
	// faults are what Check says of the object.
	faults() []Problem
	version() (types.UID, int64)
	// terminating reports whether the object is being deleted and waits for finalizers.
	terminating() bool
	// report adds what only the domain can tell of the object.
	report(d *Domain, r *Report, names *references)
}

// whole is embedded in the compiled form of kinds of which there are few objects: all of the object is kept. The others
// embed a header.
type whole[O Object] struct {
	object   O
	problems []Problem
}

func (w *whole[O]) stored() Object              { return w.object }
func (w *whole[O]) faults() []Problem           { return w.problems }
func (w *whole[O]) version() (types.UID, int64) { return w.object.GetUID(), w.object.GetGeneration() }
func (w *whole[O]) terminating() bool           { return w.object.GetDeletionTimestamp() != nil }

func (u *userObject) stored() Object           { return u.object() }
func (s *userSet) stored() Object              { return s.object() }
func (p *userPermissionObject) stored() Object { return p.permission.object() }
func (s *userPermissionSet) stored() Object    { return s.object() }
func (p *specialPermission) stored() Object    { return p.object() }
func (s *recordSet) stored() Object            { return s.object() }

func (s *userSet) ref() Ref           { return Ref{KindUserSet, s.name} }
func (s *userPermissionSet) ref() Ref { return Ref{KindUserPermissionSet, s.name} }
func (p *specialPermission) ref() Ref { return Ref{KindSpecialPermission, p.name} }
func (s *recordSet) ref() Ref         { return Ref{KindRecordSet, s.name} }

// kindTable is the objects of one kind in a domain.
type kindTable interface {
	find(name string) (compiled, bool)
	// keys are the names, sorted.
	keys() []string
	// each iterates in no particular order.
	each(yield func(string, compiled) bool)
	len() int
}

type tableOf[C compiled] struct{ table[C] }

func (t tableOf[C]) find(name string) (compiled, bool) { return t.get(name) }

func (t tableOf[C]) each(yield func(string, compiled) bool) {
	for name, c := range t.all() {
		if !yield(name, c) {
			return
		}
	}
}

func (t tableOf[C]) len() int { return t.size }

// objects returns those of a kind. A domain has no objects of a kind that it does not know.
func (d *Domain) objects(kind Kind) kindTable {
	if row, ok := kindRows[kind]; ok {
		return row.objects(d)
	}
	return tableOf[*policy]{}
}
