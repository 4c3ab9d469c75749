package cli

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/server/wire"
)

// snippet is a block of code that a page shows.
type snippet struct {
	page, language, text string
	line                 int
}

func (s *snippet) String() string { return fmt.Sprintf("%s:%d", s.page, s.line) }

var fences = regexp.MustCompile("(?ms)^ *```([a-z]+)\n(.*?)^ *```$")

// snippets are the blocks of README.md and docs, in the project's root.
func snippets(t *testing.T) []snippet {
	t.Helper()
	t.Chdir("../..")
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := filepath.Glob("docs/spec/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []snippet
	for _, page := range slices.Concat([]string{"README.md"}, pages, spec) {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, at := range fences.FindAllStringSubmatchIndex(text, -1) {
			found = append(found, snippet{page, text[at[2]:at[3]], text[at[4]:at[5]], 1 + strings.Count(text[:at[0]], "\n")})
		}
	}
	return found
}

// TestSnippets runs, or where that takes what a test does not have, at least reads each block of code in README.md and docs.
func TestSnippets(t *testing.T) {
	all := snippets(t)
	if len(all) < 60 {
		t.Errorf("only %d blocks", len(all))
	}
	read := map[string]func(*testing.T, *snippet){
		"yaml": checkYAML, "json": checkJSON, "sh": checkShell, "console": checkShell, "go": checkGo, "python": checkPython, "cel": checkCEL,
		"sql": func(*testing.T, *snippet) {}, "js": func(*testing.T, *snippet) {}, "lua": func(*testing.T, *snippet) {}, // they are parts of programs
	}
	for i := range all {
		s := &all[i]
		t.Run(s.String(), func(t *testing.T) {
			check, ok := read[s.language]
			if !ok {
				t.Fatalf("a block of %s: nothing reads it", s.language)
			}
			check(t, s)
		})
	}
}

// checkYAML reads documents, and manifests and PermissionTests among them as the commands do.
func checkYAML(t *testing.T, s *snippet) {
	text := s.text
	if strings.HasPrefix(text, "  - name: ") { // a test of a PermissionTest
		text = "apiVersion: permissions.remit.dev/v1alpha1\nkind: PermissionTest\nmetadata: {name: x}\nspec:\n  manifests: [x.yaml]\n  tests:\n" + text
	}
	isPart := false
	for _, document := range strings.Split(text, "\n---\n") {
		var value any
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(document, "…", `"…"`)), &value); err != nil {
			if err := yaml.Unmarshal([]byte(document), &value); err != nil {
				t.Fatal(err)
			}
		}
		object, _ := value.(map[string]any)
		metadata, _ := object["metadata"].(map[string]any)
		isPart = isPart || object["kind"] != "PermissionTest" && metadata["name"] == nil
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "x.yaml")
	switch {
	case strings.Contains(text, "kind: PermissionTest"):
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := runCommand(t, "test", file)
		if strings.Contains(out+errOut, "unknown field") || strings.Contains(out+errOut, "can expect") || !strings.Contains(out, "spec.manifests") && code == ExitError {
			t.Errorf("%s%s", out, errOut)
		}
	case !strings.Contains(text, "permissions.remit.dev/v"), strings.Contains(text, "kind: EffectivePermissions"), strings.Contains(text, "…"), isPart:
	default:
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, out, errOut := runCommand(t, "lint", "-f", file); strings.Contains(out+errOut, "error:") {
			t.Errorf("%s%s", out, errOut)
		}
	}
}

// checkJSON reads values, in which … stands for what is left out.
func checkJSON(t *testing.T, s *snippet) {
	text := regexp.MustCompile(`([:\[,{] *)…`).ReplaceAllString(s.text, `$1"…"`)
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for _, line := range lines { // or one on each line
			if json.Unmarshal([]byte(line), &value) != nil {
				t.Fatalf("%v", err)
			}
		}
	}
}

var (
	command = regexp.MustCompile(`(?m)^(?:\$ |  )?kubectl[ -]remit (.*(?:\\\n.*)*)`)
	target  = regexp.MustCompile(`(?m)^make ([a-z-]+)`)
	program = regexp.MustCompile(`(?m)^(?:go run|go test|hack/\S+)(?: [^\n]*?)?(\./\S+|hack/\S+)`)
)

