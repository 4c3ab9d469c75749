package permissiontest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sentence matches a section of docs/sentences.md: the number, the manifests, and the tests.
var sentence = regexp.MustCompile("(?s)\n## ([0-9]+)\\. [^\n]*\n.*?```yaml\n(.*?)```\n\n```yaml tests\n(.*?)```")

// TestSentences runs the tests of docs/sentences.md on its manifests.
func TestSentences(t *testing.T) {
	page, err := os.ReadFile("../../docs/sentences.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := sentence.FindAllStringSubmatch(string(page), -1)
	if want := strings.Count(string(page), "\n## "); len(sections) != want || want < 30 {
		t.Fatalf("%d sections have manifests and tests, of %d", len(sections), want)
	}
	const version = "apiVersion: permissions.remit.dev/v1alpha1\n"
	for _, section := range sections {
		t.Run(section[1], func(t *testing.T) {
			folder := t.TempDir()
			domain := version + strings.ReplaceAll(section[2], "---\n", "---\n"+version)
			suite := version + "kind: PermissionTest\nmetadata: {name: sentence}\nspec:\n  manifests: [domain.yaml]\n  now: \"2026-06-01T00:00:00Z\"\n  tests:\n" +
				"  " + strings.ReplaceAll(strings.TrimSpace(section[3]), "\n", "\n  ") + "\n"
			for name, text := range map[string]string{"domain.yaml": domain, "sentence.test.yaml": suite} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			results, err := (&Runner{Clock: fakeClock}).Run(filepath.Join(folder, "sentence.test.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if len(results) < strings.Count(section[3], "- name:") || len(results) == 0 {
				t.Errorf("%d tests ran", len(results))
			}
			for _, r := range results {
				if !r.Passed() {
					t.Errorf("%s: %v %v %v", r.Test, r.Err, r.Differences, r.Notes)
				}
			}
		})
	}
}
