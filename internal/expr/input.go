package expr

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// Input is what one evaluation sees. JSON values in it have the Go types of ParseJSON; a nil map is {}.
type Input struct {
	Subject  Subject
	Action   Action
	Resource Resource
	// Proposed is what would be stored; validations see it.
	Proposed Properties
	Context  map[string]any
	// Missed, where it is not nil, takes what is looked up in Context and in the properties of Subject and Action and is not
	// there: paths such as context.channel, in the way of Properties.Missed.
	Missed *[]string
	Now    time.Time
	// Budget is that of the request; nil: it has no limit. TryBool does not ask it.
	Budget *Budget

	filterErr error // of the filter that is made

	account account       // of the evaluation that runs
	whole   traits.Mapper // Proposed merged, during an evaluation that has asked for it
}

// Subject is the variable subject.
type Subject struct {
	Type, ID               string
	Groups, Roles          []string
	Staff                  bool
	Attributes, Properties map[string]any

	missed *[]string // Input.Missed, during an evaluation
}

// Action is the variable action.
type Action struct {
	Name       string
	Properties map[string]any

	missed *[]string // Input.Missed, during an evaluation
}

// Resource is the variable resource.
type Resource struct {
	Type, ID   string
	Properties Properties
	// Records are those that links and trees lead to; nil: none.
	Records Records
	// Unknown is set where the input is about every record of the type: the id, and the properties that are not
	// given, are unknown.
	Unknown *Unknown

	whole  traits.Mapper               // Properties merged, likewise
	linked map[[2]string]traits.Mapper // linked records merged, by type and id, likewise
}

// Properties are a record's: Base overlaid, key by key, by Over. Where Missed is not nil, a name that is
// looked up and found in neither is appended to it (has(), .? and in count as looking up).
type Properties struct {
	Over, Base map[string]any
	Missed     *[]string
	// Complete makes every property known, as the columns of a table are: one that is absent is null.
	Complete bool
	// Unknown is set where properties that are in neither are unknown: that of the input's Resource.
	Unknown *Unknown
	// Partial says that a property may have a value though it is in neither. TryBool alone heeds it; it does not go with
	// Complete.
	Partial bool

	path string // before the names in Missed
}

// Get gives a property; false means that it is unknown.
func (p Properties) Get(name string) (any, bool) {
	if value, ok := p.Over[name]; ok {
		return value, true
	}
	value, ok := p.Base[name]
	return value, ok || p.Complete
}

// look gives a property like Get, and notes the name of one that is unknown.
func (p Properties) look(name string) (any, bool) {
	value, known := p.Get(name)
	if !known {
		p.miss(name)
	}
	return value, known
}

func (p Properties) miss(name string) {
	if p.Missed != nil {
		*p.Missed = append(*p.Missed, p.path+name)
	}
}

// Merged is one map of all properties.
func (p Properties) Merged() map[string]any {
	if len(p.Base) == 0 && p.Over != nil {
		return p.Over
	}
	merged := make(map[string]any, len(p.Base)+len(p.Over))
	for name, value := range p.Base {
		merged[name] = value
	}
	for name, value := range p.Over {
		merged[name] = value
	}
	return merged
}

// ResolveName makes an Input the activation of a program.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case "subject":
		in.Subject.missed = in.Missed
		return &in.Subject, true
	case "action":
		in.Action.missed = in.Missed
		return &in.Action, true
	case "resource":
		return &in.Resource, true
	case "proposed":
		return propertiesValue{in.Proposed, &in.whole}, true
	case "context":
		return partValue(in.Context, contextPath, in.Missed), true
	case "now":
		return types.Timestamp{Time: in.Now}, true
	case accountName:
		return &in.account, true
	case recordsName:
		return recordsValue{in.Resource.Records}, true
	case unknownName:
		return in.Resource.Unknown.look(), true
	}
	return nil, false
}

// The parts of a request whose members are noted where they are missing, as Input.Missed has them.
const (
	contextPath           = "context."
	subjectPropertiesPath = "subject.properties."
	actionPropertiesPath  = "action.properties."
)

// partValue is a part of a request as a map, which notes what is looked up and not there.
func partValue(part map[string]any, path string, missed *[]string) any {
	if missed == nil {
		return orEmpty(part)
	}
	return propertiesValue{Properties{Over: part, Missed: missed, path: path}, new(traits.Mapper)}
}

// Parent is nil: there are no other variables.
func (in *Input) Parent() interpreter.Activation { return nil }

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// The object types of the variables. Selecting a field that one does not have is an error when compiling.
const (
	subjectType       = "remit.Subject"
	memberSubjectType = "remit.MemberSubject"
	actionType        = "remit.Action"
	resourceType      = "remit.Resource"
)

var (
	properties = types.NewMapType(types.StringType, types.DynType)
	names      = types.NewListType(types.StringType)

	memberSubjectFields = map[string]*types.Type{
		"type": types.StringType, "id": types.StringType, "staff": types.BoolType,
		"attributes": properties, "properties": properties,
	}
	objectFields = map[string]map[string]*types.Type{
		memberSubjectType: memberSubjectFields,
		subjectType: {
			"type": types.StringType, "id": types.StringType, "staff": types.BoolType,
			"attributes": properties, "properties": properties,
			"groups": names, "roles": names,
		},
		actionType:   {"name": types.StringType, "properties": properties},
		resourceType: {"type": types.StringType, "id": types.StringType, "properties": properties, "links": properties},
	}
)

// object is a variable with fields.
type object interface {
	celType() string
	field(name string) any
}

