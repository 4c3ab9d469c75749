package manifests

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/config/crd"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/kinds"

	kjson "sigs.k8s.io/json"
)

// kindSchema is what the CustomResourceDefinition of a kind requires of its objects.
type kindSchema struct {
	structural *schema.Structural
	shape      *shape
	values     validation.SchemaValidator
	// rules are the CEL validations; nil where there are none.
	rules *cel.Validator
}

// schemas compiles the schema of a kind when it is first needed.
var schemas = func() map[kinds.Kind]func() *kindSchema {
	compilers := make(map[kinds.Kind]func() *kindSchema, len(kinds.Table))
	for _, kind := range kinds.Names() {
		compilers[kind] = sync.OnceValue(func() *kindSchema {
			compiled, err := compileSchema(kind)
			if err != nil { // generated and embedded: a test compiles each of them
				panic(fmt.Sprintf("manifests: the schema of %s: %v", kind, err))
			}
			return compiled
		})
	}
	return compilers
}()

func compileSchema(kind kinds.Kind) (*kindSchema, error) {
	definition, err := definitionOf(kind)
	if err != nil {
		return nil, err
	}
	var props apiextensions.JSONSchemaProps
	source := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(source, &props, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	values, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	shape := newShape(structural)
	shape.properties["metadata"] = &anything // checked by itself
	return &kindSchema{structural, shape, values, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

func definitionOf(kind kinds.Kind) (*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := crd.Bases.ReadDir("bases")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		data, err := crd.Bases.ReadFile(path.Join("bases", entry.Name()))
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(data), "\n    kind: "+string(kind)+"\n") { // spares decoding the others
			continue
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		return &definition, nil
	}
	return nil, fmt.Errorf("no CustomResourceDefinition")
}

// Object reads an object of a kind from JSON and checks it as an API server does when it is created or, if old is not nil,
// when it replaces old: names of fields, types, limits, list keys, CEL rules. An object without a namespace gets the given
// one. The object is nil if the JSON cannot be read into one; it is returned with errors that are about its values only, so
// that other checks can add theirs.
func Object(kind string, data []byte, namespace string, old engine.Object) (engine.Object, field.ErrorList) {
	row, ok := kinds.Find(kinds.Kind(kind))
	if !ok {
		return nil, field.ErrorList{field.NotSupported(field.NewPath("kind"), kind, kindNames())}
	}
	errs := validate(schemas[row.Kind](), data, old)
	object := row.New()
	strict, err := kjson.UnmarshalStrict(data, object)
	for _, err := range strict {
		path, message := strictError(err, reflect.TypeOf(object))
		errs = append(errs, field.Invalid(field.NewPath(path), field.OmitValueType{}, message))
	}
	if err != nil {
		if len(errs) == 0 { // else the schema has said it better
			path, message := typeError(err)
			errs = append(errs, field.Invalid(field.NewPath(path), field.OmitValueType{}, message))
		}
		return nil, errs
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	return object, append(errs, metavalidation.ValidateObjectMetaAccessor(object, true, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
}

// validate runs the checks of the schema. The status is no part of what users write: an API server drops it.
func validate(s *kindSchema, data []byte, old engine.Object) field.ErrorList {
	object, err := asMap(data)
	if err != nil {
		return field.ErrorList{field.Invalid(nil, field.OmitValueType{}, err.Error())}
	}
	delete(object, "status")
	var errs field.ErrorList
	rules := false
	if s.shape.accepts(object, &rules) {
		if !rules {
			return nil
		}
	} else {
		errs = validation.ValidateCustomResource(nil, object, s.values)
		errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
		s.sayEmptySpec(object, errs)
	}
	if s.rules == nil || len(errs) > 0 { // rules may rely on the types
		return errs
	}
	var before any
	if old != nil {
		// What is stored went through Object; it can be written and read.
		oldData, err := json.Marshal(old)
		if err != nil {
			return field.ErrorList{field.InternalError(nil, err)}
		}
		if before, err = asMap(oldData); err != nil {
			return field.ErrorList{field.InternalError(nil, err)}
		}
	}
	ctx := context.Background() //nolint:forbidigo // nothing to cancel: CEL stops by its cost
	ruleErrs, _ := s.rules.Validate(ctx, nil, s.structural, object, before, celconfig.RuntimeCELCostBudget)
	return append(errs, ruleErrs...)
}

// sayEmptySpec adds to what is said of a missing spec how the shortest one is written, where every field of it may be left
// out.
func (s *kindSchema) sayEmptySpec(object map[string]any, errs field.ErrorList) {
	for _, err := range errs {
		if err.Type != field.ErrorTypeRequired || err.Field != "spec" {
			continue
		}
		shortest := maps.Clone(object)
		shortest["spec"] = map[string]any{}
		wrong := validation.ValidateCustomResource(nil, shortest, s.values)
		err.Detail = "is required"
		if !slices.ContainsFunc(wrong, func(e *field.Error) bool { return strings.HasPrefix(e.Field, "spec") }) {
			err.Detail += "; every field in it may be left out: add `spec: {}`"
		}
		err.BadValue = field.OmitValueType{}
	}
}

// Path returns the path of a field error; empty for the object as a whole.
func Path(err *field.Error) string {
	if err.Field == (*field.Path)(nil).String() {
		return ""
	}
	return err.Field
}

// unquoted matches what a schema says of a text that YAML reads as something else.
var unquoted = regexp.MustCompile(`^must be of type string: "(boolean|integer|number)"$`)

// Message returns what a field error says, without its path.
func Message(err *field.Error) string {
	short := *err
	short.Detail = strings.TrimPrefix(err.Detail, err.Field+" in body ")
	if unquoted.MatchString(short.Detail) {
		short.Detail += quoteIt
	}
	if short.BadValue == any(field.OmitValueType{}) && short.Detail != "" {
		return short.Detail
	}
	return short.ErrorBody()
}

func asMap(data []byte) (map[string]any, error) {
	value, err := expr.ParseJSON(data)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("must be an object")
	}
	return object, nil
}

func kindNames() []string {
	names := make([]string, len(kinds.Table))
	for i, kind := range kinds.Table {
		names[i] = string(kind.Kind)
	}
	return names
}
