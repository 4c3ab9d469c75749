package expr

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/remit-authz/remit/internal/filter"
)

// Records are the records that a domain knows, as expressions see them by links and trees.
type Records interface {
	// LinkField returns where a link field of a type leads: to records of target, or for a dynamic link of the type that
	// the field called by names beside it. False where the type declares no such link without a dot in its name.
	LinkField(resourceType, field string) (target, by string, ok bool)
	// Stored returns the stored properties of a record; false if no RecordSet has it.
	Stored(resourceType, id string) (map[string]any, bool)
	// Depth is the number of records above one, at most; it is what Under takes.
	Depth(resourceType, id string) int
	// Under reports whether a record is another one, or stands below it in the tree of their type. It gives up, with known
	// false, after most steps up the tree.
	Under(resourceType, id, ancestor string, most int) (under, known bool)
	// IDs are the ids of the known records of a type.
	IDs(resourceType string) []string
	// Types are the types of which records are known.
	Types() []string
}

// maxLinks is how many links lead from a record to another one.
const maxLinks = 3

// linksValue is the links of a record: a map to CEL from the fields to the records that they name. As a whole it is empty:
// what links lead to is asked for by name (see wholeLinks).
type linksValue struct {
	of *Resource
	// from is the record whose links these are; nil for the one that the input is about.
	from *linkedRecord
}

// linkedRecord is a record that a link leads to.
type linkedRecord struct {
	resourceType, id string
	stored           map[string]any
	// depth is the number of links that lead to it.
	depth int
}

var noLinks = types.NewStringInterfaceMap(types.DefaultTypeAdapter, map[string]any{})

// links are those of the record that the input is about.
func (r *Resource) links() any {
	if r.Records == nil {
		return noLinks
	}
	return linksValue{r, nil}
}

// look gives a property of the record whose links these are.
func (v linksValue) look(name string) (value any, known bool) {
	if v.from == nil {
		return v.of.Properties.look(name)
	}
	value, known = v.from.stored[name]
	return value, known
}

// Find implements traits.Mapper. A link that is no declared one, that is empty, or whose record is not known leads nowhere.
func (v linksValue) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	found, known := v.follow(string(name))
	switch {
	case known:
		return linkedValue{v.of, &found}, true
	case found.depth < 0:
		return v.of.Unknown.look(), false
	}
	return nil, false
}

// follow gives the record that a link leads to. A depth below zero says that a property is unknown that decides.
func (v linksValue) follow(name string) (found linkedRecord, known bool) {
	resourceType := v.of.Type
	if v.from != nil {
		resourceType, found.depth = v.from.resourceType, v.from.depth
	}
	found.depth++
	target, by, ok := v.of.Records.LinkField(resourceType, name)
	if !ok {
		return found, false
	}
	undecided := func() (linkedRecord, bool) {
		if v.from == nil && v.of.Unknown != nil {
			found.depth = -1
		}
		return found, false
	}
	value, ok := v.look(name)
	if !ok {
		return undecided()
	}
	if by != "" {
		named, ok := v.look(by)
		if !ok {
			return undecided()
		}
		if target, ok = named.(string); !ok {
			return found, false
		}
	}
	if found.id, ok = filter.LinkText(value); !ok {
		return found, false
	}
	found.resourceType = target
	found.stored, ok = v.of.Records.Stored(target, found.id)
	return found, ok
}

func (v linksValue) Contains(key ref.Val) ref.Val { return contains(v, key) }
func (v linksValue) Get(key ref.Val) ref.Val      { return get(v, key) }

func (v linksValue) ConvertToNative(t reflect.Type) (any, error) { return noLinks.ConvertToNative(t) }
func (v linksValue) ConvertToType(t ref.Type) ref.Val            { return noLinks.ConvertToType(t) }
func (v linksValue) Equal(other ref.Val) ref.Val                 { return noLinks.Equal(other) }
func (v linksValue) Type() ref.Type                              { return types.MapType }
func (v linksValue) Value() any                                  { return noLinks.Value() }
func (v linksValue) Iterator() traits.Iterator                   { return noLinks.Iterator() }
func (v linksValue) Size() ref.Val                               { return noLinks.Size() }

