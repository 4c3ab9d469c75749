package v1alpha1_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/remit-authz/remit/api/v1alpha1"
)

func TestEffectivePermissionsName(t *testing.T) {
	for user, want := range map[string]string{
		"richard":                "richard",
		"svc.billing-2":          "svc.billing-2",
		strings.Repeat("a", 253): strings.Repeat("a", 253),
		"leisa@example.com":      "leisa-example-com-2d9bfc4725eef65c5e82",
		"Richard":                "richard-",
		"auth0|507f1f77bcf86cd":  "auth0-507f1f77bcf86cd-",
		"李":                      "user-",
		"--":                     "user-",
		"İ":                      "i-",
		strings.Repeat("a", 254): strings.Repeat("a", 63) + "-",
		strings.Repeat("a@", 99): strings.Repeat("a-", 31) + "a-",
		// A valid name that looks like a made one.
		"richard-0123456789abcdef0123": "richard-0123456789abcdef0123-",
	} {
		t.Run(user, func(t *testing.T) {
			got := v1alpha1.EffectivePermissionsName(user)
			if got != want && (!strings.HasSuffix(want, "-") || !strings.HasPrefix(got, want) || len(got) != len(want)+20) {
				t.Errorf("EffectivePermissionsName(%q) = %q, want %q (and 20 digits where that ends in a dash)", user, got, want)
			}
			if problems := validation.IsDNS1123Subdomain(got); problems != nil {
				t.Errorf("EffectivePermissionsName(%q) = %q is no valid name: %v", user, got, problems)
			}
		})
	}
}

func TestEffectivePermissionsNamesDiffer(t *testing.T) {
	ids := []string{"richard", "Richard", "RICHARD", "richard@", "@richard", " richard", "a.b", "a-b", "a@b", "a|b", "李", "王"}
	// Ids that are the names of others, and the names of those.
	for range 3 {
		for _, id := range ids {
			if name := v1alpha1.EffectivePermissionsName(id); name != id {
				ids = append(ids, name)
			}
		}
	}
	owners := map[string]string{}
	for _, id := range ids {
		name := v1alpha1.EffectivePermissionsName(id)
		if owner, taken := owners[name]; taken && owner != id {
			t.Errorf("%q and %q are both named %q", owner, id, name)
		}
		owners[name] = id
	}
}
