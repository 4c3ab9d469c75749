package cli

import (
	"os"
	"strings"
	"testing"
)

// TestExplainDocumentation runs the sessions of docs/explain.md. An ellipsis in a line of its own stands for any
// lines.
func TestExplainDocumentation(t *testing.T) {
	t.Chdir("../..")
	page, err := os.ReadFile("docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for block := range strings.SplitSeq(string(page), "```") {
		line, want, ok := strings.Cut(strings.TrimPrefix(block, "\n"), "\n")
		line, isSession := strings.CutPrefix(line, "$ kubectl remit ")
		if !ok || !isSession {
			continue
		}
		ran++
		t.Run(line, func(t *testing.T) {
			args := words.FindAllString(line, -1)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "'", "")
			}
			code, got, errOut := runCommand(t, args...)
			if code == ExitError || errOut != "" {
				t.Fatalf("exit code %d: %s", code, errOut)
			}
			for i, part := range strings.Split(want, "…\n") {
				before, after, found := strings.Cut(got, strings.TrimSpace(part))
				if !found || i == 0 && before != "" {
					t.Fatalf("not in the output:\n%s\nIt is:\n%s", part, got)
				}
				got = after
			}
		})
	}
	if ran == 0 {
		t.Error("no session")
	}
}
