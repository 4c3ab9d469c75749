package importer

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/manifests"
)

var update = flag.Bool("update", false, "write the golden files anew")

// export reads the files of a folder of testdata, as a shell would name them.
func export(t testing.TB, system System, but ...string) []File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", string(system), "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no testdata of %s: %v", system, err)
	}
	var files []File
	for _, path := range paths {
		if len(but) > 0 && strings.Contains(path, but[0]) {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: filepath.Base(path), Data: data})
	}
	return files
}

func mustImport(t testing.TB, system System, files []File) *Result {
	t.Helper()
	result, err := Import(system, files)
	if err != nil {
		t.Fatalf("import of %s: %v", system, err)
	}
	return result
}

// text is a result as the command prints it, findings first.
func (r *Result) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for i := range r.Findings {
		b.WriteString("# " + r.Findings[i].String() + "\n")
	}
	for _, object := range r.Objects {
		manifest, err := Manifest(object)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(manifest)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, system := range Systems {
		t.Run(string(system), func(t *testing.T) {
			got := mustImport(t, system, export(t, system)).text(t)
			path := filepath.Join("testdata", string(system)+".golden.yaml")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("run with -update if this is right (-want +got):\n%s", diff)
			}
			if again := mustImport(t, system, export(t, system)).text(t); again != got {
				t.Error("the same export gave another result")
			}
		})
	}
}

// TestAdmitted has the results pass what an API server and the webhook ask of them, one after the other.
func TestAdmitted(t *testing.T) {
	for _, system := range Systems {
		t.Run(string(system), func(t *testing.T) {
			result := mustImport(t, system, export(t, system))
			checkAdmitted(t, result)
		})
	}
}

func checkAdmitted(t testing.TB, result *Result) {
	t.Helper()
	domain := engine.Compile(nil)
	for _, object := range result.Objects {
		kind, ok := engine.KindOf(object)
		if !ok {
			t.Fatalf("%T is of no kind", object)
		}
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if _, errs := manifests.Object(string(kind), text, "default", nil); len(errs) > 0 {
			t.Errorf("%s %s: %v", kind, object.GetName(), errs)
		}
		change := admission.Change{Operation: admission.Create, Object: object, User: admission.UserInfo{Groups: []string{"system:masters"}}, Now: now}
		result := admission.Review(domain, change)
		if len(result.Errors) > 0 && !slices.Equal(result.Codes, []string{"A2"}) { // the only admin may be a disabled one
			t.Errorf("%s %s: %v", kind, object.GetName(), result.Errors)
		}
		domain, _ = domain.With(engine.Put(object))
	}
	for _, object := range result.Objects {
		kind, _ := engine.KindOf(object)
		if report, _ := domain.Report(engine.Ref{Kind: kind, Name: object.GetName()}); len(report.Problems)+len(report.Missing) > 0 {
			t.Errorf("%s %s: %v %v", kind, object.GetName(), report.Problems, report.Missing)
		}
	}
}

var now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// question is one line of a table of what the source system says.
type question struct {
	user, action, resource string
	// properties of the record, values that are submitted, and the context: JSON, or nothing.
	properties, values, context string
	// fields that are asked for, separated by commas.
	fields string
	want   bool
}

func (q question) String() string {
	return strings.Join([]string{q.user, q.action, q.resource, q.properties, q.values, q.context, q.fields}, " ")
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	v, err := expr.ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v.(map[string]any)
}

