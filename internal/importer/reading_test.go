package importer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReading: what is not understood grants nothing and restricts, and what is not read is named.
func TestReading(t *testing.T) {
	im := &importer{}
	for _, file := range []string{"a.json", "b.json"} {
		r := im.reading("Thing", object(t, `{"name": "x", "number": 7, "yes": "Yes", "no": 0, "odd": "perhaps",
			"parts": [{"a": 1}, 3], "none": "here", "passed": 1, "left": 1, "empty": "", "nothing": []}`), place{file: file})
		if got := r.text("name") + r.text("number") + r.text("absent"); got != "x7" {
			t.Errorf("texts: got %q", got)
		}
		for key, want := range map[string][2]bool{"yes": {true, true}, "no": {}, "absent": {}, "odd": {false, true}} {
			if got := [2]bool{r.grants(key), r.restricts(key)}; got != want {
				t.Errorf("%s: grants and restricts %v, want %v", key, got, want)
			}
		}
		if parts, ok := r.list("parts", "Part"); len(parts) != 1 || ok {
			t.Errorf("parts: got %d of them, ok %t", len(parts), ok)
		}
		if none, ok := r.list("none", "Part"); len(none) != 0 || ok {
			t.Errorf("none: got %d of them, ok %t", len(none), ok)
		}
		if absent, ok := r.list("absent", "Part"); len(absent) != 0 || !ok {
			t.Errorf("absent: got %d of them, ok %t", len(absent), ok)
		}
		r.pass("passed")
		r.done()
		r.done()
	}
	im.unread(place{file: "a.json"}, true, "Workflow", "it restricts who writes")
	im.findings = nil
	im.tellUnread()
	want := []Finding{
		{File: "a.json", Path: "left", Message: "Thing.left: not read (2 times)"},
		{File: "b.json", Path: "left", Message: "Thing.left: not read (2 times)"},
		{File: "a.json", LeftOut: true, Message: "Workflow: not read: it restricts who writes"},
	}
	if diff := cmp.Diff(want, im.findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
