package main

import (
	"go/format"
	"path/filepath"
	"testing"
)

// The whole run takes too long for every day. That the list still applies to the code is checked every time.
func TestMutationsFit(t *testing.T) {
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range mutations {
		m := &mutations[i]
		if seen[m.String()] {
			t.Errorf("%s: there are two of that name", m)
		}
		seen[m.String()] = true
		mutated, err := m.apply(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if m.old == m.with {
			t.Errorf("%s: it changes nothing", m)
		}
		if _, err := format.Source(mutated); err != nil {
			t.Errorf("%s: the changed file does not parse: %v", m, err)
		}
	}
}
