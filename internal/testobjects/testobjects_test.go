package testobjects_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestRoleAsWritten(t *testing.T) {
	const text = `
apiVersion: permissions.remit.dev/v1alpha1
kind: Role
metadata: {name: clerk, namespace: test, generation: 1}
spec:
  appAccess: true
  restrictions: {allowedCIDRs: [10.0.0.0/8], requireMFA: true}
  rules:
  - {resources: [order], access: Full}
  - resources: [bill]
    areas: [sales]
    actions: [read, update]
    condition: resource.id == 'x'
    fields: [note]
    validations: [{expression: "proposed.a == 1", message: one}]
    presets: {a: 1}
    presetExpressions: {b: subject.id}
`
	want := &v1alpha1.Role{}
	if err := yaml.UnmarshalStrict([]byte(text), want); err != nil {
		t.Fatal(err)
	}
	got := MakeRole("clerk").AppAccess().AllowedCIDRs("10.0.0.0/8").RequireMFA().Rule(
		Full("order"),
		MakeRule("bill").Areas("sales").Actions("read", "update").Condition("resource.id == 'x'").Fields("note").
			Validation("proposed.a == 1", "one").Preset("a", 1).PresetExpression("b", "subject.id").Obj(),
	).Obj()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("role (-want +got):\n%s", diff)
	}
}

func TestEachCallGivesAnotherCopy(t *testing.T) {
	maker := MakeUser("ann").RoleIn("clerk", "2026-01-01T00:00:00Z", "")
	first := maker.Obj()
	maker.Disabled().Roles("boss")
	if first.Spec.Disabled || len(first.Spec.Roles) != 1 {
		t.Errorf("the first copy changed: %+v", first.Spec)
	}
	if second := maker.Obj(); !second.Spec.Disabled || len(second.Spec.Roles) != 2 {
		t.Errorf("the second copy lacks the changes: %+v", second.Spec)
	}
}
