package permissiontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"
)

const domain = `
apiVersion: permissions.remit.dev/v1alpha1
kind: ResourceType
metadata: {name: doc}
spec: {fields: [{name: folder, linksTo: folder}]}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: ResourceType
metadata: {name: folder}
spec: {}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: Role
metadata: {name: writer}
spec:
  rules:
  - {resources: [doc], actions: [read]}
  - resources: [doc]
    actions: [create, update]
    condition: resource.properties.owner == subject.id
    fields: [title, owner]
    presets: {state: draft, copies: 1, weight: 1.5}
    validations: [{expression: "proposed.title != ''", message: a title is needed}]
---
apiVersion: permissions.remit.dev/v1alpha1
kind: Role
metadata: {name: vault}
spec: {restrictions: {requireMFA: true}, rules: [{resources: [doc], actions: [delete]}]}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: Role
metadata: {name: admin}
spec: {adminAccess: true}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: PermissionPolicy
metadata: {name: default}
spec: {}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: User
metadata: {name: ann}
spec: {roles: [{name: writer}, {name: vault}, {name: admin, startsAt: "2027-01-01T00:00:00Z"}]}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: User
metadata: {name: root}
spec: {superuser: true}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: Group
metadata: {name: staff}
spec: {members: [{user: ann}]}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: UserPermission
metadata: {name: ann-folders}
spec: {user: ann, allow: folder, forValues: ["1"]}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: RecordSet
metadata: {name: docs}
spec: {resourceType: doc, records: [{id: a, properties: {folder: 1}}, {id: b, properties: {folder: 2}}]}
`

var fakeClock = testingclock.NewFakePassiveClock(time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC))

// suiteText is a PermissionTest over domain.yaml with one test.
func suiteText(test string) string {
	return "apiVersion: permissions.remit.dev/v1alpha1\nkind: PermissionTest\nmetadata: {name: suite}\nspec:\n  manifests: [domain.yaml]\n  tests:\n" + test
}

// write makes files in a new folder and gives its path.
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

// runTest runs a PermissionTest with one test and gives what is not as expected, a line each.
func runTest(t *testing.T, test string) []string {
	t.Helper()
	folder := write(t, map[string]string{"domain.yaml": domain, "t.yaml": suiteText(test)})
	results, err := (&Runner{Clock: fakeClock}).Run(filepath.Join(folder, "t.yaml"))
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	if len(results) != 1 {
		t.Fatalf("Run: got %d results, want 1", len(results))
	}
	var lines []string
	for _, d := range results[0].Differences {
		lines = append(lines, strings.Split(d.String(), "\n")...)
	}
	if results[0].Err != nil {
		lines = append(lines, results[0].Err.Error())
	}
	if results[0].Passed() != (len(lines) == 0) {
		t.Errorf("Passed: got %t with %v", results[0].Passed(), lines)
	}
	return lines
}

