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
	header
	resourceType string
	records      []record
}

// record is one record of a set.
type record struct {
	id, parent string
	properties values
	set        *recordSet

	above atomic.Pointer[above]
}

// above are the nearest records above another one, in one state of the records of their type: as many as fit beside each
// other in a line of the processor's cache. The first nil is where there is none.
type above struct {
	state   uint64
	records [7]*record
}

func compileRecordSet(object *v1alpha1.RecordSet) *recordSet {
	var problems []Problem
	s := &recordSet{resourceType: intern(string(object.Spec.ResourceType)), records: make([]record, len(object.Spec.Records))}
	for i, source := range object.Spec.Records {
		r := &s.records[i]
		r.id, r.parent, r.set = string(source.ID), string(source.Parent), s
		r.properties.keep(source.Properties, func(name string, value v1alpha1.JSON, err error) {
			problems = append(problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.records[%d].properties[%s]", i, name),
				Value: string(value.Raw), Message: err.Error(),
			})
		})
	}
	s.header = newHeader(object, problems)
	return s
}

// object is the RecordSet, as far as it decides anything.
func (s *recordSet) object() *v1alpha1.RecordSet {
	object := &v1alpha1.RecordSet{ObjectMeta: s.meta(), Spec: v1alpha1.RecordSetSpec{ResourceType: v1alpha1.Name(s.resourceType)}}
	for i := range s.records {
		r := &s.records[i]
		object.Spec.Records = append(object.Spec.Records, v1alpha1.Record{
			ID: v1alpha1.RecordID(r.id), Parent: v1alpha1.RecordID(r.parent), Properties: r.properties.source(),
		})
	}
	return object
}

// records are those of one type, in one state.
type records struct {
	byID table[*record] // those that count
	// rivals are, of ids that several sets have, all records, the one that counts first.
	rivals table[[]*record]
	state  uint64
}

var recordStates atomic.Uint64

// recordsEdit makes the next state.
type recordsEdit struct {
	byID   *tableEdit[*record]
	rivals *tableEdit[[]*record]
}

func editRecords(base *records) recordsEdit {
	if base == nil {
		base = &records{}
	}
	return recordsEdit{edit(base.byID), edit(base.rivals)}
}

func (e recordsEdit) add(r *record) {
	e.set(r.id, insert(e.of(r.id), r, func(a, b *record) int { return a.set.older(&b.set.header) }))
}

func (e recordsEdit) remove(r *record) {
	e.set(r.id, slices.DeleteFunc(e.of(r.id), func(other *record) bool { return other == r }))
}

// of returns a copy of all records of an id, the one that counts first.
func (e recordsEdit) of(id string) []*record {
	if several, ok := e.rivals.get(id); ok {
		return slices.Clone(several)
	}
	if one, ok := e.byID.get(id); ok {
		return []*record{one}
	}
	return nil
}

func (e recordsEdit) set(id string, list []*record) {
	switch len(list) {
	case 0:
		e.byID.delete(id)
		return
	case 1:
		e.rivals.delete(id)
	default:
		e.rivals.set(id, list)
	}
	e.byID.set(id, list[0])
}

func (e recordsEdit) next() *records {
	return &records{e.byID.next, e.rivals.next, recordStates.Add(1)}
}

func (r *records) get(id string) *record {
	if r == nil {
		return nil
	}
	found, _ := r.byID.get(id)
	return found
}

// above are the records above a record. It remembers them for as long as no record of the type changes.
func (r *records) above(of *record) *above {
	if last := of.above.Load(); last != nil && last.state == r.state {
		return last
	}
	found := &above{state: r.state}
	current := of
	for i := range found.records {
		if current = r.parent(current); current == nil {
			break
		}
		found.records[i] = current
	}
	of.above.Store(found)
	return found
}

// parent is the record that a record names as its parent, if there is one.
func (r *records) parent(of *record) *record {
	if of.parent == "" {
		return nil
	}
	return r.get(of.parent)
}

// ancestors calls see with the ids above a record in the tree, from the nearest on, until see says stop. It
// ends on cycles too, after every record of the cycle was seen.
func (r *records) ancestors(id string, see func(id string) (stop bool)) {
	current := r.get(id)
	if current == nil {
		return
	}
	mark, steps := current, 0 // to come back to it means a cycle
	for {
		for _, next := range &r.above(current).records {
			if next == nil {
				if current.parent != "" {
					see(current.parent) // which is in no set
				}
				return
			}
			if see(next.id) {
				return
			}
			current = next
		}
		if current == mark {
			return
		}
		if steps++; steps&(steps-1) == 0 {
			mark = current
		}
	}
}

// cycles returns the problem of records in a set that are their own ancestors.
func (r *records) cycles(set *recordSet) []Problem {
	var ids []string
	for i := range set.records {
		if id := set.records[i].id; r.cyclic(id) {
			ids = append(ids, id)
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

// cyclic reports whether a record is its own ancestor. It leaves nothing behind: all records are asked about, for status.
func (r *records) cyclic(id string) bool {
	slow, steps := r.get(id), 0 // the slow end of a race that detects cycles further up
	for current := slow; current != nil; {
		if current.parent == id {
			return true
		}
		if current = r.parent(current); current == slow {
			return false
		}
		if steps++; steps%2 == 0 {
			slow = r.parent(slow)
		}
	}
	return false
}

// conflicts returns the problem of records in a set that an older set has too.
func (r *records) conflicts(set *recordSet) []Problem {
	var ids []string
	sets := map[string]bool{}
	for i := range set.records {
		rec := &set.records[i]
		if winner := r.get(rec.id); winner != nil && winner.set != set {
			ids = append(ids, rec.id)
			sets[winner.set.ref().String()] = true
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
