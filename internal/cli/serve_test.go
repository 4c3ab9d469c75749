package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// output of a command that runs beside the test.
type liveOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *liveOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *liveOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually waits for a condition, and fails the test when it does not come to hold.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		if holds() {
			return
		}
	}
	t.Fatalf("timed out: %s", what)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	docType   = "apiVersion: permissions.remit.dev/v1alpha1\nkind: ResourceType\nmetadata: {name: doc}\nspec: {}\n"
	readRole  = "apiVersion: permissions.remit.dev/v1alpha1\nkind: Role\nmetadata: {name: reader}\nspec: {rules: [{resources: [doc], access: ReadOnly}]}\n"
	emptyRole = "apiVersion: permissions.remit.dev/v1alpha1\nkind: Role\nmetadata: {name: reader}\nspec: {}\n"
	annReads  = "apiVersion: permissions.remit.dev/v1alpha1\nkind: User\nmetadata: {name: ann}\nspec: {roles: [{name: reader}]}\n"
	openType  = "apiVersion: permissions.remit.dev/v1alpha1\nkind: ResourceType\nmetadata: {name: doc, namespace: late}\nspec: {unrestricted: true}\n"
)

func TestServe(t *testing.T) {
	folder := t.TempDir()
	roles := filepath.Join(folder, "roles.yaml")
	writeFile(t, filepath.Join(folder, "types.yaml"), docType+"---\n"+annReads)
	writeFile(t, roles, readRole)

	var out, errOut liveOutput
	ctx, stop := context.WithCancel(t.Context())
	exited := make(chan int, 1)
	go func() {
		tool := testTool(genericiooptions.IOStreams{Out: &out, ErrOut: &errOut})
		exited <- tool.Main(ctx, []string{"serve", "-f", folder, "--bind-address", "127.0.0.1:0"})
	}()
	defer stop()
	var url string
	eventually(t, "the URL is printed", func() bool {
		found := regexp.MustCompile(`^Serving default \(3 objects\) at (http://127\.0\.0\.1:\d+); Ctrl-C stops\n`).FindStringSubmatch(out.String())
		if found != nil {
			url = found[1]
		}
		return found != nil
	})
	if want := "  " + url + "/domains/default/access/v1/evaluation\n"; !strings.Contains(out.String(), want) {
		t.Errorf("output: got %q, want a line %q", out.String(), want)
	}
	// reads says whether ann may read a doc of a domain, and the status of the answer.
	reads := func(namespace string) (bool, int) {
		t.Helper()
		body := `{"subject": {"type": "user", "id": "ann"}, "action": {"name": "read"}, "resource": {"type": "doc", "id": "1"}}`
		response, err := http.Post(url+"/domains/"+namespace+"/access/v1/evaluation", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct{ Decision bool }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Decision, response.StatusCode
	}
	if allowed, status := reads("default"); !allowed || status != http.StatusOK {
		t.Fatalf("at first: got %t and %d", allowed, status)
	}

	writeFile(t, roles, emptyRole)
	eventually(t, "the changed role is served", func() bool { allowed, _ := reads("default"); return !allowed })
	eventually(t, "the change is told", func() bool { return strings.Contains(out.String(), "Reloaded: default (3 objects)\n") })

	writeFile(t, roles, "spec: [")
	eventually(t, "the error is told", func() bool {
		return strings.Contains(errOut.String(), "error: "+roles+":") && strings.Contains(errOut.String(), "The last good state is still served.")
	})
	if allowed, status := reads("default"); allowed || status != http.StatusOK {
		t.Errorf("after a bad state: got %t and %d, want the last good one", allowed, status)
	}

	// Programs often write beside a file and put the result in its place.
	writeFile(t, filepath.Join(folder, "roles.new"), readRole)
	if err := os.Rename(filepath.Join(folder, "roles.new"), roles); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replaced file is served", func() bool { allowed, _ := reads("default"); return allowed })

	if _, status := reads("late"); status != http.StatusNotFound {
		t.Errorf("a domain that is not there: got %d", status)
	}
	writeFile(t, filepath.Join(folder, "deep", "er", "late.yaml"), openType)
	eventually(t, "a new folder is served", func() bool { allowed, _ := reads("late"); return allowed })
	writeFile(t, filepath.Join(folder, "deep", "er", "late.yaml"), strings.Replace(openType, "{unrestricted: true}", "{}", 1))
	eventually(t, "a file in a new folder is watched", func() bool { allowed, _ := reads("late"); return !allowed })

	stop()
	if code := <-exited; code != ExitSuccess {
		t.Errorf("exit code %d after the end: %s", code, errOut.String())
	}
}

// TestServeFile watches the folder of a file that is named, and keeps silent about changes that are none.
func TestServeFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "domain.yaml")
	writeFile(t, file, docType)
	var out, errOut liveOutput
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	exited := make(chan int, 1)
	go func() {
		tool := testTool(genericiooptions.IOStreams{Out: &out, ErrOut: &errOut})
		exited <- tool.Main(ctx, []string{"serve", "-f", file, "-n", "shop", "--bind-address", "localhost:0"})
	}()
	eventually(t, "it serves", func() bool { return strings.HasPrefix(out.String(), "Serving shop (1 objects) at ") })
	writeFile(t, file, "# a comment\n"+docType)
	for n := range 3 {
		writeFile(t, file, docType+fmt.Sprintf("---\n%s", strings.Replace(annReads, "ann", fmt.Sprintf("ann%d", n), 1)))
		want := n + 1
		eventually(t, "the change is told", func() bool { return strings.Count(out.String(), "Reloaded: shop (2 objects)\n") == want })
	}
	stop()
	if code := <-exited; code != ExitSuccess || errOut.String() != "" {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}
