package engine

import (
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// TestNames holds the exported rule and the index of rules to the same answers.
func TestNames(t *testing.T) {
	object := &v1alpha1.ResourceType{Spec: v1alpha1.ResourceTypeSpec{Areas: []v1alpha1.Token{"sales", "stock"}}}
	object.Name = "order"
	tests := map[string]struct {
		resources []v1alpha1.NameOrAny
		areas     []v1alpha1.Token
		want      bool
	}{
		"its name":                           {resources: []v1alpha1.NameOrAny{"invoice", "order"}, want: true},
		"another name":                       {resources: []v1alpha1.NameOrAny{"orders"}},
		"every type":                         {resources: []v1alpha1.NameOrAny{"*"}, want: true},
		"an area of it":                      {areas: []v1alpha1.Token{"stock"}, want: true},
		"another area":                       {areas: []v1alpha1.Token{"hr"}},
		"nothing":                            {},
		"a name and an area, both":           {resources: []v1alpha1.NameOrAny{"order"}, areas: []v1alpha1.Token{"sales"}, want: true},
		"an area that is called as the type": {areas: []v1alpha1.Token{"order"}},
		"a type that is called as an area":   {resources: []v1alpha1.NameOrAny{"sales"}},
		"no area is *":                       {areas: []v1alpha1.Token{"*"}},
	}
	compiled := compileResourceType(object)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Names(tc.resources, tc.areas, object); got != tc.want {
				t.Errorf("Names: got %t, want %t", got, tc.want)
			}
			rule := v1alpha1.Rule{Resources: tc.resources, Areas: tc.areas, Access: v1alpha1.AccessFull}
			var problems []Problem
			set := compileRules(Ref{}, "spec.rules", []v1alpha1.Rule{rule, {Access: v1alpha1.AccessFull}, rule}, &problems)
			want := 0
			if tc.want {
				want = 2
			}
			if got := set.naming(compiled); len(got) != want {
				t.Errorf("the rules that name the type: got %d, want %d", len(got), want)
			}
			entry := v1alpha1.SpecialPermissionEntry{Resources: tc.resources, Areas: tc.areas, Access: v1alpha1.AccessFull}
			special := compileSpecialPermission(&v1alpha1.SpecialPermission{Spec: v1alpha1.SpecialPermissionSpec{
				Permissions: []v1alpha1.SpecialPermissionEntry{entry},
			}})
			if got := special.on(compiled) != nil; got != tc.want {
				t.Errorf("the entry names the type: got %t, want %t", got, tc.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	tests := map[string]struct {
		name string
		of   []string
		want string
	}{
		"a letter too few":           {"sales-ordr", []string{"company", "sales-order", "sales-invoice"}, "sales-order"},
		"two letters swapped":        {"raed", []string{"create", "read", "red"}, "read"},
		"a letter too many":          {"richhard", []string{"rick", "richard"}, "richard"},
		"another letter":             {"usar", []string{"use", "user"}, "user"},
		"a plural":                   {"orders", []string{"order"}, "order"},
		"letters beyond ASCII":       {"zoë", []string{"zoe"}, "zoe"},
		"the first of several":       {"ab", []string{"ac", "ad"}, "ac"},
		"nothing near":               {"invoice", []string{"order", "company"}, ""},
		"a short name needs more":    {"x", []string{"order"}, ""},
		"the name itself is no help": {"read", []string{"read"}, ""},
		"no candidates":              {"read", nil, ""},
		"no name":                    {"", []string{"a"}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Nearest(tc.name, tc.of); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
