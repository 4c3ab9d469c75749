package server

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/internal/filter"
)

// typeSchemas are the JSON schemas of Go types, as far as the answers of this package need them.
type typeSchemas struct {
	// named are those of structs, by the name of the type.
	named schema
}

func newTypeSchemas() *typeSchemas { return &typeSchemas{named: schema{}} }

// special are the schemas of types whose JSON is not what their kind suggests, or that have few values.
var special = map[reflect.Type]schema{
	reflect.TypeFor[time.Time]():   {"type": "string", "format": "date-time"},
	reflect.TypeFor[metav1.Time](): {"type": "string", "format": "date-time"},
	reflect.TypeFor[filter.Kind](): {"type": "string", "enum": []filter.Kind{filter.KindAlways, filter.KindNever, filter.KindConditional}},
}

// of is the schema of a value's type: that of a struct with a name is a reference.
func (s *typeSchemas) of(value any) schema { return s.ofType(reflect.TypeOf(value)) }

func (s *typeSchemas) ofType(t reflect.Type) schema {
	if known, ok := special[t]; ok {
		return known
	}
	if t.Implements(reflect.TypeFor[json.Marshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		return schema{"nullable": true} // anything
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.ofType(t.Elem())
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Slice:
		return schema{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	}
	return schema{"nullable": true} // an interface: anything
}

func (s *typeSchemas) ofStruct(t reflect.Type) schema {
	if t.Name() == "" {
		return s.members(t)
	}
	name := string(unicode.ToUpper(rune(t.Name()[0]))) + t.Name()[1:]
	if _, ok := s.named[name]; !ok {
		s.named[name] = schema{} // for types that have themselves inside
		s.named[name] = s.members(t)
	}
	return schema{"$ref": "#/components/schemas/" + name}
}

// members is the schema of a struct as encoding/json writes it.
func (s *typeSchemas) members(t reflect.Type) schema {
	members := schema{}
	required := s.collect(t, members)
	slices.Sort(required)
	return record(required, members)
}

// collect adds the members of a struct, with those of structs that are embedded in it, and gives the names of those
// that are never left out.
func (s *typeSchemas) collect(t reflect.Type, members schema) (required []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			required = append(required, s.collect(field.Type, members)...)
		default:
			members[name] = s.ofType(field.Type)
			if !strings.Contains(options, "omit") {
				required = append(required, name)
			}
		}
	}
	return required
}
