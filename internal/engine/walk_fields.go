package engine

import (
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// fieldSet is a set of fields that a rule covers (S10): some names, or all fields but some. A path stands for what is below
// it, too.
type fieldSet struct {
	all    bool
	names  []string // where not all are covered: these, sorted
	except []string // where all but these are: sorted, none below another
}

var allFields = fieldSet{all: true}

// everyField is the list of fields that covers everything. It is shared, as all of a Decision that does not depend on
// the request is: see Decision.
var everyField = []string{v1alpha1.Any}

// fieldsOf is the set that a rule's fields name, or all but its exceptFields; without either, all. Of a rule that has both,
// which none should, it is what both cover.
func fieldsOf(fields, except []v1alpha1.FieldPath) fieldSet {
	if len(fields) == 0 || slices.Contains(fields, v1alpha1.Any) {
		return fieldSet{all: true, except: topmost(texts(except))}
	}
	s := fieldSet{names: texts(fields)}
	slices.Sort(s.names)
	if but := (fieldSet{all: true, except: topmost(texts(except))}); len(but.except) > 0 {
		s.names = slices.DeleteFunc(s.names, func(name string) bool { return !but.covers(name) })
	}
	return s
}

// isWithin reports whether a path is another one, or below it.
func isWithin(path, other string) bool {
	return path == other || strings.HasPrefix(path, other) && path[len(other)] == '.'
}

// topmost sorts paths, and drops those below another one.
func topmost(paths []string) []string {
	paths = sortedUnique(paths)
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return path != other && isWithin(path, other) })
	})
}

// member is the field of a Rule that the set comes from, listed what stands there.
func (s fieldSet) member() string {
	if s.all {
		return "exceptFields"
	}
	return "fields"
}

func (s fieldSet) listed() []string {
	if s.all {
		return s.except
	}
	return s.names
}

// everything reports whether all fields are covered.
func (s fieldSet) everything() bool { return s.all && len(s.except) == 0 }

// covers reports whether a field is covered. "*" is covered by all fields alone; a field of which a part is excepted is not.
func (s fieldSet) covers(field string) bool {
	if !s.all {
		return slices.ContainsFunc(s.names, func(covered string) bool { return isWithin(field, covered) })
	}
	return len(s.except) == 0 || field != v1alpha1.Any && !slices.ContainsFunc(s.except, func(left string) bool {
		return isWithin(field, left) || isWithin(left, field)
	})
}

// includes reports whether every field that another set covers is covered.
func (s fieldSet) includes(other fieldSet) bool {
	if !other.all {
		return !slices.ContainsFunc(other.names, func(name string) bool { return !s.covers(name) })
	}
	return s.all && !slices.ContainsFunc(s.except, func(left string) bool {
		return !slices.ContainsFunc(other.except, func(otherLeft string) bool { return isWithin(left, otherLeft) })
	})
}

// fieldUnion is what several sets cover: each field that one of them does.
type fieldUnion []fieldSet

// includes reports whether every field that a set covers is covered.
func (u fieldUnion) includes(other fieldSet) bool {
	if other.all { // no sets of which each lacks something cover every path that contains what they lack
		return slices.ContainsFunc(u, func(s fieldSet) bool { return s.includes(other) })
	}
	return !slices.ContainsFunc(other.names, func(name string) bool {
		return !slices.ContainsFunc(u, func(s fieldSet) bool { return s.covers(name) })
	})
}

// list is the union as decisions list it: the fields, sorted, each once; or ["*"] for all, with those that are excepted.
func (u fieldUnion) list() (fields, except []string) {
	var names []string
	all := false
	for _, s := range u {
		switch {
		case !s.all:
			names = append(names, s.names...)
		case !all:
			all, except = true, s.except
		default:
			except = both(except, s.except)
		}
	}
	if !all {
		if names == nil {
			return []string{}, nil
		}
		return sortedUnique(names), nil
	}
	named := fieldSet{names: names}
	except = slices.DeleteFunc(slices.Clone(except), named.covers)
	if len(except) == 0 {
		return everyField, nil
	}
	return everyField, except
}

// both are the paths, none below another, that are within paths of both lists.
func both(a, b []string) []string {
	var common []string
	for _, x := range a {
		for _, y := range b {
			switch {
			case isWithin(x, y):
				common = append(common, x)
			case isWithin(y, x):
				common = append(common, y)
			}
		}
	}
	return topmost(common)
}

// fieldIntersection is what all of several sets cover.
func fieldIntersection(sets []fieldSet) fieldSet {
	common := fieldSet{all: !slices.ContainsFunc(sets, func(s fieldSet) bool { return !s.all })}
	for _, s := range sets {
		if common.all {
			common.except = append(common.except, s.except...)
		}
		for _, name := range s.names {
			if !slices.ContainsFunc(sets, func(other fieldSet) bool { return !other.covers(name) }) {
				common.names = append(common.names, name)
			}
		}
	}
	common.except = topmost(common.except)
	return common
}
