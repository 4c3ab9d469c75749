package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// words splits a command line as a shell does, as far as the examples go.
var words = regexp.MustCompile(`(?:[^\s']|'[^']*')+`)

// TestExamples runs the examples of every command's help that work on the samples, and that end.
func TestExamples(t *testing.T) {
	folder := t.TempDir() // a copy, as some examples write files
	if err := os.CopyFS(filepath.Join(folder, "config", "samples"), os.DirFS("../../config/samples")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
	ran := 0
	for _, command := range testTool(genericiooptions.NewTestIOStreamsDiscard()).NewCommand().Commands() {
		for line := range strings.Lines(command.Example) {
			line, ok := strings.CutPrefix(strings.TrimSpace(line), "kubectl remit ")
			if !ok || !strings.Contains(line, "config/samples") || strings.HasPrefix(line, "serve ") || strings.HasPrefix(line, "ui ") {
				continue
			}
			ran++
			t.Run(line, func(t *testing.T) {
				args := words.FindAllString(line, -1)
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "'", "")
				}
				code, out, errOut := runCommand(t, args...)
				if code == ExitError || out == "" || errOut != "" {
					t.Errorf("exit code %d\n%s%s", code, out, errOut)
				}
			})
		}
	}
	if ran == 0 {
		t.Error("no example works on the samples")
	}
}
