package v1alpha1_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TestSchema gives the CRDs, and objects, to a real API server: whether it accepts a CRD depends on the
// cost that it estimates for the validation rules, which nothing else can tell.
func TestSchema(t *testing.T) {
	c := startAPIServer(t)
	ctx := context.Background()

	accepted := map[string]string{
		"ResourceType/least":  `{}`,
		"ResourceType/fields": `{fields: [{name: items.warehouse, linksTo: warehouse}], parentField: parent, requiredReadFields: [name]}`,
		"Role/empty":          `{}`,
		"Role/access":         `{rules: [{resources: ["*"], access: ReadOnly}]}`,
		"Role/actions":        `{rules: [{areas: [sales], actions: [read, update], fields: [status, "*"]}]}`,
		"Role/networks":       `{restrictions: {allowedCIDRs: [10.0.0.0/8, "2001:db8::/32", 192.0.2.7, "2001:db8::1"]}}`,
		"Role/presets":        `{rules: [{resources: [a], access: Full, presets: {a: 1, b: [x], c: {d: null}}, presetExpressions: {e: subject.id}}]}`,
		"Group/members":       `{members: [{user: a}, {user: b, startsAt: "2026-01-01T00:00:00Z", expiresAt: "2027-01-01T00:00:00Z"}]}`,
		"User/least":          `{}`,
		"User/all":            `{id: alice@example.com, roles: [{name: r, expiresAt: "2027-01-01T00:00:00Z"}], attributes: {n: 1, l: [a], m: {x: y}}}`,
		"UserPermission/user": `{user: bruce, allow: company, forValues: [A, B], default: B}`,
		"UserPermission/group": `{group: sales, allow: company, forValues: [A], applicableFor: [order],
			startsAt: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:01Z"}`,
		"SpecialPermission/areas": `{user: richard, permissions: [{areas: [mes], access: NotApplicable}]}`,
		"RecordSet/tree":          `{resourceType: company, records: [{id: A}, {id: B, parent: A, properties: {country: IN}}]}`,
		"PermissionPolicy/default": `{strictUserPermissions: true, emptyLinks: Deny, subjectProperties: Ignore,
			appAccessRules: [{resources: [a], access: ReadOnly}], claims: {groups: g}}`,
		"EffectivePermissions/a": `{user: a}`,
	}
	for id, spec := range accepted {
		t.Run("accepts "+id, func(t *testing.T) {
			object := parse(t, id, spec)
			if err := c.Create(ctx, object); err != nil {
				t.Fatalf("Create: %v", err)
			}
			if got := object.Object["spec"]; got == nil && spec != `{}` {
				t.Errorf("the API server dropped the spec: %v", object.Object)
			}
		})
	}

	rejected := map[string]struct{ spec, want string }{
		"ResourceType/field-path":      {`{fields: [{name: a..b}]}`, "spec.fields[0].name"},
		"ResourceType/parent-path":     {`{parentField: a.b}`, "spec.parentField"},
		"ResourceType/class":           {`{actions: [{name: a, class: Write}]}`, "spec.actions[0].class"},
		"Role/access-and-actions":      {`{rules: [{resources: [a], access: Full, actions: [read]}]}`, "exactly one of access, actions"},
		"Role/no-access":               {`{rules: [{resources: [a]}]}`, "exactly one of access, actions"},
		"Role/no-actions":              {`{rules: [{resources: [a], actions: []}]}`, "exactly one of access, actions"},
		"Role/no-resources":            {`{rules: [{access: Full}]}`, "at least one of resources, areas"},
		"Role/level":                   {`{rules: [{resources: [a], access: NotApplicable}]}`, "spec.rules[0].access"},
		"Role/cidr":                    {`{restrictions: {allowedCIDRs: [10.0.0.0/33]}}`, "must be a network"},
		"Role/cidr-zone":               {`{restrictions: {allowedCIDRs: ["fe80::1%eth0"]}}`, "must be a network"},
		"Group/window":                 {`{members: [{user: a, startsAt: "2027-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"}]}`, "expiresAt must be after startsAt"},
		"Group/role-window":            {`{roles: [{name: a, startsAt: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"}]}`, "expiresAt must be after startsAt"},
		"Group/policy-rule":            {`{rules: [{resources: [a]}]}`, "exactly one of access, actions"},
		"Group/member-twice":           {`{members: [{user: a}, {user: a}]}`, "Duplicate value"},
		"User/role-window":             {`{roles: [{name: r, startsAt: "2027-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"}]}`, "expiresAt must be after startsAt"},
		"UserPermission/both":          {`{user: a, group: b, allow: company, forValues: [A]}`, "exactly one of user, group"},
		"UserPermission/neither":       {`{allow: company, forValues: [A]}`, "exactly one of user, group"},
		"UserPermission/default":       {`{user: a, allow: company, forValues: [A], default: B}`, "one of forValues"},
		"UserPermission/no-values":     {`{user: a, allow: company, forValues: []}`, "spec.forValues"},
		"UserPermission/window":        {`{user: a, allow: c, forValues: [A], startsAt: "2027-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"}`, "expiresAt must be after startsAt"},
		"SpecialPermission/window":     {`{user: a, permissions: [{areas: [x], access: Full}], startsAt: "2027-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"}`, "expiresAt must be after startsAt"},
		"SpecialPermission/nothing":    {`{user: a, permissions: []}`, "spec.permissions"},
		"SpecialPermission/everywhere": {`{user: a, permissions: [{access: Full}]}`, "at least one of resources, areas"},
		"SpecialPermission/level":      {`{user: a, permissions: [{areas: [x], access: Custom}]}`, "spec.permissions[0].access"},
		"RecordSet/no-type":            {`{records: [{id: A}]}`, "spec.resourceType"},
		"RecordSet/record-twice":       {`{resourceType: a, records: [{id: A}, {id: A}]}`, "Duplicate value"},
		"PermissionPolicy/other":       {`{}`, "named default"},
		"EffectivePermissions/nobody":  {`{}`, "spec.user"},
	}
	for id, tc := range rejected {
		t.Run("rejects "+id, func(t *testing.T) {
			err := c.Create(ctx, parse(t, id, tc.spec))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Create: got error %v, want one that contains %q", err, tc.want)
			}
		})
	}

	changes := map[string]struct{ from, to, want string }{
		"User/id":                   {`{id: a}`, `{id: b}`, "id cannot change"},
		"User/id-given-later":       {`{}`, `{id: b}`, "id cannot change"},
		"User/id-taken-away":        {`{id: a}`, `{}`, "id cannot change"},
		"User/id-stays":             {`{id: a}`, `{id: a, disabled: true}`, ""},
		"EffectivePermissions/user": {`{user: b}`, `{user: c}`, "user cannot change"},
	}
	for id, tc := range changes {
		t.Run("changes "+id, func(t *testing.T) {
			object := parse(t, id, tc.from)
			if err := c.Create(ctx, object); err != nil {
				t.Fatalf("Create: %v", err)
			}
			object.Object["spec"] = parse(t, id, tc.to).Object["spec"]
			err := c.Update(ctx, object)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Update: got error %v, want one that contains %q", err, tc.want)
			}
		})
	}
}

// startAPIServer starts an API server with the CRDs, for as long as the test lasts.
func startAPIServer(t *testing.T) client.Client {
	t.Helper()
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("start the API server with the CRDs: %v", err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	return c
}

// parse makes an object of a Kind/name and a spec in YAML.
func parse(t *testing.T, id, spec string) *unstructured.Unstructured {
	t.Helper()
	kind, name, _ := strings.Cut(id, "/")
	object := &unstructured.Unstructured{}
	text := fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: default}, spec: %s}", v1alpha1.GroupVersion, kind, name, strings.ReplaceAll(spec, "\t", " "))
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return object
}
