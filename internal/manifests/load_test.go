package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
)

const head = "apiVersion: permissions.remit.dev/v1alpha1\n"

// write makes files below a new folder and gives its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestLoad(t *testing.T) {
	folder := write(t, map[string]string{
		"b.yml":                "kind: Role\nmetadata: {name: b}\nspec: {}\n" + head + "---\n" + head + "kind: Role\nmetadata: {name: b, namespace: other}\nspec: {}\n",
		"a.yaml":               head + "kind: User\nmetadata: {name: a, creationTimestamp: \"2026-01-02T03:04:05Z\"}\nspec: {attributes: {x: 12.0, i: 12, big: 12345678901234567890}}\nstatus: {effectivePermissions: a}\n",
		"sub/c.json":           `{"apiVersion": "permissions.remit.dev/v1alpha1", "kind": "Group", "metadata": {"name": "c"}, "spec": {}}`,
		"sub/list.yaml":        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: permissions.remit.dev/v1alpha1, kind: ResourceType, metadata: {name: d}, spec: {}}\n- {apiVersion: v1, kind: ConfigMap}\n",
		"sub/rolelist.yaml":    head + "kind: RoleList\nitems:\n- {apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: e}, spec: {}}\n",
		"kustomization.yaml":   "resources: [a.yaml]\n",
		"z-other.yaml":         "apiVersion: apps/v1\nkind: Deployment\nanything: goes\n---\n" + head + "kind: PermissionTest\nspec: {}\n---\n" + head + "kind: EffectivePermissions\nmetadata: {name: x}\n",
		"README.md":            "# not a manifest",
		".hidden/x.yaml":       "not: {even: yaml",
		"sub/.hidden.yaml":     "not: {even: yaml",
		"sub/deeper/empty.yml": "# nothing here\n",
	})
	items, err := Load([]string{folder}, "home")
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	var got []string
	for _, item := range items {
		file, _ := filepath.Rel(folder, item.File)
		got = append(got, fmt.Sprintf("%s:%d %T %s/%s", file, item.Line, item.Object, item.Object.GetNamespace(), item.Object.GetName()))
	}
	want := []string{
		"a.yaml:1 *v1alpha1.User home/a",
		"b.yml:1 *v1alpha1.Role home/b",
		"b.yml:6 *v1alpha1.Role other/b",
		"sub/c.json:1 *v1alpha1.Group home/c",
		"sub/list.yaml:4 *v1alpha1.ResourceType home/d",
		"sub/rolelist.yaml:4 *v1alpha1.Role home/e",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("items (-want +got):\n%s", diff)
	}
	user := Objects(items)[0].(*v1alpha1.User)
	if got := user.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z"); got != "2026-01-02T03:04:05Z" {
		t.Errorf("creationTimestamp: got %s", got)
	}
	attributes := map[string]string{}
	for name, value := range user.Spec.Attributes {
		attributes[name] = string(value.Raw)
	}
	if diff := cmp.Diff(map[string]string{"x": "12.0", "i": "12", "big": "12345678901234567890"}, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if user.Kind != "User" || user.APIVersion != v1alpha1.GroupVersion.String() {
		t.Errorf("type: got %s %s", user.APIVersion, user.Kind)
	}
}

