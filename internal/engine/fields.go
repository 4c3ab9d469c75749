package engine

import (
	"iter"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// fieldSet is a set of fields that a rule covers (S10).
type fieldSet struct {
	all   bool
	names []string // where not all are covered: these, sorted, and what is below them
}

var allFields = fieldSet{all: true}

// everyField is the list of fields that covers everything. It is shared, as all of a Decision that does not depend on
// the request is: see Decision.
var everyField = []string{v1alpha1.Any}

// fieldsOf is the set that a rule's fields name; none stands for all.
func fieldsOf(fields []v1alpha1.FieldPath) fieldSet {
	if len(fields) == 0 || slices.Contains(fields, v1alpha1.Any) {
		return allFields
	}
	s := fieldSet{names: texts(fields)}
	slices.Sort(s.names)
	return s
}

// covers reports whether a field is covered: by its name, or by that of one above it in its path. "*" is covered by all
// fields alone.
func (s fieldSet) covers(field string) bool {
	return s.all || slices.ContainsFunc(s.names, func(covered string) bool {
		return field == covered || strings.HasPrefix(field, covered) && field[len(covered)] == '.'
	})
}

// includes reports whether every field that another set covers is covered.
func (s fieldSet) includes(other fieldSet) bool {
	if other.all {
		return s.all
	}
	return !slices.ContainsFunc(other.names, func(name string) bool { return !s.covers(name) })
}

// union is what either of two sets covers.
func (s fieldSet) union(other fieldSet) fieldSet {
	if s.all || other.all {
		return allFields
	}
	return fieldSet{names: sortedUnique(slices.Concat(s.names, other.names))}
}

// fieldUnion is what any of several sets covers, as decisions list it: sorted, ["*"] for all.
func fieldUnion(sets iter.Seq[fieldSet]) []string {
	union := []string{}
	for s := range sets {
		if s.all {
			return everyField
		}
		union = append(union, s.names...)
	}
	return sortedUnique(union)
}

// fieldIntersection is what all of several sets cover, as decisions list it.
func fieldIntersection(sets iter.Seq[fieldSet]) []string {
	everything := true
	common := []string{}
	for s := range sets {
		everything = everything && s.all
		for _, name := range s.names {
			covered := true
			for other := range sets {
				covered = covered && other.covers(name)
			}
			if covered {
				common = append(common, name)
			}
		}
	}
	if everything {
		return everyField
	}
	return sortedUnique(common)
}