// checkShell reads commands of this program by their flags, and looks for the targets and files that others name.
func checkShell(t *testing.T, s *snippet) {
	if _, err := exec.LookPath("bash"); err == nil && s.language == "sh" {
		check := exec.CommandContext(t.Context(), "bash", "-n")
		check.Stdin = strings.NewReader(s.text)
		if out, err := check.CombinedOutput(); err != nil && !strings.Contains(s.text, "…") {
			t.Errorf("%v: %s", err, out)
		}
	}
	for _, found := range command.FindAllStringSubmatch(s.text, -1) {
		line, _, _ := strings.Cut(strings.ReplaceAll(found[1], "\\\n", " "), "  #")
		line = regexp.MustCompile(` [>|&].*`).ReplaceAllString(line, "")
		args := words.FindAllString(line, -1)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "'", "")
		}
		streams, _, _, _ := genericiooptions.NewTestIOStreams()
		root := testTool(streams).NewCommand()
		named, rest, err := root.Find(args)
		if err == nil {
			err = named.ParseFlags(rest)
		}
		if err != nil || named == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "completion" {
			t.Errorf("%s: %v", line, err)
		}
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range target.FindAllStringSubmatch(s.text, -1) {
		if !strings.Contains(string(makefile), "\n"+found[1]+":") {
			t.Errorf("make has no target %s", found[1])
		}
	}
	for _, found := range program.FindAllStringSubmatch(s.text, -1) {
		if _, err := os.Stat(strings.TrimSuffix(found[1], "/...")); err != nil {
			t.Error(err)
		}
	}
}

// checkGo builds what needs the standard library alone, and parses the rest.
func checkGo(t *testing.T, s *snippet) {
	text := s.text
	if !strings.Contains(text, "\npackage ") && !strings.HasPrefix(text, "package ") {
		text = "package x\n" + text
	}
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Imports) == 0 || slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, ".") }) {
		return
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module x\n\ngo 1.24\n", "x.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "./...")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func checkCEL(t *testing.T, s *snippet) {
	if _, err := expr.Compile(expr.Condition, s.text); err != nil {
		t.Error(err)
	}
}

func checkPython(t *testing.T, s *snippet) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	check := exec.CommandContext(t.Context(), python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	check.Stdin = strings.NewReader(s.text)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// requests matches what a page sends with curl to an evaluation of a domain.
var requests = regexp.MustCompile(`(?s)/domains/([a-z]+)/access/v1/evaluation -d '(.*?)'`)

// TestShownDecisions evaluates the requests that README.md and docs/decision-server.md show, and compares the answers shown
// below them.
func TestShownDecisions(t *testing.T) {
	all := snippets(t)
	shown := 0
	for i := range all {
		found := requests.FindStringSubmatch(all[i].text)
		if found == nil {
			continue
		}
		shown++
		paths := []string{"config/samples/" + found[1]}
		if all[i].page == "README.md" {
			file := filepath.Join(t.TempDir(), "x.yaml")
			if err := os.WriteFile(file, []byte(all[i-1].text), 0o600); err != nil {
				t.Fatal(err)
			}
			paths = []string{file}
		}
		if all[i].page == "docs/tutorial.md" {
			paths = []string{t.TempDir()}
			for j := range all[:i] {
				name, text, _ := strings.Cut(all[j].text, "\n")
				if name, ok := strings.CutPrefix(name, "# permissions/"); ok && all[j].page == all[i].page {
					writeFile(t, filepath.Join(paths[0], name), text)
				}
			}
		}
		items, err := manifests.Load(paths, found[1]) // and none of its tests
		if err != nil {
			t.Fatal(err)
		}
		var asked struct {
			Subject, Action, Resource struct {
				Type, ID, Name string
				Properties     json.RawMessage
			}
			Context json.RawMessage
		}
		if err := json.Unmarshal([]byte(found[2]), &asked); err != nil {
			t.Fatalf("%s: %v", &all[i], err)
		}
		values := func(text json.RawMessage) map[string]any {
			value, err := expr.ParseJSON(text)
			if len(text) > 0 && err != nil {
				t.Fatal(err)
			}
			object, _ := value.(map[string]any)
			return object
		}
		decision, err := engine.Compile(manifests.Objects(items)).Decide(&engine.Request{
			Subject:  engine.Subject{Type: asked.Subject.Type, ID: asked.Subject.ID, Properties: values(asked.Subject.Properties)},
			Action:   engine.Action{Name: asked.Action.Name, Properties: values(asked.Action.Properties)},
			Resource: engine.Resource{Type: asked.Resource.Type, ID: asked.Resource.ID, Properties: values(asked.Resource.Properties)},
			Context:  values(asked.Context),
		}, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(wire.NewDecision(&decision, nil, ""))
		if err != nil {
			t.Fatal(err)
		}
		answers := []map[string]any{{}, {}}
		for j, text := range []string{all[i+1].text, string(got)} {
			if err := json.Unmarshal([]byte(text), &answers[j]); err != nil {
				t.Fatal(err)
			}
			context, _ := answers[j]["context"].(map[string]any)
			delete(context, "revision")
		}
		if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
			t.Errorf("%s (-shown +is):\n%s", &all[i], diff)
		}
	}
	if shown < 2 {
		t.Errorf("only %d requests", shown)
	}
}