func TestLoadReadsLinkedFiles(t *testing.T) {
	folder := write(t, map[string]string{"..data/a.yaml": head + "kind: User\nmetadata: {name: a}\nspec: {}\n"})
	if err := os.Symlink("..data/a.yaml", filepath.Join(folder, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(folder, "loop.yaml")); err != nil {
		t.Fatal(err)
	}
	items, err := Load([]string{folder}, "default")
	if err != nil || len(items) != 1 {
		t.Errorf("Load: got %d items and %v, want the one file behind the link", len(items), err)
	}
}

func TestLoadFollowsTheNamespaceOfAKustomization(t *testing.T) {
	user := head + "kind: User\nmetadata: {name: u}\nspec: {}\n"
	folder := write(t, map[string]string{
		"a/kustomization.yaml":   "namespace: red\nresources: [u.yaml]\n",
		"a/u.yaml":               user,
		"a/b/kustomization.yml":  "namespace: green\n",
		"a/b/v.yaml":             head + "kind: User\nmetadata: {name: v}\nspec: {}\n",
		"a/c.yaml":               head + "kind: User\nmetadata: {name: w, namespace: own}\nspec: {}\n",
		"d/kustomization.yaml":   "resources: [u.yaml]\n",
		"d/u.yaml":               user,
		"e/Kustomization":        "namespace: blue\n",
		"e/u.yaml":               user,
		"f/kustomization.yaml":   "namespace: red\n",
		"f/tests/none.yaml":      "# nothing\n",
		"f/tests/also/last.yaml": head + "kind: User\nmetadata: {name: x}\nspec: {}\n",
	})
	items, err := Load([]string{folder}, "home")
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	var got []string
	for _, item := range items {
		got = append(got, item.Object.GetNamespace()+"/"+item.Object.GetName())
	}
	want := []string{"red/v", "own/w", "red/u", "home/u", "blue/u", "red/x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	broken := write(t, map[string]string{"kustomization.yaml": "a: 1\na: 2\n", "u.yaml": user})
	wantErr := filepath.Join(broken, "kustomization.yaml") + `:2: the key "a" is given twice, first in line 1; remove one`
	if _, err := Load([]string{broken}, "home"); err == nil || err.Error() != wantErr {
		t.Errorf("a broken kustomization:\n got %v\nwant %s", err, wantErr)
	}
}

func TestLoadRefuses(t *testing.T) {
	object := func(kind, name, spec string) string {
		return head + "kind: " + kind + "\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
	}
	cases := map[string]struct {
		text string
		want string // after "f.yaml:"
	}{
		"an unknown field":           {object("Role", "r", "{rulez: []}"), "4: Role/r: spec.rulez: unknown field; remove it, or use one of adminAccess, appAccess, description, displayName, icon, restrictions, rules"},
		"an unknown field in a rule": {object("Role", "r", "\n  rules:\n  - resources: [a]\n    access: Full\n    when: x"), "8: Role/r: spec.rules[0].when: unknown field; remove it, or use one of access, actions, areas, condition, exceptFields, fields, presetExpressions, presets, resources, validations"},
		"an unknown metadata field":  {head + "kind: Role\nmetadata: {name: r, nmespace: x}\nspec: {}\n", "3: Role/r: metadata.nmespace: unknown field; remove it, or use one of"},
		"a wrong type":               {object("Role", "r", "{rules: {}}"), `4: Role/r: spec.rules: Invalid value: "object": must be of type array: "object"`},
		"a wrong type of metadata":   {head + "kind: Role\nmetadata: {name: r, labels: {a: 1}}\nspec: {}\n", "3: Role/r: metadata.labels: a JSON number does not fit here; it takes a string; quote it"},
		"a value out of an enum":     {object("Role", "r", "{rules: [{resources: [a], access: full}]}"), `4: Role/r: spec.rules[0].access: Unsupported value: "full": supported values: "Full", "ReadOnly", "None"`},
		"a pattern":                  {object("Role", "r", "{rules: [{resources: [a], access: Full, fields: [a..b]}]}"), `4: Role/r: spec.rules[0].fields[0]: Invalid value: "a..b": should match`},
		"a required field":           {object("UserPermission", "u", "{user: x}"), "4: UserPermission/u: spec.allow: Required value"},
		"a required spec":            {head + "kind: User\nmetadata: {name: u}\n", "1: User/u: spec: is required; every field in it may be left out: add `spec: {}`"},
		"a number for a string":      {object("UserPermission", "u", "{user: 12, allow: a, forValues: [x]}"), `4: UserPermission/u: spec.user: Invalid value: "integer": must be of type string: "integer"; quote it`},
		"the same list key twice":    {object("User", "u", "{roles: [{name: a}, {name: a}]}"), `4: User/u: spec.roles[1]: Duplicate value: {"name":"a"}`},
		"a rule of the schema":       {object("Role", "r", "{rules: [{resources: [a], access: Full, actions: [read]}]}"), "4: Role/r: spec.rules[0]: a rule has exactly one of access, actions"},
		"a rule over the name":       {object("PermissionPolicy", "main", "{}"), "1: PermissionPolicy/main: a domain has one PermissionPolicy, named default (A6)"},
		"a time that is none":        {object("SpecialPermission", "s", "{user: u, permissions: [{areas: [a], access: Full}], startsAt: soon}"), `4: SpecialPermission/s: spec.startsAt: Invalid value: "soon": must be of type date-time: "soon"`},
		"a name that is none":        {object("Role", "No_Name", "{}"), `3: Role/No_Name: metadata.name: Invalid value: "No_Name"`},
		"no name":                    {head + "kind: Role\nmetadata: {}\nspec: {}\n", "3: Role: metadata.name: Required value"},
		"an unknown kind":            {object("Roll", "r", "{}"), "2: Roll/r: kind: unknown kind; use one of ResourceType, Role, Group, User, UserSet, UserPermission, UserPermissionSet, SpecialPermission, RecordSet, PermissionPolicy"},
		"an unknown version":         {"apiVersion: permissions.remit.dev/v1\nkind: Role\nmetadata: {name: r}\n", `1: Role/r: apiVersion: the version "v1" does not exist; use permissions.remit.dev/v1alpha1`},
		"no kind":                    {"a: 1\n", "1: not a Kubernetes object: apiVersion and kind are required; move other files out of the folder"},
		"no object":                  {"- a\n", "1: not a Kubernetes object: apiVersion and kind are required; move other files out of the folder"},
		"a key twice":                {object("User", "u", "\n  staff: true\n  staff: true"), `6: spec: the key "staff" is given twice, first in line 5; remove one`},
		"a null spec":                {object("User", "u", "null"), `4: User/u: spec: Invalid value: "null": must be of type object: "null"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(write(t, map[string]string{"f.yaml": tc.text}), "f.yaml")
			items, err := Load([]string{file}, "default")
			if len(items) > 0 {
				t.Errorf("Load: got %d items, want none", len(items))
			}
			if want := file + ":" + tc.want; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Load:\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestLoadTellsAllProblemsInOrder(t *testing.T) {
	folder := write(t, map[string]string{
		"a.yaml": head + "kind: Role\nmetadata: {name: r}\nspec:\n  icon: [x]\n---\nx: {a: 1, a: 2}\n---\n" + head + "kind: Role\nmetadata: {name: twice}\nspec: {}\n---\n",
		"b.yaml": head + "kind: Role\nmetadata: {name: twice}\nspec: {}\n",
	})
	_, err := Load([]string{folder}, "default")
	a, b := filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml")
	want := strings.Join([]string{
		a + `:5: Role/r: spec.icon: Invalid value: "array": must be of type string: "array"`,
		a + `:7: x: the key "a" is given twice, first in line 7; remove one`,
		b + ":3: Role/twice: metadata.name: the same object is in " + a + ":9 too (namespace default); remove or rename one of them",
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestLoadMissingAndTooLarge(t *testing.T) {
	folder := write(t, map[string]string{"a.txt": head + "kind: User\nmetadata: {name: a}\nspec: {}\n"})
	missing := filepath.Join(folder, "none")
	if _, err := Load([]string{missing, folder, missing}, "default"); err == nil || err.Error() != missing+": no such file or directory\n"+missing+": no such file or directory" {
		t.Errorf("missing: got %v", err)
	}
	if items, err := Load([]string{filepath.Join(folder, "a.txt")}, "default"); err != nil || len(items) != 1 {
		t.Errorf("a file that is named is read whatever its ending: got %d items and %v", len(items), err)
	}
	large := filepath.Join(folder, "large.yaml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load([]string{large}, "default"); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB; split it") {
		t.Errorf("too large: got %v", err)
	}
}
