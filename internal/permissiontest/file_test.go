package permissiontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormatIsStrict(t *testing.T) {
	const request = "  - name: t\n    request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: doc}}\n"
	const object = "apiVersion: permissions.remit.dev/v1alpha1, kind: Role, metadata: {name: r}"
	cases := map[string]struct {
		test string
		want string // after "t.yaml:"
	}{
		"an unknown key of a test":       {request + "    expects: {decision: allow}\n", "9: PermissionTest/suite: spec.tests[0].expects: unknown field; remove it, or use one of admit, effective, expect, filter, name, now, request, search"},
		"an unknown key of expect":       {request + "    expect: {decission: allow}\n", "9: PermissionTest/suite: spec.tests[0].expect.decission: unknown field; remove it, or use one of access, admin,"},
		"an unknown key of a request":    {"  - name: t\n    request: {subjekt: {}}\n    expect: {decision: deny}\n", "8: PermissionTest/suite: spec.tests[0].request.subjekt: unknown field; remove it, or use one of action, context, resource, subject"},
		"an unknown key in a status":     {"  - name: t\n    effective: {user: ann}\n    expect: {summary: {some: 1}}\n", "9: PermissionTest/suite: spec.tests[0].expect.summary.some: unknown field; remove it, or use one of custom, full, none, readOnly"},
		"a key of another kind of test":  {request + "    expect: {admitted: true}\n", "9: PermissionTest/suite: spec.tests[0].expect.admitted: is nothing that this test (request) can expect; use decision, reason, fields, exceptFields, presets, missingProperties, missingContext, violations, stepUp, validationMessages"},
		"a level's key for a status":     {"  - name: t\n    effective: {user: ann}\n    expect: {access: Full}\n", "9: PermissionTest/suite: spec.tests[0].expect.access: is nothing that this test (effective) can expect; use superuser, admin, disabled, groups, roles, summary, permissions, nextTransition"},
		"conditions of a status":         {"  - name: t\n    effective: {user: ann}\n    expect: {conditions: []}\n", "9: PermissionTest/suite: spec.tests[0].expect.conditions: unknown field"},
		"nothing expected":               {request + "    expect: {}\n", "9: PermissionTest/suite: spec.tests[0].expect: is required: one or more of decision, reason, fields,"},
		"no expect":                      {request, "7: PermissionTest/suite: spec.tests[0].expect: is required"},
		"nothing asked":                  {"  - name: t\n    expect: {decision: allow}\n", "7: PermissionTest/suite: spec.tests[0]: needs exactly one of request, search, effective, admit, filter"},
		"two things asked":               {request + "    effective: {user: ann}\n    expect: {decision: allow}\n", "7: PermissionTest/suite: spec.tests[0]: needs exactly one of request, search, effective, admit, filter"},
		"no name":                        {"  - effective: {user: ann}\n    expect: {admin: true}\n", "7: PermissionTest/suite: spec.tests[0].name: is required"},
		"the same name twice":            {"  - {name: t, effective: {user: ann}, expect: {admin: true}}\n  - {name: t, effective: {user: ann}, expect: {admin: true}}\n", "8: PermissionTest/suite: spec.tests[1].name: another test has the same name; a failure must tell which it is"},
		"no tests":                       {"    []\n", "6: PermissionTest/suite: spec.tests: is required: a file without tests proves nothing"},
		"a decision that is none":        {request + "    expect: {decision: yes}\n", "9: PermissionTest/suite: spec.tests.expect.decision: a JSON bool does not fit here; it takes a string; quote it"},
		"another decision that is none":  {request + "    expect: {decision: permit}\n", "9: PermissionTest/suite: spec.tests[0].expect.decision: must be allow or deny"},
		"a wrong type":                   {request + "    expect:\n      fields: status\n", "10: PermissionTest/suite: spec.tests.expect.fields: a JSON string does not fit here; it takes a list"},
		"properties that are no object":  {"  - name: t\n    request: {subject: {type: user, id: ann, properties: [x]}}\n    expect: {decision: deny}\n", "6: PermissionTest/suite: spec.tests.request.subject.properties: a JSON value does not fit here; it takes an object"},
		"a time that is none":            {request + "    now: tomorrow\n    expect: {decision: deny}\n", `9: PermissionTest/suite: spec.tests[0].now: "tomorrow" is no time; write it as 2026-01-31T12:00:00Z`},
		"a search of nothing":            {"  - name: t\n    search: {kind: users, request: {}}\n    expect: {results: []}\n", "8: PermissionTest/suite: spec.tests[0].search.kind: must be subject, resource or action"},
		"effective permissions of none":  {"  - name: t\n    effective: {resource: doc}\n    expect: {access: Full}\n", "8: PermissionTest/suite: spec.tests[0].effective.user: is required"},
		"an operation that is none":      {"  - name: t\n    admit: {operation: PATCH, object: {" + object + "}}\n    expect: {admitted: true}\n", "8: PermissionTest/suite: spec.tests[0].admit.operation: must be CREATE, UPDATE or DELETE"},
		"an object that is none":         {"  - name: t\n    admit: {operation: CREATE, object: [x]}\n    expect: {admitted: true}\n", "8: PermissionTest/suite: spec.tests[0].admit.object: must be an object with apiVersion, kind and metadata.name"},
		"no object":                      {"  - name: t\n    admit: {operation: CREATE}\n    expect: {admitted: true}\n", "8: PermissionTest/suite: spec.tests[0].admit.object: must be an object with apiVersion, kind and metadata.name"},
		"an object of another group":     {"  - name: t\n    admit: {operation: CREATE, object: {apiVersion: v1, kind: Role, metadata: {name: r}}}\n    expect: {admitted: true}\n", "8: PermissionTest/suite: spec.tests[0].admit.object.apiVersion: must be permissions.remit.dev/v1alpha1"},
		"an object of no admitted kind":  {"  - name: t\n    admit: {operation: CREATE, object: {apiVersion: permissions.remit.dev/v1alpha1, kind: Roll, metadata: {name: r}}}\n    expect: {admitted: true}\n", "8: PermissionTest/suite: spec.tests[0].admit.object.kind: must be one of [ResourceType"},
		"a transition that is no time":   {"  - name: t\n    effective: {user: ann}\n    expect: {nextTransition: soon}\n", `9: PermissionTest/suite: spec.tests[0].expect.nextTransition: "soon" is no time`},
		"a key twice":                    {request + "    expect: {decision: deny, decision: allow}\n", `9: spec.tests[0].expect: the key "decision" is given twice, first in line 9; remove one`},
		"a filter with a key of its own": {"  - name: t\n    filter: {request: {}, records: [{id: a, props: {}}]}\n    expect: {matches: [a]}\n", "8: PermissionTest/suite: spec.tests[0].filter.records[0].props: unknown field; remove it, or use one of id, properties"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(write(t, map[string]string{"domain.yaml": domain, "t.yaml": suiteText(tc.test)}), "t.yaml")
			results, err := (&Runner{Clock: fakeClock}).Run(file)
			if len(results) > 0 {
				t.Errorf("results: got %d, want none", len(results))
			}
			if want := file + ":" + tc.want; !strings.HasPrefix(fmt.Sprint(err), want) {
				t.Errorf("error:\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestFormatTellsAllProblems(t *testing.T) {
	file := filepath.Join(write(t, map[string]string{
		"t.yaml": "apiVersion: permissions.remit.dev/v1\nkind: PermissionTest\nspec: {now: soon, tests: []}\n",
	}), "t.yaml")
	_, err := (&Runner{Clock: fakeClock}).Run(file)
	want := strings.Join([]string{
		file + ":1: PermissionTest: apiVersion: the version does not exist; use permissions.remit.dev/v1alpha1",
		file + ":3: PermissionTest: spec.manifests: is required: files or folders, relative to this file",
		file + ":3: PermissionTest: spec.tests: is required: a file without tests proves nothing",
		file + `:3: PermissionTest: spec.now: "soon" is no time; write it as 2026-01-31T12:00:00Z`,
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func FuzzSuites(f *testing.F) {
	file := filepath.Join(f.TempDir(), "t.yaml")
	f.Add(suiteText("  - name: t\n    request: {subject: {type: user, id: ann}, action: {name: read}, resource: {type: doc}}\n    expect: {decision: allow}\n"))
	f.Add(suiteText("  - name: t\n    admit: {operation: UPDATE, object: {apiVersion: permissions.remit.dev/v1alpha1, kind: User, metadata: {name: ann}, spec: {}}}\n    expect: {admitted: true}\n"))
	f.Add(suiteText("  - name: t\n    effective: {user: ann}\n    expect: {roles: [{name: x}], summary: {full: 1}}\n"))
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		suites, err := suitesIn(file)
		if err != nil && len(suites) > 0 {
			t.Errorf("%d suites and %v", len(suites), err)
		}
		for _, s := range suites {
			for _, test := range s.tests {
				if len(test.want) == 0 {
					t.Errorf("a test that expects nothing was accepted: %+v", test)
				}
			}
		}
	})
}
