package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"
)

// TestProgress draws a bar once a second has passed, not more often than the eye needs, and takes it away.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	clock := testingclock.NewFakePassiveClock(now)
	p := &progress{w: &out, clock: clock, total: 2000, what: "users", start: now}
	clock.SetTime(now.Add(900 * time.Millisecond))
	p.advance(500)
	if out.Len() > 0 {
		t.Errorf("drawn before a second: %q", out.String())
	}
	clock.SetTime(now.Add(time.Second))
	p.advance(1000)
	clock.SetTime(now.Add(time.Second + 50*time.Millisecond))
	p.advance(1500)
	p.done()
	want := "\r████████████████████░░░░░░░░░░░░░░░░░░░░  50%  1,000 of 2,000 users\r\x1b[K"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("drawn (-want +got):\n%s", diff)
	}
}

// TestColours are there only when they are wanted, and take no room in a table.
func TestColours(t *testing.T) {
	var out table
	out.row(plain("A", "B", "C")...)
	out.row(cell{"yes", green}, cell{}, cell{"é", red})
	for name, tc := range map[string]struct {
		palette palette
		want    string
	}{
		"without": {palette{}, "A     B   C\nyes       é\n"},
		"with":    {palette{true}, "\x1b[1mA\x1b[0m     \x1b[1mB\x1b[0m   \x1b[1mC\x1b[0m\n\x1b[32myes\x1b[0m       \x1b[31mé\x1b[0m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			out.print(&text, tc.palette)
			if diff := cmp.Diff(tc.want, text.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}
