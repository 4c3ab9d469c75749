package main

import (
	"path"
	"slices"
)

// slowTests take longest, and are run where no other test notices a change.
const slowTests = "^TestProof|^TestCELCostLimit$|^TestRoleSetsAreDropped$"

// testedBy names the packages, below internal, whose tests have to notice a change of a file: its own first, then those
// that stand on it.
func testedBy(file string) []string {
	tested := []string{path.Dir(file)}
	switch {
	case slices.Contains([]string{"engine/ask_grants.go", "engine/walk_covers.go", "engine/walk_fields.go"}, file):
		tested = append(tested, "diff", "admission")
	case tested[0] == "expr" || tested[0] == "filter":
		tested = append(tested, "engine")
	}
	return tested
}
