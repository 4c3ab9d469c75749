package permissiontest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWriteJUnit(t *testing.T) {
	results := []Result{
		{File: "a.yaml", Line: 7, Suite: "a", Test: "passes", Duration: 1500 * time.Microsecond},
		{File: "a.yaml", Line: 9, Suite: "a", Test: "fails <here>", Differences: []Difference{{Key: "reason", Want: "rule", Got: "no_rule"}}},
		{File: "b.yaml", Line: 3, Suite: "b", Test: "cannot run", Err: errors.New("no such type")},
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="2" errors="1">
  <testsuite name="a" tests="2" failures="1" errors="0">
    <testcase name="passes" classname="a" file="a.yaml" line="7" time="0.001500"></testcase>
    <testcase name="fails &lt;here&gt;" classname="a" file="a.yaml" line="9" time="0.000000">
      <failure message="not as expected">reason: want &#34;rule&#34;, got &#34;no_rule&#34;</failure>
    </testcase>
  </testsuite>
  <testsuite name="b" tests="1" failures="1" errors="0">
    <testcase name="cannot run" classname="b" file="b.yaml" line="3" time="0.000000">
      <failure message="not as expected">no such type</failure>
    </testcase>
  </testsuite>
  <testsuite name="files" tests="1" failures="0" errors="1">
    <testcase name="file 1" classname="files" time="0">
      <error message="could not be run">c.yaml: not YAML</error>
    </testcase>
  </testsuite>
</testsuites>
`
	var got strings.Builder
	if err := WriteJUnit(&got, results, []error{errors.New("c.yaml: not YAML")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
