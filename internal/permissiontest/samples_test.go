package permissiontest

import (
	"testing"

	"github.com/remit-authz/remit/internal/manifests"
)

// TestSamples runs the tests that come with the samples: the stories they tell are true.
func TestSamples(t *testing.T) {
	files, err := manifests.Files([]string{"../../config/samples"})
	if err != nil {
		t.Fatal(err)
	}
	runner := Runner{Clock: fakeClock}
	ran := 0
	for _, file := range files {
		results, err := runner.Run(file)
		if err != nil {
			t.Error(err)
		}
		for _, r := range results {
			ran++
			if !r.Passed() {
				t.Errorf("%s:%d: %s: %v %v %v", r.File, r.Line, r.Test, r.Err, r.Differences, r.Notes)
			}
		}
	}
	if ran == 0 {
		t.Error("the samples have no tests")
	}
}
