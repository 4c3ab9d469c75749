package engine

import (
	"iter"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Rules and the entries of special permissions name resource types by name, by area, or all of them by "*" (S6, S7).
// Both directions of that rule are here: selectors gives what a rule or entry is filed under, selectorsOf what a type
// is looked up by. A rule names a type when the two have a selector in common.

// selector is one way to name resource types.
type selector struct {
	area bool // name is an area; otherwise it is the name of a type, or "*"
	name string
}

// selectors are those that a rule or an entry lists, in their written order, resources first.
func selectors(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token) iter.Seq[selector] {
	return func(yield func(selector) bool) {
		for _, name := range resources {
			if !yield(selector{name: string(name)}) {
				return
			}
		}
		for _, area := range areas {
			if !yield(selector{area: true, name: string(area)}) {
				return
			}
		}
	}
}

// selectorsOf are those that name a type.
func selectorsOf(name string, areas []v1alpha1.Token) []selector {
	naming := append(make([]selector, 0, len(areas)+2), selector{name: name}, selector{name: v1alpha1.Any})
	for _, area := range areas {
		naming = append(naming, selector{area: true, name: string(area)})
	}
	return naming
}

// Names reports whether resources and areas, as a rule or an entry of a special permission lists them, name a
// resource type (S6, S7).
func Names(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token, t *v1alpha1.ResourceType) bool {
	naming := selectorsOf(t.TypeName(), t.Spec.Areas)
	for listed := range selectors(resources, areas) {
		if slices.Contains(naming, listed) {
			return true
		}
	}
	return false
}

// Nearest is the candidate that is most likely meant by a misspelt name: the one that fewest edits turn it into, and
// of several the first. It is empty where none is near: more than one edit for three letters, or 3 in all.
func Nearest(name string, candidates []string) string {
	meant := []rune(name)
	if len(meant) == 0 {
		return ""
	}
	best, nearest := max(1, min(3, len(meant)/3))+1, ""
	for _, candidate := range candidates {
		if distance := editDistance(meant, []rune(candidate), best); distance < best && distance > 0 {
			best, nearest = distance, candidate
		}
	}
	return nearest
}

// editDistance is how many letters have to be inserted, deleted, replaced, or swapped with their neighbour to turn a
// into b, or at least limit if it is not less than that.
func editDistance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		least := row[0]
		for j := range b {
			row[j+1] = min(last[j+1], row[j]) + 1
			if a[i] == b[j] {
				row[j+1] = min(row[j+1], last[j])
			} else {
				row[j+1] = min(row[j+1], last[j]+1)
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least >= limit {
			return limit
		}
		before, last = last, row
	}
	return last[len(b)]
}