func (*Subject) celType() string  { return subjectType }
func (*Action) celType() string   { return actionType }
func (*Resource) celType() string { return resourceType }

func (s *Subject) field(name string) any {
	switch name {
	case "type":
		return s.Type
	case "id":
		return s.ID
	case "staff":
		return s.Staff
	case "groups":
		return s.Groups
	case "roles":
		return s.Roles
	case "attributes":
		return orEmpty(s.Attributes)
	case "properties":
		return partValue(s.Properties, subjectPropertiesPath, s.missed)
	}
	return nil
}

func (a *Action) field(name string) any {
	switch name {
	case "name":
		return a.Name
	case "properties":
		return partValue(a.Properties, actionPropertiesPath, a.missed)
	}
	return nil
}

func (r *Resource) field(name string) any {
	switch name {
	case "type":
		return r.Type
	case "id":
		return r.ID
	case "properties":
		return propertiesValue{r.Properties, &r.whole}
	case "links":
		return r.links()
	}
	return nil
}

// provider knows the object types, besides CEL's own.
type provider struct {
	*types.Registry
	fields map[string]map[string]*types.FieldType
}

func newProvider() *provider {
	registry, err := types.NewRegistry()
	if err != nil {
		panic(fmt.Sprintf("expr: CEL's own types: %v", err)) // no input can cause this
	}
	p := &provider{Registry: registry, fields: map[string]map[string]*types.FieldType{}}
	for name, fields := range objectFields {
		p.fields[name] = make(map[string]*types.FieldType, len(fields))
		for field, fieldType := range fields {
			p.fields[name][field] = &types.FieldType{
				Type:  fieldType,
				IsSet: func(any) bool { return true },
				GetFrom: func(target any) (any, error) {
					o, ok := target.(object)
					if !ok {
						return nil, fmt.Errorf("no such field %q", field)
					}
					return o.field(field), nil
				},
			}
		}
	}
	return p
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.fields[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.fields[name]; ok {
		fieldType, ok := fields[field]
		return fieldType, ok
	}
	return p.Registry.FindStructFieldType(name, field)
}

// NewValue refuses to make the object types: only requests do.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.fields[name]; ok {
		return types.NewErr("%s cannot be made by an expression", name)
	}
	return p.Registry.NewValue(name, fields)
}

// adapter turns variables that are used whole into CEL values.
type adapter struct{ types.Adapter }

func (a adapter) NativeToValue(value any) ref.Val {
	if o, ok := value.(object); ok {
		return objectValue{o}
	}
	return a.Adapter.NativeToValue(value)
}

var errNoNative = errors.New("the value has no such native form")

// objectValue is a variable used as a whole, for example dyn(subject).
type objectValue struct{ object object }

func (v objectValue) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }
func (v objectValue) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return types.NewObjectType(v.object.celType())
	}
	return types.NewErr("type conversion error from %s to %s", v.object.celType(), t.TypeName())
}
func (v objectValue) Equal(other ref.Val) ref.Val {
	o, ok := other.(objectValue)
	return types.Bool(ok && o.object == v.object)
}
func (v objectValue) Type() ref.Type { return types.NewObjectType(v.object.celType()) }
func (v objectValue) Value() any     { return v.object }
func (v objectValue) Get(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if ok {
		if _, known := objectFields[v.object.celType()][string(name)]; known {
			return adapter{types.DefaultTypeAdapter}.NativeToValue(v.object.field(string(name)))
		}
	}
	return types.NewErr("no such field '%v'", index)
}
func (v objectValue) IsSet(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.NewErr("no such field '%v'", index)
	}
	_, known := objectFields[v.object.celType()][string(name)]
	return types.Bool(known)
}

// propertiesValue is a map to CEL. It looks into the overlay first, copies nothing for a lookup, and notes
// what it does not find.
type propertiesValue struct {
	p     Properties
	whole *traits.Mapper // once for an evaluation
}

var _ traits.Mapper = propertiesValue{}

func (v propertiesValue) merged() traits.Mapper {
	if *v.whole == nil {
		*v.whole = types.NewStringInterfaceMap(types.DefaultTypeAdapter, v.p.Merged())
	}
	return *v.whole
}

// Find implements traits.Mapper; it is what selecting, indexing, has() and .? come to.
func (v propertiesValue) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	value, found := v.p.look(string(name))
	switch {
	case !found && v.p.Unknown != nil:
		return v.p.Unknown.look(), false
	case !found:
		return nil, false
	}
	return types.DefaultTypeAdapter.NativeToValue(value), true
}

func (v propertiesValue) Contains(key ref.Val) ref.Val {
	value, found := v.Find(key)
	if types.IsError(value) {
		return value
	}
	return types.Bool(found)
}

func (v propertiesValue) Get(key ref.Val) ref.Val {
	value, found := v.Find(key)
	if !found && value == nil {
		return types.NewErr("no such key: %v", key)
	}
	return value
}

func (v propertiesValue) ConvertToNative(t reflect.Type) (any, error) {
	return v.merged().ConvertToNative(t)
}
func (v propertiesValue) ConvertToType(t ref.Type) ref.Val { return v.merged().ConvertToType(t) }
func (v propertiesValue) Equal(other ref.Val) ref.Val      { return v.merged().Equal(other) }
func (v propertiesValue) Type() ref.Type                   { return types.MapType }
func (v propertiesValue) Value() any                       { return v.merged().Value() }
func (v propertiesValue) Iterator() traits.Iterator        { return v.merged().Iterator() }
func (v propertiesValue) Size() ref.Val                    { return v.merged().Size() }
