package server

import (
	"fmt"
	"testing"
)

// TestShares: one caller, or one domain, leaves a quarter of the places to others; what ends gives its place back.
func TestShares(t *testing.T) {
	const most = 8
	for name, who := range map[string]func(i int) (caller, domain string){
		"a caller": func(i int) (string, string) { return "mallory", fmt.Sprintf("domain-%d", i) },
		"a domain": func(i int) (string, string) { return fmt.Sprintf("caller-%d", i), "shop" },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoad(most)
			var running []*work
			for i := range most {
				caller, domain := who(i)
				if w, err := l.begin(t.Context(), caller, domain); err == nil {
					running = append(running, w)
				}
			}
			if want := most - most/4; len(running) != want {
				t.Errorf("it has %d places of %d, want %d", len(running), most, want)
			}
			for range most / 4 {
				w, err := l.begin(t.Context(), "ann", "office")
				if err != nil {
					t.Fatalf("another caller about another domain: %v", err)
				}
				running = append(running, w)
			}
			if _, err := l.begin(t.Context(), "bob", "warehouse"); err == nil {
				t.Errorf("there is a place more than %d", most)
			}
			for _, w := range running {
				w.end()
			}
			if l.all != 0 || len(l.callers) != 0 || len(l.domains) != 0 {
				t.Errorf("in the end %d places are taken, by %v about %v", l.all, l.callers, l.domains)
			}
		})
	}
}
