package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityIsProved looks for each test that docs/security.md names as a proof.
func TestSecurityIsProved(t *testing.T) {
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(content, -1) {
			tests[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)(?:/[^`]*)?`").FindAllSubmatch(text, -1)
	if len(named) < 20 {
		t.Fatalf("docs/security.md names %d tests", len(named))
	}
	for _, name := range named {
		if !tests[string(name[1])] {
			t.Errorf("docs/security.md names %s as a proof, which is no test", name[1])
		}
	}
}
