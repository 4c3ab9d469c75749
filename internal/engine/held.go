package engine

import "k8s.io/apimachinery/pkg/types"

// compiled is an object in the form in which the domain holds it.
type compiled interface {
	// held is the object.
	held() Object
	faults() []Problem
	version() (types.UID, int64)
	going() bool
}

// whole is an object of a kind of which there are few: all of it is kept.
type whole[O Object] struct {
	object   O
	problems []Problem
}

func (w *whole[O]) held() Object                { return w.object }
func (w *whole[O]) faults() []Problem           { return w.problems }
func (w *whole[O]) version() (types.UID, int64) { return w.object.GetUID(), w.object.GetGeneration() }
func (w *whole[O]) going() bool                 { return w.object.GetDeletionTimestamp() != nil }

func (a *account) held() Object           { return a.object() }
func (p *userPermission) held() Object    { return p.object() }
func (p *specialPermission) held() Object { return p.object() }
func (s *recordSet) held() Object         { return s.object() }

func (a *account) ref() Ref           { return Ref{KindUser, a.name} }
func (p *userPermission) ref() Ref    { return Ref{KindUserPermission, p.name} }
func (p *specialPermission) ref() Ref { return Ref{KindSpecialPermission, p.name} }
func (s *recordSet) ref() Ref         { return Ref{KindRecordSet, s.name} }

// holder has the objects of one kind.
type holder interface {
	find(name string) (compiled, bool)
	keys() []string
	each(yield func(string, compiled) bool)
}

type holding[C compiled] struct{ table[C] }

func (h holding[C]) find(name string) (compiled, bool) { return h.get(name) }

func (h holding[C]) each(yield func(string, compiled) bool) {
	for name, c := range h.all() {
		if !yield(name, c) {
			return
		}
	}
}

// of gives the objects of a kind.
func (d *Domain) of(kind Kind) holder {
	switch kind {
	case KindResourceType:
		return holding[*resourceType]{d.types}
	case KindRole:
		return holding[*role]{d.roles}
	case KindGroup:
		return holding[*group]{d.groups}
	case KindUser:
		return holding[*account]{d.accounts}
	case KindUserPermission:
		return holding[*userPermission]{d.userPermissions}
	case KindSpecialPermission:
		return holding[*specialPermission]{d.specialPermissions}
	case KindRecordSet:
		return holding[*recordSet]{d.recordSets}
	case KindPermissionPolicy:
		return holding[*policy]{d.policies}
	}
	return holding[*policy]{}
}
