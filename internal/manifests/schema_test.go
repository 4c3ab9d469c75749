package manifests

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// TestEveryKindIsRead walks the table of kinds through what reads manifests.
func TestEveryKindIsRead(t *testing.T) {
	for _, kind := range kinds.Table {
		t.Run(string(kind.Kind), func(t *testing.T) {
			if _, err := compileSchema(kind.Kind); err != nil {
				t.Fatalf("no schema in config/crd/bases: %v", err)
			}
			definition, err := definitionOf(kind.Kind)
			if err != nil || definition.Spec.Names.Plural != kind.Resource {
				t.Errorf("its CustomResourceDefinition has the plural %q (%v), the table of kinds %q", definition.Spec.Names.Plural, err, kind.Resource)
			}
			data, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": "default"}, "unknown": 1})
			if err != nil {
				t.Fatal(err)
			}
			object, errs := Object(string(kind.Kind), data, "shop", nil)
			if len(errs) == 0 {
				t.Error("a field that it does not have is not refused")
			}
			if got, ok := kinds.Of(object); !ok || got.Kind != kind.Kind || object.GetNamespace() != "shop" {
				t.Errorf("read as %T", object)
			}
			document := &Document{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(kind.Kind)}
			if skip, problem := classify(document); skip || problem != nil {
				t.Errorf("documents are skipped: %t, %v", skip, problem)
			}
		})
	}
	if _, err := compileSchema("Nothing"); err == nil {
		t.Error("a kind without a definition: got no error")
	}
}

func TestObject(t *testing.T) {
	cases := map[string]struct {
		kind, json string
		old        engine.Object
		wantObject bool
		wantErrs   []string
	}{
		"a valid object": {
			kind: "User", json: `{"metadata": {"name": "u"}, "spec": {"id": "a"}}`,
			wantObject: true,
		},
		"an update": {
			kind: "User", json: `{"metadata": {"name": "u"}, "spec": {"id": "a", "staff": true}}`,
			old:        testobjects.MakeUser("u").ID("a").Obj(),
			wantObject: true,
		},
		"an update of what cannot change": {
			kind: "User", json: `{"metadata": {"name": "u"}, "spec": {"id": "b"}}`,
			old:        testobjects.MakeUser("u").ID("a").Obj(),
			wantObject: true, wantErrs: []string{"spec.id: id cannot change; delete the User and create another"},
		},
		"values that the schema refuses are still readable": {
			kind: "Role", json: `{"metadata": {"name": "r"}, "spec": {"rules": [{"resources": ["a"]}]}}`,
			wantObject: true, wantErrs: []string{"spec.rules[0]: a rule has exactly one of access, actions"},
		},
		"wrong types are not": {
			kind: "Role", json: `{"metadata": {"name": "r"}, "spec": []}`,
			wantErrs: []string{`spec: Invalid value: "array": must be of type object: "array"`},
		},
		"a status is not looked at": {
			kind: "Role", json: `{"metadata": {"name": "r"}, "spec": {}, "status": {"conditions": [{}]}}`,
			wantObject: true,
		},
		"no object at all": {
			kind: "Role", json: `[]`,
			wantErrs: []string{"must be an object"},
		},
		"no kind of a domain": {
			kind: "EffectivePermissions", json: `{}`,
			wantErrs: []string{`kind: Unsupported value: "EffectivePermissions": supported values: "ResourceType", "Role", "Group", "User", "UserSet", "UserPermission", "UserPermissionSet", "SpecialPermission", "RecordSet", "PermissionPolicy"`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object, errs := Object(tc.kind, []byte(tc.json), "home", tc.old)
			if (object != nil) != tc.wantObject {
				t.Errorf("object: got %v", object)
			}
			if object != nil && object.GetNamespace() != "home" {
				t.Errorf("namespace: got %q", object.GetNamespace())
			}
			var got []string
			for _, err := range errs {
				text := Message(err)
				if path := Path(err); path != "" {
					text = path + ": " + text
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tc.wantErrs, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "kind: Role\nmetadata: {name: r}\nspec: {rules: [{resources: [a], access: Full, presets: {x: 12.0}}]}\n"))
	f.Add([]byte(head + "kind: User\nmetadata: {name: u}\nspec:\n  <<: &a {staff: true}\n  attributes: {x: &b [1], y: *b}\n---\n" + head + "kind: Group\nspec: 1\n"))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [{}, 1, [*a]]\n"))
	f.Add([]byte("{\"a\": !!binary x, ? [b] : c, d: 0x_1, e: .e, f: -.inf}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, _ := parse("f.yaml", data)
		for _, document := range documents {
			if _, err := asMap(document.JSON); err != nil && document.JSON[0] == '{' {
				t.Errorf("not JSON: %v\n%s", err, document.JSON)
			}
			_ = document.Problem("a.b[0].c", "x").String()
			if skip, problem := classify(document); skip || problem != nil {
				continue
			}
			if object, errs := Object(document.Kind, document.JSON, "default", nil); object == nil && len(errs) == 0 {
				t.Error("neither object nor errors")
			}
			_ = document.Decode(&v1alpha1.Role{})
		}
	})
}
