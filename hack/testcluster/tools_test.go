package testcluster

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"

	"github.com/prometheus/common/model"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestKustomize renders config/default, each component over it, and the samples with every version that a supported kubectl
// has in it; all have to render the same.
func TestKustomize(t *testing.T) {
	versions, err := filepath.Glob("../../bin/programs/kustomize-*")
	if err != nil || len(versions) < 3 {
		t.Fatalf("the versions of kustomize in bin/programs: %q, %v", versions, err)
	}
	components := []string{""}
	files, err := filepath.Glob("../../config/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nkind: Component\n") {
			components = append(components, filepath.Base(filepath.Dir(file)))
		}
	}
	if len(components) < 5 {
		t.Errorf("only the components %q", components)
	}
	for _, component := range components {
		overlay, err := os.MkdirTemp("../../bin", "overlay")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(overlay) })
		text := "resources: [../../config/default, ../../config/samples]\n"
		if component != "" {
			text += "components: [../../config/" + component + "]\n"
		}
		if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		build := func(kustomize string) any {
			out, err := exec.CommandContext(t.Context(), kustomize, "build", overlay).CombinedOutput()
			if err != nil {
				t.Errorf("%s with component %q: %v\n%.2000s", filepath.Base(kustomize), component, err, out)
				return nil
			}
			objects := map[string]any{}
			for document := range strings.SplitSeq(string(out), "\n---\n") {
				var object struct {
					Kind     string
					Metadata struct{ Namespace, Name string }
				}
				var whole map[string]any
				if err := yaml.Unmarshal([]byte(document), &object); err != nil {
					t.Fatal(err)
				}
				if err := yaml.Unmarshal([]byte(document), &whole); err != nil {
					t.Fatal(err)
				}
				// Older versions take these kinds for namespaced ones. The API server drops the namespace.
				if strings.HasPrefix(object.Kind, "ValidatingAdmissionPolicy") {
					object.Metadata.Namespace = ""
					delete(whole["metadata"].(map[string]any), "namespace") //nolint:forcetypeassert // it was read above
				}
				objects[object.Kind+"/"+object.Metadata.Namespace+"/"+object.Metadata.Name] = whole
			}
			return objects
		}
		want := build("../../bin/kustomize")
		for _, version := range versions {
			if diff := cmp.Diff(want, build(version)); diff != "" {
				t.Errorf("%s renders component %q otherwise (-bin/kustomize +this):\n%.2000s", filepath.Base(version), component, diff)
			}
		}
	}
}

// TestRules reads the alerts with Prometheus' own parser.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("../../config/prometheus/prometheus_rule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct{ Spec any }
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	groups, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	parsed, errs := rulefmt.Parse(groups, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if parsed == nil || len(parsed.Groups) == 0 {
		t.Error("no groups")
	}
}

// TestKubeconform checks every sample against JSON schemas that are made of the kinds' own.
func TestKubeconform(t *testing.T) {
	crds, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	schemas := t.TempDir()
	for _, file := range crds {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			t.Fatal(err)
		}
		schema, err := json.Marshal(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(schemas, strings.ToLower(crd.Spec.Names.Kind)+".json"), schema, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	samples, err := exec.CommandContext(t.Context(), "../../bin/kustomize", "build", "../../config/samples").Output()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), "../../bin/programs/kubeconform", "-strict", "-summary", "-skip", "Namespace", "-schema-location", filepath.Join(schemas, "{{.ResourceKind}}.json"))
	check.Stdin = strings.NewReader(string(samples))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestKrew installs the plugin with krew, from an archive and a manifest as `make dist` makes them, runs it, and uninstalls it.
func TestKrew(t *testing.T) {
	folder := t.TempDir()
	archive := filepath.Join(folder, "kubectl-remit-linux-amd64.tar.gz")
	pack := exec.CommandContext(t.Context(), "tar", "-czf", archive, "-C", "../..", "LICENSE", "-C", "hack", "kubectl_complete-remit", "-C", "../bin", "kubectl-remit")
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	text, err := os.ReadFile("../krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	manifest := strings.NewReplacer("@VERSION@", "v0.0.1", "@DOWNLOADS@", "https://example.com", "@kubectl-remit-linux-amd64.tar.gz@", sum).Replace(string(text))
	for strings.Contains(manifest, "@kubectl-remit-") { // other platforms' archives, which nobody installs here
		from := strings.Index(manifest, "@kubectl-remit-")
		to := from + 1 + strings.Index(manifest[from+1:], "@") + 1
		manifest = manifest[:from] + sum + manifest[to:]
	}
	file := filepath.Join(folder, "remit.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(folder, "krew")
	for _, folder := range []string{"plugins", ".git"} { // an index, with nothing in it
		if err := os.MkdirAll(filepath.Join(root, "index", "default", folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	krew := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "../../bin/programs/krew", args...)
		cmd.Env = append(cmd.Environ(), "KREW_ROOT="+root, "KREW_OS=linux", "KREW_ARCH=amd64", "KREW_NO_UPGRADE_CHECK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("krew %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	krew("install", "--manifest="+file, "--archive="+archive)
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "kubectl-remit"), "can", "richard", "read", "purchase-order", "-f", "../../config/samples/cin7").CombinedOutput()
	if len(out) == 0 || strings.Contains(string(out), "no such file") {
		t.Errorf("the plugin does not run: %v\n%s", err, out)
	}
	krew("uninstall", "remit")
	if _, err := os.Stat(filepath.Join(root, "bin", "kubectl-remit")); !os.IsNotExist(err) {
		t.Errorf("uninstalling leaves the plugin: %v", err)
	}
}
