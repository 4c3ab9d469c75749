package testcluster

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/internal/kinds"
)

// object is what a GitOps tool sees of one of ours.
type object = map[string]any

// states are what the health of an object is read from, with what the tools should say of it.
var states = map[string]struct {
	object  object
	health  string // Argo CD's
	current string // Flux's: inProgress, failed or current
	strict  string // Argo CD's, with the loop for references; empty: as health
}{
	"just created":         {state(1, 0), "Progressing", "inProgress", ""},
	"changed since":        {state(2, 1, "Ready", "True"), "Progressing", "inProgress", ""},
	"served":               {state(2, 2, "Ready", "True", "ReferencesResolved", "True"), "Healthy", "current", ""},
	"waiting":              {state(2, 2, "Ready", "False", "Reconciling", "True"), "Progressing", "", ""},
	"stalled":              {state(2, 2, "Ready", "False", "Stalled", "True"), "Degraded", "failed", ""},
	"stalled in part":      {state(2, 2, "Stalled", "True", "Ready", "True"), "Degraded", "failed", ""},
	"a name leads nowhere": {state(2, 2, "Ready", "True", "ReferencesResolved", "False"), "Healthy", "failed", "Degraded"},
	"not in force":         {state(2, 2, "InForce", "False", "Ready", "True"), "Healthy", "current", ""},
	"not served by all":    {state(2, 2, "Served", "False", "Ready", "True"), "Healthy", "current", ""},
}

// state is an object with conditions, which are given as pairs of type and status. With observed 0 it has no status.
func state(generation, observed int64, conditions ...string) object {
	o := object{"apiVersion": "permissions.remit.dev/v1alpha1", "metadata": object{"name": "x", "generation": generation}}
	if observed == 0 {
		return o
	}
	list := []any{}
	for pair := range slices.Chunk(conditions, 2) {
		list = append(list, object{"type": pair[0], "status": pair[1], "reason": "R", "message": "about " + pair[0]})
	}
	o["status"] = object{"observedGeneration": observed, "conditions": list}
	return o
}

// shown is the only block of docs/gitops.md in a language that has a text in it.
func shown(t *testing.T, language, text string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], text) {
			found = append(found, block[1])
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/gitops.md has %d blocks of %s with %q", len(found), language, text)
	}
	return found[0]
}

// TestArgoCDHealth stores the ConfigMap that docs/gitops.md shows and runs its script, as Argo CD does, over each state of
// each kind.
func TestArgoCDHealth(t *testing.T) {
	configMap := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict([]byte(shown(t, "yaml", "resource.customizations")), configMap); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	configMap.Namespace = "argocd"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: configMap.Namespace}}
	if err := plane.Create(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := plane.Create(ctx, configMap.DeepCopy()); err != nil {
		t.Fatalf("the API server does not take the ConfigMap: %v", err)
	}
	if err := plane.Get(ctx, client.ObjectKeyFromObject(configMap), configMap); err != nil {
		t.Fatal(err)
	}
	overrides := map[string]map[string]string{}
	if err := yaml.UnmarshalStrict([]byte(configMap.Data["resource.customizations"]), &overrides); err != nil {
		t.Fatal(err)
	}
	script := overrides["permissions.remit.dev/*"]["health.lua"]
	if script == "" {
		t.Fatalf("no script for permissions.remit.dev/* in %v", overrides)
	}
	last := strings.LastIndex(script, "for _, condition")
	strict := script[:last] + shown(t, "lua", "ReferencesResolved") + script[last:]
	for name, tc := range states {
		for _, kind := range kinds.Table {
			tc.object["kind"] = string(kind.Kind)
			if got := health(t, script, tc.object); got != tc.health {
				t.Errorf("%s %s: %s, want %s", kind.Kind, name, got, tc.health)
			}
			want := tc.strict
			if want == "" {
				want = tc.health
			}
			if got := health(t, strict, tc.object); got != want {
				t.Errorf("%s %s, with references: %s, want %s", kind.Kind, name, got, want)
			}
		}
	}
}

// health is what a script says of an object. Argo CD gives it the object as the global obj, and no library that reaches out.
func health(t *testing.T, script string, o object) string {
	t.Helper()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := state.CallByParam(lua.P{Fn: state.NewFunction(lua.OpenBase), Protect: true}, lua.LString(lua.BaseLibName)); err != nil {
		t.Fatal(err)
	}
	state.SetGlobal("obj", toLua(state, o))
	if err := state.DoString(script); err != nil {
		t.Fatalf("%v in\n%s", err, script)
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %v", state.Get(-1))
	}
	return answer.RawGetString("status").String()
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, member := range value {
			table.RawSetString(key, toLua(state, member))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, member := range value {
			table.Append(toLua(state, member))
		}
		return table
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	}
	return lua.LNil
}

// TestFluxHealth evaluates the healthCheckExprs that docs/gitops.md shows over each state, as Flux does: the members of the
// object are variables, inProgress is asked first, then failed, then current, and none of them means that it goes on waiting.
func TestFluxHealth(t *testing.T) {
	var shownSpec struct {
		HealthCheckExprs []map[string]string `json:"healthCheckExprs"`
	}
	if err := yaml.UnmarshalStrict([]byte(shown(t, "yaml", "healthCheckExprs:")), &shownSpec); err != nil {
		t.Fatal(err)
	}
	if len(shownSpec.HealthCheckExprs) != 1 {
		t.Fatalf("%d entries", len(shownSpec.HealthCheckExprs))
	}
	exprs := shownSpec.HealthCheckExprs[0]
	env, err := cel.NewEnv(cel.Variable("metadata", cel.DynType), cel.Variable("status", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]cel.Program{}
	for _, question := range []string{"inProgress", "failed", "current"} {
		ast, issues := env.Compile(exprs[question])
		if issues.Err() != nil {
			t.Fatalf("%s: %v", question, issues.Err())
		}
		if programs[question], err = env.Program(ast); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range states {
		got := ""
		variables := object{"metadata": tc.object["metadata"], "status": object{}}
		if status, ok := tc.object["status"]; ok {
			variables["status"] = status
		}
		for _, question := range []string{"inProgress", "failed", "current"} {
			answer, _, err := programs[question].Eval(variables)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, question, err)
			}
			if answer.Value() == true {
				got = question
				break
			}
		}
		if got != tc.current {
			t.Errorf("%s: %q, want %q", name, got, tc.current)
		}
	}
}