// linkedValue is a record that a link leads to, as a map to CEL: its stored properties, with id and links, which hide
// properties of these names.
type linkedValue struct {
	of *Resource
	*linkedRecord
}

// Find implements traits.Mapper.
func (v linkedValue) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	switch {
	case !ok:
		return nil, false
	case name == "id":
		return types.String(v.id), true
	case name == "links" && v.depth >= maxLinks:
		return types.NewErr("more than %d links lead nowhere", maxLinks), false
	case name == "links":
		return linksValue{v.of, v.linkedRecord}, true
	}
	value, known := v.stored[string(name)]
	if !known {
		return nil, false
	}
	return types.DefaultTypeAdapter.NativeToValue(value), true
}

// merged is one map of the id and the stored properties: once for an evaluation.
func (v linkedValue) merged() traits.Mapper {
	key := [2]string{v.resourceType, v.id}
	if whole, ok := v.of.linked[key]; ok {
		return whole
	}
	whole := types.NewStringInterfaceMap(types.DefaultTypeAdapter, Properties{Over: map[string]any{"id": v.id}, Base: v.stored}.Merged())
	if v.of.linked == nil {
		v.of.linked = map[[2]string]traits.Mapper{}
	}
	v.of.linked[key] = whole
	return whole
}

func (v linkedValue) Contains(key ref.Val) ref.Val { return contains(v, key) }
func (v linkedValue) Get(key ref.Val) ref.Val      { return get(v, key) }

func (v linkedValue) ConvertToNative(t reflect.Type) (any, error) {
	return v.merged().ConvertToNative(t)
}
func (v linkedValue) ConvertToType(t ref.Type) ref.Val { return v.merged().ConvertToType(t) }
func (v linkedValue) Equal(other ref.Val) ref.Val      { return v.merged().Equal(other) }
func (v linkedValue) Type() ref.Type                   { return types.MapType }
func (v linkedValue) Value() any                       { return v.merged().Value() }
func (v linkedValue) Iterator() traits.Iterator        { return v.merged().Iterator() }
func (v linkedValue) Size() ref.Val                    { return v.merged().Size() }

// wholeLinks returns the first part of an expression that uses resource.links as a whole and not by the name of a link; nil
// if there is none.
func wholeLinks(checked *ast.AST) ast.Expr {
	for _, ident := range ast.MatchDescendants(ast.NavigateAST(checked), ast.KindMatcher(ast.IdentKind)) {
		if ident.AsIdent() != "resource" {
			continue
		}
		links, ok := ident.Parent()
		if !ok || links.Kind() == ast.SelectKind && links.AsSelect().IsTestOnly() {
			continue
		}
		if field, ok := selected(links, ident); ok && field == "links" && hiddenOfProperties(links) != nil {
			return links
		}
	}
	return nil
}

func contains(m interface {
	Find(key ref.Val) (ref.Val, bool)
}, key ref.Val) ref.Val {
	value, found := m.Find(key)
	if types.IsError(value) {
		return value
	}
	return types.Bool(found)
}

func get(m interface {
	Find(key ref.Val) (ref.Val, bool)
}, key ref.Val) ref.Val {
	value, found := m.Find(key)
	if !found && value == nil {
		return types.NewErr("no such key: %v", key)
	}
	return value
}

// The functions of links and trees. under has the records as its first argument, which no expression can spell: it is
// written without it.
const (
	linkIDName   = "linkID"
	underName    = "under"
	underRecords = "under@records"
	recordsName  = "remit!records"
)