func TestRun(t *testing.T) {
	request := func(action, more string) string {
		return fmt.Sprintf("  - name: t\n    request: {subject: {type: user, id: ann}, action: {name: %s%s}", action, more)
	}
	read := request("read", "") + ", resource: {type: doc, id: a}}\n"
	blind := request("update", "") + ", resource: {type: doc, id: a}}\n"
	create := request("create", ", properties: {values: {title: T, owner: ann}}") + ", resource: {type: doc, id: new}}\n"
	level := "  - name: t\n    effective: {user: ann, resource: doc}\n"
	status := "  - name: t\n    effective: {user: ann}\n"
	admit := func(operation, object string) string {
		return "  - name: t\n    admit: {operation: " + operation + ", object: {apiVersion: permissions.remit.dev/v1alpha1, " + object + "}}\n"
	}
	cases := map[string]struct {
		test string
		want []string // what is reported; nothing: the test passes
	}{
		"a decision": {test: read + "    expect: {decision: allow, reason: rule, fields: ['*'], presets: {}, missingProperties: [], violations: [], stepUp: [], validationMessages: []}"},
		"a decision that is not so": {
			test: read + "    expect: {decision: deny, reason: no_rule, fields: [a, '*', b], stepUp: [mfa]}",
			want: []string{`decision: want "deny", got "allow"`, `fields: missing ["a","b"]`, `reason: want "no_rule", got "rule"`, `stepUp: missing ["mfa"]`},
		},
		"a decision with more than expected": {
			test: create + "    expect: {fields: []}",
			want: []string{`fields: not expected ["owner","title"]`},
		},
		"lists in another order":         {test: create + "    expect: {fields: [title, owner]}"},
		"presets":                        {test: create + "    expect: {presets: {state: draft, copies: 1, weight: 1.5}}"},
		"numbers compare by their worth": {test: create + "    expect: {presets: {state: draft, copies: 1.0, weight: 15e-1}}"},
		"all presets are compared": {
			test: create + "    expect: {presets: {state: draft, copies: 1}}",
			want: []string{`presets: want {"copies":1,"state":"draft"}, got {"copies":1,"state":"draft","weight":1.5}`},
		},
		"no preset": {
			test: create + "    expect: {presets: {}}",
			want: []string{`presets: want {}, got {"copies":1,"state":"draft","weight":1.5}`},
		},
		"unknown properties":  {test: blind + "    expect: {decision: deny, reason: condition_not_met, missingProperties: [owner]}"},
		"validation messages": {test: request("create", ", properties: {values: {title: '', owner: ann}}") + ", resource: {type: doc, id: new}}\n    expect: {reason: validation_failed, validationMessages: [a title is needed]}"},
		"violations are the fields' names": {
			test: request("read", "") + ", resource: {type: doc, id: b}}\n    expect: {reason: user_permission, violations: [parent]}",
			want: []string{`violations: missing ["parent"]`, `violations: not expected ["folder"]`},
		},
		"step up":                      {test: request("delete", "") + ", resource: {type: doc, id: a}}\n    expect: {reason: role_restricted, stepUp: [mfa]}"},
		"context reaches the decision": {test: request("delete", "") + ", resource: {type: doc, id: a}, context: {mfa: true}}\n    expect: {reason: rule}"},
		"a malformed request is an error": {
			test: "  - name: t\n    request: {subject: {type: user}, action: {name: read}, resource: {type: doc}}\n    expect: {decision: deny}",
			want: []string{"subject.id: is required"},
		},
		"the test's own time": {test: "  - name: t\n    now: 2027-01-01T00:00:00Z\n    request: {subject: {type: user, id: ann}, action: {name: delete}, resource: {type: folder}}\n    expect: {reason: admin_access}"},

		"a subject search":  {test: "  - name: t\n    search: {kind: subject, request: {subject: {type: user}, action: {name: read}, resource: {type: doc, id: a}}}\n    expect: {results: [root, ann]}"},
		"a resource search": {test: "  - name: t\n    search: {kind: resource, request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: doc}}}\n    expect: {results: [a]}"},
		"an action search": {
			test: "  - name: t\n    search: {kind: action, request: {subject: {type: user, id: ann}, resource: {type: doc, id: a}}}\n    expect: {results: [read, fly]}",
			want: []string{`results: missing ["fly"]`},
		},
		"a malformed search is an error": {
			test: "  - name: t\n    search: {kind: resource, request: {subject: {type: user, id: ann}, action: {name: read}}}\n    expect: {results: []}",
			want: []string{"resource.type: is required"},
		},

		"a level": {test: level + "    expect: {access: Custom, allowed: [read], conditional: [update, delete, create], decidedBy: [Role/writer, Role/vault], overridden: [], restrictedBy: [UserPermission/ann-folders]}"},
		"a level that is not so": {
			test: level + "    expect: {access: Full, restrictedBy: []}",
			want: []string{`access: want "Full", got "Custom"`, `restrictedBy: not expected ["UserPermission/ann-folders"]`},
		},
		"a level on no type": {
			test: "  - name: t\n    effective: {user: ann, resource: dog}\n    expect: {access: None}",
			want: []string{`the manifests have no resource type "dog"`},
		},
		"a status": {test: status + "    expect: {superuser: false, admin: false, groups: [staff], roles: [{name: writer, via: [User/ann]}, {name: vault}], summary: {full: 0, custom: 1, none: 1}, nextTransition: '2027-01-01T01:00:00+01:00', permissions: [{resource: doc, access: Custom}]}"},
		"a status that is not so": {
			test: status + "    expect: {admin: true, roles: [{name: writer, via: [Group/staff]}], summary: {full: 1}, nextTransition: '2028-01-01T00:00:00Z'}",
			want: []string{
				`admin: want true, got false`,
				`nextTransition: want "2028-01-01T00:00:00Z", got "2027-01-01T00:00:00Z"`,
				`roles: missing [{"name":"writer","via":["Group/staff"]}]`,
				`roles: not expected [{"name":"vault","via":["User/ann"]},{"name":"writer","via":["User/ann"]}]`,
				`summary: want {"full":1}, got {"custom":1,"full":0,"none":1,"readOnly":0}`,
			},
		},
		"the status of who is not known": {test: "  - name: t\n    effective: {user: zoe}\n    expect: {admin: false}"},

		"a filter": {
			test: "  - name: t\n    filter: {request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: doc}}, records: [{id: a, properties: {folder: 1}}]}\n    expect: {matches: [nope]}",
			want: []string{`matches: missing ["nope"]`, `matches: not expected ["a"]`},
		},

		"an admitted creation":      {test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {rules: [{resources: [doc], access: Full}]}") + "    expect: {admitted: true, warnings: false}"},
		"a warning":                 {test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {rules: [{resources: [dog], access: Full}]}") + "    expect: {admitted: true, warnings: true}"},
		"a broken rule":             {test: admit("DELETE", "kind: Role, metadata: {name: admin}") + "    expect: {admitted: false, code: A1}"},
		"an update of what is held": {test: admit("UPDATE", "kind: User, metadata: {name: root}, spec: {id: other, superuser: true}") + "    expect: {admitted: false, code: A3}"},
		"another rule than expected": {
			test: admit("DELETE", "kind: Role, metadata: {name: admin}") + "    expect: {code: A7}",
			want: []string{`code: want "A7", got "A1"`},
		},
		"no rule is broken": {
			test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {}") + "    expect: {admitted: false, code: A6}",
			want: []string{`admitted: want false, got true`, `code: want "A6", got nothing`},
		},
		"what only the schema refuses has no code": {
			test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {icon: [x]}") + "    expect: {admitted: false, code: A6}",
			want: []string{`code: want "A6", got nothing`},
		},
		"an unknown field is refused":     {test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {rulez: []}") + "    expect: {admitted: false}"},
		"what schema and rules refuse":    {test: admit("CREATE", "kind: Role, metadata: {name: new}, spec: {rules: [{resources: [doc]}]}") + "    expect: {admitted: false, code: A6}"},
		"a writer who is not exempt":      {test: strings.TrimSuffix(admit("CREATE", "kind: Role, metadata: {name: new}, spec: {}"), "}\n") + ", as: {user: zoe, groups: [devs]}}\n    expect: {admitted: true}"},
		"a built-in role has no object":   {test: admit("DELETE", "kind: Role, metadata: {name: public}") + "    expect: {admitted: false, code: A1}"},
		"a creation of what is there":     {test: admit("CREATE", "kind: Role, metadata: {name: admin}, spec: {adminAccess: true}") + "    expect: {admitted: false}", want: []string{"the manifests have Role/admin already; UPDATE it"}},
		"an update of what is not there":  {test: admit("UPDATE", "kind: Role, metadata: {name: new}, spec: {}") + "    expect: {admitted: false}", want: []string{"the manifests have no Role/new to UPDATE"}},
		"a deletion of what is not there": {test: admit("DELETE", "kind: Role, metadata: {name: new}") + "    expect: {admitted: true}", want: []string{"the manifests have no Role/new to DELETE"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, runTest(t, tc.test)); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunTellsWhereAndWhy(t *testing.T) {
	folder := write(t, map[string]string{
		"manifests/domain.yaml": domain,
		"manifests/other.yaml":  suiteText("  - name: t\n    bad: 1\n"), // found among manifests, it is skipped
		"t.yaml": `# two in one file
apiVersion: permissions.remit.dev/v1alpha1
kind: PermissionTest
metadata: {name: first}
spec:
  manifests: [manifests]
  now: "2027-06-01T00:00:00Z"
  tests:
  - name: admin by now
    request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: folder}}
    expect: {reason: admin_access}
  - name: refused
    admit: {operation: CREATE, object: {apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: x}, spec: {rules: [{resources: [dog], access: None}]}}}
    expect: {admitted: false}
---
apiVersion: permissions.remit.dev/v1alpha1
kind: PermissionTest
metadata: {name: second}
spec:
  manifests: [manifests/domain.yaml]
  tests:
  - name: not yet, by the runner's clock
    request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: folder}}
    expect: {reason: no_rule}
`,
	})
	file := filepath.Join(folder, "t.yaml")
	results, err := (&Runner{Clock: fakeClock}).Run(file)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %d %s: %s: %t %d", filepath.Base(r.File), r.Line, r.Suite, r.Test, r.Passed(), len(r.Notes)))
	}
	want := []string{
		"t.yaml 9 first: admin by now: true 0",
		"t.yaml 12 first: refused: false 2",
		"t.yaml 22 second: not yet, by the runner's clock: true 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	for _, note := range results[1].Notes {
		if !strings.HasPrefix(note, "warning: ") {
			t.Errorf("note: got %q, want a warning", note)
		}
	}
	if results, err := (&Runner{Clock: fakeClock}).Run(filepath.Join(folder, "manifests", "domain.yaml")); err != nil || results != nil {
		t.Errorf("a file without tests: got %v and %v", results, err)
	}
}

func TestRunRefusesManifests(t *testing.T) {
	of := func(manifests string) string {
		return "apiVersion: permissions.remit.dev/v1alpha1\nkind: PermissionTest\nmetadata: {name: s}\nspec:\n  manifests: [" + manifests +
			"]\n  tests:\n  - name: t\n    effective: {user: root}\n    expect: {superuser: true}\n"
	}
	folder := write(t, map[string]string{
		"domain.yaml":        domain,
		"missing.yaml":       of("none.yaml"),
		"broken.yaml":        of("x/broken-role.yaml"),
		"x/broken-role.yaml": "apiVersion: permissions.remit.dev/v1alpha1\nkind: Role\nmetadata: {name: r}\nspec: {rulez: []}\n",
		"several.yaml":       of("domain.yaml, x/elsewhere.yaml"),
		"x/elsewhere.yaml":   "apiVersion: permissions.remit.dev/v1alpha1\nkind: Role\nmetadata: {name: r, namespace: elsewhere}\nspec: {}\n",
		"mixed.yaml":         of("none.yaml") + "---\n" + of("domain.yaml"),
	})
	cases := map[string]struct {
		wantResults int
		wantErr     string
	}{
		"missing.yaml": {0, "missing.yaml:5: PermissionTest/s: spec.manifests: none.yaml: no such file or directory"},
		"broken.yaml":  {0, "broken.yaml:5: PermissionTest/s: spec.manifests: x/broken-role.yaml:4: Role/r: spec.rulez: unknown field"},
		"several.yaml": {0, "several.yaml:5: PermissionTest/s: spec.manifests: the objects are of several domains: domain.yaml:2 is in namespace default, x/elsewhere.yaml:1 in elsewhere; name those of one"},
		"mixed.yaml":   {1, "mixed.yaml:5: PermissionTest/s: spec.manifests: none.yaml: no such file or directory"},
	}
	for file, tc := range cases {
		t.Run(file, func(t *testing.T) {
			results, err := (&Runner{Clock: fakeClock}).Run(filepath.Join(folder, file))
			if len(results) != tc.wantResults {
				t.Errorf("results: got %d, want %d", len(results), tc.wantResults)
			}
			if got := strings.ReplaceAll(fmt.Sprint(err), folder+"/", ""); !strings.HasPrefix(got, tc.wantErr) {
				t.Errorf("error:\n got %s\nwant %s", got, tc.wantErr)
			}
		})
	}
}
