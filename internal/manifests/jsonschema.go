package manifests

import (
	"encoding/json"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

// JSONSchema is the schema of a kind, as editors read it: that of its CustomResourceDefinition, which knows no other fields.
func JSONSchema(kind kinds.Kind) (map[string]any, error) {
	definition, err := definitionOf(kind)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(definition.Spec.Versions[0].Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, err
	}
	closeObjects(schema)
	properties, _ := schema["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"enum": []any{v1alpha1.GroupVersion.String()}}
	properties["kind"] = map[string]any{"enum": []any{string(kind)}}
	properties["metadata"] = map[string]any{"type": "object", "required": []any{"name"}}
	schema["required"] = []any{"apiVersion", "kind", "metadata"}
	return schema, nil
}

// closeObjects says of objects whose fields are known that they have no others.
func closeObjects(value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			closeObjects(element)
		}
	case map[string]any:
		_, known := v["properties"].(map[string]any)
		if _, open := v["additionalProperties"]; known && !open && v["x-kubernetes-preserve-unknown-fields"] == nil && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, member := range v {
			closeObjects(member)
		}
	}
}
