package engine

import (
	"cmp"
	"time"
	"unique"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// header is the metadata that the domain keeps of an object, for kinds with many objects. Labels, annotations and status
// decide nothing.
type header struct {
	name       string
	namespace  unique.Handle[string]
	uid        uuid.UUID
	generation int64
	created    int64 // in seconds since 1970
	rare       *rareHeader
}

// rareHeader is metadata that few objects have.
type rareHeader struct {
	uid         types.UID    // one that is no UUID
	terminating *metav1.Time // since when the object is being deleted
	problems    []Problem
}

func newHeader(object Object, problems []Problem) header {
	h := header{
		name:       object.GetName(),
		namespace:  unique.Make(object.GetNamespace()),
		generation: object.GetGeneration(),
		created:    object.GetCreationTimestamp().Unix(),
	}
	rare := rareHeader{terminating: object.GetDeletionTimestamp(), problems: problems}
	if id, err := uuid.Parse(string(object.GetUID())); err == nil && id != uuid.Nil && id.String() == string(object.GetUID()) {
		h.uid = id
	} else {
		rare.uid = object.GetUID()
	}
	if rare.uid != "" || rare.terminating != nil || len(rare.problems) > 0 {
		h.rare = &rare
	}
	return h
}

// meta returns the metadata of the object.
func (h *header) meta() metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: h.namespace.Value(), Name: h.name, UID: h.identity(), Generation: h.generation}
	if created := (time.Unix(h.created, 0)); !created.IsZero() {
		m.CreationTimestamp = metav1.NewTime(created)
	}
	if h.rare != nil {
		m.DeletionTimestamp = h.rare.terminating
	}
	return m
}

func (h *header) version() (types.UID, int64) { return h.identity(), h.generation }

func (h *header) terminating() bool { return h.rare != nil && h.rare.terminating != nil }

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

// older compares two objects that contradict each other: the older one comes first and wins, then the first by name.
func (h *header) older(than *header) int {
	return cmp.Or(cmp.Compare(h.created, than.created), cmp.Compare(h.name, than.name))
}

// sameObject reports whether two headers are of one object, in whichever of its versions.
func (h *header) sameObject(as *header) bool {
	return h.name == as.name && h.created == as.created && h.identity() == as.identity()
}

// intern makes equal names share their memory; use it where few names are repeated often.
func intern(name string) string { return unique.Make(name).Value() }
