package engine

import (
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

// add adds what another set covers; list sorts it out.
func (s *fieldSet) add(other fieldSet) {
	if s.all || other.all {
		*s = allFields
		return
	}
	s.names = append(s.names, other.names...)
}

// list is the set as decisions list it: sorted, each once; ["*"] for all.
func (s *fieldSet) list() []string {
	switch {
	case s.all:
		return everyField
	case s.names == nil:
		return []string{}
	}
	return sortedUnique(s.names)
}

// fieldIntersection is what all of several sets cover.
func fieldIntersection(sets []fieldSet) fieldSet {
	common := fieldSet{all: !slices.ContainsFunc(sets, func(s fieldSet) bool { return !s.all })}
	for _, s := range sets {
		for _, name := range s.names {
			if !slices.ContainsFunc(sets, func(other fieldSet) bool { return !other.covers(name) }) {
				common.names = append(common.names, name)
			}
		}
	}
	return common
}
