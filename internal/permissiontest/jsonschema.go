package permissiontest

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// JSONSchema is the schema of a PermissionTest, as editors read it. That a test asks one thing, and expects what belongs to
// it, is for running it to say.
func JSONSchema() map[string]any {
	object := func(required []any, properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
	}
	one := schemaOf(reflect.TypeFor[test]())
	one["required"] = []any{"name", "expect"}
	text := map[string]any{"type": "string"}
	spec := object([]any{"manifests", "tests"}, map[string]any{
		"manifests": map[string]any{"type": "array", "items": text, "minItems": 1}, "now": map[string]any{"type": "string", "format": "date-time"},
		"tests": map[string]any{"type": "array", "items": one, "minItems": 1},
	})
	return object([]any{"apiVersion", "kind", "spec"}, map[string]any{
		"apiVersion": map[string]any{"enum": []any{v1alpha1.GroupVersion.String()}}, "kind": map[string]any{"enum": []any{Kind}},
		"metadata": map[string]any{"type": "object"}, "spec": spec,
	})
}

// schemaOf is the schema of what decodes into a type.
func schemaOf(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[metav1.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[values]():
		return map[string]any{"type": "object"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			field := t.Field(i)
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
				properties[name] = schemaOf(field.Type)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	}
	return map[string]any{} // anything
}