// ask decides questions over what was imported.
func ask(t *testing.T, objects []engine.Object, questions []question) {
	t.Helper()
	domain := engine.Compile(objects)
	for _, q := range questions {
		t.Run(q.String(), func(t *testing.T) {
			kind, id, _ := strings.Cut(q.resource, "/")
			request := &engine.Request{
				Subject:  engine.Subject{Type: "user", ID: q.user},
				Action:   engine.Action{Name: q.action},
				Resource: engine.Resource{Type: kind, ID: id, Properties: object(t, q.properties)},
				Context:  object(t, q.context),
			}
			if q.user == "" {
				request.Subject.Type = "anonymous"
			}
			if q.values != "" {
				request.Action.Properties = map[string]any{"values": any(object(t, q.values))}
			}
			if q.fields != "" {
				var fields []any
				for _, field := range strings.Split(q.fields, ",") {
					fields = append(fields, field)
				}
				request.Action.Properties = map[string]any{"fields": fields}
			}
			got, err := domain.Decide(request, now)
			if err != nil {
				t.Fatal(err)
			}
			if got.Allow != q.want {
				t.Errorf("got %t (%s), want %t", got.Allow, got.Message(), q.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	n := newNamer("role")
	long := strings.Repeat("a", 300)
	for _, tc := range []struct{ key, label, want string }{
		{"1", "Sales User", "sales-user"},
		{"2", "sales_user", "sales-user-2"},
		{"1", "Another", "sales-user"},
		{"3", "sales user 2", "sales-user-2-2"},
		{"4", "経理", "role"},
		{"5", "", "role-2"},
		{"6", "--Ü 9--", "9"},
		{"7", long, long[:maxName]},
		{"8", long + "b", long[:maxName] + "-2"},
	} {
		if got := n.name(tc.key, tc.label); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.label, got, tc.want)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := map[string]struct {
		system System
		name   string
		data   string
		want   string
	}{
		"unknown system":        {"notion", "a.json", "[]", "unknown system"},
		"directus, no JSON":     {Directus, "a.json", "{", "neither JSON"},
		"directus, anything":    {Directus, "a.json", `{"x": 1}`, "neither a list of roles"},
		"directus, no policies": {Directus, "permissions.json", `[{"policy": "p", "collection": "c", "action": "read"}]`, "add /policies"},
		"directus, no policy":   {Directus, "access.json", `[{"policy": "p", "role": "r", "user": null}]`, "add /policies"},
		"inventree, no list":    {InvenTree, "a.json", `{}`, "not a fixture"},
		"inventree, no fields":  {InvenTree, "a.json", `[{"model": "auth.group"}]`, "[0]: not an entry"},
		"erpnext, what is it":   {ERPNext, "a.json", `[{"name": "x"}]`, "cannot be told"},
		"erpnext, a table":      {ERPNext, "a.csv", "A,B\n1,2\n", "cannot be told"},
		"erpnext, restriction":  {ERPNext, "a.json", `[{"doctype": "User Permission", "user": "a", "allow": "Company"}]`, "without user, allow or for_value"},
		"erpnext, long value": {ERPNext, "a.json",
			`[{"doctype": "User Permission", "user": "a", "allow": "Company", "for_value": "` + strings.Repeat("x", 300) + `"}]`, "is not valid"},
		"cin7, other columns": {Cin7, "a.csv", "A,B\n", "the first line must have"},
		"cin7, no CSV":        {Cin7, "a.csv", "Area,\"x\n", "not CSV"},
		"cin7, empty":         {Cin7, "a.csv", "", "empty"},
		"cin7, special":       {Cin7, "a.csv", "User,Area,Access\nann,Sales,Some\n", "line 2: not a special permission"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Import(tc.system, []File{{tc.name, []byte(tc.data)}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// leftOut are the findings about grants that are missing.
func leftOut(r *Result) []string {
	var out []string
	for i := range r.Findings {
		if r.Findings[i].LeftOut {
			out = append(out, r.Findings[i].String())
		}
	}
	return out
}

// checkWritten fails where something was left out as what an importer wrote is no CEL.
func checkWritten(t testing.TB, result *Result) {
	t.Helper()
	for _, finding := range leftOut(result) {
		if strings.Contains(finding, "Syntax error") {
			t.Fatal(finding)
		}
	}
}

func fuzz(f *testing.F, system System, names ...string) {
	for _, file := range export(f, system) {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range names {
			result, err := Import(system, []File{{name, bytes.Clone(data)}})
			if err != nil {
				continue
			}
			checkAdmitted(t, result)
			checkWritten(t, result)
		}
	})
}

func FuzzDirectus(f *testing.F)  { fuzz(f, Directus, "export.json", "permissions.json") }
func FuzzInvenTree(f *testing.F) { fuzz(f, InvenTree, "export.json") }
func FuzzERPNext(f *testing.F)   { fuzz(f, ERPNext, "export.json", "User Permission.csv") }
func FuzzCin7(f *testing.F)      { fuzz(f, Cin7, "export.csv") }
