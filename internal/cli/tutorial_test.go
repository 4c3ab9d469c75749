package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTutorial follows docs/tutorial.md from an empty folder: writes its files, runs its sessions in their order. With UPDATE_SCRIPTS set it
// writes what comes.
func TestTutorial(t *testing.T) {
	page, err := filepath.Abs("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	files := 0
	got := regexp.MustCompile("(?s)```(yaml|console)\n.*?```").ReplaceAllStringFunc(string(content), func(block string) string {
		text, isFile := strings.CutPrefix(block, "```yaml\n# ")
		if !isFile {
			return runSession(t, block)
		}
		name, text, _ := strings.Cut(text, "\n")
		files++
		writeFile(t, name, strings.TrimSuffix(text, "```"))
		return block
	})
	if files < 6 {
		t.Errorf("only %d files", files)
	}
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(content), got); diff != "" {
		t.Errorf("docs/tutorial.md (-shown +is):\n%s", diff)
	}
}
