package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

// TestEveryKindIsInstalled looks for each kind in the files that a new kind has to be added to, and names those that lack
// it. The webhook's rule is tested in internal/webhook.
func TestEveryKindIsInstalled(t *testing.T) {
	read := []string{"get", "list", "watch"}
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	for _, kind := range kinds.Table {
		t.Run(string(kind.Kind), func(t *testing.T) {
			named := func(file, pattern, remedy string) {
				t.Helper()
				text, err := os.ReadFile(file)
				if err != nil {
					t.Errorf("%v; %s", err, remedy)
				} else if !regexp.MustCompile(`(?m)^\s*` + pattern + `$`).Match(text) {
					t.Errorf("%s does not have %s; %s", file, kind.Kind, remedy)
				}
			}
			definition := "bases/" + v1alpha1.GroupName + "_" + kind.Resource + ".yaml"
			named("crd/"+definition, "plural: "+kind.Resource, "register the type in groupversion_info.go and run make manifests")
			named("crd/kustomization.yaml", "- "+regexp.QuoteMeta(definition), "add the file")
			named("../PROJECT", "kind: "+string(kind.Kind), "add an entry")
			named("../docs/spec/"+strings.ToLower(string(kind.Kind))+".md", "# .*"+string(kind.Kind)+".*", "write the page of the kind")
			named("../docs/spec/README.md", `.*\(`+strings.ToLower(string(kind.Kind))+`\.md\).*`, "link the page of the kind")

			role := func(file string, verbs []string, remedy string, resources ...string) {
				t.Helper()
				for _, resource := range resources {
					if lacks := lacking(t, file, resource, verbs); len(lacks) > 0 {
						t.Errorf("%s does not give %s of %s; %s", file, strings.Join(lacks, ", "), resource, remedy)
					}
				}
			}
			role("rbac/role.yaml", read, "add the resource to the rbac marker in internal/store", kind.Resource)
			role("rbac/role.yaml", []string{"patch"}, "add the resource to the rbac marker in controllers", kind.Resource+"/status")
			role("rbac/viewer_role.yaml", read, "add the resource", kind.Resource)
			role("rbac/editor_role.yaml", read, "add the resource, to what editors write or to what they read", kind.Resource)
			role("rbac/admin_role.yaml", slices.Concat(read, write), "add the resource", kind.Resource)

			samples, err := filepath.Glob("samples/*/*.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(samples, func(file string) bool {
				text, err := os.ReadFile(file)
				return err == nil && strings.Contains(string(text), fmt.Sprintf("\nkind: %s\n", kind.Kind))
			}) {
				t.Errorf("no sample in config/samples has a %s; add one where it helps a reader", kind.Kind)
			}
		})
	}
}

// lacking are the verbs that the ClusterRole in a file does not give on a resource.
func lacking(t *testing.T, file, resource string, verbs []string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, rule := range role.Rules {
			if role.Kind == "ClusterRole" && slices.Contains(rule.APIGroups, v1alpha1.GroupName) && slices.Contains(rule.Resources, resource) {
				for _, verb := range rule.Verbs {
					given[verb] = true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(verbs), func(verb string) bool { return given[verb] })
}
