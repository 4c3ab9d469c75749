package engine

import (
	"reflect"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/kinds"
)

// What Size is made of, as TestSizeIsWhatADomainTakes measures it.
const (
	// objectSize and userSize are what an object takes besides its spec, and a known user: metadata, the watch's own copy, the
	// tables' nodes.
	objectSize, userSize = 700, 200
	// copies is how often the text of a spec is held: as the watch has it, and as the domain keeps it.
	copies = 2
	// jsonSize is what a JSON value takes once it is parsed, and parsedJSON how many times its text that takes besides.
	jsonSize, parsedJSON = 40, 6
	// mapSize is a map's own.
	mapSize = 48
	// programSize and programGrowth are a compiled expression's, and that of each byte of its text.
	programSize, programGrowth = 12 << 10, 110
)

// Size estimates the bytes of memory that the domain takes in a process that watches its objects: the objects, what is
// compiled from them, and the JSON values in them as if each had been asked for. An expression counts once, however many
// rules share it.
func (d *Domain) Size() int64 {
	size := d.specSize + int64(d.Len())*objectSize + int64(d.CountUsers())*userSize
	seen := map[*expr.Program]bool{}
	add := func(program *expr.Program) {
		if program != nil && !seen[program] {
			seen[program] = true
			size += programSize + int64(len(program.Source()))*programGrowth
		}
	}
	rules := func(set ruleSet) {
		for _, r := range set.rules {
			for _, program := range r.expressions() {
				add(program)
			}
		}
	}
	for _, t := range d.types.all() {
		for _, condition := range t.otherConditions {
			add(condition.program)
		}
	}
	for _, r := range d.roles.all() {
		rules(r.rules)
	}
	for _, g := range d.groups.all() {
		rules(g.rules)
		if g.condition != nil {
			add(g.condition.program)
		}
	}
	rules(d.policy.app)
	return size
}

// specSize is what the spec of a compiled object takes; 0 for none.
func specSize(c compiled) int64 {
	object := c.stored()
	row, ok := kinds.Of(object)
	if !ok {
		return 0
	}
	return copies * footprint(reflect.ValueOf(row.Parts(object).Spec).Elem())
}

var jsonType = reflect.TypeFor[v1alpha1.JSON]()

// footprint is the size of a value and of what it refers to.
func footprint(v reflect.Value) int64 {
	return int64(v.Type().Size()) + below(v)
}

// below is the size of what a value refers to.
func below(v reflect.Value) int64 {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Slice:
		size := int64(v.Len()) * int64(v.Type().Elem().Size())
		if flat(v.Type().Elem()) {
			return size
		}
		for i := range v.Len() {
			size += below(v.Index(i))
		}
		return size
	case reflect.Map:
		if v.Len() == 0 {
			return 0
		}
		slot := int64(v.Type().Key().Size() + v.Type().Elem().Size())
		size := mapSize + slot*int64(max(8, 2*v.Len())) // maps have room for eight, then for up to twice as many
		for each := v.MapRange(); each.Next(); {
			size += below(each.Key()) + below(each.Value())
		}
		return size
	case reflect.Pointer:
		if v.IsNil() {
			return 0
		}
		return footprint(v.Elem())
	case reflect.Struct:
		size := int64(0)
		for i := range v.NumField() {
			size += below(v.Field(i))
		}
		if v.Type() == jsonType {
			size += jsonSize + size*parsedJSON/copies
		}
		return size
	default:
		return 0
	}
}

func flat(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Complex128
}
