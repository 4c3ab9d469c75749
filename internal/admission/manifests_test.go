package admission_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestBuiltInRolesOfManifests(t *testing.T) {
	policy := MakePolicy().Obj()
	renamed := MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.AdminRole, p.PublicRole = "operators", "guests" }).Obj()
	tests := map[string]struct {
		objects []engine.Object
		want    []string
	}{
		"nothing":                                {nil, nil},
		"an application role called admin":       {[]engine.Object{MakeRole("admin").Rule(Full("note")).Obj(), policy}, []string{"Role/admin spec.adminAccess"}},
		"another adminRole":                      {[]engine.Object{MakeRole("admin").Rule(Full("note")).Obj(), renamed}, nil},
		"the admin role":                         {[]engine.Object{policy, MakeRole("admin").AdminAccess().Obj()}, nil},
		"no policy, so there is no built-in one": {[]engine.Object{MakeRole("admin").Rule(Full("note")).Obj()}, nil},
		"a public role with adminAccess":         {[]engine.Object{policy, MakeRole("public").AdminAccess().Obj()}, []string{"Role/public spec.adminAccess"}},
		"one of another name with appAccess":     {[]engine.Object{MakeRole("guests").AppAccess().Obj(), renamed}, []string{"Role/guests spec.appAccess"}},
		"one role for both":                      {[]engine.Object{MakePolicy().Spec(func(p *v1alpha1.PermissionPolicySpec) { p.AdminRole = "public" }).Obj()}, []string{"PermissionPolicy/default spec.publicRole"}},
		"other roles":                            {[]engine.Object{policy, MakeRole("boss").AdminAccess().Obj(), MakeRole("staff").AppAccess().Obj()}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, rejected := range admission.BuiltInRoles(tc.objects) {
				got = append(got, rejected.Object.String()+" "+rejected.Error.Field)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
		})
	}
}
