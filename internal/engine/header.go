package engine

import (
	"cmp"
	"time"
	"unique"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// header is what the domain keeps of the metadata of an object of a kind of which there are many. Labels, annotations
// and status decide nothing.
type header struct {
	name       string
	namespace  unique.Handle[string]
	uid        uuid.UUID
	generation int64
	created    int64 // in seconds since 1970
	rare       *rareHeader
}

// rareHeader is what few objects have.
type rareHeader struct {
	uid      types.UID    // one that is no UUID
	going    *metav1.Time // since when the object is being deleted
	problems []Problem
}

func newHeader(object Object, problems []Problem) header {
	h := header{
		name:       object.GetName(),
		namespace:  unique.Make(object.GetNamespace()),
		generation: object.GetGeneration(),
		created:    object.GetCreationTimestamp().Unix(),
	}
	rare := rareHeader{going: object.GetDeletionTimestamp(), problems: problems}
	if id, err := uuid.Parse(string(object.GetUID())); err == nil && id != uuid.Nil && id.String() == string(object.GetUID()) {
		h.uid = id
	} else {
		rare.uid = object.GetUID()
	}
	if rare.uid != "" || rare.going != nil || len(rare.problems) > 0 {
		h.rare = &rare
	}
	return h
}

// meta is the metadata of the object.
func (h *header) meta() metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: h.namespace.Value(), Name: h.name, UID: h.identity(), Generation: h.generation}
	if created := (time.Unix(h.created, 0)); !created.IsZero() {
		m.CreationTimestamp = metav1.NewTime(created)
	}
	if h.rare != nil {
		m.DeletionTimestamp = h.rare.going
	}
	return m
}

func (h *header) version() (types.UID, int64) { return h.identity(), h.generation }

func (h *header) going() bool { return h.rare != nil && h.rare.going != nil }

func (h *header) identity() types.UID {
	switch {
	case h.uid != uuid.Nil:
		return types.UID(h.uid.String())
	case h.rare != nil:
		return h.rare.uid
	}
	return ""
}

func (h *header) faults() []Problem {
	if h.rare == nil {
		return nil
	}
	return h.rare.problems
}

// older orders objects that contradict each other: the older one wins, then the first by name.
func (h *header) older(than *header) int {
	return cmp.Or(cmp.Compare(h.created, than.created), cmp.Compare(h.name, than.name))
}

// intern lets equal names share their memory, where few names are used over and over.
func intern(name string) string { return unique.Make(name).Value() }
