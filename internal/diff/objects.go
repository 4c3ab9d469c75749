// Package diff says who gains and who loses what between two states of a domain: by user, resource type and
// action, grouped so that what one cause does to many users reads as one change.
package diff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// Operation is what happens to an object.
type Operation string

// The operations.
const (
	Add    Operation = "add"
	Update Operation = "change"
	Remove Operation = "remove"
)

// Object is one that differs between the states.
type Object struct {
	Operation Operation `json:"operation"`
	// Object is Kind/name.
	Object string `json:"object"`

	ref           engine.Ref
	before, after engine.Object
}

// Change is what the difference does to a domain.
func (o *Object) Change() engine.Change { return engine.Change{Ref: o.ref, Object: o.after} }

// Apply returns the domain after applying objects to it as of now, and what that changes. With prune, what the
// objects do not have is deleted, but for the built-in roles of a domain with a policy: the operator makes
// them, and admission keeps them (A1).
func Apply(before *engine.Domain, objects []engine.Object, prune bool, now time.Time) (*engine.Domain, []Object) {
	named := map[engine.Ref]engine.Object{}
	for _, object := range objects {
		if kind, ok := kinds.Of(object); ok {
			named[engine.Ref{Kind: kind.Kind, Name: object.GetName()}] = object
		}
	}
	var differing []Object
	var changes []engine.Change
	add := func(operation Operation, ref engine.Ref, old, object engine.Object) {
		differing = append(differing, Object{operation, ref.String(), ref, old, object})
		changes = append(changes, engine.Change{Ref: ref, Object: object})
	}
	for _, kind := range kinds.Names() {
		for _, stored := range before.Objects(kind) {
			ref := engine.Ref{Kind: kind, Name: stored.GetName()}
			object, ok := named[ref]
			delete(named, ref)
			switch {
			case !ok && prune:
				add(Remove, ref, stored, nil)
			case ok && !sameSpec(stored, object):
				object.SetCreationTimestamp(stored.GetCreationTimestamp()) // of two that collide, the older counts
				add(Update, ref, stored, object)
			}
		}
	}
	for ref, object := range named {
		object.SetCreationTimestamp(metav1.NewTime(now))
		add(Add, ref, nil, object)
	}
	after, _ := before.With(changes...)
	if prune && after.HasPolicy() {
		policy := after.Policy()
		builtIn := func(o Object) bool {
			return o.Operation == Remove && o.ref.Kind == engine.KindRole && (o.ref.Name == policy.AdminRole || o.ref.Name == policy.PublicRole)
		}
		if slices.ContainsFunc(differing, builtIn) {
			differing = slices.DeleteFunc(differing, builtIn)
			changes = changes[:0]
			for _, o := range differing {
				changes = append(changes, o.Change())
			}
			after, _ = before.With(changes...)
		}
	}
	slices.SortFunc(differing, func(a, b Object) int {
		return cmp.Or(kinds.Compare(a.ref.Kind, b.ref.Kind), cmp.Compare(a.ref.Name, b.ref.Name))
	})
	return after, differing
}

// sameSpec reports whether two objects of one kind say the same, however their JSON values are written.
func sameSpec(a, b engine.Object) bool {
	kind, ok := kinds.Of(a)
	other, known := kinds.Of(b)
	if !ok || !known || kind != other {
		return false
	}
	specA, specB := kind.Parts(a).Spec, kind.Parts(b).Spec
	return reflect.DeepEqual(specA, specB) || reflect.DeepEqual(canonical(specA), canonical(specB))
}

// canonical returns a value as JSON has it, without the order of members. What cannot be written differs from everything.
func canonical(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var read any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // 1 and 1.0 are not the same to expressions
	if err := decoder.Decode(&read); err != nil {
		return err
	}
	return read
}

// Records are those of one type that differ and that conditions or user permissions may look at. Decisions
// about them, and about records that link to them, may differ too.
type Records struct {
	Resource string   `json:"resource"`
	Added    []string `json:"added,omitempty"`
	Changed  []string `json:"changed,omitempty"`
	Removed  []string `json:"removed,omitempty"`
}

// changedRecords compares the records of the RecordSets that differ.
func changedRecords(objects []Object) (records []Records, types map[string]bool) {
	types = map[string]bool{}
	before, after := map[string]map[string]string{}, map[string]map[string]string{}
	collect := func(into map[string]map[string]string, object engine.Object) {
		set, ok := object.(*v1alpha1.RecordSet)
		if !ok || set == nil {
			return
		}
		resource := string(set.Spec.ResourceType)
		types[resource] = true
		if into[resource] == nil {
			into[resource] = map[string]string{}
		}
		for _, record := range set.Spec.Records {
			if record.Parent == "" && len(record.Properties) == 0 {
				continue // says nothing
			}
			text, err := json.Marshal(canonical(record))
			if err == nil {
				into[resource][string(record.ID)] += string(text)
			}
		}
	}
	for _, object := range objects {
		collect(before, object.before)
		collect(after, object.after)
	}
	for resource := range types {
		r := Records{Resource: resource}
		for id, text := range after[resource] {
			switch old, ok := before[resource][id]; {
			case !ok:
				r.Added = append(r.Added, id)
			case old != text:
				r.Changed = append(r.Changed, id)
			}
		}
		for id := range before[resource] {
			if _, ok := after[resource][id]; !ok {
				r.Removed = append(r.Removed, id)
			}
		}
		if len(r.Added)+len(r.Changed)+len(r.Removed) == 0 {
			continue
		}
		slices.Sort(r.Added)
		slices.Sort(r.Changed)
		slices.Sort(r.Removed)
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Records) int { return cmp.Compare(a.Resource, b.Resource) })
	return records, types
}
