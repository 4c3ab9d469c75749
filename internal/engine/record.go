package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// recordSet is a compiled RecordSet.
type recordSet struct {
	object       *v1alpha1.RecordSet
	ref          Ref
	resourceType string
	records      []*record
	problems     []Problem
}

// record is one record of a set.
type record struct {
	id, parent string
	properties map[string]any
	set        *recordSet

	above atomic.Pointer[above]
}

// above is the record above another one, in one state of the records of their type; nil: there is none.
type above struct {
	state  uint64
	record *record
}

func compileRecordSet(object *v1alpha1.RecordSet) *recordSet {
	s := &recordSet{
		object:       object,
		ref:          Ref{KindRecordSet, object.Name},
		resourceType: string(object.Spec.ResourceType),
		records:      make([]*record, 0, len(object.Spec.Records)),
	}
	for i, source := range object.Spec.Records {
		r := &record{id: string(source.ID), parent: string(source.Parent), set: s}
		for key, value := range source.Properties {
			if r.properties == nil {
				r.properties = make(map[string]any, len(source.Properties))
			}
			parsed, err := parse(value)
			if err != nil {
				s.problems = append(s.problems, Problem{
					Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.records[%d].properties[%s]", i, key),
					Value: string(value.Raw), Message: err.Error(),
				})
				continue
			}
			r.properties[key] = parsed
		}
		s.records = append(s.records, r)
	}
	return s
}

// records are those of one type, in one state. Under an id are all records that sets give for it, the one that counts
// first.
type records struct {
	byID  table[[]*record]
	state uint64
}

var recordStates atomic.Uint64

func newRecords(byID table[[]*record]) *records { return &records{byID, recordStates.Add(1)} }

func (r *records) get(id string) *record {
	if r == nil {
		return nil
	}
	found, _ := r.byID.get(id)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// above is the record that a record names as its parent. A record remembers it for as long as no record of the type
// changes.
func (r *records) above(of *record) *record {
	if last := of.above.Load(); last != nil && last.state == r.state {
		return last.record
	}
	parent := r.get(of.parent)
	of.above.Store(&above{r.state, parent})
	return parent
}

// ancestors calls see with the ids above a record in the tree, from the nearest on, until see says stop. It
// ends on cycles too, after every record of the cycle was seen.
func (r *records) ancestors(id string, see func(id string) (stop bool)) {
	slow, steps := r.get(id), 0 // the slow end of a race that detects cycles
	for current := slow; current != nil && current.parent != ""; current = r.above(current) {
		if see(current.parent) {
			return
		}
		if steps++; steps%2 == 0 {
			slow = r.above(slow)
		}
		if current.parent == slow.id {
			return
		}
	}
}

// cycles gives the problem of records in a set that are their own ancestors.
func (r *records) cycles(set *recordSet) []Problem {
	var ids []string
	for _, rec := range set.records {
		cyclic := false
		r.ancestors(rec.id, func(id string) bool { cyclic = cyclic || id == rec.id; return cyclic })
		if cyclic {
			ids = append(ids, rec.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []Problem{{
		Reason: v1alpha1.ReasonParentCycle, Path: "spec.records",
		Message: "records that are their own ancestors: " + summary(ids) + "; user permissions take each for a descendant of the others; mend their parents",
	}}
}

// conflicts gives the problem of records in a set that an older set has too.
func (r *records) conflicts(set *recordSet) []Problem {
	var ids []string
	sets := map[string]bool{}
	for _, rec := range set.records {
		if winner := r.get(rec.id); winner != nil && winner.set != set {
			ids = append(ids, rec.id)
			sets[winner.set.ref.String()] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []Problem{{
		Reason: v1alpha1.ReasonConflict, Path: "spec.records",
		Message: fmt.Sprintf("older sets (%s) have these records too, and theirs count: %s; remove them from one set", summary(sortedKeys(sets)), summary(ids)),
	}}
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// summary lists at most ten names.
func summary(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
