package cli

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestWatchTests changes a manifest beside the tests while they are watched.
func TestWatchTests(t *testing.T) {
	folder := t.TempDir()
	types := func(unrestricted string) string {
		return "{apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: doc}, spec: {unrestricted: " + unrestricted + "}}\n"
	}
	manifest := filepath.Join(folder, "manifests", "types.yaml")
	writeFile(t, manifest, types("true"))
	writeFile(t, filepath.Join(folder, "tests", "doc.test.yaml"), `apiVersion: permissions.remit.dev/v1alpha1
kind: PermissionTest
metadata: {name: doc}
spec:
  manifests: [../manifests]
  tests:
  - name: everybody reads
    request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: doc}}
    expect: {decision: allow}
`)
	ctx, cancel := context.WithCancel(t.Context())
	var out, errOut liveOutput
	code := make(chan int)
	go func() {
		tool := testTool(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
		code <- tool.Main(ctx, []string{"test", filepath.Join(folder, "tests"), "--watch"})
	}()
	eventually(t, "the tests have run", func() bool {
		return strings.Contains(out.String(), "1 passed, 0 failed\n00:00:00 Waiting for changes.")
	})
	writeFile(t, manifest, types("false"))
	eventually(t, "they have run again", func() bool {
		return strings.Contains(out.String(), "0 passed, 1 failed\n00:00:00 Waiting for changes.")
	})
	writeFile(t, manifest, types("1"))
	eventually(t, "an error is told", func() bool { return strings.Contains(errOut.String(), "error: some tests could not be run") })
	cancel()
	if got := <-code; got != ExitSuccess {
		t.Errorf("exit code %d\n%s%s", got, out.String(), errOut.String())
	}
}
