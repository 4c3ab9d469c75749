package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sessions matches the sessions in a page, and prompt the commands in a session.
var (
	sessions = regexp.MustCompile("(?s)```console\n(.*?)```")
	prompt   = regexp.MustCompile(`(?m)^\$ kubectl remit (.*)\n`)
)

// TestDocs runs the sessions that docs/cli.md shows. With UPDATE_SCRIPTS set it writes what comes.
func TestDocs(t *testing.T) {
	page, err := filepath.Abs("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	got := sessions.ReplaceAllStringFunc(string(text), func(block string) string { return runSession(t, block) })
	if !sessions.Match(text) {
		t.Error("the page shows no session")
	}
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("docs/cli.md (-shown +is):\n%s", diff)
	}
}

// runSession runs the commands of a session and gives the session with what they print.
func runSession(t *testing.T, block string) string {
	t.Helper()
	var b strings.Builder
	for _, command := range prompt.FindAllStringSubmatch(sessions.FindStringSubmatch(block)[1], -1) {
		args := words.FindAllString(command[1], -1)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "'", "")
		}
		_, out, errOut := runCommand(t, args...)
		b.WriteString("$ kubectl remit " + command[1] + "\n" + out + errOut)
	}
	return "```console\n" + b.String() + "```"
}

// TestReasonsAndRules makes sure that docs/decision-server.md has each reason and each rule of objects.
func TestReasonsAndRules(t *testing.T) {
	page, err := os.ReadFile("../../docs/decision-server.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../engine/decision.go")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../admission/review.go")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, found := range regexp.MustCompile(`Reason = "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		want[found[1]] = "| `" + found[1] + "` |"
	}
	for _, found := range regexp.MustCompile(`\{"(A\d)", `).FindAllStringSubmatch(string(rules), -1) {
		want[found[1]] = "| " + found[1] + " |"
	}
	if len(want) < 20 {
		t.Errorf("only %d reasons and rules", len(want))
	}
	for name, row := range want {
		if !strings.Contains(string(page), "\n"+row) {
			t.Errorf("docs/decision-server.md does not tell of %s", name)
		}
	}
}
