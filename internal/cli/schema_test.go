package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestSchema holds the samples, and what init writes, against the schemas: all of it fits, and a misspelt field does not.
func TestSchema(t *testing.T) {
	_, out, errOut := runCommand(t, "schema")
	if errOut != "" {
		t.Fatal(errOut)
	}
	var schema apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal([]byte(out), &schema); err != nil {
		t.Fatal(err)
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(document string) bool {
		var value map[string]any
		if err := yaml.Unmarshal([]byte(document), &value); err != nil {
			t.Fatal(err)
		}
		return len(validation.ValidateCustomResource(nil, value, validator)) == 0
	}
	starter := t.TempDir()
	if code, _, errOut := runCommand(t, "init", starter); code != ExitSuccess {
		t.Fatal(errOut)
	}
	documents := 0
	for _, pattern := range []string{"../../config/samples/*/*.yaml", "../../config/samples/*/tests/*.yaml", starter + "/permissions/*", starter + "/tests/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range strings.Split(string(data), "\n---\n") {
				if !strings.Contains(document, "apiVersion: permissions.remit.dev/") {
					continue // of Kubernetes itself
				}
				documents++
				if !valid(document) {
					t.Errorf("%s: does not fit:\n%s", file, document)
				}
				if valid(strings.Replace(document, "\nspec:", "\nspec: {frobnicate: 1}\nnot:", 1)) {
					t.Errorf("%s: fits with fields that there are not", file)
				}
			}
		}
	}
	if documents < 50 {
		t.Errorf("only %d documents", documents)
	}
}

// TestInit makes sure that what init writes is right, and that nothing is written over.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	for _, command := range [][]string{{"init", dir}, {"lint", "-f", dir + "/permissions"}, {"test", dir + "/tests", "--strict"}} {
		code, out, errOut := runCommand(t, command...)
		if code != ExitSuccess || errOut != "" || strings.Contains(out, "warning:") {
			t.Errorf("%v: exit code %d\n%s%s", command, code, out, errOut)
		}
	}
	if _, err := os.Stat(dir + "/.github/workflows/permissions.yaml"); err != nil {
		t.Error(err)
	}
	code, _, errOut := runCommand(t, "init", dir)
	if code != ExitError || !strings.Contains(errOut, "is there already") {
		t.Errorf("a second time: exit code %d, %s", code, errOut)
	}
}

// TestCEL evaluates expressions.
func TestCEL(t *testing.T) {
	t.Chdir("../..")
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"flags alone":       {[]string{"resource.properties.amount <= 1000", "--property", "amount=900"}, ExitSuccess, "true\n  reads: resource.properties.amount\n"},
		"a record":          {[]string{"resource.properties.customer", "jan@northwind.example", "read", "sales-order/SO-1002", "-f", "config/samples/erp"}, ExitSuccess, "\"Wolski\"\n"},
		"a condition":       {[]string{"resource.properties.customer == 'Wolski'", "jan@northwind.example", "read", "sales-order/SO-1002", "-f", "config/samples/erp"}, ExitSuccess, "true\n"},
		"what is submitted": {[]string{"proposed.note == 'x'", "jan@northwind.example", "write", "sales-order/SO-1002", "--action-property", `values={"note":"x"}`, "-f", "config/samples/erp"}, ExitSuccess, "true\n"},
		"any value":         {[]string{"subject.roles", "jan@northwind.example", "read", "sales-order/SO-1002", "-f", "config/samples/erp"}, ExitSuccess, `["employee","sales-user","stock-user"]`},
		"missing":           {[]string{"resource.properties.amount > 1"}, ExitNegative, "  not there: resource.properties.amount\n"},
		"no expression":     {[]string{"1 +"}, ExitError, ""},
		"two arguments":     {[]string{"true", "ann"}, ExitError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := runCommand(t, append([]string{"cel"}, tc.args...)...)
			if code != tc.code || code != ExitError && !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d\n%s%s", code, out, errOut)
			}
		})
	}
}
