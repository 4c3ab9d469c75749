package manifests

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// shape is a schema in a form that recognises sound values quickly. It never says yes to what the schema
// refuses; where it says no, or the schema asks for something that it does not know, the validation of the
// API server has the word, and the messages.
type shape struct {
	unsure   bool // the schema asks for something unknown here
	anything bool // every value but null is fine
	nullable bool
	rules    bool // there are CEL rules on values of this shape
	kind     string

	properties   map[string]*shape
	others       *shape // of properties that are not named
	required     []string
	minLen       int
	maxLen       int
	pattern      *regexp.Regexp
	oneOf        []string // the strings there are; nil: any
	time         bool
	minimum      *float64
	maximum      *float64
	items        *shape
	set          bool
	keys         []string // of a list that is a map
	minimumItems int
	maximumItems int
}

// anything is the shape of every value but null.
var anything = shape{anything: true}

const unlimited = int(^uint(0) >> 1)

func newShape(s *schema.Structural) *shape {
	f := &shape{
		kind: s.Type, nullable: s.Nullable, rules: len(s.XValidations) > 0, maxLen: unlimited, maximumItems: unlimited,
		unsure: s.XIntOrString || s.XEmbeddedResource || s.XMapType != nil && *s.XMapType != "granular",
	}
	preserves := s.XPreserveUnknownFields
	if v := s.ValueValidation; v != nil {
		f.unsure = f.unsure || len(v.AllOf)+len(v.AnyOf)+len(v.OneOf) > 0 || v.Not != nil || v.UniqueItems || v.MultipleOf != nil ||
			v.ExclusiveMaximum || v.ExclusiveMinimum || v.MinProperties != nil || v.Format != "" && v.Format != "date-time" && v.Format != "int64" && v.Format != "int32"
		f.required, f.time, f.minimum, f.maximum = v.Required, v.Format == "date-time", v.Minimum, v.Maximum
		for _, limit := range []struct {
			from *int64
			to   *int
		}{{v.MinLength, &f.minLen}, {v.MaxLength, &f.maxLen}, {v.MinItems, &f.minimumItems}, {v.MaxItems, &f.maximumItems}, {v.MaxProperties, &f.maximumItems}} {
			if limit.from != nil {
				*limit.to = int(*limit.from)
			}
		}
		if v.Pattern != "" {
			pattern, err := regexp.Compile(v.Pattern)
			f.pattern, f.unsure = pattern, f.unsure || err != nil
		}
		for _, value := range v.Enum {
			text, ok := value.Object.(string)
			f.oneOf, f.unsure = append(f.oneOf, text), f.unsure || !ok
		}
	}
	if s.Type == "" {
		f.anything = preserves && (s.ValueValidation == nil || reflect.DeepEqual(*s.ValueValidation, schema.ValueValidation{}))
		f.unsure = !f.anything
	}
	if len(s.Properties) > 0 {
		f.properties = make(map[string]*shape, len(s.Properties))
		for name := range s.Properties {
			property := s.Properties[name]
			f.properties[name] = newShape(&property)
		}
	}
	switch {
	case preserves:
		f.others = &anything
	case s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil:
		f.others = newShape(s.AdditionalProperties.Structural)
	}
	if s.Items != nil {
		f.items = newShape(s.Items)
	}
	if s.XListType != nil {
		f.set, f.keys = *s.XListType == "set", s.XListMapKeys
	}
	return f
}

// accepts reports whether a value is surely sound. rules becomes true where CEL rules remain to be evaluated.
func (f *shape) accepts(value any, rules *bool) bool {
	if f.anything {
		return value != nil // of null the schema may think otherwise
	}
	if f.unsure {
		return false
	}
	*rules = *rules || f.rules
	switch value := value.(type) {
	case nil:
		return f.nullable
	case string:
		return f.kind == "string" && f.acceptsText(value)
	case bool:
		return f.kind == "boolean"
	case int64:
		return (f.kind == "integer" || f.kind == "number") && f.acceptsNumber(float64(value))
	case float64:
		return f.kind == "number" && f.acceptsNumber(value)
	case []any:
		return f.kind == "array" && f.acceptsList(value, rules)
	case map[string]any:
		return f.kind == "object" && f.acceptsObject(value, rules)
	}
	return false
}

func (f *shape) acceptsText(text string) bool {
	if f.time {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return false
		}
	}
	length := utf8.RuneCountInString(text)
	return length >= f.minLen && length <= f.maxLen &&
		(f.pattern == nil || f.pattern.MatchString(text)) &&
		(f.oneOf == nil || slices.Contains(f.oneOf, text))
}

func (f *shape) acceptsNumber(number float64) bool {
	return (f.minimum == nil || number >= *f.minimum) && (f.maximum == nil || number <= *f.maximum)
}

func (f *shape) acceptsObject(object map[string]any, rules *bool) bool {
	if len(object) > f.maximumItems {
		return false
	}
	for _, name := range f.required {
		if _, ok := object[name]; !ok {
			return false
		}
	}
	for name, value := range object {
		property, ok := f.properties[name]
		if !ok {
			property = f.others
		}
		if property == nil || !property.accepts(value, rules) {
			return false
		}
	}
	return true
}

func (f *shape) acceptsList(list []any, rules *bool) bool {
	if f.items == nil || len(list) < f.minimumItems || len(list) > f.maximumItems {
		return false
	}
	var seen map[string]bool
	unique := f.set || len(f.keys) > 0
	if unique && len(list) > 1 {
		seen = make(map[string]bool, len(list))
	}
	for _, item := range list {
		if !f.items.accepts(item, rules) {
			return false
		}
		if seen == nil {
			continue
		}
		key, ok := f.keyOf(item)
		if !ok || seen[key] {
			return false
		}
		seen[key] = true
	}
	return true
}

// keyOf is what tells the items of a set or a map list apart; false where it is no text.
func (f *shape) keyOf(item any) (string, bool) {
	if f.set {
		text, ok := item.(string)
		return text, ok
	}
	object, ok := item.(map[string]any)
	var key strings.Builder
	for _, name := range f.keys {
		text, isText := object[name].(string)
		ok = ok && isText
		key.WriteString(text)
		key.WriteByte(0)
	}
	return key.String(), ok
}