var linkOptions = []cel.EnvOption{
	cel.Variable(recordsName, cel.DynType),
	cel.Macros(cel.GlobalMacro(underName, 3, func(factory cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		return factory.NewCall(underRecords, append([]ast.Expr{factory.NewIdent(recordsName)}, args...)...), nil
	})),
	cel.Function(underRecords, cel.Overload(underRecords, []*cel.Type{cel.DynType, cel.StringType, cel.DynType, cel.DynType}, cel.BoolType, cel.FunctionBinding(under))),
	cel.Function(linkIDName, cel.Overload(linkIDName, []*cel.Type{cel.DynType}, cel.DynType, cel.UnaryBinding(linkID))),
}

// linkLibrary is the library of linkID and under.
type linkLibrary struct{}

func (linkLibrary) CompileOptions() []cel.EnvOption     { return linkOptions }
func (linkLibrary) ProgramOptions() []cel.ProgramOption { return nil }

// linkID is the id of a link that comes as the id or as the record; null where there is none.
func linkID(value ref.Val) ref.Val {
	if object, ok := value.(traits.Mapper); ok {
		var found bool
		if value, found = object.Find(types.String("id")); !found {
			return types.NullValue
		}
	}
	switch v := value.(type) {
	case types.String:
		if v == "" {
			return types.NullValue
		}
		return v
	case types.Int, types.Uint, types.Double:
		return v
	case types.Null:
		return v
	}
	return types.NewErr("a link is an id or a record, not %s", value.Type())
}

// recordsValue carries Records to under.
type recordsValue struct{ Records }

var errNoRecords = errors.New("the records have no such form")

func (v recordsValue) ConvertToNative(reflect.Type) (any, error) { return nil, errNoRecords }
func (v recordsValue) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errNoRecords) }
func (v recordsValue) Equal(ref.Val) ref.Val                     { return types.False }
func (v recordsValue) Type() ref.Type                            { return types.NewObjectType("remit.Records") }
func (v recordsValue) Value() any                                { return v.Records }

// treeArguments are the arguments of under; an error where one is no id.
func treeArguments(args []ref.Val) (records Records, resourceType, id, ancestor string, err error) {
	value, ok := args[0].(recordsValue)
	name, isText := args[1].(types.String)
	if !ok || !isText {
		return nil, "", "", "", errors.New("under takes a type, the id of a record, and that of another one")
	}
	for i, to := range []*string{&id, &ancestor} {
		if *to, ok = idText(args[2+i]); !ok {
			return nil, "", "", "", fmt.Errorf("the id of a record is a text or a number, not %s", args[2+i].Type())
		}
	}
	return value.Records, string(name), id, ancestor, nil
}

// idText is the text of an id that is a text or a number.
func idText(value ref.Val) (string, bool) {
	switch v := value.(type) {
	case types.String:
		return string(v), true
	case types.Int:
		return filter.LinkText(int64(v))
	case types.Uint:
		return filter.LinkText(float64(v))
	case types.Double:
		return filter.LinkText(float64(v))
	}
	return "", false
}

func under(args ...ref.Val) ref.Val {
	records, resourceType, id, ancestor, err := treeArguments(args)
	switch {
	case err != nil:
		return types.WrapErr(err)
	case id == ancestor:
		return types.True
	case records == nil:
		return types.False
	}
	return types.Bool(isUnder(records, resourceType, id, ancestor))
}

// isUnder is Records.Under, however far it is up the tree.
func isUnder(records Records, resourceType, id, ancestor string) bool {
	is, _ := records.Under(resourceType, id, ancestor, math.MaxInt)
	return is
}

// chargeUnder is for the way up the tree.
func chargeUnder(_ *account, args []ref.Val) (cost, made int) {
	records, resourceType, id, _, err := treeArguments(args)
	if err != nil || records == nil {
		return 1, 0
	}
	return 1 + records.Depth(resourceType, id)/stepsPerUnit, 0
}

// stepsPerUnit are the steps up a tree for one unit of cost.
const stepsPerUnit = 4
